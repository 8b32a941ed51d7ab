/**
 * What a transport keeps about each stream that it sends, whoever fills it (a consumer or a slot): who is told of NACKs,
 * what the receiver reported, whether it still needs the MID in every packet.
 * Spec: RFC 3550 §6.4.1 (round trip time), virtual streams R6 (MID until the first report).
 * Elsewhere: RTCP that comes in → reportReader.ts, rtpSession.ts
 */
import type { ReportBlock } from '@tertulia/wire';
import { StreamScore } from './receive/streamScore.js';

/** Until the first report tells it: a NACK asked twice within it is one loss. */
const ROUND_TRIP_DEFAULT_MICROS = 100_000;
/** A report that claims more is nonsense; a geostationary link has 0.6 s. */
const ROUND_TRIP_MAX_MICROS = 10_000_000;

/** Numbers of one sender report. */
export interface SenderReportNumbers {
  readonly ssrc: number;
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  readonly octetCount: number;
}

export interface OutgoingOwner {
  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void;
  /** It cannot go on with what it has got (PLI, FIR). */
  handleKeyFrameRequest?(stream: OutgoingStream, words: 'pli' | 'fir', nowMicros: number): void;
  handleReport?(stream: OutgoingStream): void;
  /** The receiver knows by now which section the SSRC belongs to. */
  stopSendingMid(stream: OutgoingStream): void;
}

export class OutgoingStream {
  roundTripMicros = ROUND_TRIP_DEFAULT_MICROS;
  /** Whether a report has told the round trip time. */
  measured = false;
  fractionLost = 0;
  packetsLost = 0;
  jitter = 0;
  nacks = 0;
  nackPackets = 0;
  plis = 0;
  firs = 0;
  /** Of who asks for it to be told; counted by the owner. */
  readonly score = new StreamScore();
  #midKnown = false;

  constructor(
    readonly ssrc: number,
    readonly nackNegotiated: boolean,
    readonly owner: OutgoingOwner,
    /** Of its repetitions, where they go over an SSRC of their own. */
    readonly rtxSsrc?: number | undefined,
  ) {}

  /** @param middleNow the middle 32 bits of our NTP clock */
  handleReport(block: ReportBlock, middleNow: number): void {
    this.fractionLost = block.fractionLost;
    this.packetsLost = block.cumulativeLost;
    this.jitter = block.jitter;
    if (block.lastSr !== 0) {
      const units = (middleNow - block.lastSr - block.delaySinceLastSr) | 0; // 1/65536 s
      const micros = Math.round((units * 1e6) / 65_536);
      // A clock step or a lie gives a negative time: the one before stands.
      if (micros >= 0 && micros <= ROUND_TRIP_MAX_MICROS) {
        this.roundTripMicros = micros;
        this.measured = true;
      }
    }
    this.owner.handleReport?.(this);
    if (this.#midKnown) return;
    this.#midKnown = true;
    this.owner.stopSendingMid(this);
  }

  handleNack(lost: readonly number[], nowMicros: number): void {
    this.nacks++;
    this.nackPackets += lost.length;
    this.owner.handleNack(this, lost, nowMicros);
  }
}
