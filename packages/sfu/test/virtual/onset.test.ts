/**
 * How speech begins, in figures: docs/virtual-streams.md A8. Paths lose nothing here, so every loss is the room's.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { CLEAN, SILENT_LEVEL, TestRoom, type PathOptions, type Talker } from './support/room.js';

const SECOND = 1_000_000;
const JITTERY: PathOptions = { ...CLEAN, jitterMs: 1 };
const report: string[] = [];
afterAll(() => console.log(['onset of speech (A8):', ...report].join('\n  ')));

interface Onset {
  /** Packets from the first one of speech on that came to the server, and to this receiver. */
  lost: number;
  delayMs: number;
  /** Packets of before that were sent with the first one. */
  early: number;
}

/** Lets one talker speak for a while and tells how a receiver heard the beginning. */
function onset(room: TestRoom, talker: Talker, level: number, receiver: string): Onset | undefined {
  const first = talker.number;
  const speechSent = new Map<number, number>();
  const arrived = new Map<number, number>();
  let early = 0;
  const holds = room.table(receiver).includes(talker.truth.csrc);
  room.onArrival = (from, number) =>
    from === talker && number >= first && arrived.set(number, room.nowMicros);
  room.onSent = (sent, { source, number }) => {
    if (source !== talker.truth || room.slots.get(String(sent.ssrc))?.receiverId !== receiver) return;
    if (number < first) early++;
    else speechSent.set(number, sent.atMicros);
  };
  talker.level = level;
  talker.spokenFrames = 0;
  room.run(600_000);
  room.onSent = () => {};
  room.onArrival = () => {};
  if (speechSent.size === 0) return undefined;
  let lost = 0;
  for (const number of arrived.keys()) if (number < first + 15 && !speechSent.has(number)) lost++;
  const firstSent = Math.min(...speechSent.values());
  return { lost, delayMs: (firstSent - arrived.get(first)!) / 1000, early: holds ? 0 : early };
}

function tell(name: string, onsets: readonly Onset[]): void {
  const delays = onsets.map(({ delayMs }) => delayMs).sort((a, b) => a - b);
  const at = (share: number): number => delays[Math.floor((delays.length - 1) * share)]!;
  const lost = onsets.reduce((sum, one) => sum + one.lost, 0);
  const early = onsets.reduce((sum, one) => sum + one.early, 0) / onsets.length;
  report.push(
    `${name}: ${onsets.length} onsets, ${lost} packets lost, ${early.toFixed(1)} packets of before on average, ` +
      `delay p50 ${at(0.5)} p99 ${at(0.99)} most ${at(1)} ms`,
  );
}

/** @param dtx who is silent sends one packet in 400 ms */
function makeRoom(seed: number, talkers: number, dtx: boolean): { room: TestRoom; people: Talker[] } {
  const room = new TestRoom({ seed });
  const people = Array.from({ length: talkers }, (_, i) =>
    room.addTalker({ id: `t${i}`, participantId: `p${i}`, path: JITTERY, dtx }),
  );
  room.addReceiver('listener');
  room.run(2 * SECOND);
  return { room, people };
}

describe.each([
  { sending: 'always sending', dtx: false },
  { sending: 'with DTX', dtx: true },
])('speech begins, devices $sending', ({ sending, dtx }) => {
  test('while a slot is free', () => {
    const { room, people } = makeRoom(31, 2, dtx);
    const onsets: Onset[] = [];
    for (let i = 0; i < 100; i++) {
      const talker = people[i % 2]!;
      // Muted and back with speech at once: the slot is free until then.
      room.mute(talker, true);
      talker.level = SILENT_LEVEL;
      room.run(300_000 + room.random.below(200_000));
      room.mute(talker, false);
      onsets.push(onset(room, talker, 15 + room.random.below(35), 'listener')!);
    }
    tell(`a free slot, ${sending}`, onsets);
    expect(onsets.every((one) => one.lost === 0)).toBe(true);
    expect(Math.max(...onsets.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(0);
    room.judge.finish();
    expect(room.judge.examples).toEqual([]);
  });

  test('while a slot’s source is silent', () => {
    const { room, people } = makeRoom(32, 8, dtx);
    const onsets: Onset[] = [];
    for (let i = 0; i < 150; i++) {
      // Two others speak all the time; of the rest one begins that has no slot.
      for (const talker of people) talker.level = SILENT_LEVEL;
      people[i % 8]!.level = people[(i + 1) % 8]!.level = 30;
      room.run(SECOND + room.random.below(20_000));
      const without = people.filter(({ truth }) => !room.table('listener').includes(truth.csrc));
      onsets.push(onset(room, room.random.pick(without)!, 15 + room.random.below(35), 'listener')!);
    }
    tell(`a silent slot, ${sending}`, onsets);
    expect(onsets.every((one) => one.lost === 0)).toBe(true);
    // Speech that begins softly, within 16 dB of its noise, takes two packets to be known.
    expect(Math.max(...onsets.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(60);
    room.judge.finish();
    expect(room.judge.examples).toEqual([]);
  });

  test('while three others speak: heard within 300 ms', () => {
    const { room, people } = makeRoom(33, 9, dtx);
    const onsets: Onset[] = [];
    for (let i = 0; i < 100; i++) {
      for (const talker of people) talker.level = SILENT_LEVEL;
      room.run(500_000);
      const crowd = [0, 1, 2].map((n) => people[(i + n) % 9]!);
      for (const talker of crowd) talker.level = 42 + room.random.below(6);
      room.run(1_500_000 + room.random.below(20_000));
      const heard = onset(room, people[(i + 4) % 9]!, 18 + room.random.below(10), 'listener');
      expect(heard).toBeDefined();
      onsets.push(heard!);
    }
    tell(`three others speak, ${sending}`, onsets);
    expect(Math.max(...onsets.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(300);
    room.judge.finish();
    expect(room.judge.examples).toEqual([]);
  });
});

test('up to three packets of before come first, none older than 60 ms, each at its own time', () => {
  const { room, people } = makeRoom(34, 1, false);
  const talker = people[0]!;
  // Not in a slot until it is unmuted: the first three packets are its pre-roll.
  const numbers: { number: number; atMicros: number; timestamp: number }[] = [];
  const crowd = Array.from({ length: 3 }, (_, i) =>
    room.addTalker({ id: `c${i}`, participantId: `c${i}`, dtx: true }),
  );
  for (const one of crowd) one.level = 30;
  room.run(2 * SECOND);
  for (const one of crowd) one.level = SILENT_LEVEL;
  room.run(SECOND);
  expect(room.table('listener')).not.toContain(talker.truth.csrc);
  const first = talker.number;
  room.onSent = (sent, { source, number }) =>
    source === talker.truth && numbers.push({ number, atMicros: sent.atMicros, timestamp: sent.timestamp });
  talker.level = 20;
  room.run(200_000);
  const early = numbers.filter(({ number }) => number < first);
  expect(early.length).toBeGreaterThan(0);
  expect(early.length).toBeLessThanOrEqual(3);
  expect(early.map(({ number }) => number)).toEqual([first - 3, first - 2, first - 1].slice(-early.length));
  expect(new Set(numbers.slice(0, early.length + 1).map(({ atMicros }) => atMicros)).size).toBe(1);
  numbers.slice(1).forEach(({ timestamp }, i) => expect((timestamp - numbers[i]!.timestamp) | 0).toBe(960));
});
