/** One producer's media to one receiver. Contract: mediasoup v3 Consumer. */
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent, ConsumeResponse } from '../channel/messages.js';
import type {
  AppData,
  ConsumerDump,
  ConsumerLayers,
  ConsumerScore,
  ConsumerStat,
  ConsumerTraceEventData,
  ConsumerTraceEventType,
  ConsumerType,
  MediaKind,
  ProducerStat,
  RtpParameters,
} from '../types.js';
import { dumpedRtpParameters } from './dumps.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { asBuffer, knownTraceTypes } from './options.js';

const TRACE_TYPES: readonly ConsumerTraceEventType[] = ['rtp', 'keyframe', 'nack', 'pli', 'fir'];
const DEFAULT_PRIORITY = 1;
const LAYER_MAX = 255;
const PRIORITY_MAX = 255;

export type ConsumerEvents = {
  transportclose: [];
  producerclose: [];
  producerpause: [];
  producerresume: [];
  score: [score: ConsumerScore];
  layerschange: [layers?: ConsumerLayers];
  trace: [trace: ConsumerTraceEventData];
  /** On a DirectTransport. */
  rtp: [rtpPacket: Buffer];
  '@close': [];
  '@producerclose': [];
};
export type ConsumerObserverEvents = {
  close: [];
  pause: [];
  resume: [];
  score: [score: ConsumerScore];
  layerschange: [layers?: ConsumerLayers];
  trace: [trace: ConsumerTraceEventData];
};

/**
 * `producerclose`, `producerpause`, `producerresume` follow the producer, wherever it is; `score` and `layerschange` tell what
 * arrives and what is sent; `transportclose` when its transport closed. The observer hears `pause` and `resume` when sending
 * really stops or starts: of consumer and producer, one that is paused is enough to stop it.
 */
export class Consumer<ConsumerAppData extends AppData = AppData> extends Entity<
  ConsumerEvents,
  ConsumerAppData,
  ConsumerObserverEvents
