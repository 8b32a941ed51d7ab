/**
 * Which files and tracks one recording has, as people come, go, switch something on and off, or get another session.
 * Pure: the room's state goes in, steps come out, in an order in which they can be carried out one after the other.
 *
 * A file begins when its first source is switched on. Microphone and camera are kept while the person stays, so that a pause is
 * a gap in the file; a shared screen and its sound end with the sharing, and the next sharing is the next file.
 * Elsewhere: who carries the steps out → recording.ts · mode `room`, whose tracks are slots → recording.ts
 */
import type { SourceName } from '../rooms/news.js';
import type { RecordingMode } from './modes.js';
import type { FileAbout, TrackAbout } from './recorderPort.js';

export interface PersonView {
  readonly participantId: string;
  readonly displayName: string;
  /** Names the session behind the sources; undefined while there is none that sends. */
  readonly sessionId: string | undefined;
  readonly sources: readonly SourceView[];
}

export interface SourceView {
  readonly name: SourceName;
  readonly csrc: number;
  readonly muted: boolean;
}

export type Step =
  | { readonly t: 'addFile'; readonly fileId: string; readonly about: FileAbout }
  | {
      readonly t: 'addTrack';
      readonly trackId: string;
      readonly fileId: string;
      readonly csrc: number;
      readonly about: TrackAbout;
    }
  | { readonly t: 'removeTrack'; readonly trackId: string }
  | { readonly t: 'endFile'; readonly fileId: string }
  | {
      readonly t: 'nameCsrc';
      readonly csrc: number;
      readonly participantId: string;
      readonly displayName: string;
      readonly source: SourceName;
    }
  | { readonly t: 'mark'; readonly what: string; readonly data: object };

export interface PlanOptions {
  readonly mode: RecordingMode;
  /** Only this person. */
  readonly participantId?: string | undefined;
}

interface Track {
  readonly trackId: string;
  readonly sessionId: string;
  readonly csrc: number;
}

interface File {
  readonly fileId: string;
  readonly participantId: string;
  readonly tracks: Map<SourceName, Track>;
}

/** What is together in one file. */
const GROUPS: Readonly<Record<'sources' | 'participants', readonly (readonly SourceName[])[]>> = {
  sources: [['microphone'], ['camera'], ['screenSound'], ['screen']],
  participants: [
    ['microphone', 'camera'],
    ['screen', 'screenSound'],
  ],
};
/** Ends when it is switched off. */
const isOfScreen = (name: SourceName): boolean => name === 'screen' || name === 'screenSound';

export class RecordingPlan {
  /** By participant and first source of the group. */
  readonly #files = new Map<string, File>();
  #people: readonly PersonView[] = [];
  #lastFile = 0;
  #lastTrack = 0;

  constructor(private readonly options: PlanOptions) {}

  /** @returns what is to be done so that the recording follows */
  update(people: readonly PersonView[]): Step[] {
    const { mode, participantId } = this.options;
    const recorded = people.filter(
      (one) => participantId === undefined || one.participantId === participantId,
    );
    const steps = [...this.#marks(recorded)];
    if (mode === 'room') steps.push(...this.#names(recorded));
    else {
      for (const person of recorded)
        for (const group of GROUPS[mode]) steps.push(...this.#follow(person, group));
      for (const [key, file] of [...this.#files])
        if (!recorded.some((one) => one.participantId === file.participantId))
          steps.push(...this.#end(key, file));
    }
    this.#people = recorded;
    return steps;
  }

  /** The way from the media process is gone, and all tracks with it: the next update adds them anew. */
  tracksLost(): Step[] {
    return [...this.#files.values()].flatMap((file) => {
      const steps = [...file.tracks.values()].map(({ trackId }): Step => ({ t: 'removeTrack', trackId }));
      file.tracks.clear();
      return steps;
    });
  }

  /** A step could not be carried out, as its source was gone by then: the next update tries again if it is still wanted. */
  trackFailed(trackId: string): void {
    for (const { tracks } of this.#files.values())
      for (const [name, track] of tracks) if (track.trackId === trackId) tracks.delete(name);
  }

  #follow(person: PersonView, group: readonly SourceName[]): Step[] {
    const key = `${person.participantId}/${group[0]}`;
    const steps: Step[] = [];
    const present = person.sources.filter(({ name }) => group.includes(name));
    let file = this.#files.get(key);
    if (file && group.some(isOfScreen) && present.every(({ muted }) => muted)) return this.#end(key, file);
    for (const [name, track] of file?.tracks ?? []) {
      const still = present.find((source) => source.name === name);
      if (still && still.csrc === track.csrc && track.sessionId === person.sessionId) continue;
      file?.tracks.delete(name);
      steps.push({ t: 'removeTrack', trackId: track.trackId });
    }
    for (const { name, csrc, muted } of present) {
      if (muted || person.sessionId === undefined || file?.tracks.has(name)) continue;
      const about = { participantId: person.participantId, displayName: person.displayName };
      if (!file) {
        const fileId = `f${++this.#lastFile}`;
        file = { fileId, participantId: person.participantId, tracks: new Map() };
        this.#files.set(key, file);
        steps.push({ t: 'addFile', fileId, about: { ...about, ...this.#fileSource(group) } });
      }
      const trackId = `t${++this.#lastTrack}`;
      file.tracks.set(name, { trackId, sessionId: person.sessionId, csrc });
      steps.push({ t: 'addTrack', trackId, fileId: file.fileId, csrc, about: { ...about, source: name } });
    }
    return steps;
  }

  /** Sound and picture of a person need no name of a source. */
  #fileSource([first]: readonly SourceName[]): { source?: SourceName } {
    const named = this.options.mode === 'sources' || first === 'screen';
    return named && first !== undefined ? { source: first } : {};
  }

  #end(key: string, file: File): Step[] {
    this.#files.delete(key);
    const tracks = [...file.tracks.values()].map(({ trackId }): Step => ({ t: 'removeTrack', trackId }));
    return [...tracks, { t: 'endFile', fileId: file.fileId }];
  }

  /** For those who read the switches of slots later. */
  *#names(people: readonly PersonView[]): Generator<Step> {
    for (const { participantId, displayName, sources } of people) {
      const before = this.#people.find((one) => one.participantId === participantId);
      for (const { name: source, csrc } of sources) {
        const known = before?.sources.find((one) => one.name === source);
        if (known?.csrc === csrc && before?.displayName === displayName) continue;
        yield { t: 'nameCsrc', csrc, participantId, displayName, source };
      }
    }
  }

  *#marks(people: readonly PersonView[]): Generator<Step> {
    for (const { participantId, displayName, sources } of people) {
      const before = this.#people.find((one) => one.participantId === participantId);
      if (!before) yield { t: 'mark', what: 'joined', data: { participantId, displayName } };
      else if (before.displayName !== displayName)
        yield { t: 'mark', what: 'renamed', data: { participantId, displayName } };
      for (const { name: source, muted } of sources) {
        const known = before?.sources.find((one) => one.name === source);
        if ((known?.muted ?? true) !== muted)
          yield { t: 'mark', what: muted ? 'off' : 'on', data: { participantId, source } };
      }
    }
    for (const { participantId } of this.#people)
      if (!people.some((one) => one.participantId === participantId))
        yield { t: 'mark', what: 'left', data: { participantId } };
  }
}
