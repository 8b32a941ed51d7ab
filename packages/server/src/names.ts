/** Names that come from outside: rooms and people. Pure; they never become paths. */
import { LIMITS } from './limits.js';

const ROOM_NAME = /^[A-Za-z0-9._~-]{1,64}$/;

/** The unreserved characters of RFC 3986 §2.3, so that a name is the same in every URL. */
export function isRoomName(name: string): boolean {
  return ROOM_NAME.test(name) && name !== '.' && name !== '..';
}

/**
 * A name fit to be shown: no control characters, no unpaired surrogates, no bidirectional overrides (they could
 * reorder the text around it), spaces made single. `undefined` when nothing is left.
 */
export function cleanDisplayName(name: string): string | undefined {
  const cleaned = name
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
  const cut = [...cleaned].slice(0, LIMITS.displayNameCodePoints).join('');
  return cut === '' ? undefined : cut;
}
