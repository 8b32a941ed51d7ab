/** Numbers and timestamps, packet by packet: docs/virtual-streams.md R1, R2, R3, R9, A11. */
import { describe, expect, test } from 'vitest';
import type { AudioSource } from '../../src/media/virtual/index.js';
import type { Sent } from './support/fakeEngine.js';
import { Direct, FRAME_MICROS, SILENCE, SPEECH, TICKS } from './support/direct.js';

const outs = (sent: readonly Sent[]): number[] => sent.map(({ out }) => out);
const steps = (numbers: readonly number[]): number[] =>
  numbers.slice(1).map((number, i) => number - numbers[i]!);
const ticks = (sent: readonly Sent[]): number[] =>
  steps(sent.map(({ timestamp }) => timestamp)).map((step) => step | 0);

describe('within one source', () => {
  const STARTS = [0, 1, 32_767, 32_768, 65_530, 65_535, 65_536, 131_065, 2 ** 32 - 70_000];
  test.each(STARTS)('numbers and timestamps go as the source’s do, from %i', (sequence) => {
    for (const timestamp of [0, 2 ** 31 - 2000, 2 ** 32 - 2000]) {
      const direct = new Direct(1);
      const a = direct.source('a', { sequence, timestamp });
      direct.receiver('r', 1);
      const sent = direct.play([a], 12, SPEECH);
      direct.lose(a, 2);
      sent.push(...direct.play([a], 12, SPEECH));
      expect(steps(outs(sent))).toEqual([...Array(11).fill(1), 3, ...Array(11).fill(1)]);
      expect(ticks(sent)).toEqual([...Array(11).fill(TICKS), 3 * TICKS, ...Array(11).fill(TICKS)]);
      expect(sent.map(({ marker }) => marker)).toEqual([true, ...Array(23).fill(false)]);
    }
  });

  test('a late packet goes to its place, one of before the first is left out', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const before = direct.next(a);
    direct.lose(a);
    const first = direct.play([a], 3, SPEECH);
    const missing = direct.next(a);
    direct.lose(a);
    const after = direct.play([a], 3, SPEECH);
    const [late] = direct.packet(a, { ...missing, level: SPEECH });
    expect(late!.out).toBe(first.at(-1)!.out + 1);
    expect(late!.timestamp).toBe((first.at(-1)!.timestamp + TICKS) >>> 0);
    expect(after[0]!.out).toBe(late!.out + 1);
    expect(direct.packet(a, { ...before, level: SPEECH })).toEqual([]);
    expect(direct.packet(a, { ...missing, level: SPEECH })).toEqual([]); // twice
    const { drops } = direct.room.stats();
    expect(drops['late-no-place']).toBe(1);
    expect(drops.duplicate).toBe(1);
  });

  test('a marker of the source’s own is passed on', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    direct.play([a], 3, SPEECH);
    expect(direct.packet(a, { level: SPEECH, marker: true })[0]!.marker).toBe(true);
  });

  test('a DTX gap stays a gap: numbers go on, time passes', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const sent = direct.play([a], 3, SPEECH);
    direct.pause(a, 19);
    direct.wait(19 * FRAME_MICROS);
    sent.push(...direct.play([a], 3, SPEECH));
    expect(steps(outs(sent))).toEqual([1, 1, 1, 1, 1]);
    expect(ticks(sent)).toEqual([TICKS, TICKS, 20 * TICKS, TICKS, TICKS]);
  });
});

