/**
 * One conference: who is in it, what they send, and the sessions that are told. Hands out resource ids.
 * News go to all sessions in the same order. Knows neither HTTP nor what the channels look like.
 * Elsewhere: when a room begins and ends → roomRegistry.ts · one connection → session.ts
 */
import type { Role } from '../auth/grants.js';
import type { MediaRoom } from '../media/mediaPort.js';
import { newParticipantId } from '../ids.js';
import type { Scheduler } from '../scheduler.js';
import type { ChatMessage, RecordingView, RoomNews, RoomSnapshot, SourceName } from './news.js';
import { ENTRY_SOURCES, Participant, type EntryName, type Nature, type Source } from './participant.js';
import type { Session } from './session.js';
import { Stages } from './stages.js';

type Entries = [EntryName, (typeof ENTRY_SOURCES)[EntryName]][];

/** The mark of the loudest; never a source's number. Virtual streams A6. */
const LOUDEST_CSRC = 42;

export class Room {
  readonly participants = new Map<string, Participant>();
  readonly sessions = new Map<string, Session>();
  /** Sessions that are being made: keep the room while it is still empty. */
  pending = 0;
  /** Sessions of the Meet endpoint, those that are being made included. */
  meetClients = 0;
  /** Sessions that play by WHEP, those that are being made included. They are nobody in the room, but keep it. */
  players = 0;
  /** What those of them play that are for one participant only. */
  readonly stages = new Stages(this.participants);
  closed = false;
  #media: Promise<MediaRoom> | undefined;
  #lastId = 0;
  #recording: RecordingView | undefined;

  constructor(
    readonly name: string,
    readonly createdAtMs: number,
    private readonly scheduler: Scheduler,
    private readonly random32: () => number,
    private readonly createMedia: () => Promise<MediaRoom>,
    /** Who is here, what they send or by which session has changed. */
    private readonly onChange: (room: Room) => void = () => undefined,
  ) {}

