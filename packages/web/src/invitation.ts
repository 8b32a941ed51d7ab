/**
 * Which room this page is about, and the link that invites others. Pure. The token is in the fragment, which is never
 * sent to a server; it is personal, so an invitation link does not carry it.
 */
export interface Place {
  /** undefined at the start, and where there is no room. */
  room: string | undefined;
  /** undefined when the address is of the start or of a room. */
  wrong: WrongLink | undefined;
  token: string | undefined;
  debug: boolean;
}

/** What an address is wrong by: the name in it can be no room's, or it is of nothing that this page has. */
export type WrongLink = 'room-name' | 'address';

const ROOM_NAME = /^[A-Za-z0-9._~-]{1,64}$/;
export const isRoomName = (name: string): boolean => ROOM_NAME.test(name) && name !== '.' && name !== '..';

/** What somebody typed, as a room name: `Tuesday Tea!` becomes `tuesday-tea`. May be empty. */
export function roomNameFrom(text: string): string {
  const name = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .trim()
    .replace(/\s+/g, '-')
    .replace(/[^A-Za-z0-9._~-]/g, '')
    .slice(0, 64)
    .toLowerCase();
  return isRoomName(name) ? name : '';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function readPlace({ pathname, search, hash }: Pick<Location, 'pathname' | 'search' | 'hash'>): Place {
  const rest = { token: tokenOf(hash), debug: new URLSearchParams(search).has('debug') };
  if (START.test(pathname)) return { room: undefined, wrong: undefined, ...rest };
  // A room's figures are another screen, but not when there can be no such room.
  const name = /^\/r\/([^/]+)(?:\/stats)?\/?$/.exec(pathname)?.[1];
  if (name === undefined) return { room: undefined, wrong: 'address', ...rest };
  const room = decoded(name);
  return isRoomName(room)
    ? { room, wrong: undefined, ...rest }
    : { room: undefined, wrong: 'room-name', ...rest };
}

const START = /^\/(index\.html)?$/;

/** `/r/{room}/stats`: the room's figures in place of its call. undefined anywhere else, also when no room can have this name. */
export function readStatsPlace({
  pathname,
  hash,
}: Pick<Location, 'pathname' | 'hash'>): { room: string; token: string | undefined } | undefined {
  const match = /^\/r\/([^/]+)\/stats\/?$/.exec(pathname);
  const room = match?.[1] === undefined ? '' : decoded(match[1]);
  return isRoomName(room) ? { room, token: tokenOf(hash) } : undefined;
}

const tokenOf = (hash: string): string | undefined =>
  new URLSearchParams(hash.replace(/^#/, '')).get('token') || undefined;

export const invitationLink = (origin: string, room: string): string =>
  `${origin}/r/${encodeURIComponent(room)}`;

// Short, plain, easy to say on the phone.
const FIRST = [
  'amber',
  'calm',
  'cedar',
  'clear',
  'early',
  'gentle',
  'green',
  'linen',
  'lucid',
  'quiet',
  'river',
  'warm',
];
const SECOND = [
  'bench',
  'garden',
  'harbor',
  'kitchen',
  'lamp',
  'meadow',
  'orchard',
  'porch',
  'salon',
  'square',
  'table',
  'window',
];

/** A name nobody will guess by chance: two words and four characters. @param chance 0…1, evenly distributed */
export function newRoomName(chance: () => number): string {
  const pick = (words: readonly string[]): string => words[Math.floor(chance() * words.length)] ?? words[0]!;
  const letters = Array.from({ length: 4 }, () => pick([...'abcdefghjkmnpqrstuvwxyz23456789'])).join('');
  return `${pick(FIRST)}-${pick(SECOND)}-${letters}`;
}
