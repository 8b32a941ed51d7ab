/**
 * One recording, from its start to its finished files: carries out the plan's steps, one after the other, on the media side's
 * tap and the recorder process. What goes wrong with one source is logged and the rest goes on; what goes wrong with the
 * recorder ends the recording, never the call.
 * Elsewhere: which files and tracks there are → recordingPlan.ts · which recordings there are → recordings.ts
 */
import { basename } from 'node:path';
import { LIMITS } from '../limits.js';
import type { Logger } from '../logger.js';
import type { RecordingTap, TapTrack } from '../media/mediaPort.js';
import type { Room } from '../rooms/room.js';
import type { Scheduler } from '../scheduler.js';
import type { RecordingMode } from './modes.js';
import type {
  FileAbout,
  FileResult,
  Recorder,
  RecorderCause,
  RecorderEnded,
  RecordingProgress,
} from './recorderPort.js';
import { RecordingPlan, type PersonView, type Step } from './recordingPlan.js';

export type StartedBy = 'api' | 'participant' | 'policy';
/** Why somebody ends it. */
export type StopReason = 'stopped' | 'room-ended' | 'participant-left' | 'draining';
export type EndCause = StopReason | Exclude<RecorderCause, 'stopped'> | 'start-failed';
/** Ends that somebody should look at. */
export const isFailure = (cause: EndCause): boolean =>
  cause === 'disk-full' || cause === 'write-failed' || cause === 'recorder-died' || cause === 'start-failed';

export interface RecordingRequest {
  readonly mode: RecordingMode;
  /** Only this person. */
  readonly participantId?: string | undefined;
  readonly startedBy: StartedBy;
}

export interface RecordingParts {
  readonly room: Room;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  readonly videoSlots: number;
  /** That of the media process. */
  readonly recorder: (worker: number) => Promise<Recorder>;
  /** The state is another one. */
  readonly changed: (recording: Recording) => void;
}

export type RecordingState = 'starting' | 'recording' | 'stopping' | 'ended';

/** One file on the disk: a part of what one person, source or room has. */
export interface RecordedFile {
  readonly about: FileAbout;
  /** Within the folder. */
  readonly name: string;
  readonly bytes: number;
  readonly durationMs: number;
  /** With duration and cues. */
  readonly finished: boolean;
}

const NOTHING_YET = { bytes: 0, durationMs: 0, packets: 0, lost: 0 };
const ROOM_FILE = 'room';

export class Recording {
  state: RecordingState = 'starting';
  /** Within the directory of the configuration. */
  folder: string | undefined;
  figures: Omit<RecordingProgress, 'recordingId' | 'files'> = NOTHING_YET;
  /** While it runs the newest part of each. */
  files: readonly RecordedFile[] = [];
  endedAtMs: number | undefined;
  cause: EndCause | undefined;
  /** For people; of a failure. */
  message: string | undefined;
  /** Settled when it runs or has failed to. */
  readonly ready: Promise<void>;
  /** Resolved when it has ended, whatever the cause. */
  readonly ended: Promise<void>;
  readonly startedAtMs: number;
  recorder: Recorder | undefined;
  readonly #plan: RecordingPlan;
  readonly #tracks = new Map<string, TapTrack>();
  readonly #abouts = new Map<string, FileAbout>([[ROOM_FILE, { source: ROOM_FILE }]]);
  #tap: RecordingTap | undefined;
  #tapIsLost = false;
  /** The tap that has slots, or had: mode `room`. */
  #slotsOf: RecordingTap | undefined;
  readonly #slotTracks: string[] = [];
  #stopReason: StopReason | undefined;
  #resolveEnded!: () => void;
  #dirty = false;
  #following: Promise<void> | undefined;

  constructor(
    readonly id: string,
    readonly request: RecordingRequest,
    private readonly parts: RecordingParts,
  ) {
    this.startedAtMs = parts.scheduler.nowMs();
    this.#plan = new RecordingPlan(request);
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
    this.ready = this.#begin();
    // Whoever waits for it hears of it; a policy does not wait.
    this.ready.catch(() => undefined);
  }

  get room(): Room {
    return this.parts.room;
  }
  /** Nobody has ended it: one that is to stop as soon as it has started is none that could be joined. */
  get isRunning(): boolean {
    return this.#stopReason === undefined && (this.state === 'starting' || this.state === 'recording');
  }

  async #begin(): Promise<void> {
    const { room, log } = this.parts;
    try {
      await this.#notLaterThan(LIMITS.recordingStartMs, this.#prepare());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.error({ recording: this.id, err: error }, 'recording could not be started');
      this.#finish('start-failed', message, []);
      throw error;
    }
    if (this.state !== 'starting') throw new Error(this.message ?? 'the recording has ended already');
    this.#setState('recording');
    log.info(
      { recording: this.id, room: room.name, mode: this.request.mode, folder: this.folder },
      'recording',
    );
    if (this.#stopReason !== undefined) void this.#stop();
    else this.follow();
  }

