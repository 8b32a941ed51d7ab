/** One peer connection's server side: ICE-lite, DTLS, SCTP. Contract: mediasoup v3 WebRtcTransport. */
import { randomInt, randomUUID } from 'node:crypto';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type { ChannelEvent, WebRtcTransportCreated } from '../channel/messages.js';
import type {
  AppData,
  ConsumerOptions,
  DtlsParameters,
  DtlsState,
  IceCandidate,
  IceParameters,
  IceRole,
  IceState,
  ProducerOptions,
  RtpCapabilities,
  SctpParameters,
  SctpState,
  TransportTuple,
  WebRtcTransportStat,
} from '../types.js';
import { Consumer } from './consumer.js';
import { DataChannel } from './dataChannel.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import {
  canConsume,
  checkProducerParameters,
  consumableRtpParameters,
  consumerRtpParameters,
  producerRtpParameters,
} from './negotiation.js';
import { Producer } from './producer.js';

const FINGERPRINT_ALGORITHMS = ['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'];

export type WebRtcTransportEvents = {
  icestatechange: [iceState: IceState];
  iceselectedtuplechange: [iceSelectedTuple: TransportTuple];
  dtlsstatechange: [dtlsState: DtlsState];
  sctpstatechange: [sctpState: SctpState];
  /** Ours: the peer opened a data channel. */
  datachannel: [dataChannel: DataChannel];
};

export class WebRtcTransport<TransportAppData extends AppData = AppData> extends Entity<
  WebRtcTransportEvents,
  TransportAppData