describe('at a switch', () => {
  test('numbers go on by one, the first packet is marked, time goes on with the server’s', () => {
    const direct = new Direct(1);
    const [a, b] = [direct.source('a'), direct.source('b', { sequence: 65_535, timestamp: 2 ** 32 - 1 })];
    direct.receiver('r', 1);
    const sent = direct.play([a], 5, SPEECH);
    direct.room.setPaused('a', true, direct.nowMicros);
    direct.wait(100_000);
    sent.push(...direct.play([b], 5, SPEECH));
    expect(steps(outs(sent))).toEqual(Array(9).fill(1));
    expect(ticks(sent)).toEqual([...Array(4).fill(TICKS), TICKS + 4800, ...Array(4).fill(TICKS)]);
    expect(sent.map(({ marker }) => marker)).toEqual([
      true,
      ...Array(4).fill(false),
      true,
      ...Array(4).fill(false),
    ]);
    expect(sent.map(({ csrcs }) => csrcs[0])).toEqual([...Array(5).fill(a.csrc), ...Array(5).fill(b.csrc)]);
  });

  test.each([0, 1, 3, 7, 10, 13, 17, 19])(
    'between devices whose packets come %i ms apart: no gap in time, and no farther off the line than a packet',
    (phase) => {
      const direct = new Direct(1);
      const [a, b] = [direct.source('a'), direct.source('b')];
      direct.receiver('r', 1);
      const play = (frames: number, speaks: AudioSource): void => {
        for (let i = 0; i < frames; i++) {
          direct.packet(a, { level: speaks === a ? SPEECH : SILENCE });
          direct.wait(phase * 1000);
          direct.packet(b, { level: speaks === b ? SPEECH : SILENCE });
          direct.wait(FRAME_MICROS - phase * 1000);
        }
      };
      for (let i = 0; i < 10; i++) {
        play(60, i % 2 === 0 ? a : b);
        const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
        const last = direct.sent.at(-1)!;
        // Captured a packet's time before it came.
        const offMs = ((last.timestamp - line) | 0) / 48 + (direct.nowMicros - last.atMicros) / 1000 + 20;
        expect(Math.abs(offMs)).toBeLessThanOrEqual(25);
      }
      expect(new Set(direct.sent.map(({ csrcs }) => csrcs[0])).size).toBe(2);
      expect(ticks(direct.sent).every((step) => step === TICKS)).toBe(true);
    },
  );

  test('a packet at the same moment is one frame later, and that lead is repaid in silence', () => {
    const direct = new Direct(1);
    const sources = Array.from({ length: 6 }, (_, i) => direct.source(`s${i}`));
    direct.receiver('r', 1);
    // Six switches without a gap between them: each could add 20 ms.
    let speaker = 0;
    for (let i = 0; i < 6; i++) {
      speaker = i;
      direct.play(sources, 30, (source) => (source === sources[speaker] ? SPEECH : SILENCE));
    }
    const line = (): number => direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
    const leads: number[] = [];
    for (let i = 0; i < 60; i++) {
      direct.play(sources, 1, SILENCE);
      const last = direct.sent.at(-1)!;
      leads.push(((last.timestamp - line()) | 0) / 48 + 20);
    }
    expect(Math.max(...leads)).toBeLessThanOrEqual(101);
    expect(leads.at(-1)!).toBeLessThanOrEqual(26);
    expect(ticks(direct.sent).every((step) => step > 0)).toBe(true);
    expect(steps(outs(direct.sent)).every((step) => step === 1)).toBe(true);
  });
});

test.each([
  // Ten times what devices are: the line follows within 12 ms.
  { slow: 0.001, speechFrames: 4000, mostBehindMs: 40 },
  // The clock's filter looks 12 s back, so the line itself lags by 120 ms; it must not become more, however long it goes on.
  { slow: 0.01, speechFrames: 500, mostBehindMs: 160 },
  { slow: 0.01, speechFrames: 5000, mostBehindMs: 160 },
])(
  'a device that is $slow slow is brought forward in $speechFrames packets of speech, and in silence',
  ({ slow, speechFrames, mostBehindMs }) => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    let last: Sent | undefined;
    const frame = (level: number): void => {
      const [sent] = direct.packet(a, { level });
      if (last !== undefined) expect((sent!.timestamp - last.timestamp) | 0).toBeGreaterThanOrEqual(TICKS);
      last = sent!;
      direct.wait(FRAME_MICROS * (1 + slow));
      // A packet's time for its sound, and one until now.
      const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
      expect(Math.abs(((line - last.timestamp) | 0) / 48 - 40)).toBeLessThan(mostBehindMs);
    };
    // Without syllables a constant level would become its own noise, and silence.
    for (let i = 0; i < speechFrames; i++) frame(i % 40 < 37 ? SPEECH : SILENCE);
    for (let i = 0; i < 1000; i++) frame(SILENCE);
  },
);

