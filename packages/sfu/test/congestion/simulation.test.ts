/** The estimator on simulated links: what a viewer would notice. Figures for the same links: docs/congestion.md. */
import { describe, expect, test } from 'vitest';
import { between, mean, percentile, runCall, runCalls, SECOND, type Call } from './support/call.js';
import { SimpleSender } from './support/sender.js';
import { judge, SCENARIOS } from './support/scenarios.js';

const SEEDS = [1, 2, 3, 4, 5];
const over = (of: (seed: number) => number): number[] => SEEDS.map(of);

describe('a steady link', () => {
  test.each([SCENARIOS.narrow, SCENARIOS.middle, SCENARIOS.wide])(
    '$name: reached within 10 s, then 85–100 % of it, with less than 200 ms of queue',
    (scenario) => {
      const verdicts = SEEDS.map((seed) => judge(scenario, seed));
      for (const { reachedSeconds, queueMs, share } of verdicts) {
        expect(reachedSeconds).toBeLessThanOrEqual(10);
        expect(queueMs).toBeLessThan(200);
        expect(share).toBeLessThanOrEqual(1);
        expect(share).toBeGreaterThan(0.8);
      }
      expect(mean(verdicts.map(({ share }) => share))).toBeGreaterThanOrEqual(0.85);
    },
  );

  test('the numbers that go round and a receiver that began long ago change nothing', () => {
    const first = runCall({ ...SCENARIOS.middle, seconds: 12 });
    const wrapped = runCall({ ...SCENARIOS.middle, seconds: 12, sender: new SimpleSender(65_000) });
    expect(wrapped.samples).toEqual(first.samples);
  });
});

describe('a link that changes', () => {
  test('falls within 1 s to what a third of the rate holds, and the queue is gone 2 s later', () => {
    for (const seed of SEEDS) {
      const { samples } = judge(SCENARIOS.drop, seed);
      expect(between(samples, 20.9, 21)[0]?.target).toBeLessThan(1_000_000);
      expect(
        percentile(
          between(samples, 23, 40).map(({ queueMs }) => queueMs),
          0.95,
        ),
      ).toBeLessThan(200);
    }
  });

  test('a link that becomes narrow right after a probe: seen within 0.7 s', () => {
    for (const seed of SEEDS) {
      const { samples } = runCall({
        seconds: 5,
        seed,
        rate: (nowMicros) => (nowMicros < 0.5 * SECOND ? 50_000_000 : 300_000),
        delayMicros: 1_000,
        jitterMicros: 5_000,
        queueMicros: 300_000,
        headerBytes: 28,
        bounds: { max: 4_800_000 },
        layered: true,
        application: () => 600_000,
      });
      expect(between(samples, 1.1, 1.2)[0]?.target).toBeLessThan(300_000);
    }
  });

  test('a wide link that loses 5 % and is late by 30 ms does not look narrow to media that leaves room', () => {
    for (const seed of SEEDS) {
      const { samples } = runCall({
        seconds: 60,
        seed,
        rate: () => 50_000_000,
        delayMicros: 100_000,
        jitterMicros: 30_000,
        loss: 0.05,
        bounds: { max: 600_000 },
        layered: true,
        application: () => 345_000,
      });
      expect(Math.min(...between(samples, 5, 60).map(({ target }) => target))).toBeGreaterThan(400_000);
    }
  });

  test('a probe finds the threefold rate within 5 s', () => {
    const targets = over((seed) =>
      Math.max(...between(judge(SCENARIOS.lift, seed).samples, 20, 25).map(({ target }) => target)),
    );
    for (const target of targets) expect(target).toBeGreaterThan(0.8 * 3_000_000);
  });

  test('without anything that carries padding it still climbs, only slower', () => {
    const { samples } = runCall({ ...SCENARIOS.lift, seconds: 60, probes: false });
    expect(mean(between(samples, 50, 60).map(({ arrived }) => arrived))).toBeGreaterThan(0.75 * 3_000_000);
  });

  test('makes room for a rival, and takes it again when the rival is gone', () => {
    const rival = (nowMicros: number): number =>
      nowMicros > 20 * SECOND && nowMicros < 35 * SECOND ? 1_000_000 : 0;
    const { samples } = runCall({ ...SCENARIOS.rival, seconds: 45, rival });
    const beside = between(samples, 25, 35);
    expect(
      percentile(
        beside.map(({ queueMs }) => queueMs),
        0.95,
      ),
    ).toBeLessThan(200);
    expect(mean(beside.map(({ arrived }) => arrived))).toBeGreaterThan(0.7 * 1_000_000);
    expect(mean(between(samples, 40, 45).map(({ arrived }) => arrived))).toBeGreaterThan(0.75 * 2_000_000);
  });

  test('a link that carries nothing for 5 s: the target falls meanwhile and comes back', () => {
    const outage = (nowMicros: number): boolean => nowMicros > 20 * SECOND && nowMicros < 25 * SECOND;
    const { samples } = runCall({ ...SCENARIOS.middle, outage });
    expect(between(samples, 24.8, 25)[0]?.target).toBeLessThan(0.5 * 1_000_000);
    expect(mean(between(samples, 32, 40).map(({ arrived }) => arrived))).toBeGreaterThan(0.75 * 1_000_000);
  });
});