> {
  readonly producerId: string;
  readonly kind: MediaKind;
  readonly type: ConsumerType;
  readonly rtpParameters: RtpParameters;
  readonly #process: MediaProcess;
  readonly #onClosed: (consumer: unknown) => void;
  #paused: boolean;
  #producerPaused: boolean;
  #priority = DEFAULT_PRIORITY;
  #score: ConsumerScore;
  #preferredLayers: ConsumerLayers | undefined;
  #currentLayers: ConsumerLayers | undefined;

  /** Not for applications: use `transport.consume`. */
  constructor(options: {
    id: string;
    process: MediaProcess;
    producerId: string;
    kind: MediaKind;
    type: ConsumerType;
    rtpParameters: RtpParameters;
    state: ConsumeResponse;
    appData: ConsumerAppData | undefined;
    onClosed: (consumer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.producerId = options.producerId;
    this.kind = options.kind;
    this.type = options.type;
    this.rtpParameters = options.rtpParameters;
    this.#process = options.process;
    this.#paused = options.state.paused;
    this.#producerPaused = options.state.producerPaused;
    this.#score = options.state.score;
    this.#preferredLayers = options.state.preferredLayers;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  /** By the application, whatever the producer does. */
  get paused(): boolean {
    return this.#paused;
  }
  /** Whether its producer is paused. */
  get producerPaused(): boolean {
    return this.#producerPaused;
  }
  /** Among the consumers of its transport when there is not enough for all; higher is served first. */
  get priority(): number {
    return this.#priority;
  }
  /** 0…10 each: what reaches the receiver, what comes of the encoding in use, and of each encoding. */
  get score(): ConsumerScore {
    return this.#score;
  }
  /** As the media process took them; undefined for consumers without layers. */
  get preferredLayers(): ConsumerLayers | undefined {
    return this.#preferredLayers;
  }
  /** Undefined while nothing is sent. */
  get currentLayers(): ConsumerLayers | undefined {
    return this.#currentLayers;
  }

  /** What the media process keeps of it. */
  async dump(): Promise<ConsumerDump> {
    this.assertOpen();
    const dump = await this.#process.request('consumer.dump', { consumerId: this.id });
    const rtpParameters = dumpedRtpParameters(this.rtpParameters);
    return { ...dump, rtpParameters } as unknown as ConsumerDump;
  }

  /** Its own stream's and, after it, that of the producer's stream it gets. */
  async getStats(): Promise<(ConsumerStat | ProducerStat)[]> {
    this.assertOpen();
    return [...(await this.#process.request('consumer.getStats', { consumerId: this.id }))];
  }

  /** Nothing is sent until `resume`. */
  async pause(): Promise<void> {
    this.assertOpen();
    await this.#process.request('consumer.pause', { consumerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = true;
    if (!wasPaused && !this.#producerPaused) this.observer.safeEmit('pause');
  }

  /** Video starts with a key frame, which is asked for. */
  async resume(): Promise<void> {
    this.assertOpen();
    await this.#process.request('consumer.resume', { consumerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = false;
    if (wasPaused && !this.#producerPaused) this.observer.safeEmit('resume');
  }

  /** What it gets at most. More than the producer has becomes its highest; on a consumer without layers it means nothing. */
  async setPreferredLayers({ spatialLayer, temporalLayer }: ConsumerLayers): Promise<void> {
    this.assertOpen();
    checkLayer('spatialLayer', spatialLayer);
    if (temporalLayer !== undefined) checkLayer('temporalLayer', temporalLayer);
    const { preferredLayers } = await this.#process.request('consumer.setPreferredLayers', {
      consumerId: this.id,
      preferredLayers: temporalLayer === undefined ? { spatialLayer } : { spatialLayer, temporalLayer },
    });
    this.#preferredLayers = preferredLayers;
  }

  /** @param priority 1…255 */
  async setPriority(priority: number): Promise<void> {
    this.assertOpen();
    if (!Number.isInteger(priority) || priority < 1 || priority > PRIORITY_MAX)
      throw new OptionError(`priority: not an integer of 1…${PRIORITY_MAX}`);
    const answer = await this.#process.request('consumer.setPriority', { consumerId: this.id, priority });
    this.#priority = answer.priority;
  }

  /** Back to 1, the lowest. */
  async unsetPriority(): Promise<void> {
    await this.setPriority(DEFAULT_PRIORITY);
  }

  /** Merged with the other consumers' wishes. Video only; for audio it means nothing. */
  async requestKeyFrame(): Promise<void> {
    this.assertOpen();
    await this.#process.request('consumer.requestKeyFrame', { consumerId: this.id });
  }

  /** Which packets and requests become `trace` events from now on. Unknown types are left out. */
  async enableTraceEvent(types: ConsumerTraceEventType[] = []): Promise<void> {
    this.assertOpen();
    await this.#process.request('consumer.enableTraceEvent', {
      consumerId: this.id,
      types: knownTraceTypes(types, TRACE_TYPES),
    });
  }

  /** Not for applications. */
  transportClosed(): void {
    this.closeBy('transport');
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
      case 'consumer.layerschange':
        this.#currentLayers = event.layers;
        // Undefined while nothing is sent; listeners get one argument in either case.
        this.safeEmit('layerschange', event.layers as ConsumerLayers);
        this.observer.safeEmit('layerschange', event.layers as ConsumerLayers);
        return;
      case 'consumer.trace':
        this.safeEmit('trace', event.trace);
        this.observer.safeEmit('trace', event.trace);
        return;
      case 'consumer.rtp':
        this.safeEmit('rtp', asBuffer(event.packet));
        return;
      default:
    }
  }
}

function checkLayer(name: string, layer: unknown): void {
  if (!Number.isInteger(layer) || (layer as number) < 0 || (layer as number) > LAYER_MAX)
    throw new OptionError(`${name}: not an integer of 0…${LAYER_MAX}`);
}
