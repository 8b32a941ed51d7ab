/**
 * Requests that this version knows but does not serve yet. Whoever serves one takes its line away here and adds a handler
 * in the file of its entity.
 */
import { UnsupportedError } from '../../channel/errors.js';

function refuse(): never {
  throw new UnsupportedError('not supported by this version', 'NOT_SUPPORTED');
}

export const UNSERVED = {
  'router.createPlainTransport': refuse,
  'router.createPipeTransport': refuse,
  'transport.connectPlain': refuse,
  'transport.connectPipe': refuse,
} as const;
