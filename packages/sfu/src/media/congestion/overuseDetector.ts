/**
 * Whether a queue on the way grows: the slope of the delay of packet groups against a threshold that follows it.
 * Spec: draft-ietf-rmcat-gcc-02 §5.1–§5.4; instead of its Kalman filter (§5.3) a line through the last delays, as libwebrtc
 * has done since 2017 ("trendline").
 * Elsewhere: what groups are → the engine, packetGroups.ts · what follows from it → rateControl.ts
 */
export type NetworkState = 'normal' | 'overuse' | 'underuse';

/** The threshold's constants: gcc-02 §5.4, table 1. The others are libwebrtc's published ones. */
export const OVERUSE = {
  /** Groups that the line goes through. */
  windowGroups: 20,
  /** Weight of the past in the delay: 0.9 forgets within about ten groups. */
  smoothing: 0.9,
  /** The slope is tiny (ms of delay for each ms); times this and the groups seen it compares with a threshold in ms. */
  gain: 4,
  groupsMost: 60,
  thresholdStartMs: 12.5,
  thresholdLeastMs: 6,
  thresholdMostMs: 600,
  /** The threshold rises slowly, so that a queue is seen, and falls fast, so that a rival does not starve us. */
  rise: 0.0087,
  fall: 0.039,
  /** Farther beyond the threshold than this is a stall (a handover), which the threshold must not learn. */
  outlierMs: 15,
  /** Longest time that one group may move the threshold. */
  adaptMostMs: 100,
  /** A slope must last this long to be believed. gcc-02 §5.4. */
  overuseMs: 10,
  /** After a pause of sending this long the old delays say nothing. */
  pauseMicros: 2_000_000,
} as const;

export class OveruseDetector {
  #state: NetworkState = 'normal';
  #groups = 0;
  #timeMs = 0;
  #delayMs = 0;
  #smoothedMs = 0;
  readonly #times: number[] = [];
  readonly #delays: number[] = [];
  #slope = 0;
  #thresholdMs: number = OVERUSE.thresholdStartMs;
  #thresholdAtMs = -1;
  #overForMs = -1;
  #overGroups = 0;

  get state(): NetworkState {
    return this.#state;
  }

  /** Too few groups since the start or the last reset: it sees no slope yet. */
  get blind(): boolean {
    return this.#times.length < OVERUSE.windowGroups;
  }

  get thresholdMs(): number {
    return this.#thresholdMs;
  }

  /** The slope in the threshold's measure. */
  get trendMs(): number {
    return Math.min(this.#groups, OVERUSE.groupsMost) * this.#slope * OVERUSE.gain;
  }

  /** @param sendMicros between this group and the one before, likewise `arrivalMicros` */
  handleGroup(sendMicros: number, arrivalMicros: number): NetworkState {
    if (sendMicros > OVERUSE.pauseMicros || Math.abs(arrivalMicros - sendMicros) > OVERUSE.pauseMicros) {
      this.reset();
      return this.#state;
    }
    this.#groups++;
    this.#timeMs += arrivalMicros / 1000;
    this.#delayMs += (arrivalMicros - sendMicros) / 1000;
    this.#smoothedMs = OVERUSE.smoothing * this.#smoothedMs + (1 - OVERUSE.smoothing) * this.#delayMs;
    this.#times.push(this.#timeMs);
    this.#delays.push(this.#smoothedMs);
    if (this.#times.length > OVERUSE.windowGroups) {
      this.#times.shift();
      this.#delays.shift();
    }
    const before = this.#slope;
    if (this.#times.length === OVERUSE.windowGroups) this.#slope = slopeOf(this.#times, this.#delays, before);
    this.#detect(sendMicros / 1000, before);
    return this.#state;
  }

  reset(): void {
    this.#state = 'normal';
    this.#groups = 0;
    this.#delayMs = 0;
    this.#smoothedMs = 0;
    this.#times.length = 0;
    this.#delays.length = 0;
    this.#slope = 0;
    this.#thresholdMs = OVERUSE.thresholdStartMs;
    this.#thresholdAtMs = -1;
    this.#overForMs = -1;
    this.#overGroups = 0;
  }

  #detect(sendMs: number, slopeBefore: number): void {
    const trend = this.trendMs;
    if (trend > this.#thresholdMs) {
      // Where within the first group it began is not known: half of it, on average.
      this.#overForMs = this.#overForMs < 0 ? sendMs / 2 : this.#overForMs + sendMs;
      this.#overGroups++;
      if (this.#overForMs > OVERUSE.overuseMs && this.#overGroups > 1 && this.#slope >= slopeBefore) {
        this.#overForMs = 0;
        this.#overGroups = 0;
        this.#state = 'overuse';
      }
    } else {
      this.#overForMs = -1;
      this.#overGroups = 0;
      this.#state = trend < -this.#thresholdMs ? 'underuse' : 'normal';
    }
    this.#adapt(Math.abs(trend));
  }

  #adapt(trend: number): void {
    const elapsed =
      this.#thresholdAtMs < 0 ? 0 : Math.min(this.#timeMs - this.#thresholdAtMs, OVERUSE.adaptMostMs);
    this.#thresholdAtMs = this.#timeMs;
    if (trend > this.#thresholdMs + OVERUSE.outlierMs) return;
    const speed = trend < this.#thresholdMs ? OVERUSE.fall : OVERUSE.rise;
    const moved = this.#thresholdMs + speed * (trend - this.#thresholdMs) * Math.max(0, elapsed);
    this.#thresholdMs = Math.min(OVERUSE.thresholdMostMs, Math.max(OVERUSE.thresholdLeastMs, moved));
  }
}

/** Least squares. */
function slopeOf(x: readonly number[], y: readonly number[], fallback: number): number {
  let sumX = 0;
  let sumY = 0;
  for (let i = 0; i < x.length; i++) {
    sumX += x[i]!;
    sumY += y[i]!;
  }
  const meanX = sumX / x.length;
  const meanY = sumY / x.length;
  let numerator = 0;
  let denominator = 0;
  for (let i = 0; i < x.length; i++) {
    numerator += (x[i]! - meanX) * (y[i]! - meanY);
    denominator += (x[i]! - meanX) ** 2;
  }
  return denominator === 0 ? fallback : numerator / denominator;
}
