/**
 * VP9 in RTP: the payload descriptor in front of each packet. RFC 9628 §4.2, scalability structure §4.2.1.
 *    |I|P|L|F|B|E|V|Z|   P refers to earlier pictures, B and E first and last packet of a layer's frame, F flexible mode,
 *    |M| picture id (7 or 15) |        only with I              Z no higher spatial layer refers to this frame
 *    | TID |U| SID |D|                 only with L; U here a receiver may step up, D needs the layer below
 *    | TL0PICIDX (8) |                 only with L and without F
 *    | P_DIFF (7) |N| …                only with P and F, at most three
 *    | N_S (3) |Y|G|  |                only with V: sizes with Y, picture group with G
 * Pictures are not decoded. Which layers are sent to whom: elsewhere.
 */
import { readUint16 } from '../bytes.js';

export const VP9_LIMITS = {
  spatialLayers: 8, // N_S is three bits and counts from one
  references: 3, // RFC 9628 §4.2: P_DIFF at most three times; R of the picture group is two bits
} as const;

export interface Vp9Descriptor {
  /** −1: not carried. */
  pictureId: number;
  /** Of its first byte, from the start of the payload; −1: not carried. */
  pictureIdOffset: number;
  /** 7 or 15, 0: not carried. */
  pictureIdBits: number;
  /** P: this frame refers to earlier pictures of its spatial layer. */
  interPicturePredicted: boolean;
  flexible: boolean;
  /** L: the four that follow were carried; without it they are 0 and false. */
  hasLayers: boolean;
  spatialLayer: number;
  temporalLayer: number;
  /** U: from here on frames of this temporal layer refer to nothing of it from before. */
  switchingUp: boolean;
  /** D: refers to the layer below in the same picture. */
  interLayerDependency: boolean;
  /** TL0PICIDX, −1: not carried. */
  tl0PictureIndex: number;
  /** From the start of the payload; −1: not carried. */
  tl0PictureIndexOffset: number;
  /** B */
  startOfFrame: boolean;
  /** E: behind it a higher spatial layer may be cut off. */
  endOfFrame: boolean;
  /** Z: no higher spatial layer refers to this frame. */
  notReference: boolean;
  /** How many pictures back lie those referred to, in flexible mode. The first `referenceCount` hold. */
  references: Uint8Array;
  referenceCount: number;
  /** V: spatial layers by the structure; 0: this packet does not say. */
  spatialLayerCount: number;
  /** By spatial layer, when `hasSizes`. */
  widths: Uint16Array;
  heights: Uint16Array;
  hasSizes: boolean;
  /** Pictures of the group that the structure describes; 0: none. */
  pictureGroupSize: number;
  /** First packet of a picture that refers to nothing: here a receiver may begin. */
  keyFrame: boolean;
  /** Bytes of the descriptor; the picture's begin behind it. */
  headerLength: number;
}

export type Vp9Refusal =
  'vp9-empty' | 'vp9-descriptor-length' | 'vp9-references' | 'vp9-structure-length' | 'vp9-payload-empty';

