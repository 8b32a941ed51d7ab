/**
 * How much the way to one receiver holds: the delay of packet groups, their loss, and probes, in one target.
 * Spec: draft-ietf-rmcat-gcc-02; draft-holmer-rmcat-transport-wide-cc-extensions-01 (what is fed back). Pure: time is an argument.
 * For receivers without transport-wide feedback: REMB, or the loss of receiver reports.
 * Elsewhere: feedback against the send history → the engine · who gets which layer of it → bitrateAllocator.ts
 */
import type { TransportFeedback } from './feedback.js';
import { LossControl } from './lossControl.js';
import { OveruseDetector, type NetworkState } from './overuseDetector.js';
import { ProbeControl, PROBES, type Probe, type ProbeResult } from './probeControl.js';
import { QueueDelay } from './queueDelay.js';
import { RateControl } from './rateControl.js';
import { RateWindow } from './rateWindow.js';

export const SEND_SIDE = {
  /** mediasoup: initialAvailableOutgoingBitrate 600,000; least 30,000 bit/s. */
  startBitrate: 600_000,
  leastBitrate: 30_000,
  /** So that a misled estimate stays a number: 1 Gbit/s. */
  mostBitrate: 1_000_000_000,
  /**
   * A frame leaves this much faster than the mean. libwebrtc has 2.5, str0m 1.1; in the simulation (docs/congestion.md) 1.5
   * halves the queue that key frames make against 2.5 and is taken for overuse less often.
   */
  pacingFactor: 1.5,
  /** What arrived and was sent is averaged over. libwebrtc: 500 ms, first 150 ms. */
  rateMicros: 500_000,
  rateLeastMicros: 150_000,
  /** Less sent than this share of the target: the media is the limit, not the network. libwebrtc ALR: 65 %. */
  applicationLimitedShare: 0.65,
  /** With packets under way and no feedback for this long, and each time again, the target falls. libwebrtc: 1 s, 0.8. */
  feedbackMicros: 1_000_000,
  silenceShare: 0.8,
  /** A queue of this length is no jitter and no single frame: neither probe nor rise, as long as it may be draining. Ours. */
  standingMicros: 60_000,
  /** It has this long to drain: a rival who always fills it must not hold us down for ever. Ours. */
  drainMicros: 8_000_000,
  /**
   * Share of the way that the rate goes at once when a probe has filled the link. Beside another call it measures more than our
   * share: with the whole way one of two calls got five times as much as the other in the simulation, so at most twice. Ours.
   */
  fullStep: 2 / 3,
  /** A probe on a full link that was followed by overuse so soon and so deep has taken from others: 15 s without. Ours. */
  raisedMicros: 2_000_000,
  raisedShare: 0.8,
  distrustMicros: 15_000_000,
  /** The highest of so many probes that filled the link is its end, for this long. Ours: three probes' time and some more. */
  limits: 3,
  limitMicros: 12_000_000,
  /** Before one is known. libwebrtc: 200 ms; mediasoup: 100 ms. */
  roundTripMicros: 200_000,
} as const;

export interface SendSideBounds {
  min?: number;
  max?: number;
  /** Has an effect before the first feedback only. */
  start?: number;
}

export interface SendSideState {
  targetBitrate: number;
  pacingBitrate: number;
  delayBitrate: number;
  lossLimit: number | undefined;
  rembBitrate: number | undefined;
  acknowledgedBitrate: number | undefined;
  sentBitrate: number | undefined;
  lossFraction: number;
  roundTripMicros: number;
  queueMicros: number;
  network: NetworkState;
  trendMs: number;
  thresholdMs: number;
  applicationLimited: boolean;
  probesSent: number;
  probesSucceeded: number;
}

