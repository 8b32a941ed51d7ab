/**
 * Simulated cameras: encoders of four codecs, with simulcast or layers, whose payload says which frame of whom each packet
 * is. Remembers the truth for the judge: when each packet was captured and when it reached the server.
 * Elsewhere: the encoders themselves → packages/sfu/test/forward/support/
 */
import type { RtpParameters } from '@tertulia/wire';
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { Av1Encoder, Vp9Encoder } from '../../../../packages/sfu/test/forward/support/svc.js';
import { Encoder, Vp8Encoder } from '../../../../packages/sfu/test/forward/support/video.js';
import type {
  EncoderOptions,
  FrameFacts,
  SentPacket,
} from '../../../../packages/sfu/test/forward/support/video.js';
import type { FrameSource } from '../../../../packages/sfu/test/forward/support/videoCall.js';
import type { Peer } from '../../../../packages/sfu/test/media/support/memoryCall.js';
import type { Random } from '../random.js';

/** 15 frames per second: half the packets of usual cameras, the same switches. */
export const FRAME_MICROS = 200_000 / 3;
export const TICKS_PER_MILLI = 90;
export const TICKS_PER_FRAME = 6000;
/** What the encoders count on their own. */
const ENCODER_TICKS_PER_FRAME = 3000;

export const CODECS = ['VP8', 'VP9', 'AV1', 'H264'] as const;
export type VideoCodec = (typeof CODECS)[number];

/** Of senders: the encoders write these. Of receivers: one pair for each codec, so that the payload type tells. */
const SENDER_PAYLOAD_TYPE = 96;
export const RECEIVER_PAYLOAD_TYPES: Readonly<Record<VideoCodec, number>> = {
  VP8: 100,
  VP9: 102,
  AV1: 104,
  H264: 106,
};
const SENDER_IDS = { mid: 4, dependencyDescriptor: 12 } as const;
export const RECEIVER_IDS = { mid: 3, dependencyDescriptor: 9 } as const;

/** How each codec is sent: streams, and layers within one. */
const SHAPES: Readonly<
  Record<VideoCodec, { streams: number; spatialLayers: number; scalabilityMode: string }>
> = {
  VP8: { streams: 3, spatialLayers: 1, scalabilityMode: 'L1T2' },
  VP9: { streams: 1, spatialLayers: 2, scalabilityMode: 'L2T2' },
  AV1: { streams: 2, spatialLayers: 1, scalabilityMode: 'L1T2' },
  H264: { streams: 2, spatialLayers: 1, scalabilityMode: 'L1T1' },
};
/** Of the top stream. A VP8 camera sends 160 × 90 to 640 × 360. */
const TOP_VP8 = { width: 640, height: 360 };

/** Sizes that differ from stream to stream, in the key frame where RFC 6386 §9.1 has them. */
class SizedVp8Encoder extends Vp8Encoder {
  constructor(
    peer: Peer,
    options: EncoderOptions,
    readonly size: { width: number; height: number },
  ) {
    super(peer, options);
  }
  protected override packet(
    payload: Uint8Array,
    facts: FrameFacts,
    marker: boolean,
    extension?: Uint8Array,
  ): SentPacket {
    if (facts.key && facts.p === 0) {
      const view = new DataView(payload.buffer, payload.byteOffset);
      const SIZE_OFFSET = 12; // descriptor of 6, frame tag of 3, start code of 3
      view.setUint16(SIZE_OFFSET, this.size.width, true);
      view.setUint16(SIZE_OFFSET + 2, this.size.height, true);
    }
    return super.packet(payload, facts, marker, extension);
  }
}

/** RFC 6184: a key frame is parameter sets and a picture without references, everything else refers to the one before. */
class H264Encoder extends Encoder {
  frame(nowMicros: number, wantsKey = false): SentPacket[] {
    const n = this.frames++;
    const key = wantsKey || n === 0;
    const { packetsPerFrame = 2 } = this.options;
    const packets = Array.from({ length: packetsPerFrame }, (_, p) => {
      const facts: FrameFacts = {
        e: this.name,
        n,
        key,
        spatial: 0,
        temporal: 0,
        refs: key ? [] : [n - 1],
        p,
        of: packetsPerFrame,
      };
      // STAP-A of two parameter sets of two bytes; then slices.
      const head = key && p === 0 ? [0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce] : [];
      const body = Buffer.from(JSON.stringify(facts));
      const slice = [...(head.length > 0 ? [0, body.length + 1] : []), key ? 0x65 : 0x41];
      const payload = Buffer.concat([Uint8Array.from([...head, ...slice]), body]);
      return this.packet(payload, facts, p === packetsPerFrame - 1);
    });
    this.next(nowMicros);
    return packets;
  }
}

export interface PacketRecord {
  readonly facts: FrameFacts;
  /** Sequence number, for NACKs. */
  readonly sequence: number;
  readonly capturedMicros: number;
  /** When the server got it; undefined: never. */
  arrivedMicros: number | undefined;
}

export class CameraStream {
  readonly records: PacketRecord[] = [];
  #trimmed = 0;

  constructor(
    readonly camera: Camera,
    readonly index: number,
    readonly encoder: FrameSource & Encoder,
    readonly packetsPerFrame: number,
  ) {}
  get ssrc(): number {
    return this.encoder.options.ssrc;
  }

  frame(nowMicros: number, wantsKey: boolean): { record: PacketRecord; packet: SentPacket }[] {
    const packets = this.encoder.frame(nowMicros, wantsKey);
    this.encoder.timestamp = (this.encoder.timestamp + TICKS_PER_FRAME - ENCODER_TICKS_PER_FRAME) >>> 0;
    return packets.map((packet) => {
      const record = {
        facts: packet.facts,
        sequence: packet.sequence,
        capturedMicros: nowMicros,
        arrivedMicros: undefined,
      };
      this.records.push(record);
      return { record, packet };
    });
  }

