/**
 * A source's latest packets, kept by reference: for the onset (A8) and for NACKs (R7). A source evicts only its own.
 * Knows nothing of slots. Elsewhere: which packet has which outgoing number → viewSlot.ts
 */
import type { CachedPacket, ForwardPort, ReceivedPacket } from '../packet.js';

export const CACHE_LIMITS = {
  /** µs of audio for retransmission: a NACK comes within two round trips or too late to be played. */
  spanMicros: 1_000_000,
  /** Packets per source: 1 s of Opus in 5 ms frames. A sender of shorter ones keeps less time. */
  packets: 200,
  /** Packets that a source without a slot keeps: the pre-roll of A8. */
  preRollPackets: 3,
  /** µs: older packets are no part of an onset (A8). */
  preRollMicros: 60_000,
} as const;

export interface KeptPacket {
  readonly packet: CachedPacket;
  /** In the source's own numbering; comparable within one `generation` only. */
  readonly extendedSequence: number;
  readonly generation: number;
  /** Unwrapped timestamp. */
  readonly ticks: number;
  readonly arrivalMicros: number;
  /** Came after one with a higher number. */
  readonly late: boolean;
  /** Speech by itself, not only because there was some before. */
  readonly speech: boolean;
}

export class PacketCache {
  /** In order of arrival. */
  readonly #kept: KeptPacket[] = [];

  constructor(private readonly port: ForwardPort) {}

  get size(): number {
    return this.#kept.length;
  }

  add(packet: ReceivedPacket, at: Omit<KeptPacket, 'packet' | 'arrivalMicros'>, nowMicros: number): void {
    const cached = this.port.retain(packet);
    if (cached === undefined) return;
    this.#kept.push({ packet: cached, ...at, arrivalMicros: nowMicros });
  }

  /** @param sinceMicros packets that came before it are let go, but for the last `atLeast` */
  evict(sinceMicros: number, atLeast: number): void {
    const kept = this.#kept;
    let gone = 0;
    while (
      kept.length - gone > atLeast &&
      (kept[gone]!.arrivalMicros < sinceMicros || kept.length - gone > CACHE_LIMITS.packets)
    ) {
      this.port.release(kept[gone]!.packet);
      gone++;
    }
    if (gone > 0) kept.splice(0, gone);
  }

  find(extendedSequence: number, generation: number): KeptPacket | undefined {
    for (let i = this.#kept.length - 1; i >= 0; i--) {
      const kept = this.#kept[i]!;
      if (kept.extendedSequence === extendedSequence && kept.generation === generation) return kept;
    }
    return undefined;
  }

  /** @returns the first number after this one that is speech, Infinity when there is none */
  speechAfter(extendedSequence: number, generation: number): number {
    let first = Infinity;
    for (const kept of this.#kept) {
      if (!kept.speech || kept.generation !== generation) continue;
      if (kept.extendedSequence > extendedSequence) first = Math.min(first, kept.extendedSequence);
    }
    return first;
  }

  /**
   * The last three by number, if they are young enough, in order. A late one further back would leave a hole behind it.
   * @param owedFrom from this number on all of them
   */
  preRoll(generation: number, owedFrom: number, nowMicros: number): KeptPacket[] {
    const last = this.#kept.slice(-CACHE_LIMITS.preRollPackets);
    let highest = -1;
    for (const { extendedSequence } of last) if (extendedSequence > highest) highest = extendedSequence;
    const young = (kept: KeptPacket): boolean =>
      kept.extendedSequence > highest - CACHE_LIMITS.preRollPackets &&
      nowMicros - kept.arrivalMicros < CACHE_LIMITS.preRollMicros;
    const owed = this.#kept.filter(({ extendedSequence }) => extendedSequence >= owedFrom);
    return [...new Set([...last.filter(young), ...owed])]
      .filter((kept) => kept.generation === generation)
      .sort((a, b) => a.extendedSequence - b.extendedSequence);
  }

  /** Those that came late after a time. */
  late(generation: number, sinceMicros: number): KeptPacket[] {
    return this.#kept.filter(
      (kept) => kept.late && kept.generation === generation && kept.arrivalMicros > sinceMicros,
    );
  }

  clear(): void {
    this.evict(Infinity, 0);
  }
}
