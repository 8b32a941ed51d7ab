/**
 * Which packets of one SSRC to ask for again, and when.
 * Pure: sequence numbers and times in, lists of numbers out; `nextDeadline` says when the next list may be due.
 * Spec: RFC 4585 §6.2.1. Elsewhere: bytes of the NACK → the caller · order and loss → receiveStream.ts
 */
import { LossMeter } from './lossMeter.js';

export interface NackLimits {
  /** Missing packets remembered; a gap that does not fit is not asked for at all: it is an outage, not loss. */
  entries: number;
  /** After this a packet is too late to be played. */
  ageMicros: number;
  /** Requests per packet. */
  tries: number;
  /** A packet that was only overtaken comes within it. */
  firstDelayMicros: number;
  /** Shortest time between two requests for the same packet; else the round trip counts. */
  leastIntervalMicros: number;
}

/** Audio: a jitter buffer waits for some hundred ms at most. Others ask 5 to 10 times over 1000 entries. */
export const NACK_LIMITS: Readonly<NackLimits> = {
  entries: 1000,
  ageMicros: 1_000_000,
  tries: 10,
  firstDelayMicros: 10_000,
  leastIntervalMicros: 20_000,
};
/** Video waits for a lost packet as long as the picture may stand still; the list is as long as others have it. */
export const VIDEO_NACK_LIMITS: Readonly<NackLimits> = { ...NACK_LIMITS, ageMicros: 2_000_000 };
/** Until a round trip has been measured. */
const FIRST_ROUND_TRIP_MICROS = 100_000;
/** Answers from which the round trip is taken, where no report tells it: the quickest of them answered the first request. */
const ANSWERS = 16;
/** The answer may be somewhat slower than the mean round trip. */
const ROUND_TRIP_MARGIN = 1.25;

interface Missing {
  readonly sinceMicros: number;
  /** For the first time. */
  askedMicros: number;
  dueMicros: number;
  tries: number;
}

export interface NackStats {
  requested: number;
  recovered: number;
  givenUp: number;
  overflows: number;
  missing: number;
}

export class NackGenerator {
  readonly #limits: Readonly<NackLimits>;
  /** By extended sequence number, in ascending order: numbers are only ever added at the end. */
  readonly #missing = new Map<number, Missing>();
  #highest: number | undefined;
  /** As reports have it. */
  #roundTripMicros: number | undefined;
  readonly #answers: number[] = [];
  readonly #loss = new LossMeter();
  /** Not later than the earliest due time; a packet that came meanwhile may make it too early. */
  #deadline: number | undefined;
  #requested = 0;
  #recovered = 0;
  #givenUp = 0;
  #overflows = 0;
  #overflown = false;

  constructor(limits: Partial<NackLimits> = {}) {
    this.#limits = { ...NACK_LIMITS, ...limits };
  }

  handlePacket(extendedSequence: number, nowMicros: number): void {
    if (this.#highest === undefined) {
      this.#highest = extendedSequence;
      return;
    }
    if (extendedSequence <= this.#highest) {
      const missing = this.#missing.get(extendedSequence);
      if (!missing) return;
      this.#missing.delete(extendedSequence);
      if (missing.tries > 0) {
        this.#recovered++;
        this.#answers.push(nowMicros - missing.askedMicros);
        if (this.#answers.length > ANSWERS) this.#answers.shift();
      }
      return;
    }
    const gap = extendedSequence - this.#highest - 1;
    if (gap <= this.#limits.entries) this.#loss.add(gap + 1, 0);
    if (gap > this.#limits.entries) {
      this.#overflows++;
      this.#overflown = true;
      this.#givenUp += this.#missing.size;
      this.#missing.clear();
      this.#deadline = undefined;
    } else if (gap > 0) {
      this.#makeRoom(gap);
      const dueMicros = nowMicros + this.#limits.firstDelayMicros;
      for (let number = this.#highest + 1; number < extendedSequence; number++)
        this.#missing.set(number, { sinceMicros: nowMicros, askedMicros: 0, dueMicros, tries: 0 });
      if (this.#deadline === undefined || dueMicros < this.#deadline) this.#deadline = dueMicros;
    }
    this.#highest = extendedSequence;
  }

  /** Whether packets were given up that nobody will send again; tells it once. */
  takeOverflow(): boolean {
    const overflown = this.#overflown;
    this.#overflown = false;
    return overflown;
  }

  setRoundTripTime(micros: number): void {
    if (micros > 0) this.#roundTripMicros = micros;
  }

  /** From reports, or else from the time until packets came again. */
  get roundTripMicros(): number {
    if (this.#roundTripMicros !== undefined) return this.#roundTripMicros;
    return this.#answers.length === 0 ? FIRST_ROUND_TRIP_MICROS : Math.min(...this.#answers);
  }

  /** The share of packets that had to be asked for, 0…1. */
  get lossFraction(): number {
    return this.#loss.fraction;
  }

  /** 16-bit sequence numbers to ask for now, oldest first; empty when there are none. */
  poll(nowMicros: number): number[] {
    if (this.#deadline === undefined || nowMicros < this.#deadline) return [];
    const interval = Math.max(this.#limits.leastIntervalMicros, this.roundTripMicros * ROUND_TRIP_MARGIN);
    let first = 0;
    const lost: number[] = [];
    let deadline: number | undefined;
    for (const [number, missing] of this.#missing) {
      const tooOld = nowMicros - missing.sinceMicros >= this.#limits.ageMicros;
      if (tooOld || (missing.tries >= this.#limits.tries && nowMicros >= missing.dueMicros)) {
        this.#missing.delete(number);
        this.#givenUp++;
        continue;
      }
      if (nowMicros >= missing.dueMicros) {
        lost.push(number & 0xffff);
        if (missing.tries++ === 0) {
          missing.askedMicros = nowMicros;
          first++;
        }
        missing.dueMicros = nowMicros + interval;
      }
      if (deadline === undefined || missing.dueMicros < deadline) deadline = missing.dueMicros;
    }
    this.#deadline = deadline;
    this.#requested += lost.length;
    if (first > 0) this.#loss.add(first, first);
    return lost;
  }

  nextDeadline(): number | undefined {
    return this.#missing.size === 0 ? undefined : this.#deadline;
  }

  stats(): NackStats {
    return {
      requested: this.#requested,
      recovered: this.#recovered,
      givenUp: this.#givenUp,
      overflows: this.#overflows,
      missing: this.#missing.size,
    };
  }

  #makeRoom(wanted: number): void {
    for (const number of this.#missing.keys()) {
      if (this.#missing.size + wanted <= this.#limits.entries) return;
      this.#missing.delete(number);
      this.#givenUp++;
    }
  }
}
