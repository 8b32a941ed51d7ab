/**
 * The server under test with pictures: the media core of @tertulia/sfu on the real add-on in memory mode, with SRTP keys
 * injected instead of agreed by DTLS. Requests are those that the API process sends.
 */
import { Engine, toAddress } from '@tertulia/engine';
import { MediaCore } from '@tertulia/sfu/media';
import { SrtpReference } from '../../../../packages/engine/test/support/srtp.js';
import { Peer } from '../../../../packages/sfu/test/media/support/memoryCall.js';
import type { Random } from '../random.js';
import { slotParameters } from './camera.js';
import type { Camera, VideoCodec } from './camera.js';

const PROFILE = 'AEAD_AES_128_GCM';
const FIRST_PORT = 10_000;
const VIRTUAL = 'virtual';
const ROUTER = 'router';
/** s. Nobody checks consent here, and nothing is to end by it. */
const NO_CONSENT_SECONDS = 1_000_000;

export interface CanvasWish {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  readonly mode: 'relevant' | { readonly participantId: string } | { readonly producerId: string };
}
/** What a slot should show by the server's own plan. */
export interface Planned {
  readonly slot: number | undefined;
  readonly csrc: number;
}

export class VideoServer {
  /** Unix time of virtual time 0, ms: the server's one NTP clock. */
  readonly zeroUnixMillis: number;
  #onAssignments: (receiverId: string, assignments: readonly Planned[]) => void = () => undefined;

  private constructor(
    private readonly engine: Engine,
    private readonly core: MediaCore,
    private readonly random: Random,
    zeroUnixMillis: number,
  ) {
    this.zeroUnixMillis = zeroUnixMillis;
  }

  static create(
    random: Random,
    nowMicros: number,
    onAssignments: (receiverId: string, assignments: readonly Planned[]) => void,
  ): VideoServer {
    const engine = new Engine({ memory: true, slots: 8192, entries: 1024 });
    engine.setNow(nowMicros);
    const zero = 1_750_000_000_000;
    const core = new MediaCore({
      engine,
      allowKeyInjection: true,
      unixMicrosAtZero: zero * 1000,
      rng: random.next,
      emit: (event) => {
        if (event.event === 'virtual.assignments') onAssignments(event.receiverId, event.assignments);
      },
    });
    const server = new VideoServer(engine, core, random, zero);
    server.#onAssignments = onAssignments;
    core.handleRequest('worker.createRouter', { routerId: ROUTER });
    core.handleRequest('router.createVirtualStreams', {
      routerId: ROUTER,
      virtualStreamsId: VIRTUAL,
      audioSlots: 3,
      videoSlots: 16,
    });
    return server;
  }

  /** @returns who sends there, and what reads what comes from there */
  addTransport(index: number): { peer: Peer; receiving: SrtpReference; port: number } {
    const { random } = this;
    const port = FIRST_PORT + index;
    const address = toAddress(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port);
    const keys = { toServer: random.bytes(16), fromServer: random.bytes(16), salt: random.bytes(12) };
    const peer = new Peer(index, keys, address);
    this.core.handleRequest('router.createWebRtcTransport', {
      routerId: ROUTER,
      transportId: peer.id,
      listenInfos: [{ protocol: 'udp', ip: '192.0.2.1', port: 40_000 }],
      iceConsentTimeout: NO_CONSENT_SECONDS,
      enableSctp: false,
      enableDcep: false,
      maxSctpMessageSize: 262_144,
    });
    this.core.handleRequest('transport.injectKeys', {
      transportId: peer.id,
      profile: PROFILE,
      receiveKey: keys.toServer,
      receiveSalt: keys.salt,
      sendKey: keys.fromServer,
      sendSalt: keys.salt,
      address,
    });
    return { peer, receiving: new SrtpReference(PROFILE, keys.fromServer, keys.salt), port };
  }

  addCamera(camera: Camera): void {
    const { peer, producerId, rtpParameters, participantId, content } = camera;
    this.core.handleRequest('transport.produce', {
      transportId: peer.id,
      producerId,
      kind: 'video',
      rtpParameters,
      paused: false,
    });
    const request = { virtualStreamsId: VIRTUAL, producerId, participantId, content };
    camera.csrc = this.core.handleRequest('virtual.addSource', request).csrc;
  }

  createReceiver(peer: Peer, participantId: string, slots: number, codecs: readonly VideoCodec[]): number[] {
    const first = (0x4000_0000 + this.random.below(0x3000_0000)) & ~0xff;
    const ssrcs = Array.from({ length: slots }, (_, slot) => first + 2 * slot);
    this.core.handleRequest('virtual.createReceiver', {
      virtualStreamsId: VIRTUAL,
      receiverId: participantId,
      transportId: peer.id,
      participantId,
      audio: [],
      video: ssrcs.map((ssrc, slot) => ({ rtpParameters: slotParameters(`s${slot}`, ssrc, codecs) })),
    });
    return ssrcs;
  }

  setLayout(receiverId: string, canvases: readonly CanvasWish[]): void {
    const { assignments } = this.core.handleRequest('virtual.setLayout', {
      virtualStreamsId: VIRTUAL,
      receiverId,
      canvases,
    });
    this.#onAssignments(receiverId, assignments);
  }

  setPinned({ producerId }: Camera, pinned: boolean): void {
    this.core.handleRequest('virtual.setPinned', { virtualStreamsId: VIRTUAL, producerId, pinned });
  }
  setPaused({ producerId }: Camera, paused: boolean): void {
    this.core.handleRequest(paused ? 'producer.pause' : 'producer.resume', { producerId });
  }
  closeTransport({ id }: Peer): void {
    this.core.handleRequest('transport.close', { transportId: id });
  }

  /** One batch of datagrams, then whatever is due by now. */
  advance(batch: readonly { from: Uint8Array; bytes: Uint8Array }[], nowMicros: number): void {
    if (batch.length > 0) this.engine.inject([...batch], nowMicros);
    else this.engine.setNow(nowMicros);
    const due = this.core.nextDeadline();
    if (due !== undefined && due <= nowMicros) this.core.poll(nowMicros);
  }
  takeSent(): { to: Uint8Array; bytes: Uint8Array }[] {
    return this.engine.takeSent();
  }
  drops(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.engine.stats().drops).filter(([, count]) => count > 0));
  }
  close(): void {
    this.core.handleRequest('router.close', { routerId: ROUTER });
    this.core.close();
    this.engine.close();
  }
}
