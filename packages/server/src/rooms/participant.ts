/**
 * A person or bot in a room: stays the same over the sessions by which it is reached, one after the other.
 * Pure data with its few rules. Elsewhere: who is told of a change → room.ts
 */
import type { Role } from '../auth/grants.js';
import type { MediaEntryView, ParticipantView, SourceName } from './news.js';
import type { Session } from './session.js';

export interface Source {
  readonly name: SourceName;
  readonly csrc: number;
  muted: boolean;
  /** Who muted it: only a mute of a moderator is undone by one, so that nobody opens another's microphone. */
  mutedBy: 'self' | 'moderator' | undefined;
}

/** What others know of a device: its sound and its picture. */
export interface MediaEntry {
  readonly id: number;
  readonly audioCsrc: number | undefined;
  readonly videoCsrc: number;
}

/** Sound and picture of each entry. */
export const ENTRY_SOURCES = {
  main: { audio: 'microphone', video: 'camera' },
  screenshare: { audio: 'screenSound', video: 'screen' },
} as const;
export type EntryName = keyof typeof ENTRY_SOURCES;

/** A person with a client; a program of the Meet endpoint; an encoder that publishes by WHIP. */
export type Nature = 'person' | 'bot' | 'publisher';

export class Participant {
  readonly sources = new Map<SourceName, Source>();
  readonly mediaEntries = new Map<EntryName, MediaEntry>();
  session: Session | undefined;
  /** The others know of it; from its first connection on. */
  announced = false;
  /** By a moderator: this camera goes before that of who speaks. */
  pinned = false;

  constructor(
    readonly id: number,
    readonly participantId: string,
    readonly identity: string | undefined,
    readonly joinedAtMs: number,
    public displayName: string,
    public roles: ReadonlySet<Role>,
    readonly nature: Nature = 'person',
  ) {}

  /** A program that speaks. A conference of bots alone is over. */
  get isBot(): boolean {
    return this.nature === 'bot';
  }

  /** A microphone is heard from the start; whoever shows something says so. The others' protocols have no words to say it. */
  startsMuted(name: SourceName): boolean {
    return this.nature === 'person' && name !== 'microphone';
  }

  view(): ParticipantView {
    const { id, participantId, displayName, joinedAtMs, identity } = this;
    return { id, participantId, displayName, joinedAtMs, identity };
  }

  entries(): MediaEntryView[] {
    return [...this.mediaEntries.keys()].flatMap((name) => this.entry(name) ?? []);
  }

  entry(name: EntryName): MediaEntryView | undefined {
    const entry = this.mediaEntries.get(name);
    if (!entry) return undefined;
    const { audio, video } = ENTRY_SOURCES[name];
    return {
      id: entry.id,
      owner: this.id,
      participantId: this.participantId,
      screenshare: name === 'screenshare',
      audioCsrc: entry.audioCsrc,
      videoCsrc: entry.videoCsrc,
      audioMuted: this.isMuted(audio),
      videoMuted: this.isMuted(video),
    };
  }

  /** True as well where there is no such source. */
  isMuted(name: SourceName): boolean {
    return this.sources.get(name)?.muted ?? true;
  }
}
