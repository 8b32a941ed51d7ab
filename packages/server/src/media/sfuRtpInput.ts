/**
 * Sources that come as plain RTP over @tertulia/sfu: a plain transport for each, since a program sends each stream to ports of its
 * own. Where it sends from is learned from its first packet. It is connected with that, and lost when no more come.
 * Elsewhere: sessions with ICE and DTLS → sfuSession.ts · how long to wait for the first packet → rooms/session.ts
 */
import { randomBytes } from 'node:crypto';
import type { PlainTransport, Router, Worker } from '@tertulia/sfu';
import type { RtpParameters } from '@tertulia/wire';
import type { MediaListen } from '../addresses.js';
import { LIMITS } from '../limits.js';
import type { LayoutResult, SourceName } from '../rooms/news.js';
import type {
  IceSide,
  MediaSessionEvents,
  PayloadType,
  RtpInput,
  RtpInputPort,
  RtpInputRequest,
  SessionStats,
  SrtpKey,
} from './mediaPort.js';
import { PortInUseError } from './mediaPort.js';
import { isLoopbackIp } from './plainListen.js';
import { SfuSources, type SourcesParts } from './sfuSources.js';
import type { Cast } from './sfuStage.js';

interface InputParts extends SourcesParts {
  readonly worker: Worker;
  readonly router: Router;
  readonly listen: readonly MediaListen[];
}

/** The one that FFmpeg and GStreamer both have. RFC 4568 §6.2: a key of 16 bytes and a salt of 14. */
const CRYPTO_SUITE = 'AES_CM_128_HMAC_SHA1_80';
const KEY_BYTES = 30;
/** How often it is looked whether packets still come. */
const LOOK_EVERY_MS = 2_000;

export class SfuRtpInput implements RtpInput {
  audioPort: RtpInputPort | undefined;
  videoPort: RtpInputPort | undefined;
  // What sessions with ICE and receivers have.
  readonly ice: IceSide = { usernameFragment: '', password: '', candidates: [] };
  readonly fingerprints = [];
  readonly audioSlots = [];
  readonly videoSlots = [];
  readonly #transports: PlainTransport[] = [];
  readonly #sources: SfuSources;
  #connected = false;
  #over = false;
  #bytes = 0;
  #idleMs = 0;
  #look: NodeJS.Timeout | undefined;

  /** @throws when the media process refuses any part; nothing is left then. */
  static async create(
    parts: InputParts,
    request: RtpInputRequest,
    events: MediaSessionEvents,
  ): Promise<SfuRtpInput> {
    const input = new SfuRtpInput(parts, request, events);
    try {
      input.audioPort = await input.#add('microphone', request.audio);
      input.videoPort = await input.#add('camera', request.video);
    } catch (error) {
      input.close();
      throw error;
    }
    return input;
  }

  private constructor(
    private readonly parts: InputParts,
    private readonly request: RtpInputRequest,
    private readonly events: MediaSessionEvents,
  ) {
    this.#sources = new SfuSources(parts, request.participantId);
  }

