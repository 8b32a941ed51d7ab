/**
 * Watches one room at the server's exit, in the order of sending, by the clear headers: who bears 42, and which slot of
 * a receiver carries whom. That the CSRCs there are true is the judge's business.
 */
import type { Judge } from './judge.js';

/** Longer without a packet and a source may come back anywhere: more than any jitter here, less than a turn to speak. */
const SAME_STRETCH_MICROS = 60_000;

interface Bearer {
  sentMicros: number;
  had42: boolean;
}

export class ExitWatch {
  readonly #bearers = new Map<number, Bearer>();
  #holder = 0;
  readonly #slots = new Map<string, Map<number, { slot: number; sentMicros: number }>>();
  /** By receiver: the CSRC that each slot carried last. */
  readonly #carried = new Map<string, number[]>();
  loudestChanges = 0;
  /** Changes of the loudest that were taken back before the one before had sent another packet. */
  flickers = 0;
  #wasDisputed = false;

  constructor(
    private readonly judge: Judge,
    private readonly room: string,
  ) {}

  /** A packet that is sent for the first time. */
  sent(listener: string, slot: number, csrcs: readonly number[], sentMicros: number): void {
    const csrc = csrcs[0] ?? 0;
    const has42 = csrcs[1] === 42;
    const bearer = this.#bearers.get(csrc);
    if (has42 && this.#holder !== csrc) {
      // Somebody else bore it between two following packets of this one. Once, and the loudest changed and changed back;
      // in turns, and both bear it.
      const isDisputed = bearer?.had42 === true && sentMicros - bearer.sentMicros < SAME_STRETCH_MICROS;
      if (isDisputed) this.flickers++;
      if (isDisputed && this.#wasDisputed)
        this.judge.violate(
          'two-loudest',
          `${this.room} ${csrc} and ${this.#holder} at ${sentMicros / 1e6} s`,
        );
      this.#wasDisputed = isDisputed;
      this.#holder = csrc;
      this.loudestChanges++;
    }
    if (bearer === undefined) this.#bearers.set(csrc, { sentMicros, had42: has42 });
    else {
      bearer.sentMicros = sentMicros;
      bearer.had42 = has42;
    }

    let slots = this.#slots.get(listener);
    if (slots === undefined) this.#slots.set(listener, (slots = new Map()));
    const before = slots.get(csrc);
    let carried = this.#carried.get(listener);
    if (carried === undefined) this.#carried.set(listener, (carried = []));
    if (before === undefined) slots.set(csrc, { slot, sentMicros });
    else {
      // Displaced by somebody else, it may come back elsewhere; out of its own slot it may not go.
      const isRecent = sentMicros - before.sentMicros < SAME_STRETCH_MICROS;
      if (before.slot !== slot && isRecent && carried[before.slot] === csrc)
        this.judge.violate(
          'moved',
          `${listener}: ${csrc} from slot ${before.slot} to ${slot} at ${sentMicros / 1e6} s`,
        );
      before.slot = slot;
      before.sentMicros = sentMicros;
    }
    carried[slot] = csrc;
  }

  forget(listener: string): void {
    this.#slots.delete(listener);
    this.#carried.delete(listener);
  }
}
