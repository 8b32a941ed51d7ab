/**
 * The own camera as a device: what is asked of it, whether its track is ours to stop, what happens when it disappears.
 * A camera that is off is closed, so that its light goes out. The peer connection is not known here.
 */
import { cameraError } from './errors.js';
import { isTrack } from './microphone.js';
import type { Platform } from './platform.js';

/** What `join` and `setCamera` ask of a camera; a caller's constraints win. 720p is what three layers are made of. */
export const CAMERA_CONSTRAINTS: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

export type VideoOption = boolean | MediaTrackConstraints | MediaStreamTrack;

export class Camera {
  #track: MediaStreamTrack | undefined;
  #ours = false;
  #turn = 0;
  /** What the device was last opened with, for opening it again. */
  #constraints: MediaTrackConstraints = {};
  readonly #onEnded = (): void => this.onLost();

  constructor(
    readonly platform: Pick<Platform, 'openCamera'>,
    /** The device is gone; the track is dead. */
    readonly onLost: () => void,
  ) {}

  get track(): MediaStreamTrack | undefined {
    return this.#track;
  }

  /**
   * @param option true: the device of last time, at first the default one
   * @returns undefined when `close` or another `open` was called meanwhile: that one counts
   * @throws CallError; the track of before stays then
   */
  async open(option: true | MediaTrackConstraints | MediaStreamTrack): Promise<MediaStreamTrack | undefined> {
    const turn = (this.#turn += 1);
    if (isTrack(option)) {
      this.#use(option, false);
      return option;
    }
    const constraints = option === true ? this.#constraints : option;
    let track: MediaStreamTrack;
    try {
      track = await this.platform.openCamera({ ...CAMERA_CONSTRAINTS, ...constraints });
    } catch (error) {
      throw cameraError(error);
    }
    if (turn !== this.#turn) {
      track.stop();
      return undefined;
    }
    this.#constraints = constraints;
    this.#use(track, true);
    return track;
  }

  /** Stops a track that was opened here, leaves one that was given. */
  close(): void {
    this.#turn += 1;
    this.#drop();
  }

  #drop(): void {
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
    // For the encoder: faces move, so frame rate counts more than sharpness. An application's own hint stays.
    if (track.contentHint === '') track.contentHint = 'motion';
    track.addEventListener('ended', this.#onEnded);
  }
}
