/**
 * Tells the server which canvases there are: the last layout counts, one request at a time, at most five a second, again
 * after each reconnection. A window that is being resized may call it with every frame.
 * Does not know what the canvases will show; that comes from the server → pictures.ts
 */
import type { Canvas, LayoutOptions } from './callTypes.js';
import { CallError } from './errors.js';
import type { CanvasRequest, LayoutRequest } from './messages.js';
import type { Platform } from './platform.js';

export const LAYOUT_TIMES = {
  gapMs: 200, // between two requests: quicker than people look, slower than a window's edge moves
} as const;

export interface LayoutPort {
  readonly platform: Pick<Platform, 'nowMs' | 'after'>;
  /** Rejects with CallError. */
  request(layout: LayoutRequest): Promise<void>;
  /** The media entry of somebody's camera or screen, while there is one. */
  entryId(participantId: string, screenshare: boolean): number | undefined;
}

interface Wish {
  canvases: readonly Canvas[];
  options: LayoutOptions;
}
type Waiting = { resolve: () => void; reject: (error: unknown) => void };

/** Answers that say nothing about the layout: it is asked for again when there is a connection. */
const isLost = (error: unknown): boolean =>
  error instanceof CallError && (error.code === 'NOT_CONNECTED' || error.code === 'REQUEST_TIMED_OUT');

export class LayoutRequests {
  #wish: Wish | undefined;
  /** The last that the server took. A refusal leaves it in force. */
  #accepted: Wish | undefined;
  #waiting: Waiting[] = [];
  /** What the present session was last asked for. */
  #asked: string | undefined;
  #ready = false;
  #inFlight = false;
  #askedAtMs = -Infinity;
  #cancelWait: (() => void) | undefined;
  /** Counts sessions: an answer of an earlier one says nothing about this one. */
  #session = 0;

  constructor(readonly port: LayoutPort) {}

  /** Resolves when the server has taken this layout or a later one; rejects with what it said. */
  set(canvases: readonly Canvas[], options: LayoutOptions): Promise<void> {
    // A copy: what the page changes in its own list afterwards is not asked for.
    this.#wish = { canvases: canvases.map((canvas) => ({ ...canvas })), options: { ...options } };
    this.#asked = undefined;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#pump();
    });
  }

  /** The session is gone. The layout waits for the next one. */
  sessionLost(): void {
    this.#session += 1;
    this.#ready = false;
    this.#inFlight = false;
    this.#asked = undefined;
  }

  /** A session is up and has said who is there. */
  sessionReady(): void {
    this.#ready = true;
    this.#pump();
  }

  /** Somebody's camera or screen has come or gone: a canvas may now name it, or no more. */
  entriesChanged(): void {
    this.#pump();
  }

  close(): void {
    this.#ready = false;
    this.#cancelWait?.();
    for (const { reject } of this.#waiting.splice(0)) reject(new CallError('CALL_ENDED'));
  }

  #pump(): void {
    const wish = this.#wish;
    if (!wish || !this.#ready || this.#inFlight || this.#cancelWait) return;
    const layout = this.#layout(wish);
    const text = JSON.stringify(layout);
    if (text === this.#asked) return;
    const { platform } = this.port;
    const waitMs = this.#askedAtMs + LAYOUT_TIMES.gapMs - platform.nowMs();
    if (waitMs > 0) {
      this.#cancelWait = platform.after(waitMs, () => {
        this.#cancelWait = undefined;
        this.#pump();
      });
      return;
    }
    this.#askedAtMs = platform.nowMs();
    this.#asked = text;
    void this.#ask(wish, layout);
  }

  async #ask(wish: Wish, layout: LayoutRequest): Promise<void> {
    const session = this.#session;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#inFlight = true;
    let error: unknown;
    try {
      await this.port.request(layout);
    } catch (refusal) {
      error = refusal;
    }
    const lost = session !== this.#session || isLost(error);
    if (session === this.#session) this.#inFlight = false;
    if (lost) {
      this.#waiting.unshift(...waiting);
      if (session === this.#session) this.#asked = undefined;
      // Asked again with the next session, or now when the answer alone was lost.
      return this.#pump();
    }
    if (error === undefined) this.#accepted = wish;
    else if (this.#wish === wish) this.#wish = this.#accepted;
    for (const { resolve, reject } of waiting) {
      if (error === undefined) resolve();
      else reject(error);
    }
    this.#pump();
  }

  #layout({ canvases, options: { maxResolution } }: Wish): LayoutRequest {
    const requests: CanvasRequest[] = [];
    for (const { id, width, height, mode } of canvases) {
      const canvas = { id, width: Math.ceil(width), height: Math.ceil(height) };
      if (mode === 'relevant') requests.push({ ...canvas, relevant: {} });
      else {
        const entryId = this.port.entryId(mode.participantId, mode.screenshare ?? false);
        // Not there yet, or no more: asked for when it is.
        if (entryId !== undefined) requests.push({ ...canvas, direct: { entryId } });
      }
    }
    return { canvases: requests, ...(maxResolution && { maxResolution }) };
  }
}