  async #prepare(): Promise<void> {
    const { room } = this.parts;
    let recorder: Recorder | undefined;
    try {
      const media = await room.media();
      recorder = this.recorder = await this.parts.recorder(media.worker);
      const { folder } = await recorder.start({
        recordingId: this.id,
        room: room.name,
        mode: this.request.mode,
        startedAtMs: this.startedAtMs,
      });
      this.folder = basename(folder);
      await this.#openTap(recorder);
      if (this.state === 'ended') throw new Error('it came too late');
    } catch (error) {
      this.#tap?.close();
      recorder?.stop(this.id).catch(() => undefined);
      throw error;
    }
  }

  #notLaterThan(limitMs: number, work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.parts.scheduler.after(limitMs, () =>
        reject(new Error('the recorder does not answer')),
      );
      work.finally(cancel).then(resolve, reject);
    });
  }

  /** The room has changed: files and tracks follow. */
  follow(): void {
    if (this.state !== 'recording') return;
    this.#dirty = true;
    this.#following ??= this.#followAll().finally(() => {
      this.#following = undefined;
      if (this.#dirty) this.follow();
    });
  }

  async #followAll(): Promise<void> {
    while (this.#dirty && this.state === 'recording') {
      this.#dirty = false;
      const people = peopleOf(this.parts.room);
      const { participantId } = this.request;
      if (participantId !== undefined && !people.some((one) => one.participantId === participantId)) {
        this.stop('participant-left');
        return;
      }
      try {
        await this.#renewTap(people);
      } catch (error) {
        // The media process died, or is about to: there will be another change when somebody is back.
        this.parts.log.warn({ recording: this.id, err: error }, 'recording has no media for now');
        continue;
      }
      for (const step of this.#plan.update(people)) {
        if (this.state !== 'recording') return;
        await this.#carryOut(step);
      }
    }
  }

  /** After the media process died, as soon as somebody is back with another. */
  async #renewTap(people: readonly PersonView[]): Promise<void> {
    if (this.#tapIsLost) {
      this.#tapIsLost = false;
      const lost = [
        ...this.#plan.tracksLost(),
        ...this.#slotTracks.splice(0).map((trackId): Step => ({ t: 'removeTrack', trackId })),
      ];
      for (const step of lost) await this.#carryOut(step);
    }
    const { recorder } = this;
    if (!recorder || people.every(({ sessionId }) => sessionId === undefined)) return;
    const tap = this.#tap ?? (await this.#openTap(recorder));
    if (this.request.mode === 'room') await this.#addSlots(recorder, tap);
  }

  async #openTap(recorder: Recorder): Promise<RecordingTap> {
    const media = await this.parts.room.media();
    let isLost = false;
    const tap = await media.createRecordingTap({
      recorder: recorder.address,
      lost: () => {
        isLost = true;
        if (this.#tap !== tap) return;
        this.#tap = undefined;
        this.#tapIsLost = true;
        this.follow();
      },
    });
    if (isLost) throw new Error('the media process died');
    this.#tap = tap;
    await recorder.addTransport(this.id, { transportId: tap.id, ...tap.address });
    return tap;
  }

  /** Once for each tap. */
  async #addSlots(recorder: Recorder, tap: RecordingTap): Promise<void> {
    if (this.#slotsOf === tap) return;
    if (this.#slotsOf === undefined)
      await recorder.addFile(this.id, { fileId: ROOM_FILE, about: { source: ROOM_FILE } });
    this.#slotsOf = tap;
    const receiver = await tap.addReceiver({
      audio: LIMITS.recordedAudioSlots,
      video: this.parts.videoSlots,
    });
    for (const kind of ['audio', 'video'] as const) {
      for (const [slot, rtpParameters] of receiver[kind].entries()) {
        const trackId = `${kind}${slot}-${tap.id}`;
        this.#slotTracks.push(trackId);
        const track = {
          trackId,
          fileId: ROOM_FILE,
          transportId: tap.id,
          kind,
          about: { slot },
          rtpParameters,
        };
        await recorder.addTrack(this.id, track);
      }
    }
    await receiver.start();
  }

  /** Never throws: a source that is gone before its step is no reason to end the others. */
  async #carryOut(step: Step): Promise<void> {
    const { recorder } = this;
    if (!recorder) return;
    try {
      switch (step.t) {
        case 'addFile':
          this.#abouts.set(step.fileId, step.about);
          return await recorder.addFile(this.id, { fileId: step.fileId, about: step.about });
        case 'addTrack':
          return await this.#addTrack(recorder, step);
        case 'removeTrack':
          this.#tracks.get(step.trackId)?.close();
          this.#tracks.delete(step.trackId);
          return await recorder.removeTrack(this.id, step.trackId);
        case 'endFile':
          // Answered when it is finished; nobody waits for that.
          recorder.endFile(this.id, step.fileId).catch((error: unknown) => this.#failed(step, error));
          return;
        case 'nameCsrc': {
          const { t: _t, ...name } = step;
          return recorder.nameCsrc(this.id, name);
        }
        case 'mark':
          return recorder.mark(this.id, {
            atMs: this.parts.scheduler.nowMs(),
            what: step.what,
            data: step.data,
          });
      }
    } catch (error) {
      if (step.t === 'addTrack') this.#plan.trackFailed(step.trackId);
      this.#failed(step, error);
    }
  }

  #failed(step: Step, error: unknown): void {
    if (this.state !== 'recording') return;
    this.parts.log.warn({ recording: this.id, step: step.t, err: error }, 'part of a recording failed');
  }

  async #addTrack(recorder: Recorder, step: Extract<Step, { t: 'addTrack' }>): Promise<void> {
    const tap = this.#tap;
    if (!tap) throw new Error('the media process is gone');
    const track = await tap.addSource(step.csrc);
    this.#tracks.set(step.trackId, track);
    const { trackId, fileId, about } = step;
    const { kind, rtpParameters } = track;
    await recorder.addTrack(this.id, { trackId, fileId, transportId: tap.id, kind, about, rtpParameters });
    await track.start();
  }

  /** Resolves when the files are finished. */
  stop(reason: StopReason): Promise<void> {
    if (this.#stopReason === undefined) {
      this.#stopReason = reason;
      if (this.state === 'recording') void this.#stop();
    }
    return this.ended;
  }

  async #stop(): Promise<void> {
    this.#setState('stopping');
    // From here on nothing more is written, and the room is told so; finishing files may take a while.
    this.#tap?.close();
    this.#tap = undefined;
    await this.#following;
    try {
      const ended = await this.recorder?.stop(this.id);
      if (ended) this.recorderEnded(ended);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.recorderEnded({ cause: 'recorder-died', message, files: [] });
    }
  }

  recorderProgress({ recordingId: _id, files, ...figures }: RecordingProgress): void {
    if (this.state === 'ended') return;
    this.figures = figures;
    this.files = files
      .filter(({ name }) => name !== '')
      .map(({ fileId, name, bytes, durationMs }) => ({
        about: this.#abouts.get(fileId) ?? {},
        name,
        bytes,
        durationMs,
        finished: false,
      }));
  }

  recorderEnded({ cause, message, files }: Pick<RecorderEnded, 'cause' | 'message' | 'files'>): void {
    this.#finish(cause === 'stopped' ? (this.#stopReason ?? 'stopped') : cause, message, files);
  }

  /** After a death, when what was left of files is finished. */
  repaired(files: readonly Omit<RecordedFile, 'about'>[]): void {
    this.files = files.map((file) => {
      const known = this.files.find(({ name }) => name.replace(/\.part$/, '') === file.name);
      return { ...file, about: known?.about ?? {} };
    });
  }

  #finish(cause: EndCause, message: string, files: readonly FileResult[]): void {
    if (this.state === 'ended') return;
    this.#tap?.close();
    this.#tap = undefined;
    this.endedAtMs = this.parts.scheduler.nowMs();
    this.cause = cause;
    if (isFailure(cause)) this.message = message;
    this.files = files.flatMap(({ fileId, parts }) =>
      parts.map((part) => ({ about: this.#abouts.get(fileId) ?? {}, ...part })),
    );
    if (files.length > 0)
      this.figures = { ...this.figures, bytes: this.files.reduce((sum, { bytes }) => sum + bytes, 0) };
    const said = { recording: this.id, room: this.parts.room.name, cause, folder: this.folder };
    if (isFailure(cause)) this.parts.log.error({ ...said, reason: message }, 'recording failed');
    else this.parts.log.info({ ...said, files: this.files.length }, 'recording ended');
    this.#setState('ended');
    this.#resolveEnded();
  }

  #setState(state: RecordingState): void {
    this.state = state;
    this.parts.changed(this);
  }
}

function peopleOf(room: Room): PersonView[] {
  return [...room.participants.values()]
    .filter(({ announced }) => announced)
    .map(({ participantId, displayName, session, sources }) => ({
      participantId,
      displayName,
      sessionId: session?.media?.id,
      sources: [...sources.values()].map(({ name, csrc, muted }) => ({ name, csrc, muted })),
    }));
}
