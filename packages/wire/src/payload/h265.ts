/**
 * H.265 in RTP: what the NAL units of one packet are. RFC 7798 §1.1.4, §4.4, without decoding order numbers
 * (sprop-max-don-diff = 0, as browsers send).
 *    |F| type (6) | layer (6) | temporal id + 1 (3) |   0…47 one unit; 48: | size (16) | unit | …; 49: |S|E| type (6) | part
 * Slices are not decoded. Payload content information (50) is refused: no browser sends it.
 */
import { readUint16 } from '../bytes.js';

/** Types by H.265 table 7-1. */
const NAL = {
  firstTemporalSwitch: 2, // TSA_N, TSA_R, STSA_N, STSA_R
  lastTemporalSwitch: 5,
  firstRandomAccess: 16, // BLA, IDR, CRA and two that are reserved for the like
  lastRandomAccess: 23,
  vps: 32,
  sps: 33,
  pps: 34,
  lastSingle: 47,
  aggregate: 48,
  fragment: 49,
} as const;
const HEADER_BYTES = 2;

export interface H265Payload {
  /** A receiver may begin here: a video or sequence parameter set, or the first part of a random access picture. */
  keyFrame: boolean;
  /** First part of a slice of a random access picture. */
  randomAccess: boolean;
  videoParameterSet: boolean;
  sequenceParameterSet: boolean;
  pictureParameterSet: boolean;
  temporalLayer: number;
  /** A temporal sub-layer access picture: here a receiver may step up to this layer. */
  layerSync: boolean;
  /** False for a later part of a fragmented unit. */
  startOfUnit: boolean;
}

export type H265Refusal =
  | 'h265-empty'
  | 'h265-type'
  | 'h265-temporal-id'
  | 'h265-aggregate-length'
  | 'h265-unit-empty'
  | 'h265-fragment-header';

export const emptyH265Payload = (): H265Payload => ({
  keyFrame: false,
  randomAccess: false,
  videoParameterSet: false,
  sequenceParameterSet: false,
  pictureParameterSet: false,
  temporalLayer: 0,
  layerSync: false,
  startOfUnit: false,
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 */
export function readH265Payload(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: H265Payload,
): H265Refusal | undefined {
  if (offset + HEADER_BYTES > end || end > bytes.length) return 'h265-empty';
  const type = (bytes[offset]! >> 1) & 0x3f;
  const temporalIdPlusOne = bytes[offset + 1]! & 0x07;
  if (temporalIdPlusOne === 0) return 'h265-temporal-id';
  out.temporalLayer = temporalIdPlusOne - 1;
  out.randomAccess = false;
  out.videoParameterSet = false;
  out.sequenceParameterSet = false;
  out.pictureParameterSet = false;
  out.layerSync = false;
  out.startOfUnit = true;
  const at = offset + HEADER_BYTES;
  let refusal: H265Refusal | undefined;
  if (type <= NAL.lastSingle) noteUnit(type, out);
  else if (type === NAL.aggregate) refusal = readAggregate(bytes, at, end, out);
  else if (type === NAL.fragment) refusal = readFragment(bytes, at, end, out);
  else refusal = 'h265-type';
  out.keyFrame = out.randomAccess || out.videoParameterSet || out.sequenceParameterSet;
  return refusal;
}

function noteUnit(type: number, out: H265Payload): void {
  if (type >= NAL.firstRandomAccess && type <= NAL.lastRandomAccess) out.randomAccess = true;
  else if (type >= NAL.firstTemporalSwitch && type <= NAL.lastTemporalSwitch) out.layerSync = true;
  else if (type === NAL.vps) out.videoParameterSet = true;
  else if (type === NAL.sps) out.sequenceParameterSet = true;
  else if (type === NAL.pps) out.pictureParameterSet = true;
}

function readAggregate(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: H265Payload,
): H265Refusal | undefined {
  if (start >= end) return 'h265-aggregate-length';
  for (let at = start; at < end;) {
    if (at + 2 > end) return 'h265-aggregate-length';
    const size = readUint16(bytes, at);
    at += 2;
    if (size < HEADER_BYTES) return 'h265-unit-empty';
    if (at + size > end) return 'h265-aggregate-length';
    noteUnit((bytes[at]! >> 1) & 0x3f, out);
    at += size;
  }
  return undefined;
}

/** RFC 7798 §4.4.3: no part is first and last at once. */
function readFragment(bytes: Uint8Array, at: number, end: number, out: H265Payload): H265Refusal | undefined {
  if (at >= end) return 'h265-fragment-header';
  const header = bytes[at]!;
  if ((header & 0xc0) === 0xc0) return 'h265-fragment-header';
  out.startOfUnit = (header & 0x80) !== 0;
  if (out.startOfUnit) noteUnit(header & 0x3f, out);
  return undefined;
}
