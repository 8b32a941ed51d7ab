/**
 * What closes what inside the media process: from the leaves to the root, each entity once. The application's side has
 * the same tree and its own events (api/); the only news from here are those that it cannot know: a producer that is gone
 * closes its consumers in other transports.
 */
import type { Captures } from './captures.js';
import type { Consumer } from './consumer.js';
import type { MediaContext } from './context.js';
import type { DataConsumer } from './data/dataConsumer.js';
import type { DataProducer } from './data/dataProducer.js';
import type { Directory } from './directory.js';
import type { RtpObserver } from './observers/rtpObserver.js';
import type { Producer } from './producer.js';
import type { Router } from './router.js';
import type { VirtualStreams } from './virtualStreams.js';
import type { WebRtcServer } from './webRtcServer.js';
import type { Transport } from './transport.js';

export class Closing {
  readonly #context: MediaContext;
  readonly #directory: Directory;

  constructor(
    context: MediaContext,
    directory: Directory,
    private readonly captures: Captures,
  ) {
    this.#context = context;
    this.#directory = directory;
  }

  consumer(consumer: Consumer): void {
    consumer.transport.rtp.removeConsumer(consumer);
    consumer.close();
    this.#directory.consumers.delete(consumer.id);
  }

  producer(producer: Producer, nowMicros: number): void {
    for (const consumer of [...producer.consumers]) {
      this.consumer(consumer);
      this.#context.emit({ event: 'consumer.producerClose', consumerId: consumer.id });
    }
    producer.transport.rtp.removeProducer(producer);
    this.#directory.producers.delete(producer.id);
    producer.close(nowMicros);
  }

  dataConsumer(consumer: DataConsumer): void {
    const { sctpStreamParameters } = consumer.settings;
    consumer.close();
    if (sctpStreamParameters)
      this.#directory.transports
        .find(consumer.transportId)
        ?.data.removeEnd(sctpStreamParameters.streamId, 'consumer');
    this.#directory.dataConsumers.delete(consumer.id);
  }

  dataProducer(producer: DataProducer): void {
    for (const consumer of [...producer.consumers]) {
      this.dataConsumer(consumer);
      this.#context.emit({ event: 'dataConsumer.dataProducerClose', dataConsumerId: consumer.id });
    }
    const { sctpStreamParameters } = producer.settings;
    if (sctpStreamParameters)
      this.#directory.transports
        .find(producer.transportId)
        ?.data.removeEnd(sctpStreamParameters.streamId, 'producer');
    this.#directory.dataProducers.delete(producer.id);
  }

  rtpObserver(observer: RtpObserver): void {
    observer.router.rtpObservers.delete(observer.id);
    this.#directory.rtpObservers.delete(observer.id);
    observer.close();
  }

  transport(transport: Transport, nowMicros: number): void {
    for (const streams of transport.router.virtualStreams.values())
      streams.closeReceiversOf(transport, nowMicros);
    for (const consumer of [...transport.rtp.consumers.values()]) this.consumer(consumer);
    for (const producer of [...transport.rtp.producers.values()]) this.producer(producer, nowMicros);
    for (const consumer of this.#directory.dataConsumers.values())
      if (consumer.transportId === transport.id) this.dataConsumer(consumer);
    for (const producer of this.#directory.dataProducers.values())
      if (producer.transportId === transport.id) this.dataProducer(producer);
    transport.router.transports.delete(transport.id);
    this.#directory.transports.delete(transport.id);
    transport.close(nowMicros);
  }

  virtualStreams(streams: VirtualStreams, nowMicros: number): void {
    streams.router.virtualStreams.delete(streams.id);
    this.#directory.virtualStreams.delete(streams.id);
    streams.close(nowMicros);
  }

  router(router: Router, nowMicros: number): void {
    this.captures.closeOf(router);
    for (const streams of [...router.virtualStreams.values()]) this.virtualStreams(streams, nowMicros);
    for (const observer of [...router.rtpObservers.values()]) this.rtpObserver(observer);
    for (const transport of [...router.transports.values()]) this.transport(transport, nowMicros);
    this.#directory.routers.delete(router.id);
  }

  webRtcServer(server: WebRtcServer, nowMicros: number): void {
    for (const transport of [...server.transports]) this.transport(transport, nowMicros);
    this.#directory.webRtcServers.delete(server.id);
    server.close();
  }

  all(nowMicros: number): void {
    for (const router of this.#directory.routers.values()) this.router(router, nowMicros);
    for (const server of this.#directory.webRtcServers.values()) this.webRtcServer(server, nowMicros);
  }
}
