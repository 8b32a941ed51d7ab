/** What each request of routers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Directory } from '../directory.js';
import type { Router } from '../router.js';
import type { Handlers } from './handler.js';

export const ROUTER_REQUESTS: Handlers<'router.close' | 'router.dump'> = {
  'router.close': ({ closing, directory }, { routerId }, now) => {
    const router = directory.routers.find(routerId);
    if (router) closing.router(router, now);
    return undefined;
  },
  'router.dump': ({ directory }, { routerId }) => routerDump(directory, directory.routers.get(routerId)),
};

type Many = { key: string; values: string[] }[];

/** Who feeds whom within a router. Lists of pairs, as in mediasoup v3. */
function routerDump(directory: Directory, router: Router): Record<string, unknown> {
  const transports = [...router.transports.values()];
  const producers = transports.flatMap(({ rtp }) => [...rtp.producers.values()]);
  const consumers = transports.flatMap(({ rtp }) => [...rtp.consumers.values()]);
  const isHere = ({ transportId }: { transportId: string }): boolean => router.transports.has(transportId);
  const dataProducers = directory.dataProducers.values().filter(isHere);
  const dataConsumers = directory.dataConsumers.values().filter(isHere);
  const observers = [...router.rtpObservers.values()];
  const producersOf: Many = producers.map(({ id }) => ({
    key: id,
    values: consumers.filter(({ producer }) => producer.id === id).map((consumer) => consumer.id),
  }));
  const observersOf: Many = producers.map(({ id }) => ({
    key: id,
    values: observers.filter((observer) => observer.producerIds.includes(id)).map((observer) => observer.id),
  }));
  const dataProducersOf: Many = dataProducers.map((dataProducer) => ({
    key: dataProducer.settings.id,
    values: [...dataProducer.consumers].map(({ settings }) => settings.id),
  }));
  return {
    id: router.id,
    transportIds: transports.map(({ id }) => id),
    rtpObserverIds: observers.map(({ id }) => id),
    mapProducerIdConsumerIds: producersOf,
    mapConsumerIdProducerId: consumers.map(({ id, producer }) => ({ key: id, value: producer.id })),
    mapProducerIdObserverIds: observersOf.filter(({ values }) => values.length > 0),
    mapDataProducerIdDataConsumerIds: dataProducersOf,
    mapDataConsumerIdDataProducerId: dataConsumers.map(({ settings, dataProducer }) => ({
      key: settings.id,
      value: dataProducer.settings.id,
    })),
    virtualStreamsIds: [...router.virtualStreams.keys()],
  };
}
