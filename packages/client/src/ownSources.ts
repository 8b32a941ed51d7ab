/**
 * What we send: microphone, camera, screen and its sound. Opens and closes the devices, puts their tracks into the
 * present session and keeps the server's mute states equal to ours. The microphone stays open while it is muted, so that
 * no syllable is lost; camera and screen are closed, so that no light burns.
 * Elsewhere: whose word counts when both sides change a mute → muteState.ts · devices → microphone.ts, camera.ts
 */
import { Camera, type VideoOption } from './camera.js';
import { CallError } from './errors.js';
import type { RequestPayload, Source } from './messages.js';
import { Microphone, type AudioOption } from './microphone.js';
import { MuteState } from './muteState.js';
import type { Participant } from './participants.js';
import type { Platform } from './platform.js';
import { Screen } from './screen.js';
import type { OwnTracks } from './session.js';

/** The session that things are said to now. Another object after a reconnection. */
export interface SourcesSession {
  readonly peer: { setTrack(source: Source, track: MediaStreamTrack | null): Promise<void> };
  request(payload: RequestPayload): Promise<void>;
}

export interface SourcesPort {
  readonly platform: Platform;
  isEnded(): boolean;
  session(): SourcesSession;
  onMuted(muted: boolean, byServer: boolean): void;
  onCamera(on: boolean, byServer: boolean): void;
  onScreen(on: boolean, byServer: boolean): void;
  onError(error: CallError): void;
}

const SOURCES = ['microphone', 'screenSound', 'camera', 'screen'] as const satisfies readonly Source[];
type Muting = Exclude<Source, 'screenSound'>;

export class OwnSources {
  readonly microphone: Microphone;
  readonly #camera: Camera;
  readonly #screen: Screen;
  readonly #mutes: Record<Muting, MuteState>;
  /** What each section of the present session was last given. */
  readonly #given = new Map<Source, MediaStreamTrack | undefined>();
  #canPublish = true;

