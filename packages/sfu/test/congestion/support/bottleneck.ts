/** One link in virtual time: a queue in front of a rate, with loss, delay and jitter. Everything random comes from a seed. */

/** Numbers in 0…1 (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface LinkOptions {
  /** Bits per second at a time. */
  rate: (nowMicros: number) => number;
  /** Longest wait in the queue; what comes then is dropped. */
  queueMicros?: number;
  delayMicros?: number;
  /** Evenly spread beyond the delay; keeps the order, as one way does. */
  jitterMicros?: number;
  /** Share of the packets. */
  loss?: number;
  /** Bursts of this many packets in the mean make up `loss`. */
  burst?: number;
  /** While true everything is lost. */
  outage?: (nowMicros: number) => boolean;
  /** Bits per second that others put into the same queue. */
  rival?: (nowMicros: number) => number;
  /** Of each packet on the link, besides its own: IPv4 and UDP have 28. */
  headerBytes?: number;
  seed?: number;
}

export class Bottleneck {
  readonly #options: Required<LinkOptions>;
  readonly #random: () => number;
  #busyUntil = 0;
  #lastArrival = 0;
  #inBurst = false;
  #rivalMicros = 0;

  constructor(options: LinkOptions) {
    this.#options = {
      queueMicros: 500_000,
      delayMicros: 25_000,
      jitterMicros: 0,
      loss: 0,
      burst: 1,
      outage: () => false,
      rival: () => 0,
      headerBytes: 0,
      seed: 1,
      ...options,
    };
    this.#random = randomOf(this.#options.seed);
  }

  /** How long a packet would wait that came now. */
  waitMicros(nowMicros: number): number {
    return Math.max(0, this.#busyUntil - nowMicros);
  }

  /** Lets the rival send what it sends until now. */
  advance(nowMicros: number): void {
    const bits = (this.#options.rival(nowMicros) * (nowMicros - this.#rivalMicros)) / 1_000_000;
    this.#rivalMicros = nowMicros;
    if (bits > 0 && this.waitMicros(nowMicros) < this.#options.queueMicros) this.#serve(bits, nowMicros);
  }

  /** @returns when the packet arrives, undefined: it does not */
  send(bytes: number, nowMicros: number): number | undefined {
    const { queueMicros, delayMicros, jitterMicros, headerBytes } = this.#options;
    if (this.waitMicros(nowMicros) > queueMicros || this.#options.outage(nowMicros)) return undefined;
    this.#serve((bytes + headerBytes) * 8, nowMicros);
    if (this.#isLost()) return undefined;
    const arrival = this.#busyUntil + delayMicros + this.#random() * jitterMicros;
    this.#lastArrival = Math.max(this.#lastArrival, arrival);
    return this.#lastArrival;
  }

  #serve(bits: number, nowMicros: number): void {
    this.#busyUntil =
      Math.max(this.#busyUntil, nowMicros) + (bits * 1_000_000) / this.#options.rate(nowMicros);
  }

  #isLost(): boolean {
    const { loss, burst } = this.#options;
    if (loss === 0) return false;
    if (burst <= 1) return this.#random() < loss;
    // Two states: a burst ends with 1/burst and begins so often that `loss` of the packets are in one.
    if (this.#inBurst) this.#inBurst = this.#random() >= 1 / burst;
    else this.#inBurst = this.#random() < loss / (1 - loss) / burst;
    return this.#inBurst;
  }
}
