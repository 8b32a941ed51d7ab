/** What people see who receive layers: the best that fits, and no flicker between two. */
import { expect, test } from 'vitest';
import { between, percentile, SECOND } from './support/call.js';
import { runCameras, type CamerasOptions, type CamerasResult } from './support/cameras.js';
import { EngineSender } from './support/engineSender.js';

const run = (options: Omit<CamerasOptions, 'seconds' | 'sender'>): CamerasResult =>
  runCameras({ seconds: 60, sender: new EngineSender(), ...options });

const after = (switches: readonly number[], seconds: number): number =>
  switches.filter((at) => at > seconds).length;

test.each([
  { rate: 250_000, best: 200_000 },
  { rate: 400_000, best: 300_000 },
  { rate: 800_000, best: 700_000 },
  { rate: 1_500_000, best: 900_000 },
  { rate: 2_500_000, best: 2_100_000 },
  { rate: 5_000_000, best: 2_700_000 },
])('over $rate bit/s: $best of layers, and at most three more switches in 50 s', ({ rate, best }) => {
  const { chosen, switches, samples } = run({ rate: () => rate });
  expect(percentile(chosen.slice(100), 0.5)).toBe(best);
  expect(after(switches, 10)).toBeLessThanOrEqual(3);
  expect(
    percentile(
      between(samples, 10, 60).map(({ queueMs }) => queueMs),
      0.95,
    ),
  ).toBeLessThan(100);
});

test('layers that are a quarter larger than measured for two seconds: what waits for the pacer is gone 5 s later', () => {
  const cameras = { count: 8, layers: [150_000, 700_000] };
  const larger = (nowMicros: number): number =>
    nowMicros > 20 * SECOND && nowMicros < 22 * SECOND ? 1.25 : 1;
  const { samples } = run({ rate: () => 5_000_000, cameras, larger, keyFrameSeconds: 1, everyFrames: 3 });
  const waits = (from: number, to: number): number[] =>
    between(samples, from, to).map(({ waitMs }) => waitMs);
  expect(Math.max(...waits(20, 23))).toBeGreaterThan(300);
  expect(percentile(waits(27, 60), 0.95)).toBeLessThan(100);
});

test('a link with jitter and loss: few switches as well', () => {
  const { switches } = run({ rate: () => 2_500_000, jitterMicros: 10_000, loss: 0.02 });
  expect(after(switches, 10)).toBeLessThanOrEqual(8);
});

test('a drop takes layers within 2 s, and they come back within 6 s', () => {
  const rate = (nowMicros: number): number =>
    nowMicros > 20 * SECOND && nowMicros < 40 * SECOND ? 800_000 : 5_000_000;
  const { chosen } = run({ rate });
  expect(chosen[199]).toBe(2_700_000);
  expect(chosen[220]).toBeLessThanOrEqual(700_000);
  expect(percentile(chosen.slice(280, 400), 0.5)).toBe(700_000);
  expect(chosen[460]).toBe(2_700_000);
});
