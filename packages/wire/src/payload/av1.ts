/**
 * AV1 in RTP: the aggregation header and the heads of the open bitstream units behind it. AV1 RTP specification §4.3–§4.5,
 * AV1 §5.3.2 (OBU header), §4.10.5 (leb128).
 *    |Z|Y| W (2) |N|-|-|-|   Z first element goes on from the packet before, Y last one goes on in the next,
 *                            N first packet of a coded video sequence; W elements, 0: each one has its length in front
 *    element: |F| type (4) |X| has size |-|, with X | temporal (3) | spatial (2) |-|
 * Layers and dependencies of browsers' AV1 stand in the dependency descriptor; the ids here are for senders without it.
 */
export const AV1_OBU = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  tileGroup: 4,
  frame: 6,
} as const;

const MAX_LENGTH_BYTES = 8; // leb128, AV1 §4.10.5

export interface Av1Payload {
  /** N: here a receiver may begin. */
  keyFrame: boolean;
  /** Z */
  continuesUnit: boolean;
  /** Y */
  unitContinues: boolean;
  elements: number;
  /** A sequence header begins in this packet. */
  sequenceHeader: boolean;
  /** Of the first unit that begins here and says so; −1: none does. */
  spatialLayer: number;
  temporalLayer: number;
}

export type Av1Refusal = 'av1-empty' | 'av1-sequence-flags' | 'av1-element-length' | 'av1-element-count';

export const emptyAv1Payload = (): Av1Payload => ({
  keyFrame: false,
  continuesUnit: false,
  unitContinues: false,
  elements: 0,
  sequenceHeader: false,
  spatialLayer: -1,
  temporalLayer: -1,
});

/**
 * @param offset of the payload, `end` behind its last byte
 * @param out every field is written when nothing is returned; worthless otherwise
 */
export function readAv1Payload(
  bytes: Uint8Array,
  offset: number,
  end: number,
  out: Av1Payload,
): Av1Refusal | undefined {
  if (offset + 1 >= end || end > bytes.length) return 'av1-empty';
  const head = bytes[offset]!;
  out.continuesUnit = (head & 0x80) !== 0;
  out.unitContinues = (head & 0x40) !== 0;
  out.keyFrame = (head & 0x08) !== 0;
  // AV1 RTP §4.4: a new coded video sequence cannot begin inside a unit.
  if (out.keyFrame && out.continuesUnit) return 'av1-sequence-flags';
  const announced = (head >> 4) & 0x03;
  out.elements = 0;
  out.sequenceHeader = false;
  out.spatialLayer = -1;
  out.temporalLayer = -1;
  for (let at = offset + 1; at < end;) {
    out.elements++;
    let size = end - at;
    if (announced === 0 || out.elements < announced) {
      size = 0;
      let step = 0;
      for (let more = true; more; step++) {
        if (at >= end || step === MAX_LENGTH_BYTES) return 'av1-element-length';
        const part = bytes[at++]!;
        size += (part & 0x7f) * 2 ** (7 * step);
        more = (part & 0x80) !== 0;
      }
      if (size > end - at) return 'av1-element-length';
    }
    if (size > 0 && !(out.elements === 1 && out.continuesUnit)) noteUnit(bytes, at, size, out);
    at += size;
  }
  return announced > out.elements ? 'av1-element-count' : undefined;
}

function noteUnit(bytes: Uint8Array, at: number, size: number, out: Av1Payload): void {
  const head = bytes[at]!;
  if (((head >> 3) & 0x0f) === AV1_OBU.sequenceHeader) out.sequenceHeader = true;
  if ((head & 0x04) === 0 || size < 2 || out.temporalLayer !== -1) return;
  out.temporalLayer = bytes[at + 1]! >> 5;
  out.spatialLayer = (bytes[at + 1]! >> 3) & 0x03;
}
