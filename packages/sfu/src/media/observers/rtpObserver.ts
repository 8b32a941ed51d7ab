/**
 * Looks at the levels of some producers and tells the application what it sees, at an interval. Each packet is looked at
 * as it passes; nothing is sent.
 * Contract: mediasoup v3 RtpObserver. Elsewhere: the arithmetic → audioLevels.ts, dominantSpeaker.ts
 */
import type { MediaContext } from '../context.js';
import type { ReceivedPacket } from '../packet.js';
import type { PacketSink, Producer } from '../producer.js';
import type { Router } from '../router.js';
import { Timed } from '../timerQueue.js';
import { AudioLevels } from './audioLevels.js';
import type { AudioLevelOptions } from './audioLevels.js';
import { DominantSpeaker } from './dominantSpeaker.js';

export abstract class RtpObserver {
  paused = false;
  readonly #sinks = new Map<string, { producer: Producer; sink: PacketSink }>();
  readonly #timed: Timed;

  constructor(
    readonly id: string,
    readonly router: Router,
    protected readonly context: MediaContext,
    private readonly intervalMicros: number,
  ) {
    this.#timed = new Timed((nowMicros) => this.#run(nowMicros));
    context.timers.set(this.#timed, context.engine.now() + intervalMicros);
  }

  get producerIds(): string[] {
    return [...this.#sinks.keys()];
  }

  /** Twice is once. */
  addProducer(producer: Producer, nowMicros: number): void {
    if (this.#sinks.has(producer.id)) return;
    const sink: PacketSink = {
      handlePacket: (packet) => {
        if (!this.paused && packet.audioLevel >= 0) this.handleLevel(producer.id, packet);
      },
      handleSenderReport: () => {},
      setPaused: () => {},
      producerClosed: () => this.removeProducer(producer.id),
    };
    producer.sinks.add(sink);
    this.#sinks.set(producer.id, { producer, sink });
    this.added(producer.id, nowMicros);
  }

  removeProducer(producerId: string): void {
    const entry = this.#sinks.get(producerId);
    if (!entry) return;
    entry.producer.sinks.delete(entry.sink);
    this.#sinks.delete(producerId);
    this.removed(producerId);
  }

  setPaused(paused: boolean): void {
    if (this.paused === paused) return;
    this.paused = paused;
    if (paused) this.suspended();
  }

  close(): void {
    this.context.timers.cancel(this.#timed);
    for (const { producer, sink } of this.#sinks.values()) producer.sinks.delete(sink);
    this.#sinks.clear();
  }

  dump(): Record<string, unknown> {
    return { id: this.id, paused: this.paused, producerIds: this.producerIds };
  }

  protected abstract handleLevel(producerId: string, packet: ReceivedPacket): void;
  protected abstract added(producerId: string, nowMicros: number): void;
  protected abstract removed(producerId: string): void;
  protected abstract suspended(): void;
  /** Once per interval. */
  protected abstract look(nowMicros: number): void;

  #run(nowMicros: number): void {
    this.context.timers.set(this.#timed, nowMicros + this.intervalMicros);
    if (!this.paused) this.look(nowMicros);
  }
}

export class AudioLevelObserver extends RtpObserver {
  readonly #levels: AudioLevels;

  constructor(
    id: string,
    router: Router,
    context: MediaContext,
    intervalMicros: number,
    options: AudioLevelOptions,
  ) {
    super(id, router, context, intervalMicros);
    this.#levels = new AudioLevels(options);
  }

  protected handleLevel(producerId: string, { audioLevel }: ReceivedPacket): void {
    this.#levels.handleLevel(producerId, audioLevel);
  }
  protected added(producerId: string): void {
    this.#levels.add(producerId);
  }
  protected removed(producerId: string): void {
    this.#levels.remove(producerId);
  }
  protected suspended(): void {
    if (this.#levels.reset()) this.context.emit({ event: 'rtpObserver.silence', rtpObserverId: this.id });
  }
  protected look(): void {
    const heard = this.#levels.take();
    if (heard === undefined) return;
    const rtpObserverId = this.id;
    if (heard === 'silence') this.context.emit({ event: 'rtpObserver.silence', rtpObserverId });
    else {
      const volumes = heard.map(({ id, volume }) => ({ producerId: id, volume }));
      this.context.emit({ event: 'rtpObserver.volumes', rtpObserverId, volumes });
    }
  }
}

export class ActiveSpeakerObserver extends RtpObserver {
  readonly #speaker = new DominantSpeaker();

  protected handleLevel(producerId: string, { audioLevel, arrivalMicros }: ReceivedPacket): void {
    this.#speaker.handleLevel(producerId, audioLevel, arrivalMicros);
  }
  protected added(producerId: string, nowMicros: number): void {
    this.#speaker.add(producerId, nowMicros);
  }
  protected removed(producerId: string): void {
    this.#speaker.remove(producerId);
  }
  protected suspended(): void {}
  protected look(nowMicros: number): void {
    const producerId = this.#speaker.poll(nowMicros);
    if (producerId === undefined) return;
    this.context.emit({ event: 'rtpObserver.dominantSpeaker', rtpObserverId: this.id, producerId });
  }
}
