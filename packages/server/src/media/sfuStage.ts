/**
 * A stage over @tertulia/sfu: virtual streams of their own with one slot of each kind, whose only sources are the
 * microphone and the camera of whoever is shown. A producer may be a source of several virtual streams at once.
 * Elsewhere: who is shown → rooms/stages.ts
 */
import type { Producer, VirtualStreams } from '@tertulia/sfu';
import type { Logger } from '../logger.js';
import type { MediaSession, MediaStage } from './mediaPort.js';

/** What of a session goes on a stage. */
export interface Cast {
  readonly participantId: string;
  readonly sources: readonly { readonly producer: Producer; readonly csrc: number }[];
}

export class SfuStage implements MediaStage {
  #present: readonly Producer[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(
    readonly virtual: VirtualStreams,
    private readonly castOf: (session: MediaSession) => Cast | undefined,
    private readonly log: Logger,
  ) {}

  /** One change after the other, in the order of the calls. */
  show(session: MediaSession | undefined): void {
    const cast = session && this.castOf(session);
    this.#last = this.#last
      .then(() => this.#change(cast))
      // The source or the room can be gone by now; who is shown next is told anew.
      .catch((error: unknown) => this.log.debug({ err: error }, 'stage could not be changed'));
  }

  async #change(cast: Cast | undefined): Promise<void> {
    const { virtual } = this;
    const before = this.#present;
    this.#present = [];
    for (const producer of before)
      if (!producer.closed && !virtual.closed) await virtual.removeSource(producer).catch(() => undefined); // it left by itself, by closing
    const present: Producer[] = [];
    for (const { producer, csrc } of cast?.sources ?? []) {
      if (producer.closed || virtual.closed) continue;
      await virtual.addSource({ producer, participantId: cast?.participantId ?? '', csrc });
      present.push(producer);
    }
    this.#present = present;
  }

  close(): void {
    this.virtual.close();
  }
}
