/**
 * One file of a recording: its tracks, and the parts that they go into.
 * Elsewhere: which frame into which part → ../media/fileParts.ts · bytes → partFile.ts · what there is to record → recording.ts
 */
import { FileParts, type PartSink } from '../media/fileParts.js';
import { IncomingTrack, type TrackParameters } from '../media/incomingTrack.js';
import { TallyTaker } from '../media/sidecar.js';
import type { FileAbout, FileProgress, FileResult, PartResult, TrackAbout } from '../types.js';
import { PartFile, type PartOptions, type PartSurroundings } from './partFile.js';

/**
 * What is written is so far behind the clock, and behind what came latest, the wait for a reading included: frames of two
 * tracks that belong together come at different times. Blocks that are later still are not lost, they only lie further
 * behind in the file.
 */
const BEHIND_MS = 50;

const NOWHERE: PartSink = { write: () => undefined, replace: () => undefined, close: () => undefined };

interface FileTrack {
  readonly incoming: IncomingTrack;
  readonly about: TrackAbout;
  readonly tally: TallyTaker;
}

/** Wall clock, ms since 1970. */
export interface Clock {
  nowMs(): number;
  /** Of an arrival. */
  wallMs(micros: number): number;
}

export class FileRecording {
  readonly #tracks = new Map<string, FileTrack>();
  /** Of tracks that were removed, too. */
  readonly #abouts = new Map<string, TrackAbout>();
  /** Of tracks that were removed while the part that will have them still gathers. */
  readonly #unsettled = new Map<string, TallyTaker>();
  readonly #parts: FileParts;
  readonly #files: PartFile[] = [];
  readonly #clock: Clock;
  readonly #around: PartSurroundings;
  #ending: Promise<FileResult> | undefined;

  constructor(
    readonly fileId: string,
    readonly fileName: string,
    readonly about: FileAbout,
    around: Omit<PartSurroundings, 'trackAbout' | 'takeTally'>,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#around = {
      ...around,
      trackAbout: (trackId) => this.#abouts.get(trackId) ?? {},
      takeTally: (trackId) => (this.#tracks.get(trackId)?.tally ?? this.#unsettled.get(trackId))?.take(),
    };
    this.#parts = new FileParts(
      {
        openPart: (number, tracks, startMs) => {
          for (const { trackIds } of tracks) for (const trackId of trackIds) this.#settle(trackId);
          return this.#openPart({ fileName, number, about, tracks, startMs });
        },
        wantKeyFrame: (trackId) => this.#tracks.get(trackId)?.incoming.keyFrames.want(),
        leaveOut: (trackId) => this.#tracks.get(trackId)?.incoming.reader.leaveOut('frame-awaits-part'),
      },
      (micros) => clock.wallMs(micros),
    );
  }

  addTrack(trackId: string, parameters: TrackParameters, about: TrackAbout): IncomingTrack {
    const incoming = new IncomingTrack(parameters, (frame) =>
      this.#parts.handleFrame(trackId, frame, this.#clock.nowMs()),
    );
    this.#tracks.set(trackId, { incoming, about, tally: new TallyTaker(incoming) });
    this.#abouts.set(trackId, about);
    const key = JSON.stringify([parameters.kind, about.participantId, about.source, about.slot]);
    this.#parts.addTrack(trackId, parameters.kind, key, incoming.timeline);
    return incoming;
  }

  removeTrack(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    track.incoming.end();
    this.#settle(trackId);
    if (!this.#files.some((file) => file.holds(trackId))) this.#unsettled.set(trackId, track.tally);
    this.#parts.removeTrack(trackId);
    this.#tracks.delete(trackId);
  }

  get trackIds(): string[] {
    return [...this.#tracks.keys()];
  }

  /** Parts begin, clusters are written. */
  tick(nowMs: number): void {
    this.#parts.poll(nowMs);
    let wholeUntilMs = nowMs;
    for (const { incoming } of this.#tracks.values()) {
      const since = incoming.line.missing.oldestMicros();
      if (since !== undefined) wholeUntilMs = Math.min(wholeUntilMs, this.#clock.wallMs(since));
    }
    wholeUntilMs -= BEHIND_MS + this.#parts.latenessMs;
    for (const file of this.#files) file.tick(nowMs, wholeUntilMs);
  }

  /** Packets received and given up so far, of tracks that are there. */
  packets(): { received: number; lost: number } {
    let received = 0;
    let lost = 0;
    for (const { incoming } of this.#tracks.values()) {
      received += incoming.line.counters.received;
      lost += incoming.line.counters.lost;
    }
    return { received, lost };
  }

  progress(): FileProgress {
    const { fileId } = this;
    const parts = this.#files.length;
    let bytes = 0;
    let durationMs = 0;
    for (const file of this.#files) {
      bytes += file.bytes;
      durationMs += file.durationMs;
    }
    const name = this.#files.at(-1)?.name ?? '';
    return { fileId, name, bytes, durationMs: Math.round(durationMs), parts };
  }

  /** Of the parts so far. */
  results(): PartResult[] {
    return this.#files.map((file) => file.result());
  }

  /** @returns after all parts are finished. @param giveUp the disk takes no more */
  end(giveUp: boolean): Promise<FileResult> {
    this.#ending ??= this.#end(giveUp);
    return this.#ending;
  }

  async #end(giveUp: boolean): Promise<FileResult> {
    for (const { incoming } of this.#tracks.values()) incoming.end();
    this.#parts.end(this.#clock.nowMs());
    const parts = await Promise.all(this.#files.map((file) => file.ended(giveUp)));
    this.#tracks.clear();
    return { fileId: this.fileId, about: this.about, parts };
  }

  /** What cannot be begun ends the recording, not the process and the recordings beside it. */
  #openPart(options: PartOptions): PartSink {
    try {
      const file = new PartFile(options, this.#around);
      this.#files.push(file);
      return file;
    } catch (error) {
      this.#around.handleError(error instanceof Error ? error : new Error(String(error)));
      return NOWHERE;
    }
  }

  #settle(trackId: string): void {
    this.#files.findLast((file) => file.holds(trackId))?.settle(trackId);
  }
}
