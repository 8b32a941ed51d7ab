/** When a room of the policy gets its next recording. Times in ms, virtual. */
import { expect, test } from 'vitest';
import { RoomPolicy } from '../../src/recording/roomPolicy.js';

const at = (nowMs: number, more: { lastedMs?: number; latest?: number } = {}) => ({
  nowMs,
  lastedMs: 1_000,
  latest: 1,
  ...more,
});

test('starts with the first who joins, at once', () => {
  const policy = new RoomPolicy();
  expect(policy.due(undefined)).toBeUndefined();
  expect(policy.due(1)).toBe(0);
});

test('after deaths of the recorder later and later, but on and on', () => {
  const policy = new RoomPolicy();
  const waits = [1_000, 2_000, 3_000, 4_000].map((nowMs) => {
    policy.ended('recorder-died', at(nowMs));
    return (policy.due(1) ?? NaN) - nowMs;
  });
  expect(waits).toEqual([500, 5_000, 30_000, 30_000]);
  policy.ended('recorder-died', at(100_000, { lastedMs: 60_000 }));
  expect(policy.due(1)).toBe(100_500);
});

test.each(['disk-full', 'write-failed', 'start-failed'] as const)(
  'after %s not before somebody else joins',
  (cause) => {
    const policy = new RoomPolicy();
    policy.ended(cause, at(1_000, { latest: 3 }));
    expect([policy.due(3), policy.due(2), policy.due(4)]).toEqual([undefined, undefined, 0]);
  },
);

test('who stops it has the last word', () => {
  const policy = new RoomPolicy();
  policy.ended('stopped', at(1_000));
  expect(policy.due(9)).toBeUndefined();
});
