/**
 * The cluster that is still open: blocks as they will stand in the file, one behind the other in the order in which they came,
 * and the order of their times beside them. The memory is used again for the next cluster, and there is no object per block:
 * what lives half a second is copied twice by V8's collector, which took a fifth of the recorder's time.
 * Pure. Spec: RFC 9559 §10.2 (simple block). Elsewhere: when a cluster is closed → matroskaWriter.ts
 */
import { sizeLength, writeSize } from './ebml.js';
import { ID } from './elements.js';

/** Track number (1), time relative to the cluster (2), flags (1). */
const BLOCK_HEADER_BYTES = 4;
const FLAG_KEY_FRAME = 0x80;
/** At first: half a second of a voice. Both grow to what the file needs. */
const MEMORY_BYTES = 16 * 1024;
const BLOCKS = 64;
/** Longer memory is given back when it is hardly used: a burst must not keep it. */
const KEPT_BYTES = 1024 * 1024;

export class OpenCluster {
  #memory = new Uint8Array(MEMORY_BYTES);
  #used = 0;
  #count = 0;
  // Of each block, in the order of coming.
  #times = new Float64Array(BLOCKS);
  #tracks = new Uint8Array(BLOCKS);
  /** Where it begins in the memory. It ends where the next one begins. */
  #begins = new Uint32Array(BLOCKS);
  /** Where its own header is, behind identifier and size. */
  #headers = new Uint32Array(BLOCKS);
  /** Blocks in the order of time. */
  #order = new Uint32Array(BLOCKS);
  /** What `measure` found: blocks before this time belong to the cluster, so many. */
  #endMs = 0;
  #due = 0;

  get blocks(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#used;
  }

  /** Of the earliest block. */
  get firstMs(): number {
    return this.#times[this.#order[0]!]!;
  }

  /** @param timeMs whole milliseconds since the file's start; blocks of one time keep their order */
  add(track: number, timeMs: number, keyFrame: boolean, data: Uint8Array): void {
    const size = BLOCK_HEADER_BYTES + data.length;
    const header = this.#used + 1 + sizeLength(size);
    this.#reserve(header + size);
    const memory = this.#memory;
    memory[this.#used] = ID.simpleBlock;
    writeSize(memory, this.#used + 1, size);
    memory[header] = 0x80 | track;
    memory[header + 3] = keyFrame ? FLAG_KEY_FRAME : 0;
    memory.set(data, header + BLOCK_HEADER_BYTES);

    const block = this.#count++;
    const times = this.#times;
    times[block] = timeMs;
    this.#tracks[block] = track;
    this.#begins[block] = this.#used;
    this.#headers[block] = header;
    this.#used = header + size;
    const order = this.#order;
    let at = block;
    for (; at > 0 && times[order[at - 1]!]! > timeMs; at--) order[at] = order[at - 1]!;
    order[at] = block;
  }

  /** @returns bytes of all blocks before `endMs`, which the next `take` takes */
  measure(endMs: number): number {
    let bytes = 0;
    let due = 0;
    for (; due < this.#count; due++) {
      const block = this.#order[due]!;
      if (this.#times[block]! >= endMs) break;
      bytes += this.#endOf(block) - this.#begins[block]!;
    }
    this.#due = due;
    this.#endMs = endMs;
    return bytes;
  }

  /** Moves what was measured into the cluster that begins at `startMs`. @param taken told of each block, in order of time */
  take(into: Uint8Array, at: number, startMs: number, taken: (track: number, timeMs: number) => void): void {
    const order = this.#order;
    const memory = this.#memory;
    for (let i = 0; i < this.#due;) {
      // Mostly blocks came in the order of their times: a run of them is copied at once.
      const first = order[i]!;
      let last = first;
      for (; i < this.#due && order[i] === last; i++, last++) {
        const timeMs = this.#times[last]!;
        const header = this.#headers[last]!;
        memory[header + 1] = (timeMs - startMs) >> 8;
        memory[header + 2] = timeMs - startMs;
        taken(this.#tracks[last]!, timeMs);
      }
      const run = memory.subarray(this.#begins[first]!, this.#endOf(last - 1));
      into.set(run, at);
      at += run.length;
    }
    this.#closeUp();
  }

  #endOf(block: number): number {
    return block + 1 < this.#count ? this.#begins[block + 1]! : this.#used;
  }

  /** Blocks that stay move to the front, in the order of their coming. */
  #closeUp(): void {
    const count = this.#count;
    const stay = count - this.#due;
    const order = this.#order;
    if (stay > 0) {
      const places = new Uint32Array(count);
      let kept = 0;
      let used = 0;
      let end = 0;
      for (let block = 0, begin = 0; block < count; block++, begin = end) {
        end = this.#endOf(block);
        const timeMs = this.#times[block]!;
        if (timeMs < this.#endMs) continue;
        this.#memory.copyWithin(used, begin, end);
        places[block] = kept;
        this.#times[kept] = timeMs;
        this.#tracks[kept] = this.#tracks[block]!;
        this.#headers[kept] = used + this.#headers[block]! - begin;
        this.#begins[kept] = used;
        used += end - begin;
        kept++;
      }
      for (let i = 0; i < stay; i++) order[i] = places[order[this.#due + i]!]!;
      this.#used = used;
    } else {
      this.#used = 0;
    }
    this.#count = stay;
    if (this.#memory.length > KEPT_BYTES && this.#used < this.#memory.length / 8)
      this.#memory = withRoom(this.#memory, this.#used, this.#memory.length / 2);
  }

  #reserve(bytes: number): void {
    if (bytes > this.#memory.length)
      this.#memory = withRoom(this.#memory, this.#used, Math.max(bytes, 2 * this.#memory.length));
    const count = this.#count;
    if (count < this.#times.length) return;
    this.#times = doubled(this.#times, new Float64Array(2 * count));
    this.#tracks = doubled(this.#tracks, new Uint8Array(2 * count));
    this.#begins = doubled(this.#begins, new Uint32Array(2 * count));
    this.#headers = doubled(this.#headers, new Uint32Array(2 * count));
    this.#order = doubled(this.#order, new Uint32Array(2 * count));
  }
}

function withRoom(bytes: Uint8Array, used: number, length: number): Uint8Array<ArrayBuffer> {
  const other = new Uint8Array(length);
  other.set(bytes.subarray(0, used));
  return other;
}

function doubled<T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
