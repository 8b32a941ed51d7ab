/**
 * The recorder as its user sees it: a child process that takes RTP on 127.0.0.1 and writes files. Questions go over the pipe
 * between the two; packets do not. When the child is gone, each recording that ran has ended ('recorder-died').
 * Elsewhere: what the child does → process/main.ts · what crosses → process/messages.ts
 */
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isRecorderErrorCode, RecorderError } from './errors.js';
import type {
  Ask,
  FromRecorder,
  Question,
  Questions,
  RecorderUsage,
  TransportStart,
} from './process/messages.js';
import type {
  CsrcName,
  EndCause,
  FileAbout,
  FileResult,
  Mark,
  RecorderLogger,
  RecordingProgress,
  RecordingResult,
  RecordingStart,
  TrackStart,
} from './types.js';

const TIMES = {
  /** From the start of the process until it can record; V8 and the engine need some hundred ms. */
  startMs: 20_000,
  /** After `close`, for files to be finished; then the process is ended. What is left plays all the same. */
  closeMs: 60_000,
} as const;

/** Recordings that have ended whose answers are still known; as many as the process knows. */
const ENDED_KNOWN = 1_000;

export interface RecorderOptions {
  /** Absolute; made when it is not there. */
  directory: string;
  logger?: RecorderLogger;
  /** For measurements: in place of plain Node. */
  execPath?: string;
  execArgv?: readonly string[];
}

export interface RecorderEndedEvent {
  recordingId: string;
  cause: EndCause;
  message: string;
  files: FileResult[];
}

export type RecorderEvents = {
  /** Once a second for each recording. */
  progress: [RecordingProgress];
  /** Exactly once for each recording. */
  ended: [RecorderEndedEvent];
  /** The process ended without having been asked to. */
  died: [{ message: string }];
};

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/**
 * Hardly anything lives longer than a reading, so collecting is short: waking V8's helpers for it costs more than they do, and
 * they would run beside the call. A young generation of 16 MiB from the beginning is collected every ten seconds or so.
 * Both together: 3.43 in place of 3.84 µs per packet.
 */
const V8_FLAGS = ['--single-threaded-gc', '--min-semi-space-size=16'];

/**
 * Starts the process.
 * @throws RecorderError `RECORDING_DIRECTORY`, `RECORDER_START`
 */
export async function launchRecorder(options: RecorderOptions): Promise<Recorder> {
  const script = fileURLToPath(new URL('./process/main.js', import.meta.url));
  const child = fork(script, [options.directory], {
    serialization: 'advanced',
    // All writing is done by libuv's threads; more of them only take turns on the disk.
    env: { ...process.env, UV_THREADPOOL_SIZE: '2' },
    ...(options.execPath === undefined ? {} : { execPath: options.execPath }),
    // Last: what measurements put in front may be another program.
    execArgv: [...(options.execArgv ?? []), ...V8_FLAGS],
  });
  try {
    const port = await firstWord(child);
    return new Recorder(child, port, options.logger);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function firstWord(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: RecorderError): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      reject(error);
    };
    const timer = setTimeout(() => refuse(new RecorderError('RECORDER_START', 'no answer')), TIMES.startMs);
    child.once('error', (cause) => refuse(new RecorderError('RECORDER_START', cause.message, { cause })));
    child.once('exit', (code, signal) =>
      refuse(new RecorderError('RECORDER_START', `it ended (${code ?? signal})`)),
    );
    child.once('message', (message: FromRecorder) => {
      if (!('event' in message) || message.event !== 'ready') {
        const refused = 'event' in message && message.event === 'refused' ? message : undefined;
        refuse(new RecorderError(refused?.code ?? 'RECORDER_START', refused?.message));
        return;
      }
      clearTimeout(timer);
      child.removeAllListeners();
      resolve(message.port);
    });
  });
}

export class Recorder extends EventEmitter<RecorderEvents> {
  readonly address: { readonly ip: '127.0.0.1'; readonly port: number };
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #logger: RecorderLogger | undefined;
  readonly #waiting = new Map<number, Waiting>();
  /** By recording's id. */
  readonly #starts = new Map<string, Promise<{ folder: string }>>();
  readonly #stops = new Map<string, Promise<RecordingResult>>();
  /** Recordings that have not ended, with what was last known of them. */
  readonly #running = new Map<string, RecordingProgress | undefined>();
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #gone = false;

