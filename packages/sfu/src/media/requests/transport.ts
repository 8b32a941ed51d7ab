/** What each request of transports does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Engine } from '@tertulia/engine';
import { InvalidStateError, UnsupportedError } from '../../channel/errors.js';
import type { IceParameters } from '../../types.js';
import { ICE_LIMITS } from '../ice/types.js';
import { WebRtcTransport } from '../webRtcTransport.js';
import type { Handlers } from './handler.js';

export const TRANSPORT_REQUESTS: Handlers<
  | 'router.createWebRtcTransport'
  | 'transport.close'
  | 'transport.dump'
  | 'transport.getStats'
  | 'transport.connect'
  | 'transport.restartIce'
  | 'transport.injectKeys'
> = {
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
