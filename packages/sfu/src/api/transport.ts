/**
 * What all transports do: producers and consumers of media and of data, limits, statistics.
 * Contract: mediasoup v3 Transport. Elsewhere: what fits whom → ortc/ · each kind's own → webRtcTransport.ts, …
 */
import { randomUUID } from 'node:crypto';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type { ChannelEvent, TransportStat } from '../channel/messages.js';
import type {
  AppData,
  BaseTransportDump,
  ConsumerOptions,
  ConsumerScore,
  ConsumerType,
  DataConsumerOptions,
  DataProducerOptions,
  ProducerOptions,
  RtpCapabilities,
  RtpParameters,
  SctpParameters,
  SctpState,
  SctpStreamParameters,
  TransportTraceEventData,
  TransportTraceEventType,
  TransportType,
} from '../types.js';
import { Consumer } from './consumer.js';
import { asSubchannels } from './dataMessage.js';
import { DataConsumer } from './dataConsumer.js';
import { DataProducer } from './dataProducer.js';
import type { EnhancedEventEmitter, EventMap } from './enhancedEventEmitter.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { checkAppData, checkCount, checkId, knownTraceTypes } from './options.js';
import * as ortc from './ortc/index.js';
import { Producer } from './producer.js';
import { producerType } from './producerType.js';
import { outgoingStream, SctpStreamIds } from './sctpStreams.js';

const TRACE_TYPES: readonly TransportTraceEventType[] = ['probation', 'bwe'];
const BITRATE_MAX = 0xffff_ffff;
/** MIDs of up to 8 bytes go into a header extension everywhere. */
const MID_LIMIT = 100_000_000;
const CNAME_CHARACTERS = 8;

export type TransportEvents = {
  routerclose: [];
  listenserverclose: [];
  trace: [trace: TransportTraceEventData];
  '@close': [];
  '@newproducer': [producer: Producer];
  '@producerclose': [producer: Producer];
  '@newdataproducer': [dataProducer: DataProducer];
  '@dataproducerclose': [dataProducer: DataProducer];
  '@listenserverclose': [];
};
export type TransportObserverEvents = {
  close: [];
  newproducer: [producer: Producer];
  newconsumer: [consumer: Consumer];
  newdataproducer: [dataProducer: DataProducer];
  newdataconsumer: [dataConsumer: DataConsumer];
  trace: [trace: TransportTraceEventData];
};
/** Of the transports that can carry SCTP. */
export type SctpTransportEvents = { sctpstatechange: [sctpState: SctpState] };

/** What a transport needs of its router. */
export interface TransportRouter {
  readonly rtpCapabilities: RtpCapabilities;
  findProducer(id: string): Producer | undefined;
  findDataProducer(id: string): DataProducer | undefined;
  onNewProducer(producer: Producer): void;
  onNewDataProducer(dataProducer: DataProducer): void;
}

export interface TransportConstruction<Data, TransportAppData extends AppData> {
  id: string;
  process: MediaProcess;
  router: TransportRouter;
  /** What the media process answered, and what only the API process knows. */
  data: Data;
  appData: TransportAppData | undefined;
  onClosed: (transport: unknown) => void;
}

/**
 * Closing it closes producers, consumers, data producers and data consumers (each tells `transportclose`, then its observer
 * `close`), then the transport's observer hears `close`. With its router it tells `routerclose`, with its WebRtcServer
 * `listenserverclose`, before that. Every method of a closed transport throws InvalidStateError.
 */
export abstract class Transport<
  TransportAppData extends AppData = AppData,
  Events extends EventMap = TransportEvents,
  Observed extends EventMap = TransportObserverEvents,