  /** By `launchRecorder`. */
  constructor(child: ChildProcess, port: number, logger: RecorderLogger | undefined) {
    super();
    this.#child = child;
    this.#logger = logger;
    this.address = { ip: '127.0.0.1', port };
    this.pid = child.pid!;
    child.on('message', (message: FromRecorder) => this.#handle(message));
    child.on('error', (error) => logger?.error({ error: error.message }, 'recorder process'));
    child.once('exit', (code, signal) => this.#handleExit(`exit ${code ?? signal}`));
  }

  /**
   * A recording begins. Twice with one id: the first one's promise.
   * @throws RecorderError `RECORDING_ID`, `RECORDING_DIRECTORY`, `RECORDER_CLOSED`
   */
  start(recording: RecordingStart): Promise<{ folder: string }> {
    const { recordingId } = recording;
    const known = this.#starts.get(recordingId);
    if (known) return known;
    this.#running.set(recordingId, undefined);
    const started = this.#ask('start', { recording });
    this.#starts.set(recordingId, started);
    started.catch(() => {
      this.#starts.delete(recordingId);
      this.#running.delete(recordingId);
    });
    return started;
  }

  /** Where the media process sends from, and takes RTCP. */
  async addTransport(recordingId: string, transport: TransportStart): Promise<void> {
    await this.#ask('addTransport', { recordingId, transport });
  }

  /** One file, or as many numbered parts of one as there have to be. */
  async addFile(recordingId: string, file: { fileId: string; about: FileAbout }): Promise<void> {
    await this.#ask('addFile', { recordingId, ...file });
  }

  async addTrack(recordingId: string, track: TrackStart): Promise<void> {
    await this.#ask('addTrack', { recordingId, track });
  }

  async removeTrack(recordingId: string, trackId: string): Promise<void> {
    await this.#ask('removeTrack', { recordingId, trackId });
  }

  /** @returns after it has its last name. */
  async endFile(recordingId: string, fileId: string): Promise<void> {
    await this.#ask('endFile', { recordingId, fileId });
  }

  /** For switches of mode room, in the JSON. A recording that has ended is no error. */
  nameCsrc(recordingId: string, name: CsrcName): void {
    this.#tell('nameCsrc', { recordingId, name });
  }

  mark(recordingId: string, mark: Mark): void {
    this.#tell('mark', { recordingId, mark });
  }

  /** @returns after all files are finished; twice: the first one's promise. */
  stop(recordingId: string): Promise<RecordingResult> {
    const known = this.#stops.get(recordingId);
    if (known) return known;
    const stopped = this.#ask('stop', { recordingId });
    this.#stops.set(recordingId, stopped);
    stopped.catch(() => this.#stops.delete(recordingId));
    return stopped;
  }

  usage(): Promise<RecorderUsage> {
    return this.#ask('usage', {});
  }

  /** Stops what runs and ends the process. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#gone) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), TIMES.closeMs);
    await this.#ask('close', {}).catch(() => undefined);
    if (this.#child.connected) this.#child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #tell<A extends Ask>(ask: A, content: Questions[A]['with']): void {
    this.#ask(ask, content).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger?.warn({ ask, reason }, 'recorder did not take it');
    });
  }

  #ask<A extends Ask>(ask: A, content: Questions[A]['with']): Promise<Questions[A]['answer']> {
    if (this.#gone || !this.#child.connected) return Promise.reject(new RecorderError('RECORDER_CLOSED'));
    const id = this.#nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ask, ...content } as Question);
    }) as Promise<Questions[A]['answer']>;
  }

  #handle(message: FromRecorder): void {
    if ('id' in message) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (!('failure' in message)) waiting?.resolve(message.answer);
      else {
        const { code, message: text } = message.failure;
        const known = code !== undefined && isRecorderErrorCode(code);
        waiting?.reject(known ? new RecorderError(code, text) : new Error(`recorder: ${text}`));
      }
      return;
    }
    if (message.event === 'progress') {
      const { progress } = message;
      if (this.#running.has(progress.recordingId)) this.#running.set(progress.recordingId, progress);
      this.emit('progress', progress);
    } else if (message.event === 'ended') {
      const { event: _, ...ended } = message;
      this.#end(ended);
    } else if (message.event === 'log') {
      this.#logger?.[message.level](message.fields, message.text);
    }
  }

  #end(ended: RecorderEndedEvent): void {
    if (!this.#running.delete(ended.recordingId)) return;
    for (const known of [this.#starts, this.#stops])
      for (const recordingId of known.keys()) {
        if (known.size <= ENDED_KNOWN) break;
        if (!this.#running.has(recordingId)) known.delete(recordingId);
      }
    this.emit('ended', ended);
  }

  #handleExit(why: string): void {
    this.#gone = true;
    for (const { reject } of this.#waiting.values()) reject(new RecorderError('RECORDER_CLOSED', why));
    this.#waiting.clear();
    const message = `the recorder's process ended (${why}); what it had written up to then is there`;
    for (const [recordingId, progress] of [...this.#running]) {
      const files = (progress?.files ?? []).map(({ fileId, name, bytes, durationMs }) => ({
        fileId,
        about: {},
        parts: name === '' ? [] : [{ name, bytes, durationMs, finished: false }],
      }));
      this.#end({ recordingId, cause: 'recorder-died', message, files });
    }
    if (!this.#closing) this.emit('died', { message });
  }
}
