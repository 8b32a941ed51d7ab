/**
 * The cluster that is still open: blocks as they will stand in the file, in the order of their times, behind room for the
 * cluster's own head. What is closed goes to the disk in the memory in which it grew, so each byte is copied into it once;
 * blocks that stay begin the next memory. There is no object per block: what lives half a second is copied twice by V8's
 * collector, which took a fifth of the recorder's time.
 * Pure. Spec: RFC 9559 §5.1.3 (cluster), §10.2 (simple block). Elsewhere: when a cluster is closed → matroskaWriter.ts
 */
import { sizeLength, unsignedLength, writeId, writeSize, writeUnsigned } from './ebml.js';
import { ID } from './elements.js';

/** Where clusters grow. */
export interface ClusterMemory {
  /** At least so many bytes, not cleared. */
  take(bytes: number): Uint8Array;
  /** Nobody reads or writes it any more. A part of what was taken stands for the whole. */
  give(memory: Uint8Array): void;
}

/** Identifiers and sizes of cluster (4 + 8) and timestamp (1 + 1), and its value (8). */
const HEAD_BYTES = 22;
/** Track number (1), time relative to the cluster (2), flags (1). */
const BLOCK_HEADER_BYTES = 4;
const FLAG_KEY_FRAME = 0x80;
/** At first: half a second of a voice. Both grow to what the file needs. */
const MEMORY_BYTES = 16 * 1024;
const BLOCKS = 64;
/** Of the next cluster's memory over what this one needed: a picture's bit rate sways. */
const HEADROOM = 1.25;
const NONE = new Uint8Array(0);

const newMemory: ClusterMemory = {
  take: (bytes) => Buffer.allocUnsafeSlow(bytes),
  give: () => undefined,
};

export class OpenCluster {
  readonly #source: ClusterMemory;
  /** Empty while no block is open. */
  #memory: Uint8Array = NONE;
  /** How much the cluster will need. */
  #expected = MEMORY_BYTES;
  #used = HEAD_BYTES;
  #count = 0;
  // Of each block, in the order of time; those of one time in the order of coming.
  #times = new Float64Array(BLOCKS);
  #tracks = new Uint8Array(BLOCKS);
  /** Where it begins in the memory. It ends where the next one begins. */
  #begins = new Uint32Array(BLOCKS);

  /** @param source default: new memory for each cluster */
  constructor(source: ClusterMemory = newMemory) {
    this.#source = source;
  }

  get blocks(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#used - HEAD_BYTES;
  }

  /** Of the earliest block. */
  get firstMs(): number {
    return this.#times[0]!;
  }

  /** @param timeMs whole milliseconds since the file's start; blocks of one time keep their order */
  add(track: number, timeMs: number, keyFrame: boolean, data: Uint8Array): void {
    const size = BLOCK_HEADER_BYTES + data.length;
    const length = 1 + sizeLength(size) + size;
    this.#reserve(this.#used + length);
    const times = this.#times;
    let block = this.#count;
    let at = this.#used;
    if (block > 0 && times[block - 1]! > timeMs) {
      block = this.#makeRoom(timeMs, length);
      at = this.#begins[block]!;
    }
    times[block] = timeMs;
    this.#tracks[block] = track;
    this.#begins[block] = at;
    this.#count++;
    this.#used += length;

    const memory = this.#memory;
    memory[at] = ID.simpleBlock;
    const header = writeSize(memory, at + 1, size);
    memory[header] = 0x80 | track;
    memory[header + 3] = keyFrame ? FLAG_KEY_FRAME : 0;
    memory.set(data, header + BLOCK_HEADER_BYTES);
  }

  /**
   * The last blocks, mostly one or two, move on by as much. At worst all of half a second: less than what the cluster's own
   * limit lets in, and only for blocks that came late.
   * @returns the place before them
   */
  #makeRoom(timeMs: number, length: number): number {
    const times = this.#times;
    const begins = this.#begins;
    let block = this.#count;
    for (; block > 0 && times[block - 1]! > timeMs; block--) {
      times[block] = times[block - 1]!;
      this.#tracks[block] = this.#tracks[block - 1]!;
      begins[block] = begins[block - 1]! + length;
    }
    const at = begins[block + 1]! - length;
    this.#memory.copyWithin(at + length, at, this.#used);
    begins[block] = at;
    return block;
  }

  /**
   * The blocks before `endMs` as a cluster that begins with the first of them; the others stay.
   * @param taken told of each block, in the order of time
   * @returns memory of the source; the caller gives it back
   */
  close(endMs: number, taken: (track: number, timeMs: number) => void): Uint8Array {
    const memory = this.#memory;
    const startMs = this.firstMs;
    let due = 0;
    for (; due < this.#count && this.#times[due]! < endMs; due++) {
      const timeMs = this.#times[due]!;
      // Behind the identifier, the size, whose first byte says how long it is, and the track number.
      const begin = this.#begins[due]!;
      const at = begin + Math.clz32(memory[begin + 1]!) - 23 + 2;
      memory[at] = (timeMs - startMs) >> 8;
      memory[at + 1] = timeMs - startMs;
      taken(this.#tracks[due]!, timeMs);
    }
    const end = due < this.#count ? this.#begins[due]! : this.#used;
    const begin = this.#writeHead(startMs, end - HEAD_BYTES);
    this.#keep(due, end);
    return memory.subarray(begin, end);
  }

  /** @returns where the cluster begins */
  #writeHead(startMs: number, blocksBytes: number): number {
    const timeLength = unsignedLength(startMs);
    const contentBytes = 2 + timeLength + blocksBytes;
    const begin = HEAD_BYTES - (4 + sizeLength(contentBytes) + 2 + timeLength);
    const memory = this.#memory;
    const at = writeSize(memory, writeId(memory, begin, ID.cluster), contentBytes);
    memory[at] = ID.timestamp;
    writeUnsigned(memory, writeSize(memory, at + 1, timeLength), startMs);
    return begin;
  }

  /** What was not closed begins the next memory, which will be needed as long as this one, or somewhat longer. */
  #keep(due: number, end: number): void {
    const kept = this.#memory.subarray(end, this.#used);
    const moved = end - HEAD_BYTES;
    this.#expected = Math.max(MEMORY_BYTES, Math.ceil(this.#used * HEADROOM));
    this.#memory = NONE;
    this.#used = HEAD_BYTES;
    if (kept.length > 0) {
      this.#memory = this.#source.take(this.#expected);
      this.#memory.set(kept, HEAD_BYTES);
      this.#used += kept.length;
    }
    this.#times.copyWithin(0, due, this.#count);
    this.#tracks.copyWithin(0, due, this.#count);
    this.#count -= due;
    for (let block = 0; block < this.#count; block++)
      this.#begins[block] = this.#begins[block + due]! - moved;
  }

  #reserve(bytes: number): void {
    if (bytes > this.#memory.length) this.#grow(bytes);
    const count = this.#count;
    if (count < this.#times.length) return;
    this.#times = doubled(this.#times, new Float64Array(2 * count));
    this.#tracks = doubled(this.#tracks, new Uint8Array(2 * count));
    this.#begins = doubled(this.#begins, new Uint32Array(2 * count));
  }

  #grow(bytes: number): void {
    const before = this.#memory;
    this.#memory = this.#source.take(Math.max(bytes, 2 * before.length, this.#expected));
    if (before.length === 0) return;
    this.#memory.set(before.subarray(0, this.#used));
    this.#source.give(before);
  }
}

function doubled<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
