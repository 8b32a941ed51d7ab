/**
 * What a moderator does to somebody in a room: mute, pin, another role.
 * Elsewhere: who may → ../auth/grants.ts · removing somebody, which ends a session → conference.ts · what people do to
 * themselves → conference.ts
 */
import type { MediaKind } from '@tertulia/wire';
import type { SourceName } from './news.js';
import type { Participant } from './participant.js';
import type { Room } from './room.js';

export const PARTICIPANT_ROLES = ['listener', 'speaker', 'moderator'] as const;
export type ParticipantRole = (typeof PARTICIPANT_ROLES)[number];

/** What is muted together. */
const MODERATED: Readonly<Record<MediaKind, readonly SourceName[]>> = {
  audio: ['microphone', 'screenSound'],
  video: ['camera', 'screen'],
};

/** A moderator can undo its own mute, never one that the person chose. */
export function mute(room: Room, participant: Participant, kind: MediaKind, muted: boolean): void {
  for (const source of participant.sources.values()) {
    if (!MODERATED[kind].includes(source.name)) continue;
    if (muted || source.mutedBy === 'moderator') room.setMuted(participant, source, muted, 'moderator');
  }
}

/** Its camera goes before that of who speaks, on every relevant canvas of the room. */
export function pin(participant: Participant, pinned: boolean): void {
  participant.pinned = pinned;
  participant.session?.setPinned('camera', pinned);
}

/** A listener is muted and cannot undo it; the other two may speak. */
export function setRole(room: Room, participant: Participant, role: ParticipantRole): void {
  const roles = new Set(participant.roles);
  roles.delete('publish');
  roles.delete('moderate');
  if (role !== 'listener') roles.add('publish');
  if (role === 'moderator') roles.add('moderate');
  participant.roles = roles;
  if (role === 'listener')
    for (const kind of ['audio', 'video'] as const) mute(room, participant, kind, true);
  participant.session?.handleSelfChange();
}
