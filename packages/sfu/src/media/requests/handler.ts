/** The form of a request's handler. It throws what the application is to be told; the request then had no effect. */
import type { Method, RequestOf, ResponseOf } from '../../channel/messages.js';
import type { MediaCore } from '../core.js';

export type Handler<M extends Method> = (
  core: MediaCore,
  data: RequestOf<M>,
  nowMicros: number,
) => ResponseOf<M>;
export type Handlers<Methods extends Method> = { readonly [M in Methods]: Handler<M> };
