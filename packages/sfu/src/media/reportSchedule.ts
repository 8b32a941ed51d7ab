/**
 * When which transport's reports are due, on a grid: a thousand receivers are owed one each second and one after each
 * switch, and a place in a list costs less than a place in the heap of all deadlines. Pure: times come in.
 * Who reports what → rtpSession.ts · all other deadlines → timerQueue.ts
 */
import { Timed } from './timerQueue.js';
import type { TimerQueue } from './timerQueue.js';

/** Fifty wake-ups a second with twenty reports each instead of a thousand with one. */
export const REPORT_GRID_MICROS = 20_000;

export interface Reporter {
  /** As last told to `set`, or undefined: nothing is owed. */
  readonly reportMicros: number | undefined;
  report(nowMicros: number): void;
}

const schedules = new WeakMap<TimerQueue, ReportSchedule>();

export class ReportSchedule {
  readonly #timers: TimerQueue;
  /** By grid time. Who was moved stays where it was as well for that long, and is passed over there. */
  readonly #due = new Map<number, Reporter[]>();
  #reporters = 0;
  readonly #timed = new Timed((nowMicros) => this.#run(nowMicros));

  /** The one of a process. */
  static of(timers: TimerQueue): ReportSchedule {
    let schedule = schedules.get(timers);
    if (!schedule) {
      schedule = new ReportSchedule(timers);
      schedules.set(timers, schedule);
    }
    return schedule;
  }

  constructor(timers: TimerQueue) {
    this.#timers = timers;
  }

  static onGrid(micros: number): number {
    return Math.ceil(micros / REPORT_GRID_MICROS) * REPORT_GRID_MICROS;
  }

  /** @param dueMicros on the grid; the reporter's `reportMicros` is the same by the time it is due */
  set(reporter: Reporter, dueMicros: number): void {
    const due = this.#due.get(dueMicros);
    if (due) {
      due.push(reporter);
      return;
    }
    this.#due.set(dueMicros, [reporter]);
    this.#timers.setNoLaterThan(this.#timed, dueMicros);
  }

  join(): void {
    this.#reporters++;
  }

  /** Who leaves has no `reportMicros` any more. After the last one nothing is waited for. */
  leave(): void {
    if (--this.#reporters > 0) return;
    this.#due.clear();
    this.#timers.cancel(this.#timed);
  }

  #run(nowMicros: number): void {
    let next: number | undefined;
    for (const [dueMicros, reporters] of [...this.#due]) {
      if (dueMicros > nowMicros) continue;
      this.#due.delete(dueMicros);
      for (const reporter of reporters) if (reporter.reportMicros === dueMicros) reporter.report(nowMicros);
    }
    for (const dueMicros of this.#due.keys()) if (next === undefined || dueMicros < next) next = dueMicros;
    this.#timers.set(this.#timed, next);
  }
}
