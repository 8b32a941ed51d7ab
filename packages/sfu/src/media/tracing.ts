/**
 * What `trace` events tell, in mediasoup's form: built only for those who asked. Spec of the form: mediasoup v3 types.
 * Elsewhere: who asks → producer.ts, consumer.ts · when → rtpSession.ts
 */
import type { Frame } from './forward/frame.js';
import type { ReceivedPacket } from './packet.js';

export type TraceDirection = 'in' | 'out';

/** The types that an application has enabled for one entity. */
export class Tracing<Type extends string> {
  #types: ReadonlySet<string> = new Set();

  get types(): string[] {
    return [...this.#types];
  }

  get any(): boolean {
    return this.#types.size > 0;
  }

  set(types: readonly string[]): void {
    this.#types = new Set(types);
  }

  has(type: Type): boolean {
    return this.#types.has(type);
  }
}

export interface PacketNumbers {
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly ssrc: number;
}

/** Of types 'rtp' and 'keyframe'. */
export function packetInfo(
  packet: ReceivedPacket,
  numbers: PacketNumbers,
  frame: Frame | undefined,
  isRtx: boolean,
): Record<string, unknown> {
  const { payloadType, sequenceNumber, timestamp, marker, ssrc } = numbers;
  return {
    payloadType,
    sequenceNumber,
    timestamp,
    marker,
    ssrc,
    isKeyFrame: frame?.keyFrame ?? false,
    isRtx,
    size: RTP_HEADER_BYTES + packet.payloadLength,
    payloadSize: packet.payloadLength,
    spatialLayer: frame?.spatialLayer ?? 0,
    temporalLayer: frame?.temporalLayer ?? 0,
  };
}

const RTP_HEADER_BYTES = 12;
