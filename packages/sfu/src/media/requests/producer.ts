/** What each request of producers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { InvalidStateError, OptionError } from '../../channel/errors.js';
import { Producer } from '../producer.js';
import { producerStat } from '../rtpStats.js';
import { scoreOf } from './consumer.js';
import type { Handlers } from './handler.js';

export const PRODUCER_REQUESTS: Handlers<
  | 'transport.produce'
  | 'producer.close'
  | 'producer.pause'
  | 'producer.resume'
  | 'producer.dump'
  | 'producer.getStats'
> = {
  'transport.produce': ({ context, directory }, data) => {
    const transport = directory.transports.get(data.transportId);
    if (directory.producers.has(data.producerId)) {
      throw new InvalidStateError(`a Producer with id "${data.producerId}" already exists`, 'DUPLICATE_ID');
    }
    const { port, rng, emit } = context;
    const producer = new Producer(
      data.producerId,
      data.kind,
      data.rtpParameters,
      transport,
      data.paused,
      port,
      rng,
      {
        scoreChanged: ({ id, score, stream, consumers }) => {
          emit({
            event: 'producer.score',
            producerId: id,
            score: stream ? [{ encodingIdx: 0, ssrc: stream.ssrc, score }] : [],
          });
          for (const consumer of consumers) {
            emit({ event: 'consumer.score', consumerId: consumer.id, score: scoreOf(consumer) });
          }
        },
      },
    );
    const why = transport.rtp.addProducer(producer);
    if (why !== undefined) {
      producer.close(0);
      throw new OptionError(`rtpParameters: ${why}`, 'RTP_PARAMETERS_CLASH');
    }
    directory.producers.add(producer.id, producer);
    return undefined;
  },
  'producer.close': ({ closing, directory }, { producerId }, now) => {
    const producer = directory.producers.find(producerId);
    if (producer) closing.producer(producer, now);
    return undefined;
  },
  'producer.pause': ({ context, directory }, { producerId }, now) => {
    const producer = directory.producers.get(producerId);
    if (!producer.paused) {
      producer.setPaused(true, now);
      for (const { id } of producer.consumers)
        context.emit({ event: 'consumer.producerPause', consumerId: id });
    }
    return undefined;
  },
  'producer.resume': ({ context, directory }, { producerId }, now) => {
    const producer = directory.producers.get(producerId);
    if (producer.paused) {
      producer.setPaused(false, now);
      for (const { id } of producer.consumers)
        context.emit({ event: 'consumer.producerResume', consumerId: id });
    }
    return undefined;
  },
  'producer.dump': ({ directory }, { producerId }) => {
    const { id, kind, rtpParameters, paused, stream } = directory.producers.get(producerId);
    return { id, kind, type: 'simple', rtpParameters, paused, ssrc: stream?.ssrc };
  },
  'producer.getStats': ({ context, directory }, { producerId }, now) =>
    producerStat(context, directory.producers.get(producerId), now),
};
