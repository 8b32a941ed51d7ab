/** Bits into bytes, highest first: the other side of src/payload/bitReader.ts. */
export class BitWriter {
  readonly #bits: number[] = [];

  bits(value: number, count: number): this {
    for (let bit = count - 1; bit >= 0; bit--) this.#bits.push(Math.floor(value / 2 ** bit) % 2);
    return this;
  }

  nonSymmetric(value: number, limit: number): this {
    const width = 32 - Math.clz32(limit);
    const short = 2 ** width - limit;
    return value < short ? this.bits(value, width - 1) : this.bits(value + short, width);
  }

  /** Zeros up to a whole byte. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(this.#bits.length / 8));
    this.#bits.forEach((bit, at) => (bytes[at >> 3]! |= bit << (7 - (at & 7))));
    return bytes;
  }
}