  /** The media side, made with the first session, and anew after its process died. */
  async media(): Promise<MediaRoom> {
    const making = this.#media;
    if (making) {
      const present = await making.catch(() => undefined);
      if (present && !present.lost) return present;
      // Somebody else, who waited for the same, may have begun anew meanwhile.
      if (this.#media !== making) return this.media();
    }
    this.#media = this.createMedia();
    return this.#media;
  }

  get isEmpty(): boolean {
    for (const { isBot } of this.participants.values()) if (!isBot) return false;
    return true;
  }

  /** Somebody is in it, or waits for somebody. */
  get isUsed(): boolean {
    return !this.isEmpty || this.players > 0;
  }

  snapshot(): RoomSnapshot {
    const known = [...this.participants.values()].filter(({ announced }) => announced);
    return {
      participants: known.map((participant) => participant.view()),
      entries: known.flatMap((participant) => participant.entries()),
      ...(this.#recording ? { recording: this.#recording } : {}),
    };
  }

  get recording(): RecordingView | undefined {
    return this.#recording;
  }

  /** Everybody is told, those who join later at once. */
  setRecording(recording: RecordingView | undefined): void {
    const before = this.#recording;
    if (before?.sinceMs === recording?.sinceMs && before?.mode === recording?.mode) return;
    this.#recording = recording;
    this.#tell({ t: 'recording', recording });
  }

  /** To be called by whoever changes something that no method here does. */
  changed(): void {
    this.onChange(this);
  }

  addParticipant(
    identity: string | undefined,
    displayName: string,
    roles: ReadonlySet<Role>,
    nature: Nature = 'person',
  ): Participant {
    const participant = new Participant(
      ++this.#lastId,
      newParticipantId(),
      identity,
      this.scheduler.nowMs(),
      displayName,
      roles,
      nature,
    );
    this.participants.set(participant.participantId, participant);
    return participant;
  }

  /** A participant's sources, as the media side numbered them. What is muted stays muted. */
  setSources(participant: Participant, sources: readonly { name: SourceName; csrc: number }[]): void {
    const before = new Map(participant.sources);
    participant.sources.clear();
    for (const { name, csrc } of sources) {
      const { muted, mutedBy } = before.get(name) ?? {
        muted: participant.startsMuted(name),
        mutedBy: undefined,
      };
      participant.sources.set(name, { name, csrc, muted, mutedBy });
    }
    this.#renewEntries(participant);
    this.changed();
  }

  /** An entry stays the same as long as its numbers do; other numbers are another entry. */
  #renewEntries(participant: Participant): void {
    for (const [name, { audio, video }] of Object.entries(ENTRY_SOURCES) as Entries) {
      const before = participant.mediaEntries.get(name);
      const [sound, picture] = [participant.sources.get(audio), participant.sources.get(video)];
      const sends = [sound, picture].some((source) => source && (name === 'main' || !source.muted));
      if (before && sends && before.audioCsrc === sound?.csrc) {
        if (picture === undefined || picture.csrc === before.videoCsrc) continue;
      }
      if (before) {
        participant.mediaEntries.delete(name);
        if (participant.announced) this.#tell({ t: 'entryGone', id: before.id });
      }
      if (!sends) continue;
      const videoCsrc = picture?.csrc ?? this.#freeCsrc();
      participant.mediaEntries.set(name, { id: ++this.#lastId, audioCsrc: sound?.csrc, videoCsrc });
      this.#tellEntry(participant, name);
    }
  }

  #tellEntry(participant: Participant, name: EntryName): void {
    const entry = participant.entry(name);
    if (entry && participant.announced) this.#tell({ t: 'entry', entry });
  }

  #freeCsrc(): number {
    const used = new Set([0, LOUDEST_CSRC]);
    for (const { sources, mediaEntries } of this.participants.values()) {
      for (const { csrc } of sources.values()) used.add(csrc);
      for (const { videoCsrc } of mediaEntries.values()) used.add(videoCsrc);
    }
    for (;;) {
      const csrc = this.random32() >>> 0;
      if (!used.has(csrc)) return csrc;
    }
  }

  /** The participant's first connection is up: from now on the others know of it. */
  announce(participant: Participant): void {
    if (participant.announced || !this.participants.has(participant.participantId)) return;
    participant.announced = true;
    this.#tell({ t: 'participant', participant: participant.view() });
    for (const entry of participant.entries()) this.#tell({ t: 'entry', entry });
    this.changed();
  }

  removeParticipant(participant: Participant): void {
    if (!this.participants.delete(participant.participantId)) return;
    if (!participant.announced) return;
    for (const { id } of participant.mediaEntries.values()) this.#tell({ t: 'entryGone', id });
    this.#tell({ t: 'participantGone', id: participant.id });
    this.changed();
  }

  /** Entries follow the participant: clients hang them to the participant object that they got last. */
  rename(participant: Participant, displayName: string): void {
    participant.displayName = displayName;
    if (!participant.announced) return;
    this.#tell({ t: 'participant', participant: participant.view() });
    for (const entry of participant.entries()) this.#tell({ t: 'entry', entry });
    this.changed();
  }

  /** Nobody is told when nothing changes. */
  setMuted(participant: Participant, source: Source, muted: boolean, by: 'self' | 'moderator'): void {
    if (source.muted === muted) return;
    source.muted = muted;
    source.mutedBy = muted ? by : undefined;
    participant.session?.setPaused(source.name, muted);
    const name = source.name === 'screen' || source.name === 'screenSound' ? 'screenshare' : 'main';
    const before = participant.mediaEntries.get(name);
    this.#renewEntries(participant);
    if (before && participant.mediaEntries.get(name) === before) this.#tellEntry(participant, name);
    this.changed();
  }

  chat(participant: Participant, text: string): void {
    const message: ChatMessage = {
      from: participant.participantId,
      displayName: participant.displayName,
      text,
      sentAtMs: this.scheduler.nowMs(),
    };
    this.#tell({ t: 'chat', message });
  }

  #tell(news: RoomNews): void {
    for (const session of [...this.sessions.values()]) session.handleNews(news);
  }

  closeMedia(): void {
    this.closed = true;
    this.#media?.then(
      (media) => media.close(),
      () => undefined,
    );
    this.#media = undefined;
  }
}
