/**
 * What one view slot sent, as spans: stretches in which outgoing number and timestamp are the source's plus a constant.
 * A new span begins at each switch, at each shift against the line and when the CSRC list changes. So the numbers of
 * a late packet, and those of a packet that is asked for again, are computed and not stored.
 * Pure. Spec: virtual streams R1, R7. Numbers are unwrapped; they are cut to 32 bits at the port.
 * Elsewhere: when a span begins → viewSlot.ts · a receiver's part of it → receiverSlot.ts
 */
import type { AudioSource } from './audioSource.js';
import { CAPTURE_UNTOLD } from '../packet.js';
import { CACHE_LIMITS, type KeptPacket } from './packetCache.js';

export interface Span {
  readonly source: AudioSource;
  /** The source's numbering that `indexDelta` belongs to. */
  readonly generation: number;
  /** Outgoing number of its first packet, and that packet's timestamp. */
  readonly firstIndex: number;
  readonly firstTimestamp: number;
  /** Outgoing - the source's. */
  readonly indexDelta: number;
  readonly timestampDelta: number;
  readonly csrcs: readonly number[];
  /** The first packet goes out with the marker bit, whatever its own says (R3). */
  readonly marker: boolean;
  readonly startedMicros: number;
  /** The packet sent before it, and the length of a frame then: what was lost in between has its place there. */
  readonly beforeIndex: number;
  readonly beforeTimestamp: number;
  readonly frameTicks: number;
}

/** Times of capture that are remembered: as many as a source's packets, so that none is forgotten that can be sent again. */
const TOLD_MAX = CACHE_LIMITS.packets;

/** A packet as it was sent, or would have been. */
export interface SentPacket {
  readonly kept: KeptPacket;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly csrcs: readonly number[];
  /** µs, or CAPTURE_UNTOLD. */
  readonly captureMicros: number;
}

export type NotSent = 'not-sent-yet' | 'too-old' | 'not-cached' | 'no-place';

export class SentHistory {
  constructor(
    private readonly spans: Span[] = [],
    /** By number: of the few packets that told when they were captured, what they told. */
    private readonly told: Map<number, number> = new Map(),
  ) {}

  get current(): Span | undefined {
    return this.spans.at(-1);
  }
  get size(): number {
    return this.spans.length;
  }

  /** @param expiredMicros spans that ended before it are forgotten */
  push(span: Span, expiredMicros: number): void {
    this.spans.push(span);
    while (this.spans.length > 1 && this.spans[1]!.startedMicros < expiredMicros) this.spans.shift();
  }

  /** The newest packet, `index`, told when it was captured: a repetition must be the same to the last byte. */
  tell(index: number, captureMicros: number): void {
    this.told.set(index, captureMicros);
    if (this.told.size > TOLD_MAX) this.told.delete(this.told.keys().next().value!);
  }

  /** @returns the place of a late packet of the present run: number and timestamp. */
  placeLate(
    source: AudioSource,
    extendedSequence: number,
    ticks: number,
  ): { index: number; timestamp: number } | undefined {
    const current = this.current;
    if (current?.source !== source || current.generation !== source.generation) return undefined;
    const index = extendedSequence + current.indexDelta;
    for (let i = this.spans.length - 1; i >= 0 && inOneRow(this.spans[i]!, current); i--) {
      if (index < this.spans[i]!.firstIndex) continue;
      const timestamp = this.#timestamp(i, index, ticks);
      return this.#fits(i, index, timestamp) ? { index, timestamp } : undefined;
    }
    return undefined;
  }

  /** @returns the number that a packet of this source has here, sent or not. */
  locate(source: AudioSource, extendedSequence: number): number | undefined {
    let end = Infinity;
    for (let i = this.spans.length - 1; i >= 0; i--) {
      const span = this.spans[i]!;
      const index = extendedSequence + span.indexDelta;
      if (
        span.source === source &&
        span.generation === source.generation &&
        index >= span.firstIndex &&
        index < end
      )
        return index;
      end = span.firstIndex;
    }
    return undefined;
  }

  /** @param lastIndex highest number sent */
  find(index: number, lastIndex: number): SentPacket | NotSent {
    if (index > lastIndex) return 'not-sent-yet';
    let i = this.spans.length - 1;
    while (i >= 0 && this.spans[i]!.firstIndex > index) i--;
    const span = this.spans[i];
    if (span === undefined) return 'too-old';
    const kept = span.source.cache.find(index - span.indexDelta, span.generation);
    if (kept === undefined) return 'not-cached';
    const timestamp = this.#timestamp(i, index, kept.ticks);
    if (!this.#fits(i, index, timestamp)) return 'no-place';
    return {
      kept,
      timestamp,
      marker: kept.packet.marker || (span.marker && index === span.firstIndex),
      csrcs: csrcsOf(kept.late, span.source, span.csrcs),
      captureMicros: this.told.get(index) ?? CAPTURE_UNTOLD,
    };
  }

  /** The same past, a future of its own. */
  fork(): SentHistory {
    return new SentHistory([...this.spans], new Map(this.told));
  }

  /**
   * By the span's constant; between two spans with different ones, kept to its place in the row: a frame for each number from
   * the packet before and to the packet after.
   */
  #timestamp(at: number, index: number, ticks: number): number {
    const span = this.spans[at]!;
    const next = this.spans[at + 1];
    const timestamp = ticks + span.timestampDelta;
    if (next === undefined || !inOneRow(span, next) || index <= next.beforeIndex) return timestamp;
    if (next.timestampDelta === span.timestampDelta) return timestamp;
    const least = next.beforeTimestamp + next.frameTicks * (index - next.beforeIndex);
    const most = next.firstTimestamp - next.frameTicks * (next.firstIndex - index);
    return Math.min(most, Math.max(least, timestamp));
  }

  /** Timestamps follow the numbers: behind the span's first, before the next span's first. */
  #fits(at: number, index: number, timestamp: number): boolean {
    const span = this.spans[at]!;
    const next = this.spans[at + 1];
    if (index !== span.firstIndex && timestamp <= span.firstTimestamp) return false;
    return next === undefined || timestamp < next.firstTimestamp;
  }
}

/** One after the other without a break in the source's numbering, even if the slot was another's for a moment. */
const inOneRow = (a: Span, b: Span): boolean =>
  a.source === b.source && a.generation === b.generation && a.indexDelta === b.indexDelta;

/** A late packet never bears the mark of the loudest: that is said of now, and its now is over. */
export const csrcsOf = (late: boolean, source: AudioSource, csrcs: readonly number[]): readonly number[] =>
  late ? source.csrcs : csrcs;
