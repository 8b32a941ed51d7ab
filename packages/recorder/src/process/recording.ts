/**
 * One recording: a folder, its files, the transports that feed it, and recording.json. It ends once, by being stopped or by the
 * first error of the disk; what was written up to then stays.
 * Names of rooms and people never become paths: they stand in the JSON.
 * Elsewhere: packets → receiver.ts · files → fileRecording.ts
 */
import { join } from 'node:path';
import { RecorderError } from '../errors.js';
import { readTrackParameters, type IncomingTrack } from '../media/incomingTrack.js';
import type {
  CsrcName,
  EndCause,
  FileAbout,
  FileResult,
  Mark,
  RecordingProgress,
  RecordingResult,
  RecordingStart,
  TrackStart,
} from '../types.js';
import { DISK_FULL, type AppendError } from './appendFile.js';
import type { FileLayer } from './fileLayer.js';
import { FileRecording, type Clock } from './fileRecording.js';
import type { TransportStart } from './messages.js';
import type { Finisher } from './partFile.js';

export const RECORDING_LIMITS = {
  /** Marks of recording.json; later ones are counted. */
  marks: 20_000,
  /** CSRCs with a name. */
  names: 20_000,
  /** Between two writings of recording.json while it runs and there is news. */
  describeMs: 2_000,
} as const;

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Where packets come from; process/receiver.ts is one. */
export interface PacketSource {
  addTransport(ip: string, port: number): number | undefined;
  removeTransport(peer: number): void;
  addTrack(peer: number, track: IncomingTrack): boolean;
  removeTrack(peer: number, track: IncomingTrack): void;
}

export interface RecordingParts {
  readonly directory: string;
  readonly source: PacketSource;
  readonly layer: FileLayer;
  readonly finisher: Finisher;
  readonly clock: Clock;
  handleEnded(result: RecordingResult): void;
}

interface AddedTrack {
  readonly peer: number;
  readonly incoming: IncomingTrack;
  readonly file: FileRecording;
}

/** 20260131T142500Z */
const folderTime = (ms: number): string =>
  new Date(ms).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');

export class Recording {
  readonly folder: string;
  readonly #start: RecordingStart;
  readonly #parts: RecordingParts;
  readonly #transports = new Map<string, number>();
  readonly #files = new Map<string, FileRecording>();
  /** Ended, and being finished: that takes seconds for a long file, and the recording may end meanwhile. */
  readonly #finishing = new Set<FileRecording>();
  readonly #tracks = new Map<string, AddedTrack>();
  readonly #results: FileResult[] = [];
  readonly #names = new Map<number, CsrcName>();
  readonly #marks: Mark[] = [];
  #moreMarks = 0;
  #fileCount = 0;
  /** Of tracks that were removed. */
  #packets = { received: 0, lost: 0 };
  #describedMs: number;
  /** What recording.json does not say yet. */
  #hasNews = false;
  #describing: Promise<void> = Promise.resolve();
  #ending: Promise<RecordingResult> | undefined;
  #result: RecordingResult | undefined;

  /** @throws RecorderError `RECORDING_ID`, `RECORDING_DIRECTORY` */
  static async begin(start: RecordingStart, parts: RecordingParts): Promise<Recording> {
    if (!ID.test(start.recordingId)) throw new RecorderError('RECORDING_ID');
    const recording = new Recording(start, parts);
    try {
      await parts.layer.makeFolder(recording.folder);
      await recording.#describe();
    } catch (error) {
      throw new RecorderError('RECORDING_DIRECTORY', error instanceof Error ? error.message : String(error));
    }
    return recording;
  }

  private constructor(start: RecordingStart, parts: RecordingParts) {
    this.#start = start;
    this.#parts = parts;
    this.#describedMs = parts.clock.nowMs();
    this.folder = join(parts.directory, `${folderTime(start.startedAtMs)}-${start.recordingId}`);
  }

  // ---- what there is to record ----

