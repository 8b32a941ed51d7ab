/**
 * A line of numbers from which some are left out: those that stay close up, late ones still get the number that they would
 * have had in time. Used for sequence numbers and picture ids of a stream whose upper layers are not forwarded.
 * Pure. Numbers in are unwrapped; what becomes of the numbers out: variantList.ts.
 */
export class NumberLine {
  readonly #mask: number;
  /** How many had been left out before this number, by its low bits; good for the last `window` numbers. */
  readonly #leftOutBefore: Float64Array;
  #highest: number | undefined;
  #leftOut = 0;

  /** @param window a power of two: how far behind the newest a late number may be */
  constructor(readonly window: number) {
    this.#mask = window - 1;
    this.#leftOutBefore = new Float64Array(window);
  }

  /** What a number after all others would become. */
  ahead(number: number): number {
    return number - this.#leftOut;
  }

  /**
   * Takes note of a number that came. The same number may come several times (packets of a picture).
   * @returns what it becomes, also when it is left out; undefined when it is too old to tell
   */
  take(number: number, leaveOut: boolean): number | undefined {
    const highest = this.#highest;
    if (highest === undefined || number > highest) {
      const first = highest === undefined ? number : Math.max(highest + 1, number - this.#mask);
      for (let passed = first; passed <= number; passed++)
        this.#leftOutBefore[passed & this.#mask] = this.#leftOut;
      this.#highest = number;
      const out = number - this.#leftOut;
      if (leaveOut) this.#leftOut++;
      return out;
    }
    if (number <= highest - this.window) return undefined;
    return number - this.#leftOutBefore[number & this.#mask]!;
  }
}
