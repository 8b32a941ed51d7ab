/** Bytes over time as bits per second, in a window that slides. Pure; whose clock the times are of is the caller's choice. */
export class RateWindow {
  readonly #times: number[] = [];
  readonly #bytes: number[] = [];
  #first = 0;
  #sum = 0;

  /** @param leastMicros no rate before samples reach this far: a first burst would say anything */
  constructor(
    readonly windowMicros: number,
    readonly leastMicros: number,
  ) {}

  add(bytes: number, atMicros: number): void {
    this.#times.push(atMicros);
    this.#bytes.push(bytes);
    this.#sum += bytes;
    this.#forget(atMicros);
  }

  /** undefined: too little was seen. The first sample marks the start; its bytes came before. */
  bitrate(nowMicros: number): number | undefined {
    this.#forget(nowMicros);
    const first = this.#times[this.#first];
    if (first === undefined) return undefined;
    const span = nowMicros - first;
    if (span < this.leastMicros) return undefined;
    return ((this.#sum - this.#bytes[this.#first]!) * 8_000_000) / span;
  }

  clear(): void {
    this.#times.length = 0;
    this.#bytes.length = 0;
    this.#first = 0;
    this.#sum = 0;
  }

  #forget(nowMicros: number): void {
    while (this.#first < this.#times.length && this.#times[this.#first]! < nowMicros - this.windowMicros)
      this.#sum -= this.#bytes[this.#first++]!;
    // Cut off in steps, so that each sample is moved once in the mean.
    if (this.#first <= this.#times.length / 2) return;
    this.#times.splice(0, this.#first);
    this.#bytes.splice(0, this.#first);
    this.#first = 0;
  }
}
