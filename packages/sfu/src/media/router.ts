/** A room's media in one process: its transports and its virtual streams. Media never crosses from one router to another. */
import type { RtpObserver } from './observers/rtpObserver.js';
import type { VirtualStreams } from './virtualStreams.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export class Router {
  readonly transports = new Map<string, WebRtcTransport>();
  readonly virtualStreams = new Map<string, VirtualStreams>();
  readonly rtpObservers = new Map<string, RtpObserver>();

  constructor(readonly id: string) {}

  dump(): Record<string, unknown> {
    const consumersByProducer: Record<string, string[]> = {};
    for (const transport of this.transports.values()) {
      for (const producerId of transport.rtp.producers.keys()) consumersByProducer[producerId] ??= [];
      for (const consumer of transport.rtp.consumers.values()) {
        (consumersByProducer[consumer.producer.id] ??= []).push(consumer.id);
      }
    }
    return {
      id: this.id,
      transportIds: [...this.transports.keys()],
      rtpObserverIds: [...this.rtpObservers.keys()],
      virtualStreamsIds: [...this.virtualStreams.keys()],
      mapProducerIdConsumerIds: consumersByProducer,
    };
  }
}
