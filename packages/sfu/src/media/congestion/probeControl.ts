/**
 * When more than the media is sent for a moment, to learn whether more would get through, and what came of it.
 * At the start, again at once while it goes well, every few seconds while more is wanted than the estimate gives, and back
 * towards the old rate after a deep fall. Pure. Elsewhere: sending the packets → the engine · what follows → sendSideEstimator.ts
 */
import type { ProbeReport, TransportFeedback } from './feedback.js';

export const PROBES = {
  /** Of the start rate. libwebrtc: first_exponential_probe_scale. */
  startFactor: 3,
  /** Of the estimate, afterwards. libwebrtc: further_exponential_probe_scale, alr_probe_scale. */
  factor: 2,
  /** A probe that shows this share of its rate is followed by the next. libwebrtc: further_probe_threshold 0.7. */
  furtherShare: 0.7,
  /** Between two while the media fills the estimate. LiveKit's figure; libwebrtc probes every 5 s, only when limited by media. */
  intervalMicros: 3_000_000,
  /** Between two when more is wanted than before. Ours. */
  hurryMicros: 1_000_000,
  /** After overuse none for this long: the queue must be gone. Ours. */
  quietMicros: 1_000_000,
  /** Long enough for a slope, and less than 50 ms of queue where it fails. libwebrtc: 15 ms. */
  durationMicros: 20_000,
  /** Packets of padding; fewer tell nothing. libwebrtc: 5 packets. A padding packet has at most 255 bytes behind its header. */
  bytesLeast: 1_250,
  /** A limit on what one probe may cost: 20 ms of 20 Mbit/s. */
  bytesMost: 50_000,
  /** Share of the bytes and packets that must have been reported. libwebrtc: 80 %; str0m: 4 packets. */
  reportedShare: 0.8,
  packetsLeast: 4,
  /** Nothing heard of it by then: over. libwebrtc: kMaxWaitingTimeForProbingResult. */
  answerMicros: 1_000_000,
  /** Spread over more time than this it was no probe. libwebrtc: kMaxProbeInterval. */
  spanMostMicros: 1_000_000,
  /** It cannot arrive this much faster than it was sent: a stall has let go. libwebrtc: kMaxValidRatio. */
  ratioMost: 2,
  /** Arrived slower than this share of its sending: the link was full; then a little less than what arrived. libwebrtc. */
  fullRatio: 0.9,
  fullShare: 0.95,
  /** Numbers of probes go round: the engine keeps 16 bits, 0 is media. */
  clustersMost: 65_535,
  /** Time in which groups that arrive together are measured, as a share of the probe's own. Ours. */
  spanShare: 0.75,
  /** A fall below this share of the rate calls for a probe of this share of what was. libwebrtc: 0.66, 0.85. */
  fallShare: 0.66,
  recoverShare: 0.85,
  /** Less to gain than this share is not worth one. Ours. */
  gainLeast: 1.1,
} as const;

export interface Probe {
  readonly clusterId: number;
  /** In addition to the media. */
  readonly bitsPerSecond: number;
  readonly bytes: number;
}

export interface ProbeResult {
  /** That got through. */
  readonly bitrate: number;
  /** It arrived slower than it was sent: beside others in a full queue a probe takes more than its share. */
  readonly full: boolean;
}

interface Running {
  readonly probe: Probe;
  readonly untilMicros: number;
  bytes: number;
  packets: number;
  firstSend: number;
  lastSend: number;
  firstArrival: number;
  lastArrival: number;
}

export class ProbeControl {
  #nextCluster = 1;
  #waiting: Probe[] = [];
  #running: Running | undefined;
  #dueMicros: number | undefined;
  #wantedBitrate: number | undefined;
  #fellMicros = -Infinity;
  #fellFrom = 0;
  #askedMicros = -Infinity;
  #groupsBefore: Float64Array = new Float64Array(0);
  sent = 0;
  succeeded = 0;

