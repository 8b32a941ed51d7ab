/** A camera with one or more encodings, a receiver, and a network between them that may lose, delay and repeat. */
import type { ConsumerLayers, ConsumerType, ProducerType } from '../../../src/types.js';
import { MemoryCall, seededRandom } from '../../media/support/memoryCall.js';
import type { HeardRtp, Peer } from '../../media/support/memoryCall.js';
import { FRAME_MICROS, videoParameters } from './video.js';
import type { SentPacket, VideoOptions } from './video.js';

export const OUT_SSRC = 0x7000_0000;

const STEP_MICROS = 1_000;

/** Whatever makes packets of one encoding. */
export interface FrameSource {
  readonly options: { readonly ssrc: number };
  frame(nowMicros: number, wantsKey: boolean): SentPacket[];
  wrap(packet: SentPacket): { from: Uint8Array; bytes: Uint8Array };
  repeat(packet: SentPacket): { from: Uint8Array; bytes: Uint8Array };
  report(offsetMicros?: number): { from: Uint8Array; bytes: Uint8Array };
  readonly sent: SentPacket[];
}

export interface FilmOptions {
  /** Does not arrive the first time. */
  lost?: (packet: SentPacket, encoder: FrameSource) => boolean;
  /** Comes with the next frame instead. */
  late?: (packet: SentPacket, encoder: FrameSource) => boolean;
  /** Answer NACKs over the SSRC of retransmissions. Default true. */
  repairs?: boolean;
  /** Encodings that send. Default all. */
  active?: (encoder: number) => boolean;
  /** Sender reports every second. Default true. */
  reports?: boolean;
  /** Time passes in steps of a millisecond, and this is called after each. */
  step?: (nowMicros: number) => void;
}

/** Which numbers of a stream did not come, neither themselves nor as repetitions. */
export class Asker {
  #seen = 0;
  #highest: number | undefined;
  readonly #missing = new Set<number>();

  constructor(
    readonly peer: Peer,
    readonly ssrc: number,
  ) {}

  missing(): number[] {
    const { rtp } = this.peer;
    for (; this.#seen < rtp.length; this.#seen++) {
      const packet = rtp[this.#seen]!;
      if (packet.ssrc === this.ssrc) this.#handle(packet.sequenceNumber);
      else if (packet.ssrc === this.ssrc + 1 && packet.payload.length > 1)
        this.#missing.delete(packet.payload.readUInt16BE(0));
    }
    return [...this.#missing].slice(-200);
  }

  #handle(number: number): void {
    this.#missing.delete(number);
    const highest = this.#highest ?? number - 1;
    const ahead = ((number - highest) << 16) >> 16;
    for (let step = 1; step < ahead; step++) this.#missing.add((highest + step) & 0xffff);
    if (ahead > 0) this.#highest = number;
  }
}

export class VideoCall {
  readonly call: MemoryCall;
  readonly sender: Peer;
  readonly receiver: Peer;
  readonly rng: () => number;
  encoders: FrameSource[] = [];
  #answeredNacks = 0;
  #answeredRequests = 0;
  #wants = new Set<number>();
  #held: { from: Uint8Array; bytes: Uint8Array }[] = [];
  #framesFilmed = 0;
  #asker: Asker | undefined;

  constructor(seed = 1) {
    this.call = new MemoryCall(seed);
    this.rng = seededRandom(seed + 77);
    this.sender = this.call.addPeer();
    this.receiver = this.call.addPeer();
  }

  produce(options: VideoOptions, type?: ProducerType): void {
    this.call.core.handleRequest('transport.produce', {
      transportId: this.sender.id,
      producerId: 'camera',
      kind: 'video',
      rtpParameters: videoParameters(options),
      paused: false,
      ...(type ? { type } : {}),
    });
  }

  consume(
    consumerId: string,
    options: Partial<VideoOptions> & {
      type?: ConsumerType;
      preferredLayers?: ConsumerLayers;
      paused?: boolean;
      peer?: Peer;
      ssrc?: number;
    } = {},
  ): void {
    const { type, preferredLayers, paused = false, peer = this.receiver, ssrc = OUT_SSRC, ...rest } = options;
    this.call.core.handleRequest('transport.consume', {
      transportId: peer.id,
      consumerId,
      producerId: 'camera',
      rtpParameters: videoParameters({
        mid: consumerId,
        payloadType: 100,
        encodings: [{ ssrc, rtx: ssrc + 1 }],
        ...rest,
      }),
      paused,
      ...(type ? { type } : {}),
      ...(preferredLayers ? { preferredLayers } : {}),
    });
  }

