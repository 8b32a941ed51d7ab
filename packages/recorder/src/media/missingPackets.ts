/**
 * Which packets of one SSRC are missing, since when, and which of them to ask for again now.
 * Pure: extended sequence numbers and times in, lists of numbers out. Spec: RFC 4585 §6.2.1.
 * Elsewhere: how long the line waits for them → receiveLine.ts · bytes of the NACK → process/receiver.ts
 */

export const MISSING_LIMITS = {
  /** Missing packets remembered; a gap that does not fit is an outage, not loss, and nobody is asked. */
  entries: 1_000,
  /** Requests for one packet: the media process may itself be waiting for it, over a path that loses packets too. */
  tries: 10,
  /** Between two requests for one packet. The round trip is that of loopback, but what is missing there has to come from the
   *  sender first: 20 ms, longer with each try, so that ten tries fill a second; eight where the socket is read each 100 ms. The
   *  first is made at once: a packet that was only overtaken on loopback comes with the same reading. */
  intervalMicros: 20_000,
} as const;

interface Missing {
  readonly sinceMicros: number;
  dueMicros: number;
  tries: number;
}

export class MissingPackets {
  /** By extended sequence number, in ascending order: numbers are only ever added at the end. */
  readonly #missing = new Map<number, Missing>();
  #deadline: number | undefined;
  #requested = 0;

  get size(): number {
    return this.#missing.size;
  }

  /** Requests so far, one for each number asked for. */
  get requested(): number {
    return this.#requested;
  }

  has(number: number): boolean {
    return this.#missing.has(number);
  }

  /** From the first number to before the end. @returns false when they are too many: none is remembered then */
  add(first: number, end: number, nowMicros: number): boolean {
    if (this.#missing.size + end - first > MISSING_LIMITS.entries) return false;
    for (let number = first; number < end; number++)
      this.#missing.set(number, { sinceMicros: nowMicros, dueMicros: nowMicros, tries: 0 });
    this.#deadline = Math.min(this.#deadline ?? Infinity, nowMicros);
    return true;
  }

  /** It came, or is waited for no longer. @returns how often it was asked for; undefined when it was not missing */
  remove(number: number): number | undefined {
    const missing = this.#missing.get(number);
    if (!missing) return undefined;
    this.#missing.delete(number);
    if (this.#missing.size === 0) this.#deadline = undefined;
    return missing.tries;
  }

  /** Since when the oldest one is missing. */
  oldestMicros(): number | undefined {
    for (const { sinceMicros } of this.#missing.values()) return sinceMicros;
    return undefined;
  }

  clear(): void {
    this.#missing.clear();
    this.#deadline = undefined;
  }

  /** 16-bit numbers to ask for now, oldest first. */
  poll(nowMicros: number): number[] {
    if (this.#deadline === undefined || nowMicros < this.#deadline) return [];
    const lost: number[] = [];
    let deadline = Infinity;
    for (const [number, missing] of this.#missing) {
      if (missing.tries >= MISSING_LIMITS.tries) continue;
      if (nowMicros >= missing.dueMicros) {
        lost.push(number & 0xffff);
        missing.tries++;
        missing.dueMicros = nowMicros + MISSING_LIMITS.intervalMicros * missing.tries;
        if (missing.tries >= MISSING_LIMITS.tries) continue;
      }
      deadline = Math.min(deadline, missing.dueMicros);
    }
    this.#deadline = deadline === Infinity ? undefined : deadline;
    this.#requested += lost.length;
    return lost;
  }

  nextDeadline(): number | undefined {
    return this.#deadline;
  }
}
