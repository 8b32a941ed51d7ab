/** What a token allows. Pure. Elsewhere: how a token is verified → tokens.ts */
import { z } from 'zod';
import { isRoomName } from '../names.js';

export const ROLES = ['join', 'publish', 'subscribe', 'moderate', 'record', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The claim `tertulia` of a token. Roles that this version does not know are ignored: they can only add rights. */
export const TertuliaClaim = z.object({
  room: z.string().refine((name) => name === ANY_ROOM || isRoomName(name)),
  roles: z
    .array(z.string().max(64))
    .max(32)
    .transform((roles) => ROLES.filter((role) => roles.includes(role))),
  audioSlots: z.int().min(0).max(16).optional(),
  videoSlots: z.int().min(0).max(16).optional(),
  single: z.boolean().optional(),
});

/** Only tokens for programs should say so: a token for every room. */
export const ANY_ROOM = '*';

export interface Grants {
  /** `sub`, or undefined on an open server. */
  readonly identity: string | undefined;
  readonly displayName: string | undefined;
  /** Room name as the token has it, or ANY_ROOM. */
  readonly room: string;
  readonly roles: ReadonlySet<Role>;
  readonly audioSlots: number | undefined;
  readonly videoSlots: number | undefined;
  /** The same identity may be in the room once only. */
  readonly single: boolean;
}

export const mayRecord = (roles: ReadonlySet<Role>): boolean => roles.has('record') || roles.has('admin');

/** On a server without keys everybody may do everything. */
export const OPEN_GRANTS: Grants = {
  identity: undefined,
  displayName: undefined,
  room: ANY_ROOM,
  roles: new Set(ROLES),
  audioSlots: undefined,
  videoSlots: undefined,
  single: false,
};
