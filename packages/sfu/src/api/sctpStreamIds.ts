/** Which SCTP streams of a transport its data consumers use: the next free one after the last given. */
import { InvalidStateError } from '../channel/errors.js';

export class SctpStreamIds {
  readonly #taken = new Set<number>();
  #next = 0;

  /** @param count streams of the association */
  constructor(readonly count: number) {}

  /** @throws InvalidStateError (`NO_SCTP_STREAM`) when all are in use. */
  take(): number {
    for (let i = 0; i < this.count; i++) {
      const id = (this.#next + i) % this.count;
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      this.#next = id + 1;
      return id;
    }
    throw new InvalidStateError('no SCTP stream is free', 'NO_SCTP_STREAM');
  }

  release(id: number): void {
    this.#taken.delete(id);
  }
}
