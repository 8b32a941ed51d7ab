/**
 * Where frames are put together: payloads are copied one behind the other into a buffer that is used for one frame after the
 * other. A frame that is finished is a part of it, and is good until `rewind`.
 */
import { FRAME_LIMITS } from './frame.js';

/** A buffer that grew for a large frame is kept for so many more: with the next key frame it would grow again. */
const KEPT_FRAMES = 256;

export class FrameBuffer {
  #bytes: Uint8Array;
  #start = 0;
  #length = 0;
  /** Frames, one after the other, that would have fitted the common size. */
  #small = 0;

  /** @param size of the buffer; a larger frame gets a larger one */
  constructor(private readonly size: number) {
    this.#bytes = new Uint8Array(size);
  }

  /** Of the frame that is being put together. */
  get length(): number {
    return this.#length;
  }

  /** @returns false: the frame would be longer than the limit, nothing was written. */
  append(source: Uint8Array, from: number, to: number): boolean {
    const count = to - from;
    if (!this.#reserve(count)) return false;
    this.#bytes.set(viewOf(source, from, to), this.#end());
    this.#length += count;
    return true;
  }

  /** Bytes to be filled in by `patch`. */
  skip(count: number): boolean {
    if (!this.#reserve(count)) return false;
    this.#length += count;
    return true;
  }

  byte(value: number): boolean {
    if (!this.#reserve(1)) return false;
    this.#bytes[this.#end()] = value;
    this.#length++;
    return true;
  }

  /** @param at from the start of the frame, before its end */
  patch(at: number, value: number): void {
    this.#bytes[this.#start + at] = value;
  }

  read(at: number): number {
    return at < this.#length ? this.#bytes[this.#start + at]! : 0;
  }

  /** Moves what follows `at` by `by` bytes up or down; the frame grows or shrinks by as much. */
  shift(at: number, by: number): boolean {
    if (by > 0 && !this.#reserve(by)) return false;
    const from = this.#start + at;
    this.#bytes.copyWithin(from + by, from, this.#end());
    this.#length += by;
    return true;
  }

  /** A part of the frame for a parser; not to be kept. */
  view(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#start + from, this.#start + Math.min(to, this.#length));
  }

  /** The frame; the next one is put together behind it. */
  finish(): Uint8Array {
    const end = this.#end();
    const frame = viewOf(this.#bytes, this.#start, end);
    this.#small = this.#length <= this.size / 2 ? this.#small + 1 : 0;
    this.#start = end;
    this.#length = 0;
    return frame;
  }

  abandon(): void {
    this.#length = 0;
  }

  /** Finished frames are not needed any more. */
  rewind(): void {
    if (this.#length > 0) return;
    this.#start = 0;
    if (this.#bytes.length === this.size || this.#small < KEPT_FRAMES) return;
    this.#bytes = new Uint8Array(this.size);
    this.#small = 0;
  }

  #end(): number {
    return this.#start + this.#length;
  }

  #reserve(count: number): boolean {
    const needed = this.#length + count;
    if (needed > FRAME_LIMITS.frameBytes) return false;
    if (this.#start + needed <= this.#bytes.length) return true;
    // A frame that is open while others are given out has moved to the end: back to the beginning, elsewhere.
    const grown = new Uint8Array(needed <= this.size / 2 ? this.size : needed * 2);
    grown.set(this.#bytes.subarray(this.#start, this.#end()));
    this.#bytes = grown;
    this.#start = 0;
    return true;
  }
}

/** As `subarray`, which looks for a species first: twice the time, once or twice for each packet. */
const viewOf = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  from === 0 && to === bytes.length
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