export class SendSideEstimator {
  readonly #detector = new OveruseDetector();
  readonly #rate = new RateControl(SEND_SIDE.startBitrate);
  readonly #loss = new LossControl();
  readonly #probes = new ProbeControl();
  readonly #acknowledged = new RateWindow(SEND_SIDE.rateMicros, SEND_SIDE.rateLeastMicros);
  readonly #sent = new RateWindow(SEND_SIDE.rateMicros, SEND_SIDE.rateLeastMicros);
  readonly #queue = new QueueDelay();
  /** By a probe on a full link. */
  #raised: { bitrate: number; atMicros: number } | undefined;
  #distrustMicros = -Infinity;
  /** What probes on a full link have measured, the last few. */
  readonly #limits: { bitrate: number; atMicros: number }[] = [];
  #least: number = SEND_SIDE.leastBitrate;
  #most: number = SEND_SIDE.mostBitrate;
  #remb: number | undefined;
  #acknowledgedBitrate: number | undefined;
  #sentBitrate: number | undefined;
  #roundTripMicros: number = SEND_SIDE.roundTripMicros;
  #feedbackMicros: number | undefined;
  #reportMicros: number | undefined;
  /** Feedback has stopped: probes wait for it, whatever was due. */
  #waitsForFeedback = false;
  /** From when on missing feedback lowers the target; undefined: nothing is under way. */
  #silenceMicros: number | undefined;
  #target: number = SEND_SIDE.startBitrate;

  get targetBitrate(): number {
    return this.#target;
  }

  get pacingBitrate(): number {
    return this.#target * SEND_SIDE.pacingFactor;
  }

