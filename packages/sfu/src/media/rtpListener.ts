/**
 * Which producer of a transport a packet belongs to: by its SSRC, else by the MID in it, which then binds the SSRC.
 * Spec: RFC 8843 §9.2 (association by MID), RFC 3550 §8. RIDs come with simulcast.
 * Knows tables only. Elsewhere: bytes → packetReader.ts · what happens with the packet → producer.ts
 */
import type { Producer, ProducerStream } from './producer.js';

export const RTP_LISTENER_LIMITS = {
  /** SSRCs bound by MID over a transport's life; a browser changes one at a restart of its sender, not sixteen times. */
  boundSsrcs: 16,
} as const;

export type ListenRefusal = 'rtp-no-stream' | 'rtp-stream-limit';

export class RtpListener {
  readonly #streams = new Map<number, ProducerStream>();
  readonly #byMid = new Map<string, Producer>();
  #bound = 0;

  /** @returns what clashes with another producer of the transport, or undefined when it was added. */
  add(producer: Producer): string | undefined {
    const { mid, encodings = [] } = producer.rtpParameters;
    if (mid !== undefined && this.#byMid.has(mid)) return `MID '${mid}' is already in use`;
    const ssrcs = encodings.flatMap(({ ssrc }) => (ssrc === undefined ? [] : [ssrc]));
    for (const ssrc of ssrcs) if (this.#streams.has(ssrc)) return `SSRC ${ssrc} is already in use`;
    if (mid === undefined && ssrcs.length === 0) return 'neither a MID nor an SSRC in rtpParameters';
    if (mid !== undefined) this.#byMid.set(mid, producer);
    for (const ssrc of ssrcs) this.#streams.set(ssrc, producer.addStream(ssrc));
    return undefined;
  }

  remove(producer: Producer): void {
    for (const [ssrc, stream] of this.#streams) if (stream.producer === producer) this.#streams.delete(ssrc);
    for (const [mid, owner] of this.#byMid) if (owner === producer) this.#byMid.delete(mid);
  }

  find(ssrc: number): ProducerStream | undefined {
    return this.#streams.get(ssrc);
  }

  /** A packet of an unknown SSRC: its MID, if it has one, says whose it is. */
  bind(ssrc: number, mid: string | undefined): ProducerStream | ListenRefusal {
    const producer = mid === undefined ? undefined : this.#byMid.get(mid);
    if (!producer) return 'rtp-no-stream';
    if (this.#bound >= RTP_LISTENER_LIMITS.boundSsrcs) return 'rtp-stream-limit';
    this.#bound++;
    const stream = producer.addStream(ssrc);
    this.#streams.set(ssrc, stream);
    return stream;
  }

  *streams(): Iterable<ProducerStream> {
    yield* this.#streams.values();
  }

  dump(): Record<string, unknown> {
    return {
      ssrcTable: Object.fromEntries([...this.#streams].map(([ssrc, { producer }]) => [ssrc, producer.id])),
      midTable: Object.fromEntries([...this.#byMid].map(([mid, { id }]) => [mid, id])),
      boundSsrcs: this.#bound,
    };
  }
}
