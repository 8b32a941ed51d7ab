/**
 * How speech begins, rule A8 of docs/virtual-streams.md, in figures: which packets of a sentence's beginning are sent,
 * and how long the first of them waits at the server. Clean links with jitter, so that every loss is the server's.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { quantile, say } from './support/figures.js';
import { Judge } from './support/judge.js';
import { CLEAN } from './support/link.js';
import { Random } from './support/random.js';
import { SimulatedRoom, type Participant } from './support/room.js';
import type { Talker } from './support/talker.js';

/** Release of the ranker is 300–500 ms (A7): a source that stopped speaking holds on for so long. */
const RELEASE_MS = 700;
const HEARD_WITHIN_MS = 300;
const lines: string[] = [];
afterAll(() => say('onset of speech (A8):', lines));

interface Onset {
  lostPackets: number;
  delayMs: number;
}

/** What one receiver got of one spurt; undefined: nothing. */
function onsetOf(judge: Judge, listener: Participant, talker: Talker, spurtIndex: number): Onset | undefined {
  const spurt = talker.spurts[spurtIndex]!;
  const sent = judge.sentTo(listener.id, talker.options.source);
  const last = spurt.last ?? talker.packetCount - 1;
  const forwarded = [...sent].filter(([packetNumber]) => packetNumber >= spurt.first && packetNumber <= last);
  if (forwarded.length === 0) return undefined;
  let lostPackets = 0;
  // Its first 300 ms: what comes later is not the beginning any more.
  for (let number = spurt.first; number <= Math.min(last, spurt.first + 15); number++)
    if (!sent.has(number) && talker.arrivedMicros[number] !== undefined) lostPackets++;
  const firstSent = Math.min(...forwarded.map(([, sentMicros]) => sentMicros));
  return { lostPackets, delayMs: (firstSent - talker.arrivedMicros[spurt.first]!) / 1000 };
}

function makeRoom(seed: number, people: number, judge: Judge): SimulatedRoom {
  const link = { ...CLEAN, jitterMs: 1 };
  const random = new Random(seed);
  const room = SimulatedRoom.create(
    { seed: random, slots: 3, profile: 'AEAD_AES_128_GCM', uplink: link, downlink: link, payloadBytes: 40 },
    judge,
  );
  for (let i = 0; i < people; i++) room.join();
  return room;
}
function run(room: SimulatedRoom, milliseconds: number, act?: () => void): void {
  const end = room.nowMicros + milliseconds * 1000;
  while (room.nowMicros < end) room.step(act);
}

function report(name: string, onsets: readonly Onset[], unheard: number): void {
  const delays = onsets.map(({ delayMs }) => delayMs);
  const lost = onsets.reduce((sum, onset) => sum + onset.lostPackets, 0);
  lines.push(
    `${name}: ${onsets.length} onsets, ${lost} packets lost, ${unheard} unheard, ` +
      `delay p50 ${quantile(delays, 0.5)} p99 ${quantile(delays, 0.99)} max ${quantile(delays, 1)} ms`,
  );
}

