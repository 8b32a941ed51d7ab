/**
 * Parameter sets of H.264: the size of the picture out of the sequence parameter set (H.264 §7.3.2.1.1, cropping §7.4.2.1.1), and
 * the AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1) that files carry. Sets are kept by id; a new one replaces the old.
 */
import { ByteWriter } from '../bytes.js';
import { BitReader } from '../payload/bitReader.js';

export const PARAMETER_SET_LIMITS = {
  /** Encoders' sets have some tens of bytes; with all scaling lists some hundreds. Ours. */
  setBytes: 1024,
  /** Of each kind. Encoders use one; avcC has five bits for the number of sequence parameter sets. Ours. */
  sets: 8,
} as const;

/** Profiles whose sets say how colours are stored: H.264 §7.3.2.1.1. */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const SPS = 7;

interface SequenceParameters {
  id: number;
  width: number;
  height: number;
  high: boolean;
  chromaFormat: number;
  lumaBits: number;
  chromaBits: number;
}

const bits = new BitReader();

export class H264ParameterSets {
  readonly #sequence = new Map<number, Uint8Array>();
  readonly #picture = new Map<number, Uint8Array>();
  #last: SequenceParameters | undefined;
  #configuration: Uint8Array | undefined;

  /** By the last sequence parameter set, cropped; 0: there was none. */
  get width(): number {
    return this.#last?.width ?? 0;
  }

  get height(): number {
    return this.#last?.height ?? 0;
  }

  /** @param unit SPS or PPS with its header, borrowed */
  note(unit: Uint8Array): string | undefined {
    if (unit.length < 4 || unit.length > PARAMETER_SET_LIMITS.setBytes)
      return (unit[0]! & 0x1f) === SPS ? 'h264-sps-length' : this.#notePicture(unit);
    if ((unit[0]! & 0x1f) !== SPS) return this.#notePicture(unit);
    const sequence = readSequenceParameters(unit);
    if (sequence === undefined) return 'h264-sps';
    this.#last = sequence;
    this.#keep(this.#sequence, sequence.id, unit);
    return undefined;
  }

