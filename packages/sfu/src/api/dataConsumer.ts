/** A data producer's messages to one peer, or to the application. Contract: mediasoup v3 DataConsumer. */
import type { ChannelEvent } from '../channel/messages.js';
import type {
  AppData,
  DataConsumerDump,
  DataConsumerStat,
  DataConsumerType,
  SctpStreamParameters,
} from '../types.js';
import { asSubchannel, asSubchannels, encodeMessage } from './dataMessage.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { asBuffer, checkCount } from './options.js';

const THRESHOLD_BYTES_MAX = 0xffff_ffff;

export type DataConsumerEvents = {
  transportclose: [];
  dataproducerclose: [];
  dataproducerpause: [];
  dataproducerresume: [];
  /** On a DirectTransport. */
  message: [message: Buffer, ppid: number];
  sctpsendbufferfull: [];
  bufferedamountlow: [bufferedAmount: number];
  '@close': [];
  '@dataproducerclose': [];
};
export type DataConsumerObserverEvents = { close: []; pause: []; resume: [] };

export class DataConsumer<DataConsumerAppData extends AppData = AppData> extends Entity<
  DataConsumerEvents,
  DataConsumerAppData,
  DataConsumerObserverEvents
> {
  readonly dataProducerId: string;
  readonly type: DataConsumerType;
  readonly sctpStreamParameters: SctpStreamParameters | undefined;
  readonly label: string;
  readonly protocol: string;
  readonly #process: MediaProcess;
  readonly #onClosed: (dataConsumer: unknown) => void;
  #paused: boolean;
  #dataProducerPaused: boolean;
  #subchannels: readonly number[];

  /** Not for applications: use `transport.consumeData`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    dataProducerId: string;
    type: DataConsumerType;
    sctpStreamParameters: SctpStreamParameters | undefined;
    label: string;
    protocol: string;
    subchannels: readonly number[];
    state: { paused: boolean; dataProducerPaused: boolean };
    appData: DataConsumerAppData | undefined;
    onClosed: (dataConsumer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.dataProducerId = options.dataProducerId;
    this.type = options.type;
    this.sctpStreamParameters = options.sctpStreamParameters;
    this.label = options.label;
    this.protocol = options.protocol;
    this.#process = options.process;
    this.#paused = options.state.paused;
    this.#dataProducerPaused = options.state.dataProducerPaused;
    this.#subchannels = [...new Set(options.subchannels)];
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  /** By the application, whatever the data producer does. */
  get paused(): boolean {
    return this.#paused;
  }
  /** Whether its data producer is paused. */
  get dataProducerPaused(): boolean {
    return this.#dataProducerPaused;
  }
  /** Numbers 0…65535 that messages of a direct data producer can be addressed to. Empty: it gets what is addressed to all. */
  get subchannels(): number[] {
    return [...this.#subchannels];
  }

  /** What the media process keeps of it. */
  async dump(): Promise<DataConsumerDump> {
    this.assertOpen();
    const dump = await this.#process.request('dataConsumer.dump', { dataConsumerId: this.id });
    return dump as unknown as DataConsumerDump;
  }

  /** One entry: messages and bytes that were sent, and what waits. */
  async getStats(): Promise<DataConsumerStat[]> {
    this.assertOpen();
    return [...(await this.#process.request('dataConsumer.getStats', { dataConsumerId: this.id }))];
  }

  /** Messages that come meanwhile are not kept for it. */
  async pause(): Promise<void> {
    this.assertOpen();
    await this.#process.request('dataConsumer.pause', { dataConsumerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = true;
    if (!wasPaused && !this.#dataProducerPaused) this.observer.safeEmit('pause');
  }

  /** From the next message on. */
  async resume(): Promise<void> {
    this.assertOpen();
    await this.#process.request('dataConsumer.resume', { dataConsumerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = false;
    if (wasPaused && !this.#dataProducerPaused) this.observer.safeEmit('resume');
  }

  /** `bufferedamountlow` comes when what waits falls to so many bytes. Default 0. */
  async setBufferedAmountLowThreshold(threshold: number): Promise<void> {
    this.assertOpen();
    checkCount('threshold', threshold, THRESHOLD_BYTES_MAX);
    await this.#process.request('dataConsumer.setBufferedAmountLowThreshold', {
      dataConsumerId: this.id,
      threshold,
    });
  }

  /** Bytes that wait for the peer. */
  async getBufferedAmount(): Promise<number> {
    this.assertOpen();
    const { bufferedAmount } = await this.#process.request('dataConsumer.getBufferedAmount', {
      dataConsumerId: this.id,
    });
    return bufferedAmount;
  }

  /**
   * A message of the application's own, beside what the data producer sends. Over SCTP only.
   * @throws when the buffer is full (`sctpsendbufferfull` comes as well) or the message is too large.
   */
  async send(message: string | Buffer, ppid?: number): Promise<void> {
    const encoded = encodeMessage(message, ppid);
    this.assertOpen();
    await this.#process.request('dataConsumer.send', { dataConsumerId: this.id, ...encoded });
  }

  /** Replaces all. @throws TypeError for anything but an array of whole numbers; those above 65535 begin anew at 0. */
  async setSubchannels(subchannels: number[]): Promise<void> {
    this.assertOpen();
    const answer = await this.#process.request('dataConsumer.setSubchannels', {
      dataConsumerId: this.id,
      subchannels: asSubchannels(subchannels),
    });
    this.#subchannels = answer.subchannels;
  }

  /** One that is there already stays there once. */
  async addSubchannel(subchannel: number): Promise<void> {
    this.assertOpen();
    const answer = await this.#process.request('dataConsumer.addSubchannel', {
      dataConsumerId: this.id,
      subchannel: asSubchannel('subchannel', subchannel),
    });
    this.#subchannels = answer.subchannels;
  }

  /** One that is not there means nothing. */
  async removeSubchannel(subchannel: number): Promise<void> {
    this.assertOpen();
    const answer = await this.#process.request('dataConsumer.removeSubchannel', {
      dataConsumerId: this.id,
      subchannel: asSubchannel('subchannel', subchannel),
    });
    this.#subchannels = answer.subchannels;
  }

  /** Not for applications. */
  transportClosed(): void {
    this.closeBy('transport');
  }

  protected release(cause: CloseCause): void {
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('dataConsumer.close', { dataConsumerId: this.id });
    this.#onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'dataConsumer.dataProducerClose':
        this.closeBy('dataproducer');
        return;
      case 'dataConsumer.dataProducerPause':
        if (this.#dataProducerPaused) return;
        this.#dataProducerPaused = true;
        this.safeEmit('dataproducerpause');
        if (!this.#paused) this.observer.safeEmit('pause');
        return;
      case 'dataConsumer.dataProducerResume':
        if (!this.#dataProducerPaused) return;
        this.#dataProducerPaused = false;
        this.safeEmit('dataproducerresume');
        if (!this.#paused) this.observer.safeEmit('resume');
        return;
      case 'dataConsumer.sctpSendBufferFull':
        this.safeEmit('sctpsendbufferfull');
        return;
      case 'dataConsumer.bufferedAmountLow':
        this.safeEmit('bufferedamountlow', event.bufferedAmount);
        return;
      case 'dataConsumer.message':
        this.safeEmit('message', asBuffer(event.data), event.ppid);
        return;
      default:
    }
  }
}
