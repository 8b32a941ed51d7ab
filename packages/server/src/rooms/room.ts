/**
 * One conference: who is in it, what they send, and the sessions that are told. Hands out resource ids.
 * News go to all sessions in the same order. Knows neither HTTP nor what the channels look like.
 * Elsewhere: when a room begins and ends → roomRegistry.ts · one connection → session.ts
 */
import type { Role } from '../auth/grants.js';
import type { MediaRoom } from '../media/mediaPort.js';
import { newParticipantId } from '../ids.js';
import type { Scheduler } from '../scheduler.js';
import type { ChatMessage, RoomNews, RoomSnapshot, SourceName } from './news.js';
import { Participant, type Source } from './participant.js';
import type { Session } from './session.js';

/** The mark of the loudest; never a source's number. Virtual streams A6. */
const LOUDEST_CSRC = 42;

export class Room {
  readonly participants = new Map<string, Participant>();
  readonly sessions = new Map<string, Session>();
  /** Sessions that are being made: keep the room while it is still empty. */
  pending = 0;
  /** Sessions of the Meet endpoint, those that are being made included. */
  meetClients = 0;
  closed = false;
  #media: Promise<MediaRoom> | undefined;
  #lastId = 0;

  constructor(
    readonly name: string,
    readonly createdAtMs: number,
    private readonly scheduler: Scheduler,
    private readonly random32: () => number,
    private readonly createMedia: () => Promise<MediaRoom>,
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
    return this.participants.size === 0;
  }

  snapshot(): RoomSnapshot {
    const known = [...this.participants.values()].filter(({ announced }) => announced);
    return {
      participants: known.map((participant) => participant.view()),
      entries: known.flatMap((participant) => participant.entries()),
    };
  }

  addParticipant(identity: string | undefined, displayName: string, roles: ReadonlySet<Role>): Participant {
    const participant = new Participant(
      ++this.#lastId,
      newParticipantId(),
      identity,
      this.scheduler.nowMs(),
      displayName,
      roles,
    );
    this.participants.set(participant.participantId, participant);
    return participant;
  }

  /** A source of a participant, as the media side numbered it. An old source of that name keeps its entry. */
  setSources(participant: Participant, sources: readonly { name: SourceName; csrc: number }[]): void {
    for (const name of [...participant.sources.keys()])
      if (!sources.some((one) => one.name === name)) this.#removeSource(participant, name);
    for (const { name, csrc } of sources) {
      const old = participant.sources.get(name);
      if (old?.csrc === csrc) continue;
      if (old) this.#removeSource(participant, name);
      const source: Source = {
        entryId: ++this.#lastId,
        name,
        csrc,
        videoCsrc: this.#freeCsrc(),
        muted: old?.muted ?? false,
        mutedBy: old?.mutedBy,
      };
      participant.sources.set(name, source);
      if (participant.announced) this.#tell({ t: 'entry', entry: participant.entry(source) });
    }
  }

  #removeSource(participant: Participant, name: SourceName): void {
    const source = participant.sources.get(name);
    if (!source) return;
    participant.sources.delete(name);
    if (participant.announced) this.#tell({ t: 'entryGone', id: source.entryId });
  }

  #freeCsrc(): number {
    const used = new Set([0, LOUDEST_CSRC]);
    for (const { sources } of this.participants.values())
      for (const { csrc, videoCsrc } of sources.values()) used.add(csrc).add(videoCsrc);
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
  }

  removeParticipant(participant: Participant): void {
    if (!this.participants.delete(participant.participantId)) return;
    if (!participant.announced) return;
    for (const { entryId } of participant.sources.values()) this.#tell({ t: 'entryGone', id: entryId });
    this.#tell({ t: 'participantGone', id: participant.id });
  }

  /** Entries follow the participant: clients hang them to the participant object that they got last. */
  rename(participant: Participant, displayName: string): void {
    participant.displayName = displayName;
    if (!participant.announced) return;
    this.#tell({ t: 'participant', participant: participant.view() });
    for (const entry of participant.entries()) this.#tell({ t: 'entry', entry });
  }

  /** Nobody is told when nothing changes. */
  setMuted(participant: Participant, source: Source, muted: boolean, by: 'self' | 'moderator'): void {
    if (source.muted === muted) return;
    source.muted = muted;
    source.mutedBy = muted ? by : undefined;
    participant.session?.setPaused(source.name, muted);
    if (participant.announced) this.#tell({ t: 'entry', entry: participant.entry(source) });
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
