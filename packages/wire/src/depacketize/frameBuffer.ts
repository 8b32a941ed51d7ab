/**
 * Where frames are put together: payloads are copied once, one behind the other, into a buffer that many frames share. A frame
 * that is finished is a part of it and is never written again; a new buffer begins where the old one has no room.
 */
import { FRAME_LIMITS } from './frame.js';

export class FrameBuffer {
  #bytes: Uint8Array;
  #start = 0;
  #length = 0;

  /** @param size of the shared buffer; a larger frame gets a larger one */
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
    this.#bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.#end());
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

  /** The frame, and room for the next one. */
  finish(): Uint8Array {
    const end = this.#end();
    const frame = this.#bytes.subarray(this.#start, end);
    this.#start = end;
    this.#length = 0;
    return frame;
  }

  abandon(): void {
    this.#length = 0;
    // After one large frame the next ones go back to the common size.
    if (this.#bytes.length > this.size && this.#start === 0) this.#bytes = new Uint8Array(this.size);
  }

  #end(): number {
    return this.#start + this.#length;
  }

  #reserve(count: number): boolean {
    const needed = this.#length + count;
    if (needed > FRAME_LIMITS.frameBytes) return false;
    if (this.#start + needed <= this.#bytes.length) return true;
    const grown = new Uint8Array(needed * 2 <= this.size ? this.size : needed * 2);
    grown.set(this.#bytes.subarray(this.#start, this.#end()));
    this.#bytes = grown;
    this.#start = 0;
    return true;
  }
}
