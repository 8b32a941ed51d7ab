/** The receive side against a sender that does what REMB says, over the simulated link. */
import { describe, expect, test } from 'vitest';
import { toAbsSendTime } from '@tertulia/wire';
import { ReceiveSideEstimator } from '../../src/media/congestion/receiveSideEstimator.js';
import { Bottleneck, type LinkOptions } from './support/bottleneck.js';
import { mean, SECOND } from './support/call.js';

const PACKET_BYTES = 1_200;

/** @returns what the sender is told at each second's end, and how long its packets waited in ms */
function run(options: LinkOptions & { seconds: number; max?: number }): { told: number[]; waitMs: number[] } {
  const link = new Bottleneck(options);
  const estimator = new ReceiveSideEstimator();
  estimator.setMax(options.max);
  const arriving: { at: number; sentAt: number }[] = [];
  const told: number[] = [];
  const waitMs: number[] = [];
  let bitrate = 300_000;
  let nextSend = 0;
  for (let now = 0; now < options.seconds * SECOND; now += 1_000) {
    link.advance(now);
    for (; nextSend <= now; nextSend += (PACKET_BYTES * 8 * SECOND) / bitrate) {
      const at = link.send(PACKET_BYTES, nextSend);
      waitMs.push(link.waitMicros(nextSend) / 1_000);
      if (at !== undefined) arriving.push({ at, sentAt: nextSend });
    }
    while (arriving.length > 0 && arriving[0]!.at <= now) {
      const { at, sentAt } = arriving.shift()!;
      // The sender's stamp goes round after 64 s; it begins here shortly before.
      estimator.handlePacket(toAbsSendTime(sentAt + 60 * SECOND), at, PACKET_BYTES);
    }
    bitrate = estimator.poll(now) ?? bitrate;
    if (now % SECOND === 0) told.push(bitrate);
  }
  return { told, waitMs };
}

test.each([500_000, 1_000_000, 3_000_000])(
  'a link of %i bit/s is found by and by, without a queue',
  (rate) => {
    const { told, waitMs } = run({ rate: () => rate, seconds: 60 });
    expect(mean(told.slice(45))).toBeGreaterThan(0.75 * rate);
    expect(mean(told.slice(45))).toBeLessThan(1.1 * rate);
    expect(mean(waitMs.slice(-2_000))).toBeLessThan(100);
  },
);

test('a drop to a third is told within 1 s', () => {
  const { told } = run({ rate: (now) => (now < 30 * SECOND ? 3_000_000 : 700_000), seconds: 40 });
  expect(told[29]).toBeGreaterThan(1_000_000);
  expect(told[32]).toBeLessThan(700_000);
});

test('is told no more than the transport may receive', () => {
  const { told } = run({ rate: () => 3_000_000, seconds: 20, max: 250_000 });
  expect(new Set(told.slice(2))).toEqual(new Set([250_000]));
});

describe('when', () => {
  const packets = (estimator: ReceiveSideEstimator, fromMs: number, toMs: number): void => {
    for (let at = fromMs; at < toMs; at += 10)
      estimator.handlePacket(toAbsSendTime(at * 1_000), at * 1_000 + 500, 500);
  };

  test('nothing before the first packet, then once a second', () => {
    const estimator = new ReceiveSideEstimator();
    expect(estimator.nextDeadline()).toBeUndefined();
    expect(estimator.poll(5_000_000)).toBeUndefined();
    packets(estimator, 0, 1_010);
    expect(estimator.poll(1_100_000)).toBeGreaterThan(0);
    packets(estimator, 1_010, 1_500);
    expect(estimator.poll(1_600_000)).toBeUndefined();
    packets(estimator, 1_500, 2_100);
    expect(estimator.poll(2_110_000)).toBeGreaterThan(0);
  });

  test('at once when the limit is lowered', () => {
    const estimator = new ReceiveSideEstimator();
    packets(estimator, 0, 1_100);
    estimator.poll(1_100_000);
    estimator.setMax(100_000);
    expect(estimator.poll(1_101_000)).toBe(100_000);
    expect(estimator.poll(1_102_000)).toBeUndefined();
  });
});
