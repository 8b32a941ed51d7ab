/** Seeded chance: the same seed gives the same run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** 0 ≤ x < 1, 32 bits of it (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };

  /** A whole number, 0 … limit - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  between(low: number, high: number): number {
    return low + this.next() * (high - low);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  /** Mean `mean`, many short and few long: the time to the next event of a steady random stream. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }
  pick<T>(values: readonly T[]): T | undefined {
    return values[this.below(values.length)];
  }
  uint32(): number {
    return Math.floor(this.next() * 4_294_967_296);
  }
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