  indexOf({ n, p }: FrameFacts): number {
    return n * this.packetsPerFrame + p;
  }

  /** What the server asks for again. */
  find(sequence: number): { record: PacketRecord; packet: SentPacket } | undefined {
    const { sent } = this.encoder;
    for (let at = sent.length - 1; at >= Math.max(0, sent.length - KEPT_PACKETS); at--)
      if (sent[at]!.sequence === sequence) return { record: this.records[at]!, packet: sent[at]! };
    return undefined;
  }

  /** Gives back what nobody asks for any more. */
  trim(): void {
    const { sent } = this.encoder;
    for (; this.#trimmed < sent.length - KEPT_PACKETS; this.#trimmed++)
      sent[this.#trimmed] = { ...sent[this.#trimmed]!, plain: NOTHING, descriptor: undefined };
  }
}
const KEPT_PACKETS = 256;
const NOTHING = new Uint8Array(0);

export class Camera {
  readonly streams: readonly CameraStream[];
  /** SSRCs for which the next frame is to be a key frame. */
  readonly wants = new Set<number>();
  csrc = 0;
  muted = false;
  pinned = false;
  gone = false;
  /** Asked for key frames so often, by stream: when. */
  readonly requestedMicros = new Map<number, number[]>();

  constructor(
    /** Unique in a simulation, and what its packets say. */
    readonly source: number,
    readonly producerId: string,
    readonly participantId: string,
    readonly peer: Peer,
    readonly codec: VideoCodec,
    readonly content: 'camera' | 'screen',
    /** Least delay of its path to the server, ms: what a clock offset by arrival cannot know. */
    readonly leastDelayMs: number,
    random: Random,
  ) {
    const { streams, spatialLayers } = SHAPES[codec];
    const firstSsrc = 0x1000_0000 + source * 16;
    // Half of them begin shortly before a wrap, where mistakes live.
    const nearWrap = random.chance(0.5);
    this.streams = Array.from({ length: streams }, (_, index) => {
      const packetsPerFrame = index === streams - 1 && codec !== 'AV1' ? 2 : 1;
      const options = {
        ssrc: firstSsrc + 2 * index,
        name: `${source}.${index}`,
        mid: `v${source}`,
        sequence: nearWrap ? 65_300 - random.below(200) : random.below(60_000),
        timestamp: nearWrap ? 4_294_967_296 - random.below(900_000) : random.uint32(),
        pictureId: nearWrap ? 32_600 + random.below(100) : random.below(32_000),
        tl0: random.below(256),
        temporalLayers: codec === 'H264' ? (1 as const) : (2 as const),
        packetsPerFrame,
      };
      const scale = 2 ** (streams - 1 - index);
      const size = { width: TOP_VP8.width / scale, height: TOP_VP8.height / scale };
      const svc = { ...options, spatialLayers, frameNumber: nearWrap ? 65_400 : random.below(60_000) };
      const encoder =
        codec === 'VP8'
          ? new SizedVp8Encoder(peer, options, size)
          : codec === 'VP9'
            ? new Vp9Encoder(peer, svc)
            : codec === 'AV1'
              ? new Av1Encoder(peer, svc)
              : new H264Encoder(peer, options);
      return new CameraStream(this, index, encoder, packetsPerFrame);
    });
  }

  get rtpParameters(): RtpParameters {
    const { scalabilityMode } = SHAPES[this.codec];
    return {
      mid: `v${this.source}`,
      codecs: codecsOf(this.codec, SENDER_PAYLOAD_TYPE),
      headerExtensions: extensionsOf(SENDER_IDS),
      encodings: this.streams.map(({ ssrc }) => ({ ssrc, rtx: { ssrc: ssrc + 1 }, scalabilityMode })),
      rtcp: { cname: this.participantId, reducedSize: true },
    };
  }

  stream(ssrc: number): CameraStream | undefined {
    return this.streams.find((stream) => stream.ssrc === ssrc);
  }
}

/** With its repetitions at the number after it. */
function codecsOf(codec: VideoCodec, payloadType: number): RtpParameters['codecs'] {
  const parameters: Record<string, string | number> =
    codec === 'VP9'
      ? { 'profile-id': 0 }
      : codec === 'H264'
        ? { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 }
        : {};
  const rtcpFeedback = [
    { type: 'nack' },
    { type: 'nack', parameter: 'pli' },
    { type: 'ccm', parameter: 'fir' },
  ];
  return [
    { mimeType: `video/${codec}`, payloadType, clockRate: 90_000, parameters, rtcpFeedback },
    {
      mimeType: 'video/rtx',
      payloadType: payloadType + 1,
      clockRate: 90_000,
      parameters: { apt: payloadType },
    },
  ];
}

function extensionsOf(ids: {
  mid: number;
  dependencyDescriptor: number;
}): NonNullable<RtpParameters['headerExtensions']> {
  return [
    { uri: HEADER_EXTENSION_URIS.mid, id: ids.mid },
    { uri: HEADER_EXTENSION_URIS.dependencyDescriptor, id: ids.dependencyDescriptor },
  ];
}

export function slotParameters(mid: string, ssrc: number, codecs: readonly VideoCodec[]): RtpParameters {
  return {
    mid,
    codecs: codecs.flatMap((codec) => codecsOf(codec, RECEIVER_PAYLOAD_TYPES[codec])),
    headerExtensions: extensionsOf(RECEIVER_IDS),
    encodings: [{ ssrc, rtx: { ssrc: ssrc + 1 } }],
    rtcp: { cname: 'tertulia', reducedSize: true },
  };
}
