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
    this.#last = this.#last.then(() => this.#change(cast));
  }

  /** Never rejects: what is gone meanwhile is gone, and who is shown next is told anew. */
  async #change(cast: Cast | undefined): Promise<void> {
    const before = this.#present;
    const present: Producer[] = [];
    this.#present = present;
    for (const producer of before)
      await this.#unlessGone(producer, () => this.virtual.removeSource(producer));
    for (const { producer, csrc } of cast?.sources ?? [])
      await this.#unlessGone(producer, async () => {
        await this.virtual.addSource({ producer, participantId: cast?.participantId ?? '', csrc });
        present.push(producer);
      });
  }

  async #unlessGone(producer: Producer, act: () => Promise<void>): Promise<void> {
    if (producer.closed || this.virtual.closed) return;
    await act().catch((error: unknown) => this.log.debug({ err: error }, 'stage could not be changed'));
  }

  close(): void {
    this.virtual.close();
  }
}
