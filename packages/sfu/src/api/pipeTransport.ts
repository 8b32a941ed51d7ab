/** The link between two routers. Contract: mediasoup v3 PipeTransport. */
import { isIP } from 'node:net';
import { OptionError } from '../channel/errors.js';
import type { PipeTransportCreated } from '../channel/messages.js';
import type {
  AppData,
  PipeConsumerOptions,
  PipeTransportConnectOptions,
  PipeTransportDump,
  PipeTransportStat,
  SrtpParameters,
  TransportTuple,
} from '../types.js';
import type { Consumer } from './consumer.js';
import { checkAppData } from './options.js';
import * as ortc from './ortc/index.js';
import { checkPort, checkSrtpParameters } from './srtpParameters.js';
import {
  Transport,
  type SctpTransportEvents,
  type TransportConstruction,
  type TransportEvents,
  type TransportObserverEvents,
} from './transport.js';

export type PipeTransportEvents = TransportEvents & SctpTransportEvents;
export type PipeTransportObserverEvents = TransportObserverEvents & SctpTransportEvents;

export interface PipeTransportData extends PipeTransportCreated {
  readonly rtx: boolean;
}

/** Between two servers there is nothing to be told: each scores what it receives. */
const SCORE = { score: 10, producerScore: 10, producerScores: [] };

export class PipeTransport<PipeTransportAppData extends AppData = AppData> extends Transport<
  PipeTransportAppData,
  PipeTransportEvents,
  PipeTransportObserverEvents
> {
  static {
    // Programs tell transports apart by this name, as mediasoup's classes have it.
    Object.defineProperty(this, 'name', { value: 'PipeTransportImpl' });
  }
  readonly type = 'pipe';
  readonly #rtx: boolean;
  readonly #srtpParameters: SrtpParameters | undefined;
  #tuple: TransportTuple;

  /** Not for applications: use `router.createPipeTransport`. */
  constructor(options: TransportConstruction<PipeTransportData, PipeTransportAppData>) {
    super(options);
    const { data } = options;
    this.#rtx = data.rtx;
    this.#tuple = data.tuple;
    this.#srtpParameters = data.srtpParameters;
  }

  /** The remote half is there once connected. */
  get tuple(): TransportTuple {
    return this.#tuple;
  }
  /** With this side's key; undefined without SRTP. */
  get srtpParameters(): SrtpParameters | undefined {
    return this.#srtpParameters;
  }

  /** What the media process keeps of it. */
  dump(): Promise<PipeTransportDump> {
    return this.requestDump();
  }

  /** One entry. */
  getStats(): Promise<PipeTransportStat[]> {
    return this.requestStats();
  }

  /**
   * The other PipeTransport's address, and its key with SRTP.
   * @throws TypeError naming what is missing or too much; InvalidStateError when it is connected.
   */
  async connect({ ip, port, srtpParameters }: PipeTransportConnectOptions): Promise<void> {
    this.assertOpen();
    if (typeof ip !== 'string' || isIP(ip) === 0) throw new OptionError('ip: not an IP address');
    checkPort('port', port);
    checkSrtpParameters(srtpParameters, this.#srtpParameters !== undefined);
    if (srtpParameters?.cryptoSuite !== this.#srtpParameters?.cryptoSuite)
      throw new OptionError(`srtpParameters.cryptoSuite: not ${this.#srtpParameters?.cryptoSuite}`);
    const { tuple } = await this.process.request('transport.connectPipe', {
      transportId: this.id,
      ip,
      port,
      ...(srtpParameters === undefined ? {} : { srtpParameters }),
    });
    this.#tuple = tuple;
  }

  /** All streams of the producer, as they come. What the other side can take is known: it is a router. */
  override async consume<ConsumerAppData extends AppData = AppData>({
    producerId,
    appData,
  }: PipeConsumerOptions<ConsumerAppData>): Promise<Consumer<ConsumerAppData>> {
    this.assertOpen();
    const producer = this.findProducer(producerId);
    checkAppData(appData);
    const rtpParameters = ortc.getPipeConsumerRtpParameters({
      consumableRtpParameters: producer.consumableRtpParameters,
      enableRtx: this.#rtx,
    });
    return this.requestConsumer({
      producer,
      rtpParameters,
      type: 'pipe',
      paused: false,
      score: SCORE,
      appData,
    });
  }
}
