/**
 * The audio elements of a call. Chromium pulls a track, and fills its contributing sources, only while an element
 * plays it, so the SDK makes them itself. One element per slot, each with a stream of its own.
 */
import type { AudioSink } from './platform.js';

class BrowserAudioSink implements AudioSink {
  readonly #elements: HTMLAudioElement[] = [];
  readonly #home: HTMLElement;
  readonly #onBlocked: () => void;

  constructor(onBlocked: () => void) {
    this.#onBlocked = onBlocked;
    this.#home = document.createElement('div');
    this.#home.hidden = true;
    this.#home.dataset.tertulia = 'audio';
    document.body.append(this.#home);
  }

  attach(container: HTMLElement | undefined): void {
    container?.append(this.#home);
  }

  play(streams: readonly MediaStream[]): void {
    streams.forEach((stream, index) => {
      let element = this.#elements[index];
      if (!element) {
        element = document.createElement('audio');
        element.autoplay = true;
        this.#elements.push(element);
        this.#home.append(element);
      }
      element.srcObject = stream;
    });
    this.resume().catch(() => this.#onBlocked());
  }

  async resume(): Promise<void> {
    const results = await Promise.allSettled(this.#elements.map((element) => element.play()));
    for (const result of results) {
      // AbortError: the element got its next stream while it was starting; that start counts.
      if (
        result.status === 'rejected' &&
        (result.reason as DOMException | undefined)?.name === 'NotAllowedError'
      )
        throw result.reason;
    }
  }

  close(): void {
    for (const element of this.#elements.splice(0)) element.srcObject = null;
    this.#home.remove();
  }
}

export const createAudioSink = (onBlocked: () => void): AudioSink => new BrowserAudioSink(onBlocked);
