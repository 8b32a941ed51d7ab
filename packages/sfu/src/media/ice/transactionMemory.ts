/**
 * Which STUN transaction ids were seen, and from where first: a check that comes again from another address was
 * recorded on the way and is sent by somebody else.
 * Pure memory, no clock; a ring that grows to its limit and then forgets the oldest.
 * Spec: RFC 8489 §6 (transaction ids are random and unique).
 */
const WORDS = 4; // 96 bits of id, 32 bits that stand for the tuple
const FIRST_ENTRIES = 32;
/** A browser sends a check every 2.5 s on its selected pair, so that this reaches back about 80 minutes; 32 KiB. */
export const REMEMBERED_TRANSACTIONS = 2048;

export class TransactionMemory {
  #ring = new Uint32Array(FIRST_ENTRIES * WORDS);
  #entries = 0;
  #next = 0;

  /** 'elsewhere': another tuple used this id before. Otherwise it is remembered for this one. */
  note(transactionId: Uint8Array, tupleKey: string): 'new' | 'again' | 'elsewhere' {
    const [a, b, c] = [word(transactionId, 0), word(transactionId, 4), word(transactionId, 8)];
    const from = hash(tupleKey);
    for (let at = 0; at < this.#entries * WORDS; at += WORDS) {
      if (this.#ring[at] !== a || this.#ring[at + 1] !== b || this.#ring[at + 2] !== c) continue;
      return this.#ring[at + 3] === from ? 'again' : 'elsewhere';
    }
    if (this.#entries * WORDS === this.#ring.length && this.#entries < REMEMBERED_TRANSACTIONS) {
      const larger = new Uint32Array(this.#ring.length * 2);
      larger.set(this.#ring);
      this.#next = this.#entries;
      this.#ring = larger;
    }
    this.#ring.set([a, b, c, from], this.#next * WORDS);
    this.#entries = Math.max(this.#entries, this.#next + 1);
    this.#next = (this.#next + 1) % (this.#ring.length / WORDS);
    return 'new';
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** FNV-1a over the key's code units. A clash of two tuples would let one replay pass as a retransmission: 1 in 2^32. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
