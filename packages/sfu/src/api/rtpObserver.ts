/** Watches producers and tells the application what it finds. Contract: mediasoup v3 RtpObserver. */
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData, RtpObserverType } from '../types.js';
import type { EnhancedEventEmitter, EventMap } from './enhancedEventEmitter.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { checkId } from './options.js';
import type { Producer } from './producer.js';

export type RtpObserverEvents = {
  routerclose: [];
  '@close': [];
};
export type RtpObserverObserverEvents = {
  close: [];
  pause: [];
  resume: [];
  addproducer: [producer: Producer];
  removeproducer: [producer: Producer];
};

export interface RtpObserverConstruction<ObserverAppData extends AppData> {
  id: string;
  process: MediaProcess;
  findProducer: (id: string) => Producer | undefined;
  appData: ObserverAppData | undefined;
  onClosed: (observer: unknown) => void;
}

/** Watches producers of its router. `routerclose` when that closed; a producer that closes leaves by itself. */
export abstract class RtpObserver<
  RtpObserverAppData extends AppData = AppData,
  Events extends EventMap = RtpObserverEvents,
  Observed extends EventMap = RtpObserverObserverEvents,
> extends Entity<Events, RtpObserverAppData, Observed> {
  abstract readonly type: RtpObserverType;
  protected readonly findProducer: (id: string) => Producer | undefined;
  readonly #process: MediaProcess;
  readonly #onClosed: (observer: unknown) => void;
  #paused = false;

  constructor(options: RtpObserverConstruction<RtpObserverAppData>) {
    super(options.id, options.appData);
    this.#process = options.process;
    this.findProducer = options.findProducer;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.handle(event));
  }

  /** By the application. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Ours: what the media process keeps of it. */
  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return this.#process.request('rtpObserver.dump', { rtpObserverId: this.id });
  }

  /** No more events; what was measured so far is forgotten. */
  async pause(): Promise<void> {
    this.assertOpen();
    await this.#process.request('rtpObserver.pause', { rtpObserverId: this.id });
    const wasPaused = this.#paused;
    this.#paused = true;
    if (!wasPaused) this.#base.safeEmit('pause');
  }

  /** Starts afresh. */
  async resume(): Promise<void> {
    this.assertOpen();
    await this.#process.request('rtpObserver.resume', { rtpObserverId: this.id });
    const wasPaused = this.#paused;
    this.#paused = false;
    if (wasPaused) this.#base.safeEmit('resume');
  }

  /** @throws TypeError when the router has no such producer, or the observer cannot watch its kind. */
  async addProducer({ producerId }: { producerId: string }): Promise<void> {
    this.assertOpen();
    const producer = this.#producer(producerId);
    await this.#process.request('rtpObserver.addProducer', { rtpObserverId: this.id, producerId });
    this.#base.safeEmit('addproducer', producer);
  }

  /** @throws TypeError when the router has no such producer. */
  async removeProducer({ producerId }: { producerId: string }): Promise<void> {
    this.assertOpen();
    const producer = this.#producer(producerId);
    await this.#process.request('rtpObserver.removeProducer', { rtpObserverId: this.id, producerId });
    this.#base.safeEmit('removeproducer', producer);
  }

  /** Not for applications. */
  routerClosed(): void {
    this.closeBy('router');
  }

  protected abstract handle(event: ChannelEvent): void;

  protected release(cause: CloseCause): void {
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('rtpObserver.close', { rtpObserverId: this.id });
    this.#onClosed(this);
  }

  /** What every kind of observer tells its `observer`. */
  get #base(): EnhancedEventEmitter<RtpObserverObserverEvents> {
    return this.observer as unknown as EnhancedEventEmitter<RtpObserverObserverEvents>;
  }

  #producer(producerId: unknown): Producer {
    checkId('producerId', producerId);
    const producer = this.findProducer(producerId);
    if (!producer) throw new OptionError(`producerId: Producer '${producerId}' not found`, 'NOT_FOUND');
    return producer;
  }
}