  #notePicture(unit: Uint8Array): string | undefined {
    if (unit.length > PARAMETER_SET_LIMITS.setBytes) return 'h264-pps-length';
    const plain = unescape(unit);
    bits.start(plain, 1, plain.length);
    const id = bits.expGolomb();
    if (bits.overrun || id > 255) return 'h264-pps';
    this.#keep(this.#picture, id, unit);
    return undefined;
  }

  #keep(sets: Map<number, Uint8Array>, id: number, unit: Uint8Array): void {
    const old = sets.get(id);
    if (old !== undefined && isSame(old, unit)) return;
    this.#configuration = undefined;
    sets.delete(id);
    // The oldest goes.
    for (const [first] of sets) {
      if (sets.size < PARAMETER_SET_LIMITS.sets) break;
      sets.delete(first);
    }
    sets.set(id, unit.slice());
  }

  /**
   * |1| profile | constraints | level | 0xfc + length bytes − 1 | 0xe0 + SPS | size (16), SPS … | PPS | size (16), PPS … |, and
   * for the high profiles | 0xfc + chroma | 0xf8 + luma bits − 8 | 0xf8 + chroma bits − 8 | 0 |. undefined: a set is missing.
   */
  configuration(): Uint8Array | undefined {
    const last = this.#last;
    if (last === undefined || this.#picture.size === 0) return undefined;
    if (this.#configuration !== undefined) return this.#configuration;
    const of = this.#sequence.get(last.id)!;
    const writer = new ByteWriter(64).uint8(1).uint8(of[1]!).uint8(of[2]!).uint8(of[3]!);
    writer.uint8(0xff).uint8(0xe0 | this.#sequence.size);
    for (const unit of this.#sequence.values()) writer.uint16(unit.length).raw(unit);
    writer.uint8(this.#picture.size);
    for (const unit of this.#picture.values()) writer.uint16(unit.length).raw(unit);
    if (last.high)
      writer
        .uint8(0xfc | last.chromaFormat)
        .uint8(0xf8 | last.lumaBits)
        .uint8(0xf8 | last.chromaBits)
        .uint8(0);
    this.#configuration = writer.finish();
    return this.#configuration;
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

/** Without the bytes that keep start codes out: 00 00 03 becomes 00 00. H.264 §7.3.1. */
function unescape(unit: Uint8Array): Uint8Array {
  const plain = new Uint8Array(unit.length);
  let length = 0;
  let zeros = 0;
  for (const byte of unit) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    plain[length++] = byte;
  }
  return plain.subarray(0, length);
}

function readSequenceParameters(unit: Uint8Array): SequenceParameters | undefined {
  const plain = unescape(unit);
  bits.start(plain, 1, plain.length);
  const profile = bits.bits(8);
  bits.bits(16); // constraints, level
  const id = bits.expGolomb();
  const high = HIGH_PROFILES.has(profile);
  let chromaFormat = 1;
  let separatePlanes = false;
  let lumaBits = 0;
  let chromaBits = 0;
  if (high) {
    chromaFormat = bits.expGolomb();
    if (chromaFormat === 3) separatePlanes = bits.flag();
    lumaBits = bits.expGolomb();
    chromaBits = bits.expGolomb();
    bits.bits(1); // qpprime_y_zero_transform_bypass_flag
    if (bits.flag()) skipScalingLists(chromaFormat === 3 ? 12 : 8);
  }
  bits.expGolomb(); // log2_max_frame_num_minus4
  skipOrderCount();
  bits.expGolomb(); // max_num_ref_frames
  bits.bits(1); // gaps_in_frame_num_value_allowed_flag
  const columns = bits.expGolomb() + 1;
  const rows = bits.expGolomb() + 1;
  const framesOnly = bits.flag();
  if (!framesOnly) bits.bits(1); // mb_adaptive_frame_field_flag
  bits.bits(1); // direct_8x8_inference_flag
  const fields = framesOnly ? 1 : 2;
  let width = columns * 16;
  let height = rows * 16 * fields;
  if (bits.flag()) {
    const planes = separatePlanes ? 0 : chromaFormat;
    const unitX = planes === 1 || planes === 2 ? 2 : 1;
    const unitY = (planes === 1 ? 2 : 1) * fields;
    width -= (bits.expGolomb() + bits.expGolomb()) * unitX;
    height -= (bits.expGolomb() + bits.expGolomb()) * unitY;
  }
  const sane = id <= 31 && chromaFormat <= 3 && lumaBits <= 6 && chromaBits <= 6;
  // 16 bits are what files and players have for a size.
  if (bits.overrun || !sane || width < 1 || height < 1 || width > 0xffff || height > 0xffff) return undefined;
  return { id, width, height, high, chromaFormat, lumaBits, chromaBits };
}

/** pic_order_cnt_type and what belongs to it. */
function skipOrderCount(): void {
  const type = bits.expGolomb();
  if (type === 0) bits.expGolomb();
  if (type !== 1) return;
  bits.bits(1);
  bits.signedExpGolomb();
  bits.signedExpGolomb();
  const count = bits.expGolomb();
  for (let i = 0; i < count && !bits.overrun; i++) bits.signedExpGolomb();
}

/** H.264 §7.3.2.1.1.1: six lists of 16 numbers, then those of 64. */
function skipScalingLists(lists: number): void {
  for (let list = 0; list < lists; list++) {
    if (!bits.flag()) continue;
    let last = 8;
    let next = 8;
    for (let i = 0; i < (list < 6 ? 16 : 64) && next !== 0; i++) {
      next = (last + bits.signedExpGolomb() + 256) & 0xff;
      if (next !== 0) last = next;
    }
  }
}
