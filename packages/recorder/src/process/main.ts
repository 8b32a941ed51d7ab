/**
 * The recorder's process: `node main.js DIRECTORY`, spoken to over the pipe of its parent. One engine, one socket, the
 * recordings of one media process. When the parent is gone, what runs is finished and the process ends.
 * The named exception to "time is an argument": here time becomes one.
 */
import { randomInt } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { access, constants, mkdir } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { BATCH_ROWS, Engine } from '@tertulia/engine';
import { finishInWorker } from '../container/index.js';
import { RecorderError } from '../errors.js';
import type { RecordingResult } from '../types.js';
import { nodeFiles } from './fileLayer.js';
import type { Ask, FromRecorder, Question, Questions, RecorderUsage } from './messages.js';
import { Receiver } from './receiver.js';
import { Recording } from './recording.js';

const TIMES = {
  /**
   * The socket; with each reading goes all else that is due: lost packets and key frames to ask for, reports, clusters to
   * write. Nobody waits for a recorder, and what a process forgets between two wake-ups costs as much as a hundred packets.
   */
  readMs: 100,
  /** Where the kernel's buffer is short: 50 pictures of 1 Mbit/s bring 125 kB meanwhile, and Linux grants 208 KiB to everybody. */
  readShortMs: 20,
  /** After a track was added it needs a key frame; the call lets its packets through first. */
  newTrackMs: 50,
  /** Progress is told; and what is due is done, where nothing is read. */
  progressMs: 1_000,
} as const;
/** Bytes that a reading of `readMs` may find, with what the kernel needs beside them. */
const READ_BYTES = 4 * 1024 * 1024;
/** Where the processor does not suffice for all, the call comes first: what a recorder reads late is not lost. */
const NICENESS = 5;
/** Recordings that have ended and may still be asked about. */
const RESULTS = 1_000;

const say = (message: FromRecorder): void => {
  if (process.connected) process.send!(message);
};

