/** How many sessions one address may start: a bucket that refills. Pure; time is an argument. */

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Addresses remembered; beyond, those that are full again are forgotten first. */
const MOST_ADDRESSES = 10_000;

export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();

  /** @param burst 0 switches the limit off. */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
  ) {}

  take(address: string, nowMs: number): boolean {
    if (this.burst === 0) return true;
    const old = this.#buckets.get(address);
    const tokens = old ? this.#filled(old, nowMs) : this.burst;
    // Deleted and set anew, so that the map's order is that of last use.
    this.#buckets.delete(address);
    this.#buckets.set(address, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > MOST_ADDRESSES) this.#forget(nowMs);
    return tokens >= 1;
  }

  #filled({ tokens, atMs }: Bucket, nowMs: number): number {
    return Math.min(this.burst, tokens + (Math.max(0, nowMs - atMs) * this.perSecond) / 1_000);
  }

  #forget(nowMs: number): void {
    for (const [address, bucket] of this.#buckets) {
      if (this.#buckets.size <= MOST_ADDRESSES / 2) return;
      if (this.#filled(bucket, nowMs) >= this.burst || this.#buckets.size > MOST_ADDRESSES)
        this.#buckets.delete(address);
    }
  }
}
