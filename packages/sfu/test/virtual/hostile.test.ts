/**
 * Attacks on the selection: who lies about loudness, floods, or plays with CSRCs. Names are those of the list of hostile inputs,
 * group 10; its items on canvases belong to video. Others must not notice, and nothing may grow.
 */
import { describe, expect, test } from 'vitest';
import { Direct, SILENCE } from './support/direct.js';
import { SILENT_LEVEL, TestRoom, type Talker } from './support/room.js';

const SECOND = 1_000_000;

function makeRoom(others: number): { room: TestRoom; people: Talker[]; liar: Talker } {
  const room = new TestRoom({ seed: 13 });
  const people = Array.from({ length: others }, (_, i) =>
    room.addTalker({ id: `t${i}`, participantId: `p${i}` }),
  );
  const liar = room.addTalker({ id: 'liar', participantId: 'liar' });
  room.addReceiver('listener');
  return { room, people, liar };
}

describe('H10.1 a client that always claims to be the loudest', () => {
  test.each([0, 1, 5, 9])(
    'level %i for ever: it has become its own noise within 10 s, and loses to everybody',
    (level) => {
      const { room, people, liar } = makeRoom(3);
      liar.level = level;
      liar.steady = true;
      for (const talker of people) talker.level = 30;
      room.run(10 * SECOND);
      const wanted = people.map(({ truth }) => truth.csrc).sort();
      for (let i = 0; i < 20; i++) {
        expect([...room.table('listener')].sort()).toEqual(wanted);
        expect(
          room.room
            .slotStates('listener', room.nowMicros)
            .some(({ csrc, loudest }) => loudest && csrc === liar.truth.csrc),
        ).toBe(false);
        room.run(SECOND);
      }
      room.judge.finish();
      expect(room.judge.examples).toEqual([]);
    },
  );

  test('levels that are no levels: absent, out of range, not a number', () => {
    const direct = new Direct(1);
    const [liar, honest] = [direct.source('liar'), direct.source('honest')];
    direct.receiver('r', 1);
    for (const level of [-1, -128, 128, 255, 1e9, NaN, Infinity, -Infinity]) {
      direct.play([liar], 60, level);
      const sent = direct.play([liar, honest], 60, (source) => (source === honest ? 20 : level));
      expect([level, sent.at(-1)!.csrcs[0]]).toEqual([level, honest.csrc]);
      direct.play([liar, honest], 60, SILENCE);
    }
  });
});

test('H10.2 a client that claims silence while it is loud: only itself is not heard', () => {
  const { room, people, liar } = makeRoom(4);
  liar.level = 127;
  for (const talker of people.slice(0, 3)) talker.level = 30;
  room.run(5 * SECOND);
  expect(room.table('listener')).not.toContain(liar.truth.csrc);
  expect(room.table('listener')).toHaveLength(3);
});

describe('H10.3 a client that flaps its level to force switches', () => {
  test.each([
    { name: 'each 20 ms', on: 1, off: 1 },
    { name: 'each 100 ms', on: 5, off: 5 },
    { name: 'on for 300 ms, off for 600 ms', on: 15, off: 30 },
    { name: 'on for 100 ms, off for 500 ms', on: 5, off: 25 },
  ])('$name: at most four switches a second, and no slot but the weakest', ({ on, off }) => {
    const direct = new Direct(3);
    const people = ['a', 'b', 'c'].map((id) => direct.source(id));
    const liar = direct.source('liar');
    direct.receiver('r', 3);
    const speech = (i: number, n: number): number => (i % 40 < 38 ? [20, 20, 40][n]! : SILENCE);
    let i = 0;
    const frame = (): void => {
      people.forEach((source, n) => direct.packet(source, { level: speech(i, n) }));
      direct.packet(liar, { level: i % (on + off) < on ? 0 : 127 });
      direct.wait(20_000);
      i++;
    };
    for (let n = 0; n < 100; n++) frame();
    const { switches } = direct.room.stats();
    direct.room.takeEvents();
    for (let n = 0; n < 500; n++) frame();
    expect(direct.room.stats().switches - switches).toBeLessThanOrEqual(40);
    // The two who are clearly heard never lost their slots.
    const lost = direct.room
      .takeEvents()
      .filter((event) => event.type === 'slot' && event.csrc === liar.csrc);
    const places = new Set(lost.map((event) => (event.type === 'slot' ? event.slot : -1)));
    expect(places.size).toBeLessThanOrEqual(1);
  });
});

