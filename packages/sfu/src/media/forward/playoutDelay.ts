/**
 * How long a receiver of video should wait before it shows a picture, so that what was lost on the way has come again by then.
 * Browsers know the round trip only where they send themselves; who only receives shows pictures at once, and each lost packet
 * stops them. What is asked for travels in the playout-delay extension of every packet.
 * Pure: time is an argument. Elsewhere: loss and round trips → nackGenerator.ts, outgoingBandwidth.ts · extension bytes → engine
 */
export const PLAYOUT_DELAY = {
  /** Less loss than this needs no waiting: one picture in a few hundred comes late. Ours. */
  lossLeast: 0.005,
  /** So many packets may still be missing when their picture is due. Ours. */
  missing: 0.001,
  /** Rounds of repetition that are waited for; a call that waits longer is none. Ours. */
  roundsMost: 2,
  /** What is not answered within so many round trips is asked for again: NACK_LIMITS and its margin. */
  roundTrips: 1.25,
  /** A gap shows when the next picture comes, 50 ms at 20 a second, and is asked for 10 ms after that. */
  noticeMicros: 60_000,
  /** ITU-T G.114: beyond 400 ms each way talk becomes hard; a picture that is behind by twice that is no call any more. */
  mostMicros: 800_000,
  /** Receivers change their delay slowly: smaller steps are not worth telling. Ours. */
  stepMicros: 50_000,
  /** Less is asked for only after so long: loss comes in waves. Ours. */
  holdMicros: 15_000_000,
} as const;

/** One hop: from the sender to us, or from us to the receiver. */
export interface Hop {
  /** 0…1, before repetitions. */
  readonly lossFraction: number;
  readonly roundTripMicros: number;
}

/** Where packets are asked for again; a hop without such requests does not belong here. */
export function delayForRepetitions(hops: readonly Hop[]): number {
  let lossFraction = 0;
  let repairMicros = 0;
  for (const hop of hops) {
    if (hop.lossFraction < PLAYOUT_DELAY.lossLeast) continue;
    lossFraction += hop.lossFraction;
    const { roundTrips, noticeMicros } = PLAYOUT_DELAY;
    repairMicros = Math.max(repairMicros, hop.roundTripMicros * roundTrips + noticeMicros);
  }
  if (lossFraction === 0) return 0;
  let rounds = 1;
  while (rounds < PLAYOUT_DELAY.roundsMost && lossFraction ** (rounds + 1) > PLAYOUT_DELAY.missing) rounds++;
  return Math.min(PLAYOUT_DELAY.mostMicros, rounds * repairMicros);
}

export class PlayoutDelay {
  #micros = 0;
  /** Since when less would do. */
  #lessSince: number | undefined;

  get micros(): number {
    return this.#micros;
  }

  /** More at once, less after a while. @returns whether the receiver is to be told something else */
  update(hops: readonly Hop[], nowMicros: number): boolean {
    const { stepMicros, holdMicros } = PLAYOUT_DELAY;
    const wanted = Math.ceil(delayForRepetitions(hops) / stepMicros) * stepMicros;
    if (wanted >= this.#micros) this.#lessSince = undefined;
    else this.#lessSince ??= nowMicros;
    const due = this.#lessSince !== undefined && nowMicros - this.#lessSince >= holdMicros;
    if (wanted === this.#micros || (wanted < this.#micros && !due)) return false;
    this.#micros = wanted;
    this.#lessSince = undefined;
    return true;
  }
}
