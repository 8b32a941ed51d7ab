/**
 * The sequence header of AV1: the size of the picture, and the av1C that files carry. AV1 §5.5 (sequence header), §5.5.2 (colours);
 * AV1 in ISOBMFF §2.3.3 (av1C).
 */
import { BitReader } from '../payload/bitReader.js';

export const AV1_SEQUENCE_LIMITS = {
  /** With 32 operating points, each with its delays, below 400 bytes. Ours. */
  headerBytes: 1024,
} as const;

const HIGH_LEVEL = 7; // above level 3.3 there are two tiers, AV1 §5.5.1
const SELECT = 2; // SELECT_SCREEN_CONTENT_TOOLS

const bits = new BitReader();

export class Av1SequenceHeader {
  width = 0;
  height = 0;
  /** Every frame is a key frame, without the fields that would say so. */
  reduced = false;
  /** av1C; the same object as long as the header does not change. */
  configuration: Uint8Array | undefined;
  #unit = new Uint8Array(0);

  /**
   * @param unit with its header and size, borrowed
   * @param body where in it the sequence header begins
   */
  note(unit: Uint8Array, body: number): string | undefined {
    if (unit.length > AV1_SEQUENCE_LIMITS.headerBytes) return 'av1-sequence-length';
    if (unit.length === this.#unit.length && unit.every((byte, at) => byte === this.#unit[at]))
      return undefined;
    bits.start(unit, body, unit.length);
    const head = readHead();
    const colours = bits.overrun ? 0 : readColours(head.profile);
    if (bits.overrun || head.profile > 2) return 'av1-sequence-header';
    this.width = head.width;
    this.height = head.height;
    this.reduced = head.reduced;
    this.#unit = unit.slice();
    // | 1 | version 1 (7) | profile (3) level (5) | tier and colours | no presentation delay | the header |
    const configuration = new Uint8Array(4 + unit.length);
    configuration.set([0x81, (head.profile << 5) | head.level, (head.tier << 7) | colours, 0]);
    configuration.set(unit, 4);
    this.configuration = configuration;
    return undefined;
  }
}

interface Head {
  profile: number;
  reduced: boolean;
  /** Of the first operating point. */
  level: number;
  tier: number;
  width: number;
  height: number;
}

/** Everything in front of the colours. */
function readHead(): Head {
  const profile = bits.bits(3);
  bits.bits(1); // still_picture
  const reduced = bits.flag();
  const { level, tier } = reduced ? { level: bits.bits(5), tier: 0 } : readOperatingPoints();
  const widthBits = bits.bits(4) + 1;
  const heightBits = bits.bits(4) + 1;
  const width = bits.bits(widthBits) + 1;
  const height = bits.bits(heightBits) + 1;
  if (!reduced && bits.flag()) bits.bits(7); // lengths of frame ids
  bits.bits(3); // superblock size, filter intra, intra edge filter
  if (!reduced) skipTools();
  bits.bits(3); // superres, cdef, restoration
  return { profile, reduced, level, tier, width, height };
}

function readOperatingPoints(): { level: number; tier: number } {
  let delayBits = 0;
  if (bits.flag()) {
    bits.bits(32);
    bits.bits(32);
    if (bits.flag()) bits.expGolomb(); // uvlc is coded the same way, AV1 §4.10.3
    if (bits.flag()) {
      delayBits = bits.bits(5) + 1;
      bits.bits(32);
      bits.bits(10);
    }
  }
  const displayDelays = bits.flag();
  const points = bits.bits(5) + 1;
  let first: { level: number; tier: number } | undefined;
  for (let i = 0; i < points; i++) {
    bits.bits(12); // operating_point_idc
    const level = bits.bits(5);
    const tier = level > HIGH_LEVEL ? bits.bits(1) : 0;
    first ??= { level, tier };
    if (delayBits > 0 && bits.flag()) {
      bits.bits(delayBits);
      bits.bits(delayBits);
      bits.bits(1);
    }
    if (displayDelays && bits.flag()) bits.bits(4);
  }
  return first ?? { level: 0, tier: 0 };
}

function skipTools(): void {
  bits.bits(4); // interintra, masked compound, warped motion, dual filter
  const orderHints = bits.flag();
  if (orderHints) bits.bits(2);
  const screenContent = bits.flag() ? SELECT : bits.bits(1);
  if (screenContent > 0 && !bits.flag()) bits.bits(1); // seq_force_integer_mv
  if (orderHints) bits.bits(3);
}

/** @returns | high depth | twelve bits | monochrome | subsampling x, y | sample position (2) |, the low bits of av1C's third byte */
function readColours(profile: number): number {
  const high = bits.bits(1);
  const twelve = profile === 2 && high === 1 ? bits.bits(1) : 0;
  const monochrome = profile === 1 ? 0 : bits.bits(1);
  let rgb = false;
  if (bits.flag()) {
    const [primaries, transfer, matrix] = [bits.bits(8), bits.bits(8), bits.bits(8)];
    rgb = primaries === 1 && transfer === 13 && matrix === 0;
  }
  let x = 1;
  let y = 1;
  let position = 0;
  if (monochrome === 1) bits.bits(1);
  else if (rgb) x = y = 0;
  else {
    bits.bits(1); // color_range
    if (profile === 1) x = y = 0;
    else if (profile === 2) {
      x = twelve === 1 ? bits.bits(1) : 1;
      y = twelve === 1 && x === 1 ? bits.bits(1) : 0;
    }
    if (x === 1 && y === 1) position = bits.bits(2);
  }
  return (high << 6) | (twelve << 5) | (monochrome << 4) | (x << 3) | (y << 2) | position;
}
