/**
 * Values in, one compound RTCP out: everything that read.ts knows. The caller chooses the order of packets (RFC 3550
 * §6.1: a report first, unless reduced size was negotiated). Fields beyond their width are cut to it.
 */
import { ByteWriter } from '../bytes.js';
import { encodeUtf8 } from '../text.js';
import { writeExtendedReport } from './extendedReport.js';
import type { ReportBlock, RtcpPacket } from './packets.js';
import { REMB_IDENTIFIER, RTCP_FORMAT, RTCP_TYPE } from './packets.js';
import { writeTransportWide } from './transportWide.js';

const MAX_COUNT = 31; // five bits
const MAX_TEXT_BYTES = 255; // one byte of length

/** @throws TypeError for lists and texts that do not fit their packet. */
export function writeRtcp(packets: readonly RtcpPacket[]): Uint8Array {
  const writer = new ByteWriter(128);
  for (const packet of packets) {
    const start = writer.length;
    const [type, count] = headOf(packet);
    if (count > MAX_COUNT) throw new TypeError(`an RTCP packet holds at most ${MAX_COUNT} parts`);
    writer
      .uint8(0x80 | count)
      .uint8(type)
      .uint16(0);
    writeBody(writer, packet);
    writer.patchUint16(start + 2, (writer.length - start) / 4 - 1);
  }
  return writer.finish();
}

/** Packet type, and the five bits beside the version. */
function headOf(packet: RtcpPacket): readonly [type: number, count: number] {
  switch (packet.type) {
    case 'sr':
      return [RTCP_TYPE.senderReport, packet.reports.length];
    case 'rr':
      return [RTCP_TYPE.receiverReport, packet.reports.length];
    case 'sdes':
      return [RTCP_TYPE.sourceDescription, packet.chunks.length];
    case 'bye':
      return [RTCP_TYPE.bye, packet.ssrcs.length];
    case 'nack':
      return [RTCP_TYPE.transportFeedback, RTCP_FORMAT.nack];
    case 'twcc':
      return [RTCP_TYPE.transportFeedback, RTCP_FORMAT.twcc];
    case 'pli':
      return [RTCP_TYPE.payloadFeedback, RTCP_FORMAT.pli];
    case 'fir':
      return [RTCP_TYPE.payloadFeedback, RTCP_FORMAT.fir];
    case 'remb':
      return [RTCP_TYPE.payloadFeedback, RTCP_FORMAT.application];
    case 'xr':
      return [RTCP_TYPE.extendedReport, 0];
    case 'unknown':
      return [packet.packetType, packet.count];
  }
}

function writeBody(writer: ByteWriter, packet: RtcpPacket): void {
  switch (packet.type) {
    case 'sr':
      writer.uint32(packet.ssrc).uint32(packet.ntpSeconds).uint32(packet.ntpFraction);
      writer.uint32(packet.rtpTimestamp).uint32(packet.packetCount).uint32(packet.octetCount);
      return writeReportBlocks(writer, packet.reports);
    case 'rr':
      writer.uint32(packet.ssrc);
      return writeReportBlocks(writer, packet.reports);
    case 'sdes':
      for (const chunk of packet.chunks) {
        writer.uint32(chunk.ssrc);
        for (const { type, value } of chunk.items) writeText(writer.uint8(type), value);
        writer.uint8(0).padTo32Bits();
      }
      return;
    case 'bye':
      for (const ssrc of packet.ssrcs) writer.uint32(ssrc);
      if (packet.reason !== undefined) {
        writeText(writer, packet.reason);
        writer.padTo32Bits();
      }
      return;
    case 'nack':
      writer.uint32(packet.senderSsrc).uint32(packet.mediaSsrc);
      return writeLost(writer, packet.lost);
    case 'twcc':
      writer.uint32(packet.senderSsrc).uint32(packet.mediaSsrc);
      return writeTransportWide(writer, packet);
    case 'pli':
      writer.uint32(packet.senderSsrc).uint32(packet.mediaSsrc);
      return;
    case 'fir':
      writer.uint32(packet.senderSsrc).uint32(0);
      for (const { ssrc, sequence } of packet.entries) writer.uint32(ssrc).uint8(sequence).uint24(0);
      return;
    case 'remb':
      if (packet.ssrcs.length > 255) throw new TypeError('REMB holds at most 255 SSRCs');
      writer.uint32(packet.senderSsrc).uint32(0).uint32(REMB_IDENTIFIER).uint8(packet.ssrcs.length);
      writer.uint24(bitrateBits(packet.bitrate));
      for (const ssrc of packet.ssrcs) writer.uint32(ssrc);
      return;
    case 'xr':
      return writeExtendedReport(writer, packet);
    case 'unknown':
      if (packet.body.length % 4 !== 0) throw new TypeError('an RTCP packet is a multiple of four bytes');
      writer.raw(packet.body);
  }
}

function writeReportBlocks(writer: ByteWriter, reports: readonly ReportBlock[]): void {
  for (const report of reports) {
    // Signed 24 bits; a receiver that lost more stays at the end of the range (RFC 3550 §A.3).
    const lost = Math.max(-0x800000, Math.min(0x7fffff, report.cumulativeLost));
    writer.uint32(report.ssrc).uint8(report.fractionLost).uint24(lost).uint32(report.highestSequence);
    writer.uint32(report.jitter).uint32(report.lastSr).uint32(report.delaySinceLastSr);
  }
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  if (bytes.length > MAX_TEXT_BYTES) throw new TypeError(`an RTCP text has at most ${MAX_TEXT_BYTES} bytes`);
  writer.uint8(bytes.length).raw(bytes);
}

/** Numbers that follow each other within 16 share a word; the order given is kept, so sort first for fewest words. */
function writeLost(writer: ByteWriter, lost: readonly number[]): void {
  for (let i = 0; i < lost.length;) {
    const first = lost[i++]!;
    let others = 0;
    let before = 0;
    while (i < lost.length) {
      const distance = (lost[i]! - first) & 0xffff;
      if (distance <= before || distance > 16) break;
      others |= 1 << (distance - 1);
      before = distance;
      i++;
    }
    writer.uint16(first).uint16(others);
  }
}

/** 6 bits of exponent, 18 of mantissa; rounded down, so that the estimate never grows. */
function bitrateBits(bitrate: number): number {
  let mantissa = Math.floor(bitrate);
  let exponent = 0;
  while (mantissa > 0x3ffff && exponent < 63) {
    mantissa = Math.floor(mantissa / 2);
    exponent++;
  }
  return (exponent << 18) | Math.max(0, Math.min(0x3ffff, mantissa));
}
