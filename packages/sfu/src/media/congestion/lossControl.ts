/**
 * An upper bound from loss, for links that drop before they delay. Spec: draft-ietf-rmcat-gcc-02 §6: below 2 % it rises, up to
 * 10 % it stays, beyond it falls by half of the loss. It bounds nothing until loss has once been beyond 10 %: a link that
 * loses 5 % by nature must not keep a call at its first rate.
 */
export const LOSS_CONTROL = {
  low: 0.02,
  high: 0.1,
  /** Each second below `low`: gcc-02 §6 has 1.05 for each report, libwebrtc 1.08 for each second. */
  increase: 1.08,
  /** Packets whose loss is averaged, so that one burst of ten is no 10 %: about a second of 1 Mbit/s. Ours. */
  packets: 100,
  /** Between two decreases, beside a round trip. libwebrtc: kBweDecreaseInterval. */
  decreaseMicros: 300_000,
  /** A bound this far above the other estimate is no bound any more. Ours. */
  forgetFactor: 1.5,
} as const;

export class LossControl {
  #fraction = 0;
  #limit: number | undefined;
  #decreasedMicros = -Infinity;
  #updatedMicros: number | undefined;

  /** Smoothed, 0…1. */
  get fraction(): number {
    return this.#fraction;
  }

  /** undefined: loss bounds nothing. */
  get limit(): number | undefined {
    return this.#limit;
  }

  /** @param bitrate by which packets were sent, in force while `limit` is undefined */
  handlePackets(
    received: number,
    lost: number,
    bitrate: number,
    roundTripMicros: number,
    nowMicros: number,
  ): void {
    const expected = received + lost;
    if (expected <= 0) return;
    const fraction = Math.max(0, lost) / Math.max(expected, 1);
    const weight = Math.min(1, expected / LOSS_CONTROL.packets);
    this.handleFraction(
      this.#fraction + weight * (fraction - this.#fraction),
      bitrate,
      roundTripMicros,
      nowMicros,
    );
  }

  /** For receivers that only report a fraction (RFC 3550 §6.4.1). */
  handleFraction(fraction: number, bitrate: number, roundTripMicros: number, nowMicros: number): void {
    this.#fraction = fraction;
    const elapsed = nowMicros - (this.#updatedMicros ?? nowMicros);
    this.#updatedMicros = nowMicros;
    if (fraction > LOSS_CONTROL.high) {
      if (nowMicros - this.#decreasedMicros < LOSS_CONTROL.decreaseMicros + roundTripMicros) return;
      this.#decreasedMicros = nowMicros;
      this.#limit = Math.min(this.#limit ?? bitrate, bitrate) * (1 - 0.5 * fraction);
    } else if (fraction < LOSS_CONTROL.low && this.#limit !== undefined) {
      this.#limit *= LOSS_CONTROL.increase ** (Math.min(elapsed, 1_000_000) / 1_000_000);
    }
  }

  /** Called with what the delay allows: far above it, the bound is forgotten. */
  relax(delayBitrate: number): void {
    if (this.#limit !== undefined && this.#limit > delayBitrate * LOSS_CONTROL.forgetFactor)
      this.#limit = undefined;
  }

  /** A probe has shown that more gets through. */
  raise(bitrate: number): void {
    if (this.#limit !== undefined) this.#limit = Math.max(this.#limit, bitrate);
  }
}
