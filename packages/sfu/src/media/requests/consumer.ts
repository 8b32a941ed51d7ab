/** What each request of consumers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { InvalidStateError } from '../../channel/errors.js';
import { Consumer } from '../consumer.js';
import { consumerStat, producerStat } from '../rtpStats.js';
import type { Handlers } from './handler.js';

export const CONSUMER_REQUESTS: Handlers<
  | 'transport.consume'
  | 'consumer.close'
  | 'consumer.pause'
  | 'consumer.resume'
  | 'consumer.setPreferredLayers'
  | 'consumer.setPriority'
  | 'consumer.requestKeyFrame'
  | 'consumer.enableTraceEvent'
  | 'consumer.dump'
  | 'consumer.getStats'
> = {
  'transport.consume': ({ context, directory }, data) => {
    const transport = directory.transports.get(data.transportId);
    const producer = directory.producers.get(data.producerId);
    if (directory.consumers.has(data.consumerId)) {
      throw new InvalidStateError(`a Consumer with id "${data.consumerId}" already exists`, 'DUPLICATE_ID');
    }
    const { consumerId } = data;
    const onBytes = (packet: Uint8Array): void => context.emit({ event: 'consumer.rtp', consumerId, packet });
    const consumer = new Consumer(
      { ...data, id: consumerId, producer, transport, ...(transport.rtp.direct ? { onBytes } : {}) },
      context,
    );
    const inUse = transport.rtp.addConsumer(consumer);
    if (inUse !== undefined) {
      consumer.close();
      throw new InvalidStateError(`SSRC ${inUse} is already in use`, 'DUPLICATE_SSRC');
    }
    directory.consumers.add(consumer.id, consumer);
    const { preferredLayers } = consumer;
    return {
      paused: consumer.paused,
      producerPaused: producer.paused,
      score: consumer.score,
      ...(preferredLayers ? { preferredLayers } : {}),
    };
  },
  'consumer.close': ({ closing, directory }, { consumerId }) => {
    const consumer = directory.consumers.find(consumerId);
    if (consumer) closing.consumer(consumer);
    return undefined;
  },
  'consumer.pause': ({ directory }, { consumerId }, now) => {
    directory.consumers.get(consumerId).setPaused(true, now);
    return undefined;
  },
  'consumer.resume': ({ directory }, { consumerId }, now) => {
    directory.consumers.get(consumerId).setPaused(false, now);
    return undefined;
  },
  'consumer.setPreferredLayers': ({ directory }, { consumerId, preferredLayers }, now) => {
    const preferred = directory.consumers.get(consumerId).setPreferredLayers(preferredLayers, now);
    return preferred ? { preferredLayers: preferred } : {};
  },
  'consumer.setPriority': ({ directory }, { consumerId, priority }, now) => {
    directory.consumers.get(consumerId).setPriority(priority, now);
    return { priority };
  },
  'consumer.requestKeyFrame': ({ directory }, { consumerId }, now) => {
    directory.consumers.get(consumerId).requestKeyFrame(now);
    return undefined;
  },
  'consumer.enableTraceEvent': ({ directory }, { consumerId, types }) => {
    directory.consumers.get(consumerId).setTraceTypes(types);
    return undefined;
  },
  'consumer.dump': ({ directory }, { consumerId }) => directory.consumers.get(consumerId).dump(),
  'consumer.getStats': ({ context, directory }, { consumerId }, now) => {
    const consumer = directory.consumers.get(consumerId);
    return [...consumerStat(context, consumer, now), ...producerStat(context, consumer.producer, now)];
  },
};
