/**
 * Who dominates a conversation, rather than who is loudest at this moment: speech activity over three lengths of time, and
 * a challenger takes over only when it wins over all of them. A cough wins the shortest only.
 * Pure: levels with their time go in; `poll` decides.
 * Source: I. Volfin and I. Cohen, "Dominant speaker identification for multipoint videoconferencing", Computer Speech and
 * Language 27 (2013) 895–910, first shown 2012. Levels stand in for its spectral features: each packet has one (RFC 6464).
 * Contract: mediasoup v3 ActiveSpeakerObserver. Elsewhere: timers and events → rtpObserver.ts
 */

/** One of the paper's three lengths of time. `units` of the length before make one of this one's decisions. */
interface Span {
  /** Parts that are looked at, and how many of them are active at most: n_R. */
  readonly parts: number;
  /** Probability that a part is active while there is no speech. */
  readonly chance: number;
  /** Rate of the exponential law of active parts in silence. */
  readonly lambda: number;
  /** log ratio of the challenger's score to the dominant one's that is needed to win: C1, C2, C3. */
  readonly margin: number;
}

export const DOMINANT_SPEAKER_LIMITS = {
  /** µs of one step of history; Opus' usual packet. */
  stepMicros: 20_000,
  /** Immediate: how far a level stands above its own floor, in steps of `levelStep` dB. */
  immediate: { parts: 13, chance: 0.5, lambda: 0.78, margin: 3 } satisfies Span,
  /** Steps of which the loudest is the immediate activity: 200 ms, longer than the gaps between words. */
  immediateSteps: 10,
  /** Five steps, 100 ms, make a medium part; ten of these, 1 s, a long one. As in the paper's experiments. */
  medium: { parts: 5, chance: 0.5, lambda: 24, margin: 2 } satisfies Span,
  long: { parts: 10, chance: 0.5, lambda: 47, margin: 0 } satisfies Span,
  /** dB per immediate part: quiet speech, 30 dB above its floor, is well above what the score calls noise (four parts). */
  levelStep: 5,
  /** Active immediate parts at most. Beyond it the score's binomial term falls, and shouting would count less than talking. */
  immediateMost: 9,
  /** Immediate parts from which on a step counts for a medium part; medium ones from which on that counts for a long one. */
  mediumThreshold: 3,
  longThreshold: 3,
  /** dB above the floor below which a level is noise. */
  aboveFloor: 8,
  /** dB per second by which the floor rises to what is heard: a fan is floor after half a minute. */
  floorRisePerSecond: 1,
  /** dB above silence at which a floor begins at most, -72 dBov, a quiet room; and at which it ends, -57 dBov: nothing above
   *  it can be a floor, or who talks without a pause would become inaudible by it. */
  floorFirst: 55,
  floorMost: 70,
  /** µs without a packet after which nothing is heard of a source: DTX. */
  silentMicros: 200_000,
  /** Scores are at least this, so that ratios exist. */
  leastScore: 1e-10,
} as const;

const STEPS = DOMINANT_SPEAKER_LIMITS.medium.parts * DOMINANT_SPEAKER_LIMITS.long.parts;

class Speaker {
  /** The last second: immediate activity per step, newest last (circular). */
  readonly #steps = new Uint8Array(STEPS);
  #at = 0;
  #lastStepMicros: number;
  /** dB above silence, 0…127; of the packets since the last step, the loudest. */
  #heard = 0;
  #heardMicros = -Infinity;
  #floor: number | undefined;
  immediate = 0;
  medium = 0;
  long = 0;

  constructor(
    readonly id: string,
    nowMicros: number,
  ) {
    this.#lastStepMicros = nowMicros;
  }

