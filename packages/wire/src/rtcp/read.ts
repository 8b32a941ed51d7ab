/**
 * Compound RTCP in, values out. Header RFC 3550 §6.4.1: | V=2 | P | count (5) | type (8) | length in words − 1 (16) |.
 * A compound is read up to the first malformed packet; what was read before it stands. Reduced-size compounds
 * (RFC 5506) and any order of packets are taken; who may send what is decided elsewhere.
 */
import { readUint16, readUint24, readUint32 } from '../bytes.js';
import { decodeUtf8 } from '../text.js';
import { readExtendedReport } from './extendedReport.js';
import type { ReportBlock, RtcpPacket, SourceDescription, UnknownRtcp } from './packets.js';
import { REMB_IDENTIFIER, RTCP_FORMAT, RTCP_LIMITS, RTCP_TYPE } from './packets.js';
import { readTransportWide } from './transportWide.js';

const REPORT_BLOCK_BYTES = 24;

/** Where one packet lies and what its first word says; `end` is without padding. */
interface Place {
  type: number;
  count: number;
  start: number;
  end: number;
}
/** A packet, or the reason why it is none. */
type Read = RtcpPacket | string;

/** @returns the packets before the first malformed one, and why reading stopped there, if it did. */
export function parseRtcp(bytes: Uint8Array): { packets: RtcpPacket[]; why?: string } {
  const packets: RtcpPacket[] = [];
  let expandable: number = RTCP_LIMITS.expanded;
  for (let at = 0; at < bytes.length;) {
    if (packets.length === RTCP_LIMITS.packets) return { packets, why: 'rtcp-too-many-packets' };
    if (at + 4 > bytes.length) return { packets, why: 'rtcp-short' };
    const first = bytes[at]!;
    if (first >> 6 !== 2) return { packets, why: 'rtcp-version' };
    const next = at + 4 + 4 * readUint16(bytes, at + 2);
    if (next > bytes.length) return { packets, why: 'rtcp-length' };
    const place: Place = { type: bytes[at + 1]!, count: first & 0x1f, start: at + 4, end: next };
    if (first & 0x20) {
      const padding = next > place.start ? bytes[next - 1]! : 0;
      // Chromium ends transport-wide feedback with one to three bytes, against RFC 3550 §6.4.1.
      const inWords = padding % 4 === 0 || isTransportWide(place);
      if (padding === 0 || !inWords || padding > next - place.start) return { packets, why: 'rtcp-padding' };
      place.end -= padding;
    }
    const packet = readPacket(bytes, place, expandable);
    if (typeof packet === 'string') return { packets, why: packet };
    if (packet.type === 'nack') expandable -= packet.lost.length;
    else if (packet.type === 'twcc') expandable -= packet.statusCount;
    packets.push(packet);
    at = next;
  }
  return packets.length === 0 ? { packets, why: 'rtcp-short' } : { packets };
}

const isTransportWide = ({ type, count }: Place): boolean =>
  type === RTCP_TYPE.transportFeedback && count === RTCP_FORMAT.twcc;

function readPacket(bytes: Uint8Array, place: Place, expandable: number): Read {
  switch (place.type) {
    case RTCP_TYPE.senderReport:
      return readSenderReport(bytes, place);
    case RTCP_TYPE.receiverReport:
      return readReceiverReport(bytes, place);
    case RTCP_TYPE.sourceDescription:
      return readSourceDescription(bytes, place);
    case RTCP_TYPE.bye:
      return readBye(bytes, place);
    case RTCP_TYPE.transportFeedback:
      return readTransportFeedback(bytes, place, expandable);
    case RTCP_TYPE.payloadFeedback:
      return readPayloadFeedback(bytes, place);
    case RTCP_TYPE.extendedReport:
      return readExtendedReport(bytes, place.start, place.end);
    default:
      return unknown(bytes, place);
  }
}

const unknown = (bytes: Uint8Array, place: Place): UnknownRtcp => ({
  type: 'unknown',
  packetType: place.type,
  count: place.count,
  body: bytes.subarray(place.start, place.end),
});

function readSenderReport(bytes: Uint8Array, { start, end, count }: Place): Read {
  if (start + 24 + count * REPORT_BLOCK_BYTES > end) return 'sr-length';
  return {
    type: 'sr',
    ssrc: readUint32(bytes, start),
    ntpSeconds: readUint32(bytes, start + 4),
    ntpFraction: readUint32(bytes, start + 8),
    rtpTimestamp: readUint32(bytes, start + 12),
    packetCount: readUint32(bytes, start + 16),
    octetCount: readUint32(bytes, start + 20),
    reports: readReportBlocks(bytes, start + 24, count),
  };
}

function readReceiverReport(bytes: Uint8Array, { start, end, count }: Place): Read {
  if (start + 4 + count * REPORT_BLOCK_BYTES > end) return 'rr-length';
  return {
    type: 'rr',
    ssrc: readUint32(bytes, start),
    reports: readReportBlocks(bytes, start + 4, count),
  };
}

