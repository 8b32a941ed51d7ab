/**
 * VP8 in RTP: the payload descriptor in front of each packet and the first bytes of a key frame. RFC 7741 §4.2, §4.3; the
 * size of the picture, RFC 6386 §9.1.
 *    |X|R|N|S|R| PID |   S start of a partition, PID which one, N nobody refers to this frame
 *    |I|L|T|K|  RSV  |   only with X
 *    |M| PictureID (7 or 15) |   only with I         | TL0PICIDX (8) |   only with L
 *    |TID|Y|  KEYIDX |   only with T or K
 * Pictures are not decoded. What is done with the numbers: elsewhere; their offsets are there so that a copy can be patched.
 */
import { readUint16 } from '../bytes.js';

export interface Vp8Descriptor {
  /** First packet of a partition (S). */
  startOfPartition: boolean;
  /** Index of the partition (PID); a frame starts where `startOfPartition` and `partition` is 0. */
  partition: number;
  /** Nobody refers to this frame (N). */
  notReference: boolean;
  /** Only known in the first packet of a frame; false in all others. */
  keyFrame: boolean;
  /** −1: not carried. */
  pictureId: number;
  /** Of its first byte, from the start of the payload; −1: not carried. */
  pictureIdOffset: number;
  /** 7 or 15, 0: not carried. */
  pictureIdBits: number;
  /** TL0PICIDX, −1: not carried. */
  tl0PictureIndex: number;
  /** From the start of the payload; −1: not carried. */
  tl0PictureIndexOffset: number;
  /** TID, −1: not carried. */
  temporalLayer: number;
  /** This frame refers to nothing but the base layer (Y): here a receiver may step up. */
  layerSync: boolean;
  /** KEYIDX, −1: not carried. */
  keyIndex: number;
  /** Bytes of the descriptor; the picture's begin behind it. */
  headerLength: number;
  /** Of a key frame in pixels; 0: this packet does not say. */
  width: number;
  height: number;
}

export type Vp8Refusal = 'vp8-empty' | 'vp8-descriptor-length' | 'vp8-payload-empty';

export const emptyVp8Descriptor = (): Vp8Descriptor => ({
  startOfPartition: false,
  partition: 0,
  notReference: false,
  keyFrame: false,
  pictureId: -1,
  pictureIdOffset: -1,
  pictureIdBits: 0,
  tl0PictureIndex: -1,
  tl0PictureIndexOffset: -1,
  temporalLayer: -1,
  layerSync: false,
  keyIndex: -1,
  headerLength: 0,
  width: 0,
  height: 0,
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 */
export function readVp8Descriptor(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: Vp8Descriptor,
): Vp8Refusal | undefined {
  if (offset >= end || end > bytes.length) return 'vp8-empty';
  const first = bytes[offset]!;
  let at = offset + 1;
  let extended = 0;
  if (first & 0x80) {
    if (at >= end) return 'vp8-descriptor-length';
    extended = bytes[at++]!;
  }
  out.startOfPartition = (first & 0x10) !== 0;
  out.partition = first & 0x07;
  out.notReference = (first & 0x20) !== 0;
  out.pictureId = -1;
  out.pictureIdOffset = -1;
  out.pictureIdBits = 0;
  if (extended & 0x80) {
    if (at >= end) return 'vp8-descriptor-length';
    out.pictureIdOffset = at - offset;
    if (bytes[at]! & 0x80) {
      if (at + 2 > end) return 'vp8-descriptor-length';
      out.pictureId = readUint16(bytes, at) & 0x7fff;
      out.pictureIdBits = 15;
      at += 2;
    } else {
      out.pictureId = bytes[at++]!;
      out.pictureIdBits = 7;
    }
  }
  out.tl0PictureIndex = -1;
  out.tl0PictureIndexOffset = -1;
  if (extended & 0x40) {
    if (at >= end) return 'vp8-descriptor-length';
    out.tl0PictureIndexOffset = at - offset;
    out.tl0PictureIndex = bytes[at++]!;
  }
  out.temporalLayer = -1;
  out.layerSync = false;
  out.keyIndex = -1;
  if (extended & 0x30) {
    if (at >= end) return 'vp8-descriptor-length';
    const layer = bytes[at++]!;
    if (extended & 0x20) {
      out.temporalLayer = layer >> 6;
      out.layerSync = (layer & 0x20) !== 0;
    }
    if (extended & 0x10) out.keyIndex = layer & 0x1f;
  }
  if (at >= end) return 'vp8-payload-empty';
  out.headerLength = at - offset;
  readFrameHeader(bytes, at, end, out);
  return undefined;
}

/**
 * RFC 7741 §4.3: | size (3) | H | version (3) | P | size (16) |, P = 0 for a key frame. Behind it, in a key frame only
 * (RFC 6386 §9.1): 9d 01 2a, then scale (2) and width (14), scale (2) and height (14), little endian.
 */
function readFrameHeader(bytes: Uint8Array, at: number, end: number, out: Vp8Descriptor): void {
  out.keyFrame = out.startOfPartition && out.partition === 0 && (bytes[at]! & 0x01) === 0;
  out.width = 0;
  out.height = 0;
  if (!out.keyFrame || at + 10 > end) return;
  if (bytes[at + 3] !== 0x9d || bytes[at + 4] !== 0x01 || bytes[at + 5] !== 0x2a) return;
  out.width = ((bytes[at + 7]! << 8) | bytes[at + 6]!) & 0x3fff;
  out.height = ((bytes[at + 9]! << 8) | bytes[at + 8]!) & 0x3fff;
}
