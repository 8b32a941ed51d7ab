/** A room of cameras and receivers on the whole media core, without sockets and without waiting. */
import type { Assignment, MaxResolution, VideoSlotChange } from '../../../../src/types.js';
import { MemoryCall, Voice } from '../../../media/support/memoryCall.js';
import type { HeardRtp, Peer } from '../../../media/support/memoryCall.js';
import {
  FRAME_MICROS,
  factsOf,
  PAYLOAD_TYPE,
  videoParameters,
  Vp8Encoder,
} from '../../../forward/support/video.js';
import type { FrameFacts, VideoOptions } from '../../../forward/support/video.js';
import type { FrameSource } from '../../../forward/support/videoCall.js';

const SLOT_SSRC = 0x6000_0000;
const RECEIVER_PAYLOAD_TYPE = 100;
const DEFAULT_SIZE = { width: 640, height: 360 };

export interface CanvasWish {
  id: number;
  width?: number;
  height?: number;
  mode?: 'relevant' | { participantId: string } | { producerId: string };
}

export interface Camera {
  readonly peer: Peer;
  readonly producerId: string;
  readonly csrc: number;
  readonly encoders: FrameSource[];
  /** Answers requests for key frames. */
  obeys: boolean;
  sends: boolean;
  answered: number;
  readonly wants: Set<number>;
}

export class Receiving {
  constructor(
    readonly call: MemoryCall,
    readonly id: string,
    readonly peer: Peer,
    readonly ssrcs: readonly number[],
  ) {}

  media(slot: number): HeardRtp[] {
    return this.peer.rtp.filter(({ ssrc }) => ssrc === this.ssrcs[slot]);
  }
  /** What the packets say of themselves, one for each packet. */
  facts(slot: number): FrameFacts[] {
    return this.media(slot).map(({ payload }) => factsOf(payload)!);
  }
  /** As told last. */
  assignments(): readonly Assignment[] {
    const told = this.call.events.findLast(
      (event) => event.event === 'virtual.assignments' && event.receiverId === this.id,
    );
    return told?.event === 'virtual.assignments' ? told.assignments : [];
  }
  changes(): VideoSlotChange[] {
    return this.call.events.flatMap((event) =>
      event.event === 'virtual.videoSlots'
        ? event.changes.filter(({ receiverId }) => receiverId === this.id)
        : [],
    );
  }
}

export class VideoRoomCall {
  readonly call: MemoryCall;
  readonly cameras = new Map<string, Camera>();
  readonly voices: Voice[] = [];
  readonly peers = new Map<string, Peer>();
  #nextSsrc = 2000;
  #frames = 0;

  constructor(seed = 1) {
    this.call = new MemoryCall(seed);
    this.call.virtualStreams(3, 16);
  }

  peer(participantId: string): Peer {
    let peer = this.peers.get(participantId);
    if (!peer) this.peers.set(participantId, (peer = this.call.addPeer()));
    return peer;
  }

  /** @param encode default: one VP8 stream */
  addCamera(
    participantId: string,
    options: {
      producerId?: string;
      content?: 'camera' | 'screen';
      layers?: number;
      paused?: boolean;
      parameters?: Partial<VideoOptions>;
      encode?: (peer: Peer, ssrc: number, name: string) => FrameSource;
    } = {},
  ): Camera {
    const { producerId = participantId, content = 'camera', layers = 1, paused = false } = options;
    const peer = this.peer(participantId);
    const ssrcs = Array.from({ length: layers }, () => (this.#nextSsrc += 10));
    const { encode = (to, ssrc, name) => new Vp8Encoder(to, { ssrc, name }) } = options;
    this.call.core.handleRequest('transport.produce', {
      transportId: peer.id,
      producerId,
      kind: 'video',
      rtpParameters: videoParameters({
        mid: producerId,
        encodings: ssrcs.map((ssrc) => ({ ssrc, rtx: ssrc + 1 })),
        ...options.parameters,
      }),
      paused,
    });
    const csrc = this.call.addSource(producerId, participantId, content);
    const camera: Camera = {
      peer,
      producerId,
      csrc,
      encoders: ssrcs.map((ssrc) => encode(peer, ssrc, producerId)),
      obeys: true,
      sends: true,
      answered: 0,
      wants: new Set(),
    };
    this.cameras.set(producerId, camera);
    return camera;
  }

  addVoice(participantId: string): Voice {
    const peer = this.peer(participantId);
    const ssrc = (this.#nextSsrc += 10);
    this.call.produce(peer, `voice of ${participantId}`, { mid: `v-${participantId}`, ssrc });
    this.call.addSource(`voice of ${participantId}`, participantId);
    const voice = new Voice(peer, ssrc, participantId);
    voice.level = 90;
    this.voices.push(voice);
    return voice;
  }

  addReceiver(participantId: string, slots: number, parameters: Partial<VideoOptions> = {}): Receiving {
    const peer = this.peer(participantId);
    const first = SLOT_SSRC + 0x1000 * peer.number;
    const ssrcs = Array.from({ length: slots }, (_, slot) => first + 2 * slot);
    this.call.createReceiver(
      peer,
      `receiver of ${participantId}`,
      [],
      participantId,
      ssrcs.map((ssrc, slot) =>
        videoParameters({
          mid: `s${slot}`,
          payloadType: RECEIVER_PAYLOAD_TYPE,
          encodings: [{ ssrc, rtx: ssrc + 1 }],
          ...parameters,
        }),
      ),
    );
    return new Receiving(this.call, `receiver of ${participantId}`, peer, ssrcs);
  }

  setLayout(
    { id }: Receiving,
    canvases: readonly CanvasWish[],
    maxResolution?: MaxResolution,
  ): readonly Assignment[] {
    return this.call.core.handleRequest('virtual.setLayout', {
      virtualStreamsId: 'virtual',
      receiverId: id,
      canvases: canvases.map((canvas) => ({ ...DEFAULT_SIZE, mode: 'relevant' as const, ...canvas })),
      ...(maxResolution ? { maxResolution } : {}),
    }).assignments;
  }

  /** Everybody's next frames; a voice's packets in between. */
  film(frames: number): void {
    for (let i = 0; i < frames; i++) {
      const datagrams = [];
      for (const camera of this.cameras.values()) {
        this.#obey(camera);
        if (!camera.sends) continue;
        camera.encoders.forEach((encoder, layer) => {
          const wantsKey = camera.wants.delete(encoder.options.ssrc);
          for (const packet of encoder.frame(this.call.nowMicros, wantsKey))
            datagrams.push(encoder.wrap(packet));
          if (this.#frames % 30 === 5 + layer) datagrams.push(encoder.report());
        });
      }
      for (const voice of this.voices) datagrams.push(voice.next());
      this.#frames++;
      if (datagrams.length > 0) this.call.inject(...datagrams);
      this.call.advance(FRAME_MICROS);
    }
  }

  /** Requests for key frames that the camera got. */
  requests({ peer, encoders }: Camera): number {
    const own = new Set(encoders.map(({ options }) => options.ssrc));
    return peer.rtcp.filter(({ packet }) => packet.type === 'pli' && own.has(packet.mediaSsrc)).length;
  }

  close(): void {
    this.call.close();
  }

  #obey(camera: Camera): void {
    const { rtcp } = camera.peer;
    for (; camera.answered < rtcp.length; camera.answered++) {
      const { packet } = rtcp[camera.answered]!;
      if (packet.type === 'pli' && camera.obeys) camera.wants.add(packet.mediaSsrc);
    }
  }
}

export { PAYLOAD_TYPE, RECEIVER_PAYLOAD_TYPE };
