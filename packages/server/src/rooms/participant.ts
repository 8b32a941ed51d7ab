/**
 * A person or bot in a room: stays the same over the sessions by which it is reached, one after the other.
 * Pure data with its few rules. Elsewhere: who is told of a change → room.ts
 */
import type { Role } from '../auth/grants.js';
import type { MediaEntryView, ParticipantView, SourceName } from './news.js';
import type { Session } from './session.js';

export interface Source {
  readonly entryId: number;
  readonly name: SourceName;
  readonly csrc: number;
  readonly videoCsrc: number;
  muted: boolean;
  /** Who muted it: only a mute of a moderator is undone by one, so that nobody opens another's microphone. */
  mutedBy: 'self' | 'moderator' | undefined;
}

export class Participant {
  readonly sources = new Map<SourceName, Source>();
  session: Session | undefined;
  /** The others know of it; from its first connection on. */
  announced = false;

  constructor(
    readonly id: number,
    readonly participantId: string,
    readonly identity: string | undefined,
    readonly joinedAtMs: number,
    public displayName: string,
    public roles: ReadonlySet<Role>,
  ) {}

  view(): ParticipantView {
    const { id, participantId, displayName, joinedAtMs, identity } = this;
    return { id, participantId, displayName, joinedAtMs, identity };
  }

  entries(): MediaEntryView[] {
    return [...this.sources.values()].map((source) => this.entry(source));
  }

  entry(source: Source): MediaEntryView {
    return {
      id: source.entryId,
      owner: this.id,
      participantId: this.participantId,
      source: source.name,
      audioCsrc: source.csrc,
      videoCsrc: source.videoCsrc,
      audioMuted: source.muted,
      screenshare: source.name === 'screenSound',
    };
  }
}
