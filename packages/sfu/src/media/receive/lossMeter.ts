/** The share of packets that are lost, over the last few hundred of them. Pure; it forgets by packets, not by time. */
const PACKETS = 300;

export class LossMeter {
  #fraction = 0;

  /** 0…1 */
  get fraction(): number {
    return this.#fraction;
  }

  add(expected: number, lost: number): void {
    if (expected <= 0) return;
    const share = Math.min(1, Math.max(0, lost / expected));
    this.#fraction += (share - this.#fraction) * (1 - Math.exp(-expected / PACKETS));
  }
}
