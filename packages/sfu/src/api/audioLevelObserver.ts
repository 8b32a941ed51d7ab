/** Who is loud, at fixed intervals. Contract: mediasoup v3 AudioLevelObserver. */
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData } from '../types.js';
import type { Producer } from './producer.js';
import { RtpObserver, type RtpObserverEvents, type RtpObserverObserverEvents } from './rtpObserver.js';

export interface AudioLevelObserverVolume {
  producer: Producer;
  /** Average of the interval in dBov, −127…0. */
  volume: number;
}
export type AudioLevelObserverEvents = RtpObserverEvents & {
  /** Loudest first. */
  volumes: [volumes: AudioLevelObserverVolume[]];
  /** Once, when the last loud one has become silent. */
  silence: [];
};
export type AudioLevelObserverObserverEvents = RtpObserverObserverEvents & {
  volumes: [volumes: AudioLevelObserverVolume[]];
  silence: [];
};

/** `volumes` each interval in which somebody was above the threshold; `silence` once when nobody is any more. */
export class AudioLevelObserver<AudioLevelObserverAppData extends AppData = AppData> extends RtpObserver<
  AudioLevelObserverAppData,
  AudioLevelObserverEvents,
  AudioLevelObserverObserverEvents
> {
  readonly type = 'audiolevel';

  protected handle(event: ChannelEvent): void {
    if (event.event === 'rtpObserver.silence') {
      this.safeEmit('silence');
      this.observer.safeEmit('silence');
      return;
    }
    if (event.event !== 'rtpObserver.volumes') return;
    // One that was closed while the event was on its way is left out.
    const volumes = event.volumes.flatMap(({ producerId, volume }): AudioLevelObserverVolume[] => {
      const producer = this.findProducer(producerId);
      return producer ? [{ producer, volume }] : [];
    });
    if (volumes.length === 0) return;
    this.safeEmit('volumes', volumes);
    this.observer.safeEmit('volumes', volumes);
  }
}
