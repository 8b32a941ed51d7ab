/**
 * One part of a file on disk: `NAME.part` while it grows, then finished under its own name, and a JSON file beside it.
 * Elsewhere: which frames → ../media/fileParts.ts · bytes of clusters → ../container/ · writing → appendFile.ts
 */
import { join } from 'node:path';
import { containerFor, MatroskaWriter, type FinishedFile, type TrackHeader } from '../container/index.js';
import type { PartSink, PartTrack } from '../media/fileParts.js';
import { TrackRecord, type Tally } from '../media/sidecar.js';
import type { TrackFrame } from '../media/trackReader.js';
import type { CsrcName, FileAbout, PartResult, TrackAbout } from '../types.js';
import { AppendFile, type AppendError } from './appendFile.js';
import { BufferPool } from './bufferPool.js';
import type { FileLayer } from './fileLayer.js';

/** Between two writings of the JSON file: after a kill it is that old, the file beside it is not. */
const SIDECAR_MS = 30_000;

/** Of the whole process. */
const clusters = new BufferPool();

/** Gives a file that has ended its duration and cues, and its name. */
export type Finisher = (path: string, options: { to: string }) => Promise<FinishedFile>;

/** What a part needs of the recording that it belongs to. */
export interface PartSurroundings {
  readonly layer: FileLayer;
  readonly finisher: Finisher;
  readonly folder: string;
  readonly recordingId: string;
  readonly names: ReadonlyMap<number, CsrcName>;
  trackAbout(trackId: string): TrackAbout;
  /** What the track at this place has counted since the last time. */
  takeTally(trackId: string): Tally | undefined;
  handleError(error: AppendError): void;
  /** There is a further part. */
  handleBegun(): void;
}

export interface PartOptions {
  /** '01' */
  readonly fileName: string;
  readonly number: number;
  readonly about: FileAbout;
  readonly tracks: readonly PartTrack[];
  readonly startMs: number;
}

export class PartFile implements PartSink {
  readonly name: string;
  readonly #options: PartOptions;
  readonly #around: PartSurroundings;
  readonly #writer: MatroskaWriter;
  readonly #file: AppendFile;
  /** By number, from 1. */
  readonly #records: (TrackRecord | undefined)[] = [];
  /** Who fills each place now. */
  readonly #holders: string[];
  #finished: FinishedFile | undefined;
  #sidecarMs: number;
  #sidecar: Promise<void> = Promise.resolve();
  #end: Promise<void> | undefined;
  #giveUp = false;

