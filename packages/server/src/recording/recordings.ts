/**
 * All recordings of the server: started and stopped by the API, by participants and by the rooms' policy; those that have
 * ended are remembered for a while. Tells rooms that they are recorded.
 * Elsewhere: one of them → recording.ts · processes → recorderPool.ts · HTTP → ../http/recordings.ts
 */
import type { Config } from '../config.js';
import { ServerError, StartError } from '../errors.js';
import { newRecordingId } from '../ids.js';
import { LIMITS } from '../limits.js';
import type { Logger } from '../logger.js';
import { STATUS, type CommandResult } from '../protocols/machine.js';
import type { Room } from '../rooms/room.js';
import type { Scheduler } from '../scheduler.js';
import type { RecordingMode } from './modes.js';
import type { LaunchRecorder, Recorder, RecorderEnded, RecordingProgress } from './recorderPort.js';
import { RecorderPool } from './recorderPool.js';
import {
  Recording,
  type EndCause,
  type RecordedFile,
  type RecordingRequest,
  type StopReason,
} from './recording.js';
import type { RecordingControl } from './recordingControl.js';
import { RoomPolicy } from './roomPolicy.js';

export interface RecordingsParts {
  readonly config: Pick<Config, 'recordings' | 'recordRooms' | 'recordMode' | 'rooms' | 'videoSlots'>;
  readonly launch: LaunchRecorder;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  readonly observer: RecordingObserver;
  /** Finishes what a dead recorder left in a folder of the directory; the files that there are now. */
  readonly repair?: RepairFolder | undefined;
}

export type RepairFolder = (
  folder: string,
) => Promise<readonly Pick<RecordedFile, 'name' | 'bytes' | 'durationMs' | 'finished'>[]>;

/** For metrics. */
export interface RecordingObserver {
  recordingStarted(mode: RecordingMode): void;
  recordingEnded(mode: RecordingMode, cause: EndCause): void;
  /** What has come since the last time. */
  recorded(more: { bytes: number; packets: number; lost: number }): void;
}

export class Recordings implements RecordingControl {
  readonly #pool: RecorderPool | undefined;
  readonly #running = new Map<string, Recording>();
  /** The oldest first. */
  readonly #ended = new Map<string, Recording>();
  readonly #policies = new Map<Room, { readonly rule: RoomPolicy; cancel?: () => void }>();
  #closing = false;

  constructor(private readonly parts: RecordingsParts) {
    const { config, launch, log } = parts;
    if (config.recordings === undefined) return;
    const news = {
      progress: (progress: RecordingProgress) => this.#progress(progress),
      ended: (ended: RecorderEnded) => this.#running.get(ended.recordingId)?.recorderEnded(ended),
      died: (recorder: Recorder) => this.#recorderDied(recorder),
    };
    this.#pool = new RecorderPool(launch, config.recordings, news, log);
  }

  /**
   * Starts a recorder for each media process, so that the first recording begins at once and what cannot be is said at start.
   * @throws StartError in one sentence.
   */
  async prepare(workers: number): Promise<void> {
    const pool = this.#pool;
    if (!pool) return;
    try {
      await Promise.all(Array.from({ length: workers }, (_, worker) => pool.of(worker)));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new StartError(`Nothing can be recorded: ${reason}.`, { cause });
    }
  }

  get enabled(): boolean {
    return this.#pool !== undefined;
  }
  /** Those that run or are about to. */
  get running(): Iterable<Recording> {
    return this.#running.values();
  }
  get runningCount(): number {
    return this.#running.size;
  }

  /**
   * The same mode for the same person while it runs is the same recording.
   * @throws ServerError RECORDING_OFF, TOO_MANY_RECORDINGS, RECORDING_FAILED, DRAINING
   */
  async start(room: Room, request: RecordingRequest): Promise<{ recording: Recording; isNew: boolean }> {
    const pool = this.#pool;
    if (!pool)
      throw new ServerError('RECORDING_OFF', 'Start the server with --recordings and a directory to record.');
    if (this.#closing) throw new ServerError('DRAINING', 'The server is stopping.');
    const same = this.#of(room).find(
      (one) =>
        one.isRunning &&
        one.request.mode === request.mode &&
        one.request.participantId === request.participantId,
    );
    const recording = same ?? this.#add(room, request, pool);
    try {
      await recording.ready;
    } catch (cause) {
      throw new ServerError('RECORDING_FAILED', 'The recording could not be started; it is in the log.', {
        cause,
      });
    }
    return { recording, isNew: same === undefined };
  }

