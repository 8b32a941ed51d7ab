/**
 * How much sound browsers had to invent around switches, and whether that was the switches' fault: beside each window
 * after a switch stands what streams without any change concealed in the same window. What was judged is the server's work;
 * a tab that gets no processor time invents sound for all of its streams.
 */
import type { People, SlotChange } from './people.js';

/** Highest share of concealed samples over the 2 s after a switch between two sources that send. */
export const CONCEALMENT_LIMIT = 0.02;
/** A window over the limit was starved if a stream that did not change conceals half of the limit. On a machine at rest nearly
 *  all of them conceal nothing. */
const STARVED_SHARE = CONCEALMENT_LIMIT / 2;
const BEFORE_MS = 200;
const AFTER_MS = 2_000;

export interface Window {
  person: string;
  slot: number;
  at: number;
  /** Concealed share of the stream that changed. */
  share: number;
  /** The greatest of the streams that carried somebody all the while and did not change; undefined: there is none. */
  control: number | undefined;
  /** Over the limit, and no proof against the switch. */
  isStarved: boolean;
}

/** Pairs (before, after) in which a stream went from one person straight to another. */
export function switches(changes: SlotChange[]): { change: SlotChange; from: number }[] {
  const last = new Map<string, number>();
  const result: { change: SlotChange; from: number }[] = [];
  for (const change of changes) {
    const key = `${change.person}/${change.slot}`;
    const from = last.get(key) ?? 0;
    if (from !== 0 && change.csrc !== 0 && from !== change.csrc) result.push({ change, from });
    last.set(key, change.csrc);
  }
  return result;
}

/** Streams that carried one person from `from` to `to`. */
function unchanged(changes: SlotChange[], from: number, to: number): { person: string; slot: number }[] {
  const streams = new Map<string, SlotChange>();
  const moved = new Set<string>();
  for (const change of changes) {
    if (change.at > to) break;
    const key = `${change.person}/${change.slot}`;
    // The mark of the loudest is no change of the sound.
    if (change.at >= from && streams.get(key)?.csrc !== change.csrc) moved.add(key);
    streams.set(key, change);
  }
  return [...streams].filter(([key, { csrc }]) => csrc !== 0 && !moved.has(key)).map(([, change]) => change);
}

/** Each switch after `since` of which there are figures. */
export async function switchWindows(people: People, since: number): Promise<Window[]> {
  const changes = await people.changes();
  const windows: Window[] = [];
  for (const { change } of switches(changes).filter(({ change: { at } }) => at > since)) {
    const { person, slot, at } = change;
    const [from, to] = [at - BEFORE_MS, at + AFTER_MS];
    const share = await people.concealment(person, slot, from, to);
    if (share === undefined) continue;
    const controls: number[] = [];
    for (const still of unchanged(changes, from, to)) {
      const control = await people.concealment(still.person, still.slot, from, to);
      if (control !== undefined) controls.push(control);
    }
    const control = controls.length > 0 ? Math.max(...controls) : undefined;
    const isStarved = share >= CONCEALMENT_LIMIT && control !== undefined && control >= STARVED_SHARE;
    windows.push({ person, slot, at, share, control, isStarved });
  }
  return windows;
}

export function describeWindows(windows: readonly Window[]): string {
  const percent = (shares: number[]): string => `${(Math.max(0, ...shares) * 100).toFixed(2)} %`;
  const controls = windows.map(({ control }) => control).filter((share) => share !== undefined);
  const starved = windows.filter(({ isStarved }) => isStarved);
  return (
    `switches: ${windows.length}, concealed in the 2 s after: worst ${percent(windows.map(({ share }) => share))}; ` +
    `streams without a switch at the same times: ${controls.length}, worst ${percent(controls)}; ` +
    `starved of processor time, so measured again: ${starved.length}`
  );
}
