/** Connects what is produced with what is consumed. Contract: mediasoup v3 Router; virtual streams are ours. */
import { randomUUID } from 'node:crypto';
import { OptionError } from '../channel/errors.js';
import type {
  ActiveSpeakerObserverOptions,
  AppData,
  AudioLevelObserverOptions,
  DirectTransportOptions,
  PipeTransportOptions,
  PlainTransportOptions,
  RouterDump,
  RouterRtpCodecCapability,
  RtpCapabilities,
  VirtualStreamsOptions,
  WebRtcTransportOptionsOf,
} from '../types.js';
import { ActiveSpeakerObserver } from './activeSpeakerObserver.js';
import { AudioLevelObserver } from './audioLevelObserver.js';
import { Capture } from './capture.js';
import type { Consumer } from './consumer.js';
import type { DataConsumer } from './dataConsumer.js';
import type { DataProducer } from './dataProducer.js';
import { DirectTransport } from './directTransport.js';
import type { EnhancedEventEmitter, ListenerErrorEvent } from './enhancedEventEmitter.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { checkAppData, checkCount } from './options.js';
import { canConsume, generateRouterRtpCapabilities } from './ortc/index.js';
import { pipeDataProducer, pipeProducer, Pipes, type PipeOptions } from './pipes.js';
import { PipeTransport } from './pipeTransport.js';
import { PlainTransport } from './plainTransport.js';
import type { Producer } from './producer.js';
import type { RtpObserver } from './rtpObserver.js';
import { checkSrtpCryptoSuite } from './srtpParameters.js';
import type { Transport, TransportRouter } from './transport.js';
import {
  checkUdpListenInfo,
  checkListenInfos,
  listenInfosOf,
  protocolsInOrder,
  sctpCreation,
  singleListenInfo,
} from './transportOptions.js';
import { VirtualStreams } from './virtualStreams.js';
import { WebRtcServer } from './webRtcServer.js';
import { WebRtcTransport } from './webRtcTransport.js';

const DEFAULT_CONSENT_TIMEOUT_SECONDS = 30; // RFC 7675 §5.1
const DEFAULT_MESSAGE_BYTES = 262_144; // what browsers announce
const DEFAULT_PIPE_MESSAGE_BYTES = 268_435_456; // mediasoup v3: whatever came in goes on
const DEFAULT_OUTGOING_BITRATE = 600_000; // bit/s; mediasoup v3
const DEFAULT_SPEAKER_INTERVAL_MS = 300; // mediasoup v3, as the next three
const DEFAULT_LEVEL_INTERVAL_MS = 1_000;
const DEFAULT_LEVEL_THRESHOLD_DBOV = -80;
const DEFAULT_LEVEL_ENTRIES = 1;
const LEVEL_MIN_DBOV = -127; // RFC 6464 §3
const SLOTS = { default: 3, max: 16 } as const; // virtual streams A1, V1

/** A WebRtcServer of this worker; typed by what can be seen, so that mediasoup's type does as well. */
export type WebRtcServerHandle = Pick<WebRtcServer, 'id' | 'closed' | 'dump'>;
/** A Router of this library; typed by what can be seen, so that mediasoup's type does as well. */
export type RouterHandle = Pick<Router, 'id' | 'closed' | 'rtpCapabilities'>;
export type WebRtcTransportOptions<TransportAppData extends AppData = AppData> = WebRtcTransportOptionsOf<
  WebRtcServerHandle,
  TransportAppData
>;
export type PipeToRouterOptions = PipeOptions & {
  /** Which producer, or … */
  producerId?: string | undefined;
  /** … which data producer. */
  dataProducerId?: string | undefined;
  router: RouterHandle;
  /** The other router's producer has the same id; not within one worker. Default true. */
  keepId?: boolean | undefined;
};
export interface PipeToRouterResult {
  pipeConsumer?: Consumer;
  pipeProducer?: Producer;
  pipeDataConsumer?: DataConsumer;
  pipeDataProducer?: DataProducer;
}

/** By router id. */
export type PipeTransportPair = Record<string, PipeTransport>;

