/**
 * Who is in the room: the participants and their media entries, as the channel told them.
 * Pure. A new session on the same room (after a lost connection) announces everything again under new ids; until
 * that snapshot is complete the people of before stay listed, so that nobody seems to leave and come back.
 */
import type { DeletedResource, MediaEntryResource, ParticipantResource } from './messages.js';

export interface Participant {
  readonly participantId: string;
  readonly displayName: string;
  readonly self: boolean;
  /** True without a microphone as well as with a muted one. */
  readonly muted: boolean;
  /** Names this person's microphone in the packets of the audio slots. */
  readonly csrc: number | undefined;
  readonly cameraOn: boolean;
  /** Shares a screen now. */
  readonly screenOn: boolean;
  /** Names this person's camera in the packets of the video slots, on or off; undefined: the server tells none. */
  readonly videoCsrc: number | undefined;
  /** The same for a shared screen; undefined when none is shared. */
  readonly screenCsrc: number | undefined;
  readonly joinedAtMs: number;
}

export interface AudioVideoPair {
  readonly participantId: string;
  readonly audioCsrc: number;
  readonly videoCsrc: number;
}

export interface ParticipantsChange {
  joined: Participant[];
  left: Participant[];
  changed: Participant[];
}

/** Pictures that are remembered; more than two for each person of the largest rooms. */
const PICTURES = 2_048;

type Entry = Omit<MediaEntryResource, 't'>;
type Person = { participantId: string; displayName: string; self: boolean; joinedAtMs: number };

const KEYS = [
  'displayName',
  'self',
  'muted',
  'csrc',
  'cameraOn',
  'screenOn',
  'videoCsrc',
  'screenCsrc',
  'joinedAtMs',
] as const satisfies (keyof Participant)[];
const same = (a: Participant, b: Participant): boolean => KEYS.every((key) => a[key] === b[key]);

export class ParticipantsStore {
  /** Resource id → its thing; ids are of one session. */
  readonly #people = new Map<number, Person>();
  readonly #entries = new Map<number, Entry>();
  /** CSRC → its source, of entries that are there and the last ones that were. Constant from join to leave. */
  readonly #pictures = new Map<number, Pick<Entry, 'participantId' | 'screenshare'>>();
  /** Of the session before, until the new one's snapshot is complete. */
  #before = new Map<string, Participant>();
  #listed: Participant[] = [];

  /** Stable order: who joined first, then by id. The array is new whenever anything in it is. */
  get participants(): readonly Participant[] {
    return this.#listed;
  }

  get(participantId: string): Participant | undefined {
    return this.#listed.find((participant) => participant.participantId === participantId);
  }

  /** Whose source it is, sound or picture; what belongs to a screen counts as its owner's. */
  byCsrc(csrc: number): Participant | undefined {
    for (const entry of this.#entries.values())
      if (entry.audioCsrc === csrc || entry.videoCsrc === csrc) return this.get(entry.participantId);
    return this.#listed.find((one) => one.csrc === csrc || one.videoCsrc === csrc || one.screenCsrc === csrc);
  }

  /** Whose picture it is, also for a moment after it has ended: its last frames may still be on a screen. */
  pictureOf(csrc: number): { participant: Participant | undefined; screenshare: boolean } | undefined {
    const picture = this.#pictures.get(csrc);
    return picture && { participant: this.get(picture.participantId), screenshare: picture.screenshare };
  }

  /** The sounds and pictures that belong together: microphone and camera, screen and its sound. */
  get pairs(): AudioVideoPair[] {
    const pairs: AudioVideoPair[] = [];
    for (const { participantId, audioCsrc, videoCsrc } of this.#entries.values())
      if (audioCsrc !== undefined && videoCsrc !== undefined)
        pairs.push({ participantId, audioCsrc, videoCsrc });
    return pairs;
  }

  /** The resource id of somebody's camera or screen on this session. */
  entryId(participantId: string, screenshare: boolean): number | undefined {
    for (const entry of this.#entries.values())
      if (entry.participantId === participantId && entry.screenshare === screenshare) return entry.id;
    return undefined;
  }

  /** A new session begins: forget the ids, keep the people until `endSnapshot`. */
  beginSnapshot(): void {
    this.#people.clear();
    this.#entries.clear();
    this.#before = new Map(this.#listed.map((participant) => [participant.participantId, participant]));
  }

  endSnapshot(): ParticipantsChange | undefined {
    this.#before.clear();
    return this.#update();
  }

  apply(
    resources: readonly (ParticipantResource | MediaEntryResource)[],
    deleted: readonly DeletedResource[],
  ): ParticipantsChange | undefined {
    for (const { id, kind } of deleted) (kind === 'participant' ? this.#people : this.#entries).delete(id);
    for (const resource of resources) {
      if (resource.t === 'mediaEntry') this.#remember(resource);
      else this.#people.set(resource.id, resource);
    }
    return this.#update();
  }

  #remember(entry: MediaEntryResource): void {
    const { id, videoCsrc, participantId, screenshare } = entry;
    this.#entries.set(id, entry);
    if (videoCsrc === undefined) return;
    this.#pictures.delete(videoCsrc);
    this.#pictures.set(videoCsrc, { participantId, screenshare });
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > PICTURES && oldest !== undefined) this.#pictures.delete(oldest);
  }

  #update(): ParticipantsChange | undefined {
    const mains = new Map<string, Entry>();
    const screens = new Map<string, Entry>();
    for (const entry of this.#entries.values())
      (entry.screenshare ? screens : mains).set(entry.participantId, entry);

    const now = new Map<string, Participant>();
    for (const { participantId, displayName, self, joinedAtMs } of this.#people.values()) {
      const main = mains.get(participantId);
      const screen = screens.get(participantId);
      // In a snapshot the person comes before the entries: what was known of them before holds until then.
      const before = main ? undefined : this.#before.get(participantId);
      const screenBefore = screen ? undefined : this.#before.get(participantId);
      now.set(participantId, {
        participantId,
        displayName,
        self,
        joinedAtMs,
        muted: main?.audioMuted ?? before?.muted ?? true,
        csrc: main?.audioCsrc ?? before?.csrc,
        cameraOn: main ? !main.videoMuted : (before?.cameraOn ?? false),
        videoCsrc: main?.videoCsrc ?? before?.videoCsrc,
        screenOn: screen ? !screen.videoMuted : (screenBefore?.screenOn ?? false),
        screenCsrc: screen?.videoCsrc ?? screenBefore?.screenCsrc,
      });
    }
    const self = [...now.values()].some((participant) => participant.self);
    for (const [id, participant] of this.#before) {
      // A server that has forgotten us gives us a new id: we are not two meanwhile.
      if (!now.has(id) && !(self && participant.self)) now.set(id, participant);
    }

    const change: ParticipantsChange = { joined: [], left: [], changed: [] };
    const listedBefore = new Map(this.#listed.map((participant) => [participant.participantId, participant]));
    const listed: Participant[] = [];
    for (const [id, participant] of now) {
      const old = listedBefore.get(id);
      if (!old) change.joined.push(participant);
      else if (!same(old, participant)) change.changed.push(participant);
      listed.push(old && same(old, participant) ? old : participant);
    }
    for (const [id, participant] of listedBefore) if (!now.has(id)) change.left.push(participant);
    if (change.joined.length + change.left.length + change.changed.length === 0) return undefined;

    listed.sort((a, b) => a.joinedAtMs - b.joinedAtMs || (a.participantId < b.participantId ? -1 : 1));
    this.#listed = listed;
    return change;
  }
}