  handleLevel(level: number, nowMicros: number): void {
    this.#advance(nowMicros);
    const decibels = 127 - Math.min(127, Math.max(0, level));
    this.#heard =
      nowMicros - this.#heardMicros < DOMINANT_SPEAKER_LIMITS.stepMicros / 2
        ? Math.max(this.#heard, decibels)
        : decibels;
    this.#heardMicros = nowMicros;
  }

  /** Not even a tenth of a second of the last one was speech. */
  get silent(): boolean {
    return this.long <= SILENT_LONG;
  }

  evaluate(nowMicros: number): void {
    this.#advance(nowMicros);
    const { immediateSteps, medium, long, mediumThreshold, longThreshold } = DOMINANT_SPEAKER_LIMITS;
    let longActive = 0;
    let newestMedium = 0;
    for (let part = 0; part < long.parts; part++) {
      let active = 0;
      for (let step = 0; step < medium.parts; step++)
        if (this.#step(part * medium.parts + step) >= mediumThreshold) active++;
      if (part === 0) newestMedium = active;
      if (active >= longThreshold) longActive++;
    }
    // A short word's end or a missing packet does not end a sentence.
    let immediateActive = 0;
    for (let step = 0; step < immediateSteps; step++)
      immediateActive = Math.max(immediateActive, this.#step(step));
    this.immediate = scoreOf(DOMINANT_SPEAKER_LIMITS.immediate, immediateActive);
    this.medium = scoreOf(medium, newestMedium);
    this.long = scoreOf(long, longActive);
  }

  /** 0 is the newest. */
  #step(age: number): number {
    return this.#steps[(this.#at - 1 - age + 2 * STEPS) % STEPS]!;
  }

  #advance(nowMicros: number): void {
    const { stepMicros, silentMicros } = DOMINANT_SPEAKER_LIMITS;
    const due = Math.floor((nowMicros - this.#lastStepMicros) / stepMicros);
    if (due <= 0) return;
    // More than the whole history: only the last second's worth matters.
    const steps = Math.min(due, STEPS);
    for (let step = steps - 1; step >= 0; step--) {
      const atMicros = this.#lastStepMicros + (due - step) * stepMicros;
      const silent = atMicros - this.#heardMicros > silentMicros;
      this.#steps[this.#at] = silent ? 0 : this.#activity(this.#heard);
      this.#at = (this.#at + 1) % STEPS;
    }
    this.#lastStepMicros += due * stepMicros;
  }

  #activity(decibels: number): number {
    const { aboveFloor, floorFirst, floorMost, floorRisePerSecond, immediateMost, levelStep, stepMicros } =
      DOMINANT_SPEAKER_LIMITS;
    // Digital silence says nothing about the room's noise.
    if (decibels === 0) return 0;
    const rise = (floorRisePerSecond * stepMicros) / 1e6;
    this.#floor =
      this.#floor === undefined ? Math.min(decibels, floorFirst) : Math.min(decibels, this.#floor + rise);
    this.#floor = Math.min(this.#floor, floorMost);
    const above = decibels - this.#floor - aboveFloor;
    return above <= 0 ? 0 : Math.min(immediateMost, 1 + Math.floor(above / levelStep));
  }
}

export class DominantSpeaker {
  readonly #speakers = new Map<string, Speaker>();
  #dominant: Speaker | undefined;

  get dominant(): string | undefined {
    return this.#dominant?.id;
  }

  add(id: string, nowMicros: number): void {
    if (!this.#speakers.has(id)) this.#speakers.set(id, new Speaker(id, nowMicros));
  }

  remove(id: string): void {
    if (this.#dominant?.id === id) this.#dominant = undefined;
    this.#speakers.delete(id);
  }

  /** @param level as in the packet: 0 is the loudest, 127 silence */
  handleLevel(id: string, level: number, nowMicros: number): void {
    this.#speakers.get(id)?.handleLevel(level, nowMicros);
  }

  /** @returns who dominates from now on, when that changed. Nobody's silence makes nobody dominant. */
  poll(nowMicros: number): string | undefined {
    for (const speaker of this.#speakers.values()) speaker.evaluate(nowMicros);
    const holder = this.#dominant;
    let winner: Speaker | undefined;
    let best = -Infinity;
    for (const speaker of this.#speakers.values()) {
      if (speaker === holder || speaker.silent) continue;
      const lead = holder ? leadOver(speaker, holder) : Math.log(speaker.medium);
      if (lead !== undefined && lead > best) {
        best = lead;
        winner = speaker;
      }
    }
    if (!winner) return undefined;
    this.#dominant = winner;
    return winner.id;
  }
}

/** By how much the challenger wins over the medium time; undefined when it does not win over all three. */
function leadOver(challenger: Speaker, holder: Speaker): number | undefined {
  const { immediate, medium, long } = DOMINANT_SPEAKER_LIMITS;
  const leads = {
    immediate: Math.log(challenger.immediate / holder.immediate),
    medium: Math.log(challenger.medium / holder.medium),
    long: Math.log(challenger.long / holder.long),
  };
  const wins = leads.immediate > immediate.margin && leads.medium > medium.margin && leads.long > long.margin;
  return wins ? leads.medium : undefined;
}

/** Log-likelihood ratio of speech to silence when `active` of the span's parts are active (the paper's equation 12). */
function scoreOf({ parts, chance, lambda }: Span, active: number): number {
  const score =
    logBinomial(parts, active) +
    active * Math.log(chance) +
    (parts - active) * Math.log(1 - chance) -
    Math.log(lambda) +
    lambda * active;
  return Math.max(score, DOMINANT_SPEAKER_LIMITS.leastScore);
}

function logBinomial(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

const SILENT_LONG = scoreOf(DOMINANT_SPEAKER_LIMITS.long, 0);
