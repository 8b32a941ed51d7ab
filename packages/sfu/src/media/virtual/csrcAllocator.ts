/**
 * The CSRCs of one room: one per source from join to leave, never 0, never 42, never a slot's SSRC, and not given again
 * while a receiver can still have it in a buffer.
 * Pure; chance and time are arguments.
 * Spec: virtual streams A6 and the words "participant", "slot"; W3C webrtc-pc `getContributingSources` keeps a CSRC 10 s.
 */

/** Says "loudest now" beside a true CSRC; never a source's own. */
export const LOUDEST_CSRC = 42;

export const CSRC_LIMITS = {
  /** µs. Browsers list a CSRC for 10 s; reports and recordings that are read later want more. */
  quarantineMicros: 60_000_000,
  /** Draws before giving up. With 10,000 numbers in use out of 2^32 one retry is rare already. */
  draws: 100,
} as const;

export class CsrcAllocator {
  readonly #csrcs = new Set<number>();
  /** → how many receivers have it: two transports may well use the same. */
  readonly #ssrcs = new Map<number, number>();
  readonly #freed = new Map<number, number>();

  constructor(private readonly rng: () => number) {}

  /** A new CSRC. */
  allocate(nowMicros: number): number {
    const csrc = this.#draw(nowMicros);
    this.#csrcs.add(csrc);
    return csrc;
  }

  /**
   * A given one, such as that of a participant who comes back.
   * @throws TypeError for 0, 42, what is no uint32, and what is in use.
   */
  take(csrc: number): void {
    if (!Number.isInteger(csrc) || csrc < 1 || csrc > 0xffffffff || csrc === LOUDEST_CSRC)
      throw new TypeError(`csrc ${csrc} cannot be a source's`);
    if (this.#csrcs.has(csrc) || this.#ssrcs.has(csrc)) throw new TypeError(`csrc ${csrc} is in use`);
    this.#freed.delete(csrc);
    this.#csrcs.add(csrc);
  }

  free(csrc: number, nowMicros: number): void {
    if (this.#csrcs.delete(csrc)) this.#freed.set(csrc, nowMicros);
  }

  /** An SSRC that no source's CSRC equals, not reserved yet. */
  drawSsrc(nowMicros: number): number {
    return this.#draw(nowMicros);
  }
  /** @throws TypeError when a source has it as its CSRC. */
  reserveSsrc(ssrc: number): void {
    if (this.#csrcs.has(ssrc)) throw new TypeError(`ssrc ${ssrc} is the CSRC of a source`);
    this.#ssrcs.set(ssrc, (this.#ssrcs.get(ssrc) ?? 0) + 1);
  }
  releaseSsrc(ssrc: number): void {
    const left = (this.#ssrcs.get(ssrc) ?? 0) - 1;
    if (left > 0) this.#ssrcs.set(ssrc, left);
    else this.#ssrcs.delete(ssrc);
  }

  has(csrc: number): boolean {
    return this.#csrcs.has(csrc);
  }

  /** Forgets what was freed long ago. */
  expire(nowMicros: number): void {
    for (const [csrc, atMicros] of this.#freed) {
      if (nowMicros - atMicros < CSRC_LIMITS.quarantineMicros) return;
      this.#freed.delete(csrc);
    }
  }

  #draw(nowMicros: number): number {
    this.expire(nowMicros);
    for (let i = 0; i < CSRC_LIMITS.draws; i++) {
      const value = Math.floor(this.rng() * 0x1_0000_0000) >>> 0;
      if (value === 0 || value === LOUDEST_CSRC) continue;
      if (this.#csrcs.has(value) || this.#ssrcs.has(value) || this.#freed.has(value)) continue;
      return value;
    }
    throw new Error('no free CSRC: the random source repeats itself');
  }
}