  constructor(options: PartOptions, around: PartSurroundings) {
    const { tracks, startMs, fileName, number } = options;
    this.#options = options;
    this.#around = around;
    this.#sidecarMs = startMs;
    const extension = containerFor(tracks.map(({ codec }) => codec));
    this.name = `${fileName}${number === 1 ? '' : `.part${number}`}.${extension}`;
    this.#writer = new MatroskaWriter({
      tracks: tracks.map(headerOf),
      startedAt: Math.round(startMs),
      memory: clusters,
    });
    this.#file = new AppendFile(
      join(around.folder, `${this.name}.part`),
      around.layer,
      around.handleError,
      (piece) => clusters.give(piece),
    );
    this.#file.append([this.#writer.header()]);
    this.#holders = tracks.map(({ trackIds }) => trackIds.at(-1) ?? '');
    for (const track of tracks) {
      const record = new TrackRecord(track);
      for (const trackId of track.trackIds) record.addSource(around.trackAbout(trackId));
      this.#records[track.number] = record;
    }
    around.handleBegun();
    // As soon as the first frames are in it: who looks at what a kill left finds who it was.
    queueMicrotask(() => void this.#writeSidecar(false));
  }

  get bytes(): number {
    return this.#finished?.bytes ?? this.#file.bytes;
  }

  get durationMs(): number {
    return this.#finished?.durationMs ?? this.#writtenMs();
  }

  write(number: number, wallMs: number, frame: TrackFrame): void {
    const timeMs = Math.max(0, wallMs - this.#options.startMs);
    this.#records[number]!.handleFrame(frame, timeMs);
    this.#writer.write({ track: number, timeMs, keyFrame: frame.keyFrame, data: frame.data });
  }

  replace(number: number, trackId: string): void {
    this.#holders[number - 1] = trackId;
    this.#records[number]!.addSource(this.#around.trackAbout(trackId));
  }

  holds(trackId: string): boolean {
    return this.#holders.includes(trackId);
  }

  /** What the track has counted goes to this part, if it fills one of its places. */
  settle(trackId: string): void {
    const number = this.#holders.lastIndexOf(trackId) + 1;
    if (number === 0) return;
    const tally = this.#around.takeTally(trackId);
    if (tally) this.#records[number]!.addTally(tally);
  }

  /** @param nowMs wall clock @param wholeUntilMs nothing earlier is waited for */
  tick(nowMs: number, wholeUntilMs: number): void {
    if (this.#end) return;
    this.#file.append(this.#writer.cut(wholeUntilMs - this.#options.startMs));
    if (nowMs - this.#sidecarMs < SIDECAR_MS) return;
    this.#sidecarMs = nowMs;
    for (const trackId of this.#holders) this.settle(trackId);
    void this.#writeSidecar(false);
  }

  close(): void {
    this.#end ??= this.#finish();
  }

  /** @param giveUp the disk takes no more: what is there gets its name as it is */
  async ended(giveUp: boolean): Promise<PartResult> {
    this.#giveUp ||= giveUp;
    this.close();
    await this.#end;
    return this.result();
  }

  result(): PartResult {
    const { name, bytes, durationMs } = this;
    return { name, bytes, durationMs: Math.round(durationMs), finished: this.#finished?.indexed === true };
  }

  async #finish(): Promise<void> {
    const { layer, folder, finisher } = this.#around;
    for (const trackId of this.#holders) this.settle(trackId);
    this.#file.append(this.#writer.end());
    await this.#file.close();
    const from = join(folder, `${this.name}.part`);
    const to = join(folder, this.name);
    if (!this.#giveUp && !this.#file.failed) {
      // Without it the file plays all the same; only seeking is slow.
      this.#finished = await finisher(from, { to }).catch(() => undefined);
    }
    if (!this.#finished) await layer.rename(from, to).catch(() => undefined);
    await this.#writeSidecar(true);
  }

  #writtenMs(): number {
    let ms = 0;
    for (const record of this.#records) if (record) ms = Math.max(ms, record.lastMs);
    return ms;
  }

  async #writeSidecar(ended: boolean): Promise<void> {
    const { layer, folder, recordingId, names } = this.#around;
    const { startMs, about, number } = this.#options;
    const tracks = this.#records.flatMap((record) => {
      const json = record?.toJson();
      // A place that was kept for one that stayed silent: the finished file has it no more.
      if (!json || (ended && json.frames === 0)) return [];
      return { ...json, switches: json.switches.map((each) => ({ ...each, ...nameOf(names, each.csrc) })) };
    });
    const content = {
      version: 1,
      recordingId,
      file: this.name,
      part: number,
      about,
      startedAt: new Date(Math.round(startMs)).toISOString(),
      startedAtMs: Math.round(startMs),
      durationMs: Math.round(this.durationMs),
      bytes: this.bytes,
      ended,
      finished: this.#finished?.indexed === true,
      // Frames that came when the clusters of their time were closed: they are there, at a later time.
      movedFrames: this.#writer.moved,
      tracks,
    };
    const text = `${JSON.stringify(content, null, 2)}\n`;
    const name = this.name.replace(/\.[a-z]+$/, '.json');
    // One after the other: the last one is the last to be written.
    this.#sidecar = this.#sidecar.then(() => layer.replaceText(folder, name, text)).catch(() => undefined);
    await this.#sidecar;
  }
}

function headerOf({ number, codec, codecPrivate, width, height, channels }: PartTrack): TrackHeader {
  return {
    number,
    codec,
    ...(codecPrivate === undefined ? {} : { codecPrivate }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(codec === 'opus' ? { channels } : {}),
  };
}

function nameOf(names: ReadonlyMap<number, CsrcName>, csrc: number): Partial<CsrcName> {
  const name = names.get(csrc);
  return name
    ? { participantId: name.participantId, displayName: name.displayName, source: name.source }
    : {};
}
