/**
 * One producer's packets to its plain consumers: one list, one command per packet, whatever the number of consumers.
 * Each consumer's entry has its own numbering; it enters the list at a packet, so its numbers have no hole in front.
 * Knows no transport and no parameters. Elsewhere: virtual slots → virtual/ · what a consumer is → consumer.ts
 */
import type { CachedPacket, ForwardPort, ReceivedPacket } from './packet.js';

export const FAN_OUT_LIMITS = {
  /** A NACK that comes later than this is too late for any audio jitter buffer. */
  cacheMicros: 1_000_000,
  /** 1 s of 10 ms packets and some; a source that sends more evicts its own. */
  cachePackets: 128,
  /** First outgoing number, with roll-over counter 0, stays below the half of the circle: virtual streams R9. */
  firstSequenceBelow: 32_768,
} as const;

const NO_CSRCS: readonly number[] = [];

/** One outgoing stream of the list. */
export class FanOutMember {
  /** Extended number of the last packet that was sent; undefined before the first. */
  lastOut: number | undefined;
  /** As the engine's entry has it; undefined while not in the list. */
  deltaIndex: number | undefined;
  /** When a list index was last sent again. */
  readonly resentMicros = new Map<number, number>();

  constructor(readonly entry: number) {}
}

interface KeptPacket {
  readonly packet: CachedPacket;
  readonly index: number;
  readonly timestamp: number;
  readonly marker: boolean;
}

export class FanOut {
  readonly #port: ForwardPort;
  readonly #rng: () => number;
  readonly #list: number;
  readonly #members = new Set<FanOutMember>();
  readonly #joining = new Set<FanOutMember>();
  readonly #kept = new Map<number, KeptPacket>();
  #keepers = 0;
  /** List index = extended sequence number + #indexShift; changes when the source starts anew. */
  #indexShift = 0;
  #timestampShift = 0;
  #lastIndex: number | undefined;
  #lastTimestamp = 0;
  #lastMicros = 0;
  #startsAnew = false;

  constructor(port: ForwardPort, rng: () => number) {
    this.#port = port;
    this.#rng = rng;
    this.#list = port.createList();
  }

  get size(): number {
    return this.#members.size + this.#joining.size;
  }

  /** From the next packet on. */
  join(member: FanOutMember): void {
    if (!this.#members.has(member)) this.#joining.add(member);
  }

  leave(member: FanOutMember): void {
    this.#joining.delete(member);
    if (!this.#members.delete(member)) return;
    member.lastOut = this.lastOut(member);
    member.deltaIndex = undefined;
    this.#port.listRemove(member.entry);
  }

  /** While somebody may ask again, packets are kept. */
  keep(on: boolean): void {
    this.#keepers += on ? 1 : -1;
    if (this.#keepers === 0) this.#forget();
  }

  /** The source has another SSRC or has jumped: its numbers go on where the list was. */
  startAnew(): void {
    this.#startsAnew = true;
    this.#forget();
  }

  /** @param clockRate of the packet's timestamps */
  forward(packet: ReceivedPacket, clockRate: number): void {
    let marker = packet.marker;
    if (this.#startsAnew && this.#lastIndex !== undefined) {
      this.#indexShift = this.#lastIndex + 1 - packet.extendedSequence;
      const elapsed = Math.round(((packet.arrivalMicros - this.#lastMicros) * clockRate) / 1e6);
      this.#timestampShift = this.#lastTimestamp + Math.max(1, elapsed) - packet.timestamp;
      marker = true;
    }
    this.#startsAnew = false;
    const index = (packet.extendedSequence + this.#indexShift) >>> 0;
    const timestamp = (packet.timestamp + this.#timestampShift) >>> 0;
    const newest = this.#lastIndex === undefined || ((index - this.#lastIndex) | 0) > 0;
    if (newest) {
      this.#lastIndex = index;
      this.#lastTimestamp = timestamp;
      this.#lastMicros = packet.arrivalMicros;
      if (this.#joining.size > 0) this.#admit(index);
    }
    if (this.#members.size === 0) return;
    this.#port.forward(this.#list, packet, index, timestamp, marker, NO_CSRCS);
    if (this.#keepers > 0) this.#keepPacket(packet, index, timestamp, marker);
  }

  /** Where the list's line is now, for sender reports; undefined before the first packet. */
  timestampAt(nowMicros: number, clockRate: number): number | undefined {
    if (this.#lastIndex === undefined) return undefined;
    return (this.#lastTimestamp + Math.round(((nowMicros - this.#lastMicros) * clockRate) / 1e6)) >>> 0;
  }

  lastOut(member: FanOutMember): number | undefined {
    const { packets, lastIndex } = this.#port.entryCounters(member.entry);
    return packets === 0 ? member.lastOut : lastIndex;
  }

  /** @param sequence as the receiver saw it, 16 bits. @returns whether it was sent again. */
  resend(member: FanOutMember, sequence: number, roundTripMicros: number, nowMicros: number): boolean {
    const last = this.lastOut(member);
    if (last === undefined || member.deltaIndex === undefined) return false;
    const out = (last + (((sequence - last) << 16) >> 16)) >>> 0;
    const kept = this.#kept.get((out + member.deltaIndex) >>> 0);
    if (!kept) return false;
    // Twice within one round trip is one loss, asked for twice.
    const before = member.resentMicros.get(kept.index);
    if (before !== undefined && nowMicros - before < roundTripMicros) return false;
    if (member.resentMicros.size >= FAN_OUT_LIMITS.cachePackets) member.resentMicros.clear();
    member.resentMicros.set(kept.index, nowMicros);
    this.#port.resend(member.entry, kept.packet, kept.index, kept.timestamp, kept.marker, NO_CSRCS);
    return true;
  }

  close(): void {
    this.#forget();
    this.#port.freeList(this.#list);
    this.#members.clear();
    this.#joining.clear();
  }

  #admit(index: number): void {
    for (const member of this.#joining) {
      const first =
        member.lastOut === undefined
          ? Math.floor(this.#rng() * FAN_OUT_LIMITS.firstSequenceBelow)
          : member.lastOut + 1;
      member.deltaIndex = (index - first) >>> 0;
      this.#port.updateEntry(member.entry, { deltaIndex: member.deltaIndex, firstIndex: index });
      this.#port.listAdd(this.#list, member.entry);
      this.#members.add(member);
    }
    this.#joining.clear();
  }

  #keepPacket(packet: ReceivedPacket, index: number, timestamp: number, marker: boolean): void {
    for (const [key, { packet: old }] of this.#kept) {
      const young = packet.arrivalMicros - old.arrivalMicros < FAN_OUT_LIMITS.cacheMicros;
      if (young && this.#kept.size < FAN_OUT_LIMITS.cachePackets) break;
      this.#kept.delete(key);
      this.#port.release(old);
    }
    if (this.#kept.has(index)) return;
    const cached = this.#port.retain(packet);
    if (cached) this.#kept.set(index, { packet: cached, index, timestamp, marker });
  }

  #forget(): void {
    for (const { packet } of this.#kept.values()) this.#port.release(packet);
    this.#kept.clear();
  }
}
