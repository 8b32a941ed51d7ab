/**
 * Whether the own microphone is muted, when both this page and a moderator may change it.
 * Pure: `now` in monotonic ms. A wish holds while the server has not answered it; then the server's word counts.
 */

/** After an answer the entry that belongs to it may still be on its way; after this the last one heard counts. */
export const SETTLE_MS = 1_000;

export class MuteState {
  #muted: boolean;
  #pending = 0;
  #settledAtMs = -Infinity;
  #server: boolean | undefined;

  constructor(muted: boolean) {
    this.#muted = muted;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** Another session: its answers and entries start afresh, the wish stays. */
  reset(): void {
    this.#pending = 0;
    this.#settledAtMs = -Infinity;
    this.#server = undefined;
  }

  wish(muted: boolean): void {
    this.#muted = muted;
  }

  asked(): void {
    this.#pending += 1;
  }

  answered(accepted: boolean, nowMs: number): void {
    this.#pending = Math.max(0, this.#pending - 1);
    this.#settledAtMs = accepted ? nowMs + SETTLE_MS : -Infinity;
  }

  serverSays(muted: boolean): void {
    this.#server = muted;
    if (this.#pending === 0 && muted === this.#muted) this.#settledAtMs = -Infinity;
  }

  /** @returns whether `muted` has changed */
  poll(nowMs: number): boolean {
    if (this.#pending > 0 || nowMs < this.#settledAtMs) return false;
    if (this.#server === undefined || this.#server === this.#muted) return false;
    this.#muted = this.#server;
    return true;
  }
}
