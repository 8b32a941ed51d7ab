/** One producer's media to one receiver. Contract: mediasoup v3 Consumer. */
import type { ChannelEvent } from '../channel/messages.js';
import type {
  AppData,
  ConsumerScore,
  ConsumerStat,
  ConsumerType,
  MediaKind,
  ProducerStat,
  RtpParameters,
} from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';

export type ConsumerEvents = { producerpause: []; producerresume: []; score: [score: ConsumerScore] };

export class Consumer<ConsumerAppData extends AppData = AppData> extends Entity<
  ConsumerEvents,
  ConsumerAppData
> {
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  readonly #process: MediaProcess;
  readonly #onClosed: (consumer: unknown) => void;
  #paused: boolean;
  #producerPaused: boolean;
  #score: ConsumerScore;

  /** Not for applications: use `transport.consume`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    producerId: string;
    kind: MediaKind;
    rtpParameters: RtpParameters;
    state: { paused: boolean; producerPaused: boolean; score: ConsumerScore };
    appData: ConsumerAppData | undefined;
    onClosed: (consumer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.producerId = options.producerId;
    this.kind = options.kind;
    this.rtpParameters = options.rtpParameters;
    this.#process = options.process;
    this.#paused = options.state.paused;
    this.#producerPaused = options.state.producerPaused;
    this.#score = options.state.score;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  get type(): ConsumerType {
    return 'simple';
  }
  get paused(): boolean {
    return this.#paused;
  }
  get producerPaused(): boolean {
    return this.#producerPaused;
  }
  get score(): ConsumerScore {
    return this.#score;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('consumer.dump', { consumerId: this.id });
  }

  async getStats(): Promise<(ConsumerStat | ProducerStat)[]> {
    this.assertOpen();
    return [...(await this.#process.request('consumer.getStats', { consumerId: this.id }))];
  }

  async pause(): Promise<void> {
    this.assertOpen();
    const wasPaused = this.#paused;
    this.#paused = true;
    await this.#process.request('consumer.pause', { consumerId: this.id });
    if (!wasPaused) this.observer.safeEmit('pause');
  }

  async resume(): Promise<void> {
    this.assertOpen();
    const wasPaused = this.#paused;
    this.#paused = false;
    await this.#process.request('consumer.resume', { consumerId: this.id });
    if (wasPaused) this.observer.safeEmit('resume');
  }

  protected release(cause: CloseCause): void {
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('consumer.close', { consumerId: this.id });
    this.#onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'consumer.producerClose':
        this.closeBy('producer');
        return;
      case 'consumer.producerPause':
        if (this.#producerPaused) return;
        this.#producerPaused = true;
        this.safeEmit('producerpause');
        if (!this.#paused) this.observer.safeEmit('pause');
        return;
      case 'consumer.producerResume':
        if (!this.#producerPaused) return;
        this.#producerPaused = false;
        this.safeEmit('producerresume');
        if (!this.#paused) this.observer.safeEmit('resume');
        return;
      case 'consumer.score':
        this.#score = event.score;
        this.safeEmit('score', event.score);
        this.observer.safeEmit('score', event.score);
        return;
      default:
    }
  }
}
