/**
 * Which producer and which of its encodings a packet belongs to: by its SSRC, else by what the packet says of itself (MID
 * and RID, repaired RID for retransmissions), else by its payload type where nothing else was negotiated. What was found
 * once binds the SSRC.
 * Spec: RFC 8843 §9.2 (association by MID), RFC 8852 (RID, repaired RID), RFC 4588 (retransmissions), RFC 3550 §8.
 * Knows tables only. Elsewhere: bytes → packetReader.ts · what happens with the packet → producer.ts
 */
import type { RtpListenerDump } from '../types.js';
import { isRtx } from './codecs.js';
import type { Encoding, IncomingStream, Producer } from './producer.js';

export const RTP_LISTENER_LIMITS = {
  /** SSRCs bound to one encoding by what packets say, over its life. A browser changes one at a restart of its sender, and
   *  has another for retransmissions; not sixteen times. */
  boundSsrcs: 16,
} as const;

export type ListenRefusal = 'rtp-no-stream' | 'rtp-stream-limit';

/** What a packet says of itself; `PacketReader`. */
export interface SelfDescription {
  readonly payloadType: number;
  mid(): string | undefined;
  rid(): string | undefined;
  repairedRid(): string | undefined;
}

export class RtpListener {
  readonly #streams = new Map<number, IncomingStream>();
  readonly #byMid = new Map<string, Producer>();
  /** Without a MID: by RID alone. */
  readonly #byRid = new Map<string, Encoding>();
  /** Without MID, RID and SSRC: by payload type, retransmissions too. */
  readonly #byPayloadType = new Map<number, Producer>();
  readonly #bound = new Map<Encoding, number>();

  /** @returns what clashes with another producer of the transport, or undefined when it was added. */
  add(producer: Producer): string | undefined {
    const { mid, codecs, encodings = [] } = producer.rtpParameters;
    if (mid !== undefined && this.#byMid.has(mid)) return `MID '${mid}' is already in use`;
    const ssrcs = encodings.flatMap(({ ssrc, rtx }) =>
      [ssrc, rtx?.ssrc].filter((each) => each !== undefined),
    );
    for (const ssrc of ssrcs) if (this.#streams.has(ssrc)) return `SSRC ${ssrc} is already in use`;
    const rids = encodings.flatMap(({ rid }) => (rid === undefined ? [] : [rid]));
    if (mid === undefined)
      for (const rid of rids) if (this.#byRid.has(rid)) return `RID '${rid}' is already in use`;
    const byPayloadType = mid === undefined && ssrcs.length === 0 && rids.length === 0;
    if (byPayloadType) {
      for (const { payloadType } of codecs)
        if (this.#byPayloadType.has(payloadType)) return `payload type ${payloadType} is already in use`;
      for (const { payloadType } of codecs) this.#byPayloadType.set(payloadType, producer);
    }
    if (mid !== undefined) this.#byMid.set(mid, producer);
    producer.encodings.forEach((encoding, i) => {
      const { ssrc, rid, rtx } = encodings[i] ?? {};
      if (ssrc !== undefined) this.#streams.set(ssrc, encoding.addStream(ssrc));
      if (rtx !== undefined) this.#streams.set(rtx.ssrc, encoding.addRetransmissions(rtx.ssrc));
      if (mid === undefined && rid !== undefined) this.#byRid.set(rid, encoding);
    });
    return undefined;
  }

  remove(producer: Producer): void {
    for (const [ssrc, { encoding }] of this.#streams)
      if (encoding.producer === producer) this.#streams.delete(ssrc);
    for (const encoding of producer.encodings) this.#bound.delete(encoding);
    for (const [mid, owner] of this.#byMid) if (owner === producer) this.#byMid.delete(mid);
    for (const [rid, encoding] of this.#byRid) if (encoding.producer === producer) this.#byRid.delete(rid);
    for (const [type, owner] of this.#byPayloadType) if (owner === producer) this.#byPayloadType.delete(type);
  }

  find(ssrc: number): IncomingStream | undefined {
    return this.#streams.get(ssrc);
  }

  /** A packet of an unknown SSRC. */
  bind(ssrc: number, packet: SelfDescription): IncomingStream | ListenRefusal {
    const mid = packet.mid();
    const rid = packet.rid();
    const repairedRid = packet.repairedRid();
    let producer = mid === undefined ? undefined : this.#byMid.get(mid);
    let encoding: Encoding | undefined;
    const anyRid = rid ?? repairedRid;
    if (anyRid !== undefined) {
      encoding = producer
        ? producer.encodings.find((each) => each.rid === anyRid)
        : mid === undefined
          ? this.#byRid.get(anyRid)
          : undefined;
      if (!encoding && producer?.encodings.length === 1 && producer.encodings[0]!.rid === undefined)
        encoding = producer.encodings[0];
    } else {
      if (!producer && mid === undefined) producer = this.#byPayloadType.get(packet.payloadType);
      // Several layers and not a word about which: nobody can tell.
      if (producer?.encodings.length === 1) encoding = producer.encodings[0];
    }
    if (!encoding) return 'rtp-no-stream';
    const bound = this.#bound.get(encoding) ?? 0;
    if (bound >= RTP_LISTENER_LIMITS.boundSsrcs) return 'rtp-stream-limit';
    this.#bound.set(encoding, bound + 1);
    const retransmissions =
      (rid === undefined && repairedRid !== undefined) ||
      isRtx(encoding.producer.rtpParameters, packet.payloadType);
    const stream = retransmissions ? encoding.addRetransmissions(ssrc) : encoding.addStream(ssrc);
    this.#streams.set(ssrc, stream);
    return stream;
  }

  streams(): Iterable<IncomingStream> {
    return this.#streams.values();
  }

  dump(): RtpListenerDump & Record<string, unknown> {
    const byProducer = <K>(table: Map<K, Producer>): { key: K; value: string }[] =>
      [...table].map(([key, { id }]) => ({ key, value: id }));
    // mediasoup's type says that MIDs and RIDs are numbers.
    type TextTable = RtpListenerDump['midTable'];
    const ridTable = [...this.#byRid].map(([key, { producer }]) => ({ key, value: producer.id }));
    return {
      ssrcTable: [...this.#streams].map(([key, { encoding }]) => ({ key, value: encoding.producer.id })),
      midTable: byProducer(this.#byMid) as unknown as TextTable,
      ridTable: ridTable as unknown as TextTable,
      payloadTypeTable: byProducer(this.#byPayloadType),
      boundSsrcs: [...this.#bound.values()].reduce((sum, count) => sum + count, 0),
    };
  }
}
