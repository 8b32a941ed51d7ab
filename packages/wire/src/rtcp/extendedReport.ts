/**
 * Extended reports, RFC 3611 §2, §3: an SSRC, then blocks of | type (8) | type specific (8) | length in words (16) |.
 * Read in full: receiver reference time (§4.4) and its answer, DLRR (§4.5), with which a receiver measures its round trip.
 */
import type { ByteWriter } from '../bytes.js';
import { readUint16, readUint32 } from '../bytes.js';
import type { ExtendedReport, ExtendedReportBlock } from './packets.js';

const RECEIVER_REFERENCE_TIME = 4;
const DELAY_SINCE_LAST = 5;

export function readExtendedReport(bytes: Uint8Array, start: number, end: number): ExtendedReport | string {
  if (start + 4 > end) return 'xr-length';
  const blocks: ExtendedReportBlock[] = [];
  for (let at = start + 4; at < end;) {
    const next = at + 4 + 4 * readUint16(bytes, at + 2);
    if (next > end) return 'xr-block-length';
    const block = readBlock(bytes, at, next);
    if (block === undefined) return 'xr-block-length';
    blocks.push(block);
    at = next;
  }
  return { type: 'xr', ssrc: readUint32(bytes, start), blocks };
}

function readBlock(bytes: Uint8Array, at: number, next: number): ExtendedReportBlock | undefined {
  const blockType = bytes[at]!;
  const body = at + 4;
  if (blockType === RECEIVER_REFERENCE_TIME) {
    if (next - body !== 8) return undefined;
    return { type: 'rrtr', ntpSeconds: readUint32(bytes, body), ntpFraction: readUint32(bytes, body + 4) };
  }
  if (blockType === DELAY_SINCE_LAST) {
    if ((next - body) % 12 !== 0) return undefined;
    const reports: { ssrc: number; lastRr: number; delaySinceLastRr: number }[] = [];
    for (let each = body; each < next; each += 12)
      reports.push({
        ssrc: readUint32(bytes, each),
        lastRr: readUint32(bytes, each + 4),
        delaySinceLastRr: readUint32(bytes, each + 8),
      });
    return { type: 'dlrr', reports };
  }
  return { type: 'other', blockType, typeSpecific: bytes[at + 1]!, body: bytes.subarray(body, next) };
}

/** @throws TypeError for a body that is not a multiple of four bytes */
export function writeExtendedReport(writer: ByteWriter, packet: ExtendedReport): void {
  writer.uint32(packet.ssrc);
  for (const block of packet.blocks) {
    switch (block.type) {
      case 'rrtr':
        writer.uint8(RECEIVER_REFERENCE_TIME).uint8(0).uint16(2);
        writer.uint32(block.ntpSeconds).uint32(block.ntpFraction);
        break;
      case 'dlrr':
        writer
          .uint8(DELAY_SINCE_LAST)
          .uint8(0)
          .uint16(3 * block.reports.length);
        for (const { ssrc, lastRr, delaySinceLastRr } of block.reports)
          writer.uint32(ssrc).uint32(lastRr).uint32(delaySinceLastRr);
        break;
      case 'other':
        if (block.body.length % 4 !== 0) throw new TypeError('an XR block is a multiple of four bytes');
        writer
          .uint8(block.blockType)
          .uint8(block.typeSpecific)
          .uint16(block.body.length / 4)
          .raw(block.body);
    }
  }
}