describe('a source that begins anew', () => {
  test.each([
    { name: 'with another SSRC', change: { ssrc: 77, sequence: 9, timestamp: 12 } },
    { name: 'with a jump in its numbers', change: { sequence: 20_000 } },
  ])('$name goes on like after a switch', ({ change }) => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const sent = direct.play([a], 5, SPEECH);
    let { sequence, timestamp } = { ...direct.next(a), ...change };
    for (let i = 0; i < 5; i++) {
      sent.push(...direct.packet(a, { ...change, sequence: sequence++, timestamp, level: SPEECH }));
      timestamp += TICKS;
      direct.wait(FRAME_MICROS);
    }
    expect(steps(outs(sent))).toEqual(Array(9).fill(1));
    expect(sent[5]!.marker).toBe(true);
    ticks(sent).forEach((step) => {
      expect(step).toBeGreaterThanOrEqual(TICKS);
      expect(step).toBeLessThan(3 * TICKS);
    });
  });

  test.each([1e8, -1e8, 2 ** 31, 96_000 * 3, -960])('timestamps that jump by %i stay on the line', (jump) => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const sent = direct.play([a], 5, SPEECH);
    const { timestamp } = direct.next(a);
    for (let i = 0; i < 10; i++) {
      sent.push(...direct.packet(a, { timestamp: timestamp + jump + i * TICKS, level: SPEECH }));
      direct.wait(FRAME_MICROS);
    }
    expect(steps(outs(sent)).every((step) => step === 1)).toBe(true);
    ticks(sent).forEach((step) => expect(step).toBeGreaterThan(0));
    const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
    expect(Math.abs(((sent.at(-1)!.timestamp - line) | 0) / 48)).toBeLessThan(250);
  });

  test.each([5, 20, 60, 300, 1000])(
    'timestamps that stood still for %i frames of pause (a track taken away and given back): speech is heard at once',
    (frames) => {
      const direct = new Direct(1);
      const [a, b] = [direct.source('a'), direct.source('b')];
      direct.receiver('r', 1);
      direct.play([a], 100, SPEECH);
      direct.play([b], frames, SILENCE); // a sends nothing, and its timestamps do not move
      const sent = direct.play([a, b], 100, (source) => (source === a ? SPEECH : SILENCE));
      expect(sent.filter(({ csrcs }) => csrcs[0] === a.csrc)).toHaveLength(100);
      ticks(direct.sent).forEach((step) => expect(step).toBeGreaterThan(0));
      // Once somebody pauses, the slot is on its line again, and anchors were true before.
      direct.play([a, b], 60, SILENCE);
      const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
      expect(Math.abs(((direct.sent.at(-1)!.timestamp - line) | 0) / 48 + 20)).toBeLessThanOrEqual(60);
      const [state] = direct.room.slotStates('r', direct.nowMicros);
      expect(Math.abs(state!.captureTimeMs - direct.nowMicros / 1000 + 20)).toBeLessThan(90);
    },
  );

  test.each([5, 20, 60, 300, 1000])(
    'timestamps that stood still for %i frames while another had the slot: speech is heard within half a second, and stays',
    (frames) => {
      const direct = new Direct(1);
      const [a, b] = [direct.source('a'), direct.source('b')];
      direct.receiver('r', 1);
      direct.play([a], 100, SPEECH);
      direct.play([b], frames, SPEECH); // a sends nothing, and its timestamps do not move
      direct.play([b], 25, SILENCE);
      const sent = direct.play([a, b], 100, (source) => (source === a ? SPEECH : SILENCE));
      const heard = sent.filter(({ csrcs }) => csrcs[0] === a.csrc);
      expect(heard.length).toBeGreaterThanOrEqual(75);
      expect(steps(outs(heard))).toEqual(Array(heard.length - 1).fill(1));
      expect(ticks(heard)).toEqual(Array(heard.length - 1).fill(TICKS));
      ticks(direct.sent).forEach((step) => expect(step).toBeGreaterThan(0));
      const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
      expect(Math.abs(((heard.at(-1)!.timestamp - line) | 0) / 48 + 20)).toBeLessThanOrEqual(101);
    },
  );

  test('one packet that comes late as the newest lies where it was captured', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const [first] = direct.play([a], 50, SPEECH).slice(-1);
    direct.pause(a, 19); // DTX: one packet in 400 ms
    direct.wait(19 * FRAME_MICROS);
    const [late] = direct.packet(a, { level: SPEECH, atMicros: direct.nowMicros + 330_000 });
    expect((late!.timestamp - first!.timestamp) | 0).toBe(20 * TICKS);
    direct.wait(400_000);
    direct.pause(a, 19);
    const [next] = direct.packet(a, { level: SPEECH });
    expect((next!.timestamp - late!.timestamp) | 0).toBe(20 * TICKS);
  });

  test('a path that freezes for 2 s and then delivers everything: all of it goes on, in order', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    const sent = direct.play([a], 100, SPEECH);
    direct.wait(100 * FRAME_MICROS);
    for (let i = 0; i < 100; i++) sent.push(...direct.packet(a, { level: SPEECH }));
    sent.push(...direct.play([a], 50, SPEECH));
    expect(outs(sent)).toHaveLength(250);
    expect(ticks(sent)).toEqual(Array(249).fill(TICKS));
  });

  test('timestamps that run at ten times the speed do not drag the slot into the future', () => {
    const direct = new Direct(1);
    const [a, b] = [direct.source('a'), direct.source('b')];
    direct.receiver('r', 1);
    for (let i = 0; i < 500; i++) {
      direct.packet(a, { timestamp: i * 10 * TICKS, level: SPEECH });
      direct.wait(FRAME_MICROS);
    }
    expect(ticks(direct.sent).every((step) => step > 0)).toBe(true);
    direct.room.setPaused('a', true, direct.nowMicros);
    const after = direct.play([b], 50, SPEECH);
    // At most 200 ms ahead, so ten packets wait at most.
    expect(after.length).toBeGreaterThanOrEqual(38);
    const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
    expect(((after.at(-1)!.timestamp - line) | 0) / 48).toBeLessThan(120);
  });
});