export const emptyVp9Descriptor = (): Vp9Descriptor => ({
  pictureId: -1,
  pictureIdOffset: -1,
  pictureIdBits: 0,
  interPicturePredicted: false,
  flexible: false,
  hasLayers: false,
  spatialLayer: 0,
  temporalLayer: 0,
  switchingUp: false,
  interLayerDependency: false,
  tl0PictureIndex: -1,
  tl0PictureIndexOffset: -1,
  startOfFrame: false,
  endOfFrame: false,
  notReference: false,
  references: new Uint8Array(VP9_LIMITS.references),
  referenceCount: 0,
  spatialLayerCount: 0,
  widths: new Uint16Array(VP9_LIMITS.spatialLayers),
  heights: new Uint16Array(VP9_LIMITS.spatialLayers),
  hasSizes: false,
  pictureGroupSize: 0,
  keyFrame: false,
  headerLength: 0,
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 */
export function readVp9Descriptor(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: Vp9Descriptor,
): Vp9Refusal | undefined {
  if (offset >= end || end > bytes.length) return 'vp9-empty';
  const first = bytes[offset]!;
  let at = offset + 1;
  out.interPicturePredicted = (first & 0x40) !== 0;
  out.flexible = (first & 0x10) !== 0;
  out.startOfFrame = (first & 0x08) !== 0;
  out.endOfFrame = (first & 0x04) !== 0;
  out.notReference = (first & 0x01) !== 0;

  out.pictureId = -1;
  out.pictureIdOffset = -1;
  out.pictureIdBits = 0;
  if (first & 0x80) {
    if (at >= end) return 'vp9-descriptor-length';
    out.pictureIdOffset = at - offset;
    if (bytes[at]! & 0x80) {
      if (at + 2 > end) return 'vp9-descriptor-length';
      out.pictureId = readUint16(bytes, at) & 0x7fff;
      out.pictureIdBits = 15;
      at += 2;
    } else {
      out.pictureId = bytes[at++]!;
      out.pictureIdBits = 7;
    }
  }

  out.hasLayers = (first & 0x20) !== 0;
  out.tl0PictureIndex = -1;
  out.tl0PictureIndexOffset = -1;
  let layers = 0;
  if (out.hasLayers) {
    if (at >= end) return 'vp9-descriptor-length';
    layers = bytes[at++]!;
    if (!out.flexible) {
      if (at >= end) return 'vp9-descriptor-length';
      out.tl0PictureIndexOffset = at - offset;
      out.tl0PictureIndex = bytes[at++]!;
    }
  }
  out.temporalLayer = layers >> 5;
  out.switchingUp = (layers & 0x10) !== 0;
  out.spatialLayer = (layers >> 1) & 0x07;
  out.interLayerDependency = (layers & 0x01) !== 0;

  out.referenceCount = 0;
  if (out.interPicturePredicted && out.flexible) {
    let more = true;
    while (more) {
      if (out.referenceCount === VP9_LIMITS.references) return 'vp9-references';
      if (at >= end) return 'vp9-descriptor-length';
      const reference = bytes[at++]!;
      out.references[out.referenceCount++] = reference >> 1;
      more = (reference & 0x01) !== 0;
    }
  }

  out.spatialLayerCount = 0;
  out.hasSizes = false;
  out.pictureGroupSize = 0;
  if (first & 0x02) {
    at = readScalabilityStructure(bytes, at, end, out);
    if (at < 0) return 'vp9-structure-length';
  }
  if (at >= end) return 'vp9-payload-empty';
  out.keyFrame = out.startOfFrame && !out.interPicturePredicted && out.spatialLayer === 0;
  out.headerLength = at - offset;
  return undefined;
}

/**
 * | N_S (3) |Y|G|-|-|-|, with Y each layer's width and height (16), with G | N_G (8) | and as often | TID |U| R |-|-| and R
 * times | P_DIFF (8) |. Of the group only the size is kept. @returns the place behind it, −1: cut
 */
function readScalabilityStructure(bytes: Uint8Array, start: number, end: number, out: Vp9Descriptor): number {
  let at = start;
  if (at >= end) return -1;
  const head = bytes[at++]!;
  out.spatialLayerCount = (head >> 5) + 1;
  out.hasSizes = (head & 0x10) !== 0;
  if (out.hasSizes) {
    if (at + 4 * out.spatialLayerCount > end) return -1;
    for (let i = 0; i < out.spatialLayerCount; i++, at += 4) {
      out.widths[i] = readUint16(bytes, at);
      out.heights[i] = readUint16(bytes, at + 2);
    }
  }
  if (head & 0x08) {
    if (at >= end) return -1;
    out.pictureGroupSize = bytes[at++]!;
    for (let i = 0; i < out.pictureGroupSize; i++) {
      if (at >= end) return -1;
      at += 1 + ((bytes[at]! >> 2) & 0x03);
    }
  }
  return at <= end ? at : -1;
}
