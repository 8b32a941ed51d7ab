/**
 * The index guess of an SRTP receiver, RFC 3711 §3.3.1 and appendix A: the roll-over counter is 0 with the first packet
 * that it sees, and follows the highest index from there.
 */
export class RollOver {
  #highest = -1;

  /** @returns the extended sequence number that a receiver takes this one for. */
  guess(sequence: number): number {
    if (this.#highest < 0) return sequence;
    const rollOver = Math.floor(this.#highest / 65_536);
    const highSequence = this.#highest % 65_536;
    let guessed = rollOver;
    if (highSequence < 32_768) {
      if (sequence - highSequence > 32_768) guessed = rollOver - 1;
    } else if (highSequence - 32_768 > sequence) guessed = rollOver + 1;
    return guessed * 65_536 + sequence;
  }
  /** After the packet proved genuine. */
  accept(extended: number): void {
    if (extended > this.#highest) this.#highest = extended;
  }
}