describe('a receiver', () => {
  test('that joins five packets before the source’s wrap begins in the lower half with counter 0', () => {
    for (let seed = 0; seed < 50; seed++) {
      const direct = new Direct(1);
      for (let i = 0; i < seed; i++) direct.random.next();
      const a = direct.source('a', { sequence: 65_536 - 30 });
      direct.receiver('early', 1);
      direct.play([a], 25, SPEECH);
      const { ssrcs } = direct.receiver('late', 1);
      const sent = direct.play([a], 40, SPEECH).filter(({ ssrc }) => ssrc === ssrcs[0]);
      expect(sent).toHaveLength(40);
      expect(sent[0]!.out).toBeGreaterThan(0);
      expect(sent[0]!.out).toBeLessThan(16_384);
      expect(sent[0]!.marker).toBe(true);
      expect(steps(outs(sent)).every((step) => step === 1)).toBe(true);
    }
  });

  test('that has no keys yet uses up no number, and gets no event of a source', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    const { ssrcs } = direct.receiver('r', 1, undefined, false);
    expect(direct.play([a], 100, SPEECH)).toEqual([]);
    direct.room.takeEvents();
    direct.room.setEnabled('r', true, direct.nowMicros);
    expect(direct.room.takeEvents()).toMatchObject([{ type: 'slot', receiverId: 'r', csrc: a.csrc }]);
    const sent = direct.play([a], 10, SPEECH);
    expect(sent).toHaveLength(10);
    expect(sent[0]!.out).toBeLessThan(16_384);
    direct.room.setEnabled('r', false, direct.nowMicros);
    expect(direct.play([a], 10, SPEECH)).toEqual([]);
    direct.room.setEnabled('r', true, direct.nowMicros);
    const again = direct.play([a], 10, SPEECH);
    expect(again[0]!.out).toBe(sent.at(-1)!.out + 1);
    expect(again[0]!.ssrc).toBe(ssrcs[0]);
  });

  test('has its own base, and all of its reports lie on one line', () => {
    const direct = new Direct(2);
    const [a, b] = [direct.source('a'), direct.source('b')];
    direct.receiver('r', 2);
    direct.receiver('q', 2);
    const bases = new Map<number, number>();
    for (let i = 0; i < 200; i++) {
      direct.play([a, b], 1, (source) => ((source === a) === i % 40 < 20 ? SPEECH : SILENCE));
      for (const id of ['r', 'q'])
        for (const { ssrc, rtpTimestamp } of direct.room.senderReport(id, direct.nowMicros)) {
          const base = (rtpTimestamp - Math.round(direct.nowMicros * 0.048)) >>> 0;
          expect(bases.get(ssrc) ?? base).toBe(base);
          bases.set(ssrc, base);
        }
    }
    expect(new Set(bases.values()).size).toBe(4);
    const [report] = direct.room.senderReport('r', direct.nowMicros);
    expect(report).toMatchObject({ packetCount: 200, octetCount: 12_000, active: true });
  });

  test('is told the anchor of what it hears: the timestamp of a sound and when that was captured', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    direct.play([a], 50, SPEECH);
    const last = direct.sent.at(-1)!;
    const [state] = direct.room.slotStates('r', direct.nowMicros);
    expect(state).toMatchObject({ slot: 0, csrc: a.csrc, producerId: 'a', loudest: true, epoch: 1 });
    expect(state!.rtpTimestamp).toBe(last.timestamp);
    expect(state!.captureTimeMs).toBeCloseTo((last.atMicros - FRAME_MICROS) / 1000, 1);
  });

  test('is told a switch when it is decided, and once more with the first packet’s own anchor', () => {
    const direct = new Direct(1);
    const [a, b] = [direct.source('a'), direct.source('b')];
    direct.room.setPaused('b', true, direct.nowMicros);
    direct.receiver('r', 1);
    direct.play([a], 50, SPEECH);
    direct.wait(-FRAME_MICROS); // b's packet comes at the moment of a's last, and goes out one frame ahead of its line
    direct.room.takeEvents();
    direct.room.setPaused('a', true, direct.nowMicros);
    direct.room.setPaused('b', false, direct.nowMicros);
    const slots = (): object[] => direct.room.takeEvents().filter(({ type }) => type === 'slot');
    expect(slots()).toMatchObject([{ csrc: 0 }, { csrc: b.csrc, epoch: 3 }]);
    const [first] = direct.packet(b, { level: SPEECH });
    const told = { csrc: b.csrc, epoch: 3, rtpTimestamp: first!.timestamp };
    expect(slots()).toMatchObject([{ ...told, captureTimeMs: (direct.nowMicros - FRAME_MICROS) / 1000 }]);
    direct.wait(FRAME_MICROS);
    const again = direct.play([b], 20, SPEECH);
    expect(again).toHaveLength(20);
    for (const event of slots()) expect(event).toMatchObject({ epoch: 3, loudest: true });
  });

  test('can stop having the MID in its packets', () => {
    const direct = new Direct(1);
    const { ssrcs, entries } = direct.receiver('r', 1);
    expect(direct.engine.entries.get(entries[0]!)!.constants.sendMid).toBe(true);
    direct.room.setSendMid('r', ssrcs[0]!, false);
    expect(direct.engine.entries.get(entries[0]!)!.constants.sendMid).toBe(false);
    direct.room.setSendMid('r', 1, false);
    direct.room.setSendMid('nobody', 1, false);
  });
});

