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
  | 'consumer.dump'
  | 'consumer.getStats'
> = {
  'transport.consume': ({ context, directory }, data) => {
    const transport = directory.transports.get(data.transportId);
    const producer = directory.producers.get(data.producerId);
    if (directory.consumers.has(data.consumerId)) {
      throw new InvalidStateError(`a Consumer with id "${data.consumerId}" already exists`, 'DUPLICATE_ID');
    }
    const consumer = new Consumer(
      {
        id: data.consumerId,
        producer,
        transport,
        rtpParameters: data.rtpParameters,
        paused: data.paused,
      },
      context.port,
      context.rng,
    );
    if (transport.rtp.hasOutgoing(consumer.stream.ssrc)) {
      consumer.close();
      throw new InvalidStateError(`SSRC ${consumer.stream.ssrc} is already in use`, 'DUPLICATE_SSRC');
    }
    directory.consumers.add(consumer.id, consumer);
    transport.rtp.consumers.set(consumer.id, consumer);
    transport.rtp.addOutgoing(consumer.stream, data.rtpParameters.rtcp?.cname ?? '');
    return { paused: consumer.paused, producerPaused: producer.paused, score: scoreOf(consumer) };
  },
  'consumer.close': ({ closing, directory }, { consumerId }) => {
    const consumer = directory.consumers.find(consumerId);
    if (consumer) closing.consumer(consumer);
    return undefined;
  },
  'consumer.pause': ({ directory }, { consumerId }) => {
    directory.consumers.get(consumerId).setPaused(true);
    return undefined;
  },
  'consumer.resume': ({ directory }, { consumerId }) => {
    directory.consumers.get(consumerId).setPaused(false);
    return undefined;
  },
  'consumer.dump': ({ directory }, { consumerId }) => {
    const { id, kind, rtpParameters, paused, producer } = directory.consumers.get(consumerId);
    return {
      id,
      kind,
      type: 'simple',
      rtpParameters,
      paused,
      producerId: producer.id,
      producerPaused: producer.paused,
    };
  },
  'consumer.getStats': ({ context, directory }, { consumerId }, now) => {
    const consumer = directory.consumers.get(consumerId);
    return [consumerStat(context, consumer, now), ...producerStat(context, consumer.producer, now)];
  },
};

/** What a `score` event of a consumer says. */
export function scoreOf({ producer }: Consumer): {
  score: number;
  producerScore: number;
  producerScores: number[];
} {
  return { score: 10, producerScore: producer.score, producerScores: [producer.score] };
}