  async #add(
    name: 'microphone' | 'camera',
    rtpParameters: RtpParameters | undefined,
  ): Promise<RtpInputPort | undefined> {
    if (!rtpParameters) return undefined;
    const { router } = this.parts;
    const { remote } = this.request;
    const listen = this.#listen();
    const { port } = this.request;
    // Sound has the first two, when there is sound.
    const first = port === undefined ? undefined : port + 2 * this.#transports.length;
    const at = (offset: number) => ({
      protocol: 'udp' as const,
      ...listen,
      ...(first === undefined ? {} : { port: first + offset }),
    });
    const transport = await router
      .createPlainTransport({
        listenInfo: at(0),
        rtcpListenInfo: at(1),
        rtcpMux: false,
        comedia: true,
        ...(remote ? { enableSrtp: true, srtpCryptoSuite: CRYPTO_SUITE } : {}),
      })
      .catch((error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'ADDRESS_IN_USE')
          throw new PortInUseError(`port ${first} or the next`, { cause: error });
        throw error;
      });
    this.#transports.push(transport);
    transport.on('tuple', () => this.#connect());
    transport.observer.once('close', () =>
      this.#lose(this.parts.worker.died ? 'process-died' : 'peer-closed'),
    );
    let srtp: SrtpKey | undefined;
    if (remote) {
      srtp = { cryptoSuite: CRYPTO_SUITE, keyBase64: randomBytes(KEY_BYTES).toString('base64') };
      await transport.connect({ srtpParameters: { ...srtp } });
    }
    // The others must know a source before they get its packets.
    await this.#sources.add(transport, { name, rtpParameters, paused: true });
    const { localPort } = transport.tuple;
    const rtcpPort = transport.rtcpTuple?.localPort ?? localPort;
    return { ip: listen.announcedAddress ?? listen.ip, port: localPort, rtcpPort, srtp };
  }

  #listen(): MediaListen {
    const { listen } = this.parts;
    if (!this.request.remote) return { ip: '127.0.0.1' };
    const found = listen.find(({ ip }) => !isLoopbackIp(ip)) ?? listen[0];
    if (!found) throw new Error('media has no address');
    return found;
  }

  get id(): string {
    return this.#transports[0]?.id ?? '';
  }
  get sources(): readonly { name: SourceName; csrc: number }[] {
    return this.#sources.named;
  }
  get cast(): Cast {
    return { participantId: this.#sources.participantId, sources: this.#sources.all };
  }
  get transportIds(): readonly string[] {
    return this.#transports.map(({ id }) => id);
  }
  get payloadTypes(): readonly PayloadType[] {
    return this.#sources.payloadTypes;
  }

  #connect(): void {
    if (this.#connected || this.#over) return;
    this.#connected = true;
    this.#look = setInterval(() => void this.#lookForPackets(), LOOK_EVERY_MS).unref();
    this.events.connected();
  }

  /** There is no consent as with ICE: packets are all that tells. */
  async #lookForPackets(): Promise<void> {
    const stats = await Promise.all(this.#transports.map((transport) => transport.getStats())).catch(
      () => undefined,
    );
    if (!stats || this.#over) return;
    const bytes = stats.reduce((sum, [stat]) => sum + (stat?.rtpBytesReceived ?? 0), 0);
    this.#idleMs = bytes === this.#bytes ? this.#idleMs + LOOK_EVERY_MS : 0;
    this.#bytes = bytes;
    if (this.#idleMs >= LIMITS.rtpInputIdleMs) this.#lose('peer-closed');
  }

  #lose(cause: 'peer-closed' | 'process-died'): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#look);
    this.events.lost(cause);
  }

  setPaused(name: SourceName, paused: boolean): void {
    this.#sources.setPaused(name, paused);
  }

  setPinned(name: SourceName, pinned: boolean): void {
    this.#sources.setPinned(name, pinned);
  }

  setLayout(): Promise<LayoutResult> {
    return Promise.resolve({ ok: false, code: 'UNAVAILABLE', message: 'The session receives nothing.' });
  }

  restartIce(): Promise<IceSide> {
    return Promise.reject(new Error('plain RTP has no ICE'));
  }

  stopMedia(): void {
    this.#sources.close();
  }

  async stats(): Promise<SessionStats> {
    const all = await Promise.all(this.#transports.map((transport) => transport.getStats()));
    const transports = all.flat();
    const sources = await this.#sources.stats();
    const drops: Record<string, number> = {};
    for (const [reason, count] of transports.flatMap((each) => Object.entries(each.drops)))
      if (count > 0) drops[reason] = (drops[reason] ?? 0) + count;
    return {
      media: { transports, sources: sources.media, slots: [], videoSlots: [] },
      figures: {
        transport: {
          protocol: 'udp',
          receivedBitsPerSecond: transports.reduce((sum, { recvBitrate }) => sum + recvBitrate, 0),
          sentBitsPerSecond: transports.reduce((sum, { sendBitrate }) => sum + sendBitrate, 0),
          drops,
        },
        sources: sources.figures,
        slots: [],
      },
    };
  }

  close(): void {
    this.#over = true;
    clearInterval(this.#look);
    for (const transport of this.#transports) transport.close();
  }
}
