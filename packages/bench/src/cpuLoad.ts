/** What one core did between two moments, from /proc/stat: a check on what a process says of itself. Linux only. */
import { readFileSync } from 'node:fs';

export interface CoreTicks {
  busy: number;
  idle: number;
  /** Time that the host gave to somebody else. */
  stolen: number;
}

/** @returns undefined where there is no /proc/stat or no such core. Unit: 10 ms. */
export function readCore(core: number): CoreTicks | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`cpu${core} `));
    if (line === undefined) return undefined;
    const [user, nice, system, idle, wait, irq, softirq, stolen] = line.split(/\s+/).slice(1).map(Number);
    return {
      busy: user! + nice! + system! + irq! + softirq!,
      idle: idle! + wait!,
      stolen: stolen!,
    };
  } catch {
    return undefined;
  }
}

/** Shares of the wall time between two readings, 0…1. */
export function coreShares(
  before: CoreTicks | undefined,
  after: CoreTicks | undefined,
): { busy: number; stolen: number } {
  if (before === undefined || after === undefined) return { busy: Number.NaN, stolen: Number.NaN };
  const busy = after.busy - before.busy;
  const stolen = after.stolen - before.stolen;
  const all = busy + stolen + (after.idle - before.idle);
  return all === 0 ? { busy: 0, stolen: 0 } : { busy: busy / all, stolen: stolen / all };
}
