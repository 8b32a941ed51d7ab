/**
 * What one receiver's way holds, and who gets how much of it: feedback into the estimate, the estimate into the pacer, into
 * probes and into layers of what the transport sends, by priority. Where nothing was agreed on, nothing is limited.
 * Elsewhere: estimate, sharing → congestion/ · layers → consumer.ts · pacing, probes, send history → engine
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { RtpParameters } from '@tertulia/wire';
import { offersFeedback } from './codecs.js';
import type { AllocationRequest } from './congestion/bitrateAllocator.js';
import type { TransportFeedback } from './congestion/feedback.js';
import { LayerSharing } from './congestion/layerSharing.js';
import { SEND_SIDE, SendSideEstimator } from './congestion/sendSideEstimator.js';
import { LossMeter } from './receive/lossMeter.js';

export const OUTGOING_BANDWIDTH = {
  /** Between allocations while the estimate moves a little; at once when it falls by more than `fallen`. */
  allocateMicros: 500_000,
  fallen: 0.95,
  /** Probes look for what is wanted and somewhat more, so that the next key frame fits. mediasoup: 1.35. */
  desiredShare: 1.35,
  /** While nobody knows what is wanted, probes go no farther than so many times the start. libwebrtc: its second probe, 6. */
  unknownFactor: 6,
  /** The pacer is told of a rate that has moved by this share: its factor of 1.5 bears more. Ours. */
  pacingStep: 0.05,
  /** Nothing is repeated while a packet waits longer for the pacer: three frames of 30 Hz, and what a key frame of a small layer needs. Ours. */
  repeatWaitMicros: 150_000,
  /** No key frame of what was given waits so long for the pacer, which drops after two seconds. Ours. */
  overfedWaitMicros: 800_000,
  /** How long one allocation holds without any news: layers of the sources come and go. */
  holdMicros: 1_000_000,
} as const;

/** Whatever shares the way: a consumer of video, or a video slot. */
export interface BandwidthTaker {
  readonly id: string;
  /** It can be sent less. */
  readonly isLayered: boolean;
  /** Entry of the engine that probes may repeat; undefined: none. */
  readonly probeEntry: number | undefined;
  /** What it wants; undefined: it takes `fixedBitrate`, whatever there is. */
  bitrateRequest(nowMicros: number): AllocationRequest | undefined;
  /** bit/s of a stream that cannot be made smaller. */
  fixedBitrate(nowMicros: number): number;
  /** Index into the request's bitrates, -1: nothing; undefined: not limited so far. */
  readonly allowedChoice: number | undefined;
  setAllowedChoice(choice: number, nowMicros: number): void;
}

export interface BandwidthPort {
  setPacing(bitsPerSecond: number): void;
  /** How long the oldest packet has waited for the pacer, µs; 0: nothing waits. */
  pacerWaitMicros(): number;
  /** @returns false when there is nothing to probe with */
  probe(entry: number, probe: { clusterId: number; bitsPerSecond: number; bytes: number }): boolean;
}

export interface BandwidthEvent {
  readonly desiredBitrate: number;
  readonly availableBitrate: number;
  readonly minBitrate: number;
  readonly maxBitrate: number;
}

type Kind = 'transport-cc' | 'remb';

export class OutgoingBandwidth {
  readonly #port: BandwidthPort;
  /** Of equal priority, the first is served first and goes dark last. */
  #takers: readonly BandwidthTaker[] = [];
  /** bit/s; before the first consumer. */
  startBitrate: number | undefined;
  #estimator: SendSideEstimator | undefined;
  readonly #loss = new LossMeter();
  #kind: Kind | undefined;
  #maxBitrate = 0;
  #minBitrate = 0;
  #desiredBitrate = 0;
  #allocatedMicros = -Infinity;
  #allocatedBitrate = 0;
  readonly #sharing = new LayerSharing();
  #pacedBitrate = 0;
  #heard = false;
  #due = false;
  /** What all that was given takes, bit/s. */
  #usedBitrate = 0;
  /** Some consumer can be sent less. */
  #layered = false;
  probesSent = 0;
  onAllocated: ((event: BandwidthEvent) => void) | undefined;
  onProbe: ((probe: { clusterId: number; bitsPerSecond: number; bytes: number }) => void) | undefined;

  constructor(port: BandwidthPort) {
    this.#port = port;
  }

  get kind(): Kind | undefined {
    return this.#kind;
  }

  get maxBitrate(): number {
    return this.#maxBitrate;
  }

