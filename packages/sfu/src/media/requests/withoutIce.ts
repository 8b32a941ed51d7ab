/** What each request of transports without ICE does. Elsewhere: all of them together → index.ts · shapes → channel/messages.ts */
import { InvalidStateError } from '../../channel/errors.js';
import { DirectTransport } from '../directTransport.js';
import type { Directory } from '../directory.js';
import { PipeTransport } from '../pipeTransport.js';
import { PlainTransport } from '../plainTransport.js';
import type { Transport } from '../transport.js';
import type { Handlers } from './handler.js';
import { addTransport, routerFor } from './transport.js';

export const WITHOUT_ICE_REQUESTS: Handlers<
  | 'router.createPlainTransport'
  | 'router.createPipeTransport'
  | 'router.createDirectTransport'
  | 'transport.connectPlain'
  | 'transport.connectPipe'
> = {
  'router.createPlainTransport': ({ context, directory }, data) => {
    const transport = new PlainTransport(context, directory, routerFor(directory, data), data);
    addTransport(directory, transport);
    return transport.created();
  },
  'router.createPipeTransport': ({ context, directory }, data) => {
    const transport = new PipeTransport(context, directory, routerFor(directory, data), data);
    addTransport(directory, transport);
    return transport.created();
  },
  'router.createDirectTransport': ({ context, directory }, data) => {
    addTransport(directory, new DirectTransport(context, directory, routerFor(directory, data), data));
    return undefined;
  },
  'transport.connectPlain': ({ directory }, { transportId, ...options }, now) =>
    ofKind(directory, transportId, PlainTransport).connect(options, now),
  'transport.connectPipe': ({ directory }, { transportId, ...options }, now) => ({
    tuple: ofKind(directory, transportId, PipeTransport).connect(options, now),
  }),
};

/** @throws InvalidStateError (`NOT_FOUND`) for one of another kind, too. */
function ofKind<Kind extends Transport>(
  directory: Directory,
  id: string,
  kind: abstract new (...args: never[]) => Kind,
): Kind {
  const transport = directory.transports.get(id);
  if (transport instanceof kind) return transport;
  throw new InvalidStateError(`Transport with id "${id}" is no ${kind.name}`, 'NOT_FOUND');
}
