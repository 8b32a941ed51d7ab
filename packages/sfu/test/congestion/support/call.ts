/**
 * One video stream over a bottleneck in virtual time: an encoder that follows the target, a sender, the link, the receiver's
 * feedback as bytes, and the estimator under test. Prints nothing and sleeps never.
 */
import { parseRtcp, writeRtcp } from '@tertulia/wire';
import { SendSideEstimator, type SendSideBounds } from '../../../src/media/congestion/sendSideEstimator.js';
import { TransportFeedbackWriter } from '../../../src/media/congestion/transportFeedbackWriter.js';
import { Bottleneck, randomOf, type LinkOptions } from './bottleneck.js';
import { SimpleSender, TICK_MICROS, type Sender } from './sender.js';

const FRAME_MICROS = 33_333;
const PACKET_BYTES = 1_200;
export const SECOND = 1_000_000;

export interface CallOptions extends LinkOptions {
  seconds: number;
  bounds?: SendSideBounds;
  /** What the camera gives at most: bits per second at a time. */
  application?: (nowMicros: number) => number;
  /** The media is what `application` says, whatever the target. */
  layered?: boolean;
  /** A frame this many times as large as the mean every `keyFrameMicros`. */
  keyFrameFactor?: number;
  keyFrameMicros?: number;
  /** False: nothing can carry padding. */
  probes?: boolean;
  sender?: Sender;
  /** Share of the feedback that never comes back. */
  feedbackLoss?: number;
  /** Called each millisecond, before anything else. */
  onTick?: (nowMicros: number, estimator: SendSideEstimator) => void;
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

export function runCall(options: CallOptions): CallResult {
  const { seconds, bounds, application = () => Infinity, probes: canProbe = true } = options;
  const { keyFrameFactor = 1, keyFrameMicros = Infinity, feedbackLoss = 0 } = options;
  const link = new Bottleneck(options);
  const random = randomOf((options.seed ?? 1) + 1_000);
  const estimator = new SendSideEstimator();
  if (bounds !== undefined) estimator.setBounds(bounds, 0);
  const writer = new TransportFeedbackWriter();
  const sender = options.sender ?? new SimpleSender();
  const delay = options.delayMicros ?? 25_000;
  const arriving: { at: number; sequence: number; bytes: number }[] = [];
  const returning: { at: number; bytes: Uint8Array }[] = [];
  const samples: Sample[] = [];
  let nextFrame = 0;
  let nextKey = keyFrameMicros;
  let feedbackPackets = 0;
  let sample = { sent: 0, arrived: 0, queue: 0, lost: 0 };

  const takeProbes = (now: number): void => {
    for (const probe of estimator.takeProbes()) if (canProbe) sender.probe(probe, now);
  };

  for (let now = 0; now < seconds * SECOND; now += TICK_MICROS) {
    link.advance(now);
    options.onTick?.(now, estimator);
    if (now >= nextFrame) {
      nextFrame += FRAME_MICROS;
      const rate =
        options.layered === true ? application(now) : Math.min(estimator.targetBitrate, application(now));
      let bytes = ((rate * FRAME_MICROS) / 8 / SECOND) * (0.8 + 0.4 * random());
      if (now >= nextKey) {
        nextKey += keyFrameMicros;
        bytes *= keyFrameFactor;
      }
      for (; bytes > 0; bytes -= PACKET_BYTES)
        sender.queue(Math.max(60, Math.min(PACKET_BYTES, Math.round(bytes))), now);
    }
    for (const { sequence, bytes, atMicros } of sender.leave(now, estimator.pacingBitrate)) {
      const at = link.send(bytes, atMicros);
      sample.sent += bytes;
      sample.queue = Math.max(sample.queue, link.waitMicros(atMicros));
      if (at === undefined) sample.lost++;
      else arriving.push({ at, sequence, bytes });
    }

    while (arriving.length > 0 && arriving[0]!.at <= now) {
      const { at, sequence, bytes } = arriving.shift()!;
      sample.arrived += bytes;
      writer.handlePacket(sequence, at + 7_777_777_777); // the receiver's clock is another one
    }
    for (const packet of writer.poll(now + 7_777_777_777, 1, 2))
      if (random() >= feedbackLoss) returning.push({ at: now + delay, bytes: writeRtcp([packet]) });
    while (returning.length > 0 && returning[0]!.at <= now) {
      for (const packet of parseRtcp(returning.shift()!.bytes).packets) {
        if (packet.type !== 'twcc') continue;
        feedbackPackets++;
        const feedback = sender.read(packet, now);
        if (feedback === undefined) throw new Error('feedback that the sender cannot read');
        estimator.handleFeedback(feedback, now);
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
