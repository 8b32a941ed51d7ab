/**
 * Reasons for which packets went no further: which of them somebody should look at. Pure.
 * What they mean: the comments of `DROP` in the engine and of `MEDIA_DROP` in the library. An unknown one counts as real.
 */

/** Nobody misses these packets, and a call without any fault has them. */
export const HARMLESS: ReadonlySet<string> = new Set([
  'rtp-paused', // of somebody who is muted
  'rtp-duplicate', // it is there already
  'rtp-late', // of before somebody was unmuted
  'rtx-not-missing', // padding that looks for bandwidth, or a repetition of what has come
  'entry-disabled', // a stream that is paused
  'entry-before-first', // of before somebody came
  'key-frame-no-source', // asked of a slot that is free now
  'dtls-refused', // after the goodbye
]);

export interface Drops {
  /** Real ones first, the most frequent first. */
  readonly rows: readonly { readonly reason: string; readonly packets: number; readonly harmless: boolean }[];
  /** Packets, and reasons, that are real. */
  readonly real: number;
  readonly reasons: readonly string[];
}

export function readDrops(drops: Readonly<Record<string, number>>): Drops {
  const rows = Object.entries(drops)
    .filter(([, packets]) => packets > 0)
    .map(([reason, packets]) => ({ reason, packets, harmless: HARMLESS.has(reason) }))
    .sort((a, b) => Number(a.harmless) - Number(b.harmless) || b.packets - a.packets);
  const real = rows.filter(({ harmless }) => !harmless);
  return {
    rows,
    real: real.reduce((sum, { packets }) => sum + packets, 0),
    reasons: real.map(({ reason }) => reason),
  };
}
