/** Connects what is produced with what is consumed. Contract: mediasoup v3 Router; virtual streams are ours. */
import { randomUUID } from 'node:crypto';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type { AppData, RtpCapabilities, VirtualStreamsOptions, WebRtcTransportOptionsOf } from '../types.js';
import type { DataProducer } from './dataProducer.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { canConsume } from './negotiation.js';
import type { Producer } from './producer.js';
import type { TransportRouter } from './transport.js';
import { VirtualStreams } from './virtualStreams.js';
import type { WebRtcServer } from './webRtcServer.js';
import { WebRtcTransport } from './webRtcTransport.js';
import { checkListenInfos } from './worker.js';

const DEFAULT_CONSENT_TIMEOUT_SECONDS = 30; // RFC 7675 §5.1
const DEFAULT_MESSAGE_BYTES_MAX = 262_144; // what browsers announce
const AUDIO_SLOTS = { default: 3, max: 16 } as const; // virtual streams A1

export type WebRtcTransportOptions<TransportAppData extends AppData = AppData> = WebRtcTransportOptionsOf<
  WebRtcServer,
  TransportAppData
>;

export type RouterEvents = { workerclose: []; '@close': [] };

export class Router<RouterAppData extends AppData = AppData> extends Entity<RouterEvents, RouterAppData> {
  readonly #process: MediaProcess;
  readonly #rtpCapabilities: RtpCapabilities;
  readonly #onClosed: (router: unknown) => void;
  readonly #transports = new Set<WebRtcTransport>();
  readonly #virtualStreams = new Set<VirtualStreams>();
  readonly #producers = new Map<string, Producer>();
  readonly #dataProducers = new Map<string, DataProducer>();
  readonly #forTransports: TransportRouter;

  /** Not for applications: use `worker.createRouter`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    rtpCapabilities: RtpCapabilities;
    appData: RouterAppData | undefined;
    onClosed: (router: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.#process = options.process;
    this.#rtpCapabilities = options.rtpCapabilities;
    this.#onClosed = options.onClosed;
    this.#forTransports = {
      rtpCapabilities: options.rtpCapabilities,
      findProducer: (id) => this.#producers.get(id),
      findDataProducer: (id) => this.#dataProducers.get(id),
      onNewProducer: (producer) => {
        this.#producers.set(producer.id, producer);
        producer.observer.once('close', () => this.#producers.delete(producer.id));
      },
      onNewDataProducer: (dataProducer) => {
        this.#dataProducers.set(dataProducer.id, dataProducer);
        dataProducer.observer.once('close', () => this.#dataProducers.delete(dataProducer.id));
      },
    };
  }

  get rtpCapabilities(): RtpCapabilities {
    return this.#rtpCapabilities;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('router.dump', { routerId: this.id });
  }

  /**
   * @throws TypeError for wrong options; InvalidStateError with the socket's code when a port of its own cannot be had.
   */
  async createWebRtcTransport<TransportAppData extends AppData = AppData>(
    options: WebRtcTransportOptions<TransportAppData>,
  ): Promise<WebRtcTransport<TransportAppData>> {
    this.assertOpen();
    const { webRtcServer, listenInfos, enableDcep = false, appData } = options;
    const {
      enableSctp = enableDcep,
      iceConsentTimeout = DEFAULT_CONSENT_TIMEOUT_SECONDS,
      maxSctpMessageSize = DEFAULT_MESSAGE_BYTES_MAX,
    } = options;
    if (!webRtcServer) checkListenInfos(listenInfos);
    if (appData !== undefined && typeof appData !== 'object') throw new OptionError('appData: not an object');
    if (!Number.isFinite(iceConsentTimeout) || iceConsentTimeout < 0)
      throw new OptionError('iceConsentTimeout: not a number of seconds');
    const transportId = randomUUID();
    const created = await this.#process.request('router.createWebRtcTransport', {
      routerId: this.id,
      transportId,
      iceConsentTimeout,
      enableSctp,
      enableDcep,
      maxSctpMessageSize,
      ...(webRtcServer ? { webRtcServerId: webRtcServer.id } : { listenInfos: listenInfos ?? [] }),
    });
    const transport = new WebRtcTransport<TransportAppData>({
      id: transportId,
      process: this.#process,
      router: this.#forTransports,
      data: created,
      appData,
      onClosed: (closed) => this.#transports.delete(closed as WebRtcTransport),
    });
    const plain = transport as unknown as WebRtcTransport;
    this.#transports.add(plain);
    this.observer.safeEmit('newtransport', transport);
    webRtcServer?.handleTransport(plain);
    return transport;
  }

  /** Whether a receiver with these capabilities could consume the producer. False for one that is not this router's. */
  canConsume({
    producerId,
    rtpCapabilities,
  }: {
    producerId: string;
    rtpCapabilities: RtpCapabilities;
  }): boolean {
    const producer = this.#producers.get(producerId);
    if (!producer) return false;
    try {
      return canConsume(producer.consumableRtpParameters, rtpCapabilities);
    } catch {
      return false;
    }
  }

  /**
   * Streams that the server owns: ranks sources, selects, switches.
   * @param audioSlots how many streams a receiver may have at most, 0…16, default 3
   */
  async createVirtualStreams({
    audioSlots = AUDIO_SLOTS.default,
    videoSlots = 0,
  }: VirtualStreamsOptions = {}): Promise<VirtualStreams> {
    this.assertOpen();
    if (!Number.isInteger(audioSlots) || audioSlots < 0 || audioSlots > AUDIO_SLOTS.max)
      throw new OptionError(`audioSlots: ${audioSlots} is not an integer of 0…${AUDIO_SLOTS.max}`);
    if (videoSlots !== 0) throw new UnsupportedError('videoSlots: not supported yet', 'VIDEO_NOT_SUPPORTED');
    const virtualStreamsId = randomUUID();
    await this.#process.request('router.createVirtualStreams', {
      routerId: this.id,
      virtualStreamsId,
      audioSlots,
    });
    const virtual = new VirtualStreams({
      id: virtualStreamsId,
      process: this.#process,
      audioSlots,
      routerRtpCapabilities: this.#rtpCapabilities,
      onClosed: (closed) => this.#virtualStreams.delete(closed),
    });
    this.#virtualStreams.add(virtual);
    this.observer.safeEmit('newvirtualstreams', virtual);
    return virtual;
  }

  protected release(cause: CloseCause): void {
    for (const transport of [...this.#transports]) transport.closeBy('router');
    for (const virtual of [...this.#virtualStreams]) virtual.closeBy('router');
    if (cause === 'self') this.#process.tell('router.close', { routerId: this.id });
    this.#onClosed(this);
  }
}
