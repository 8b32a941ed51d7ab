import { expect, test } from 'vitest';
import { MISSING_LIMITS, MissingPackets } from '../../src/media/missingPackets.js';

const ms = (value: number): number => value * 1_000;

test('asked for at once, then at growing distances, ten times', () => {
  const missing = new MissingPackets();
  expect(missing.add(65_536, 65_538, 0)).toBe(true);
  const asked: { at: number; numbers: number[] }[] = [];
  for (let at = 0; at <= 2_000; at++) {
    const numbers = missing.poll(ms(at));
    if (numbers.length > 0) asked.push({ at, numbers });
  }
  expect(asked.map(({ at }) => at)).toEqual([0, 20, 60, 120, 200, 300, 420, 560, 720, 900]);
  expect(asked[0]!.numbers).toEqual([0, 1]);
  expect(missing.requested).toBe(20);
  expect(missing.nextDeadline()).toBeUndefined();
});

test('what came is not asked for, and says how often it was', () => {
  const missing = new MissingPackets();
  missing.add(10, 13, 0);
  expect(missing.remove(11)).toBe(0);
  expect(missing.poll(ms(10))).toEqual([10, 12]);
  expect(missing.remove(10)).toBe(1);
  expect(missing.remove(10)).toBeUndefined();
  expect(missing.oldestMicros()).toBe(0);
  missing.remove(12);
  expect(missing.oldestMicros()).toBeUndefined();
  expect(missing.nextDeadline()).toBeUndefined();
});

test('an outage is not remembered', () => {
  const missing = new MissingPackets();
  missing.add(0, 10, 0);
  expect(missing.add(11, 11 + MISSING_LIMITS.entries, 0)).toBe(false);
  expect(missing.size).toBe(10);
});