  /**
   * The same for layers that leave room below the target. Where probes have found the link's end, the key frame of a layer that
   * comes in addition leaves no faster: its packets would wait there, and look like a link that has become narrower.
   */
  get layeredPacingBitrate(): number {
    const limit = this.#probedLimit(this.#feedbackMicros ?? 0) ?? Infinity;
    return Math.max(this.#target, Math.min(this.pacingBitrate, limit));
  }

  /** More was sent than the way holds: delay grows, or a queue stands. */
  get congested(): boolean {
    return this.#detector.state === 'overuse' || this.#queue.micros > SEND_SIDE.standingMicros;
  }

  /** Bits per second. `max` should be what is wanted: no probe goes beyond it. */
  setBounds({ min, max, start }: SendSideBounds, nowMicros: number): void {
    if (min !== undefined) this.#least = Math.max(SEND_SIDE.leastBitrate, min);
    if (max !== undefined) {
      if (max > this.#most * PROBES.gainLeast) this.#probes.hurry();
      this.#most = Math.min(SEND_SIDE.mostBitrate, max);
    }
    this.#most = Math.max(this.#most, this.#least);
    if (start !== undefined && this.#feedbackMicros === undefined) this.#rate.setBitrate(start, nowMicros);
    this.#settle();
  }

  handleFeedback(feedback: TransportFeedback, nowMicros: number): void {
    const first = this.#feedbackMicros === undefined;
    this.#waitsForFeedback = false;
    this.#feedbackMicros = nowMicros;
    this.#silenceMicros = feedback.inFlightBytes > 0 ? nowMicros + SEND_SIDE.feedbackMicros : undefined;
    if (feedback.receivedPackets > 0) {
      const meanBytes = feedback.ackedBytes / feedback.receivedPackets;
      const sentBytes = feedback.ackedBytes + Math.max(0, feedback.lostPackets) * meanBytes;
      this.#acknowledged.add(feedback.ackedBytes, feedback.lastArrivalMicros);
      this.#sent.add(sentBytes, feedback.lastSendMicros);
      this.#acknowledgedBitrate = this.#acknowledged.bitrate(feedback.lastArrivalMicros);
      this.#sentBitrate = this.#sent.bitrate(feedback.lastSendMicros);
      this.#handleRoundTrip(nowMicros - feedback.lastSendMicros);
      this.#queue.handlePacket(feedback.lastSendMicros, feedback.lastArrivalMicros, nowMicros);
    }
    const { groups } = feedback;
    for (let at = 0; at + 2 < groups.length; at += 3)
      this.#detector.handleGroup(groups[at]!, groups[at + 1]!);

    const result = this.#probes.handleFeedback(feedback, this.#target, this.#probeMost(), nowMicros);
    if (result !== undefined) this.#handleProbe(result, nowMicros);
    const before = this.#rate.bitrate;
    const state = this.#networkState(nowMicros);
    this.#rate.update(state, this.#acknowledgedBitrate, this.#roundTripMicros, nowMicros);
    if (this.#rate.bitrate < before) this.#handleFall(before, nowMicros);
    this.#capByProbes(nowMicros);
    this.#loss.handlePackets(
      feedback.receivedPackets,
      feedback.lostPackets,
      this.#target,
      this.#roundTripMicros,
      nowMicros,
    );
    if (first) this.#probes.start(this.#rate.bitrate, this.#probeMost(), nowMicros);
    this.#settle();
    this.poll(nowMicros);
  }

  /** @param fractionLost 0…1 of the packets since the last report */
  handleReceiverReport(fractionLost: number, roundTripMicros: number | undefined, nowMicros: number): void {
    if (roundTripMicros !== undefined) this.#handleRoundTrip(roundTripMicros);
    if (this.#feedbackMicros !== undefined) return;
    this.#loss.handleFraction(fractionLost, this.#target, this.#roundTripMicros, nowMicros);
    // Nothing says how much arrives: without loss the rate goes up by itself, as far as REMB or the bounds let it.
    const state = this.#loss.fraction < 0.02 ? 'normal' : 'underuse';
    this.#rate.update(state, Infinity, this.#roundTripMicros, nowMicros);
    this.#reportMicros = nowMicros;
    this.#settle();
  }

  handleRemb(bitrate: number, nowMicros: number): void {
    this.#remb = bitrate;
    if (this.#feedbackMicros === undefined) this.#rate.setBitrate(this.#clamp(bitrate), nowMicros);
    this.#settle();
  }

  /** What is to be sent beside the media now. Where nothing can carry it, it is simply not done. */
  takeProbes(): Probe[] {
    return this.#probes.take();
  }

  poll(nowMicros: number): void {
    if (this.#silenceMicros !== undefined && nowMicros >= this.#silenceMicros) {
      this.#silenceMicros = nowMicros + SEND_SIDE.feedbackMicros;
      const before = this.#target;
      this.#rate.setBitrate(this.#clamp(before * SEND_SIDE.silenceShare), nowMicros);
      this.#handleFall(before, nowMicros);
      this.#settle();
    }
    const heard = this.#feedbackMicros;
    if (heard === undefined || nowMicros - heard > SEND_SIDE.feedbackMicros) {
      if (heard === undefined || this.#silenceMicros !== undefined) {
        this.#waitsForFeedback = true;
        return;
      }
      // Nothing is under way, so nothing can be fed back: what stood in the queue is gone, and only a probe can tell more.
      this.#detector.reset();
      this.#queue.clear();
    }
    const busy = this.#detector.state === 'overuse' || this.#queue.micros > SEND_SIDE.standingMicros;
    const quietSince = busy ? nowMicros : this.#rate.decreasedMicros;
    this.#probes.poll(
      this.#target,
      this.#probeMost(),
      quietSince,
      nowMicros < this.#distrustMicros,
      nowMicros,
    );
  }

  /** undefined: nothing to do until the next feedback. */
  nextDeadline(): number | undefined {
    const probe = this.#waitsForFeedback ? undefined : this.#probes.nextDeadline();
    if (this.#silenceMicros === undefined) return probe;
    return probe === undefined ? this.#silenceMicros : Math.min(probe, this.#silenceMicros);
  }

  state(): SendSideState {
    return {
      targetBitrate: this.#target,
      pacingBitrate: this.pacingBitrate,
      delayBitrate: this.#rate.bitrate,
      lossLimit: this.#loss.limit,
      rembBitrate: this.#remb,
      acknowledgedBitrate: this.#acknowledgedBitrate,
      sentBitrate: this.#sentBitrate,
      lossFraction: this.#loss.fraction,
      roundTripMicros: this.#roundTripMicros,
      queueMicros: this.#queue.micros,
      network: this.#detector.state,
      trendMs: this.#detector.trendMs,
      thresholdMs: this.#detector.thresholdMs,
      applicationLimited:
        this.#sentBitrate !== undefined &&
        this.#sentBitrate < this.#target * SEND_SIDE.applicationLimitedShare,
      probesSent: this.#probes.sent,
      probesSucceeded: this.#probes.succeeded,
    };
  }

  /** A queue that stands is given time to drain before the rate rises. */
  #networkState(nowMicros: number): NetworkState {
    const { state } = this.#detector;
    // The half of a probe that has been reported is not judged before the other half is here.
    if (state === 'overuse' && this.#probes.arriving) return 'underuse';
    if (state !== 'normal' || this.#queue.micros < SEND_SIDE.standingMicros) return state;
    return nowMicros - this.#rate.decreasedMicros < SEND_SIDE.drainMicros ? 'underuse' : 'normal';
  }

  #handleProbe({ bitrate, full }: ProbeResult, nowMicros: number): void {
    if (full) {
      this.#limits.push({ bitrate, atMicros: nowMicros });
      if (this.#limits.length > SEND_SIDE.limits) this.#limits.shift();
    } else this.#limits.length = 0;
    // The queue that the probe itself has made is no overuse by the media. A queue of before would have kept it from being sent.
    this.#detector.reset();
    if (bitrate <= this.#rate.bitrate) return;
    if (full && nowMicros < this.#distrustMicros) return;
    const step = full ? SEND_SIDE.fullStep : 1;
    const raised = this.#rate.bitrate + step * (bitrate - this.#rate.bitrate);
    this.#rate.setBitrate(raised, nowMicros);
    this.#loss.raise(raised);
    if (full) this.#raised = { bitrate: raised, atMicros: nowMicros };
    // What arrived before, at the old rate, says nothing of the new one.
    this.#acknowledged.clear();
    this.#acknowledgedBitrate = undefined;
  }

  /**
   * Media that leaves room does not show where the link ends, and the rate would drift beyond it by and by. Probes that
   * filled the link have shown it.
   */
  #capByProbes(nowMicros: number): void {
    const probed = this.#probedLimit(nowMicros);
    if (probed === undefined) return;
    const limit = Math.max(probed / PROBES.fullShare, this.#acknowledgedBitrate ?? 0);
    if (this.#rate.bitrate > limit) this.#rate.setBitrate(limit, nowMicros);
  }

  /** Where the link ends, as the best of the last probes that filled it has shown. */
  #probedLimit(nowMicros: number): number | undefined {
    let limit: number | undefined;
    for (const { bitrate, atMicros } of this.#limits)
      if (nowMicros - atMicros < SEND_SIDE.limitMicros && bitrate > (limit ?? 0)) limit = bitrate;
    return limit;
  }

  #handleFall(before: number, nowMicros: number): void {
    this.#probes.handleFall(before, this.#rate.bitrate, nowMicros);
    const raised = this.#raised;
    this.#raised = undefined;
    if (raised === undefined || nowMicros - raised.atMicros > SEND_SIDE.raisedMicros) return;
    if (this.#rate.bitrate < raised.bitrate * SEND_SIDE.raisedShare)
      this.#distrustMicros = nowMicros + SEND_SIDE.distrustMicros;
  }

  #probeMost(): number {
    return Math.min(this.#most, this.#remb ?? Infinity);
  }

  #handleRoundTrip(sampleMicros: number): void {
    if (sampleMicros > 0) this.#roundTripMicros += (sampleMicros - this.#roundTripMicros) / 8; // as TCP, RFC 6298 §2
  }

  #clamp(bitrate: number): number {
    return Math.min(this.#most, Math.max(this.#least, bitrate));
  }

  #settle(): void {
    this.#loss.relax(this.#rate.bitrate);
    this.#target = this.#clamp(
      Math.min(this.#rate.bitrate, this.#loss.limit ?? Infinity, this.#remb ?? Infinity),
    );
  }
}
