/**
 * `@tertulia/sfu/media`: the media process's inside, for benches and simulations. Applications use `@tertulia/sfu`.
 */
export { MediaCore } from './core.js';
export type { MediaCoreOptions } from './core.js';
export { hmacSha1, secretText } from './machine.js';
export { Loop, runLoop } from './loop.js';
export { errorToChannel } from '../channel/errors.js';
export type * from '../channel/messages.js';
