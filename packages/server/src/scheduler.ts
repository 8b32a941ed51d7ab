/**
 * Time as rooms and sessions see it: a clock and timers that a test replaces by virtual ones.
 * Wall-clock milliseconds, since they are shown to people; a step of the clock only moves a timestamp, since
 * timers count on their own.
 */
export interface Scheduler {
  nowMs(): number;
  /** Calls once after the delay. The returned function cancels; calling it late or twice does nothing. */
  after(delayMs: number, run: () => void): () => void;
}

export const realScheduler: Scheduler = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
