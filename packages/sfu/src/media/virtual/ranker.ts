/**
 * Who is above whom: detectors and `now` in, an ordered list out. Pure.
 *
 * From above: pinned, then screen sound that is not silent (if screens hold) · speaking, with a level above those without
 * one · silent, the most recently active first. The order is sticky. Speech passes silence at once, at the end of those
 * who speak already; among these a rival passes only somebody whom it has clearly out-talked for a while, and takes
 * the place of the weakest of those. So each prefix of the order changes by one source at a time, whatever its length:
 * views of different size, and those that leave somebody out, agree with each other.
 * Spec: virtual streams A2, A7, A10. Field: hysteresis instead of "loudest wins" is what keeps switches rare (Volfin and
 * Cohen 2012); holding a place against a rival that is not clearly louder, dropping the least recently active otherwise.
 * Elsewhere: what is loud → levelDetector.ts · who gets which slot → view.ts
 */
import type { LevelDetector } from './levelDetector.js';

export const RANKING = {
  /** dB by which a rival must exceed a holder: its least score of 120 ms against the holder's greatest of 400. 6 dB is twice the
   *  amplitude; two people at the same distance from the same microphone differ by less. */
  clearlyLouderDb: 6,
  /** µs of pausing by which one of two beaten holders counts as less recently active: five packets. */
  pausingMicros: 100_000,
} as const;

export interface Ranked {
  readonly detector: LevelDetector;
  readonly content: 'speech' | 'screen';
  readonly pinned: boolean;
}

const PINNED = 0;
const SCREEN = 1;
const SPEAKING = 2;
const SILENT = 3;
type Class = typeof PINNED | typeof SCREEN | typeof SPEAKING | typeof SILENT;

export class Ranker<S extends Ranked> {
  #order: S[] = [];
  readonly #classes = new Map<S, Class>();
  readonly #serials = new Map<S, number>();
  #nextSerial = 0;
  #dirty = false;

  /** @param screenHolds A10: false where there is one slot only; screen sound is ranked as speech then. */
  constructor(readonly screenHolds: boolean) {}

  /** As of the last `evaluate`. */
  get order(): readonly S[] {
    return this.#order;
  }

