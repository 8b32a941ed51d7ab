/**
 * RTP timestamps of one track on the wall clock that all tracks of a recording share: that of the media process, as its sender
 * reports tell. Before the first report, by arrival. What a later report says otherwise is approached slowly, so that neither
 * sound nor picture jumps; the answer never goes back.
 * Pure: times come in. Spec: RFC 3550 §6.4.1 (both times of a report name the same instant).
 */

export const TIMELINE_LIMITS = {
  /** Share of media time by which the answer may lean towards the report: 40 ms within a second, unseen and unheard. */
  slewRate: 0.04,
  /** A report's timestamp is rounded to a tick, its time to a microsecond: less than it is noise. */
  deadbandMs: 0.5,
  /** A packet whose time lies so far from its arrival: the sender's timestamps began anew. Recovered ones are a second late,
   *  and the tracks of a part wait up to three for each other. */
  jumpMs: 8_000,
} as const;

export class Timeline {
  readonly #ticksPerMs: number;
  /** Timestamps unwrapped; undefined before the first. */
  #ticks: number | undefined;
  /** Wall clock − ticks, ms: what is used, and what the reports say. */
  #offset: number | undefined;
  #target: number | undefined;
  #reported = false;
  #answered = false;
  #last = -Infinity;
  #jumps = 0;

  constructor(clockRate: number) {
    this.#ticksPerMs = clockRate / 1000;
  }

  /** A report has told where the line lies. */
  get reported(): boolean {
    return this.#reported;
  }

  /** Times that timestamps began anew. */
  get jumps(): number {
    return this.#jumps;
  }

  /** How far the answers are from what the reports say, ms. */
  get errorMs(): number {
    return this.#offset === undefined || this.#target === undefined ? 0 : this.#target - this.#offset;
  }

  handleReport(wallMs: number, timestamp: number): void {
    // Without a packet before it nothing says which turn of the 2^32 it means.
    const ticks = this.#unwrap(timestamp);
    this.#ticks ??= ticks;
    this.#target = wallMs - ticks / this.#ticksPerMs;
    this.#reported = true;
    if (!this.#answered) this.#offset = this.#target;
  }

  /** A packet came: until reports tell, the earliest arrival says where the line lies. Cheap, for every frame. */
  handleArrival(timestamp: number, arrivalMs: number): void {
    if (this.#reported) return;
    const ticks = this.#unwrap(timestamp);
    this.#ticks ??= ticks;
    const offset = arrivalMs - ticks / this.#ticksPerMs;
    if (this.#target === undefined || offset < this.#target) this.#target = offset;
    if (!this.#answered) this.#offset = this.#target;
  }

  /** Milliseconds since 1970, at least those of the call before. @param arrivalMs of the frame's first packet */
  at(timestamp: number, arrivalMs: number): number {
    const ticks = this.#unwrap(timestamp);
    const elapsedMs = this.#ticks === undefined ? 0 : Math.max(0, (ticks - this.#ticks) / this.#ticksPerMs);
    this.#ticks = ticks;
    const mediaMs = ticks / this.#ticksPerMs;
    if (this.#offset === undefined || Math.abs(mediaMs + this.#offset - arrivalMs) > TIMELINE_LIMITS.jumpMs) {
      if (this.#answered) this.#jumps++;
      const reported = this.#target;
      const keeps =
        reported !== undefined && Math.abs(mediaMs + reported - arrivalMs) <= TIMELINE_LIMITS.jumpMs;
      this.#offset = keeps ? reported : arrivalMs - mediaMs;
      this.#target = this.#offset;
      if (!keeps) this.#reported = false;
    } else if (this.#answered) {
      this.#slew(elapsedMs);
    }
    this.#answered = true;
    this.#last = Math.max(this.#last, mediaMs + this.#offset);
    return this.#last;
  }

  #slew(elapsedMs: number): void {
    const error = this.#target! - this.#offset!;
    if (Math.abs(error) < TIMELINE_LIMITS.deadbandMs) return;
    const most = elapsedMs * TIMELINE_LIMITS.slewRate;
    this.#offset! += Math.max(-most, Math.min(most, error));
  }

  #unwrap(timestamp: number): number {
    if (this.#ticks === undefined) return timestamp;
    return this.#ticks + ((timestamp - this.#ticks) | 0);
  }
}
