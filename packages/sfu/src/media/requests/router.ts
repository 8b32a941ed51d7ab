/** What each request of routers does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Handlers } from './handler.js';

export const ROUTER_REQUESTS: Handlers<'router.close' | 'router.dump'> = {
  'router.close': ({ closing, directory }, { routerId }, now) => {
    const router = directory.routers.find(routerId);
    if (router) closing.router(router, now);
    return undefined;
  },
  'router.dump': ({ directory }, { routerId }) => directory.routers.get(routerId).dump(),
};
