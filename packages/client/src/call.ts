/**
 * A call: the state that an application sees, kept over lost connections. It decides nothing about time itself:
 * the connection, the slots, lip-sync and the mute states are asked ten times a second.
 * Elsewhere: sessions, lost and found → connection.ts · who is heard → voices.ts · who is seen → pictures.ts
 * · what is asked for → layoutRequests.ts · what we send → ownSources.ts
 */
import type {
  AudioSlot,
  CallEvents,
  CallRecording,
  CallOptions,
  CallState,
  Canvas,
  EndReason,
  LayoutOptions,
  LipSyncReading,
  RecordingMode,
  VideoAssignment,
  VideoSlot,
} from './callTypes.js';
import { Connection, type ConnectionPort } from './connection.js';
import { Emitter } from './emitter.js';
import { CallError } from './errors.js';
import { LipSync } from './lipSync.js';
import { LIMITS, type ServerMessage } from './messages.js';
import { LayoutRequests } from './layoutRequests.js';
import { OwnSources, type SourcesPort } from './ownSources.js';
import { ParticipantsStore, type Participant, type ParticipantsChange } from './participants.js';
import { Pictures } from './pictures.js';
import type { AudioSink, Platform } from './platform.js';
import type { Session } from './session.js';
import type { SessionApi } from './sessionApi.js';
import { Voices } from './voices.js';

export const CALL_TIMES = {
  pollMs: 100, // who speaks is shown within a tenth of a second
  joinMs: 15_000, // the first connection; afterwards the reconnector's times hold
  snapshotMs: 1_500, // after this the list of people counts as complete even without a table of slots
  leaveMs: 2_000, // leaving does not wait longer for the server
} as const;

export class Call extends Emitter<CallEvents> {
  readonly room: string;
  readonly #platform: Platform;
  readonly #options: CallOptions;
  readonly #store = new ParticipantsStore();
  readonly #lipSync = new LipSync();
  readonly #voices: Voices;
  readonly #own: OwnSources;
  readonly #pictures: Pictures;
  readonly #layouts: LayoutRequests;
  #state: CallState = 'connecting';
  readonly #connection: Connection;
  /** The session that has begun to tell who is there. */
  #told: Session | undefined;
  #participantId = '';
  #displayName: string;
  #recording: CallRecording | undefined;
  #canRecord = false;
  #sink: AudioSink | undefined;
  #cancelSnapshot: (() => void) | undefined;
  readonly #cleanup: (() => void)[] = [];