export type RouterEvents = { workerclose: []; '@close': [] };
type PublicObserverEvents = {
  close: [];
  newtransport: [transport: Transport];
  newrtpobserver: [rtpObserver: RtpObserver];
};
/** `listenererror` names mediasoup's events: whoever switches over them need not know ours. */
export type RouterObserverEvents = PublicObserverEvents &
  ListenerErrorEvent<PublicObserverEvents> & {
    /** Ours. */
    newvirtualstreams: [virtualStreams: VirtualStreams];
  };
export type RouterObserver = EnhancedEventEmitter<RouterObserverEvents>;

/**
 * Closing it closes transports with all that is in them (`routerclose`), then RTP observers (`routerclose`), then virtual streams, and
 * last its observer hears `close`. With its worker it tells `workerclose` before that. Every method of a closed router
 * throws InvalidStateError.
 */
export class Router<RouterAppData extends AppData = AppData> extends Entity<
  RouterEvents,
  RouterAppData,
  RouterObserverEvents
> {
  /** Not for applications: the pairs of transports to other routers. */
  readonly pipes = new Pipes(this);
  readonly #process: MediaProcess;
  readonly #onClosed: (router: unknown) => void;
  readonly #transports = new Map<string, Transport>();
  readonly #rtpObservers = new Map<string, RtpObserver>();
  readonly #virtualStreams = new Set<VirtualStreams>();
  readonly #captures = new Set<Capture>();
  readonly #producers = new Map<string, Producer>();
  readonly #dataProducers = new Map<string, DataProducer>();
  readonly #forTransports: TransportRouter;
  #rtpCapabilities: RtpCapabilities;

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
    const capabilities = (): RtpCapabilities => this.#rtpCapabilities;
    this.#forTransports = {
      get rtpCapabilities() {
        return capabilities();
      },
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

  /** What producers may send and consumers can get, with the payload types and extension ids of this router. */
  get rtpCapabilities(): RtpCapabilities {
    return this.#rtpCapabilities;
  }

  /** Not for applications: mediasoup's own tests look here. */
  get transportsForTesting(): Map<string, Transport> {
    return this.#transports;
  }

  /** Who is in it and who feeds whom. @throws InvalidStateError when closed. */
  async dump(): Promise<RouterDump> {
    this.assertOpen();
    const dump = await this.#process.request('router.dump', { routerId: this.id });
    return dump as unknown as RouterDump;
  }

  /**
   * @throws TypeError for wrong options; InvalidStateError with the socket's code when a port of its own cannot be had.
   */
  async createWebRtcTransport<TransportAppData extends AppData = AppData>(
    options: WebRtcTransportOptions<TransportAppData>,
  ): Promise<WebRtcTransport<TransportAppData>> {
    this.assertOpen();
    const { webRtcServer, listenIps, port, enableDcep = false, appData } = options;
    const {
      enableSctp = enableDcep,
      enableUdp = true,
      enableTcp = webRtcServer !== undefined,
      preferUdp = false,
      preferTcp = false,
      iceConsentTimeout = DEFAULT_CONSENT_TIMEOUT_SECONDS,
      initialAvailableOutgoingBitrate = DEFAULT_OUTGOING_BITRATE,
    } = options;
    const order = { enableUdp, enableTcp, preferUdp, preferTcp };
    const listenInfos = listenIps
      ? listenInfosOf(listenIps, port, protocolsInOrder(order))
      : (options.listenInfos ?? []);
    if (!webRtcServer) checkListenInfos(listenInfos);
    if (webRtcServer !== undefined && !(webRtcServer instanceof WebRtcServer))
      throw new OptionError('webRtcServer: not a WebRtcServer');
    checkAppData(appData);
    checkCount('initialAvailableOutgoingBitrate', initialAvailableOutgoingBitrate);
    if (!Number.isFinite(iceConsentTimeout) || iceConsentTimeout < 0)
      throw new OptionError('iceConsentTimeout: not a number of seconds');
    const id = randomUUID();
    const data = await this.#process.request('router.createWebRtcTransport', {
      routerId: this.id,
      transportId: id,
      iceConsentTimeout,
      enableDcep,
      ...order,
      initialAvailableOutgoingBitrate,
      ...sctpCreation({ ...options, enableSctp }, DEFAULT_MESSAGE_BYTES),
      ...(webRtcServer ? { webRtcServerId: webRtcServer.id } : { listenInfos }),
    });
    const transport = new WebRtcTransport<TransportAppData>({ data, ...this.#construction(id, appData) });
    this.#addTransport(transport as unknown as Transport);
    webRtcServer?.handleWebRtcTransport(transport as unknown as WebRtcTransport);
    return transport;
  }

  /** @throws TypeError for wrong options; InvalidStateError with the socket's code when a port cannot be had. */
  async createPlainTransport<TransportAppData extends AppData = AppData>(
    options: PlainTransportOptions<TransportAppData>,
  ): Promise<PlainTransport<TransportAppData>> {
    this.assertOpen();
    const { rtcpListenInfo, comedia = false, enableSrtp = false, appData } = options;
    const { srtpCryptoSuite = 'AES_CM_128_HMAC_SHA1_80' } = options;
    const listenInfo = singleListenInfo(options);
    if (rtcpListenInfo !== undefined) checkUdpListenInfo(rtcpListenInfo, 'rtcpListenInfo');
    const rtcpMux = (options.rtcpMux ?? true) && rtcpListenInfo === undefined;
    if (enableSrtp) checkSrtpCryptoSuite('srtpCryptoSuite', srtpCryptoSuite);
    checkAppData(appData);
    const id = randomUUID();
    const created = await this.#process.request('router.createPlainTransport', {
      routerId: this.id,
      transportId: id,
      listenInfo,
      ...(rtcpListenInfo === undefined ? {} : { rtcpListenInfo }),
      rtcpMux,
      comedia,
      ...(enableSrtp ? { srtpCryptoSuite } : {}),
      ...sctpCreation(options, DEFAULT_MESSAGE_BYTES),
    });
    const data = { ...created, rtcpMux, comedia };
    const transport = new PlainTransport<TransportAppData>({ data, ...this.#construction(id, appData) });
    this.#addTransport(transport as unknown as Transport);
    return transport;
  }

  /** @throws TypeError for wrong options; InvalidStateError with the socket's code when a port cannot be had. */
  async createPipeTransport<TransportAppData extends AppData = AppData>(
    options: PipeTransportOptions<TransportAppData>,
  ): Promise<PipeTransport<TransportAppData>> {
    this.assertOpen();
    const { enableRtx = false, enableSrtp = false, appData } = options;
    const listenInfo = singleListenInfo(options);
    checkAppData(appData);
    const id = randomUUID();
    const created = await this.#process.request('router.createPipeTransport', {
      routerId: this.id,
      transportId: id,
      listenInfo,
      enableRtx,
      enableSrtp,
      ...sctpCreation(options, DEFAULT_PIPE_MESSAGE_BYTES),
    });
    const data = { ...created, rtx: enableRtx };
    const transport = new PipeTransport<TransportAppData>({ data, ...this.#construction(id, appData) });
    this.#addTransport(transport as unknown as Transport);
    return transport;
  }

  /** For RTP and messages of the application itself. */
  async createDirectTransport<TransportAppData extends AppData = AppData>({
    maxMessageSize = DEFAULT_MESSAGE_BYTES,
    appData,
  }: DirectTransportOptions<TransportAppData> = {}): Promise<DirectTransport<TransportAppData>> {
    this.assertOpen();
    checkCount('maxMessageSize', maxMessageSize);
    checkAppData(appData);
    const id = randomUUID();
    await this.#process.request('router.createDirectTransport', {
      routerId: this.id,
      transportId: id,
      maxMessageSize,
    });
    const transport = new DirectTransport<TransportAppData>({ data: {}, ...this.#construction(id, appData) });
    this.#addTransport(transport as unknown as Transport);
    return transport;
  }

  /**
   * Makes a producer (or data producer) of this router available in another one. Its end, and pause and resume, go along.
   * @throws TypeError for wrong options and unknown producers.
   */
  async pipeToRouter({
    producerId,
    dataProducerId,
    router,
    keepId = true,
    ...options
  }: PipeToRouterOptions): Promise<PipeToRouterResult> {
    this.assertOpen();
    if (!producerId && !dataProducerId)
      throw new OptionError('producerId: missing, and dataProducerId as well');
    if (producerId && dataProducerId) throw new OptionError('dataProducerId: not together with producerId');
    if (options.listenInfo && options.listenIp)
      throw new OptionError('listenIp: not together with listenInfo');
    if (!(router instanceof Router)) throw new OptionError('router: not a Router');
    if ((router as unknown) === this) throw new OptionError('router: this is the same Router');
    if (producerId) {
      const producer = this.#producers.get(producerId);
      if (!producer) throw new OptionError(`producerId: Producer '${producerId}' not found`, 'NOT_FOUND');
      const pair = await this.pipes.pairWith(router, options);
      return pipeProducer(pair, producer, keepId ? producer.id : randomUUID());
    }
    const dataProducer = this.#dataProducers.get(dataProducerId ?? '');
    if (!dataProducer)
      throw new OptionError(`dataProducerId: DataProducer '${dataProducerId}' not found`, 'NOT_FOUND');
    const pair = await this.pipes.pairWith(router, options);
    return pipeDataProducer(pair, dataProducer, keepId ? dataProducer.id : randomUUID());
  }

  /**
   * Tells who is loud, each interval, by the audio levels in the packets' header extension (RFC 6464).
   * `maxEntries` from 1, default 1; `threshold` in dBov, −127…0, default −80; `interval` in ms, default 1000.
   * @throws TypeError naming the option; InvalidStateError when closed.
   */
  async createAudioLevelObserver<ObserverAppData extends AppData = AppData>({
    maxEntries = DEFAULT_LEVEL_ENTRIES,
    threshold = DEFAULT_LEVEL_THRESHOLD_DBOV,
    interval = DEFAULT_LEVEL_INTERVAL_MS,
    appData,
  }: AudioLevelObserverOptions<ObserverAppData> = {}): Promise<AudioLevelObserver<ObserverAppData>> {
    this.assertOpen();
    if (!Number.isInteger(maxEntries) || maxEntries < 1)
      throw new OptionError('maxEntries: not a positive integer');
    if (typeof threshold !== 'number' || !(threshold >= LEVEL_MIN_DBOV && threshold <= 0))
      throw new OptionError(`threshold: not a number of ${LEVEL_MIN_DBOV}…0`);
    checkCount('interval', interval);
    checkAppData(appData);
    const rtpObserverId = randomUUID();
    await this.#process.request('router.createAudioLevelObserver', {
      routerId: this.id,
      rtpObserverId,
      maxEntries,
      threshold,
      interval,
    });
    const observer = new AudioLevelObserver<ObserverAppData>(
      this.#observerConstruction(rtpObserverId, appData),
    );
    this.#addRtpObserver(observer as unknown as RtpObserver);
    return observer;
  }

  /**
   * Tells who holds the floor, by audio levels of several time scales. `interval` in ms, default 300.
   * @throws TypeError naming the option; InvalidStateError when closed.
   */
  async createActiveSpeakerObserver<ObserverAppData extends AppData = AppData>({
    interval = DEFAULT_SPEAKER_INTERVAL_MS,
    appData,
  }: ActiveSpeakerObserverOptions<ObserverAppData> = {}): Promise<ActiveSpeakerObserver<ObserverAppData>> {
    this.assertOpen();
    checkCount('interval', interval);
    checkAppData(appData);
    const rtpObserverId = randomUUID();
    await this.#process.request('router.createActiveSpeakerObserver', {
      routerId: this.id,
      rtpObserverId,
      interval,
    });
    const observer = new ActiveSpeakerObserver<ObserverAppData>(
      this.#observerConstruction(rtpObserverId, appData),
    );
    this.#addRtpObserver(observer as unknown as RtpObserver);
    return observer;
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
      return canConsume(producer.consumableRtpParameters, structuredClone(rtpCapabilities));
    } catch {
      return false;
    }
  }

  /** For producers from now on. @throws TypeError, UnsupportedError for codecs that are malformed or not there. */
  updateMediaCodecs(mediaCodecs: RouterRtpCodecCapability[]): void {
    this.assertOpen();
    this.#rtpCapabilities = generateRouterRtpCapabilities(mediaCodecs);
  }

  /**
   * Streams that the server owns: ranks sources, selects, switches.
   * @param audioSlots how many streams a receiver may have at most, 0…16, default 3
   */
  async createVirtualStreams({
    audioSlots = SLOTS.default,
    videoSlots = SLOTS.default,
  }: VirtualStreamsOptions = {}): Promise<VirtualStreams> {
    this.assertOpen();
    for (const [name, slots] of Object.entries({ audioSlots, videoSlots }))
      if (!Number.isInteger(slots) || slots < 0 || slots > SLOTS.max)
        throw new OptionError(`${name}: ${slots} is not an integer of 0…${SLOTS.max}`);
    const virtualStreamsId = randomUUID();
    await this.#process.request('router.createVirtualStreams', {
      routerId: this.id,
      virtualStreamsId,
      audioSlots,
      videoSlots,
    });
    const virtual = new VirtualStreams({
      id: virtualStreamsId,
      process: this.#process,
      audioSlots,
      videoSlots,
      routerRtpCapabilities: this.#rtpCapabilities,
      onClosed: (closed) => this.#virtualStreams.delete(closed),
    });
    this.#virtualStreams.add(virtual);
    this.observer.safeEmit('newvirtualstreams', virtual);
    return virtual;
  }

  /** Packets of transports of this router without SRTP, once they are added. @throws InvalidStateError when closed. */
  async createCapture(): Promise<Capture> {
    this.assertOpen();
    const captureId = randomUUID();
    const request = { captureId, routerId: this.id };
    const { unixMicrosAtZero } = await this.#process.request('capture.create', request);
    const capture = new Capture({
      id: captureId,
      process: this.#process,
      unixMicrosAtZero,
      onClosed: (closed) => this.#captures.delete(closed),
    });
    if (this.closed) capture.closeBy('router');
    else this.#captures.add(capture);
    return capture;
  }

  /**
   * Not for applications, except those with pipes of their own making: a pair that `pipeToRouter` shall use.
   * @param key the other router's id
   * @param pair by router id, that of this router and that of the other one
   * @throws Error when there is one already.
   */
  addPipeTransportPair(key: string, pair: Promise<PipeTransportPair>): void {
    this.pipes.add(key, pair);
  }

  /** Not for applications. */
  workerClosed(): void {
    this.closeBy('worker');
  }

  protected release(cause: CloseCause): void {
    for (const transport of [...this.#transports.values()]) transport.closeBy('router');
    for (const observer of [...this.#rtpObservers.values()]) observer.closeBy('router');
    for (const virtual of [...this.#virtualStreams]) virtual.closeBy('router');
    for (const capture of [...this.#captures]) capture.closeBy('router');
    if (cause === 'self') this.#process.tell('router.close', { routerId: this.id });
    this.#onClosed(this);
  }

  #construction<TransportAppData extends AppData>(id: string, appData: TransportAppData | undefined) {
    return {
      id,
      process: this.#process,
      router: this.#forTransports,
      appData,
      onClosed: () => this.#transports.delete(id),
    };
  }

  #observerConstruction<ObserverAppData extends AppData>(id: string, appData: ObserverAppData | undefined) {
    return {
      id,
      process: this.#process,
      findProducer: this.#forTransports.findProducer,
      appData,
      onClosed: () => this.#rtpObservers.delete(id),
    };
  }

  #addTransport(transport: Transport): void {
    if (this.closed) return transport.closeBy('router'); // while the media process made it
    this.#transports.set(transport.id, transport);
    this.observer.safeEmit('newtransport', transport);
  }

  #addRtpObserver(observer: RtpObserver): void {
    if (this.closed) return observer.closeBy('router');
    this.#rtpObservers.set(observer.id, observer);
    this.observer.safeEmit('newrtpobserver', observer);
  }
}
