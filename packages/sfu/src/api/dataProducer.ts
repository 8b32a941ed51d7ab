/** Messages that a peer or the application sends. Contract: mediasoup v3 DataProducer. */
import type {
  AppData,
  DataProducerDump,
  DataProducerStat,
  DataProducerType,
  SctpStreamParameters,
} from '../types.js';
import { asSubchannel, asSubchannels, encodeMessage } from './dataMessage.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';

export type DataProducerEvents = {
  transportclose: [];
  '@close': [];
};
export type DataProducerObserverEvents = { close: []; pause: []; resume: [] };

/** `transportclose` when its transport closed. When it closes, every data consumer of it closes with `dataproducerclose`. */
export class DataProducer<DataProducerAppData extends AppData = AppData> extends Entity<
  DataProducerEvents,
  DataProducerAppData,
  DataProducerObserverEvents
> {
  readonly type: DataProducerType;
  readonly sctpStreamParameters: SctpStreamParameters | undefined;
  readonly label: string;
  readonly protocol: string;
  readonly #process: MediaProcess;
  readonly #onClosed: (dataProducer: unknown) => void;
  #paused: boolean;

  /** Not for applications: use `transport.produceData`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    type: DataProducerType;
    sctpStreamParameters: SctpStreamParameters | undefined;
    label: string;
    protocol: string;
    paused: boolean;
    appData: DataProducerAppData | undefined;
    onClosed: (dataProducer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.type = options.type;
    this.sctpStreamParameters = options.sctpStreamParameters;
    this.label = options.label;
    this.protocol = options.protocol;
    this.#process = options.process;
    this.#paused = options.paused;
    this.#onClosed = options.onClosed;
  }

  /** By the application. */
  get paused(): boolean {
    return this.#paused;
  }

  /** What the media process keeps of it. */
  async dump(): Promise<DataProducerDump> {
    this.assertOpen();
    const dump = await this.#process.request('dataProducer.dump', { dataProducerId: this.id });
    return dump as unknown as DataProducerDump;
  }

  /** One entry: messages and bytes that were received, or sent into it by the application. */
  async getStats(): Promise<DataProducerStat[]> {
    this.assertOpen();
    return [...(await this.#process.request('dataProducer.getStats', { dataProducerId: this.id }))];
  }

  /** Its messages go no further. */
  async pause(): Promise<void> {
    this.assertOpen();
    await this.#process.request('dataProducer.pause', { dataProducerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = true;
    if (!wasPaused) this.observer.safeEmit('pause');
  }

  /** Messages that came meanwhile are lost. */
  async resume(): Promise<void> {
    this.assertOpen();
    await this.#process.request('dataProducer.resume', { dataProducerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = false;
    if (wasPaused) this.observer.safeEmit('resume');
  }

  /**
   * A message of the application. On a DirectTransport only; elsewhere, and once closed, it means nothing.
   * @param subchannels who gets it: consumers that have one of these. Empty or absent: all.
   * @param requiredSubchannel consumers without this one do not get it, whatever else they have
   */
  send(
    message: string | Buffer,
    ppid?: number,
    subchannels: number[] = [],
    requiredSubchannel?: number,
  ): void {
    const encoded = encodeMessage(message, ppid);
    const addressees = {
      subchannels: asSubchannels(subchannels),
      ...(requiredSubchannel === undefined
        ? {}
        : { requiredSubchannel: asSubchannel('requiredSubchannel', requiredSubchannel) }),
    };
    if (this.closed) return;
    this.#process.notify({
      notice: 'dataProducer.send',
      dataProducerId: this.id,
      ...encoded,
      ...addressees,
    });
  }

  /** Not for applications. */
  transportClosed(): void {
    this.closeBy('transport');
  }

  protected release(cause: CloseCause): void {
    if (cause === 'self') this.#process.tell('dataProducer.close', { dataProducerId: this.id });
    this.#onClosed(this);
  }
}