  /** @internal use `join` */
  constructor(platform: Platform, api: SessionApi, options: CallOptions) {
    super();
    this.#platform = platform;
    this.#options = options;
    this.#displayName = options.displayName;
    this.room = api.room;
    this.#voices = new Voices(this.#store, {
      speakers: (slots) => this.emit('speakers', slots),
      tracks: (slots) => {
        this.#sink?.play(slots.map(({ stream }) => stream));
        this.emit('audioslots', slots);
      },
    });
    this.#pictures = new Pictures(this.#store, {
      slots: (slots) => this.emit('videoslots', slots),
      assignments: (assignments) => this.emit('assignments', assignments),
    });
    const port: SourcesPort = {
      platform,
      isEnded: () => this.#state === 'ended',
      session: () => this.#session,
      onMuted: (muted, byServer) => this.emit('muted', muted, byServer),
      onCamera: (on, byServer) => this.emit('camera', on, byServer),
      onScreen: (on, byServer) => this.emit('screen', on, byServer),
      onError: (error) => this.emit('error', error),
    };
    this.#own = new OwnSources(port, options.audio, options.muted);
    this.#layouts = new LayoutRequests({
      platform,
      request: (layout) => this.#session.request({ setLayout: layout }),
      entryId: (participantId, screenshare) => this.#store.entryId(participantId, screenshare),
    });
    const slots = { audio: options.audioSlots, video: options.videoSlots };
    this.#connection = new Connection(platform, api, slots, this.#connectionPort());
  }

  get state(): CallState {
    return this.#state;
  }
  /** The same over all sessions of this call, unless the server has forgotten us in between. */
  get participantId(): string {
    return this.#participantId;
  }
  get displayName(): string {
    return this.#displayName;
  }
  get participants(): readonly Participant[] {
    return this.#store.participants;
  }
  get audioSlots(): readonly AudioSlot[] {
    return this.#voices.slots;
  }
  get videoSlots(): readonly VideoSlot[] {
    return this.#pictures.slots;
  }
  /** What the canvases of the last layout show. */
  get assignments(): readonly VideoAssignment[] {
    return this.#pictures.assignments;
  }
  get muted(): boolean {
    return this.#own.muted;
  }
  /** False for somebody whose token allows only listening. */
  get canPublish(): boolean {
    return this.#own.canPublish;
  }
  /** Whether the server records the call, and since when. Show it to people. */
  get recording(): CallRecording | undefined {
    return this.#recording;
  }
  /** The server can record, and the token allows this person to start and stop it. */
  get canRecord(): boolean {
    return this.#canRecord;
  }
  /** The own voice as sent, linear, 0…1; 0 while muted. */
  get microphoneLevel(): number {
    return this.#own.microphone.level;
  }
  /** The track that is sent now, for showing its device. */
  get microphoneTrack(): MediaStreamTrack | undefined {
    return this.#own.microphone.track;
  }
  get cameraOn(): boolean {
    return this.cameraTrack !== undefined;
  }
  /** The track that is sent now, for showing oneself. undefined: off. */
  get cameraTrack(): MediaStreamTrack | undefined {
    return this.#own.cameraTrack;
  }
  get screenOn(): boolean {
    return this.screenTrack !== undefined;
  }
  get screenTrack(): MediaStreamTrack | undefined {
    return this.#own.screenTrack;
  }
  /** How well voices and pictures are in step, for each person of whom both are played now. */
  get lipSync(): readonly LipSyncReading[] {
    return this.#lipSync.skews;
  }

  /** @internal Opens the devices and the first session. Rejects with a CallError and leaves nothing behind. */
  async start(): Promise<void> {
    try {
      await this.#own.open(this.#options.video);
      this.#sink = this.#platform.createAudioSink(() => this.emit('playbackblocked'));
      await this.#connection.start(CALL_TIMES.joinMs);
    } catch (error) {
      void this.#connection.remove();
      this.#release();
      this.#state = 'ended';
      throw error instanceof CallError
        ? error
        : new CallError('CONNECTION_FAILED', undefined, { cause: error });
    }
    this.#cleanup.push(
      this.#platform.every(CALL_TIMES.pollMs, () => this.#poll()),
      this.#platform.watch({
        online: () => this.#connection.online(),
        offline: () => this.#connection.offline(),
        pageHide: () => void this.leave(),
      }),
    );
    this.#setState('connected');
  }

  mute(): void {
    this.#mustLive();
    this.#own.wishMuted(true);
  }

  /**
   * Opens the microphone when there is none yet, so it may ask the person.
   * @throws CallError `MICROPHONE_…`, `INSECURE_ORIGIN`, or `TOKEN_FORBIDDEN` when the token allows only listening
   */
  async unmute(): Promise<void> {
    this.#mustLive();
    await this.#own.unmute();
  }

  /**
   * Changes the microphone at once, without a gap in the connection; muted stays muted.
   * @param device id of `enumerateDevices()`, or a track of your own, which is then not stopped by the call
   */
  async setMicrophone(device: string | MediaStreamTrack): Promise<void> {
    this.#mustLive();
    await this.#own.useMicrophone(typeof device === 'string' ? { deviceId: { exact: device } } : device);
  }

  /**
   * Turns the camera on or off. Off closes the device, so that its light goes out; on opens it again.
   * @param camera true: the device of last time, at first the default one. An id of `enumerateDevices()` or a track of
   *   your own, which is then not stopped by the call: on with that one
   * @throws CallError `CAMERA_…`, `INSECURE_ORIGIN`, or `TOKEN_FORBIDDEN`; what was sent before goes on then
   */
  async setCamera(camera: boolean | string | MediaStreamTrack): Promise<void> {
    this.#mustLive();
    await this.#own.setCamera(camera);
  }

  /**
   * Lets the person choose a screen, window or tab, and shows it until `stopScreen`, or until they stop it in the
   * browser: the event `screen` says so. Call it in a click.
   * @param options sound (default true): the screen's sound as well, where the browser can
   * @throws CallError `SCREEN_DENIED` when the person chose nothing, `SCREEN_FAILED`, `NOT_SUPPORTED` on phones, `TOKEN_FORBIDDEN`
   */
  async shareScreen({ sound = true }: { sound?: boolean } = {}): Promise<void> {
    this.#mustLive();
    await this.#own.shareScreen(sound);
  }

  async stopScreen(): Promise<void> {
    this.#mustLive();
    this.#own.stopScreen();
  }

  /**
   * Says what there is room for; it replaces the layout before, and `[]` ends all pictures. What the canvases show comes
   * as `assignments`. Call it as often as the window changes: about five a second are asked for, the last one always.
   * Without a connection it is asked for as soon as there is one, and again after each reconnection.
   * @throws CallError `REQUEST_REFUSED`; its message begins with the server's word: `INVALID_CANVAS`, `TOO_MANY_CANVASES`,
   *   `OWN_SOURCE`. The layout before stays then
   */
  async setLayout(canvases: readonly Canvas[], options: LayoutOptions = {}): Promise<void> {
    this.#mustLive();
    await this.#layouts.set(canvases, options);
  }

  async rename(displayName: string): Promise<void> {
    this.#mustLive();
    await this.#session.request({ rename: { displayName } });
    this.#displayName = displayName;
  }

  /** To everybody in the room. @param text at most 4,096 bytes of UTF-8 */
  async sendMessage(text: string): Promise<void> {
    this.#mustLive();
    if (new TextEncoder().encode(text).length > LIMITS.chatBytes)
      throw new CallError('REQUEST_REFUSED', `A message has at most ${LIMITS.chatBytes} bytes.`);
    if (this.#state !== 'connected') throw new CallError('NOT_CONNECTED');
    await this.#session.request({ sendMessage: { text } });
  }

  /**
   * The server records from now on; everybody is told. Once more while it runs changes nothing.
   * @param mode default: what the server's configuration says
   * @throws CallError `REQUEST_REFUSED` without the right, or with the server's word: `RECORDING_FAILED`, `TOO_MANY_RECORDINGS`
   */
  async startRecording(mode?: RecordingMode): Promise<void> {
    this.#mustLive();
    await this.#session.request({ setRecording: { on: true, ...(mode === undefined ? {} : { mode }) } });
  }

  /** Ends every recording of the room. @throws CallError `REQUEST_REFUSED` without the right */
  async stopRecording(): Promise<void> {
    this.#mustLive();
    await this.#session.request({ setRecording: { on: false } });
  }

  /** Moves the audio elements into `container`; by default they are at the end of the page, without controls. */
  attachAudio(container?: HTMLElement): void {
    this.#sink?.attach(container);
  }

  /** Call it in a click after `playbackblocked`. Rejects when the browser still refuses. */
  async resumePlayback(): Promise<void> {
    await this.#sink?.resume();
  }

  getStats(): Promise<RTCStatsReport> {
    this.#mustLive();
    return this.#session.peer.getStats();
  }

  send(_data: unknown): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }

  /** Ends the call; resolves when the server knows, or after two seconds. */
  async leave(): Promise<void> {
    if (this.#state === 'ended') return;
    const removed = this.#connection.remove();
    this.#end('left');
    await Promise.race([
      removed,
      new Promise<void>((resolve) => this.#platform.after(CALL_TIMES.leaveMs, resolve)),
    ]);
  }

  // ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────

  #connectionPort(): ConnectionPort {
    return {
      opening: () => ({ displayName: this.#displayName, tracks: this.#own.tracks }),
      opened: async (session, tracks) => {
        this.#participantId = session.participantId ?? '';
        await this.#own.sessionOpened(tracks);
        this.#voices.useTracks(session.peer.audioSlots);
      },
      lost: () => this.#layouts.sessionLost(),
      status: (status) => this.#setState(status),
      message: (message) => this.#onMessage(message),
      refused: (why) => this.emit('error', new CallError('ANSWER_MALFORMED', `channel: ${why}`)),
      ended: (reason, error) => this.#end(reason, error),
    };
  }

  get #session(): Session {
    return this.#connection.session;
  }

  // ── what the server says ──────────────────────────────────────────────────────────────────────────────────────

  #onMessage({ resources, deleted }: ServerMessage): void {
    const people = [];
    for (const resource of resources) {
      switch (resource.t) {
        case 'session':
          this.#own.setCanPublish(resource.canPublish);
          this.#participantId = resource.participantId;
          this.#canRecord = resource.canRecord;
          if (this.#told === this.#session) break; // something of ours has changed; nobody is listed again
          this.#told = this.#session;
          this.#store.beginSnapshot();
          this.#cancelSnapshot?.();
          this.#cancelSnapshot = this.#platform.after(CALL_TIMES.snapshotMs, () => this.#endSnapshot());
          this.#beginSession(resource.videoSlots);
          // A recording is told with the session; it may have stopped while there was no connection.
          if (!resources.some(({ t }) => t === 'recording')) this.#setRecording(undefined);
          break;
        case 'recording':
          this.#setRecording(resource.on ? { sinceMs: resource.sinceMs, mode: resource.mode } : undefined);
          break;
        case 'participant':
        case 'mediaEntry':
          people.push(resource);
          break;
        case 'speakers':
          this.#voices.hint(resource.slots, this.#platform.nowMs());
          for (const report of resource.slots) this.#lipSync.anchor('audio', report.slot, report);
          this.#endSnapshot();
          break;
        case 'message': {
          const { from, displayName, text, sentAtMs } = resource;
          this.emit('message', { from, displayName, text, sentAtMs, self: from === this.#participantId });
          break;
        }
        case 'videoSlots':
          this.#pictures.hint(resource.slots, this.#platform.nowMs());
          for (const report of resource.slots) this.#lipSync.anchor('video', report.slot, report);
          break;
        case 'videoAssignment':
          this.#pictures.assigned(resource.canvases);
          this.#endSnapshot();
          break;
        case 'sessionStatus':
          break; // the session has read it
      }
    }
    if (people.length + deleted.length > 0) {
      this.#changed(this.#store.apply(people, deleted));
      this.#lipSync.know(this.#store.pairs);
      this.#layouts.entriesChanged();
    }
  }

  /** @param granted further video sections of the offer were answered as inactive */
  #beginSession(granted: number): void {
    const { audioSlots, videoSlots } = this.#session.peer;
    this.#voices.beginSession(audioSlots.length);
    this.#pictures.beginSession(videoSlots.slice(0, granted));
    this.#lipSync.reset({ audio: audioSlots.length, video: videoSlots.length });
  }

  #setRecording(recording: CallRecording | undefined): void {
    const before = this.#recording;
    if (before?.sinceMs === recording?.sinceMs && before?.mode === recording?.mode) return;
    this.#recording = recording;
    this.emit('recording', recording);
  }

  /** The first table of slots comes after everybody has been listed. */
  #endSnapshot(): void {
    if (!this.#cancelSnapshot) return;
    this.#cancelSnapshot();
    this.#cancelSnapshot = undefined;
    this.#changed(this.#store.endSnapshot());
    this.#layouts.sessionReady();
  }

  #changed(change: ParticipantsChange | undefined): void {
    if (!change) return;
    const self = this.#store.get(this.#participantId);
    if (self) this.#own.serverSays(self);
    this.emit('participants', this.#store.participants, change);
    this.#voices.refresh(); // a slot's CSRC may have got its name only now
    this.#pictures.refresh();
  }

  // ── ten times a second ────────────────────────────────────────────────────────────────────────────────────────

  #poll(): void {
    const nowMs = this.#platform.nowMs();
    const { audioSlots, videoSlots } = this.#session.peer;
    for (const slot of audioSlots) {
      const reading = slot.read();
      this.#voices.read(slot.index, reading, nowMs);
      this.#lipSync.read('audio', slot.index, reading, nowMs);
    }
    for (const slot of videoSlots) {
      const reading = slot.read();
      this.#pictures.read(slot.index, reading, nowMs);
      this.#lipSync.read('video', slot.index, reading, nowMs);
    }
    this.#voices.poll(nowMs);
    this.#pictures.poll(nowMs);
    this.#keepInStep(nowMs);
    if (this.#connection.told) this.#own.poll(nowMs);
    this.#connection.poll();
  }

  /** Sound and picture of one person, in whatever slots they are. Virtual streams R5. */
  #keepInStep(nowMs: number): void {
    const { peer } = this.#session;
    if (!peer.canDelay) return;
    const slots = { audio: peer.audioSlots, video: peer.videoSlots };
    for (const { kind, slot, delayMs } of this.#lipSync.poll(nowMs))
      slots[kind][slot]?.setPlayoutDelay(delayMs);
    for (const { kind, slot } of this.#lipSync.looks(nowMs)) {
      void slots[kind][slot]?.look().then(
        (look) => {
          if (peer === this.#session.peer) this.#lipSync.look(kind, slot, look);
        },
        () => {}, // closed meanwhile
      );
    }
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  #mustLive(): void {
    if (this.#state === 'ended') throw new CallError('CALL_ENDED');
  }

  #setState(state: CallState): void {
    if (state === this.#state || this.#state === 'ended') return;
    this.#state = state;
    this.emit('state', state);
  }

  #end(reason: EndReason, error?: CallError): void {
    if (this.#state === 'ended') return;
    this.#release();
    this.#setState('ended');
    this.emit('ended', reason, error);
    this.removeAllListeners();
  }

  #release(): void {
    this.#cancelSnapshot?.();
    this.#cancelSnapshot = undefined;
    for (const undo of this.#cleanup.splice(0)) undo();
    this.#connection.close();
    this.#own.close();
    this.#layouts.close();
    this.#sink?.close();
  }
}
