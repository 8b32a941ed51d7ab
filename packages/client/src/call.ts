/**
 * A call: the state that an application sees, kept over lost connections. It owns one session at a time and decides
 * nothing about time itself: the reconnector, the speaker tracker and the mute state are asked ten times a second.
 * Elsewhere: one session → session.ts · what to do when it is lost → reconnector.ts · who is heard → speakers.ts
 */
import type {
  AudioSlot,
  CallEvents,
  CallOptions,
  CallState,
  Canvas,
  EndReason,
  LayoutOptions,
  LipSyncReading,
  VideoAssignment,
  VideoSlot,
} from './callTypes.js';
import { Emitter } from './emitter.js';
import { CallError } from './errors.js';
import { LIMITS, type ServerMessage } from './messages.js';
import { Microphone, type AudioOption } from './microphone.js';
import { MuteState } from './muteState.js';
import { ParticipantsStore, type Participant, type ParticipantsChange } from './participants.js';
import type { AudioSink, Platform } from './platform.js';
import { Reconnector, RECONNECT, type AttemptResult, type ReconnectCommand } from './reconnector.js';
import { Session, type SessionHandlers } from './session.js';
import { isFinal, type SessionApi } from './sessionApi.js';
import { SpeakerTracker } from './speakers.js';

export const CALL_TIMES = {
  pollMs: 100, // who speaks is shown within a tenth of a second
  joinMs: 15_000, // the first connection; afterwards the reconnector's times hold
  snapshotMs: 1_500, // after this the list of people counts as complete even without a table of slots
  leaveMs: 2_000, // leaving does not wait longer for the server
} as const;

export class Call extends Emitter<CallEvents> {
  readonly room: string;
  readonly #platform: Platform;
  #api: SessionApi;
  readonly #options: CallOptions;
  readonly #store = new ParticipantsStore();
  readonly #tracker = new SpeakerTracker();
  readonly #mute: MuteState;
  readonly #microphone: Microphone;
  #state: CallState = 'connecting';
  #session: Session;
  #reconnector: Reconnector | undefined;
  #attempt: AbortController | undefined;
  /** The session whose place a new one takes; it may be one that never came up. */
  #replaceable: string | undefined;
  #participantId = '';
  #canPublish = true;
  #displayName: string;
  #sink: AudioSink | undefined;
  #slots: readonly AudioSlot[] = [];
  #cancelSnapshot: (() => void) | undefined;
  readonly #cleanup: (() => void)[] = [];

  /** @internal use `join` */
  constructor(platform: Platform, api: SessionApi, options: CallOptions) {
    super();
    this.#platform = platform;
    this.#api = api;
    this.#options = options;
    this.#displayName = options.displayName;
    this.room = api.room;
    const muted = options.muted || options.audio === false;
    this.#mute = new MuteState(muted);
    this.#microphone = new Microphone(platform, muted, () => void this.#microphoneLost());
    this.#session = this.#newSession();
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
    return this.#slots;
  }
  get muted(): boolean {
    return this.#mute.muted;
  }
  /** False for somebody whose token allows only listening. */
  get canPublish(): boolean {
    return this.#canPublish;
  }
  /** The own voice as sent, linear, 0…1; 0 while muted. */
  get microphoneLevel(): number {
    return this.#microphone.level;
  }
  /** The track that is sent now, for showing its device. */
  get microphoneTrack(): MediaStreamTrack | undefined {
    return this.#microphone.track;
  }

