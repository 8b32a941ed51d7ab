/**
 * Reads the kinds of RTCP that every receiver sends all the time, receiver reports, NACKs and transport-wide feedback, without
 * making an object of anything: a thousand receivers send two thousand compounds a second. A compound with anything else in it, or with
 * anything odd, is left to `parseRtcp` of @tertulia/wire as a whole.
 * Spec: RFC 3550 §6.4.2 (RR), RFC 4585 §6.2.1 (NACK). What the values mean: rtpSession.ts
 */
import { RTCP_FORMAT, RTCP_LIMITS, RTCP_TYPE } from '@tertulia/wire';
import type { ReportBlock } from '@tertulia/wire';

const HEADER_BYTES = 8;
const REPORT_BLOCK_BYTES = 24;
/** Header, two SSRCs, base number and count, reference time and count of packets. */
const TWCC_BYTES = 20;
const PADDING_BIT = 0x20;
/** More than real peers put into one; beyond it `parseRtcp` counts. */
const PACKETS_MAX = 8;

export interface ReportVisitor {
  /** `block` is used again for the next one. */
  handleBlock(block: ReportBlock): void;
  /** `lost` is used again for the next one. */
  handleNack(mediaSsrc: number, lost: readonly number[]): void;
  /** What follows the two SSRCs of a transport-wide feedback packet; read during the call only. */
  handleTransportFeedback?(feedback: Uint8Array): void;
}

const block = {
  ssrc: 0,
  fractionLost: 0,
  cumulativeLost: 0,
  highestSequence: 0,
  jitter: 0,
  lastSr: 0,
  delaySinceLastSr: 0,
};
const lost: number[] = [];

/** @returns false when the compound is something else; nothing was visited then. */
export function visitReports(bytes: Uint8Array, visitor: ReportVisitor): boolean {
  if (!onlyReports(bytes)) return false;
  for (let at = 0; at < bytes.length;) {
    const next = at + 4 + 4 * uint16(bytes, at + 2);
    if (bytes[at + 1] === RTCP_TYPE.receiverReport) {
      const end = at + HEADER_BYTES + (bytes[at]! & 0x1f) * REPORT_BLOCK_BYTES;
      for (let each = at + HEADER_BYTES; each < end; each += REPORT_BLOCK_BYTES) {
        readBlock(bytes, each);
        visitor.handleBlock(block);
      }
    } else if ((bytes[at]! & 0x1f) === RTCP_FORMAT.twcc) {
      visitor.handleTransportFeedback?.(
        bytes.subarray(at + HEADER_BYTES + 4, next - paddingOf(bytes, at, next)),
      );
    } else {
      readLost(bytes, at + HEADER_BYTES + 4, next);
      visitor.handleNack(uint32(bytes, at + HEADER_BYTES), lost);
    }
    at = next;
  }
  return true;
}

function onlyReports(bytes: Uint8Array): boolean {
  let packets = 0;
  let at = 0;
  while (at < bytes.length) {
    if (++packets > PACKETS_MAX || at + HEADER_BYTES > bytes.length) return false;
    const first = bytes[at]!;
    const next = at + 4 + 4 * uint16(bytes, at + 2);
    if (first >> 6 !== 2 || next > bytes.length) return false;
    const count = first & 0x1f;
    const type = bytes[at + 1];
    if (first & PADDING_BIT) {
      // Chromium fills transport-wide feedback up to whole words; elsewhere it is rare.
      const padding = bytes[next - 1]!;
      const isFeedback = type === RTCP_TYPE.transportFeedback && count === RTCP_FORMAT.twcc;
      if (!isFeedback || padding === 0 || next - at - padding < TWCC_BYTES) return false;
    }
    if (type === RTCP_TYPE.receiverReport) {
      if (at + HEADER_BYTES + count * REPORT_BLOCK_BYTES > next) return false;
    } else if (type === RTCP_TYPE.transportFeedback && count === RTCP_FORMAT.nack) {
      const words = (next - at - HEADER_BYTES - 4) >> 2;
      if (words < 1 || words * 17 * PACKETS_MAX > RTCP_LIMITS.expanded) return false;
    } else if (type !== RTCP_TYPE.transportFeedback || count !== RTCP_FORMAT.twcc || next - at < TWCC_BYTES) {
      return false;
    }
    at = next;
  }
  return packets > 0;
}

const paddingOf = (bytes: Uint8Array, at: number, next: number): number =>
  bytes[at]! & PADDING_BIT ? bytes[next - 1]! : 0;

function readBlock(bytes: Uint8Array, at: number): void {
  block.ssrc = uint32(bytes, at);
  block.fractionLost = bytes[at + 4]!;
  block.cumulativeLost = (((bytes[at + 5]! << 16) | uint16(bytes, at + 6)) << 8) >> 8;
  block.highestSequence = uint32(bytes, at + 8);
  block.jitter = uint32(bytes, at + 12);
  block.lastSr = uint32(bytes, at + 16);
  block.delaySinceLastSr = uint32(bytes, at + 20);
}

/** | first lost number (16) | bit i set: first + i + 1 is lost too (16) | */
function readLost(bytes: Uint8Array, start: number, end: number): void {
  lost.length = 0;
  for (let at = start; at < end; at += 4) {
    const first = uint16(bytes, at);
    lost.push(first);
    let others = uint16(bytes, at + 2);
    for (let number = first + 1; others !== 0; number++, others >>= 1) {
      if (others & 1) lost.push(number & 0xffff);
    }
  }
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

/** Transport-wide feedback in a compound of which other things were read by `parseRtcp`; stops where the compound ends early. */
export function visitTransportFeedback(bytes: Uint8Array, visit: (feedback: Uint8Array) => void): void {
  for (let at = 0; at + TWCC_BYTES <= bytes.length;) {
    const next = at + 4 + 4 * uint16(bytes, at + 2);
    if (bytes[at]! >> 6 !== 2 || next > bytes.length) return;
    const isFeedback =
      bytes[at + 1] === RTCP_TYPE.transportFeedback && (bytes[at]! & 0x1f) === RTCP_FORMAT.twcc;
    if (isFeedback && next - at >= TWCC_BYTES)
      visit(bytes.subarray(at + HEADER_BYTES + 4, next - paddingOf(bytes, at, next)));
    at = next;
  }
}
