/**
 * When to ask a source for a key frame. Many receivers want one at once, so wants are merged: one request per window,
 * whoever asks; a request that is not answered is repeated once, and for as long as somebody has nothing to show.
 * Pure: wants, key frames and times in; `poll` says when a request is due. Spec: RFC 4585 §6.3.1, RFC 5104 §4.3.1.
 */

export const KEY_FRAME_TIMES = {
  /**
   * Between two requests for one stream; others have 0.2 to 1 s. A virtual stream shows the source before for a second at most
   * (virtual streams V4): the second request's answer must come within it. An application may ask for another window
   * (keyFrameRequestDelay).
   */
  windowMicros: 500_000,
  /** A request that is older was lost. Encoders answer within a frame or two and a round trip; for V4 again. */
  answerMicros: 500_000,
  /** From the third request on that is not answered: maybe none ever is. Where one packet of twenty is lost, two requests of
   *  four hundred have no answer, and somebody sees nothing meanwhile. */
  laterAnswerMicros: 1_000_000,
  /** Repetitions when nobody has nothing to show: a picture that is merely broken repairs itself some day. */
  repetitions: 1,
} as const;

export class KeyFrameRequests {
  readonly #windowMicros: number;
  #sentMicros = -Infinity;
  /** Sent and not answered. */
  #unanswered = false;
  #repetitions = 0;
  /** Somebody asked since the last request or key frame. */
  #wanted = false;

  constructor(windowMicros: number = KEY_FRAME_TIMES.windowMicros) {
    this.#windowMicros = windowMicros;
  }

  /** Somebody needs a key frame; `poll` right afterwards. */
  want(): void {
    // An answer is on its way.
    if (!this.#unanswered) this.#wanted = true;
  }

  handleKeyFrame(): void {
    this.#wanted = false;
    this.#unanswered = false;
    this.#repetitions = 0;
  }

  /** @param awaited somebody shows nothing until one comes. @returns whether to send a request now */
  poll(nowMicros: number, awaited: boolean): boolean {
    const deadline = this.nextDeadline();
    if (deadline === undefined || nowMicros < deadline) return false;
    if (this.#unanswered) {
      if (!awaited && this.#repetitions >= KEY_FRAME_TIMES.repetitions) {
        this.#unanswered = false;
        return false;
      }
      this.#repetitions++;
    }
    this.#wanted = false;
    this.#unanswered = true;
    this.#sentMicros = nowMicros;
    return true;
  }

  nextDeadline(): number | undefined {
    if (this.#unanswered) {
      const { answerMicros, laterAnswerMicros } = KEY_FRAME_TIMES;
      const micros = this.#repetitions <= 1 ? answerMicros : laterAnswerMicros;
      return this.#sentMicros + Math.max(micros, this.#windowMicros);
    }
    return this.#wanted ? this.#sentMicros + this.#windowMicros : undefined;
  }

  /** Nobody can answer any more. */
  clear(): void {
    this.handleKeyFrame();
  }
}
