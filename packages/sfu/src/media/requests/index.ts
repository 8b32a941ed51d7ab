/**
 * What each request of the API process does: one line of the table each, the work is in the entities.
 * Elsewhere: shapes → channel/messages.ts · closing → closing.ts · statistics → rtpStats.ts
 */
import type { Method } from '../../channel/messages.js';
import { DATA_REQUESTS } from '../data/requests.js';
import { OBSERVER_REQUESTS } from '../observers/requests.js';
import { BANDWIDTH_REQUESTS } from './bandwidth.js';
import { CAPTURE_REQUESTS } from './capture.js';
import { CONSUMER_REQUESTS } from './consumer.js';
import { DATA_CHANNEL_REQUESTS } from './dataChannel.js';
import type { Handlers } from './handler.js';
import { PRODUCER_REQUESTS } from './producer.js';
import { ROUTER_REQUESTS } from './router.js';
import { TRANSPORT_REQUESTS } from './transport.js';
import { VIRTUAL_REQUESTS } from './virtual.js';
import { WITHOUT_ICE_REQUESTS } from './withoutIce.js';
import { WORKER_REQUESTS } from './worker.js';

export const REQUESTS: Handlers<Method> = {
  ...WORKER_REQUESTS,
  ...ROUTER_REQUESTS,
  ...TRANSPORT_REQUESTS,
  ...WITHOUT_ICE_REQUESTS,
  ...BANDWIDTH_REQUESTS,
  ...PRODUCER_REQUESTS,
  ...CONSUMER_REQUESTS,
  ...DATA_REQUESTS,
  ...DATA_CHANNEL_REQUESTS,
  ...OBSERVER_REQUESTS,
  ...VIRTUAL_REQUESTS,
  ...CAPTURE_REQUESTS,
};