  get minBitrate(): number {
    return this.#minBitrate;
  }

  get availableBitrate(): number | undefined {
    return this.#estimator?.targetBitrate;
  }

  /** More was sent than the way holds; a queue stands there. */
  get congested(): boolean {
    return this.#heard && this.#estimator!.congested;
  }

  /**
   * The pacer has more than the way takes now. What is repeated in such a moment waits behind it, is asked for again each round trip,
   * and keeps the queue up for seconds.
   */
  get behind(): boolean {
    return this.#heard && this.#port.pacerWaitMicros() > OUTGOING_BANDWIDTH.repeatWaitMicros;
  }

  /** The pacer has so much more that more was given than the way takes, whatever the estimate says. */
  get #overfed(): boolean {
    return this.#port.pacerWaitMicros() > OUTGOING_BANDWIDTH.overfedWaitMicros;
  }

  /** On the way to the receiver alone, 0…1; undefined: nobody tells. */
  get lossFraction(): number | undefined {
    return this.#heard ? this.#loss.fraction : undefined;
  }

  state(): Record<string, unknown> | undefined {
    return this.#estimator && { ...this.#estimator.state(), kind: this.#kind };
  }

  // ---- who shares it ----

  addTaker(taker: BandwidthTaker): void {
    if (!this.#takers.includes(taker)) this.#takers = [...this.#takers, taker];
  }

  removeTaker(taker: BandwidthTaker): void {
    this.#takers = this.#takers.filter((other) => other !== taker);
  }

  /** These first, as they stand; the others as before. */
  setTakerOrder(first: readonly BandwidthTaker[]): void {
    const known = first.filter((taker) => this.#takers.includes(taker));
    this.#takers = [...known, ...this.#takers.filter((taker) => !known.includes(taker))];
  }

  /** A consumer's or slot's parameters: the first video section that agrees on feedback begins the estimate. */
  negotiate(rtpParameters: RtpParameters, nowMicros: number): void {
    const { headerExtensions = [] } = rtpParameters;
    const has = (uri: string): boolean => headerExtensions.some((each) => each.uri === uri);
    if (has(HEADER_EXTENSION_URIS.transportWideCc) && offersFeedback(rtpParameters, 'transport-cc'))
      this.#kind = 'transport-cc';
    else if (has(HEADER_EXTENSION_URIS.absSendTime) && offersFeedback(rtpParameters, 'goog-remb'))
      this.#kind ??= 'remb';
    if (this.#kind === undefined || this.#estimator) return;
    this.#estimator = new SendSideEstimator();
    this.#setBounds(nowMicros, this.startBitrate);
  }

  /** bit/s, 0 = no limit. */
  setMaxBitrate(bitrate: number, nowMicros: number): void {
    this.#maxBitrate = bitrate;
    this.#setBounds(nowMicros);
    this.allocate(nowMicros);
  }

  setMinBitrate(bitrate: number, nowMicros: number): void {
    this.#minBitrate = bitrate;
    this.#setBounds(nowMicros);
    this.allocate(nowMicros);
  }

  // ---- feedback ----

  handleFeedback(feedback: TransportFeedback, nowMicros: number): void {
    const estimator = this.#estimator;
    if (!estimator || this.#kind !== 'transport-cc') return;
    this.#heard = true;
    this.#loss.add(feedback.receivedPackets + feedback.lostPackets, feedback.lostPackets);
    estimator.handleFeedback(feedback, nowMicros);
    this.#follow(nowMicros);
  }

  /** @param fractionLost 0…1 */
  handleReport(fractionLost: number, roundTripMicros: number | undefined, nowMicros: number): void {
    if (!this.#estimator) return;
    this.#estimator.handleReceiverReport(fractionLost, roundTripMicros, nowMicros);
    this.#follow(nowMicros);
  }

  handleRemb(bitrate: number, nowMicros: number): void {
    if (!this.#estimator) return;
    this.#estimator.handleRemb(bitrate, nowMicros);
    this.#follow(nowMicros);
  }

  poll(nowMicros: number): void {
    const deadline = this.nextDeadline();
    if (!this.#estimator || deadline === undefined || nowMicros < deadline) return;
    this.#estimator.poll(nowMicros);
    this.#follow(nowMicros);
  }

  nextDeadline(): number | undefined {
    if (!this.#estimator) return undefined;
    const own = this.#estimator.nextDeadline();
    const held = this.#due
      ? this.#allocatedMicros + OUTGOING_BANDWIDTH.allocateMicros
      : this.#allocatedMicros + OUTGOING_BANDWIDTH.holdMicros;
    // Where nobody has layers there is nothing to give or to take between two reports.
    if (!this.#layered || held === -Infinity) return own;
    return own === undefined ? held : Math.min(own, held);
  }

  // ---- who gets what ----

  /** Consumers came, went, or want something else. */
  allocate(nowMicros: number): void {
    const estimator = this.#estimator;
    if (!estimator) return;
    const available = Math.floor(estimator.targetBitrate);
    const layered: { taker: BandwidthTaker; request: AllocationRequest }[] = [];
    let fixed = 0;
    this.#layered = false;
    for (const taker of this.#takers) {
      const request = taker.bitrateRequest(nowMicros);
      if (request || taker.isLayered) this.#layered = true;
      if (request) {
        // Nothing measured yet: nothing to decide.
        if (request.bitrates.some((bitrate) => bitrate > 0)) layered.push({ taker, request });
      } else fixed += taker.fixedBitrate(nowMicros);
    }
    const left = Math.max(0, available - fixed);
    const requests = layered.map(({ taker, request }) => ({ ...request, allowed: taker.allowedChoice }));
    const { choices, desiredBitrate } = this.#sharing.share(requests, left, nowMicros, {
      strained: estimator.isStrained(nowMicros) || this.#overfed,
      measured: estimator.measured,
    });
    const desired = desiredBitrate + fixed;
    let used = fixed;
    for (const { taker, request } of layered) {
      const choice = choices.get(request.id) ?? -1;
      used += request.bitrates[choice] ?? 0;
      taker.setAllowedChoice(choice, nowMicros);
    }
    this.#usedBitrate = used;
    this.#allocatedMicros = nowMicros;
    this.#allocatedBitrate = available;
    this.#due = false;
    if (desired !== this.#desiredBitrate) {
      this.#desiredBitrate = desired;
      this.#setBounds(nowMicros);
    }
    this.onAllocated?.({
      desiredBitrate: desired,
      availableBitrate: available,
      minBitrate: Math.max(SEND_SIDE.leastBitrate, this.#minBitrate),
      maxBitrate: this.#maxBitrate,
    });
  }

  #follow(nowMicros: number): void {
    const estimator = this.#estimator!;
    // Without feedback nobody knows the way: what comes goes out at once.
    if (this.#heard)
      this.#pace(
        this.#layered
          ? estimator.layeredPacingBitrate(this.#usedBitrate, this.#port.pacerWaitMicros())
          : estimator.pacingBitrate,
      );
    const elapsed = nowMicros - this.#allocatedMicros;
    const fell = estimator.targetBitrate < this.#allocatedBitrate * OUTGOING_BANDWIDTH.fallen;
    if (fell || elapsed >= OUTGOING_BANDWIDTH.allocateMicros) this.allocate(nowMicros);
    else this.#due = true;
    for (const probe of estimator.takeProbes()) {
      for (const { probeEntry } of this.#takers) {
        if (probeEntry === undefined || !this.#port.probe(probeEntry, probe)) continue;
        this.probesSent++;
        this.onProbe?.(probe);
        break;
      }
    }
  }

  #pace(bitrate: number): void {
    if (Math.abs(bitrate - this.#pacedBitrate) <= this.#pacedBitrate * OUTGOING_BANDWIDTH.pacingStep) return;
    this.#pacedBitrate = bitrate;
    this.#port.setPacing(Math.floor(bitrate));
  }

  #setBounds(nowMicros: number, start?: number): void {
    const wanted = this.#desiredBitrate * OUTGOING_BANDWIDTH.desiredShare;
    const limit = this.#maxBitrate > 0 ? this.#maxBitrate : SEND_SIDE.mostBitrate;
    const least = start ?? this.startBitrate ?? SEND_SIDE.startBitrate;
    // Before anything has been measured nobody wants tens of Mbit/s: 20 ms of that would fill a narrow link for a second.
    const unknown = Math.max(least * OUTGOING_BANDWIDTH.unknownFactor, this.availableBitrate ?? 0);
    this.#estimator?.setBounds(
      {
        min: this.#minBitrate,
        max: Math.min(limit, wanted > 0 ? Math.max(wanted, SEND_SIDE.startBitrate) : unknown),
        ...(start === undefined ? {} : { start }),
      },
      nowMicros,
    );
  }
}
