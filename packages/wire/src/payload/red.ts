/**
 * Redundant audio: several blocks of other payload types in one packet, the oldest first. RFC 2198 §3.
 *    |1| payload type (7) | timestamp offset (14) | length (10) |   for each redundant block
 *    |0| payload type (7) |                                         for the primary one, then all blocks in this order
 * What is in the blocks, and whether a redundant one is still wanted: elsewhere.
 */
import { readUint16, readUint24 } from '../bytes.js';

export const RED_LIMITS = {
  /** Redundant blocks. Browsers send up to two, libwebrtc at most nine; headers in a packet could claim hundreds. */
  redundantBlocks: 9,
} as const;

export interface RedBlock {
  payloadType: number;
  /** How much older than the packet's timestamp, in its clock; 0 for the primary. */
  timestampOffset: number;
  /** From the start of the payload. */
  offset: number;
  length: number;
}

export interface RedPayload {
  /** The first `redundantCount` hold, oldest first. */
  redundant: RedBlock[];
  redundantCount: number;
  primary: RedBlock;
}

export type RedRefusal =
  | 'red-empty'
  | 'red-header-length'
  | 'red-block-length'
  | 'red-block-count'
  | 'red-primary-empty'
  | 'red-nested';

const emptyBlock = (): RedBlock => ({ payloadType: 0, timestampOffset: 0, offset: 0, length: 0 });

export const emptyRedPayload = (): RedPayload => ({
  redundant: Array.from({ length: RED_LIMITS.redundantBlocks }, emptyBlock),
  redundantCount: 0,
  primary: emptyBlock(),
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 * @param ownPayloadType of RED itself: a block of that type would be RED in RED
 */
export function readRed(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: RedPayload,
  ownPayloadType = -1,
): RedRefusal | undefined {
  if (offset >= end || end > bytes.length) return 'red-empty';
  let at = offset;
  let redundantBytes = 0;
  out.redundantCount = 0;
  while (bytes[at]! & 0x80) {
    if (out.redundantCount === RED_LIMITS.redundantBlocks) return 'red-block-count';
    if (at + 4 >= end) return 'red-header-length';
    const block = out.redundant[out.redundantCount++]!;
    block.payloadType = bytes[at]! & 0x7f;
    if (block.payloadType === ownPayloadType) return 'red-nested';
    block.timestampOffset = readUint24(bytes, at + 1) >> 10;
    block.length = readUint16(bytes, at + 2) & 0x03ff;
    redundantBytes += block.length;
    at += 4;
  }
  const { primary } = out;
  primary.payloadType = bytes[at]!;
  if (primary.payloadType === ownPayloadType) return 'red-nested';
  at++;
  if (at + redundantBytes > end) return 'red-block-length';
  for (let i = 0; i < out.redundantCount; i++) {
    const block = out.redundant[i]!;
    block.offset = at - offset;
    at += block.length;
  }
  if (at === end) return 'red-primary-empty';
  primary.offset = at - offset;
  primary.length = end - at;
  return undefined;
}
