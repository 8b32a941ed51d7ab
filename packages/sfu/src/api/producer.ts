/** Media that a client sends. Contract: mediasoup v3 Producer. */
import type { ChannelEvent } from '../channel/messages.js';
import type {
  AppData,
  MediaKind,
  ProducerScore,
  ProducerStat,
  ProducerType,
  RtpParameters,
} from '../types.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';

export type ProducerEvents = { score: [score: ProducerScore[]] };

export class Producer<ProducerAppData extends AppData = AppData> extends Entity<
  ProducerEvents,
  ProducerAppData
> {
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  /** What each consumer of it starts from. */
  readonly consumableRtpParameters: RtpParameters;
  readonly #process: MediaProcess;
  readonly #onClosed: (producer: unknown) => void;
  #paused: boolean;
  #score: ProducerScore[] = [];

  /** Not for applications: use `transport.produce`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    kind: MediaKind;
    rtpParameters: RtpParameters;
    consumableRtpParameters: RtpParameters;
    paused: boolean;
    appData: ProducerAppData | undefined;
    onClosed: (producer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.kind = options.kind;
    this.rtpParameters = options.rtpParameters;
    this.consumableRtpParameters = options.consumableRtpParameters;
    this.#process = options.process;
    this.#paused = options.paused;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  get type(): ProducerType {
    return 'simple';
  }
  get paused(): boolean {
    return this.#paused;
  }
  get score(): ProducerScore[] {
    return this.#score;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('producer.dump', { producerId: this.id });
  }

  async getStats(): Promise<ProducerStat[]> {
    this.assertOpen();
    return [...(await this.#process.request('producer.getStats', { producerId: this.id }))];
  }

  /** Its packets go no further; it leaves its virtual streams at once. */
  async pause(): Promise<void> {
    this.assertOpen();
    const wasPaused = this.#paused;
    this.#paused = true;
    await this.#process.request('producer.pause', { producerId: this.id });
    if (!wasPaused) this.observer.safeEmit('pause');
  }

  async resume(): Promise<void> {
    this.assertOpen();
    const wasPaused = this.#paused;
    this.#paused = false;
    await this.#process.request('producer.resume', { producerId: this.id });
    if (wasPaused) this.observer.safeEmit('resume');
  }

  protected release(cause: CloseCause): void {
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('producer.close', { producerId: this.id });
    this.#onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    if (event.event !== 'producer.score') return;
    this.#score = event.score;
    this.safeEmit('score', event.score);
    this.observer.safeEmit('score', event.score);
  }
}