test('H10.4 joining and leaving to get somebody’s CSRC: none comes back within a minute', () => {
  const direct = new Direct();
  direct.receiver('r');
  const used = new Set<number>();
  for (let i = 0; i < 2000; i++) {
    const source = direct.source(`s${i}`);
    expect(used.has(source.csrc)).toBe(false);
    used.add(source.csrc);
    direct.packet(source, { level: 10 });
    direct.room.removeSource(source.id, direct.nowMicros);
    direct.wait(20_000);
  }
  direct.wait(2 * SECOND);
  expect(direct.room.stats()).toMatchObject({ sources: 0, cachedPackets: 0 });
  expect(direct.engine.retained.size).toBe(0);
});

test('H10.5 no packet bears a CSRC that the room did not give, and none is 0 or 42 alone', () => {
  const direct = new Direct(2);
  const sources = ['a', 'b', 'c'].map((id) => direct.source(id));
  direct.receiver('r', 2);
  const given = new Set(sources.map(({ csrc }) => csrc));
  for (const { csrcs } of direct.play(sources, 200, 20)) {
    expect(given.has(csrcs[0]!)).toBe(true);
    expect(csrcs.slice(1)).toEqual(csrcs.length > 1 ? [42] : []);
  }
  expect(given.has(0) || given.has(42)).toBe(false);
});

test('H10.8 a receiver cannot get its own participant’s sound, however many receivers it opens', () => {
  const { room, people } = makeRoom(3);
  for (let i = 0; i < 5; i++) room.addReceiver(`mine${i}`, 'p0', 1 + (i % 3));
  for (const talker of people) talker.level = 25;
  room.run(3 * SECOND);
  people[0]!.level = SILENT_LEVEL;
  room.run(2 * SECOND);
  room.judge.finish();
  expect(room.judge.violations.get('own-voice')).toBeUndefined();
  expect(room.judge.examples).toEqual([]);
});

describe('floods and rubbish', () => {
  test('10,000 packets a second of one source: nothing grows, others go on', () => {
    const direct = new Direct(2);
    const [flood, calm] = [direct.source('flood'), direct.source('calm')];
    direct.receiver('r', 2);
    for (let i = 0; i < 100; i++) {
      for (let n = 0; n < 200; n++) direct.packet(flood, { level: 10, atMicros: direct.nowMicros + n * 100 });
      direct.packet(calm, { level: 25, atMicros: direct.nowMicros + 20_000 });
      direct.nowMicros += 20_000;
    }
    expect(direct.engine.retained.size).toBeLessThanOrEqual(200 + 60);
    expect(direct.sent.filter(({ csrcs }) => csrcs[0] === calm.csrc)).toHaveLength(100);
  });

  test('numbers and timestamps from chance: numbers out go on by one, time never goes back', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    direct.receiver('r', 1);
    for (let i = 0; i < 5000; i++) {
      direct.packet(a, {
        sequence: direct.random.chance(0.1) ? direct.random.below(2 ** 32) : 1000 + i,
        timestamp: direct.random.chance(0.3) ? direct.random.below(2 ** 32) : i * 960,
        level: direct.random.below(128),
        ...(direct.random.chance(0.05) ? { ssrc: direct.random.below(2 ** 32) } : {}),
      });
      direct.wait(20_000);
    }
    const byOut = [...direct.sent].sort((x, y) => x.out - y.out);
    for (let i = 1; i < byOut.length; i++) {
      expect((byOut[i]!.timestamp - byOut[i - 1]!.timestamp) | 0).toBeGreaterThan(0);
      // A loss of up to 500 numbers is believed; never more than a receiver's roll-over count can bear.
      expect(byOut[i]!.out - byOut[i - 1]!.out).toBeLessThanOrEqual(500);
    }
    const line = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp;
    expect(((byOut.at(-1)!.timestamp - line) | 0) / 48).toBeLessThan(250);
  });

  test('an engine without room to keep packets: speech goes on, NACKs find nothing', () => {
    const direct = new Direct(1);
    direct.engine.retainLimit = 0;
    const a = direct.source('a');
    const { ssrcs } = direct.receiver('r', 1);
    expect(direct.play([a], 50, 20)).toHaveLength(50);
    direct.room.handleNack('r', ssrcs[0]!, [direct.sent[40]!.out], 0, direct.nowMicros);
    expect(direct.sent).toHaveLength(50);
    expect(direct.room.stats().drops['nack-not-cached']).toBe(1);
  });
});
