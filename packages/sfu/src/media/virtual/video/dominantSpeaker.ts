/**
 * By whom the pictures go: who is the room's loudest comes in, with time; who dominates and who did before comes out.
 * Slower than the mark of the loudest on purpose: a mark may move with every word, a picture that moves costs a key frame
 * and everybody's attention. Only who is the loudest at this moment can take over, and only when it has been the loudest
 * for a while and clearly longer than who dominates; so two who alternate every 20 ms, however long, move nothing.
 * Pure: `hear`, `remove`, `step`, `nextDeadline`.
 * Spec: virtual streams V2. Field: speaker changes need a span of speech, not a peak (Volfin and Cohen 2012).
 * Elsewhere: who is the loudest → ../ranker.ts · what follows from it → relevance.ts
 */

export const DOMINANT_SPEAKER = {
  /** µs that are looked back: a sentence's part. Longer, and who answers at once waits longer than who interrupts. */
  windowMicros: 1_000_000,
  /** µs as the loudest within the window, in sum. A cough or a "yes" takes 200 to 300 ms, a sentence is longer. */
  leastMicros: 400_000,
  /** µs by which that must exceed what the dominant one has within the window. After a talk without a pause it takes 600 ms to
   *  get there; two who flap have the same share, whatever the pace. */
  leadMicros: 200_000,
  /** µs between two changes. Faster than that nobody can follow, and every receiver waits for a key frame each time. */
  restMicros: 1_500_000,
  /** µs after its last packet that was speech for which a source should be told as the loudest: three packets, a loss among
   *  them. The mark itself stays for a second, which would make a sentence of a cough. */
  soundingMicros: 60_000,
  /** Between two looks while somebody is about to take over: one packet's time. */
  stepMicros: 20_000,
  /** Changes of the loudest that are remembered. One for each 10 ms of the window; more is flapping, and the oldest goes. */
  spans: 100,
  /** Earlier dominant ones that are remembered: twice the most canvases that a receiver can have. */
  recent: 32,
} as const;

interface Span {
  readonly participantId: string;
  readonly fromMicros: number;
  toMicros: number;
}

export class DominantSpeaker {
  #dominant: string | undefined;
  /** Latest first, without the dominant one. */
  readonly #recent: string[] = [];
  #loudest: string | undefined;
  /** Oldest first; the last one grows while it is of the loudest. */
  readonly #spans: Span[] = [];
  #changedMicros = -Infinity;
  #lookedMicros = -Infinity;

  get dominant(): string | undefined {
    return this.#dominant;
  }
  /** Who dominated before, latest first. Without the dominant one. */
  get recent(): readonly string[] {
    return this.#recent;
  }

  /**
   * @param loudest whose sound is speech now, the loudest of all; undefined: nobody's (see `soundingMicros`). Holds until the
   *   next call; calling with the same one again costs nothing.
   * @returns true when the dominant one changed
   */
  hear(loudest: string | undefined, nowMicros: number): boolean {
    if (loudest === this.#loudest) return this.step(nowMicros);
    this.#extend(nowMicros);
    this.#loudest = loudest;
    if (loudest !== undefined) {
      this.#spans.push({ participantId: loudest, fromMicros: nowMicros, toMicros: nowMicros });
      if (this.#spans.length > DOMINANT_SPEAKER.spans) this.#spans.shift();
    }
    return this.step(nowMicros);
  }

  /** Left the room. @returns true when it was the dominant one: nobody is then, until somebody has spoken long enough. */
  remove(participantId: string): boolean {
    for (let at = this.#spans.length - 1; at >= 0; at--)
      if (this.#spans[at]!.participantId === participantId) this.#spans.splice(at, 1);
    if (this.#loudest === participantId) this.#loudest = undefined;
    const at = this.#recent.indexOf(participantId);
    if (at >= 0) this.#recent.splice(at, 1);
    if (this.#dominant !== participantId) return false;
    this.#dominant = undefined;
    return true;
  }

  /** @returns true when the dominant one changed. Silence changes nothing. */
  step(nowMicros: number): boolean {
    this.#extend(nowMicros);
    this.#lookedMicros = nowMicros;
    const rival = this.#loudest;
    if (rival === undefined || rival === this.#dominant) return false;
    if (this.#missing(rival, nowMicros) > 0) return false;
    const before = this.#dominant;
    this.#dominant = rival;
    this.#changedMicros = nowMicros;
    const at = this.#recent.indexOf(rival);
    if (at >= 0) this.#recent.splice(at, 1);
    if (before !== undefined) this.#recent.unshift(before);
    if (this.#recent.length > DOMINANT_SPEAKER.recent) this.#recent.pop();
    return true;
  }

  /** When `step` could change something without another `hear`. Infinity: never. */
  nextDeadline(): number {
    const rival = this.#loudest;
    if (rival === undefined || rival === this.#dominant) return Infinity;
    const missing = this.#missing(rival, this.#lookedMicros);
    return this.#lookedMicros + Math.max(DOMINANT_SPEAKER.stepMicros, missing);
  }

  /** µs that it takes at least until the rival can take over, if it stays the loudest. */
  #missing(rival: string, nowMicros: number): number {
    const own = this.#heard(rival, nowMicros);
    const holder = this.#dominant;
    const ahead = holder === undefined ? Infinity : own - this.#heard(holder, nowMicros);
    return Math.max(
      DOMINANT_SPEAKER.leastMicros - own,
      // What one gains the other loses out of the window, at best.
      (DOMINANT_SPEAKER.leadMicros - ahead) / 2,
      this.#changedMicros + DOMINANT_SPEAKER.restMicros - nowMicros,
    );
  }

  #heard(participantId: string, nowMicros: number): number {
    const begin = nowMicros - DOMINANT_SPEAKER.windowMicros;
    let sum = 0;
    for (const span of this.#spans) {
      if (span.participantId !== participantId || span.toMicros <= begin) continue;
      sum += span.toMicros - Math.max(begin, span.fromMicros);
    }
    return sum;
  }

  #extend(nowMicros: number): void {
    const last = this.#spans.at(-1);
    if (last && last.participantId === this.#loudest) last.toMicros = Math.max(last.toMicros, nowMicros);
    const begin = nowMicros - DOMINANT_SPEAKER.windowMicros;
    while (this.#spans.length > 0 && this.#spans[0]!.toMicros < begin) this.#spans.shift();
  }
}
