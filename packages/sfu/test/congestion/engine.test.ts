/** The same links with the engine as the sending side: its pacer, probes and history are what calls use. */
import { describe, expect, test } from 'vitest';
import { between, mean } from './support/call.js';
import { EngineSender } from './support/engineSender.js';
import { judge, SCENARIOS } from './support/scenarios.js';

describe('estimator and engine', () => {
  test.each([SCENARIOS.narrow, SCENARIOS.middle, SCENARIOS.wide])(
    '$name: reached within 10 s, then 85–100 % of it, with less than 200 ms of queue',
    (scenario) => {
      const { reachedSeconds, share, queueMs } = judge(scenario, 1, new EngineSender());
      expect(reachedSeconds).toBeLessThanOrEqual(10);
      expect(share).toBeGreaterThanOrEqual(0.85);
      expect(share).toBeLessThanOrEqual(1);
      expect(queueMs).toBeLessThan(200);
    },
  );

  test('falls within 1 s after a drop to a third', () => {
    const { samples } = judge(SCENARIOS.drop, 1, new EngineSender());
    expect(between(samples, 20.9, 21)[0]?.target).toBeLessThan(1_000_000);
  });

  test('a probe finds the threefold rate within 5 s', () => {
    const { samples } = judge(SCENARIOS.lift, 1, new EngineSender());
    expect(Math.max(...between(samples, 20, 25).map(({ target }) => target))).toBeGreaterThan(
      0.8 * 3_000_000,
    );
  });

  test('5 % of random loss starves nobody', () => {
    const { samples } = judge(SCENARIOS.loss, 1, new EngineSender());
    expect(mean(between(samples, 10, 40).map(({ arrived }) => arrived))).toBeGreaterThan(600_000);
  });
});