  constructor(
    readonly port: SourcesPort,
    readonly audio: AudioOption,
    muted: boolean,
  ) {
    const mutedAtFirst = muted || audio === false;
    this.microphone = new Microphone(port.platform, mutedAtFirst, () => void this.#microphoneLost());
    this.#camera = new Camera(port.platform, () => void this.#cameraLost());
    this.#screen = new Screen(port.platform, {
      ended: () => this.#screenOff(true),
      soundEnded: () => void this.#syncTracks().then(() => this.#tellScreenSound()),
    });
    this.#mutes = {
      microphone: new MuteState(mutedAtFirst),
      camera: new MuteState(true),
      screen: new MuteState(true),
    };
  }

  get muted(): boolean {
    return this.#mutes.microphone.muted;
  }
  /** False for somebody whose token allows only listening. */
  get canPublish(): boolean {
    return this.#canPublish;
  }
  get cameraTrack(): MediaStreamTrack | undefined {
    return this.#camera.track;
  }
  get screenTrack(): MediaStreamTrack | undefined {
    return this.#screen.video;
  }
  /** Everything that is to be sent now. */
  get tracks(): OwnTracks {
    const tracks: OwnTracks = {};
    if (this.microphone.track) tracks.microphone = this.microphone.track;
    if (this.#camera.track) tracks.camera = this.#camera.track;
    if (this.#screen.video) tracks.screen = this.#screen.video;
    if (this.#screen.sound) tracks.screenSound = this.#screen.sound;
    return tracks;
  }

  /** Before the first session. @throws CallError */
  async open(video: VideoOption): Promise<void> {
    await this.microphone.open(this.audio);
    if (video === false) return;
    await this.#camera.open(video);
    this.#mutes.camera.wish(false);
  }

  /** A new session is up and sends `given`; it knows nothing of our mute states yet. */
  async sessionOpened(given: OwnTracks): Promise<void> {
    for (const source of SOURCES) this.#given.set(source, given[source]);
    for (const mute of Object.values(this.#mutes)) mute.reset();
    // The server takes microphones as unmuted and pictures as muted.
    void this.#tell('microphone');
    if (this.#camera.track) void this.#tell('camera');
    if (this.#screen.video) void this.#tellScreen();
    await this.#syncTracks();
  }

  /** What the server's media entries say of us. */
  serverSays(self: Participant): void {
    this.#mutes.microphone.serverSays(self.muted);
    this.#mutes.camera.serverSays(!self.cameraOn);
    this.#mutes.screen.serverSays(!self.screenOn);
  }

  setCanPublish(canPublish: boolean): void {
    this.#canPublish = canPublish;
    if (canPublish) return;
    // A token that allows only listening: nothing is kept open for nothing.
    this.microphone.close();
    this.#cameraOff(true);
    this.#screenOff(true);
    void this.#syncTracks();
    if (this.muted) return;
    this.#mutes.microphone.wish(true);
    this.port.onMuted(true, true);
  }

  /** Call it ten times a second while the session is up. */
  poll(nowMs: number): void {
    const { microphone, camera, screen } = this.#mutes;
    if (microphone.poll(nowMs)) {
      this.microphone.setEnabled(!microphone.muted);
      this.port.onMuted(microphone.muted, true);
    }
    if (camera.poll(nowMs)) this.#serverChanged(camera, () => this.#cameraOff(true), 'camera');
    if (screen.poll(nowMs)) this.#serverChanged(screen, () => this.#screenOff(true), 'screen');
  }

  close(): void {
    this.microphone.close();
    this.#camera.close();
    this.#screen.close();
  }

  // ── microphone ────────────────────────────────────────────────────────────────────────────────────────────────

  wishMuted(muted: boolean): void {
    this.microphone.setEnabled(!muted);
    if (muted === this.muted) return;
    this.#mutes.microphone.wish(muted);
    this.port.onMuted(muted, false);
    void this.#tell('microphone');
  }

  async unmute(): Promise<void> {
    this.#mustPublish();
    if (!this.microphone.track) await this.useMicrophone(this.audio === false ? true : this.audio);
    if (!this.microphone.track) return; // closed while the browser asked
    this.wishMuted(false);
  }

  async useMicrophone(option: AudioOption): Promise<void> {
    await this.microphone.open(option);
    if (this.port.isEnded()) this.microphone.close();
    else await this.#syncTracks();
  }

  async #microphoneLost(): Promise<void> {
    this.microphone.close();
    try {
      await this.useMicrophone(true); // the system's next default device
    } catch {
      if (this.port.isEnded()) return;
      this.port.onError(new CallError('MICROPHONE_MISSING'));
      if (!this.muted) {
        this.#mutes.microphone.wish(true);
        this.port.onMuted(true, true);
        void this.#tell('microphone');
      }
    }
  }

  // ── camera ────────────────────────────────────────────────────────────────────────────────────────────────────

  async setCamera(option: boolean | string | MediaStreamTrack): Promise<void> {
    if (option === false) return this.#cameraOff(false);
    this.#mustPublish();
    const before = this.#camera.track;
    if (option === true && before) return;
    const track = await this.#camera.open(
      typeof option === 'string' ? { deviceId: { exact: option } } : option,
    );
    if (!track || this.#camera.track !== track) return; // turned off again while the browser asked
    if (this.port.isEnded()) return this.#camera.close();
    await this.#syncTracks();
    this.#mutes.camera.wish(false);
    if (track !== before) this.port.onCamera(true, false);
    if (!before) void this.#tell('camera');
  }

  #cameraOff(byServer: boolean): void {
    const wasOn = this.#camera.track !== undefined;
    this.#camera.close(); // also one that is being opened
    if (!wasOn) return;
    void this.#syncTracks();
    this.#mutes.camera.wish(true);
    this.port.onCamera(false, byServer);
    void this.#tell('camera');
  }

  /** Another one is not turned on by itself: it may look at something that nobody is meant to see. */
  #cameraLost(): void {
    this.#cameraOff(true);
    this.port.onError(new CallError('CAMERA_MISSING'));
  }

  // ── screen ────────────────────────────────────────────────────────────────────────────────────────────────────

  async shareScreen(sound: boolean): Promise<void> {
    this.#mustPublish();
    if (!(await this.#screen.open(sound))) return; // stopped while the person chose
    if (this.port.isEnded()) return this.#screen.close();
    await this.#syncTracks();
    this.#mutes.screen.wish(false);
    this.port.onScreen(true, false);
    await this.#tellScreen();
  }

  stopScreen(): void {
    this.#screenOff(false);
  }

  #screenOff(byServer: boolean): void {
    const wasOn = this.#screen.video !== undefined;
    this.#screen.close();
    if (!wasOn) return;
    void this.#syncTracks();
    this.#mutes.screen.wish(true);
    this.port.onScreen(false, byServer);
    void this.#tellScreen();
  }

  async #tellScreen(): Promise<void> {
    await Promise.all([this.#tell('screen'), this.#tellScreenSound()]);
  }

  async #tellScreenSound(): Promise<void> {
    try {
      await this.port.session().request({
        setMuted: { source: 'screenSound', muted: this.#screen.sound === undefined },
      });
    } catch {
      // Not connected: it is said again with the next session.
    }
  }

  // ── all ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #mustPublish(): void {
    if (!this.#canPublish) throw new CallError('TOKEN_FORBIDDEN', 'This token allows only listening.');
  }

  /** The server has another idea than we: it may turn a picture off, but never on. */
  #serverChanged(mute: MuteState, off: () => void, source: Muting): void {
    if (mute.muted) return off();
    mute.wish(true);
    void this.#tell(source);
  }

  async #tell(source: Muting): Promise<void> {
    const session = this.port.session();
    const mute = this.#mutes[source];
    mute.asked();
    let accepted = true;
    try {
      await session.request({ setMuted: { source, muted: mute.muted } });
    } catch {
      accepted = false; // not connected: it is said again with the next session
    }
    if (session === this.port.session()) mute.answered(accepted, this.port.platform.nowMs());
  }

  /** Gives the session's sections what they are to send. */
  async #syncTracks(): Promise<void> {
    const { tracks } = this;
    const { peer } = this.port.session();
    const changed = SOURCES.filter((source) => tracks[source] !== this.#given.get(source));
    for (const source of changed) this.#given.set(source, tracks[source]);
    await Promise.all(
      changed.map(async (source) => {
        const track = tracks[source];
        try {
          await peer.setTrack(source, track ?? null);
        } catch (error) {
          // A connection that was closed meanwhile sends nothing anyway.
          if (!track) return;
          if (this.#given.get(source) === track) this.#given.delete(source);
          throw error;
        }
      }),
    );
  }
}
