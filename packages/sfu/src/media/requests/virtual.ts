/** What each request of virtual streams does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { InvalidStateError } from '../../channel/errors.js';
import { VirtualStreams } from '../virtualStreams.js';
import type { Handlers } from './handler.js';

export const VIRTUAL_REQUESTS: Handlers<
  | 'router.createVirtualStreams'
  | 'virtual.close'
  | 'virtual.dump'
  | 'virtual.getStats'
  | 'virtual.addSource'
  | 'virtual.removeSource'
  | 'virtual.setPinned'
  | 'virtual.createReceiver'
  | 'virtual.setLayout'
  | 'virtual.getReceiverStats'
  | 'virtual.requestKeyFrames'
  | 'virtual.closeReceiver'
> = {
  'router.createVirtualStreams': (core, { routerId, virtualStreamsId, audioSlots, videoSlots }) => {
    const router = core.directory.routers.get(routerId);
    const streams = new VirtualStreams(
      core.context,
      virtualStreamsId,
      router,
      { audio: audioSlots, video: videoSlots },
      core.touched,
    );
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
    const { receiverId: id, participantId, audio, video } = data;
    return { changes: streams.createReceiver({ id, transport, participantId, audio, video }, now) };
  },
  'virtual.getReceiverStats': ({ directory }, { virtualStreamsId, receiverId }, now) =>
    directory.virtualStreams.get(virtualStreamsId).receiverStats(receiverId, now),
  'virtual.setLayout': ({ directory }, { virtualStreamsId, receiverId, canvases, maxResolution }, now) => {
    const streams = directory.virtualStreams.get(virtualStreamsId);
    return { assignments: streams.setLayout(receiverId, canvases, maxResolution, now) };
  },
  'virtual.requestKeyFrames': ({ directory }, { virtualStreamsId, receiverId }, now) => {
    directory.virtualStreams.get(virtualStreamsId).requestKeyFrames(receiverId, now);
    return undefined;
  },
  'virtual.closeReceiver': ({ directory }, { virtualStreamsId, receiverId }, now) => {
    directory.virtualStreams.find(virtualStreamsId)?.closeReceiver(receiverId, now);
    return undefined;
  },
};
