/**
 * Bits from the highest of a byte down, over borrowed bytes; one reader serves many reads. Reading past the end gives zeros
 * and sets `overrun`, so that a parser may ask once at its end instead of before every field.
 */
export class BitReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** From the first byte that was given. */
  position = 0;
  #base = 0;
  overrun = false;

  /** @param end behind the last byte; within `bytes` */
  start(bytes: Uint8Array, offset: number, end: number): void {
    this.#bytes = bytes;
    this.#base = offset * 8;
    this.#end = (end - offset) * 8;
    this.position = 0;
    this.overrun = false;
  }

  /** Up to 32 bits, unsigned: f(n) of the AV1 RTP specification, A.8.2. */
  bits(count: number): number {
    if (this.position + count > this.#end) {
      this.overrun = true;
      this.position = this.#end;
      return 0;
    }
    let value = 0;
    let at = this.#base + this.position;
    for (let left = count; left > 0;) {
      const inByte = 8 - (at & 7);
      const take = inByte < left ? inByte : left;
      const part = (this.#bytes[at >> 3]! >> (inByte - take)) & ((1 << take) - 1);
      value = value * (1 << take) + part;
      at += take;
      left -= take;
    }
    this.position += count;
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  /** Exp-Golomb, unsigned: ue(v) of H.264 §9.1. Longer than 32 bits is an overrun: no number of a stream is. */
  expGolomb(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros++;
      if (zeros > 31 || this.overrun) {
        this.overrun = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** The same, signed: se(v) of H.264 §9.1.1. */
  signedExpGolomb(): number {
    const code = this.expGolomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  /** A value below `limit`, which is at least 1, in as few bits as it needs: ns(n) of the same section. */
  nonSymmetric(limit: number): number {
    const width = 32 - Math.clz32(limit);
    const short = 2 ** width - limit;
    const value = this.bits(width - 1);
    if (value < short) return value;
    return value * 2 - short + this.bits(1);
  }
}
