/**
 * A stream's latest packets, by reference, for those who ask again. Kept once per stream, by its own index, whatever the
 * number of variants and receivers. Elsewhere: which index a receiver means → variantMember.ts
 */
import type { CachedPacket, ForwardPort, ReceivedPacket } from '../packet.js';

export interface HistoryLimits {
  readonly micros: number;
  readonly packets: number;
}

export const HISTORY_LIMITS: Readonly<Record<'audio' | 'video', HistoryLimits>> = {
  /** A NACK that comes later is too late for any audio jitter buffer; 1 s of 10 ms packets and some. */
  audio: { micros: 1_000_000, packets: 128 },
  /** What mediasoup keeps; 10 Mbit/s fill it in 2.5 s. A source that sends more evicts its own. */
  video: { micros: 2_000_000, packets: 2_500 },
};

export interface KeptPacket {
  readonly packet: CachedPacket;
  /** On the stream's line. */
  readonly timestamp: number;
  readonly marker: boolean;
  /** From the start of the payload, −1 = not carried. */
  readonly pictureIdOffset: number;
  readonly pictureIdBits: number;
  readonly tl0PictureIndexOffset: number;
  readonly tl0PictureIndex: number;
  readonly frameNumber: number;
}

/** A packet's numbers on the stream's lines. */
interface Numbers {
  readonly index: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly tl0PictureIndex: number;
  readonly frameNumber: number;
  readonly frame: {
    readonly pictureIdOffset: number;
    readonly pictureIdBits: number;
    readonly tl0PictureIndexOffset: number;
    readonly frameNumber: number;
  };
}

export class PacketHistory {
  readonly #port: ForwardPort;
  readonly #limits: HistoryLimits;
  readonly #kept = new Map<number, KeptPacket>();
  #keepers = 0;
  /** Nobody keeps it any more, but somebody may ask until then. */
  #lingerMicros: number | undefined;

  constructor(port: ForwardPort, limits: HistoryLimits) {
    this.#port = port;
    this.#limits = limits;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Somebody may ask. Lets everything go when that is over. */
  keepsAt(nowMicros: number): boolean {
    if (this.#keepers > 0) return true;
    if (this.#lingerMicros === undefined) return false;
    if (nowMicros < this.#lingerMicros) return true;
    this.clear();
    return false;
  }

  addKeeper(): void {
    this.#keepers++;
  }

  /** @param lingerMicros until then it may still ask for what it was sent */
  removeKeeper(lingerMicros?: number): void {
    this.#keepers--;
    if (lingerMicros !== undefined)
      this.#lingerMicros = Math.max(this.#lingerMicros ?? -Infinity, lingerMicros);
    if (this.#keepers === 0 && this.#lingerMicros === undefined) this.clear();
  }

  keep(
    packet: ReceivedPacket,
    { index, timestamp, marker, tl0PictureIndex, frameNumber, frame }: Numbers,
  ): void {
    this.evict(packet.arrivalMicros);
    if (this.#kept.has(index)) return;
    const cached = this.#port.retain(packet);
    if (!cached) return;
    this.#kept.set(index, {
      packet: cached,
      timestamp,
      marker,
      pictureIdOffset: frame.pictureIdOffset,
      pictureIdBits: frame.pictureIdBits,
      tl0PictureIndexOffset: frame.tl0PictureIndexOffset,
      tl0PictureIndex,
      frameNumber: frame.frameNumber < 0 ? -1 : frameNumber,
    });
  }

  find(index: number): KeptPacket | undefined {
    return this.#kept.get(index);
  }

  evict(nowMicros: number): void {
    for (const [index, { packet }] of this.#kept) {
      const young = nowMicros - packet.arrivalMicros < this.#limits.micros;
      if (young && this.#kept.size < this.#limits.packets) return;
      this.#kept.delete(index);
      this.#port.release(packet);
    }
  }

  clear(): void {
    for (const { packet } of this.#kept.values()) this.#port.release(packet);
    this.#kept.clear();
    this.#lingerMicros = undefined;
  }
}
