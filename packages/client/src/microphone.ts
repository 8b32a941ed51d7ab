/**
 * The own microphone: which track is sent, whether it is ours to stop, what happens when its device disappears.
 * The peer connection is not known here; the owner hands the track on.
 */
import type { CallError } from './errors.js';
import { microphoneError } from './errors.js';
import type { LevelMeter, Platform } from './platform.js';

/** What `join` asks of a microphone; a caller's constraints win. */
export const SPEECH_CONSTRAINTS: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

export type AudioOption = boolean | MediaTrackConstraints | MediaStreamTrack;

export const isTrack = (option: unknown): option is MediaStreamTrack =>
  typeof option === 'object' && option !== null && 'kind' in option && 'stop' in option;

export class Microphone {
  #track: MediaStreamTrack | undefined;
  #ours = false;
  #enabled: boolean;
  #meter: LevelMeter | undefined;
  #turn = 0;
  readonly #onEnded = (): void => this.onLost();

  constructor(
    readonly platform: Platform,
    muted: boolean,
    /** The device is gone; the track is dead. */
    readonly onLost: () => void,
  ) {
    this.#enabled = !muted;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#track;
  }

  get level(): number {
    return this.#enabled ? (this.#meter?.level() ?? 0) : 0;
  }

  /** Silence is sent while disabled; the device stays open so that unmuting loses no syllable. */
  setEnabled(enabled: boolean): void {
    this.#enabled = enabled;
    if (this.#track) this.#track.enabled = enabled;
  }

  /**
   * @returns undefined when there is nothing to open, or `close` or another `open` was called meanwhile: that one counts
   * @throws CallError; the track of before stays in use then
   */
  async open(option: AudioOption): Promise<MediaStreamTrack | undefined> {
    if (option === false) return undefined;
    const turn = (this.#turn += 1);
    if (isTrack(option)) {
      this.#use(option, false);
      return option;
    }
    let track: MediaStreamTrack;
    try {
      track = await this.platform.openMicrophone({
        ...SPEECH_CONSTRAINTS,
        ...(option === true ? {} : option),
      });
    } catch (error) {
      throw microphoneError(error) satisfies CallError;
    }
    if (turn !== this.#turn) {
      track.stop();
      return undefined;
    }
    this.#use(track, true);
    return track;
  }

  /** Stops a track that was opened here, leaves one that was given. */
  close(): void {
    this.#turn += 1;
    this.#drop();
  }

  #drop(): void {
    this.#meter?.close();
    this.#meter = undefined;
    if (!this.#track) return;
    this.#track.removeEventListener('ended', this.#onEnded);
    if (this.#ours) this.#track.stop();
    this.#track = undefined;
  }

  #use(track: MediaStreamTrack, ours: boolean): void {
    if (track === this.#track) return;
    this.#drop();
    this.#track = track;
    this.#ours = ours;
    track.enabled = this.#enabled;
    track.addEventListener('ended', this.#onEnded);
    this.#meter = this.platform.createLevelMeter(track);
  }
}