describe('speech begins', () => {
  test('while the source has a slot already: nothing waits', () => {
    const judge = new Judge({ earlyMs: 40, lateMs: 100 }, true);
    const room = makeRoom(21, 4, judge);
    const random = new Random(22);
    run(room, 2000);
    const turns: [Talker, number][] = [];
    for (let i = 0; i < 120; i++) {
      const talker = random.pick(room.participants)!.talkers[0]!;
      turns.push([talker, talker.spurts.length]);
      talker.speak(20 + random.below(25));
      run(room, random.between(200, 700));
      talker.hush();
      run(room, random.between(50, 400));
    }
    room.settle();
    const onsets: Onset[] = [];
    let unheard = 0;
    for (const [talker, spurt] of turns)
      for (const listener of room.participants.filter((p) => p.talkers[0] !== talker)) {
        const onset = onsetOf(judge, listener, talker, spurt);
        if (onset === undefined) unheard++;
        else onsets.push(onset);
      }
    report('everybody has a slot', onsets, unheard);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(unheard).toBe(0);
    expect(onsets.reduce((sum, { lostPackets }) => sum + lostPackets, 0)).toBe(0);
  });

  test('while some slot holds a silent source: no packet is lost', () => {
    const judge = new Judge({ earlyMs: 40, lateMs: 100 }, true);
    const room = makeRoom(23, 9, judge);
    const random = new Random(24);
    const busyUntil = new Map<Talker, number>();
    const turns: [Talker, number, Participant][] = [];
    run(room, 3000);
    const end = room.nowMicros + 150_000_000;
    while (room.nowMicros < end) {
      run(room, random.exponential(500));
      const busy = [...busyUntil].filter(([, until]) => until > room.nowMicros).map(([talker]) => talker);
      // At most two others speak, or have just spoken: for everybody a slot of the three is silent.
      if (busy.length > 2) continue;
      const speaker = random.pick(room.participants.filter((p) => !busy.includes(p.talkers[0]!)))!;
      const talker = speaker.talkers[0]!;
      const milliseconds = random.between(250, 2500);
      turns.push([talker, talker.spurts.length, speaker]);
      talker.speak(15 + random.below(35));
      busyUntil.set(talker, room.nowMicros + (milliseconds + RELEASE_MS) * 1000);
      room.timeline.at(room.nowMicros + milliseconds * 1000, () => talker.hush());
    }
    run(room, 500);
    room.settle();
    const onsets: Onset[] = [];
    let unheard = 0;
    for (const [talker, spurt, speaker] of turns)
      for (const listener of room.participants.filter((p) => p !== speaker)) {
        const onset = onsetOf(judge, listener, talker, spurt);
        if (onset === undefined) unheard++;
        else onsets.push(onset);
      }
    report('a slot is silent', onsets, unheard);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(unheard).toBe(0);
    expect(onsets.reduce((sum, { lostPackets }) => sum + lostPackets, 0)).toBe(0);
  });

  test('while a slot is free, right after unmuting: no packet is lost', () => {
    const judge = new Judge({ earlyMs: 40, lateMs: 100 }, true);
    const room = makeRoom(25, 5, judge);
    const random = new Random(26);
    run(room, 1000);
    // Two of the five stay muted: each receiver has at most three others, one of its slots is free for who comes.
    const turns: [Talker, number, Participant][] = [];
    const people = [...room.participants];
    for (const { talkers } of people.slice(2)) room.mute(talkers[0]!, true);
    for (let i = 0; i < 150; i++) {
      const speaker = people[2 + (i % 3)]!;
      const talker = speaker.talkers[0]!;
      run(room, random.between(300, 500));
      room.mute(talker, false);
      turns.push([talker, talker.spurts.length, speaker]);
      talker.speak(15 + random.below(30));
      run(room, random.between(300, 800));
      talker.hush();
      room.mute(talker, true);
    }
    room.settle();
    const onsets: Onset[] = [];
    let unheard = 0;
    for (const [talker, spurt, speaker] of turns)
      for (const listener of people.filter((p) => p !== speaker)) {
        const onset = onsetOf(judge, listener, talker, spurt);
        if (onset === undefined) unheard++;
        else onsets.push(onset);
      }
    report('a slot is free', onsets, unheard);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(unheard).toBe(0);
    expect(onsets.reduce((sum, { lostPackets }) => sum + lostPackets, 0)).toBe(0);
  });

  test(`over four who speak: one who is clearly louder is heard within ${HEARD_WITHIN_MS} ms`, () => {
    const judge = new Judge({ earlyMs: 40, lateMs: 100 }, true);
    const room = makeRoom(27, 9, judge);
    const random = new Random(28);
    run(room, 3000);
    const turns: [Talker, number, Participant][] = [];
    for (let i = 0; i < 60; i++) {
      const order = [...room.participants].sort(() => random.next() - 0.5);
      const crowd = order.slice(0, 4);
      for (const { talkers } of crowd) talkers[0]!.speak(44 + random.below(8));
      run(room, random.between(900, 1500));
      const speaker = order[4]!;
      const talker = speaker.talkers[0]!;
      turns.push([talker, talker.spurts.length, speaker]);
      talker.speak(14 + random.below(8));
      run(room, 900);
      for (const { talkers } of [...crowd, speaker]) talkers[0]!.hush();
      run(room, random.between(800, 1500));
    }
    room.settle();
    const onsets: Onset[] = [];
    let unheard = 0;
    for (const [talker, spurt, speaker] of turns)
      for (const listener of room.participants.filter((p) => p !== speaker)) {
        const onset = onsetOf(judge, listener, talker, spurt);
        if (onset === undefined) unheard++;
        else onsets.push(onset);
      }
    report('four others speak', onsets, unheard);
    room.close();
    expect(judge.examples).toEqual([]);
    expect(unheard).toBe(0);
    expect(Math.max(...onsets.map(({ delayMs }) => delayMs))).toBeLessThanOrEqual(HEARD_WITHIN_MS);
  });
});
