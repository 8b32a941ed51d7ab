/** What stands between the encoder and the link: pacer, probes, numbers, history. Here in TypeScript; engineSender.ts is ours. */
import type { TransportWideFeedback } from '@tertulia/wire';
import type { TransportFeedback } from '../../../src/media/congestion/feedback.js';
import type { Probe } from '../../../src/media/congestion/probeControl.js';
import { SendHistory } from './sendHistory.js';

export const TICK_MICROS = 1_000;
const PADDING_BYTES = 240;

export interface SentPacket {
  readonly sequence: number;
  readonly bytes: number;
  readonly atMicros: number;
}

export interface Sender {
  queue(bytes: number, nowMicros: number): void;
  probe(probe: Probe, nowMicros: number): void;
  /** What leaves in the tick that ends now. */
  leave(nowMicros: number, pacingBitrate: number): SentPacket[];
  read(packet: TransportWideFeedback, nowMicros: number): TransportFeedback | undefined;
  /** How long the oldest packet has waited for the pacer. */
  readonly waitMicros: number;
}

export class SimpleSender implements Sender {
  readonly #history: SendHistory;
  readonly #queue: { bytes: number; atMicros: number }[] = [];
  #nowMicros = 0;
  #padding: { nextAt: number; left: number; gap: number; clusterId: number }[] = [];
  #budget = 0;

  constructor(firstSequence = 0) {
    this.#history = new SendHistory(firstSequence);
  }

  queue(bytes: number, nowMicros: number): void {
    this.#queue.push({ bytes, atMicros: nowMicros });
  }

  get waitMicros(): number {
    return this.#queue.length === 0 ? 0 : this.#nowMicros - this.#queue[0]!.atMicros;
  }

  probe({ clusterId, bitsPerSecond, bytes }: Probe, nowMicros: number): void {
    const gap = (PADDING_BYTES * 8_000_000) / bitsPerSecond;
    this.#padding.push({ nextAt: nowMicros, left: bytes, gap, clusterId });
  }

  leave(nowMicros: number, pacingBitrate: number): SentPacket[] {
    this.#nowMicros = nowMicros;
    const sent: SentPacket[] = [];
    const send = (bytes: number, clusterId: number, atMicros: number): void => {
      sent.push({ sequence: this.#history.send(atMicros, bytes, clusterId), bytes, atMicros });
    };
    // As a pacer with a burst of 5 ms.
    const perTick = (pacingBitrate * TICK_MICROS) / 8_000_000;
    this.#budget = Math.min(this.#budget + perTick, 5 * perTick);
    while (this.#queue.length > 0 && this.#budget > 0) {
      const { bytes } = this.#queue.shift()!;
      this.#budget -= bytes;
      send(bytes, 0, nowMicros);
    }
    for (const each of this.#padding)
      for (; each.left > 0 && each.nextAt <= nowMicros; each.left -= PADDING_BYTES, each.nextAt += each.gap)
        send(PADDING_BYTES, each.clusterId, Math.max(each.nextAt, nowMicros - TICK_MICROS));
    this.#padding = this.#padding.filter(({ left }) => left > 0);
    return sent;
  }

  read(packet: TransportWideFeedback): TransportFeedback {
    return this.#history.read(packet);
  }
}
