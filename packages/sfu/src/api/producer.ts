/** Media that a client, a pipe or the application sends. Contract: mediasoup v3 Producer. */
import { OptionError } from '../channel/errors.js';
import type { ChannelEvent } from '../channel/messages.js';
import type {
  AppData,
  MediaKind,
  ProducerDump,
  ProducerScore,
  ProducerStat,
  ProducerTraceEventData,
  ProducerTraceEventType,
  ProducerType,
  ProducerVideoOrientation,
  RtpParameters,
} from '../types.js';
import { dumpedRtpParameters } from './dumps.js';
import { Entity, type CloseCause } from './entity.js';
import type { MediaProcess } from './mediaProcess.js';
import { knownTraceTypes } from './options.js';

const TRACE_TYPES: readonly ProducerTraceEventType[] = ['rtp', 'keyframe', 'nack', 'pli', 'fir', 'sr'];

export type ProducerEvents = {
  transportclose: [];
  score: [score: ProducerScore[]];
  videoorientationchange: [videoOrientation: ProducerVideoOrientation];
  trace: [trace: ProducerTraceEventData];
  '@close': [];
};
export type ProducerObserverEvents = {
  close: [];
  pause: [];
  resume: [];
  score: [score: ProducerScore[]];
  videoorientationchange: [videoOrientation: ProducerVideoOrientation];
  trace: [trace: ProducerTraceEventData];
};

/**
 * `score` when the reception of an encoding changed, `videoorientationchange` when the sender turned its camera (only where the
 * header extension is agreed on), `trace` after `enableTraceEvent`, `transportclose` when its transport closed. When it
 * closes, every consumer of it closes with `producerclose`.
 */
export class Producer<ProducerAppData extends AppData = AppData> extends Entity<
  ProducerEvents,
  ProducerAppData,
  ProducerObserverEvents
> {
  readonly kind: MediaKind;
  readonly type: ProducerType;
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
    type: ProducerType;
    rtpParameters: RtpParameters;
    consumableRtpParameters: RtpParameters;
    paused: boolean;
    appData: ProducerAppData | undefined;
    onClosed: (producer: unknown) => void;
  }) {
    super(options.id, options.appData);
    this.kind = options.kind;
    this.type = options.type;
    this.rtpParameters = options.rtpParameters;
    this.consumableRtpParameters = options.consumableRtpParameters;
    this.#process = options.process;
    this.#paused = options.paused;
    this.#onClosed = options.onClosed;
    options.process.listen(this.id, (event) => this.#handle(event));
  }

  /** By the application. */
  get paused(): boolean {
    return this.#paused;
  }
  /** One entry per encoding that has sent, 0 (nothing arrives) … 10; empty until then. */
  get score(): ProducerScore[] {
    return this.#score;
  }

  /** What the media process keeps of it. */
  async dump(): Promise<ProducerDump> {
    this.assertOpen();
    const dump = await this.#process.request('producer.dump', { producerId: this.id });
    const rtpParameters = dumpedRtpParameters(this.rtpParameters);
    return { ...dump, rtpParameters } as unknown as ProducerDump;
  }

  /** One entry for each stream that was received so far. */
  async getStats(): Promise<ProducerStat[]> {
    this.assertOpen();
    return [...(await this.#process.request('producer.getStats', { producerId: this.id }))];
  }

  /** Its packets go no further; it leaves its virtual streams at once. */
  async pause(): Promise<void> {
    this.assertOpen();
    await this.#process.request('producer.pause', { producerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = true;
    if (!wasPaused) this.observer.safeEmit('pause');
  }

  /** Packets go on from the next one; of video from the next key frame, which is asked for. */
  async resume(): Promise<void> {
    this.assertOpen();
    await this.#process.request('producer.resume', { producerId: this.id });
    const wasPaused = this.#paused;
    this.#paused = false;
    if (wasPaused) this.observer.safeEmit('resume');
  }

  /** Which packets and requests become `trace` events from now on. Unknown types are left out. */
  async enableTraceEvent(types: ProducerTraceEventType[] = []): Promise<void> {
    this.assertOpen();
    await this.#process.request('producer.enableTraceEvent', {
      producerId: this.id,
      types: knownTraceTypes(types, TRACE_TYPES),
    });
  }

  /** An RTP packet of the application. On a DirectTransport only; elsewhere, and once closed, it means nothing. */
  send(rtpPacket: Buffer): void {
    if (!Buffer.isBuffer(rtpPacket)) throw new OptionError('rtpPacket: not a Buffer');
    if (this.closed) return;
    this.#process.notify({ notice: 'producer.send', producerId: this.id, packet: rtpPacket });
  }

  /** Not for applications. */
  transportClosed(): void {
    this.closeBy('transport');
  }

  protected release(cause: CloseCause): void {
    this.#process.forget(this.id);
    if (cause === 'self') this.#process.tell('producer.close', { producerId: this.id });
    this.#onClosed(this);
  }

  #handle(event: ChannelEvent): void {
    switch (event.event) {
      case 'producer.score':
        this.#score = event.score;
        this.safeEmit('score', event.score);
        this.observer.safeEmit('score', event.score);
        return;
      case 'producer.videoorientationchange':
        this.safeEmit('videoorientationchange', event.videoOrientation);
        this.observer.safeEmit('videoorientationchange', event.videoOrientation);
        return;
      case 'producer.trace':
        this.safeEmit('trace', event.trace);
        this.observer.safeEmit('trace', event.trace);
        return;
      default:
    }
  }
}