class Main {
  readonly #directory: string;
  readonly #receiver: Receiver;
  readonly #recordings = new Map<string, Recording>();
  readonly #starting = new Map<string, Promise<Recording>>();
  readonly #results = new Map<string, RecordingResult>();
  /** Unix time at the engine's zero, ms. */
  readonly #zeroMs: number;
  /** Of the reading or the timer at hand: a question of the engine's clock for each frame costs as much as the frame. */
  #nowMs = 0;
  /** Of what goes with readings; engine time. */
  #dueMicros = 0;
  #newTrackTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    const engine = new Engine();
    this.#zeroMs = performance.timeOrigin + performance.now() - engine.now() / 1000;
    this.#receiver = new Receiver(engine, randomInt(1, 2 ** 32 - 1));
    this.#readClock();
    const readEveryMs = this.#receiver.receiveBufferBytes >= READ_BYTES ? TIMES.readMs : TIMES.readShortMs;
    engine.start((rowCount, nowMicros) => this.#handleBatch(rowCount, nowMicros), { readEveryMs });
    setInterval(() => this.#tellProgress(), TIMES.progressMs);
    say({ event: 'ready', ip: '127.0.0.1', port: this.#receiver.port });
  }

  // ---- questions ----

  async handle(question: Question): Promise<void> {
    const { id, ask } = question;
    this.#readClock();
    // What came before the end belongs to what ends.
    if (ask === 'removeTrack' || ask === 'endFile' || ask === 'stop') this.#receiver.engine.read();
    try {
      const answer = await this.#answer(question);
      say({ id, answer: answer ?? null });
    } catch (error) {
      if (error instanceof RecorderError) say({ id, failure: { code: error.code, message: error.detail } });
      else say({ id, failure: { message: error instanceof Error ? error.message : String(error) } });
    }
  }

  async #answer(question: Question): Promise<Questions[Ask]['answer'] | undefined> {
    switch (question.ask) {
      case 'start':
        return { folder: (await this.#start(question)).folder };
      case 'addTransport':
        this.#find(question).addTransport(question.transport);
        return undefined;
      case 'addFile':
        this.#find(question).addFile(question.fileId, question.about);
        return undefined;
      case 'addTrack':
        this.#find(question).addTrack(question.track);
        this.#newTrackTimer ??= setTimeout(() => {
          this.#newTrackTimer = undefined;
          this.#receiver.poll(this.#readClock());
        }, TIMES.newTrackMs);
        return undefined;
      case 'removeTrack':
        this.#find(question).removeTrack(question.trackId);
        return undefined;
      case 'endFile':
        await this.#find(question).endFile(question.fileId);
        return undefined;
      case 'nameCsrc':
        this.#recordings.get(question.recordingId)?.nameCsrc(question.name);
        return undefined;
      case 'mark':
        this.#recordings.get(question.recordingId)?.mark(question.mark);
        return undefined;
      case 'stop':
        return this.#results.get(question.recordingId) ?? (await this.#find(question).stop());
      case 'usage':
        return this.#usage();
      case 'close':
        return this.close().then(() => undefined);
    }
  }

  #find({ recordingId }: { recordingId: string }): Recording {
    const recording = this.#recordings.get(recordingId);
    if (!recording) throw new RecorderError('RECORDING_UNKNOWN', recordingId);
    return recording;
  }

  /** Twice with one id: the first one. */
  #start({ recording: start }: Extract<Question, { ask: 'start' }>): Promise<Recording> {
    if (this.#closing) throw new RecorderError('RECORDER_CLOSED');
    const { recordingId } = start;
    const known = this.#starting.get(recordingId);
    if (known) return known;
    const nowMs = (): number => this.#nowMs;
    const starting = Recording.begin(start, {
      directory: this.#directory,
      source: this.#receiver,
      layer: nodeFiles,
      finisher: finishInWorker,
      clock: { nowMs, wallMs: (micros) => this.#zeroMs + micros / 1000 },
      handleEnded: (result) => this.#handleEnded(result),
    });
    this.#starting.set(recordingId, starting);
    starting.then(
      (recording) => this.#recordings.set(recordingId, recording),
      () => this.#starting.delete(recordingId),
    );
    return starting;
  }

  #handleEnded(result: RecordingResult): void {
    const { recordingId, cause, message, files } = result;
    this.#recordings.delete(recordingId);
    this.#results.set(recordingId, result);
    for (const id of this.#results.keys()) {
      if (this.#results.size <= RESULTS) break;
      this.#results.delete(id);
      this.#starting.delete(id);
    }
    say({ event: 'ended', recordingId, cause, message, files });
  }

  // ---- time ----

  #readClock(): number {
    const nowMicros = this.#receiver.engine.now();
    this.#nowMs = this.#zeroMs + nowMicros / 1000;
    return nowMicros;
  }

  #handleBatch(rowCount: number, nowMicros: number): number {
    this.#nowMs = this.#zeroMs + nowMicros / 1000;
    this.#receiver.handleBatch(rowCount, nowMicros);
    // A full batch is not the last one of its reading: what seems lost may be in the next.
    if (rowCount < BATCH_ROWS || nowMicros >= this.#dueMicros + TIMES.readMs * 1000) this.#turn(nowMicros);
    return 0;
  }

  /** Lost packets, key frames and reports: what is owed to the media process. Then parts and clusters. */
  #turn(nowMicros: number): void {
    if (nowMicros < this.#dueMicros) return;
    // A little less than a reading's interval: timers are of whole milliseconds.
    this.#dueMicros = nowMicros + (TIMES.readMs - 10) * 1000;
    this.#receiver.poll(nowMicros);
    for (const recording of this.#recordings.values()) recording.tick(this.#nowMs);
  }

  #tellProgress(): void {
    this.#turn(this.#readClock());
    const nowMs = this.#nowMs;
    for (const recording of this.#recordings.values())
      say({ event: 'progress', progress: recording.progress(nowMs) });
  }

  #usage(): RecorderUsage {
    const { user, system } = process.cpuUsage();
    const { engine, counters } = this.#receiver;
    const { wakeups, batches, drops } = engine.stats();
    return {
      userMicros: user,
      systemMicros: system,
      packets: counters.packets,
      residentBytes: process.memoryUsage.rss(),
      wakeups,
      batches,
      drops: { ...drops, ...counters.drops },
    };
  }

  /** Everything that runs is stopped and finished. */
  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  async #stopAll(): Promise<void> {
    this.#readClock();
    this.#receiver.engine.read();
    await Promise.all([...this.#recordings.values()].map((recording) => recording.stop()));
  }
}

/**
 * On Linux each thread has a niceness of its own, and those of V8 are there already. Who started the server behind other
 * programs means its recorder, too; to come forward again is for root only, and an error for everybody else.
 */
function standBack(): void {
  if (getPriority() >= NICENESS) return;
  try {
    setPriority(NICENESS);
    if (process.platform !== 'linux') return;
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), NICENESS);
  } catch {
    // A sandbox that forbids it, or without /proc: it records all the same.
  }
}

async function run(directory: string): Promise<void> {
  standBack();
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say({ event: 'refused', code: 'RECORDING_DIRECTORY', message });
    return;
  }
  const main = new Main(resolve(directory));
  process.on('message', (question: Question) => void main.handle(question));
  // The parent ended, or said that it needs nothing more.
  process.once('disconnect', () => void main.close().then(() => process.exit(0)));
}

// Ctrl-C goes to the whole group; the parent stops the recordings, and so does its end.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
await run(process.argv[2] ?? '');
