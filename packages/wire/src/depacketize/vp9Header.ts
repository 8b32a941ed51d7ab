/**
 * The beginning of a VP9 frame, as far as its size: VP9 bitstream §6.2 (uncompressed header), §6.2.2 (color config), §6.2.3
 * (frame size), §6.2.5 (frame size with references). Nothing behind that is read.
 */
import { BitReader } from '../payload/bitReader.js';

const SYNC_CODE = 0x498342;
const COLOR_SPACE_RGB = 7;
const REFERENCES = 3;

export interface Vp9Size {
  keyFrame: boolean;
  /** 0: it does not say. */
  width: number;
  height: number;
}

export const emptyVp9Size = (): Vp9Size => ({ keyFrame: false, width: 0, height: 0 });

const bits = new BitReader();

/** @param out every field is written */
export function readVp9Size(bytes: Uint8Array, offset: number, end: number, out: Vp9Size): void {
  out.keyFrame = false;
  out.width = 0;
  out.height = 0;
  bits.start(bytes, offset, end);
  if (bits.bits(2) !== 2) return;
  const profile = bits.bits(1) + 2 * bits.bits(1);
  if (profile === 3) bits.bits(1);
  if (bits.flag()) return; // show_existing_frame
  const inter = bits.flag();
  const shown = bits.flag();
  const errorResilient = bits.flag();
  if (!inter) {
    const synced = bits.bits(24) === SYNC_CODE;
    skipColorConfig(profile);
    readSize(out);
    out.keyFrame = synced && !bits.overrun;
    return;
  }
  const intraOnly = shown ? false : bits.flag();
  if (!errorResilient) bits.bits(2); // reset_frame_context
  if (intraOnly) return;
  bits.bits(8); // refresh_frame_flags
  bits.bits(4 * REFERENCES);
  for (let i = 0; i < REFERENCES; i++) if (bits.flag()) return; // the size of a reference
  readSize(out);
}

function skipColorConfig(profile: number): void {
  if (profile >= 2) bits.bits(1);
  const rgb = bits.bits(3) === COLOR_SPACE_RGB;
  if (!rgb) bits.bits(1);
  if (profile === 1 || profile === 3) bits.bits(rgb ? 1 : 3);
}

function readSize(out: Vp9Size): void {
  const width = bits.bits(16) + 1;
  const height = bits.bits(16) + 1;
  if (bits.overrun) return;
  out.width = width;
  out.height = height;
}