describe('what is refused', () => {
  test.each([
    { name: 'too many slots', act: (d: Direct) => d.receiver('r', 4), why: /slots/ },
    { name: 'a receiver twice', act: (d: Direct) => (d.receiver('r'), d.receiver('r')), why: /exists/ },
    { name: 'a source twice', act: (d: Direct) => (d.source('a'), d.source('a')), why: /exists/ },
    { name: 'a room of 17 slots', act: () => new Direct(17), why: /audioSlots/ },
    { name: 'a room of half a slot', act: () => new Direct(0.5), why: /audioSlots/ },
  ])('$name', ({ act, why }) => {
    expect(() => act(new Direct())).toThrow(why);
  });

  test('nothing happens for what does not exist, or after it is gone', () => {
    const direct = new Direct();
    const { room } = direct;
    room.removeSource('x', 0);
    room.removeReceiver('x', 0);
    room.setPaused('x', true, 0);
    room.setPinned('x', true, 0);
    room.setEnabled('x', true, 0);
    expect(room.senderReport('x', 0)).toEqual([]);
    expect(room.slotStates('x', 0)).toEqual([]);
    const a = direct.source('a');
    room.removeSource('a', direct.nowMicros);
    expect(direct.packet(a)).toEqual([]);
    room.handleSenderReport(a, { ntpMicros: 1, rtpTimestamp: 2 }, direct.nowMicros);
    expect(room.stats().drops['source-closed']).toBe(1);
  });

  test('a closed room holds no packet, no list and no entry', () => {
    const direct = new Direct();
    const sources = ['a', 'b', 'c'].map((id) => direct.source(id));
    direct.receiver('r', 3, 'a');
    direct.receiver('q', 2);
    direct.play(sources, 30, SPEECH);
    expect(direct.engine.retained.size).toBeGreaterThan(0);
    direct.room.dump(direct.nowMicros);
    direct.room.close();
    expect(direct.engine.retained.size).toBe(0);
    expect(direct.engine.lists.size).toBe(0);
    expect(direct.engine.entries.size).toBe(0);
    expect(direct.room.nextDeadline()).toBeUndefined();
  });
});
