/** What a packet costs here does not depend on the number of receivers: docs/virtual-streams.md S1. Counted, not timed. */
import { expect, test } from 'vitest';
import { Direct, SILENCE, SPEECH } from './support/direct.js';

/** Ten talkers, three slots, so many receivers; calls of the engine while nothing changes, and views. */
function calls(receivers: number): { commands: number; edits: number; views: number; out: number } {
  const direct = new Direct(3);
  const sources = Array.from({ length: 10 }, (_, i) => direct.source(`s${i}`));
  for (let i = 0; i < receivers; i++) direct.receiver(`r${i}`, 3, `s${i}`);
  const speak = (): number =>
    direct.play(sources, 100, (source) => (Number(source.id.slice(1)) < 3 ? SPEECH : SILENCE)).length;
  speak();
  const before = { commands: direct.engine.commands, edits: direct.engine.edits };
  const out = speak();
  return {
    commands: direct.engine.commands - before.commands,
    edits: direct.engine.edits - before.edits,
    views: direct.room.stats().views,
    out,
  };
}

test('10, 100 and 1,000 receivers: the same commands for the same packets, and no edit', () => {
  const few = calls(10);
  for (const count of [100, 1000]) {
    const many = calls(count);
    expect(many.out).toBe(count * 300);
    expect({ ...many, out: 0 }).toEqual({ ...few, out: 0 });
  }
  expect(few.edits).toBe(0);
  // Of 1,000 packets three talkers' 300 have slots, each in the shared view and in those without the two others.
  expect(few.commands).toBeLessThanOrEqual(300 * few.views);
  expect(few.views).toBe(4);
});

test('views stay few while everybody talks at random, and close after', () => {
  const direct = new Direct(3);
  const sources = Array.from({ length: 40 }, (_, i) => direct.source(`s${i}`));
  sources.forEach((source, i) => direct.receiver(`r${i}`, 3, source.participantId));
  let most = 0;
  const levels = new Map(sources.map((source) => [source, SILENCE]));
  for (let i = 0; i < 1000; i++) {
    for (const source of sources)
      if (direct.random.chance(0.03))
        levels.set(source, direct.random.chance(0.3) ? 15 + direct.random.below(30) : SILENCE);
    direct.play(sources, 1, (source) => levels.get(source)!);
    most = Math.max(most, direct.room.stats().views);
  }
  expect(most).toBeLessThanOrEqual(1 + 2 * 3 + 1 + 3);
  direct.play(sources, 300, SILENCE);
  expect(direct.room.stats().views).toBeLessThanOrEqual(4);
  for (let i = 0; i < 40; i++) direct.room.removeReceiver(`r${i}`, direct.nowMicros);
  expect(direct.room.stats().views).toBe(0);
  expect(direct.engine.lists.size).toBe(0);
  expect(direct.engine.entries.size).toBe(0);
});

test('a room where nothing is sent asks for no more ticks', () => {
  const direct = new Direct(1);
  const a = direct.source('a');
  direct.receiver('r', 1);
  expect(direct.room.nextDeadline()).toBeUndefined();
  direct.play([a], 10, SPEECH);
  expect(direct.room.nextDeadline()).toBeDefined();
  direct.wait(5_000_000);
  expect(direct.room.nextDeadline()).toBeUndefined();
  expect(direct.engine.retained.size).toBe(0);
});
