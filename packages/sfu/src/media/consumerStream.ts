/**
 * One outgoing SSRC of a consumer: its place in the engine, what was sent, and whoever wants to see each packet: traces, and
 * transports without a socket, which get bytes. Elsewhere: what goes out → forward/ · whose it is → consumer.ts
 */
import type { MediaContext } from './context.js';
import type { Frame } from './forward/frame.js';
import type { PlayoutDelay } from './forward/playoutDelay.js';
import type { VariantMember } from './forward/variantMember.js';
import type { OutgoingStream } from './outgoing.js';
import type { EntryConstants, EntryCounters } from './packet.js';
import { packetBytes } from './packetBytes.js';
import type { Encoding } from './producer.js';
import { packetInfo } from './tracing.js';

const NO_COUNTERS: EntryCounters = {
  packets: 0,
  octets: 0,
  lastTimestamp: 0,
  lastIndex: 0,
  lastSentMicrosLow: 0,
  drops: 0,
  rtxPackets: 0,
  rtxOctets: 0,
  rtxLastIndex: 0,
};

export interface ConsumerStreamParts {
  readonly outgoing: OutgoingStream;
  readonly member: VariantMember;
  /** Of pipes: whose packets it always has. */
  readonly encoding: Encoding | undefined;
  readonly constants: EntryConstants;
  /** undefined: not negotiated, or nothing is sent again. */
  readonly playoutDelay: PlayoutDelay | undefined;
}

/** Sees what a packet is; builds the trace's text only if it wants it. */
export type PacketTrace = (frame: Frame, info: () => Record<string, unknown>) => void;

export class ConsumerStream {
  readonly outgoing: OutgoingStream;
  readonly member: VariantMember;
  readonly encoding: Encoding | undefined;
  readonly playoutDelay: PlayoutDelay | undefined;
  readonly #constants: EntryConstants;
  readonly #context: MediaContext;
  /** Counted here only where no engine does. */
  #packets = 0;
  #octets = 0;

  constructor(parts: ConsumerStreamParts, context: MediaContext) {
    this.outgoing = parts.outgoing;
    this.member = parts.member;
    this.encoding = parts.encoding;
    this.playoutDelay = parts.playoutDelay;
    this.#constants = parts.constants;
    this.#context = context;
  }

  get counters(): EntryCounters {
    const { entry } = this.member;
    if (entry !== undefined) return this.#context.port.entryCounters(entry);
    return { ...NO_COUNTERS, packets: this.#packets, octets: this.#octets };
  }

  /** As of a moment ago: costs nothing. */
  get packetsSent(): number {
    const { entry } = this.member;
    return entry === undefined ? this.#packets : this.#context.port.packetsSent(entry);
  }

  /** Each packet from now on, as it goes out; undefined: nobody wants to see it. */
  watch(trace: PacketTrace | undefined, onBytes: ((bytes: Uint8Array) => void) | undefined): void {
    const { member, outgoing } = this;
    if (!trace && !onBytes) {
      member.onPacket = undefined;
      return;
    }
    member.onPacket = (packet, numbers, patches, { frame }) => {
      trace?.(frame, () => {
        const payloadType = this.#constants.payloadTypes[packet.codec] ?? 0;
        return packetInfo(packet, { ...numbers, payloadType, ssrc: outgoing.ssrc }, frame, false);
      });
      if (!onBytes) return;
      const bytes = packetBytes(this.#context.engine.slab, packet, this.#constants, numbers, patches);
      if (!bytes) return;
      this.#packets++;
      this.#octets += packet.payloadLength;
      onBytes(bytes);
    };
  }
}
