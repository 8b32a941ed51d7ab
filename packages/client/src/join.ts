/** The way into a call. */
import { browserPlatform } from './browserPlatform.js';
import { Call } from './call.js';
import { LIMITS } from './messages.js';
import type { AudioOption } from './microphone.js';
import type { Platform } from './platform.js';
import { SessionApi } from './sessionApi.js';

const DEFAULT_SLOTS = 3; // virtual streams A1

export interface JoinOptions {
  /** Origin of the server; the page's own by default. */
  url?: string;
  room: string;
  /** JWT; not needed where rooms are open. */
  token?: string | undefined;
  /** 1 to 128 characters. */
  displayName: string;
  /**
   * `true` (default): the default microphone with echo cancellation. Constraints choose another one. A track of your
   * own is sent as it is and never stopped. `false`: listen only; `unmute()` opens a microphone later.
   */
  audio?: AudioOption;
  /** Start muted; the microphone is opened all the same. */
  muted?: boolean;
  /** How many voices are heard at once, 0 to 16, default 3. The server may allow fewer. */
  audioSlots?: number;
}

/**
 * Joins a room. Resolves when media can flow.
 * @throws CallError: `MICROPHONE_…`, `INSECURE_ORIGIN`, `SERVER_UNREACHABLE`, `CONNECTION_FAILED`, or a code of the server
 */
export async function join(options: JoinOptions): Promise<Call> {
  return joinOn(browserPlatform(), { url: location.origin, ...options });
}

/** The same on a given platform, for tests. */
export async function joinOn(platform: Platform, options: JoinOptions & { url: string }): Promise<Call> {
  const { url, room, token, displayName, audio = true, muted = false, audioSlots = DEFAULT_SLOTS } = options;
  if (!Number.isInteger(audioSlots) || audioSlots < 0 || audioSlots > LIMITS.slots)
    throw new TypeError(`audioSlots must be a whole number from 0 to ${LIMITS.slots}`);
  const api = new SessionApi((target, init) => platform.fetch(target, init), '', room, token).at(url);
  const call = new Call(platform, api, { displayName, audio, muted, audioSlots });
  await call.start();
  return call;
}
