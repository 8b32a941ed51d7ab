import { expect, test } from 'vitest';
import { delayForRepetitions, PLAYOUT_DELAY, PlayoutDelay } from '../../src/media/forward/playoutDelay.js';

const SECOND = 1_000_000;
const hop = (lossFraction: number, roundTripMs: number) => ({
  lossFraction,
  roundTripMicros: roundTripMs * 1000,
});

test.each([
  ['nothing is lost', [hop(0, 200), hop(0, 200)], 0],
  ['hardly anything is lost', [hop(0.004, 200)], 0],
  ['one in a hundred: one repetition', [hop(0.01, 200)], 310],
  ['one in twenty: the repetition may be lost, too', [hop(0.05, 100)], 370],
  ['on both hops: as long as the longer one takes', [hop(0.05, 200), hop(0.05, 50)], 620],
  ['a hop without loss does not count, however far', [hop(0.01, 40), hop(0, 900)], 110],
  ['never so long that talk is over', [hop(0.2, 2_000)], 800],
])('%s', (_name, hops, expectedMs) => {
  expect(delayForRepetitions(hops) / 1000).toBe(expectedMs);
});

test('more is asked for at once, less after a while', () => {
  const delay = new PlayoutDelay();
  expect(delay.update([hop(0, 100)], 0)).toBe(false);
  expect(delay.update([hop(0.05, 100)], SECOND)).toBe(true);
  expect(delay.micros).toBe(400_000);
  expect(delay.update([hop(0.05, 110)], 2 * SECOND)).toBe(false); // within the step
  expect(delay.update([hop(0, 100)], 3 * SECOND)).toBe(false);
  // Loss comes back in between: the wait begins anew.
  expect(delay.update([hop(0.05, 100)], 10 * SECOND)).toBe(false);
  expect(delay.update([hop(0, 100)], 11 * SECOND)).toBe(false);
  expect(delay.update([hop(0, 100)], 11 * SECOND + PLAYOUT_DELAY.holdMicros - 1)).toBe(false);
  expect(delay.update([hop(0, 100)], 11 * SECOND + PLAYOUT_DELAY.holdMicros)).toBe(true);
  expect(delay.micros).toBe(0);
});
