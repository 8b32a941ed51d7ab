/** What each request of producers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { InvalidStateError, OptionError } from '../../channel/errors.js';
import { Producer } from '../producer.js';
import { producerStat } from '../rtpStats.js';
import type { Handlers } from './handler.js';

export const PRODUCER_REQUESTS: Handlers<
  | 'transport.produce'
  | 'producer.close'
  | 'producer.pause'
  | 'producer.resume'
  | 'producer.dump'
  | 'producer.enableTraceEvent'
  | 'producer.getStats'
> = {
  'transport.produce': ({ context, directory }, data) => {
    const transport = directory.transports.get(data.transportId);
    if (directory.producers.has(data.producerId)) {
      throw new InvalidStateError(`a Producer with id "${data.producerId}" already exists`, 'DUPLICATE_ID');
    }
    const producer = new Producer({ ...data, id: data.producerId, transport }, context);
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
  'producer.enableTraceEvent': ({ directory }, { producerId, types }) => {
    directory.producers.get(producerId).tracing.set(types);
    return undefined;
  },
  'producer.dump': ({ directory }, { producerId }) => directory.producers.get(producerId).dump(),
  'producer.getStats': ({ context, directory }, { producerId }, now) =>
    producerStat(context, directory.producers.get(producerId), now),
};
