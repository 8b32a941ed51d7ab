/** What each request of the worker and its WebRtcServers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { Router } from '../router.js';
import { WebRtcServer } from '../webRtcServer.js';
import type { Handlers } from './handler.js';

export const WORKER_REQUESTS: Handlers<
  | 'worker.dump'
  | 'worker.updateSettings'
  | 'worker.createWebRtcServer'
  | 'worker.createRouter'
  | 'webRtcServer.close'
  | 'webRtcServer.dump'
> = {
  'worker.dump': (core) => {
    const { directory } = core;
    const { webRtcServers, routers, transports, producers, consumers } = directory;
    const { dataProducers, dataConsumers, rtpObservers } = directory;
    const asked = [webRtcServers, routers, transports, producers, consumers, dataProducers, dataConsumers];
    return {
      webRtcServerIds: webRtcServers.ids(),
      routerIds: routers.ids(),
      // Whom a request can name, and whom a notice can.
      channelMessageHandlers: {
        channelRequestHandlers: [...asked, rtpObservers].flatMap((registry) => registry.ids()),
        channelNotificationHandlers: [transports, producers, dataProducers].flatMap((registry) =>
          registry.ids(),
        ),
      },
      transports: directory.transports.size,
      producers: directory.producers.size,
      consumers: directory.consumers.size,
      virtualStreams: sums([...directory.virtualStreams.values()].map((streams) => streams.stats())),
      cachedPackets: core.cachedPackets,
      timers: core.timerCount,
      drops: core.drops.toObject(),
      engine: core.context.engine.stats(),
    };
  },
  'worker.updateSettings': (core, { logLevel, logTags }) => {
    if (logLevel) core.logLevel = logLevel;
    if (logTags) core.logTags = logTags;
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
};

/** Of all rooms together: the numbers of each name. */
function sums(stats: readonly Readonly<Record<string, unknown>>[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const one of stats)
    for (const [name, value] of Object.entries(one))
      if (typeof value === 'number') totals[name] = (totals[name] ?? 0) + value;
  return totals;
}