  /** Goes below all others of its class. */
  add(source: S): void {
    if (this.#classes.has(source)) return;
    this.#order.push(source);
    this.#classes.set(source, SILENT);
    this.#serials.set(source, this.#nextSerial++);
    this.#dirty = true;
  }

  remove(source: S): void {
    if (!this.#classes.delete(source)) return;
    this.#order.splice(this.#order.indexOf(source), 1);
    this.#serials.delete(source);
    this.#dirty = true;
  }

  /** The same person with another producer: takes the place as it is. */
  replace(before: S, after: S): void {
    const held = this.#classes.get(before);
    if (held === undefined) return this.add(after);
    this.#order[this.#order.indexOf(before)] = after;
    this.#classes.delete(before);
    this.#classes.set(after, held);
    this.#serials.set(after, this.#serials.get(before)!);
    this.#serials.delete(before);
    this.#dirty = true;
  }

  /** @returns true when the order changed. */
  evaluate(nowMicros: number): boolean {
    let changed = this.#dirty;
    this.#dirty = false;
    for (const source of this.#order) {
      const is = this.#classify(source, nowMicros);
      if (this.#classes.get(source) !== is) changed = true;
    }
    if (changed) this.#regroup(nowMicros);
    if (this.#rivals(nowMicros)) changed = true;
    return changed;
  }

  #classify(source: S, nowMicros: number): Class {
    if (source.pinned) return PINNED;
    if (this.screenHolds && source.content === 'screen' && source.detector.sounding(nowMicros)) return SCREEN;
    return source.detector.speaking(nowMicros) ? SPEAKING : SILENT;
  }

  /** Everybody keeps the place within the class; who enters one goes to its end. */
  #regroup(nowMicros: number): void {
    const groups: [stayed: S[], entered: S[]][] = [
      [[], []],
      [[], []],
      [[], []],
      [[], []],
    ];
    for (const source of this.#order) {
      const is = this.#classify(source, nowMicros);
      groups[is]![this.#classes.get(source) === is ? 0 : 1].push(source);
      this.#classes.set(source, is);
    }
    for (const [, entered] of groups) {
      entered.sort((a, b) => b.detector.score(nowMicros) - a.detector.score(nowMicros));
    }
    const silent = [...groups[SILENT]![0], ...groups[SILENT]![1]];
    silent.sort((a, b) => this.#bySilence(a, b));
    this.#order = [
      ...groups.slice(0, SILENT).flatMap(([stayed, entered]) => [...stayed, ...entered]),
      ...silent,
    ];
  }

  #bySilence(a: S, b: S): number {
    const [atA, atB] = [a.detector.lastActiveMicros, b.detector.lastActiveMicros];
    if (atA !== atB) return atA > atB ? -1 : 1;
    return this.#serials.get(a)! - this.#serials.get(b)!;
  }

  /** A rival takes the highest place among those that it passes; the weakest of them goes down to where it was. */
  #rivals(nowMicros: number): boolean {
    const order = this.#order;
    let begin = 0;
    while (begin < order.length && this.#classes.get(order[begin]!)! < SPEAKING) begin++;
    let changed = false;
    for (let at = begin + 1; at < order.length && this.#classes.get(order[at]!) === SPEAKING; at++) {
      const rival = order[at]!;
      if (rival.detector.low <= RANKING.clearlyLouderDb) continue;
      let place = begin;
      while (place < at && !passes(rival, order[place]!)) place++;
      if (place === at) continue;
      let beaten = order[place]!;
      order[place] = rival;
      for (let below = place + 1; below < at; below++) {
        const other = order[below]!;
        if (!passes(rival, other) || !weaker(other, beaten, nowMicros)) continue;
        order[below] = beaten;
        beaten = other;
      }
      order[at] = beaten;
      changed = true;
    }
    return changed;
  }
}

/** An interval order: who passes never is passed back by the same figures. Sources without levels score 0. */
const passes = (rival: Ranked, holder: Ranked): boolean =>
  rival.detector.low > holder.detector.high + RANKING.clearlyLouderDb;

const weaker = (a: Ranked, b: Ranked, nowMicros: number): boolean => {
  const pausedLonger = b.detector.lastActiveMicros - a.detector.lastActiveMicros;
  if (Math.abs(pausedLonger) > RANKING.pausingMicros) return pausedLonger > 0;
  return a.detector.score(nowMicros) < b.detector.score(nowMicros);
};

export const LOUDEST = {
  /** dB, same windows as in the ranking. Half of what costs somebody a slot: here only a mark moves. */
  louderDb: 3,
  /** µs between two changes while the holder speaks: a mark that flickers helps nobody. */
  leastMicros: 500_000,
  /** µs between two changes in any case, or to nobody when its holder leaves: no to and fro from packet to packet. */
  restMicros: 100_000,
  /** µs that the mark stays with the last speaker when nobody speaks. */
  keepMicros: 1_000_000,
} as const;

/** Which source carries the mark 42 (A6). Screen sound only where nobody has a microphone. */
export class LoudestTracker<S extends Ranked> {
  #current: S | undefined;
  #changedMicros = -Infinity;

  get current(): S | undefined {
    return this.#current;
  }

  /** @returns true when it changed. */
  evaluate(order: readonly S[], nowMicros: number): boolean {
    const before = this.#current;
    const speech = order.some(({ content }) => content === 'speech');
    let best: S | undefined;
    let present = false;
    for (const source of order) {
      if (speech && source.content === 'screen') continue;
      if (source === before) present = true;
      if (!source.detector.speaking(nowMicros)) continue;
      if (best === undefined || source.detector.score(nowMicros) > best.detector.score(nowMicros))
        best = source;
    }
    let next = present ? before : undefined;
    const heldMicros = nowMicros - this.#changedMicros;
    if (heldMicros >= LOUDEST.restMicros) {
      if (next === undefined) next = best;
      else if (!next.detector.speaking(nowMicros)) {
        const silentMicros = nowMicros - next.detector.lastActiveMicros;
        next = best ?? (silentMicros <= LOUDEST.keepMicros ? next : undefined);
      } else if (
        best !== undefined &&
        heldMicros >= LOUDEST.leastMicros &&
        best.detector.low > next.detector.high + LOUDEST.louderDb
      ) {
        next = best;
      }
    }
    if (next === before) return false;
    this.#current = next;
    this.#changedMicros = nowMicros;
    return true;
  }

  replace(before: S, after: S): void {
    if (this.#current === before) this.#current = after;
  }
}
