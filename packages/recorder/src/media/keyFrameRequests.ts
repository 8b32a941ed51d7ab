/**
 * When to ask the media process for a key frame. It merges the wants of all receivers and repeats lost requests itself;
 * here a request is only kept from being sent with every packet.
 * Pure. Spec: RFC 4585 §6.3.1.
 */

export const KEY_FRAME_INTERVALS = {
  /** Between requests: what the media process merges wants over. */
  firstMicros: 500_000,
  /** Doubled with each one that is not answered, up to it: a source that is gone answers none. */
  mostMicros: 4_000_000,
} as const;

export class KeyFrameRequests {
  #wanted = false;
  #dueMicros = 0;
  #intervalMicros: number = KEY_FRAME_INTERVALS.firstMicros;
  #sent = 0;

  get sent(): number {
    return this.#sent;
  }

  get wanted(): boolean {
    return this.#wanted;
  }

  want(): void {
    this.#wanted = true;
  }

  handleKeyFrame(): void {
    this.#wanted = false;
    this.#intervalMicros = KEY_FRAME_INTERVALS.firstMicros;
  }

  /** @returns whether to send a request now */
  poll(nowMicros: number): boolean {
    if (!this.#wanted || nowMicros < this.#dueMicros) return false;
    this.#dueMicros = nowMicros + this.#intervalMicros;
    this.#intervalMicros = Math.min(2 * this.#intervalMicros, KEY_FRAME_INTERVALS.mostMicros);
    this.#sent++;
    return true;
  }

  nextDeadline(): number | undefined {
    return this.#wanted ? this.#dueMicros : undefined;
  }
}
