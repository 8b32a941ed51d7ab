/**
 * What each request of the API process does: one line of the table each, the work is in the entities.
 * Elsewhere: shapes → channel/messages.ts · closing → closing.ts · statistics → rtpStats.ts
 */
import type { Engine } from '@tertulia/engine';
import { InvalidStateError, OptionError, UnsupportedError } from '../channel/errors.js';
import type { Method, RequestOf, ResponseOf } from '../channel/messages.js';
import type { IceParameters } from '../types.js';
import { Consumer } from './consumer.js';
import type { MediaCore } from './core.js';
import { ICE_LIMITS } from './ice/types.js';
import { Producer } from './producer.js';
import { Router } from './router.js';
import { consumerStat, producerStat } from './rtpStats.js';
import { UNSERVED } from './requests/unserved.js';
import { VirtualStreams } from './virtualStreams.js';
import { WebRtcServer } from './webRtcServer.js';
import { WebRtcTransport } from './webRtcTransport.js';

type Handler<M extends Method> = (core: MediaCore, data: RequestOf<M>, nowMicros: number) => ResponseOf<M>;

export const REQUESTS: { readonly [M in Method]: Handler<M> } = {
  ...UNSERVED,
  // ---- worker ----
  'worker.dump': (core) => {
    const { directory } = core;
    return {
      webRtcServerIds: directory.webRtcServers.ids(),
      routerIds: directory.routers.ids(),
      transports: directory.transports.size,
      producers: directory.producers.size,
      consumers: directory.consumers.size,
      cachedPackets: core.cachedPackets,
      timers: core.timerCount,
      drops: core.drops.toObject(),
      engine: core.context.engine.stats(),
    };
  },
  'worker.updateSettings': (core, { logLevel }) => {
    core.logLevel = logLevel;
    return undefined;
  },
  'worker.createWebRtcServer': ({ context, directory }, { webRtcServerId, listenInfos }) => {
    const server = new WebRtcServer(context, webRtcServerId, listenInfos);
    directory.webRtcServers.add(webRtcServerId, server);
    return server.sockets.map(({ ip, port, sendBuffer, receiveBuffer }) => ({
      ip,
      port,
      sendBuffer,
      receiveBuffer,
    }));
  },
  'worker.createRouter': ({ directory }, { routerId }) => {
    directory.routers.add(routerId, new Router(routerId));
    return undefined;
  },
  'webRtcServer.close': ({ closing, directory }, { webRtcServerId }, now) => {
    const server = directory.webRtcServers.find(webRtcServerId);
    if (server) closing.webRtcServer(server, now);
    return undefined;
  },
  'webRtcServer.dump': ({ directory }, { webRtcServerId }) =>
    directory.webRtcServers.get(webRtcServerId).dump(),

  // ---- router ----
  'router.close': ({ closing, directory }, { routerId }, now) => {
    const router = directory.routers.find(routerId);
    if (router) closing.router(router, now);
    return undefined;
  },
  'router.dump': ({ directory }, { routerId }) => directory.routers.get(routerId).dump(),
  'router.createWebRtcTransport': ({ context, directory }, data) => {
    const router = directory.routers.get(data.routerId);
    if (directory.transports.has(data.transportId)) {
      throw new InvalidStateError(`a Transport with id "${data.transportId}" already exists`, 'DUPLICATE_ID');
    }
    const server =
      data.webRtcServerId === undefined ? undefined : directory.webRtcServers.get(data.webRtcServerId);
    const transport = new WebRtcTransport(context, directory, router, server, data);
    directory.transports.add(transport.id, transport);
    router.transports.set(transport.id, transport);
    server?.transports.add(transport);
    const created = transport.created();
    const consentMicros =
      data.iceConsentTimeout > 0 ? data.iceConsentTimeout * 1e6 : ICE_LIMITS.consentMicros;
    answerChecks(context.engine, transport, created.iceParameters, consentMicros * ICE_LIMITS.refreshShare);
    return created;
  },

  // ---- transport ----
  'transport.close': ({ closing, directory }, { transportId }, now) => {
    const transport = directory.transports.find(transportId);
    if (transport) closing.transport(transport, now);
    return undefined;
  },
  'transport.dump': ({ directory }, { transportId }) => directory.transports.get(transportId).dump(),
  'transport.getStats': ({ directory }, { transportId }, now) => [
    directory.transports.get(transportId).stats(now),
  ],
  'transport.connect': ({ directory }, { transportId, dtlsParameters }, now) => ({
    dtlsLocalRole: directory.transports.get(transportId).connect(dtlsParameters, now),
  }),
  'transport.restartIce': ({ context, directory }, { transportId }, now) => {
    const transport = directory.transports.get(transportId);
    const parameters = transport.restartIce(now);
    answerChecks(context.engine, transport, parameters, 0);
    return parameters;
  },
  'transport.injectKeys': ({ allowKeyInjection, directory }, data, now) => {
    if (!allowKeyInjection) throw new UnsupportedError('keys come from DTLS here', 'KEY_INJECTION_OFF');
    directory.transports.get(data.transportId).injectKeys(data, now);
    return undefined;
  },
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

  // ---- producer and consumer ----
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

  // ---- virtual streams ----
  'router.createVirtualStreams': (core, { routerId, virtualStreamsId, audioSlots }) => {
    const router = core.directory.routers.get(routerId);
    const streams = new VirtualStreams(core.context, virtualStreamsId, router, audioSlots, core.touched);
    core.directory.virtualStreams.add(virtualStreamsId, streams);
    router.virtualStreams.set(virtualStreamsId, streams);
    return undefined;
  },
  'virtual.close': ({ closing, directory }, { virtualStreamsId }, now) => {
    const streams = directory.virtualStreams.find(virtualStreamsId);
    if (streams) closing.virtualStreams(streams, now);
    return undefined;
  },
  'virtual.dump': ({ directory }, { virtualStreamsId }, now) =>
    directory.virtualStreams.get(virtualStreamsId).dump(now),
  'virtual.getStats': ({ directory }, { virtualStreamsId }) =>
    directory.virtualStreams.get(virtualStreamsId).stats(),
  'virtual.addSource': ({ directory }, { virtualStreamsId, producerId, ...request }, now) => {
    const streams = directory.virtualStreams.get(virtualStreamsId);
    const producer = directory.producers.get(producerId);
    if (producer.transport.router !== streams.router) {
      throw new InvalidStateError('producer is not of the same router', 'WRONG_ROUTER');
    }
    return { csrc: streams.addSource(producer, request, now) };
  },
  'virtual.removeSource': ({ directory }, { virtualStreamsId, producerId }, now) => {
    directory.virtualStreams.get(virtualStreamsId).removeSource(producerId, now);
    return undefined;
  },
  'virtual.setPinned': ({ directory }, { virtualStreamsId, producerId, pinned }, now) => {
    directory.virtualStreams.get(virtualStreamsId).setPinned(producerId, pinned, now);
    return undefined;
  },
  'virtual.createReceiver': ({ directory }, data, now) => {
    const streams = directory.virtualStreams.get(data.virtualStreamsId);
    const transport = streams.router.transports.get(data.transportId);
    if (!transport) throw new InvalidStateError('transport is not of the same router', 'WRONG_ROUTER');
    return {
      changes: streams.createReceiver(data.receiverId, transport, data.participantId, data.audio, now),
    };
  },
  'virtual.closeReceiver': ({ directory }, { virtualStreamsId, receiverId }, now) => {
    directory.virtualStreams.find(virtualStreamsId)?.closeReceiver(receiverId, now);
    return undefined;
  },

  // ---- data channels ----
  'dataChannel.close': ({ directory }, { transportId, channelId }) => {
    directory.transports.find(transportId)?.data.closeChannel(channelId);
    return undefined;
  },
  'dataChannel.getBufferedAmount': ({ directory }, { transportId, channelId }) => ({
    bufferedAmount: directory.transports.get(transportId).data.bufferedAmount(channelId),
  }),
};

const utf8 = new TextEncoder();

/** The engine may repeat the answers that the transport has given to its peer's checks. */
function answerChecks(
  engine: Engine,
  { peer }: WebRtcTransport,
  { usernameFragment, password }: IceParameters,
  refreshMicros: number,
): void {
  engine.answerChecks(peer, usernameFragment, utf8.encode(password), refreshMicros);
}

function scoreOf({ producer }: Consumer): { score: number; producerScore: number; producerScores: number[] } {
  return { score: 10, producerScore: producer.score, producerScores: [producer.score] };
}
