/** What each request about observers does. Part of requests/; the same rules hold. */
import type { Method } from '../../channel/messages.js';
import type { MediaCore } from '../core.js';
import type { Handlers } from '../requests/handler.js';
import { ActiveSpeakerObserver, AudioLevelObserver } from './rtpObserver.js';
import type { RtpObserver } from './rtpObserver.js';

type ObserverMethod =
  | 'router.createAudioLevelObserver'
  | 'router.createActiveSpeakerObserver'
  | Extract<Method, `rtpObserver.${string}`>;

export const OBSERVER_REQUESTS: Handlers<ObserverMethod> = {
  'router.createAudioLevelObserver': (core, { routerId, rtpObserverId, interval, ...options }) => {
    const router = core.directory.routers.get(routerId);
    return add(core, new AudioLevelObserver(rtpObserverId, router, core.context, interval * 1000, options));
  },
  'router.createActiveSpeakerObserver': (core, { routerId, rtpObserverId, interval }) => {
    const router = core.directory.routers.get(routerId);
    return add(core, new ActiveSpeakerObserver(rtpObserverId, router, core.context, interval * 1000));
  },
  'rtpObserver.close': ({ closing, directory }, { rtpObserverId }) => {
    const observer = directory.rtpObservers.find(rtpObserverId);
    if (observer) closing.rtpObserver(observer);
    return undefined;
  },
  'rtpObserver.pause': ({ directory }, { rtpObserverId }) => {
    directory.rtpObservers.get(rtpObserverId).setPaused(true);
    return undefined;
  },
  'rtpObserver.resume': ({ directory }, { rtpObserverId }) => {
    directory.rtpObservers.get(rtpObserverId).setPaused(false);
    return undefined;
  },
  'rtpObserver.dump': ({ directory }, { rtpObserverId }) => directory.rtpObservers.get(rtpObserverId).dump(),
  'rtpObserver.addProducer': ({ directory }, { rtpObserverId, producerId }, now) => {
    directory.rtpObservers.get(rtpObserverId).addProducer(directory.producers.get(producerId), now);
    return undefined;
  },
  'rtpObserver.removeProducer': ({ directory }, { rtpObserverId, producerId }) => {
    directory.rtpObservers.get(rtpObserverId).removeProducer(producerId);
    return undefined;
  },
};

function add({ directory }: MediaCore, observer: RtpObserver): undefined {
  directory.rtpObservers.add(observer.id, observer);
  observer.router.rtpObservers.set(observer.id, observer);
}
