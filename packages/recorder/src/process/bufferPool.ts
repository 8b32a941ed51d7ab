/**
 * Memory for clusters, used again once they are on disk. A hundred streams write 10 MB/s: left to the collector, V8 marks its
 * whole heap each few seconds because of it.
 */

export const POOL_LIMITS = {
  /** Sizes are multiples of it: half a second of sound fits one, of a picture of 1 Mbit/s too. */
  stepBytes: 64 * 1024,
  /** Longer ones are rare and go to the collector. */
  longestBytes: 1024 * 1024,
  /** Kept while nobody needs them. */
  keptBytes: 32 * 1024 * 1024,
} as const;

export class BufferPool {
  readonly #free: ArrayBuffer[][] = [];
  readonly #ours = new WeakSet<ArrayBufferLike>();
  #freeBytes = 0;

  /** Not cleared. */
  take(bytes: number): Uint8Array {
    if (bytes > POOL_LIMITS.longestBytes) return new Uint8Array(bytes);
    const steps = Math.max(1, Math.ceil(bytes / POOL_LIMITS.stepBytes));
    let buffer = this.#free[steps]?.pop();
    if (buffer) this.#freeBytes -= buffer.byteLength;
    else {
      buffer = new ArrayBuffer(steps * POOL_LIMITS.stepBytes);
      this.#ours.add(buffer);
    }
    return new Uint8Array(buffer, 0, bytes);
  }

  /** Nobody reads or writes it any more. What did not come from here is left alone. */
  give({ buffer }: Uint8Array): void {
    if (!this.#ours.has(buffer) || !(buffer instanceof ArrayBuffer)) return;
    if (this.#freeBytes + buffer.byteLength > POOL_LIMITS.keptBytes) return;
    const steps = buffer.byteLength / POOL_LIMITS.stepBytes;
    (this.#free[steps] ??= []).push(buffer);
    this.#freeBytes += buffer.byteLength;
  }
}
