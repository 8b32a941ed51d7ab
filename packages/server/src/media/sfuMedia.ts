/** The media side over @tertulia/sfu. */
import { StartError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { MediaListen } from '../addresses.js';
import type { MediaPort } from './mediaPort.js';

export interface SfuMediaOptions {
  readonly workers: number;
  readonly listen: readonly MediaListen[];
  /** UDP port of the first worker; worker i has this + i. */
  readonly port: number;
  readonly audioSlots: number;
}

export function createSfuMedia(_options: SfuMediaOptions, _log: Logger): Promise<MediaPort> {
  return Promise.reject(new StartError('The media library cannot be started in this build; use a release.'));
}
