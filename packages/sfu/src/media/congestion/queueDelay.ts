/**
 * How long packets wait on the way beyond the least that was seen: the queue that stands, which a slope does not show.
 * The clocks of both ends share no zero, so only differences count; in the window they drift apart by a few ms at most.
 * Pure. Elsewhere: what follows → sendSideEstimator.ts
 */
export const QUEUE_DELAY = {
  /** The least is sought in this many buckets: half a minute, after which a longer way counts as the way. Ours. */
  bucketMicros: 1_000_000,
  buckets: 30,
  /** The least of so many feedbacks is taken for now, so that jitter is no queue. */
  recent: 4,
} as const;

export class QueueDelay {
  readonly #least: number[] = [];
  readonly #recent: number[] = [];
  #bucket = -1;

  /** @param sendMicros of a packet by our clock, `arrivalMicros` by the receiver's */
  handlePacket(sendMicros: number, arrivalMicros: number, nowMicros: number): void {
    const delay = arrivalMicros - sendMicros;
    const bucket = Math.floor(nowMicros / QUEUE_DELAY.bucketMicros);
    if (bucket - this.#bucket >= QUEUE_DELAY.buckets) this.#least.length = 0;
    else for (let at = this.#bucket + 1; at < bucket; at++) this.#push(Infinity);
    if (bucket !== this.#bucket || this.#least.length === 0) this.#push(delay);
    else this.#least[this.#least.length - 1] = Math.min(this.#least[this.#least.length - 1]!, delay);
    this.#bucket = bucket;
    this.#recent.push(delay);
    if (this.#recent.length > QUEUE_DELAY.recent) this.#recent.shift();
  }

  /** What was there is gone. The least delay stays known. */
  clear(): void {
    this.#recent.length = 0;
  }

  get micros(): number {
    return this.#recent.length === 0 ? 0 : Math.max(0, leastOf(this.#recent) - leastOf(this.#least));
  }

  #push(delay: number): void {
    this.#least.push(delay);
    if (this.#least.length > QUEUE_DELAY.buckets) this.#least.shift();
  }
}

/** Read twice with each feedback of each receiver: spreading the values as arguments takes longer than comparing them. */
function leastOf(values: readonly number[]): number {
  let least = Infinity;
  for (let i = 0; i < values.length; i++) least = Math.min(least, values[i]!);
  return least;
}
