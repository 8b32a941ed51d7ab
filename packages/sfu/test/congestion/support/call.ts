/**
 * One video stream over a bottleneck in virtual time: an encoder that follows the target, a pacer, the link, the receiver's
 * feedback as bytes, and the estimator under test. Prints nothing and sleeps never.
 */
import { parseRtcp, writeRtcp } from '@tertulia/wire';
import { SendSideEstimator, type SendSideBounds } from '../../../src/media/congestion/sendSideEstimator.js';
import { TransportFeedbackWriter } from '../../../src/media/congestion/transportFeedbackWriter.js';
import { Bottleneck, randomOf, type LinkOptions } from './bottleneck.js';
import { SendHistory } from './sendHistory.js';

const TICK_MICROS = 1_000;
const FRAME_MICROS = 33_333;
const PACKET_BYTES = 1_200;
const PADDING_BYTES = 240;
export const SECOND = 1_000_000;

export interface CallOptions extends LinkOptions {
  seconds: number;
  bounds?: SendSideBounds;
  /** What the camera gives at most: bits per second at a time. */
  application?: (nowMicros: number) => number;
  /** A frame this many times as large as the mean every `keyFrameMicros`. */
  keyFrameFactor?: number;
  keyFrameMicros?: number;
  /** False: nothing can carry padding. */
  probes?: boolean;
  /** The first transport-wide number. */
  firstSequence?: number;
}

export interface Sample {
  seconds: number;
  target: number;
  /** Of media, padding included. */
  sent: number;
  arrived: number;
  queueMs: number;
  lost: number;
}

export interface CallResult {
  /** Ten a second. */
  samples: Sample[];
  estimator: SendSideEstimator;
  feedbackPackets: number;
}

interface Waiting {
  bytes: number;
  clusterId: number;
}

export function runCall(options: CallOptions): CallResult {
  const { seconds, bounds, application = () => Infinity, probes: canProbe = true } = options;
  const { keyFrameFactor = 1, keyFrameMicros = Infinity } = options;
  const link = new Bottleneck(options);
  const random = randomOf((options.seed ?? 1) + 1_000);
  const estimator = new SendSideEstimator();
  if (bounds !== undefined) estimator.setBounds(bounds, 0);
  const writer = new TransportFeedbackWriter();
  const history = new SendHistory(options.firstSequence ?? 0);
  const delay = options.delayMicros ?? 25_000;
  const queue: Waiting[] = [];
  const arriving: { at: number; sequence: number; bytes: number; sentAt: number }[] = [];
  const returning: { at: number; bytes: Uint8Array }[] = [];
  const padding: { nextAt: number; left: number; gap: number; clusterId: number }[] = [];
  const samples: Sample[] = [];
  let budget = 0;
  let nextFrame = 0;
  let nextKey = keyFrameMicros;
  let feedbackPackets = 0;
  let sample = { sent: 0, arrived: 0, queue: 0, lost: 0 };

  const send = (bytes: number, clusterId: number, now: number): void => {
    const sequence = history.send(now, bytes, clusterId);
    const arrival = link.send(bytes, now);
    sample.sent += bytes;
    sample.queue = Math.max(sample.queue, link.waitMicros(now));
    if (arrival === undefined) sample.lost++;
    else arriving.push({ at: arrival, sequence, bytes, sentAt: now });
  };
  const takeProbes = (now: number): void => {
    for (const { clusterId, bitsPerSecond, bytes } of estimator.takeProbes())
      if (canProbe)
        padding.push({
          nextAt: now,
          left: bytes,
          gap: (PADDING_BYTES * 8 * SECOND) / bitsPerSecond,
          clusterId,
        });
  };

  for (let now = 0; now < seconds * SECOND; now += TICK_MICROS) {
    link.advance(now);
    if (now >= nextFrame) {
      nextFrame += FRAME_MICROS;
      const rate = Math.min(estimator.targetBitrate, application(now));
      let bytes = ((rate * FRAME_MICROS) / 8 / SECOND) * (0.8 + 0.4 * random());
      if (now >= nextKey) {
        nextKey += keyFrameMicros;
        bytes *= keyFrameFactor;
      }
      for (; bytes > 0; bytes -= PACKET_BYTES)
        queue.push({ bytes: Math.max(60, Math.min(PACKET_BYTES, Math.round(bytes))), clusterId: 0 });
    }
    // As a pacer with a burst of 5 ms.
    const perTick = (estimator.pacingBitrate * TICK_MICROS) / 8 / SECOND;
    budget = Math.min(budget + perTick, 5 * perTick);
    while (queue.length > 0 && budget > 0) {
      const packet = queue.shift()!;
      budget -= packet.bytes;
      send(packet.bytes, 0, now);
    }
    for (const each of padding)
      for (; each.left > 0 && each.nextAt <= now; each.left -= PADDING_BYTES, each.nextAt += each.gap)
        send(PADDING_BYTES, each.clusterId, Math.max(each.nextAt, now - TICK_MICROS));

    while (arriving.length > 0 && arriving[0]!.at <= now) {
      const { at, sequence, bytes } = arriving.shift()!;
      sample.arrived += bytes;
      writer.handlePacket(sequence, at + 7_777_777_777); // the receiver's clock is another one
    }
    for (const packet of writer.poll(now + 7_777_777_777, 1, 2))
      returning.push({ at: now + delay, bytes: writeRtcp([packet]) });
    while (returning.length > 0 && returning[0]!.at <= now) {
      for (const packet of parseRtcp(returning.shift()!.bytes).packets) {
        if (packet.type !== 'twcc') continue;
        feedbackPackets++;
        estimator.handleFeedback(history.read(packet), now);
        takeProbes(now);
      }
    }
    const deadline = estimator.nextDeadline();
    if (deadline !== undefined && now >= deadline) {
      estimator.poll(now);
      takeProbes(now);
    }
    if ((now + TICK_MICROS) % 100_000 === 0) {
      samples.push({
        seconds: (now + TICK_MICROS) / SECOND,
        target: estimator.targetBitrate,
        sent: sample.sent * 80,
        arrived: sample.arrived * 80,
        queueMs: sample.queue / 1_000,
        lost: sample.lost,
      });
      sample = { sent: 0, arrived: 0, queue: 0, lost: 0 };
    }
  }
  return { samples, estimator, feedbackPackets };
}

export const between = (samples: readonly Sample[], from: number, to: number): Sample[] =>
  samples.filter(({ seconds }) => seconds > from && seconds <= to);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length);

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
