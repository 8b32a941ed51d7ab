/**
 * The server under test: the media core of @tertulia/sfu on the real add-on in memory mode, with SRTP keys injected
 * instead of agreed by DTLS. Requests are those that the API process sends.
 */
import { randomUUID } from 'node:crypto';
import { Engine, SRTP_KEY_LENGTHS, toAddress, type SrtpProfile } from '@tertulia/engine';
import { MediaCore } from '@tertulia/sfu/media';
import { HEADER_EXTENSION_URIS, type RtpParameters } from '@tertulia/wire';
import type { Random } from './random.js';
import type { Talker } from './talker.js';

export type { SrtpProfile };

export const PAYLOAD_TYPE = 111;
export const EXTENSION_IDS = { audioLevel: 1, absSendTime: 2, mid: 4 } as const;
const FIRST_PORT = 10_000;

export interface ServerTransport {
  id: string;
  port: number;
  address: Uint8Array;
  /** Of the server, as in its answer. */
  remoteUsername: string;
  remotePassword: string;
  localUsername: string;
}
/** Master keys as the server sees them. */
export interface ServerKeys {
  receiveKey: Uint8Array;
  receiveSalt: Uint8Array;
  sendKey: Uint8Array;
  sendSalt: Uint8Array;
}

function opus(mid: string, ssrc: number, cname: string): RtpParameters {
  return {
    mid,
    codecs: [
      {
        mimeType: 'audio/opus',
        payloadType: PAYLOAD_TYPE,
        clockRate: 48_000,
        channels: 2,
        parameters: { useinbandfec: 1 },
        rtcpFeedback: [{ type: 'nack', parameter: '' }],
      },
    ],
    headerExtensions: [
      { uri: HEADER_EXTENSION_URIS.audioLevel, id: EXTENSION_IDS.audioLevel, encrypt: false, parameters: {} },
      {
        uri: HEADER_EXTENSION_URIS.absSendTime,
        id: EXTENSION_IDS.absSendTime,
        encrypt: false,
        parameters: {},
      },
      { uri: HEADER_EXTENSION_URIS.mid, id: EXTENSION_IDS.mid, encrypt: false, parameters: {} },
    ],
    encodings: [{ ssrc }],
    rtcp: { cname, reducedSize: true },
  };
}

export class SimulatedServer {
  /** Unix time of virtual time 0, ms: the server's one NTP clock. */
  readonly zeroUnixMillis: number;
  readonly events: unknown[] = [];
  readonly #virtual = randomUUID();
  readonly #router = randomUUID();

  private constructor(
    private readonly engine: Engine,
    private readonly core: MediaCore,
    private readonly random: Random,
    zeroUnixMillis: number,
  ) {
    this.zeroUnixMillis = zeroUnixMillis;
  }

  static create(options: { slots: number; nowMicros: number; random: Random }): SimulatedServer {
    const engine = new Engine({ memory: true, slots: 4096, entries: 1024 });
    engine.setNow(options.nowMicros);
    const zero = 1_750_000_000_000;
    const core = new MediaCore({
      engine,
      allowKeyInjection: true,
      unixMicrosAtZero: zero * 1000,
      rng: options.random.next,
      emit: () => undefined,
    });
    const server = new SimulatedServer(engine, core, options.random, zero);
    core.handleRequest('worker.createRouter', { routerId: server.#router });
    core.handleRequest('router.createVirtualStreams', {
      routerId: server.#router,
      virtualStreamsId: server.#virtual,
      audioSlots: options.slots,
      videoSlots: 0,
    });
    return server;
  }

  addTransport(
    index: number,
    profile: SrtpProfile,
    random: Random,
  ): { transport: ServerTransport; keys: ServerKeys } {
    const id = randomUUID();
    const port = FIRST_PORT + index;
    const address = toAddress(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port);
    const { iceParameters } = this.core.handleRequest('router.createWebRtcTransport', {
      routerId: this.#router,
      transportId: id,
      listenInfos: [{ protocol: 'udp', ip: '192.0.2.1', port: 40_000 }],
      iceConsentTimeout: 30,
      enableSctp: false,
      enableDcep: false,
      maxSctpMessageSize: 262_144,
    });
    const { key, salt } = SRTP_KEY_LENGTHS[profile];
    const keys = {
      receiveKey: random.bytes(key),
      receiveSalt: random.bytes(salt),
      sendKey: random.bytes(key),
      sendSalt: random.bytes(salt),
    };
    this.core.handleRequest('transport.injectKeys', { transportId: id, profile, ...keys, address });
    const transport = {
      id,
      port,
      address,
      remoteUsername: iceParameters.usernameFragment,
      remotePassword: iceParameters.password,
      localUsername: `local${index}`,
    };
    return { transport, keys };
  }

  /** Produces and adds the source; tells the talker its ids. */
  addTalker(
    transport: ServerTransport,
    talker: Talker,
    participantId: string,
    content: 'speech' | 'screen',
  ): void {
    talker.producerId = randomUUID();
    const { mid, ssrc } = talker.options;
    this.core.handleRequest('transport.produce', {
      transportId: transport.id,
      producerId: talker.producerId,
      kind: 'audio',
      rtpParameters: opus(mid, ssrc, participantId),
      paused: false,
    });
    const { csrc } = this.core.handleRequest('virtual.addSource', {
      virtualStreamsId: this.#virtual,
      producerId: talker.producerId,
      participantId,
      content,
    });
    talker.csrc = csrc;
  }

  createReceiver(transport: ServerTransport, participantId: string, slots: number): { ssrcs: number[] } {
    const ssrcs = Array.from({ length: slots }, () => 1 + this.random.below(0xfffffffe));
    this.core.handleRequest('virtual.createReceiver', {
      virtualStreamsId: this.#virtual,
      receiverId: randomUUID(),
      transportId: transport.id,
      participantId,
      audio: ssrcs.map((ssrc, i) => ({ rtpParameters: opus(`a${i}`, ssrc, 'tertulia') })),
      video: [],
    });
    return { ssrcs };
  }

  setPaused(talker: Talker, paused: boolean): void {
    this.core.handleRequest(paused ? 'producer.pause' : 'producer.resume', { producerId: talker.producerId });
  }
  closeTransport(transport: ServerTransport): void {
    this.core.handleRequest('transport.close', { transportId: transport.id });
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
    this.core.handleRequest('router.close', { routerId: this.#router });
    this.core.close();
    this.engine.close();
  }
}
