/**
 * Resources of the channels `participants` and `media-entries`, and why they look so. Pure.
 * One client keys deletions by the resource's `id`, the other wants the very number of path segments, both take
 * `null` badly: absent fields are left out.
 */
import { createHash } from 'node:crypto';
import type { MediaEntryView, ParticipantView } from '../../rooms/news.js';

/** `participants/` and one segment. */
const participantKey = (participantId: string): string => `participants/${participantId}`;

export function participantResource(participant: ParticipantView): object {
  const { id, participantId, displayName, identity } = participant;
  // A person known by a token is signed in. The identity itself is the operator's business: only a digest goes out.
  const user =
    identity === undefined
      ? { anonymousUser: { displayName } }
      : { signedInUser: { user: `users/${digest(identity)}`, displayName } };
  return { id, participant: { participantId: id, participantKey: participantKey(participantId), ...user } };
}

/** `sessionName` is unique per entry, since one client keys entries by it; four segments. */
export function mediaEntryResource(entry: MediaEntryView): object {
  const key = participantKey(entry.participantId);
  return {
    id: entry.id,
    mediaEntry: {
      participantId: entry.owner,
      participantKey: key,
      sessionName: `${key}/participantSessions/s${entry.id}`,
      ...(entry.audioCsrc === undefined ? {} : { audioCsrc: entry.audioCsrc }),
      videoCsrcs: [entry.videoCsrc],
      presenter: false,
      screenshare: entry.screenshare,
      audioMuted: entry.audioMuted,
      videoMuted: entry.videoMuted,
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);