> extends Entity<Events, TransportAppData, Observed> {
  abstract readonly type: TransportType;
  protected readonly process: MediaProcess;
  protected readonly router: TransportRouter;
  readonly #onClosed: (transport: unknown) => void;
  readonly #producers = new Map<string, Producer>();
  readonly #consumers = new Map<string, Consumer>();
  readonly #dataProducers = new Map<string, DataProducer>();
  readonly #dataConsumers = new Map<string, DataConsumer>();
  readonly #sctpParameters: SctpParameters | undefined;
  readonly #sctpStreamIds: SctpStreamIds;
  #sctpState: SctpState | undefined;
  #maxOutgoingBitrate = 0;
  #minOutgoingBitrate = 0;
  /** One for all producers: they come from one endpoint. */
  #cname: string | undefined;
  #nextMid = 0;

  constructor(
    options: TransportConstruction<{ readonly sctpParameters?: SctpParameters }, TransportAppData>,
  ) {
    super(options.id, options.appData);
    this.process = options.process;
    this.router = options.router;
    this.#onClosed = options.onClosed;
    this.#sctpParameters = options.data.sctpParameters;
    this.#sctpState = this.#sctpParameters && 'new';
    this.#sctpStreamIds = new SctpStreamIds(this.#sctpParameters?.MIS ?? 0);
    options.process.listen(this.id, (event) => this.handle(event));
  }

  /** What the media process keeps of it. */
  abstract dump(): Promise<BaseTransportDump>;
  /** One entry. */
  abstract getStats(): Promise<TransportStat[]>;
  /** What is needed of the peer depends on the kind. */
  abstract connect(options: object): Promise<void>;

  /** What the peer needs to know; undefined without SCTP. */
  get sctpParameters(): SctpParameters | undefined {
    return this.#sctpParameters;
  }
  /** Undefined without SCTP. */
  get sctpState(): SctpState | undefined {
    return this.#sctpState;
  }

  /** bit/s that the peer is told to send at most. 0: no limit. */
  async setMaxIncomingBitrate(bitrate: number): Promise<void> {
    this.assertOpen();
    checkCount('bitrate', bitrate, BITRATE_MAX);
    await this.process.request('transport.setMaxIncomingBitrate', { transportId: this.id, bitrate });
  }

  /** bit/s that the estimate of the path never exceeds. 0: no limit. */
  async setMaxOutgoingBitrate(bitrate: number): Promise<void> {
    this.assertOpen();
    checkCount('bitrate', bitrate, BITRATE_MAX);
    if (bitrate > 0 && bitrate < this.#minOutgoingBitrate)
      throw new OptionError(`bitrate: below the minimum, ${this.#minOutgoingBitrate} bit/s`);
    await this.process.request('transport.setMaxOutgoingBitrate', { transportId: this.id, bitrate });
    this.#maxOutgoingBitrate = bitrate;
  }

  /** bit/s below which the estimate never falls. 0: no limit. */
  async setMinOutgoingBitrate(bitrate: number): Promise<void> {
    this.assertOpen();
    checkCount('bitrate', bitrate, BITRATE_MAX);
    if (bitrate > 0 && this.#maxOutgoingBitrate > 0 && bitrate > this.#maxOutgoingBitrate)
      throw new OptionError(`bitrate: above the maximum, ${this.#maxOutgoingBitrate} bit/s`);
    await this.process.request('transport.setMinOutgoingBitrate', { transportId: this.id, bitrate });
    this.#minOutgoingBitrate = bitrate;
  }

  /** Which decisions become `trace` events from now on. Unknown types are left out. */
  async enableTraceEvent(types: TransportTraceEventType[] = []): Promise<void> {
    this.assertOpen();
    await this.process.request('transport.enableTraceEvent', {
      transportId: this.id,
      types: knownTraceTypes(types, TRACE_TYPES),
    });
  }

  /**
   * @throws TypeError for malformed parameters, UnsupportedError when the router has none of the codecs,
   * InvalidStateError (`DUPLICATE_ID`) for an id that is in use.
   */
  async produce<ProducerAppData extends AppData = AppData>({
    id,
    kind,
    rtpParameters,
    paused = false,
    keyFrameRequestDelay,
    appData,
  }: ProducerOptions<ProducerAppData>): Promise<Producer<ProducerAppData>> {
    this.assertOpen();
    if (id !== undefined) checkId('id', id);
    if (id !== undefined && this.#producers.has(id))
      throw new OptionError(`id: a Producer '${id}' exists already`, 'DUPLICATE_ID');
    if (kind !== 'audio' && kind !== 'video')
      throw new OptionError(`kind: '${String(kind)}' is neither 'audio' nor 'video'`);
    if (keyFrameRequestDelay !== undefined) checkCount('keyFrameRequestDelay', keyFrameRequestDelay);
    checkAppData(appData);
    const parameters = structuredClone(rtpParameters);
    ortc.validateRtpParameters(parameters);
    if (!parameters.encodings?.length) parameters.encodings = [{}];
    checkIdentified(parameters);
    // Behind a pipe there are many endpoints, each with its own name.
    if (this.type !== 'pipe') {
      this.#cname ??= parameters.rtcp?.cname || randomUUID().slice(0, CNAME_CHARACTERS);
      parameters.rtcp = { ...parameters.rtcp, cname: this.#cname };
    }
    const { rtpCapabilities } = this.router;
    const rtpMapping = ortc.getProducerRtpParametersMapping(parameters, rtpCapabilities);
    const consumableRtpParameters = ortc.getConsumableRtpParameters(
      kind,
      parameters,
      rtpCapabilities,
      rtpMapping,
    );
    const producerId = id ?? randomUUID();
    const type = producerType(parameters);
    await this.process.request('transport.produce', {
      transportId: this.id,
      producerId,
      kind,
      rtpParameters: parameters,
      paused: Boolean(paused),
      type,
      rtpMapping,
      ...(keyFrameRequestDelay === undefined ? {} : { keyFrameRequestDelay }),
    });
    const producer = new Producer<ProducerAppData>({
      id: producerId,
      process: this.process,
      kind,
      type,
      rtpParameters: parameters,
      consumableRtpParameters,
      paused: Boolean(paused),
      appData,
      onClosed: () => this.#producers.delete(producerId),
    });
    if (this.#closeLate(producer)) return producer;
    const plain = producer as unknown as Producer;
    this.#producers.set(producerId, plain);
    this.router.onNewProducer(plain);
    this.observed.safeEmit('newproducer', plain);
    return producer;
  }

  /**
   * One producer's media to this transport, with the router's payload types. For streams that the server owns, see
   * `VirtualStreams.createReceiver`.
   * @throws TypeError when there is no such producer; UnsupportedError when the capabilities do not take it.
   */
  async consume<ConsumerAppData extends AppData = AppData>({
    producerId,
    rtpCapabilities,
    paused = false,
    mid,
    preferredLayers,
    enableRtx,
    ignoreDtx = false,
    pipe = false,
    appData,
  }: ConsumerOptions<ConsumerAppData>): Promise<Consumer<ConsumerAppData>> {
    this.assertOpen();
    const producer = this.findProducer(producerId);
    checkAppData(appData);
    if (mid !== undefined && (typeof mid !== 'string' || mid === ''))
      throw new OptionError('mid: not a non-empty string');
    if (preferredLayers !== undefined) {
      checkCount('preferredLayers.spatialLayer', preferredLayers?.spatialLayer);
      if (preferredLayers.temporalLayer !== undefined)
        checkCount('preferredLayers.temporalLayer', preferredLayers.temporalLayer);
    }
    const capabilities = structuredClone(rtpCapabilities);
    ortc.validateRtpCapabilities(capabilities);
    if (!pipe && !ortc.canConsume(producer.consumableRtpParameters, capabilities))
      throw new UnsupportedError('rtpCapabilities: none of the codecs of the producer', 'NO_COMMON_CODEC');
    const rtpParameters = ortc.getConsumerRtpParameters({
      consumableRtpParameters: producer.consumableRtpParameters,
      remoteRtpCapabilities: capabilities,
      pipe,
      enableRtx: enableRtx ?? producer.kind === 'video',
    });
    if (!pipe) {
      rtpParameters.mid = mid ?? String(this.#nextMid);
      if (mid === undefined) this.#nextMid = (this.#nextMid + 1) % MID_LIMIT;
    }
    return this.requestConsumer({
      producer,
      rtpParameters,
      type: pipe ? 'pipe' : producer.type,
      paused: Boolean(paused),
      ...(preferredLayers === undefined ? {} : { preferredLayers }),
      ignoreDtx: Boolean(ignoreDtx),
      appData,
    });
  }

  /**
   * Messages from the peer's stream, or on a DirectTransport from the application.
   * @throws TypeError for malformed parameters; InvalidStateError for an id or a stream that is in use.
   */
  async produceData<DataProducerAppData extends AppData = AppData>({
    id,
    sctpStreamParameters,
    label = '',
    protocol = '',
    paused = false,
    appData,
  }: DataProducerOptions<DataProducerAppData> = {}): Promise<DataProducer<DataProducerAppData>> {
    this.assertOpen();
    if (id !== undefined) checkId('id', id);
    if (id !== undefined && this.#dataProducers.has(id))
      throw new OptionError(`id: a DataProducer '${id}' exists already`, 'DUPLICATE_ID');
    if (typeof label !== 'string') throw new OptionError('label: not a string');
    if (typeof protocol !== 'string') throw new OptionError('protocol: not a string');
    checkAppData(appData);
    const type = this.type === 'direct' ? 'direct' : 'sctp';
    let stream: SctpStreamParameters | undefined;
    if (type === 'sctp') {
      if (sctpStreamParameters === undefined) throw new OptionError('sctpStreamParameters: missing');
      stream = structuredClone(sctpStreamParameters);
      ortc.validateSctpStreamParameters(stream);
    }
    const dataProducerId = id ?? randomUUID();
    await this.process.request('transport.produceData', {
      transportId: this.id,
      dataProducerId,
      type,
      ...(stream === undefined ? {} : { sctpStreamParameters: stream }),
      label,
      protocol,
      paused: Boolean(paused),
    });
    const dataProducer = new DataProducer<DataProducerAppData>({
      id: dataProducerId,
      process: this.process,
      type,
      sctpStreamParameters: stream,
      label,
      protocol,
      paused: Boolean(paused),
      appData,
      onClosed: () => this.#dataProducers.delete(dataProducerId),
    });
    if (this.#closeLate(dataProducer)) return dataProducer;
    const plain = dataProducer as unknown as DataProducer;
    this.#dataProducers.set(dataProducerId, plain);
    this.router.onNewDataProducer(plain);
    this.observed.safeEmit('newdataproducer', plain);
    return dataProducer;
  }

  /** @throws TypeError when there is no such data producer or this transport has no SCTP. */
  async consumeData<DataConsumerAppData extends AppData = AppData>({
    dataProducerId,
    ordered,
    maxPacketLifeTime,
    maxRetransmits,
    paused = false,
    subchannels: wantedSubchannels = [],
    appData,
  }: DataConsumerOptions<DataConsumerAppData>): Promise<DataConsumer<DataConsumerAppData>> {
    this.assertOpen();
    checkId('dataProducerId', dataProducerId);
    checkAppData(appData);
    const subchannels = asSubchannels(wantedSubchannels);
    const dataProducer = this.router.findDataProducer(dataProducerId);
    if (!dataProducer)
      throw new OptionError(`dataProducerId: DataProducer '${dataProducerId}' not found`, 'NOT_FOUND');
    const type = this.type === 'direct' ? 'direct' : 'sctp';
    let stream: SctpStreamParameters | undefined;
    if (type === 'sctp') {
      if (!this.#sctpParameters)
        throw new OptionError('enableSctp: this transport was made without it', 'NO_SCTP');
      stream = outgoingStream(dataProducer.sctpStreamParameters, {
        ordered,
        maxPacketLifeTime,
        maxRetransmits,
      });
      stream.streamId = this.#sctpStreamIds.take();
    }
    const freeStream = (): void => {
      if (stream) this.#sctpStreamIds.release(stream.streamId);
    };
    const dataConsumerId = randomUUID();
    const { label, protocol } = dataProducer;
    let state;
    try {
      state = await this.process.request('transport.consumeData', {
        transportId: this.id,
        dataConsumerId,
        dataProducerId,
        type,
        ...(stream === undefined ? {} : { sctpStreamParameters: stream }),
        label,
        protocol,
        paused: Boolean(paused),
        subchannels,
      });
    } catch (error) {
      freeStream();
      throw error;
    }
    const dataConsumer = new DataConsumer<DataConsumerAppData>({
      id: dataConsumerId,
      process: this.process,
      dataProducerId,
      type,
      sctpStreamParameters: stream,
      label,
      protocol,
      subchannels,
      state,
      appData,
      onClosed: () => {
        freeStream();
        this.#dataConsumers.delete(dataConsumerId);
      },
    });
    if (this.#closeLate(dataConsumer)) return dataConsumer;
    const plain = dataConsumer as unknown as DataConsumer;
    this.#dataConsumers.set(dataConsumerId, plain);
    this.observed.safeEmit('newdataconsumer', plain);
    return dataConsumer;
  }

  /** Not for applications. */
  routerClosed(): void {
    this.closeBy('router');
  }
  /** Not for applications. */
  listenServerClosed(): void {
    this.closeBy('listenserver');
  }

  /** What every kind of transport tells its `observer`. */
  protected get observed(): EnhancedEventEmitter<TransportObserverEvents> {
    return this.observer as unknown as EnhancedEventEmitter<TransportObserverEvents>;
  }

  protected async requestDump<Dump>(): Promise<Dump> {
    this.assertOpen();
    return (await this.process.request('transport.dump', { transportId: this.id })) as Dump;
  }

  protected async requestStats<Stat extends TransportStat>(): Promise<Stat[]> {
    this.assertOpen();
    return [...(await this.process.request('transport.getStats', { transportId: this.id }))] as Stat[];
  }

  /** @throws TypeError when the router has no such producer. */
  protected findProducer(producerId: unknown): Producer {
    checkId('producerId', producerId);
    const producer = this.router.findProducer(producerId);
    if (!producer) throw new OptionError(`producerId: Producer '${producerId}' not found`, 'NOT_FOUND');
    return producer;
  }

  protected async requestConsumer<ConsumerAppData extends AppData>({
    producer,
    appData,
    score,
    ...request
  }: {
    producer: Producer;
    /** Instead of what the media process says. */
    score?: ConsumerScore;
    rtpParameters: RtpParameters;
    type: ConsumerType;
    paused: boolean;
    preferredLayers?: NonNullable<ConsumerOptions['preferredLayers']>;
    ignoreDtx?: boolean;
    appData: ConsumerAppData | undefined;
  }): Promise<Consumer<ConsumerAppData>> {
    const consumerId = randomUUID();
    const state = await this.process.request('transport.consume', {
      transportId: this.id,
      consumerId,
      producerId: producer.id,
      consumableRtpEncodings: producer.consumableRtpParameters.encodings ?? [],
      ...request,
    });
    const consumer = new Consumer<ConsumerAppData>({
      id: consumerId,
      process: this.process,
      producerId: producer.id,
      kind: producer.kind,
      type: request.type,
      rtpParameters: request.rtpParameters,
      state: score ? { ...state, score } : state,
      appData,
      onClosed: () => this.#consumers.delete(consumerId),
    });
    if (this.#closeLate(consumer)) return consumer;
    const plain = consumer as unknown as Consumer;
    this.#consumers.set(consumerId, plain);
    this.observed.safeEmit('newconsumer', plain);
    return consumer;
  }

  protected handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'transport.sctpState': {
        this.#sctpState = event.sctpState;
        const { sctpState } = event;
        (this as unknown as EnhancedEventEmitter<SctpTransportEvents>).safeEmit('sctpstatechange', sctpState);
        (this.observer as unknown as EnhancedEventEmitter<SctpTransportEvents>).safeEmit(
          'sctpstatechange',
          sctpState,
        );
        return;
      }
      case 'transport.trace':
        (this as unknown as EnhancedEventEmitter<TransportEvents>).safeEmit('trace', event.trace);
        this.observed.safeEmit('trace', event.trace);
        return;
      default:
    }
  }

  protected release(cause: CloseCause): void {
    if (this.#sctpState) this.#sctpState = 'closed';
    for (const producer of [...this.#producers.values()]) producer.closeBy('transport');
    for (const consumer of [...this.#consumers.values()]) consumer.closeBy('transport');
    for (const dataProducer of [...this.#dataProducers.values()]) dataProducer.closeBy('transport');
    for (const dataConsumer of [...this.#dataConsumers.values()]) dataConsumer.closeBy('transport');
    this.process.forget(this.id);
    if (cause === 'self') this.process.tell('transport.close', { transportId: this.id });
    this.#onClosed(this);
  }

  /** The transport was closed while the media process made the entity: that one is gone as well. */
  #closeLate(entity: { closeBy(cause: CloseCause): void }): boolean {
    if (!this.closed) return false;
    entity.closeBy('transport');
    return true;
  }
}

/** @throws TypeError when its packets could not be told from others, or its encodings from each other. */
function checkIdentified({ mid, encodings = [] }: RtpParameters): void {
  if (mid !== undefined && encodings.length === 1) return;
  encodings.forEach(({ ssrc, rid }, i) => {
    if (ssrc === undefined && rid === undefined)
      throw new OptionError(
        `rtpParameters.encodings[${i}]: neither ssrc nor rid, so its packets could not be told`,
      );
  });
}