describe('a bad link', () => {
  test.each([SCENARIOS.loss, SCENARIOS.bursts])('$name: at least 60 %% of it is used', (scenario) => {
    for (const seed of SEEDS) {
      const { samples, share } = judge(scenario, seed);
      expect(share).toBeGreaterThan(0.6);
      for (let from = 5; from < 40; from += 5)
        expect(mean(between(samples, from, from + 5).map(({ arrived }) => arrived))).toBeGreaterThan(400_000);
    }
  });

  test.each([SCENARIOS.jitter, SCENARIOS.far, SCENARIOS.shallow, SCENARIOS.keyFrames, SCENARIOS.deaf])(
    '$name: at least 75 %% of it is used, with less than 200 ms of queue',
    (scenario) => {
      for (const seed of SEEDS) {
        const { share, queueMs } = judge(scenario, seed);
        expect(share).toBeGreaterThan(0.75);
        expect(share).toBeLessThanOrEqual(1);
        expect(queueMs).toBeLessThan(200);
      }
    },
  );

  test('a queue that never drops is not filled: 5 s of room, 200 ms used', () => {
    const { queueMs } = judge({ ...SCENARIOS.middle, queueMicros: 5_000_000 });
    expect(queueMs).toBeLessThan(200);
  });

  test('half of all lost: the target goes down towards the least, and not below', () => {
    const { samples } = runCall({ ...SCENARIOS.middle, loss: 0.5, bounds: { min: 50_000, max: 10_000_000 } });
    const last = between(samples, 35, 40).map(({ target }) => target);
    expect(Math.max(...last)).toBeLessThan(300_000);
    expect(Math.min(...last)).toBeGreaterThanOrEqual(50_000);
  });
});

describe('several receivers behind one link', () => {
  const two = (rate: number): [Call, Call] => {
    const link = { rate: () => rate, seconds: 60 };
    const options = { ...link, bounds: { max: 10_000_000 } };
    const calls = runCalls(link, [options, { ...options, seed: 2, fromMicros: 15 * SECOND }]);
    return [calls[0]!, calls[1]!];
  };

  test.each([1_000_000, 3_000_000])(
    'two of them over %i bit/s: neither starves, and no queue stands',
    (rate) => {
      const used = two(rate).map(({ samples }) =>
        mean(between(samples, 30, 60).map(({ arrived }) => arrived)),
      );
      expect(used[0]! + used[1]!).toBeGreaterThan(0.8 * rate);
      expect(Math.min(...used)).toBeGreaterThan(0.2 * rate);
      const queue = two(rate)[0].samples.filter(({ seconds }) => seconds > 30);
      expect(
        percentile(
          queue.map(({ queueMs }) => queueMs),
          0.95,
        ),
      ).toBeLessThan(250);
    },
  );
});

describe('media below what the link holds', () => {
  const quiet = { ...SCENARIOS.wide, application: () => 500_000, bounds: { max: 2_000_000 } };

  test('probes up to what is wanted and no further', () => {
    const { samples, estimator } = runCall(quiet);
    expect(between(samples, 9.9, 10)[0]?.target).toBeGreaterThan(1_700_000);
    expect(estimator.state().probesSent).toBeLessThan(20);
    expect(Math.max(...samples.map(({ target }) => target))).toBeLessThanOrEqual(2_000_000);
  });

  test('without probes it does not believe in more than one and a half times what arrives', () => {
    const { samples } = runCall({ ...quiet, probes: false });
    expect(Math.max(...between(samples, 10, 40).map(({ target }) => target))).toBeLessThan(1_000_000);
  });

  test('says so when it is the media that limits', () => {
    expect(runCall(quiet).estimator.state().applicationLimited).toBe(true);
  });
});
