/**
 * An upper bound from loss, for links that drop before they delay. Spec: draft-ietf-rmcat-gcc-02 §6: below 2 % it rises, up to
 * 10 % it all but stays, beyond it falls by half of the loss. It bounds nothing until loss has once been beyond 10 %: a link that
 * loses 5 % by nature must not keep a call at its first rate.
 */
export const LOSS_CONTROL = {
  low: 0.02,
  high: 0.1,
  /** Each second below `low`: gcc-02 §6 has 1.05 for each report, libwebrtc 1.08 for each second. */
  increase: 1.08,
  /** Each second between the two: else bursts on a link that always loses 5 % take it down step by step for ever. Ours. */
  creep: 1.03,
  /** Packets that are judged together, so that one burst of ten is no 10 %: over a second of 1 Mbit/s. Ours. */
  packets: 150,
  /** Or fewer after this time, but as many as libwebrtc wants at least. */
  packetsLeast: 20,
  windowMicros: 1_500_000,
  /** What was judged so long before is of another time: twice as long as a judgement may take. Ours. */
  staleMicros: 3_000_000,
  /** Between two decreases, beside a round trip. libwebrtc: kBweDecreaseInterval. */
  decreaseMicros: 300_000,
  /** A bound this far above the other estimate is no bound any more. Ours. */
  forgetFactor: 1.5,
} as const;

export class LossControl {
  #fraction = 0;
  #received = 0;
  #lost = 0;
  #sinceMicros: number | undefined;
  #limit: number | undefined;
  #decreasedMicros = -Infinity;
  #updatedMicros: number | undefined;

  /** Of the last packets that were judged, 0…1. */
  get fraction(): number {
    return this.#fraction;
  }

  /** Packets were judged, and too many of them lost, so shortly before. What was judged before a pause says nothing of now. */
  losesNow(nowMicros: number): boolean {
    const since = nowMicros - (this.#updatedMicros ?? -Infinity);
    return this.#fraction > LOSS_CONTROL.high && since < LOSS_CONTROL.staleMicros;
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
    this.#sinceMicros ??= nowMicros;
    this.#received += received;
    this.#lost += lost;
    const expected = this.#received + this.#lost;
    if (expected < LOSS_CONTROL.packetsLeast) return;
    if (expected < LOSS_CONTROL.packets && nowMicros - this.#sinceMicros < LOSS_CONTROL.windowMicros) return;
    const fraction = Math.max(0, this.#lost) / expected;
    this.#received = 0;
    this.#lost = 0;
    this.#sinceMicros = nowMicros;
    this.handleFraction(fraction, bitrate, roundTripMicros, nowMicros);
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
    } else if (this.#limit !== undefined) {
      const increase = fraction < LOSS_CONTROL.low ? LOSS_CONTROL.increase : LOSS_CONTROL.creep;
      this.#limit *= increase ** (Math.min(elapsed, LOSS_CONTROL.windowMicros) / 1_000_000);
    }
  }

  /** No more than this gets through, undefined: it is not known. */
  bound(bitrate: number | undefined): void {
    if (bitrate !== undefined && this.#limit !== undefined) this.#limit = Math.min(this.#limit, bitrate);
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