  prefer(consumerId: string, spatialLayer: number, temporalLayer?: number): void {
    this.call.core.handleRequest('consumer.setPreferredLayers', {
      consumerId,
      preferredLayers: { spatialLayer, ...(temporalLayer === undefined ? {} : { temporalLayer }) },
    });
  }

  /** All encoders make so many frames; the sender does what RTCP asks of it. */
  film(frames: number, options: FilmOptions = {}): void {
    for (let i = 0; i < frames; i++) {
      this.#obey(options);
      const datagrams = this.#held.splice(0);
      this.encoders.forEach((encoder, index) => {
        if (options.active && !options.active(index)) return;
        const wantsKey = this.#wants.delete(encoder.options.ssrc);
        for (const packet of encoder.frame(this.call.nowMicros, wantsKey)) {
          if (options.lost?.(packet, encoder)) continue;
          if (options.late?.(packet, encoder)) this.#held.push(encoder.wrap(packet));
          else datagrams.push(encoder.wrap(packet));
        }
        if (options.reports !== false && this.#framesFilmed % 30 === 5 + index)
          datagrams.push(encoder.report());
      });
      this.#framesFilmed++;
      if (datagrams.length > 0) this.call.inject(...datagrams);
      this.#pass(options.step);
      const lost = this.#asker?.missing() ?? [];
      if (lost.length > 0)
        this.call.inject(
          this.receiver.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: this.#asker!.ssrc, lost }]),
        );
    }
    this.#obey(options);
  }

  #pass(step: ((nowMicros: number) => void) | undefined): void {
    if (!step) {
      this.call.advance(FRAME_MICROS);
      return;
    }
    for (let micros = 0; micros < FRAME_MICROS; micros += STEP_MICROS) {
      this.call.engine.poll();
      this.call.advance(Math.min(STEP_MICROS, FRAME_MICROS - micros));
      step(this.call.nowMicros);
    }
  }

  media(ssrc = OUT_SSRC, peer = this.receiver): HeardRtp[] {
    return peer.rtp.filter((packet) => packet.ssrc === ssrc);
  }

  /** What the receiver has, repetitions put where they belong. */
  repaired(ssrc = OUT_SSRC): HeardRtp[] {
    return [
      ...this.media(ssrc),
      ...this.media(ssrc + 1).map((packet) => ({
        ...packet,
        sequenceNumber: packet.payload.readUInt16BE(0),
        payload: packet.payload.subarray(2),
      })),
    ];
  }

  /** From now on the receiver asks for what is missing, each frame again. */
  askForMissing(ssrc = OUT_SSRC): void {
    this.#asker = new Asker(this.receiver, ssrc);
  }

  requests(ssrc: number): number {
    return this.sender.rtcp.filter(({ packet }) => packet.type === 'pli' && packet.mediaSsrc === ssrc).length;
  }

  layers(consumerId = 'consumer'): (ConsumerLayers | undefined)[] {
    return this.call.events.flatMap((event) =>
      event.event === 'consumer.layerschange' && event.consumerId === consumerId ? [event.layers] : [],
    );
  }

  close(): void {
    this.call.close();
  }

  #obey({ repairs = true }: FilmOptions): void {
    const { rtcp } = this.sender;
    for (; this.#answeredRequests < rtcp.length; this.#answeredRequests++) {
      const { packet } = rtcp[this.#answeredRequests]!;
      if (packet.type === 'pli') this.#wants.add(packet.mediaSsrc);
    }
    if (!repairs) return;
    for (; this.#answeredNacks < rtcp.length; this.#answeredNacks++) {
      const { packet } = rtcp[this.#answeredNacks]!;
      if (packet.type !== 'nack') continue;
      const encoder = this.encoders.find(({ options }) => options.ssrc === packet.mediaSsrc);
      for (const number of packet.lost) {
        const sent = encoder?.sent.findLast(({ sequence }) => sequence === number);
        if (sent) this.#held.push(encoder!.repeat(sent));
      }
    }
  }
}
