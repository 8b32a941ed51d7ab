/** Who holds the floor. Contract: mediasoup v3 ActiveSpeakerObserver; algorithm: Volfin and Cohen 2012. */
import type { ChannelEvent } from '../channel/messages.js';
import type { AppData } from '../types.js';
import type { Producer } from './producer.js';
import { RtpObserver, type RtpObserverEvents, type RtpObserverObserverEvents } from './rtpObserver.js';

export interface ActiveSpeakerObserverDominantSpeaker {
  producer: Producer;
}
export type ActiveSpeakerObserverEvents = RtpObserverEvents & {
  dominantspeaker: [dominantSpeaker: ActiveSpeakerObserverDominantSpeaker];
};
export type ActiveSpeakerObserverObserverEvents = RtpObserverObserverEvents & {
  dominantspeaker: [dominantSpeaker: ActiveSpeakerObserverDominantSpeaker];
};

/** `dominantspeaker` when another producer takes the floor, at most once an interval. */
export class ActiveSpeakerObserver<
  ActiveSpeakerObserverAppData extends AppData = AppData,
> extends RtpObserver<
  ActiveSpeakerObserverAppData,
  ActiveSpeakerObserverEvents,
  ActiveSpeakerObserverObserverEvents
> {
  readonly type = 'activespeaker';

  protected handle(event: ChannelEvent): void {
    if (event.event !== 'rtpObserver.dominantSpeaker') return;
    const producer = this.findProducer(event.producerId);
    if (!producer) return; // closed while the event was on its way
    this.safeEmit('dominantspeaker', { producer });
    this.observer.safeEmit('dominantspeaker', { producer });
  }
}
