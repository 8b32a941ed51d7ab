/**
 * Memory for clusters, used again once they are on disk. A hundred streams write 10 MB/s: left to the collector, V8 marks its
 * whole heap each few seconds because of it.
 */
import type { ClusterMemory } from '../container/index.js';

export const POOL_LIMITS = {
  /** Sizes are this or a power of two times it: half a second of sound fits the first, of a picture of 1 Mbit/s the third. */
  smallestBytes: 32 * 1024,
  /** Longer ones are rare and go to the collector. */
  longestBytes: 1024 * 1024,
  /** Kept while nobody needs them. */
  keptBytes: 32 * 1024 * 1024,
} as const;

const SMALLEST_BITS = Math.log2(POOL_LIMITS.smallestBytes);

export class BufferPool implements ClusterMemory {
  /** By size. */
  readonly #free: Uint8Array[][] = [];
  readonly #ours = new WeakMap<ArrayBufferLike, Uint8Array>();
  #freeBytes = 0;

  /** At least so many bytes, not cleared. */
  take(bytes: number): Uint8Array {
    if (bytes > POOL_LIMITS.longestBytes) return new Uint8Array(bytes);
    const size = sizeOf(bytes);
    const free = this.#free[size]?.pop();
    if (free) {
      this.#freeBytes -= free.length;
      return free;
    }
    const memory = new Uint8Array(POOL_LIMITS.smallestBytes << size);
    this.#ours.set(memory.buffer, memory);
    return memory;
  }

  /** Nobody reads or writes it any more; a part stands for the whole. What did not come from here is left alone. */
  give({ buffer }: Uint8Array): void {
    const memory = this.#ours.get(buffer);
    if (!memory) return;
    (this.#free[sizeOf(memory.length)] ??= []).push(memory);
    this.#freeBytes += memory.length;
    // The longest go first: a burst left them behind.
    for (let size = this.#free.length - 1; this.#freeBytes > POOL_LIMITS.keptBytes; size--)
      while (this.#freeBytes > POOL_LIMITS.keptBytes) {
        const longest = this.#free[size]?.pop();
        if (!longest) break;
        this.#freeBytes -= longest.length;
      }
  }
}

/** How often the smallest size is doubled. */
const sizeOf = (bytes: number): number =>
  Math.max(0, 32 - Math.clz32(Math.max(bytes, 1) - 1) - SMALLEST_BITS);
