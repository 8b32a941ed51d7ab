/**
 * How well a stream arrives, 0 (nothing) to 10 (all), from what was expected, received and repaired between two reports. The
 * latest intervals are averaged, later ones with more weight, so that one bad second neither hides nor stays.
 * Pure. The form of the numbers is mediasoup's (0…10, the fourth power of the share that arrived).
 */

export const SCORE = { most: 10, nothing: 0 } as const;
const SCORE_LIMITS = {
  /** Intervals averaged: reports come about once a second. */
  intervals: 24,
  /** 5 % of loss cost two points, 20 % six: what people see, not what is counted. */
  power: 4,
} as const;

/** Totals so far. */
export interface StreamTotals {
  readonly expected: number;
  /** Without repetitions that repaired something. */
  readonly received: number;
  /** Lost ones that came on request. */
  readonly repaired: number;
  /** Repetitions, useful or not. */
  readonly retransmitted: number;
}

const NO_TOTALS: StreamTotals = { expected: 0, received: 0, repaired: 0, retransmitted: 0 };

export class StreamScore {
  #totals: StreamTotals = NO_TOTALS;
  #history: number[] = [];
  #score: number = SCORE.nothing;

  get value(): number {
    return this.#score;
  }

  /** Packets come (again): good until told otherwise. */
  begin(): void {
    this.#history = [];
    this.#score = SCORE.most;
  }

  /** Nothing comes. */
  end(): void {
    this.#history = [];
    this.#score = SCORE.nothing;
  }

  /** @returns whether the score is another one */
  handleTotals(totals: StreamTotals): boolean {
    const before = this.#totals;
    this.#totals = totals;
    const expected = totals.expected - before.expected;
    const received = totals.received - before.received;
    const repaired = Math.max(0, totals.repaired - before.repaired);
    const retransmitted = Math.max(repaired, totals.retransmitted - before.retransmitted);
    if (expected <= 0 || received < 0 || this.#score === SCORE.nothing) return false;
    const useful = retransmitted === 0 ? 0 : repaired / retransmitted;
    const lost = Math.max(0, expected - received - repaired * useful);
    const share = Math.max(0, 1 - lost / expected);
    return this.#add(Math.round(SCORE.most * share ** SCORE_LIMITS.power));
  }

  #add(score: number): boolean {
    this.#history.push(score);
    if (this.#history.length > SCORE_LIMITS.intervals) this.#history.shift();
    let sum = 0;
    let weights = 0;
    this.#history.forEach((each, i) => {
      sum += each * (i + 1);
      weights += i + 1;
    });
    // 0 is for a stream that does not come at all.
    const value = Math.max(1, Math.round(sum / weights));
    const changed = value !== this.#score;
    this.#score = value;
    return changed;
  }
}
