/**
 * How much the way to one receiver holds: the delay of packet groups, their loss, and probes, in one target.
 * Spec: draft-ietf-rmcat-gcc-02; draft-holmer-rmcat-transport-wide-cc-extensions-01 (what is fed back). Pure: time is an argument.
 * For receivers without transport-wide feedback: REMB, or the loss of receiver reports.
 * Elsewhere: feedback against the send history → the engine · who gets which layer of it → bitrateAllocator.ts
 */
import type { TransportFeedback } from './feedback.js';
import { LossControl, LOSS_CONTROL } from './lossControl.js';
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
  /** Of the link's end, for layers: sound, headers of UDP and reports pass there as well. Ours. */
  layeredPacingShare: 0.93,
  /** But so much more than they take, so that the pacer's queue drains. Ours. */
  layeredPacingFactor: 1.04,
  /** Where packets have waited so long for the pacer, the layers are larger than measured: the queue drains at these. Ours. */
  layeredWaitMicros: 200_000,
  layeredWaitingShare: 0.97,
  layeredWaitingFactor: 1.1,
  /** What arrived and was sent is averaged over. libwebrtc: 500 ms, first 150 ms. */
  rateMicros: 500_000,
  rateLeastMicros: 150_000,
  /**
   * Where the media leaves room, most of that time was not full, and a burst that finds the link's end would seem to be little: then
   * what arrived in this shorter time is what the link gave. Ours: two or three feedbacks.
   */
  burstMicros: 200_000,
  burstLeastMicros: 80_000,
  /** Less sent than this share of the target leaves room. Ours. */
  roomShare: 0.85,
  /** Less sent than this share of the target: the media is the limit, not the network. libwebrtc ALR: 65 %. */
  applicationLimitedShare: 0.65,
  /** With packets under way and no feedback for this long, and each time again, the target falls. libwebrtc: 1 s, 0.8. */
  feedbackMicros: 1_000_000,
  silenceShare: 0.8,
  /** What was under way so long ago is lost: a small probe each few seconds finds out when the way is back. Ours. */
  lostMicros: 3_000_000,
  /** A queue of this length is no jitter and no single frame: neither probe nor rise, as long as it may be draining. Ours. */
  standingMicros: 60_000,
  /** And of this length no key frame that leaves as fast as the link takes it. Ours. */
  strainedMicros: 150_000,
  /** While no slope is seen yet, a queue of this length is one that has grown: more than a probe makes. Ours. */
  blindMicros: 100_000,
  /** Less than this is no queue, as long as less than this share of what probes have found is sent. Ours. */
  jitterMicros: 40_000,
  jitterShare: 1,
  /** And this is none at all where the media leaves room, whatever the slope says. Ours. */
  jitterLeastMicros: 10_000,
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
  /** The middle one of so many probes that filled the link is its end (jitter makes single ones too high), for this long. Ours. */
  limits: 3,
  limitMicros: 20_000_000,
  /** One that shows so much more than that has found a wider link, and those of before say nothing. Ours. */
  widerShare: 1.2,
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
  readonly #burst = new RateWindow(SEND_SIDE.burstMicros, SEND_SIDE.burstLeastMicros);
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
   * The same for layers, which leave room below the target. Where probes have found the link's end, the key frame of a layer that
   * comes in addition leaves slower than that: its packets would wait there, and look like a link that has become narrower.
   * @param needed what the layers take, bit/s
   * @param waitMicros how long the oldest packet has waited for the pacer
   */
  layeredPacingBitrate(needed: number, waitMicros: number): number {
    const limit = this.#probedLimit(this.#feedbackMicros ?? 0);
    if (limit === undefined) return this.pacingBitrate;
    const waiting = waitMicros > SEND_SIDE.layeredWaitMicros;
    const share = waiting ? SEND_SIDE.layeredWaitingShare : SEND_SIDE.layeredPacingShare;
    const factor = waiting ? SEND_SIDE.layeredWaitingFactor : SEND_SIDE.layeredPacingFactor;
    return Math.min(this.pacingBitrate, Math.max(needed * factor, limit * share));
  }

  /** More was sent than the way holds: delay grows, or a queue stands. */
  get congested(): boolean {
    return this.#detector.state === 'overuse' || this.#queue.micros > SEND_SIDE.standingMicros;
  }

  /** Probes have filled the link lately: the target does not drift beyond its end, and trembles less. */
  get measured(): boolean {
    return this.#probedLimit(this.#feedbackMicros ?? 0) !== undefined;
  }

  /** It loses packets, or lets them wait so long that no single key frame explains it. */
  isStrained(nowMicros: number): boolean {
    return this.#queue.micros > SEND_SIDE.strainedMicros || this.#loss.losesNow(nowMicros);
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
      this.#burst.add(feedback.ackedBytes, feedback.lastArrivalMicros);
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
    this.#rate.update(state, this.#arrived(state, feedback), this.#roundTripMicros, nowMicros);
    if (this.#rate.bitrate < before) this.#handleFall(before, nowMicros);
    this.#capByProbes(nowMicros);
    this.#loss.handlePackets(
      feedback.receivedPackets,
      feedback.lostPackets,
      this.#target,
      this.#roundTripMicros,
      nowMicros,
    );
    // Lost behind a full queue: the link is what came through.
    if (this.#loss.fraction > LOSS_CONTROL.high && this.#queue.micros > SEND_SIDE.blindMicros)
      this.#loss.bound(this.#acknowledgedBitrate);
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
      const lost = heard !== undefined && nowMicros - heard >= SEND_SIDE.lostMicros;
      if (heard === undefined || (this.#silenceMicros !== undefined && !lost)) {
        this.#waitsForFeedback = true;
        return;
      }
      // Nothing is under way any more, so nothing can be fed back: what stood in the queue is gone, and only a probe can tell more.
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
    if (state === 'overuse' && this.#isOnlyJitter(nowMicros)) return 'underuse';
    // A probe's end makes the detector blind for twenty groups, which are long on a link that has just become narrow.
    if (this.#detector.blind && this.#queue.micros > SEND_SIDE.blindMicros && !this.#probes.arriving)
      return 'overuse';
    if (state !== 'normal' || this.#queue.micros < SEND_SIDE.standingMicros) return state;
    return nowMicros - this.#rate.decreasedMicros < SEND_SIDE.drainMicros ? 'underuse' : 'normal';
  }

  get #leavesRoom(): boolean {
    return (this.#sentBitrate ?? Infinity) < this.#target * SEND_SIDE.roomShare;
  }

  /** Delay seems to grow, but no queue is there; a longer one is none where less is sent than probes have shown to fit. */
  #isOnlyJitter(nowMicros: number): boolean {
    if (this.#leavesRoom && this.#queue.micros < SEND_SIDE.jitterLeastMicros) return true;
    const limit = this.#probedLimit(nowMicros);
    return (
      limit !== undefined &&
      this.#queue.micros < SEND_SIDE.jitterMicros &&
      (this.#sentBitrate ?? Infinity) < limit * SEND_SIDE.jitterShare
    );
  }

  /** What the link gives, as far as what arrived lately can tell. */
  #arrived(state: NetworkState, { lastArrivalMicros }: TransportFeedback): number | undefined {
    const arrived = this.#acknowledgedBitrate;
    if (state !== 'overuse' || arrived === undefined || !this.#leavesRoom) return arrived;
    return Math.max(arrived, this.#burst.bitrate(lastArrivalMicros) ?? 0);
  }

  #handleProbe({ bitrate, full }: ProbeResult, nowMicros: number): void {
    this.#noteLimit(bitrate, full, nowMicros);
    // The queue that the probe itself has made is no overuse by the media. A queue of before would have kept it from being sent.
    this.#detector.reset();
    if (full && nowMicros < this.#distrustMicros) return;
    const step = full ? SEND_SIDE.fullStep : 1;
    // A bound by loss gives way, also where the delay has allowed more all the time: a queue that overflowed at once showed no slope.
    if (bitrate > this.#target) this.#loss.raise(this.#target + step * (bitrate - this.#target));
    if (bitrate <= this.#rate.bitrate) return;
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

  #noteLimit(bitrate: number, full: boolean, nowMicros: number): void {
    const known = this.#probedLimit(nowMicros);
    const wider = full ? bitrate > (known ?? Infinity) * SEND_SIDE.widerShare : bitrate > (known ?? 0);
    if (wider) this.#limits.length = 0;
    if (!full) return;
    this.#limits.push({ bitrate, atMicros: nowMicros });
    if (this.#limits.length > SEND_SIDE.limits) this.#limits.shift();
  }

  /** Where the link ends, as the last probes that filled it have shown. */
  #probedLimit(nowMicros: number): number | undefined {
    const bitrates = this.#limits
      .filter(({ atMicros }) => nowMicros - atMicros < SEND_SIDE.limitMicros)
      .map(({ bitrate }) => bitrate)
      .sort((a, b) => a - b);
    return bitrates[Math.floor(bitrates.length / 2)];
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
