/**
 * H.264 in RTP: what the NAL units of one packet are. RFC 6184 §5.2–§5.8, packetization modes 0 and 1, as browsers send.
 *    |F|NRI| type (5) |   1…23 one unit; 24 STAP-A: | size (16) | unit | …; 28 FU-A: |S|E|R| type (5) | part of a unit
 * Slices are not decoded. The interleaved forms (25, 26, 27, 29) are refused: no browser sends or takes them.
 */
import { readUint16 } from '../bytes.js';

const NAL = { idr: 5, sps: 7, pps: 8, lastSingle: 23, aggregate: 24, fragment: 28 } as const;

export interface H264Payload {
  /** A receiver may begin here: a sequence parameter set, or the first part of an IDR slice. */
  keyFrame: boolean;
  /** First part of an IDR slice. */
  idr: boolean;
  sequenceParameterSet: boolean;
  pictureParameterSet: boolean;
  /** NRI is 0: nobody refers to what is in this packet. */
  notReference: boolean;
  /** False for a later part of a fragmented unit. */
  startOfUnit: boolean;
}

export type H264Refusal =
  'h264-empty' | 'h264-type' | 'h264-aggregate-length' | 'h264-unit-empty' | 'h264-fragment-header';

export const emptyH264Payload = (): H264Payload => ({
  keyFrame: false,
  idr: false,
  sequenceParameterSet: false,
  pictureParameterSet: false,
  notReference: false,
  startOfUnit: false,
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 */
export function readH264Payload(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: H264Payload,
): H264Refusal | undefined {
  if (offset >= end || end > bytes.length) return 'h264-empty';
  const type = bytes[offset]! & 0x1f;
  out.idr = false;
  out.sequenceParameterSet = false;
  out.pictureParameterSet = false;
  out.notReference = (bytes[offset]! & 0x60) === 0;
  out.startOfUnit = true;
  let refusal: H264Refusal | undefined;
  if (type >= 1 && type <= NAL.lastSingle) noteUnit(type, out);
  else if (type === NAL.aggregate) refusal = readAggregate(bytes, offset + 1, end, out);
  else if (type === NAL.fragment) refusal = readFragment(bytes, offset + 1, end, out);
  else refusal = 'h264-type';
  out.keyFrame = out.idr || out.sequenceParameterSet;
  return refusal;
}

function noteUnit(type: number, out: H264Payload): void {
  if (type === NAL.idr) out.idr = true;
  else if (type === NAL.sps) out.sequenceParameterSet = true;
  else if (type === NAL.pps) out.pictureParameterSet = true;
}

function readAggregate(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: H264Payload,
): H264Refusal | undefined {
  if (start >= end) return 'h264-aggregate-length';
  for (let at = start; at < end;) {
    if (at + 2 > end) return 'h264-aggregate-length';
    const size = readUint16(bytes, at);
    at += 2;
    if (size === 0) return 'h264-unit-empty';
    if (at + size > end) return 'h264-aggregate-length';
    noteUnit(bytes[at]! & 0x1f, out);
    at += size;
  }
  return undefined;
}

/** The parts may be empty (RFC 6184 §5.8), but none is first and last at once. */
function readFragment(bytes: Uint8Array, at: number, end: number, out: H264Payload): H264Refusal | undefined {
  if (at >= end) return 'h264-fragment-header';
  const header = bytes[at]!;
  if ((header & 0xc0) === 0xc0) return 'h264-fragment-header';
  out.startOfUnit = (header & 0x80) !== 0;
  if (out.startOfUnit) noteUnit(header & 0x1f, out);
  return undefined;
}
