/** The way into a call. */
import { browserPlatform } from './browserPlatform.js';
import { Call } from './call.js';
import type { VideoOption } from './camera.js';
import { LIMITS } from './messages.js';
import type { AudioOption } from './microphone.js';
import type { Platform } from './platform.js';
import { SessionApi } from './sessionApi.js';

const DEFAULT_AUDIO_SLOTS = 3; // virtual streams A1
const DEFAULT_VIDEO_SLOTS = 9; // a grid of three by three

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
  /**
   * `true`: start with the default camera on. Constraints choose another one. A track of your own is sent as it is and
   * never stopped. `false` (default): `setCamera(true)` opens one later.
   */
  video?: VideoOption;
  /** Start muted; the microphone is opened all the same. */
  muted?: boolean;
  /** How many voices are heard at once, 0 to 16, default 3. The server may allow fewer. */
  audioSlots?: number;
  /** How many pictures are seen at once, 0 to 16, default 9. The server may allow fewer. */
  videoSlots?: number;
}

/**
 * Joins a room. Resolves when media can flow.
 * @throws CallError: `MICROPHONE_…`, `CAMERA_…`, `INSECURE_ORIGIN`, `SERVER_UNREACHABLE`, `CONNECTION_FAILED`, or a code of the server
 */
export async function join(options: JoinOptions): Promise<Call> {
  return joinOn(browserPlatform(), { url: location.origin, ...options });
}

/** The same on a given platform, for tests. */
export async function joinOn(platform: Platform, options: JoinOptions & { url: string }): Promise<Call> {
  const { url, room, token, displayName, audio = true, video = false, muted = false } = options;
  const { audioSlots = DEFAULT_AUDIO_SLOTS, videoSlots = DEFAULT_VIDEO_SLOTS } = options;
  for (const [name, slots] of Object.entries({ audioSlots, videoSlots }))
    if (!Number.isInteger(slots) || slots < 0 || slots > LIMITS.slots)
      throw new TypeError(`${name} must be a whole number from 0 to ${LIMITS.slots}`);
  const api = new SessionApi((target, init) => platform.fetch(target, init), '', room, token).at(url);
  const call = new Call(platform, api, { displayName, audio, video, muted, audioSlots, videoSlots });
  await call.start();
  return call;
}