  /** @internal Opens the microphone and the first session. Rejects with a CallError and leaves nothing behind. */
  async start(): Promise<void> {
    try {
      const track = await this.#microphone.open(this.#options.audio);
      this.#sink = this.#platform.createAudioSink(() => this.emit('playbackblocked'));
      await this.#openSession(CALL_TIMES.joinMs);
      if (track && this.#microphone.track !== track)
        await this.#session.peer.setMicrophone(this.#microphone.track ?? null);
    } catch (error) {
      this.#attempt?.abort();
      if (this.#session.sessionId !== undefined) void this.#api.remove(this.#session.sessionId);
      this.#release();
      this.#state = 'ended';
      throw error instanceof CallError
        ? error
        : new CallError('CONNECTION_FAILED', undefined, { cause: error });
    }
    this.#reconnector = new Reconnector(this.#platform.nowMs(), () => this.#platform.chance());
    this.#cleanup.push(
      this.#platform.every(CALL_TIMES.pollMs, () => this.#poll()),
      this.#platform.watch({
        online: () => this.#signal({ t: 'online' }),
        offline: () => this.#signal({ t: 'offline' }),
        pageHide: () => void this.leave(),
      }),
    );
    this.#setState('connected');
  }

  mute(): void {
    this.#wishMuted(true);
  }

  /**
   * Opens the microphone when there is none yet, so it may ask the person.
   * @throws CallError `MICROPHONE_…`, `INSECURE_ORIGIN`, or `TOKEN_FORBIDDEN` when the token allows only listening
   */
  async unmute(): Promise<void> {
    this.#mustLive();
    if (!this.#canPublish) throw new CallError('TOKEN_FORBIDDEN', 'This token allows only listening.');
    if (!this.#microphone.track) {
      const { audio } = this.#options;
      await this.#useMicrophone(audio === false ? true : audio);
    }
    this.#wishMuted(false);
  }

  /**
   * Changes the microphone at once, without a gap in the connection; muted stays muted.
   * @param device id of `enumerateDevices()`, or a track of your own, which is then not stopped by the call
   */
  async setMicrophone(device: string | MediaStreamTrack): Promise<void> {
    this.#mustLive();
    await this.#useMicrophone(typeof device === 'string' ? { deviceId: { exact: device } } : device);
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

  get videoSlots(): readonly VideoSlot[] {
    return [];
  }
  get assignments(): readonly VideoAssignment[] {
    return [];
  }
  get cameraOn(): boolean {
    return false;
  }
  get cameraTrack(): MediaStreamTrack | undefined {
    return undefined;
  }
  get screenOn(): boolean {
    return false;
  }
  get screenTrack(): MediaStreamTrack | undefined {
    return undefined;
  }
  get lipSync(): readonly LipSyncReading[] {
    return [];
  }
  setLayout(_canvases: readonly Canvas[], _options: LayoutOptions = {}): Promise<void> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  setCamera(_camera: boolean | string | MediaStreamTrack): Promise<void> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  shareScreen(_options: { sound?: boolean } = {}): Promise<void> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  stopScreen(): Promise<void> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }
  send(_data: unknown): Promise<never> {
    return Promise.reject(new CallError('NOT_SUPPORTED'));
  }

  /** Ends the call; resolves when the server knows, or after two seconds. */
  async leave(): Promise<void> {
    if (this.#state === 'ended') return;
    const { sessionId } = this.#session;
    // Over HTTP only: the channel is closed at once, and what was just put into it might not go out.
    const removed = sessionId === undefined ? Promise.resolve() : this.#api.remove(sessionId);
    this.#end('left');
    await Promise.race([
      removed,
      new Promise<void>((resolve) => this.#platform.after(CALL_TIMES.leaveMs, resolve)),
    ]);
  }

  // ── sessions ──────────────────────────────────────────────────────────────────────────────────────────────────

  #newSession(): Session {
    const only = <Args extends unknown[]>(run: (...args: Args) => void) => {
      // A session that was given up may still speak; nobody listens.
      return (...args: Args): void => {
        if (session === this.#session && !session.closed) run(...args);
      };
    };
    const handlers: SessionHandlers = {
      transport: only((state) => this.#signal({ t: 'transport', state })),
      message: only((message) => this.#onMessage(message)),
      lost: only((delayMs) => this.#signal({ t: 'rejoin', delayMs })),
      moved: only((url) => {
        this.#api = this.#api.at(url);
        this.#signal({ t: 'rejoin', delayMs: 0 });
      }),
      ended: only((reason) => this.#end(reason)),
      refused: only((why) => this.emit('error', new CallError('ANSWER_MALFORMED', `channel: ${why}`))),
    };
    const session: Session = new Session(this.#platform, this.#api, this.#options.audioSlots, handlers);
    return session;
  }

  async #openSession(deadlineMs: number): Promise<void> {
    const session = this.#session;
    const attempt = this.#beginAttempt(deadlineMs);
    const options = { displayName: this.#displayName, microphone: this.#microphone.track ?? null };
    try {
      try {
        await session.open({ ...options, replaces: this.#replaceable, signal: attempt.signal });
      } finally {
        // Even one that came too late holds our place on the server.
        if (session.sessionId !== undefined) this.#replaceable = session.sessionId;
      }
    } finally {
      attempt.done();
    }
    if (this.#session !== session || session.closed) throw new CallError('CONNECTION_FAILED');
    this.#participantId = session.participantId ?? '';
    this.#mute.reset();
    void this.#tellMuted();
    this.#refreshSlots(true);
  }

  async #rejoin(): Promise<AttemptResult> {
    this.#session.close();
    try {
      this.#session = this.#newSession();
      await this.#openSession(RECONNECT.joinMs);
      return { t: 'ok' };
    } catch (error) {
      this.#session.close();
      if (error instanceof CallError && error.code === 'SESSION_NOT_FOUND') this.#replaceable = undefined;
      return resultOf(error);
    }
  }

  async #restart(): Promise<AttemptResult> {
    const attempt = this.#beginAttempt(RECONNECT.restartMs);
    try {
      await this.#session.restartIce(attempt.signal);
      return { t: 'ok' };
    } catch (error) {
      // A restart may be refused for reasons that a new session does not share.
      const result = resultOf(error);
      return result.t === 'fatal' ? { t: 'refused' } : result;
    } finally {
      attempt.done();
    }
  }

  #beginAttempt(deadlineMs: number): { signal: AbortSignal; done: () => void } {
    this.#attempt?.abort();
    const controller = new AbortController();
    this.#attempt = controller;
    return { signal: controller.signal, done: this.#platform.after(deadlineMs, () => controller.abort()) };
  }

  #signal(signal: Parameters<Reconnector['handle']>[0]): void {
    this.#reconnector?.handle(signal, this.#platform.nowMs());
    this.#follow();
  }

  /** Carries out what the reconnector wants and shows its status. */
  #follow(): void {
    const reconnector = this.#reconnector;
    if (!reconnector || this.#state === 'ended') return;
    const command = reconnector.poll(this.#platform.nowMs());
    if (reconnector.status !== 'ended') this.#setState(reconnector.status);
    if (command) void this.#run(command);
  }

  async #run(command: ReconnectCommand): Promise<void> {
    if (command.t === 'giveUp') {
      const lost = command.code === 'CONNECTION_LOST';
      this.#end(
        'connection-lost',
        new CallError(command.code, lost ? undefined : 'The server refused the return.'),
      );
      return;
    }
    this.#attempt?.abort();
    const running = command.t === 'restart' ? this.#restart() : this.#rejoin();
    const attempt = this.#attempt;
    const result = await running;
    if (attempt === this.#attempt) this.#signal({ t: 'attempt', result });
  }

  // ── what the server says ──────────────────────────────────────────────────────────────────────────────────────

  #onMessage({ resources, deleted }: ServerMessage): void {
    const people = [];
    for (const resource of resources) {
      switch (resource.t) {
        case 'session':
          this.#canPublish = resource.canPublish;
          if (!resource.canPublish) this.#becomeListener();
          this.#participantId = resource.participantId;
          this.#store.beginSnapshot();
          this.#cancelSnapshot?.();
          this.#cancelSnapshot = this.#platform.after(CALL_TIMES.snapshotMs, () => this.#endSnapshot());
          this.#tracker.reset(this.#session.peer.slots.length);
          break;
        case 'participant':
        case 'mediaEntry':
          people.push(resource);
          if (
            resource.t === 'mediaEntry' &&
            resource.participantId === this.#participantId &&
            !resource.screenshare
          )
            this.#mute.serverSays(resource.audioMuted);
          break;
        case 'speakers':
          if (this.#tracker.hint(resource.slots, this.#platform.nowMs())) this.#refreshSlots();
          this.#endSnapshot();
          break;
        case 'message': {
          const { from, displayName, text, sentAtMs } = resource;
          this.emit('message', { from, displayName, text, sentAtMs, self: from === this.#participantId });
          break;
        }
        case 'videoSlots':
        case 'videoAssignment':
          break;
        case 'sessionStatus':
          break; // the session has read it
      }
    }
    if (people.length + deleted.length > 0) this.#changed(this.#store.apply(people, deleted));
  }

  /** The first table of slots comes after everybody has been listed. */
  #endSnapshot(): void {
    if (!this.#cancelSnapshot) return;
    this.#cancelSnapshot();
    this.#cancelSnapshot = undefined;
    this.#changed(this.#store.endSnapshot());
  }

  #changed(change: ParticipantsChange | undefined): void {
    if (!change) return;
    this.emit('participants', this.#store.participants, change);
    this.#refreshSlots(); // a slot's CSRC may have got its name only now
  }

  // ── ten times a second ────────────────────────────────────────────────────────────────────────────────────────

  #poll(): void {
    const nowMs = this.#platform.nowMs();
    for (const slot of this.#session.peer.slots) this.#tracker.read(slot.index, slot.read(), nowMs);
    if (this.#tracker.poll(nowMs)) this.#refreshSlots();
    if (this.#mute.poll(nowMs)) {
      this.#microphone.setEnabled(!this.#mute.muted);
      this.emit('muted', this.#mute.muted, true);
    }
    this.#follow();
  }

  #refreshSlots(newTracks = false): void {
    const states = this.#tracker.slots;
    const slots = this.#session.peer.slots.map(({ index, mid, track, stream }): AudioSlot => {
      const state = states[index] ?? { csrc: undefined, loudest: false, speaking: false, level: undefined };
      const participant = state.csrc === undefined ? undefined : this.#store.byCsrc(state.csrc);
      return { index, mid, track, stream, participant, ...state };
    });
    const before = this.#slots;
    this.#slots = slots;
    if (newTracks) {
      this.#sink?.play(slots.map((slot) => slot.stream));
      this.emit('audioslots', slots);
    }
    const visible = slots.some((slot, index) => {
      const old = before[index];
      return (
        slot.csrc !== old?.csrc ||
        slot.participant !== old?.participant ||
        slot.loudest !== old?.loudest ||
        slot.speaking !== old?.speaking
      );
    });
    if (visible) this.emit('speakers', slots);
  }

  // ── microphone ────────────────────────────────────────────────────────────────────────────────────────────────

  #wishMuted(muted: boolean): void {
    this.#mustLive();
    this.#microphone.setEnabled(!muted);
    if (muted === this.#mute.muted) return;
    this.#mute.wish(muted);
    this.emit('muted', muted, false);
    void this.#tellMuted();
  }

  async #tellMuted(): Promise<void> {
    const session = this.#session;
    this.#mute.asked();
    let accepted = true;
    try {
      await session.request({ setMuted: { source: 'microphone', muted: this.#mute.muted } });
    } catch {
      accepted = false; // not connected: it is said again with the next session
    }
    if (session === this.#session) this.#mute.answered(accepted, this.#platform.nowMs());
  }

  /** A token that allows only listening: the microphone is not kept open for nothing. */
  #becomeListener(): void {
    if (this.#microphone.track) void this.#session.peer.setMicrophone(null);
    this.#microphone.close();
    if (this.#mute.muted) return;
    this.#mute.wish(true);
    this.emit('muted', true, true);
  }

  async #useMicrophone(option: AudioOption): Promise<void> {
    const track = await this.#microphone.open(option);
    if (this.#state === 'ended') this.#microphone.close();
    else await this.#session.peer.setMicrophone(track ?? null);
  }

  async #microphoneLost(): Promise<void> {
    this.#microphone.close();
    try {
      await this.#useMicrophone(true); // the system's next default device
    } catch {
      if (this.#state === 'ended') return;
      this.emit('error', new CallError('MICROPHONE_MISSING'));
      if (!this.#mute.muted) {
        this.#mute.wish(true);
        this.emit('muted', true, true);
        void this.#tellMuted();
      }
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
    this.#reconnector?.end();
    this.#attempt?.abort();
    this.#attempt = undefined;
    this.#cancelSnapshot?.();
    this.#cancelSnapshot = undefined;
    for (const undo of this.#cleanup.splice(0)) undo();
    this.#session.close();
    this.#microphone.close();
    this.#sink?.close();
  }
}

function resultOf(error: unknown): AttemptResult {
  if (!(error instanceof CallError) || error.code === 'SERVER_UNREACHABLE') return { t: 'unreachable' };
  return isFinal(error) ? { t: 'fatal', code: error.code } : { t: 'refused' };
}
