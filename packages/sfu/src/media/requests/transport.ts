/** What each request of transports does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import type { Engine } from '@tertulia/engine';
import { InvalidStateError, UnsupportedError } from '../../channel/errors.js';
import type { IceParameters } from '../../types.js';
import type { Directory } from '../directory.js';
import { ICE_LIMITS } from '../ice/types.js';
import type { Router } from '../router.js';
import type { Transport } from '../transport.js';
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
    const router = routerFor(directory, data);
    const server =
      data.webRtcServerId === undefined ? undefined : directory.webRtcServers.get(data.webRtcServerId);
    const transport = new WebRtcTransport(context, directory, router, server, data);
    addTransport(directory, transport);
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
  'transport.dump': ({ directory }, { transportId }) => ({
    ...directory.transports.get(transportId).dump(),
  }),
  'transport.getStats': ({ directory }, { transportId }, now) => [
    directory.transports.get(transportId).stats(now),
  ],
  'transport.connect': ({ directory }, { transportId, dtlsParameters }, now) => ({
    dtlsLocalRole: webRtcTransport(directory, transportId).connect(dtlsParameters, now),
  }),
  'transport.restartIce': ({ context, directory }, { transportId }, now) => {
    const transport = webRtcTransport(directory, transportId);
    const parameters = transport.restartIce(now);
    answerChecks(context.engine, transport, parameters, 0);
    return parameters;
  },
  'transport.injectKeys': ({ allowKeyInjection, directory }, data, now) => {
    if (!allowKeyInjection) throw new UnsupportedError('keys come from DTLS here', 'KEY_INJECTION_OFF');
    webRtcTransport(directory, data.transportId).injectKeys(data, now);
    return undefined;
  },
};

/** @throws InvalidStateError (`DUPLICATE_ID`), before anything is made. */
export function routerFor(directory: Directory, request: { routerId: string; transportId: string }): Router {
  const { routerId, transportId } = request;
  if (directory.transports.has(transportId))
    throw new InvalidStateError(`a Transport with id "${transportId}" already exists`, 'DUPLICATE_ID');
  return directory.routers.get(routerId);
}

export function addTransport(directory: Directory, transport: Transport): void {
  directory.transports.add(transport.id, transport);
  transport.router.transports.set(transport.id, transport);
}

/** @throws InvalidStateError (`NOT_FOUND`) for one of another kind, too. */
function webRtcTransport(directory: Directory, id: string): WebRtcTransport {
  const transport = directory.transports.get(id);
  if (transport instanceof WebRtcTransport) return transport;
  throw new InvalidStateError(`Transport with id "${id}" is no WebRtcTransport`, 'NOT_FOUND');
}

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
