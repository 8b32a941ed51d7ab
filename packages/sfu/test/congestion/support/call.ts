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
const SAMPLE_MICROS = 100_000;
const DELAY_MICROS = 25_000; // as the link's, where it says nothing
/** The receiver's clock is another one. */
const RECEIVER_CLOCK_MICROS = 7_777_777_777;
export const SECOND = 1_000_000;

export interface CallOptions extends LinkOptions {
  seconds: number;
  /** The call begins then. */
  fromMicros?: number;
  bounds?: SendSideBounds;
  /** What the camera gives at most: bits per second at a time. */
  application?: (nowMicros: number) => number;
  /** The media is what `application` says, whatever the target. */
  layered?: boolean;
  /** What layers take, in whole: the pacer's rate depends on it. */
  needed?: () => number;
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
  /** For the pacer. */
  waitMs: number;
  lost: number;
}

/** One side's call; several may share a link. */
export class Call {
  readonly estimator = new SendSideEstimator();
  /** Ten a second. */
  readonly samples: Sample[] = [];
  feedbackPackets = 0;
  readonly #options: CallOptions;
  readonly #link: Bottleneck;
  readonly #random: () => number;
  readonly #writer = new TransportFeedbackWriter();
  readonly #sender: Sender;
  readonly #arriving: { at: number; sequence: number; bytes: number }[] = [];
  readonly #returning: { at: number; bytes: Uint8Array }[] = [];
  #nextFrame: number;
  #nextKey: number;
  #sample = { sent: 0, arrived: 0, queue: 0, wait: 0, lost: 0 };

  constructor(options: CallOptions, link: Bottleneck) {
    this.#options = options;
    this.#link = link;
    this.#random = randomOf((options.seed ?? 1) + 1_000);
    this.#sender = options.sender ?? new SimpleSender();
    this.#nextFrame = options.fromMicros ?? 0;
    this.#nextKey = options.keyFrameMicros ?? Infinity;
    if (options.bounds !== undefined) this.estimator.setBounds(options.bounds, 0);
  }

  tick(now: number): void {
    if (now < (this.#options.fromMicros ?? 0)) return;
    this.#options.onTick?.(now, this.estimator);
    if (now >= this.#nextFrame) this.#encode(now);
    this.#send(now);
    this.#receive(now);
    this.#hear(now);
    const deadline = this.estimator.nextDeadline();
    if (deadline !== undefined && now >= deadline) {
      this.estimator.poll(now);
      this.#takeProbes(now);
    }
    if ((now + TICK_MICROS) % SAMPLE_MICROS === 0) this.#note(now + TICK_MICROS);
  }

  #encode(now: number): void {
    const {
      application = () => Infinity,
      layered = false,
      keyFrameFactor = 1,
      keyFrameMicros = 0,
    } = this.#options;
    this.#nextFrame += FRAME_MICROS;
    const rate = layered ? application(now) : Math.min(this.estimator.targetBitrate, application(now));
    let bytes = ((rate * FRAME_MICROS) / 8 / SECOND) * (0.8 + 0.4 * this.#random());
    if (now >= this.#nextKey) {
      this.#nextKey += keyFrameMicros;
      bytes *= keyFrameFactor;
    }
    for (; bytes > 0; bytes -= PACKET_BYTES)
      this.#sender.queue(Math.max(60, Math.min(PACKET_BYTES, Math.round(bytes))), now);
  }

  #send(now: number): void {
    const { estimator } = this;
    const needed = this.#options.needed?.();
    this.#sample.wait = Math.max(this.#sample.wait, this.#sender.waitMicros);
    const pacing =
      needed === undefined
        ? estimator.pacingBitrate
        : estimator.layeredPacingBitrate(needed, this.#sender.waitMicros);
    for (const { sequence, bytes, atMicros } of this.#sender.leave(now, pacing)) {
      const at = this.#link.send(bytes, atMicros);
      this.#sample.sent += bytes;
      this.#sample.queue = Math.max(this.#sample.queue, this.#link.waitMicros(atMicros));
      if (at === undefined) this.#sample.lost++;
      else this.#arriving.push({ at, sequence, bytes });
    }
  }

  #receive(now: number): void {
    const { feedbackLoss = 0, delayMicros = DELAY_MICROS } = this.#options;
    while (this.#arriving.length > 0 && this.#arriving[0]!.at <= now) {
      const { at, sequence, bytes } = this.#arriving.shift()!;
      this.#sample.arrived += bytes;
      this.#writer.handlePacket(sequence, at + RECEIVER_CLOCK_MICROS);
    }
    for (const packet of this.#writer.poll(now + RECEIVER_CLOCK_MICROS, 1, 2))
      if (this.#random() >= feedbackLoss)
        this.#returning.push({ at: now + delayMicros, bytes: writeRtcp([packet]) });
  }

  #hear(now: number): void {
    while (this.#returning.length > 0 && this.#returning[0]!.at <= now) {
      for (const packet of parseRtcp(this.#returning.shift()!.bytes).packets) {
        if (packet.type !== 'twcc') continue;
        this.feedbackPackets++;
        const feedback = this.#sender.read(packet, now);
        if (feedback === undefined) throw new Error('feedback that the sender cannot read');
        this.estimator.handleFeedback(feedback, now);
        this.#takeProbes(now);
      }
    }
  }

  #takeProbes(now: number): void {
    for (const probe of this.estimator.takeProbes())
      if (this.#options.probes !== false) this.#sender.probe(probe, now);
  }

  #note(now: number): void {
    const { sent, arrived, queue, wait, lost } = this.#sample;
    const bits = (8 * SECOND) / SAMPLE_MICROS;
    this.samples.push({
      seconds: now / SECOND,
      target: this.estimator.targetBitrate,
      sent: sent * bits,
      arrived: arrived * bits,
      queueMs: queue / 1_000,
      waitMs: wait / 1_000,
      lost,
    });
    this.#sample = { sent: 0, arrived: 0, queue: 0, wait: 0, lost: 0 };
  }
}

export function runCall(options: CallOptions): Call {
  return runCalls(options, [options])[0]!;
}

/** Several over one link. */
export function runCalls(link: LinkOptions & { seconds: number }, all: readonly CallOptions[]): Call[] {
  const bottleneck = new Bottleneck(link);
  const calls = all.map((options) => new Call(options, bottleneck));
  for (let now = 0; now < link.seconds * SECOND; now += TICK_MICROS) {
    bottleneck.advance(now);
    for (const call of calls) call.tick(now);
  }
  return calls;
}

export const between = (samples: readonly Sample[], from: number, to: number): Sample[] =>
  samples.filter(({ seconds }) => seconds > from && seconds <= to);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length);

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
