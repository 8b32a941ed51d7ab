/** Which SCTP streams of a transport its data consumers use, and how reliable each is. */
import { InvalidStateError } from '../channel/errors.js';
import type { DataConsumerOptions, SctpStreamParameters } from '../types.js';
import { validateSctpStreamParameters } from './ortc/index.js';

type Reliability = Pick<DataConsumerOptions, 'ordered' | 'maxPacketLifeTime' | 'maxRetransmits'>;

/**
 * As the data producer's stream, where the application does not say otherwise; a limit of the application's own takes the
 * place of the producer's. The id is for the caller to fill in.
 * @throws TypeError for limits that do not go together.
 */
export function outgoingStream(
  source: SctpStreamParameters | undefined,
  { ordered, maxPacketLifeTime, maxRetransmits }: Reliability,
): SctpStreamParameters {
  const stream: SctpStreamParameters = { ordered: true, ...source, streamId: 0 };
  if (ordered !== undefined) stream.ordered = ordered;
  if (ordered === true || maxPacketLifeTime !== undefined || maxRetransmits !== undefined) {
    delete stream.maxPacketLifeTime;
    delete stream.maxRetransmits;
  }
  if (ordered !== true && maxPacketLifeTime !== undefined)
    Object.assign(stream, { ordered: false, maxPacketLifeTime });
  if (ordered !== true && maxRetransmits !== undefined)
    Object.assign(stream, { ordered: false, maxRetransmits });
  validateSctpStreamParameters(stream);
  return stream;
}

/** Gives out the next free one after the last. */
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
