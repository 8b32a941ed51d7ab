/** A capture over @tertulia/sfu: its transports, and whose session each is. Elsewhere: the file → ../capture/roomCapture.ts */
import type { Capture } from '@tertulia/sfu';
import type { CaptureBatch, MediaCapture, MediaSession } from './mediaPort.js';

export class SfuCapture implements MediaCapture {
  /** By transport. */
  readonly #sessionIds = new Map<string, string>();

  constructor(private readonly capture: Capture) {}

  async add({ id: sessionId, transportIds }: MediaSession): Promise<void> {
    for (const id of transportIds) {
      this.#sessionIds.set(id, sessionId);
      await this.capture.add({ id });
    }
  }

  async read(): Promise<CaptureBatch> {
    const { packets, losses: byTransport, lost } = await this.capture.read();
    const losses = new Map<string, { incoming: number; outgoing: number }>();
    for (const [transportId, { incoming, outgoing }] of byTransport) {
      const sessionId = this.#sessionId(transportId);
      const sum = losses.get(sessionId) ?? { incoming: 0, outgoing: 0 };
      losses.set(sessionId, { incoming: sum.incoming + incoming, outgoing: sum.outgoing + outgoing });
    }
    return {
      packets: packets.map(({ transportId, ...packet }) => ({
        ...packet,
        sessionId: this.#sessionId(transportId),
      })),
      losses,
      lost,
    };
  }

  close(): void {
    this.capture.close();
  }

  #sessionId(transportId: string): string {
    return this.#sessionIds.get(transportId) ?? transportId;
  }
}
