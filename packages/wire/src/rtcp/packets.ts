/**
 * What RTCP packets say, as values. RFC 3550 §6 (SR, RR, SDES, BYE), RFC 4585 §6 (NACK, PLI), RFC 5104 §4.3.1 (FIR),
 * RFC 3611 (XR), draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1 (TWCC), draft-alvestrand-rmcat-remb-03 §2.2 (REMB).
 * Reading: read.ts. Writing: write.ts.
 */
export const RTCP_TYPE = {
  senderReport: 200,
  receiverReport: 201,
  sourceDescription: 202,
  bye: 203,
  transportFeedback: 205,
  payloadFeedback: 206,
  extendedReport: 207,
} as const;

/** Feedback formats: the count field of types 205 and 206. */
export const RTCP_FORMAT = { nack: 1, twcc: 15, pli: 1, fir: 4, application: 15 } as const;

/** 'REMB' */
export const REMB_IDENTIFIER = 0x52454d42;

/** Item types of a source description, RFC 3550 §6.5. */
export const SDES_ITEM = {
  cname: 1,
  name: 2,
  email: 3,
  phone: 4,
  location: 5,
  tool: 6,
  note: 7,
  private: 8,
} as const;

export const RTCP_LIMITS = {
  packets: 64, // a compound of real peers has at most 31 reports and a few feedback packets
  /**
   * Sequence numbers that the NACKs and TWCC feedback of one compound may speak of together. A run-length chunk claims
   * 8191 of them in two bytes, so the bytes do not bound the work. 0.25 s of 10,000 packets/s is 2500.
   */
  expanded: 8_192,
} as const;

export interface ReportBlock {
  ssrc: number;
  /** 1/256 of the packets expected since the last report. */
  fractionLost: number;
  /** Signed 24 bits: duplicates make it negative. */
  cumulativeLost: number;
  /** Highest number received, with the receiver's count of wraps above the low 16 bits. */
  highestSequence: number;
  /** In RTP clock ticks. */
  jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report, 0 = none. */
  lastSr: number;
  /** 1/65536 s since that report came. */
  delaySinceLastSr: number;
}

export interface SenderReport {
  type: 'sr';
  ssrc: number;
  ntpSeconds: number;
  ntpFraction: number;
  rtpTimestamp: number;
  packetCount: number;
  octetCount: number;
  reports: ReportBlock[];
}

export interface ReceiverReport {
  type: 'rr';
  ssrc: number;
  reports: ReportBlock[];
}

export interface SourceDescription {
  type: 'sdes';
  chunks: { ssrc: number; items: { type: number; value: string }[] }[];
}

export interface Bye {
  type: 'bye';
  ssrcs: number[];
  reason?: string;
}

export interface Nack {
  type: 'nack';
  senderSsrc: number;
  mediaSsrc: number;
  /** 16-bit numbers in the order of the packet. */
  lost: number[];
}

export interface PictureLossIndication {
  type: 'pli';
  senderSsrc: number;
  mediaSsrc: number;
}

export interface FullIntraRequest {
  type: 'fir';
  senderSsrc: number;
  entries: { ssrc: number; sequence: number }[];
}

export interface TransportWideFeedback {
  type: 'twcc';
  senderSsrc: number;
  mediaSsrc: number;
  baseSequence: number;
  statusCount: number;
  /** Signed 24 bits, in units of 64 ms. */
  referenceTime64ms: number;
  /** 8 bits, counts feedback packets. */
  feedbackCount: number;
  /** One for each of `statusCount` numbers: time since the received one before, in 250 µs; undefined = not received. */
  deltas: (number | undefined)[];
}

export interface ReceiverEstimatedMaxBitrate {
  type: 'remb';
  senderSsrc: number;
  /** bit/s; the format reaches 2^81, so it may be beyond the safe integers. */
  bitrate: number;
  ssrcs: number[];
}

export type ExtendedReportBlock =
  | { type: 'rrtr'; ntpSeconds: number; ntpFraction: number }
  | { type: 'dlrr'; reports: { ssrc: number; lastRr: number; delaySinceLastRr: number }[] }
  | { type: 'other'; blockType: number; typeSpecific: number; body: Uint8Array };

export interface ExtendedReport {
  type: 'xr';
  ssrc: number;
  blocks: ExtendedReportBlock[];
}

/** A well-formed packet of a type or format that is not known here. */
export interface UnknownRtcp {
  type: 'unknown';
  packetType: number;
  /** The five bits beside the version: a count, or the format of feedback. */
  count: number;
  /** What follows the first word, borrowed; a multiple of four bytes. */
  body: Uint8Array;
}

export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Bye
  | Nack
  | PictureLossIndication
  | FullIntraRequest
  | TransportWideFeedback
  | ReceiverEstimatedMaxBitrate
  | ExtendedReport
  | UnknownRtcp;