> {
  readonly iceRole: IceRole = 'controlled';
  readonly #process: MediaProcess;
  readonly #options: {
    routerRtpCapabilities: RtpCapabilities;
    findProducer: (id: string) => Producer | undefined;
    onNewProducer: (producer: Producer) => void;
    onClosed: (transport: unknown) => void;
  };
  readonly #producers = new Map<string, Producer>();
  readonly #consumers = new Map<string, Consumer>();
  readonly #dataChannels = new Map<number, DataChannel>();
  readonly #created: WebRtcTransportCreated;
  #iceParameters: IceParameters;
  #iceState: IceState = 'new';
  #iceSelectedTuple: TransportTuple | undefined;
  #dtlsParameters: DtlsParameters;
  #dtlsState: DtlsState = 'new';
  #dtlsRemoteCert: string | undefined;
  #sctpState: SctpState | undefined;
  #nextMid = 0;

  /** Not for applications: use `router.createWebRtcTransport`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    created: WebRtcTransportCreated;
    routerRtpCapabilities: RtpCapabilities;
    appData: TransportAppData | undefined;
    findProducer: (id: string) => Producer | undefined;
    onNewProducer: (producer: Producer) => void;
    onClosed: (transport: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.#process = options.process;
    this.#options = options;
    this.#created = options.created;
    this.#iceParameters = options.created.iceParameters;
    this.#dtlsParameters = options.created.dtlsParameters;
    this.#sctpState = options.created.sctpParameters ? 'new' : undefined;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  get iceParameters(): IceParameters {
    return this.#iceParameters;
  }
  get iceCandidates(): IceCandidate[] {
    return [...this.#created.iceCandidates];
  }
  get iceState(): IceState {
    return this.#iceState;
  }
  get iceSelectedTuple(): TransportTuple | undefined {
    return this.#iceSelectedTuple;
  }
  get dtlsParameters(): DtlsParameters {
    return this.#dtlsParameters;
  }
  get dtlsState(): DtlsState {
    return this.#dtlsState;
  }
  /** PEM, once connected. */
  get dtlsRemoteCert(): string | undefined {
    return this.#dtlsRemoteCert;
  }
  get sctpParameters(): SctpParameters | undefined {
    return this.#created.sctpParameters;
  }
  get sctpState(): SctpState | undefined {
    return this.#sctpState;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('transport.dump', { transportId: this.id });
  }

  async getStats(): Promise<WebRtcTransportStat[]> {
    this.assertOpen();
    const stats = await this.#process.request('transport.getStats', { transportId: this.id });
    return stats.filter((stat): stat is WebRtcTransportStat => stat.type === 'webrtc-transport');
  }

  /**
   * The peer's certificate. Nothing is encrypted for a peer whose certificate has none of these fingerprints.
   * @throws TypeError for malformed parameters; InvalidStateError when called twice.
   */
  async connect({ dtlsParameters }: { dtlsParameters: DtlsParameters }): Promise<void> {
    this.assertOpen();
    const fingerprints = dtlsParameters?.fingerprints;
    if (!Array.isArray(fingerprints) || fingerprints.length === 0)
      throw new OptionError('dtlsParameters.fingerprints: not a non-empty array');
    for (const { algorithm, value } of fingerprints) {
      if (!FINGERPRINT_ALGORITHMS.includes(algorithm))
        throw new OptionError(
          `dtlsParameters.fingerprints: algorithm '${algorithm}' is none of ${FINGERPRINT_ALGORITHMS.join(', ')}`,
        );
      if (typeof value !== 'string')
        throw new OptionError('dtlsParameters.fingerprints: value is not a string');
    }
    const { dtlsLocalRole } = await this.#process.request('transport.connect', {
      transportId: this.id,
      dtlsParameters,
    });
    this.#dtlsParameters = { ...this.#dtlsParameters, role: dtlsLocalRole };
  }

  /** New credentials. The old ones are good until a check with the new ones comes; DTLS and everything above stay. */
  async restartIce(): Promise<IceParameters> {
    this.assertOpen();
    this.#iceParameters = await this.#process.request('transport.restartIce', { transportId: this.id });
    return this.#iceParameters;
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
    appData,
  }: ProducerOptions<ProducerAppData>): Promise<Producer<ProducerAppData>> {
    this.assertOpen();
    if (id !== undefined && this.#producers.has(id))
      throw new OptionError(`id: a Producer '${id}' exists already`);
    const { routerRtpCapabilities } = this.#options;
    checkProducerParameters(kind, rtpParameters, routerRtpCapabilities);
    const producerId = id ?? randomUUID();
    const parameters = producerRtpParameters(rtpParameters, routerRtpCapabilities);
    await this.#process.request('transport.produce', {
      transportId: this.id,
      producerId,
      kind,
      rtpParameters: parameters,
      paused,
    });
    const producer = new Producer<ProducerAppData>({
      id: producerId,
      process: this.#process,
      kind,
      rtpParameters: parameters,
      consumableRtpParameters: consumableRtpParameters(parameters, routerRtpCapabilities),
      paused,
      appData,
      onClosed: () => this.#producers.delete(producerId),
    });
    const plain = producer as unknown as Producer;
    this.#producers.set(producerId, plain);
    this.#options.onNewProducer(plain);
    this.observer.safeEmit('newproducer', producer);
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
    appData,
  }: ConsumerOptions<ConsumerAppData>): Promise<Consumer<ConsumerAppData>> {
    this.assertOpen();
    const producer = this.#options.findProducer(producerId);
    if (!producer) throw new OptionError(`producerId: Producer '${producerId}' not found`);
    if (!canConsume(producer.consumableRtpParameters, rtpCapabilities))
      throw new UnsupportedError('the receiver takes no codec of the producer', 'NO_COMMON_CODEC');
    const rtpParameters = consumerRtpParameters(
      producer.consumableRtpParameters,
      rtpCapabilities,
      randomInt(1, 2 ** 32),
      mid ?? String(this.#nextMid++),
    );
    const consumerId = randomUUID();
    const state = await this.#process.request('transport.consume', {
      transportId: this.id,
      consumerId,
      producerId,
      rtpParameters,
      paused,
    });
    const consumer = new Consumer<ConsumerAppData>({
      id: consumerId,
      process: this.#process,
      producerId,
      kind: producer.kind,
      rtpParameters,
      state,
      appData,
      onClosed: () => this.#consumers.delete(consumerId),
    });
    this.#consumers.set(consumerId, consumer as unknown as Consumer);
    this.observer.safeEmit('newconsumer', consumer);
    return consumer;
  }

  protected release(cause: CloseCause): void {
    for (const producer of [...this.#producers.values()]) producer.closeBy('transport');
    for (const consumer of [...this.#consumers.values()]) consumer.closeBy('transport');
    for (const channel of this.#dataChannels.values()) channel.handleClose('the transport is closed');
    this.#dataChannels.clear();
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('transport.close', { transportId: this.id });
    this.#iceState = 'closed';
    this.#dtlsState = 'closed';
    if (this.#sctpState) this.#sctpState = 'closed';
    this.#options.onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'transport.iceState':
        this.#iceState = event.iceState;
        this.safeEmit('icestatechange', event.iceState);
        this.observer.safeEmit('icestatechange', event.iceState);
        return;
      case 'transport.tuple':
        this.#iceSelectedTuple = event.tuple;
        this.safeEmit('iceselectedtuplechange', event.tuple);
        this.observer.safeEmit('iceselectedtuplechange', event.tuple);
        return;
      case 'transport.dtlsState':
        this.#dtlsState = event.dtlsState;
        if (event.remoteCertificate !== undefined) this.#dtlsRemoteCert = event.remoteCertificate;
        this.safeEmit('dtlsstatechange', event.dtlsState);
        this.observer.safeEmit('dtlsstatechange', event.dtlsState);
        return;
      case 'transport.sctpState':
        this.#sctpState = event.sctpState;
        this.safeEmit('sctpstatechange', event.sctpState);
        this.observer.safeEmit('sctpstatechange', event.sctpState);
        return;
      case 'dataChannel.open': {
        const { channelId: id, label, protocol, ordered } = event;
        const channel = new DataChannel({
          process: this.#process,
          transportId: this.id,
          id,
          label,
          protocol,
          ordered,
        });
        this.#dataChannels.set(id, channel);
        this.safeEmit('datachannel', channel);
        this.observer.safeEmit('newdatachannel', channel);
        return;
      }
      case 'dataChannel.message':
        this.#dataChannels.get(event.channelId)?.handleMessage(event.data);
        return;
      case 'dataChannel.bufferedAmount':
        this.#dataChannels.get(event.channelId)?.handleBufferedAmount(event.bufferedAmount);
        return;
      case 'dataChannel.close': {
        const channel = this.#dataChannels.get(event.channelId);
        this.#dataChannels.delete(event.channelId);
        channel?.handleClose(event.reason);
        return;
      }
      default:
    }
  }
}
