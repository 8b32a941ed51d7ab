/**
 * A bitrate that rises while the network is quiet and falls when its queue grows: additive or multiplicative increase,
 * multiplicative decrease. Spec: draft-ietf-rmcat-gcc-02 §5.5. Elsewhere: the network's state → overuseDetector.ts
 */
import type { NetworkState } from './overuseDetector.js';

export const RATE_CONTROL = {
  /** Of what arrived, after overuse: below it, so that the queue drains. gcc-02 §5.5 β. */
  decrease: 0.85,
  /** Each second while the link's limit is unknown. gcc-02 §5.5 η. */
  increase: 1.08,
  /** No estimate beyond this share of what really arrived, and this much: it could not be known. gcc-02 §5.5, libwebrtc. */
  acknowledgedMost: 1.5,
  acknowledgedMoreBits: 10_000,
  /** Near the limit one packet more in this time and a round trip. gcc-02 §5.5: response_time. */
  responseMicros: 100_000,
  packetBits: 9_600, // 1200 bytes, as above
  additiveLeastBits: 4_000, // each second; libwebrtc
  /** Once overuse goes on, the rate falls again after a round trip within these bounds. libwebrtc. */
  againLeastMicros: 10_000,
  againMostMicros: 200_000,
  /** Longest step of time that counts for an increase. libwebrtc. */
  stepMostMicros: 1_000_000,
} as const;

/** Mean and deviation of what arrived at overuses: the link's limit, as far as known. libwebrtc's constants. */
const LIMIT = { weight: 0.05, spreadStart: 0.4, spreadLeast: 0.4, spreadMost: 2.5, deviations: 3 } as const;

class LinkLimit {
  #meanKbits: number | undefined;
  /** Variance over mean. */
  #spread: number = LIMIT.spreadStart;

  get known(): boolean {
    return this.#meanKbits !== undefined;
  }

  get bitrate(): number | undefined {
    return this.#meanKbits === undefined ? undefined : this.#meanKbits * 1000;
  }

  isBelow(bitrate: number): boolean {
    return this.#meanKbits !== undefined && bitrate / 1000 > this.#meanKbits + this.#deviation();
  }

  isAbove(bitrate: number): boolean {
    return this.#meanKbits !== undefined && bitrate / 1000 < this.#meanKbits - this.#deviation();
  }

  learn(bitrate: number): void {
    const kbits = bitrate / 1000;
    const mean =
      this.#meanKbits === undefined ? kbits : this.#meanKbits + LIMIT.weight * (kbits - this.#meanKbits);
    this.#meanKbits = mean;
    const spread = (mean - kbits) ** 2 / Math.max(mean, 1);
    const moved = this.#spread + LIMIT.weight * (spread - this.#spread);
    this.#spread = Math.min(LIMIT.spreadMost, Math.max(LIMIT.spreadLeast, moved));
  }

  forget(): void {
    this.#meanKbits = undefined;
  }

  #deviation(): number {
    return LIMIT.deviations * Math.sqrt(this.#spread * (this.#meanKbits ?? 0));
  }
}

export class RateControl {
  #bitrate: number;
  #move: 'hold' | 'increase' | 'decrease' = 'hold';
  #changedMicros: number | undefined;
  #decreasedMicros = -Infinity;
  readonly #limit = new LinkLimit();

  constructor(startBitrate: number) {
    this.#bitrate = startBitrate;
  }

  get bitrate(): number {
    return this.#bitrate;
  }

  get decreasedMicros(): number {
    return this.#decreasedMicros;
  }

  /** A better source than a step by step search: a probe, or bounds. What was learned of the limit may no longer hold. */
  setBitrate(bitrate: number, nowMicros: number): void {
    if (this.#limit.isBelow(bitrate)) this.#limit.forget();
    this.#bitrate = bitrate;
    this.#changedMicros = nowMicros;
  }

  /** @param acknowledged what arrived lately in bits per second, undefined: not known */
  update(
    state: NetworkState,
    acknowledged: number | undefined,
    roundTripMicros: number,
    nowMicros: number,
  ): number {
    if (state === 'underuse') this.#move = 'hold';
    else if (state === 'overuse') this.#move = 'decrease';
    else this.#move = 'increase';
    if (this.#move === 'increase') this.#increase(acknowledged, roundTripMicros, nowMicros);
    else if (this.#move === 'decrease') this.#decrease(acknowledged, roundTripMicros, nowMicros);
    else this.#changedMicros = nowMicros;
    return this.#bitrate;
  }

  #increase(acknowledged: number | undefined, roundTripMicros: number, nowMicros: number): void {
    const elapsed = Math.min(nowMicros - (this.#changedMicros ?? nowMicros), RATE_CONTROL.stepMostMicros);
    this.#changedMicros = nowMicros;
    if (acknowledged === undefined) return;
    if (this.#limit.isBelow(acknowledged)) this.#limit.forget();
    const seconds = elapsed / 1_000_000;
    let next: number;
    if (this.#limit.known) {
      const perResponse = 1_000_000 / (roundTripMicros + RATE_CONTROL.responseMicros);
      next =
        this.#bitrate +
        Math.max(RATE_CONTROL.additiveLeastBits, RATE_CONTROL.packetBits * perResponse) * seconds;
    } else {
      next = this.#bitrate * RATE_CONTROL.increase ** seconds;
    }
    const most = acknowledged * RATE_CONTROL.acknowledgedMost + RATE_CONTROL.acknowledgedMoreBits;
    this.#bitrate = Math.max(this.#bitrate, Math.min(next, most));
  }

  #decrease(acknowledged: number | undefined, roundTripMicros: number, nowMicros: number): void {
    const again = Math.min(
      RATE_CONTROL.againMostMicros,
      Math.max(RATE_CONTROL.againLeastMicros, roundTripMicros),
    );
    if (nowMicros - this.#decreasedMicros < again) return;
    const arrived = acknowledged ?? this.#bitrate;
    let next = arrived * RATE_CONTROL.decrease;
    // Far more arrives than we think the link holds: a probe's packets, or a burst. The limit known is better then.
    if (next > this.#bitrate && this.#limit.bitrate !== undefined)
      next = this.#limit.bitrate * RATE_CONTROL.decrease;
    if (this.#limit.isAbove(arrived) || this.#limit.isBelow(arrived)) this.#limit.forget();
    this.#limit.learn(arrived);
    this.#bitrate = Math.min(this.#bitrate, next);
    this.#decreasedMicros = nowMicros;
    this.#changedMicros = nowMicros;
  }
}
