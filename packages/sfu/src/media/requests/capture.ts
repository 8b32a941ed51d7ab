/** What each request of captures does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Handlers } from './handler.js';

export const CAPTURE_REQUESTS: Handlers<'capture.create' | 'capture.add' | 'capture.read' | 'capture.close'> =
  {
    'capture.create': ({ captures, directory, context }, { captureId, routerId }) => {
      captures.create(captureId, directory.routers.get(routerId));
      return { unixMicrosAtZero: context.unixMicrosAtZero };
    },
    'capture.add': ({ captures, directory }, { captureId, transportId }) => {
      captures.add(captureId, directory.transports.get(transportId));
      return undefined;
    },
    'capture.read': ({ captures }, { captureId }) => captures.read(captureId),
    'capture.close': ({ captures }, { captureId }) => {
      captures.close(captureId);
      return undefined;
    },
  };
