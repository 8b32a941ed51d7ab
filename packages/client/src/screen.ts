/**
 * The shared screen: its picture and, where the browser gives one, its sound. Ends with its picture, which the browser's
 * own "stop sharing" ends. The peer connection is not known here.
 */
import { screenError } from './errors.js';
import type { Platform, ScreenTracks } from './platform.js';

export interface ScreenHandlers {
  /** The person stopped it in the browser, or the window is gone. */
  ended(): void;
  soundEnded(): void;
}

export class Screen {
  #tracks: ScreenTracks | undefined;
  #turn = 0;
  readonly #onEnded = (): void => this.handlers.ended();
  readonly #onSoundEnded = (): void => {
    if (this.#tracks) this.#tracks = { ...this.#tracks, sound: undefined };
    this.handlers.soundEnded();
  };

  constructor(
    readonly platform: Pick<Platform, 'openScreen'>,
    readonly handlers: ScreenHandlers,
  ) {}

  get video(): MediaStreamTrack | undefined {
    return this.#tracks?.video;
  }
  get sound(): MediaStreamTrack | undefined {
    return this.#tracks?.sound;
  }

  /**
   * Asks the person. Shares already: another choice takes the place of the first.
   * @returns false when it was closed meanwhile
   * @throws CallError; what was shared before stays then
   */
  async open(sound: boolean): Promise<boolean> {
    const turn = (this.#turn += 1);
    let tracks: ScreenTracks;
    try {
      tracks = await this.platform.openScreen({ sound });
    } catch (error) {
      throw screenError(error);
    }
    if (turn !== this.#turn) {
      tracks.video.stop();
      tracks.sound?.stop();
      return false;
    }
    this.#drop();
    this.#tracks = tracks;
    // Text must stay sharp, even when that costs pictures.
    if (tracks.video.contentHint === '') tracks.video.contentHint = 'detail';
    if (tracks.sound?.contentHint === '') tracks.sound.contentHint = 'music';
    tracks.video.addEventListener('ended', this.#onEnded);
    tracks.sound?.addEventListener('ended', this.#onSoundEnded);
    return true;
  }

  close(): void {
    this.#turn += 1;
    this.#drop();
  }

  #drop(): void {
    if (!this.#tracks) return;
    const { video, sound } = this.#tracks;
    this.#tracks = undefined;
    video.removeEventListener('ended', this.#onEnded);
    sound?.removeEventListener('ended', this.#onSoundEnded);
    video.stop();
    sound?.stop();
  }
}
