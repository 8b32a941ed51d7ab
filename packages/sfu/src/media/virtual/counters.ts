/**
 * Why a packet or a request went no further, counted. Order is the order in `stats().drops`; append only.
 */
export const VIRTUAL_DROP = [
  'source-paused', // muted, or its producer is paused
  'source-closed', // came after it left
  'too-late', // further behind than any cache reaches
  'duplicate', // seen before
  'late-no-place', // of before the slot's first packet of this source, or its place in time is taken
  'pre-roll-behind', // would not lie behind what the slot sent
  'too-far-ahead', // the slot is so far ahead of its line that it waits for it
  'silence-left-out', // a silent packet, to come back to the line
  'nack-unknown-stream', // no such receiver or SSRC
  'nack-not-sent-yet', // a number of the future, or of before the first
  'nack-too-old', // forgotten
  'nack-not-cached', // the source never delivered it, or it is older than the cache
  'nack-no-place', // arrived so late that it was left out
  'nack-repeated', // answered less than a round trip ago
  'sound-left-out', // a packet of sound without a pause, for the same
] as const;
export type VirtualDropReason = (typeof VIRTUAL_DROP)[number];

export class Counters {
  readonly drops: Record<VirtualDropReason, number>;
  /** Sources put into slots, over all views. */
  switches = 0;
  /** Receivers' moves between views. */
  moves = 0;
  /** Packets sent again. */
  resent = 0;

  constructor() {
    this.drops = Object.fromEntries(VIRTUAL_DROP.map((reason) => [reason, 0])) as Record<
      VirtualDropReason,
      number
    >;
  }

  count(reason: VirtualDropReason): void {
    this.drops[reason]++;
  }
}
