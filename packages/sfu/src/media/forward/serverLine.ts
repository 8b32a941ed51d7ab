/**
 * A stream's timestamps put on the line that all virtual streams share: clock rate × the server's time of capture. Within
 * small errors the sender's own steps stand; where its clock is slewed, the line follows at the next picture. It never goes
 * back: what would is made good by shorter steps. Pure; computed once per picture, whatever the number of receivers.
 * Spec: virtual streams R2. Elsewhere: time of capture → ../virtual/sourceClock.ts · a receiver's own lead → variantMember.ts
 */

export const SERVER_LINE = {
  /** An error below it is left: half of what a report's timestamp may be off, and far below a frame. */
  deadbandMicros: 500,
  /** A step of the sender's timestamps beyond it says nothing about its clock: the time of capture alone counts. */
  usualStepMicros: 5_000_000,
  /** Of a step that may be shortened by half. A slow screen's seconds would repay everything at once, which is as good. */
  leastShareOfStep: 0.5,
  /** Steps that late packets and repetitions may need: longer than any history. */
  rememberedMicros: 3_000_000,
} as const;

/** From this timestamp on (u32, on the circle) so much is added to timestamps. */
export interface TimestampStep {
  readonly from: number;
  readonly delta: number;
}

/** What is added to this timestamp; where it lies before all steps, the first one's. */
export function deltaAt(steps: readonly TimestampStep[], timestamp: number): number {
  for (let i = steps.length - 1; i > 0; i--)
    if (((timestamp - steps[i]!.from) | 0) >= 0) return steps[i]!.delta;
  return steps[0]?.delta ?? 0;
}

export class ServerLine {
  /** Of the newest picture, not wrapped. */
  ticks = 0;
  readonly #steps: (TimestampStep & { readonly atMicros: number })[] = [];
  #timestamp = 0;

  /**
   * The first packet of a picture that is newer than all before. @param nowMicros of its arrival
   * @param isNext nothing is missing before it: a picture that comes late needs its place between two others
   * @param anew the sender's numbers begin anew: its step says nothing, the time of capture alone counts
   */
  take(
    timestamp: number,
    captureMicros: number,
    clockRate: number,
    nowMicros: number,
    isNext: boolean,
    anew = false,
  ): void {
    const wanted = Math.round((captureMicros * clockRate) / 1e6);
    const steps = this.#steps;
    const last = steps.at(-1);
    const step = anew ? 0 : (timestamp - this.#timestamp) | 0;
    this.ticks = last ? this.#next(wanted, step, clockRate / 1e6, isNext) : wanted;
    this.#timestamp = timestamp;
    const delta = (this.ticks - timestamp) >>> 0;
    if (last?.delta === delta) return;
    steps.push({ from: timestamp, delta, atMicros: nowMicros });
    while (steps.length > 1 && steps[1]!.atMicros < nowMicros - SERVER_LINE.rememberedMicros) steps.shift();
  }

  /** Where a timestamp of the stream lies, u32. */
  at(timestamp: number): number {
    return (timestamp + deltaAt(this.#steps, timestamp)) >>> 0;
  }

  #next(wanted: number, step: number, ticksPerMicro: number, isNext: boolean): number {
    const { deadbandMicros, usualStepMicros, leastShareOfStep } = SERVER_LINE;
    const isUsual = step > 0 && step <= usualStepMicros * ticksPerMicro;
    if (isUsual && Math.abs(wanted - this.ticks - step) < deadbandMicros * ticksPerMicro)
      return this.ticks + step;
    const least = isUsual ? Math.max(1, Math.ceil(step * (isNext ? leastShareOfStep : 1))) : 1;
    return Math.max(wanted, this.ticks + least);
  }
}
