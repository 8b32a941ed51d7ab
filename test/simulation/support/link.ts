/**
 * One direction of one participant's path: loss, delay, jitter and reordering, from a seed. A packet of 20 ms audio is
 * overtaken when its jitter exceeds its neighbour's by more than 20 ms, or by `reorder`.
 */
import type { Random } from './random.js';

export interface LinkOptions {
  /** Share of packets that never arrive, 0…1. */
  loss: number;
  /** Every packet takes this long. */
  delayMs: number;
  /** Mean of an exponential addition. */
  jitterMs: number;
  /** Share of packets that are held up to `reorderMs` longer. */
  reorder: number;
  reorderMs: number;
}

export const CLEAN: LinkOptions = { loss: 0, delayMs: 20, jitterMs: 0, reorder: 0, reorderMs: 0 };
/** A poor but usable access: 2 % lost, 3 % late enough to be overtaken. */
export const POOR: LinkOptions = { loss: 0.02, delayMs: 30, jitterMs: 3, reorder: 0.03, reorderMs: 70 };

export class Link {
  lost = 0;
  carried = 0;

  constructor(
    readonly options: LinkOptions,
    private readonly random: Random,
  ) {}

  /** @returns when the packet arrives, in whole milliseconds so that arrivals form batches; undefined: lost. */
  arrival(sentMicros: number): number | undefined {
    const { loss, delayMs, jitterMs, reorder, reorderMs } = this.options;
    if (loss > 0 && this.random.chance(loss)) {
      this.lost++;
      return undefined;
    }
    this.carried++;
    const jitter = jitterMs > 0 ? this.random.exponential(jitterMs) : 0;
    const held = reorder > 0 && this.random.chance(reorder) ? this.random.between(20, reorderMs) : 0;
    return Math.ceil((sentMicros + (delayMs + jitter + held) * 1000) / 1000) * 1000;
  }
}