  /** A probe that was asked for or sent and not answered yet. */
  get busy(): boolean {
    return this.#running !== undefined || this.#waiting.length > 0;
  }

  /** Some of its packets have been reported, others not. */
  get arriving(): boolean {
    return this.#running !== undefined && this.#running.packets > 0;
  }

  nextDeadline(): number | undefined {
    return this.#running?.untilMicros ?? this.#dueMicros;
  }

  /** The first packets have come through. */
  start(startBitrate: number, mostBitrate: number, nowMicros: number): void {
    if (mostBitrate >= startBitrate * PROBES.gainLeast)
      this.#ask(Math.min(startBitrate * PROBES.startFactor, mostBitrate), nowMicros);
  }

  /** More is wanted than before: it need not wait for its turn. */
  hurry(): void {
    if (this.#dueMicros !== undefined)
      this.#dueMicros = Math.min(this.#dueMicros, this.#askedMicros + PROBES.hurryMicros);
  }

  /** Falls that follow one another are one, from the first one's rate: its cause may pass. */
  handleFall(before: number, after: number, nowMicros: number): void {
    if (nowMicros - this.#fellMicros > PROBES.intervalMicros) this.#fellFrom = before;
    this.#fellMicros = nowMicros;
    if (after > this.#fellFrom * PROBES.fallShare) return;
    this.#wantedBitrate = this.#fellFrom * PROBES.recoverShare;
    this.#dueMicros = nowMicros + PROBES.intervalMicros;
  }

  /**
   * @param quietSinceMicros of the last overuse, or of a queue that stands
   * @param gentle the link is shared: only as much more as the media itself is
   */
  poll(
    estimate: number,
    mostBitrate: number,
    quietSinceMicros: number,
    gentle: boolean,
    nowMicros: number,
  ): void {
    if (this.#running !== undefined && nowMicros >= this.#running.untilMicros) this.#running = undefined;
    this.#dueMicros ??= nowMicros + PROBES.intervalMicros;
    if (nowMicros < this.#dueMicros || this.busy) return;
    if (nowMicros < quietSinceMicros + PROBES.quietMicros) {
      this.#dueMicros = quietSinceMicros + PROBES.quietMicros;
      return;
    }
    this.#dueMicros = nowMicros + PROBES.intervalMicros;
    const wanted = gentle ? estimate : Math.max(estimate * PROBES.factor, this.#wantedBitrate ?? 0);
    this.#wantedBitrate = undefined;
    if (mostBitrate >= estimate * PROBES.gainLeast) this.#ask(Math.min(wanted, mostBitrate), nowMicros);
  }

  /** What is to be sent now; each is given once. */
  take(): Probe[] {
    const probes = this.#waiting;
    this.#waiting = [];
    return probes;
  }

  /** @returns a rate that got through, when a probe has been answered */
  handleFeedback(
    { probes, groups }: Pick<TransportFeedback, 'probes' | 'groups'>,
    estimate: number,
    mostBitrate: number,
    nowMicros: number,
  ): ProbeResult | undefined {
    const measured = this.#handleReports(probes, groups, estimate, mostBitrate, nowMicros);
    this.#groupsBefore = groups;
    return measured;
  }

  #handleReports(
    reports: readonly ProbeReport[],
    groups: Float64Array,
    estimate: number,
    mostBitrate: number,
    nowMicros: number,
  ): ProbeResult | undefined {
    let result: ProbeResult | undefined;
    for (const report of reports) {
      const running = this.#running;
      if (running === undefined || report.clusterId !== running.probe.clusterId || report.packets <= 0)
        continue;
      running.bytes += report.bytes;
      running.packets += report.packets;
      running.firstSend = Math.min(running.firstSend, report.firstSend);
      running.lastSend = Math.max(running.lastSend, report.lastSend);
      running.firstArrival = Math.min(running.firstArrival, report.firstArrival);
      running.lastArrival = Math.max(running.lastArrival, report.lastArrival);
      if (running.packets < PROBES.packetsLeast || running.bytes < running.probe.bytes * PROBES.reportedShare)
        continue;
      this.#running = undefined;
      const alone = rateOf(running);
      if (alone === undefined) continue;
      // The media between its packets got through as well: the groups know, the probe's own packets do not.
      const together = fastestOf([this.#groupsBefore, groups], running.lastArrival - running.firstArrival);
      const measured = Math.max(alone, together);
      const full =
        running.lastArrival - running.firstArrival >
        (running.lastSend - running.firstSend) / PROBES.fullRatio;
      result = { bitrate: measured, full };
      const { bitsPerSecond } = running.probe;
      if (measured >= estimate * PROBES.gainLeast) this.succeeded++;
      if (measured < Math.max(bitsPerSecond * PROBES.furtherShare, estimate * PROBES.gainLeast)) continue;
      // A link that was full has told its rate; asking again would only fill its queue.
      if (full) continue;
      this.#dueMicros = nowMicros + PROBES.intervalMicros;
      if (mostBitrate >= measured * PROBES.gainLeast)
        this.#ask(Math.min(measured * PROBES.factor, mostBitrate), nowMicros);
    }
    return result;
  }

  #ask(bitrate: number, nowMicros: number): void {
    const bitsPerSecond = Math.round(bitrate);
    const bytes = Math.round((bitsPerSecond * PROBES.durationMicros) / 8_000_000);
    const probe: Probe = {
      clusterId: this.#nextCluster,
      bitsPerSecond,
      bytes: Math.min(PROBES.bytesMost, Math.max(PROBES.bytesLeast, bytes)),
    };
    this.#nextCluster = (this.#nextCluster % PROBES.clustersMost) + 1;
    this.sent++;
    this.#askedMicros = nowMicros;
    this.#waiting = [probe];
    this.#running = {
      probe,
      untilMicros: nowMicros + PROBES.answerMicros,
      bytes: 0,
      packets: 0,
      firstSend: Infinity,
      lastSend: -Infinity,
      firstArrival: Infinity,
      lastArrival: -Infinity,
    };
  }
}

/** The last packet's bytes were not sent between first and last sending, nor the first one's arrived: one packet less. */
function rateOf(running: Running): number | undefined {
  const sendSpan = running.lastSend - running.firstSend;
  const arrivalSpan = running.lastArrival - running.firstArrival;
  if (sendSpan <= 0 || arrivalSpan <= 0) return undefined;
  if (sendSpan > PROBES.spanMostMicros || arrivalSpan > PROBES.spanMostMicros) return undefined;
  const bits = (running.bytes * 8 * (running.packets - 1)) / running.packets;
  const sent = (bits * 1_000_000) / sendSpan;
  const arrived = (bits * 1_000_000) / arrivalSpan;
  if (arrived > sent * PROBES.ratioMost) return undefined;
  if (arrived < sent * PROBES.fullRatio) return arrived * PROBES.fullShare;
  return Math.min(sent, arrived);
}

/**
 * The highest rate that was both sent and received over some groups in a row that arrived within at least `spanMicros`: what
 * came through one after the other has fitted through. @returns 0: there were no such groups
 */
function fastestOf(feedbacks: readonly Float64Array[], spanMicros: number): number {
  const least = spanMicros * PROBES.spanShare;
  const groups = feedbacks.flatMap((each) => Array.from(each));
  let fastest = 0;
  for (let from = 0; from + 2 < groups.length; from += 3) {
    let sent = 0;
    let arrived = 0;
    let bytes = 0;
    for (let at = from; at + 2 < groups.length && arrived < least; at += 3) {
      sent += groups[at]!;
      arrived += groups[at + 1]!;
      bytes += groups[at + 2]!;
    }
    if (arrived < least || arrived <= 0) break;
    const bitrate = (bytes * 8_000_000) / Math.max(sent, arrived);
    if (bitrate > fastest) fastest = bitrate;
  }
  return fastest * PROBES.fullShare;
}