  #add(room: Room, request: RecordingRequest, pool: RecorderPool): Recording {
    if (this.#of(room).length >= LIMITS.recordingsPerRoom)
      throw new ServerError(
        'TOO_MANY_RECORDINGS',
        `A room has ${LIMITS.recordingsPerRoom} recordings at most; stop one first.`,
      );
    if (this.#running.size >= LIMITS.recordings)
      throw new ServerError('TOO_MANY_RECORDINGS', `The server has ${LIMITS.recordings} recordings at most.`);
    const { scheduler, log, config, observer } = this.parts;
    const recording: Recording = new Recording(newRecordingId(), request, {
      room,
      scheduler,
      log,
      videoSlots: config.videoSlots,
      recorder: (worker) => pool.of(worker),
      changed: (changed) => this.#changed(changed),
    });
    this.#running.set(recording.id, recording);
    observer.recordingStarted(request.mode);
    return recording;
  }

  #of(room: Room): Recording[] {
    return [...this.#running.values()].filter((recording) => recording.room === room);
  }

  /** Of a room's name, running ones and those that have ended, the oldest first. */
  list(roomName: string): Recording[] {
    return [...this.#ended.values(), ...this.#running.values()].filter(({ room }) => room.name === roomName);
  }

  /** @throws ServerError RECORDING_NOT_FOUND */
  get(roomName: string, recordingId: string): Recording {
    const recording = this.#running.get(recordingId) ?? this.#ended.get(recordingId);
    if (recording?.room.name !== roomName)
      throw new ServerError('RECORDING_NOT_FOUND', 'The room has no recording of this id.');
    return recording;
  }

  // What rooms ask for.

  async change(
    room: Room,
    on: boolean,
    mode: RecordingMode = this.parts.config.recordMode,
  ): Promise<CommandResult> {
    // Answered when nothing more is written; files are finished after that.
    if (!on) for (const recording of this.#of(room)) void recording.stop('stopped');
    try {
      if (on) await this.start(room, { mode, startedBy: 'participant' });
      return { ok: true };
    } catch (error) {
      if (!(error instanceof ServerError))
        this.parts.log.error({ err: error }, 'recording could not be changed');
      const message = error instanceof ServerError ? `${error.code}: ${error.detail}` : 'INTERNAL';
      return { ok: false, code: STATUS.failedPrecondition, message };
    }
  }

  roomChanged(room: Room): void {
    if (room.closed) return;
    this.#applyPolicy(room);
    for (const recording of this.#of(room)) recording.follow();
  }

  roomEmptied(room: Room): void {
    this.#policies.get(room)?.cancel?.();
    this.#policies.delete(room);
    for (const recording of this.#of(room)) void recording.stop('room-ended');
  }

  // The policy.

  #isWanted(room: Room): boolean {
    const { recordRooms, rooms } = this.parts.config;
    if (recordRooms === 'never' || recordRooms === 'always') return recordRooms === 'always';
    // A room of the configuration may be listed by either of its names.
    const { id = room.name } = rooms.find(({ code }) => code === room.name) ?? {};
    return recordRooms.includes(room.name) || recordRooms.includes(id);
  }

  #applyPolicy(room: Room): void {
    if (!this.enabled || this.#closing || room.closed || room.isEmpty || !this.#isWanted(room)) return;
    let policy = this.#policies.get(room);
    if (!policy) this.#policies.set(room, (policy = { rule: new RoomPolicy() }));
    if (this.#of(room).some(({ request }) => request.startedBy === 'policy')) return;
    const dueMs = policy.rule.due(latestOf(room));
    if (dueMs === undefined) return;
    policy.cancel?.();
    const { scheduler, config, log } = this.parts;
    const delayMs = dueMs - scheduler.nowMs();
    if (delayMs > 0) {
      policy.cancel = scheduler.after(delayMs, () => this.#applyPolicy(room));
      return;
    }
    this.start(room, { mode: config.recordMode, startedBy: 'policy' }).catch((error: unknown) =>
      log.error({ room: room.name, err: error }, 'room is not recorded, though it should be'),
    );
  }

  // What recordings tell.

  #changed(recording: Recording): void {
    const { room, state } = recording;
    if (state === 'ended') {
      const { mode, startedBy } = recording.request;
      const cause = recording.cause ?? 'stopped';
      this.#running.delete(recording.id);
      this.#remember(recording);
      this.parts.observer.recordingEnded(mode, cause);
      if (cause === 'recorder-died') void this.#repair(recording);
      if (startedBy === 'policy') {
        const nowMs = this.parts.scheduler.nowMs();
        const lastedMs = nowMs - recording.startedAtMs;
        this.#policies.get(room)?.rule.ended(cause, { lastedMs, nowMs, latest: latestOf(room) ?? 0 });
        this.#applyPolicy(room);
      }
    }
    this.#tell(room);
  }

  /** Before the first packet is written, and when nothing more is written. */
  #tell(room: Room): void {
    const first = this.#of(room).find((recording) => recording.state === 'recording');
    room.setRecording(first && { sinceMs: first.startedAtMs, mode: first.request.mode });
  }

  async #repair(recording: Recording): Promise<void> {
    const { id, folder } = recording;
    const { repair, log } = this.parts;
    if (!repair || folder === undefined) return;
    try {
      const files = await repair(folder);
      recording.repaired(files);
      log.info({ recording: id, folder, files: files.length }, 'files of the dead recorder finished');
    } catch (error) {
      log.error({ recording: id, folder, err: error }, 'files of the dead recorder could not be finished');
    }
  }

  #remember(recording: Recording): void {
    this.#ended.set(recording.id, recording);
    for (const id of this.#ended.keys()) {
      if (this.#ended.size <= LIMITS.rememberedRecordings) return;
      this.#ended.delete(id);
    }
  }

  #progress(progress: RecordingProgress): void {
    const recording = this.#running.get(progress.recordingId);
    if (!recording) return;
    const { bytes, packets, lost } = recording.figures;
    const more = (now: number, before: number): number => Math.max(0, now - before);
    this.parts.observer.recorded({
      bytes: more(progress.bytes, bytes),
      packets: more(progress.packets, packets),
      lost: more(progress.lost, lost),
    });
    recording.recorderProgress(progress);
  }

  #recorderDied(recorder: Recorder): void {
    // Each was told on its own before; this is for one that was just about to begin.
    const message = 'The recorder process died.';
    for (const recording of [...this.#running.values()])
      if (recording.recorder === recorder)
        recording.recorderEnded({ cause: 'recorder-died', message, files: [] });
  }

  /** Finishes all; resolves when that is done, or after the time given. */
  async close(timeoutMs: number, reason: StopReason = 'draining'): Promise<void> {
    this.#closing = true;
    for (const { cancel } of this.#policies.values()) cancel?.();
    this.#policies.clear();
    const all = [...this.#running.values()].map((recording) => recording.stop(reason));
    let isLate = false;
    if (all.length > 0) {
      let cancel = (): void => undefined;
      const late = new Promise<void>((resolve) => {
        cancel = this.parts.scheduler.after(timeoutMs, () => {
          isLate = true;
          resolve();
        });
      });
      await Promise.race([Promise.all(all), late]);
      cancel();
    }
    const closed = this.#pool?.close();
    // A recorder that is late finishes by itself when this process is gone.
    if (!isLate) await closed;
  }
}

/** Numbers are handed out in the order of joining. */
function latestOf(room: Room): number | undefined {
  const ids = [...room.participants.values()].filter(({ announced }) => announced).map(({ id }) => id);
  return ids.length === 0 ? undefined : Math.max(...ids);
}