function readReportBlocks(bytes: Uint8Array, start: number, count: number): ReportBlock[] {
  const reports: ReportBlock[] = [];
  for (let i = 0, at = start; i < count; i++, at += REPORT_BLOCK_BYTES) {
    reports.push({
      ssrc: readUint32(bytes, at),
      fractionLost: bytes[at + 4]!,
      cumulativeLost: (readUint24(bytes, at + 5) << 8) >> 8,
      highestSequence: readUint32(bytes, at + 8),
      jitter: readUint32(bytes, at + 12),
      lastSr: readUint32(bytes, at + 16),
      delaySinceLastSr: readUint32(bytes, at + 20),
    });
  }
  return reports;
}

/** RFC 3550 §6.5: chunks of an SSRC and items, ended by at least one zero byte and padded to a word each. */
function readSourceDescription(bytes: Uint8Array, { start, end, count }: Place): Read {
  const chunks: SourceDescription['chunks'] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 4 > end) return 'sdes-length';
    const ssrc = readUint32(bytes, at);
    const items: { type: number; value: string }[] = [];
    at += 4;
    for (;;) {
      if (at >= end) return 'sdes-not-terminated';
      const type = bytes[at]!;
      if (type === 0) break;
      const length = at + 1 < end ? bytes[at + 1]! : 0;
      if (at + 2 + length > end) return 'sdes-item-length';
      items.push({ type, value: decodeUtf8(bytes, at + 2, length) });
      at += 2 + length;
    }
    at += 4 - ((at - start) % 4);
    if (at > end) return 'sdes-not-terminated';
    chunks.push({ ssrc, items });
  }
  return { type: 'sdes', chunks };
}

function readBye(bytes: Uint8Array, { start, end, count }: Place): Read {
  const reasonAt = start + 4 * count;
  if (reasonAt > end) return 'bye-length';
  const ssrcs: number[] = [];
  for (let at = start; at < reasonAt; at += 4) ssrcs.push(readUint32(bytes, at));
  if (reasonAt === end) return { type: 'bye', ssrcs };
  const length = bytes[reasonAt]!;
  if (reasonAt + 1 + length > end) return 'bye-reason-length';
  return { type: 'bye', ssrcs, reason: decodeUtf8(bytes, reasonAt + 1, length) };
}

function readTransportFeedback(bytes: Uint8Array, place: Place, expandable: number): Read {
  const { start, end, count } = place;
  if (start + 8 > end) return 'feedback-length';
  const ssrcs = { senderSsrc: readUint32(bytes, start), mediaSsrc: readUint32(bytes, start + 4) };
  if (count === RTCP_FORMAT.twcc) return readTransportWide(bytes, start + 8, end, expandable, ssrcs);
  if (count !== RTCP_FORMAT.nack) return unknown(bytes, place);
  if (start + 8 === end) return 'nack-length';
  const lost: number[] = [];
  // RFC 4585 §6.2.1: | first lost number (16) | bit i set: first + i + 1 is lost too (16) |
  for (let at = start + 8; at < end; at += 4) {
    const first = readUint16(bytes, at);
    const others = readUint16(bytes, at + 2);
    lost.push(first);
    for (let i = 0; i < 16; i++) if (others & (1 << i)) lost.push((first + i + 1) & 0xffff);
    if (lost.length > expandable) return 'nack-count';
  }
  return { type: 'nack', ...ssrcs, lost };
}

function readPayloadFeedback(bytes: Uint8Array, place: Place): Read {
  const { start, end, count } = place;
  if (start + 8 > end) return 'feedback-length';
  const senderSsrc = readUint32(bytes, start);
  if (count === RTCP_FORMAT.pli) return { type: 'pli', senderSsrc, mediaSsrc: readUint32(bytes, start + 4) };
  if (count === RTCP_FORMAT.fir) {
    // RFC 5104 §4.3.1.1: | SSRC (32) | command number (8) | reserved (24) |
    if (start + 8 === end || (end - start) % 8 !== 0) return 'fir-length';
    const entries: { ssrc: number; sequence: number }[] = [];
    for (let at = start + 8; at < end; at += 8)
      entries.push({ ssrc: readUint32(bytes, at), sequence: bytes[at + 4]! });
    return { type: 'fir', senderSsrc, entries };
  }
  if (
    count === RTCP_FORMAT.application &&
    start + 12 <= end &&
    readUint32(bytes, start + 8) === REMB_IDENTIFIER
  )
    return readRemb(bytes, start, end, senderSsrc);
  return unknown(bytes, place);
}

/** 'REMB', then | number of SSRCs (8) | exponent (6) | mantissa (18) |, then the SSRCs. */
function readRemb(bytes: Uint8Array, start: number, end: number, senderSsrc: number): Read {
  if (start + 16 > end) return 'remb-length';
  const count = bytes[start + 12]!;
  if (start + 16 + 4 * count > end) return 'remb-length';
  const word = readUint24(bytes, start + 13);
  const ssrcs: number[] = [];
  for (let i = 0; i < count; i++) ssrcs.push(readUint32(bytes, start + 16 + 4 * i));
  return { type: 'remb', senderSsrc, bitrate: (word & 0x3ffff) * 2 ** (word >> 18), ssrcs };
}
