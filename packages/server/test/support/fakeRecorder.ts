/** A recorder process without a process: keeps a list of what it was told, and does what a test says. */
import { EventEmitter } from 'node:events';
import type { RecorderEvents, RecordingResult, RecordingStart, TrackStart } from '@tertulia/recorder';
import type {
  FileAbout,
  FileResult,
  Recorder,
  RecorderCause,
  TrackAbout,
} from '../../src/recording/recorderPort.js';

interface FakeTrack {
  fileId: string;
  transportId: string;
  about: TrackAbout;
}

export class FakeRecording {
  readonly transports: string[] = [];
  readonly files = new Map<string, FileAbout>();
  readonly endedFiles: string[] = [];
  readonly tracks = new Map<string, FakeTrack>();
  readonly names = new Map<number, string>();
  readonly marks: string[] = [];
  stopped = false;
  constructor(
    readonly recordingId: string,
    readonly room: string,
    readonly mode: string,
  ) {}

  /** What is being written: sources by file, like `f1: microphone camera`. */
  get layout(): string[] {
    return [...this.files.keys()]
      .filter((fileId) => !this.endedFiles.includes(fileId))
      .map((fileId) => {
        const tracks = [...this.tracks.values()].filter((track) => track.fileId === fileId);
        return `${fileId}: ${tracks.map(({ about }) => about.source ?? `slot ${about.slot}`).join(' ')}`.trim();
      });
  }
  get result(): FileResult[] {
    return [...this.files].map(([fileId, about], at) => ({
      fileId,
      about,
      parts: [{ name: `0${at + 1}.webm`, bytes: 1_000, durationMs: 2_000, finished: true }],
    }));
  }
}

export class FakeRecorder extends EventEmitter<RecorderEvents> implements Recorder {
  readonly address: { readonly ip: '127.0.0.1'; readonly port: number };
  readonly recordings: FakeRecording[] = [];
  /** Stops wait until a test lets them go on. */
  holding: (() => void)[] | undefined;
  /** Starts are never answered: a disk that hangs. */
  hanging = false;
  closed = false;
  dead = false;

  constructor(readonly pid: number) {
    super();
    this.address = { ip: '127.0.0.1', port: 45_000 + pid };
  }

  #of(recordingId: string): FakeRecording {
    const recording = this.recordings.find((one) => one.recordingId === recordingId);
    if (this.dead || !recording) throw new Error(`no recording ${recordingId}`);
    return recording;
  }

  start({ recordingId, room, mode }: RecordingStart): Promise<{ folder: string }> {
    if (this.dead) return Promise.reject(new Error('dead'));
    if (this.hanging) return new Promise(() => undefined);
    this.recordings.push(new FakeRecording(recordingId, room, mode));
    return Promise.resolve({ folder: `/var/calls/20260101T000000Z-${recordingId}` });
  }
  async addTransport(recordingId: string, { transportId }: { transportId: string }): Promise<void> {
    this.#of(recordingId).transports.push(transportId);
  }
  async addFile(recordingId: string, { fileId, about }: { fileId: string; about: FileAbout }): Promise<void> {
    this.#of(recordingId).files.set(fileId, about);
  }
  async addTrack(recordingId: string, { trackId, fileId, transportId, about }: TrackStart): Promise<void> {
    this.#of(recordingId).tracks.set(trackId, { fileId, transportId, about });
  }
  async removeTrack(recordingId: string, trackId: string): Promise<void> {
    if (!this.#of(recordingId).tracks.delete(trackId)) throw new Error(`no track ${trackId}`);
  }
  async endFile(recordingId: string, fileId: string): Promise<void> {
    this.#of(recordingId).endedFiles.push(fileId);
  }
  nameCsrc(
    recordingId: string,
    { csrc, displayName, source }: { csrc: number; displayName: string; source: string },
  ): void {
    this.#of(recordingId).names.set(csrc, `${displayName} ${source}`);
  }
  mark(recordingId: string, { what }: { what: string }): void {
    this.#of(recordingId).marks.push(what);
  }
  async stop(recordingId: string): Promise<RecordingResult> {
    const recording = this.#of(recordingId);
    if (this.holding) await new Promise<void>((resolve) => this.holding?.push(resolve));
    recording.stopped = true;
    return this.#end(recording, 'stopped', '');
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  // What a test does.

  #end(recording: FakeRecording, cause: RecorderCause, message: string): RecordingResult {
    const ended = { recordingId: recording.recordingId, cause, message, files: recording.result };
    this.emit('ended', ended);
    return { ...ended, folder: '', startedAtMs: 0, endedAtMs: 0 };
  }
  /** The disk is full, or the like. */
  fail(recording: FakeRecording, cause: RecorderCause, message: string): void {
    this.#end(recording, cause, message);
  }
  progress(recording: FakeRecording, bytes: number): void {
    const { recordingId, result } = recording;
    const files = result.map(({ fileId, parts: [part] }) => ({
      fileId,
      name: part?.name ?? '',
      bytes: 900,
      durationMs: 1_500,
      parts: 1,
    }));
    this.emit('progress', { recordingId, bytes, durationMs: 1_500, packets: 120, lost: 2, files });
  }
  die(): void {
    this.dead = true;
    for (const recording of this.recordings)
      if (!recording.stopped) this.#end(recording, 'recorder-died', 'It is gone.');
    this.emit('died', { message: 'It is gone.' });
  }
}

export class FakeRecorders {
  readonly all: FakeRecorder[] = [];
  readonly directories: string[] = [];
  failing = false;
  readonly launch = ({ directory }: { directory: string }): Promise<FakeRecorder> => {
    this.directories.push(directory);
    if (this.failing) return Promise.reject(new Error('it does not start'));
    const recorder = new FakeRecorder(this.all.length + 1);
    this.all.push(recorder);
    return Promise.resolve(recorder);
  };
  /** Folders of dead recorders that were finished. */
  readonly repaired: string[] = [];
  readonly repair = (folder: string) => {
    this.repaired.push(folder);
    return Promise.resolve([{ name: '01.webm', bytes: 700, durationMs: 1_200, finished: true }]);
  };
  get last(): FakeRecorder {
    const recorder = this.all.at(-1);
    if (!recorder) throw new Error('no recorder was started');
    return recorder;
  }
  /** The newest recording of all. */
  get recording(): FakeRecording {
    const recording = this.last.recordings.at(-1);
    if (!recording) throw new Error('nothing is recorded');
    return recording;
  }
}