  /** @throws RecorderError `RECORDING_EXISTS`, `RECORDING_TRANSPORT_ADDRESS` */
  addTransport({ transportId, ip, port }: TransportStart): void {
    this.#checkRunning();
    if (this.#transports.has(transportId)) throw new RecorderError('RECORDING_EXISTS', transportId);
    const peer = this.#parts.source.addTransport(ip, port);
    if (peer === undefined) throw new RecorderError('RECORDING_TRANSPORT_ADDRESS', `${ip}:${port}`);
    this.#transports.set(transportId, peer);
  }

  /** @throws RecorderError `RECORDING_EXISTS` */
  addFile(fileId: string, about: FileAbout): void {
    this.#checkRunning();
    if (this.#files.has(fileId)) throw new RecorderError('RECORDING_EXISTS', fileId);
    const fileName = String(++this.#fileCount).padStart(2, '0');
    const { layer, finisher, clock } = this.#parts;
    const { recordingId } = this.#start;
    const handleError = (error: AppendError): void => this.#handleError(error);
    const handleBegun = (): void => void (this.#hasNews = true);
    const { folder } = this;
    const names = this.#names;
    const around = { layer, finisher, folder, recordingId, names, handleError, handleBegun };
    this.#hasNews = true;
    this.#files.set(fileId, new FileRecording(fileId, fileName, about, around, clock));
  }

  /** @throws RecorderError `RECORDING_EXISTS`, `RECORDING_FILE_UNKNOWN`, `RECORDING_TRANSPORT_UNKNOWN`, `RECORDING_TRACK` */
  addTrack({ trackId, fileId, transportId, kind, about, rtpParameters }: TrackStart): void {
    this.#checkRunning();
    if (this.#tracks.has(trackId)) throw new RecorderError('RECORDING_EXISTS', trackId);
    const file = this.#files.get(fileId);
    if (!file) throw new RecorderError('RECORDING_FILE_UNKNOWN', fileId);
    const peer = this.#transports.get(transportId);
    if (peer === undefined) throw new RecorderError('RECORDING_TRANSPORT_UNKNOWN', transportId);
    const parameters = readTrackParameters(kind, rtpParameters);
    if (!parameters) throw new RecorderError('RECORDING_TRACK', trackId);
    const incoming = file.addTrack(trackId, parameters, about);
    if (!this.#parts.source.addTrack(peer, incoming)) {
      file.removeTrack(trackId);
      throw new RecorderError('RECORDING_TRACK', `its SSRC ${parameters.ssrc} is another track's`);
    }
    // Whoever sends a picture has sent its last key frame before anybody listened here.
    if (kind === 'video') incoming.keyFrames.want();
    this.#tracks.set(trackId, { peer, incoming, file });
  }

  /** One that is not there (any more) is no error: both sides may end a track. */
  removeTrack(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#tracks.delete(trackId);
    this.#parts.source.removeTrack(track.peer, track.incoming);
    track.file.removeTrack(trackId);
    this.#packets.received += track.incoming.line.counters.received;
    this.#packets.lost += track.incoming.line.counters.lost;
  }

  /** @throws RecorderError `RECORDING_FILE_UNKNOWN` */
  async endFile(fileId: string): Promise<void> {
    this.#checkRunning();
    const file = this.#files.get(fileId);
    if (!file) throw new RecorderError('RECORDING_FILE_UNKNOWN', fileId);
    for (const trackId of file.trackIds) this.removeTrack(trackId);
    this.#files.delete(fileId);
    this.#finishing.add(file);
    const result = await file.end(false);
    // Else the recording ended meanwhile, and has taken it into its result.
    if (this.#finishing.delete(file)) this.#results.push(result);
    this.#hasNews = true;
  }

  nameCsrc(name: CsrcName): void {
    if (this.#names.size < RECORDING_LIMITS.names || this.#names.has(name.csrc))
      this.#names.set(name.csrc, name);
    this.#hasNews = true;
  }

  mark(mark: Mark): void {
    if (this.#marks.length < RECORDING_LIMITS.marks) this.#marks.push(mark);
    else this.#moreMarks++;
    this.#hasNews = true;
  }

  // ---- time ----

  tick(nowMs: number): void {
    if (this.#ending) return;
    for (const file of this.#files.values()) file.tick(nowMs);
    if (!this.#hasNews || nowMs - this.#describedMs < RECORDING_LIMITS.describeMs) return;
    this.#describedMs = nowMs;
    this.#hasNews = false;
    // A disk that fails is found by the files.
    this.#describe().catch(() => undefined);
  }

  progress(nowMs: number): RecordingProgress {
    const { recordingId, startedAtMs } = this.#start;
    let { received: packets, lost } = this.#packets;
    const files = [...this.#finishing, ...this.#files.values()].map((file) => {
      const figures = file.packets();
      packets += figures.received;
      lost += figures.lost;
      return file.progress();
    });
    let bytes = 0;
    for (const file of files) bytes += file.bytes;
    for (const { parts } of this.#results) for (const part of parts) bytes += part.bytes;
    const durationMs = Math.max(0, Math.round(nowMs - startedAtMs));
    return { recordingId, bytes, durationMs, packets, lost, files };
  }

  // ---- end ----

  /** Of a recording that has ended. */
  get result(): RecordingResult | undefined {
    return this.#result;
  }

  stop(): Promise<RecordingResult> {
    return this.#end('stopped', '');
  }

  #handleError(error: AppendError): void {
    const cause = DISK_FULL.has(error.code ?? '') ? 'disk-full' : 'write-failed';
    void this.#end(cause, error.message);
  }

  #end(cause: EndCause, message: string): Promise<RecordingResult> {
    // Not at once: it may be a packet that found the disk full, and its line is still at work.
    this.#ending ??= Promise.resolve().then(() => this.#finish(cause, message));
    return this.#ending;
  }

  async #finish(cause: EndCause, message: string): Promise<RecordingResult> {
    const { source, clock } = this.#parts;
    const endedAtMs = clock.nowMs();
    for (const { peer, incoming } of this.#tracks.values()) source.removeTrack(peer, incoming);
    for (const peer of this.#transports.values()) source.removeTransport(peer);
    const files = [...this.#finishing, ...this.#files.values()];
    this.#finishing.clear();
    this.#results.push(...(await Promise.all(files.map((file) => file.end(cause !== 'stopped')))));
    const { recordingId, startedAtMs } = this.#start;
    this.#result = {
      recordingId,
      folder: this.folder,
      cause,
      message,
      startedAtMs,
      endedAtMs: Math.round(endedAtMs),
      files: this.#results,
    };
    // On a full disk nothing can be said any more; the API, the log and the metrics say it.
    await this.#describe().catch(() => undefined);
    this.#parts.handleEnded(this.#result);
    return this.#result;
  }

  #checkRunning(): void {
    if (this.#ending) throw new RecorderError('RECORDING_UNKNOWN', this.#start.recordingId);
  }

  // ---- recording.json ----

  /** One after the other: the last one is the last to be written. */
  #describe(): Promise<void> {
    const { layer } = this.#parts;
    const text = `${JSON.stringify(this.#description(), null, 2)}\n`;
    const written = this.#describing.then(() => layer.replaceText(this.folder, 'recording.json', text));
    this.#describing = written.catch(() => undefined);
    return written;
  }

  #description(): Record<string, unknown> {
    const { recordingId, room, mode, startedAtMs } = this.#start;
    const running = [...this.#finishing, ...this.#files.values()].map((file) => {
      const { fileId, about, fileName } = file;
      return { fileId, about, fileName, parts: file.results() };
    });
    return {
      version: 1,
      recordingId,
      room,
      mode,
      startedAt: new Date(startedAtMs).toISOString(),
      startedAtMs,
      ...(this.#result
        ? {
            endedAt: new Date(this.#result.endedAtMs).toISOString(),
            endedAtMs: this.#result.endedAtMs,
            cause: this.#result.cause,
            message: this.#result.message,
          }
        : {}),
      files: this.#result ? this.#results : [...this.#results, ...running],
      participants: [...this.#names.values()],
      marks: this.#marks,
      moreMarks: this.#moreMarks,
    };
  }
}
