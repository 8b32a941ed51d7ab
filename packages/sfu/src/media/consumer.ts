/**
 * One producer, sent to one transport: a member of the producer's fan-out. The stream's numbers are its own and have no
 * hole over pauses. Elsewhere: forwarding → fanOut.ts · the same for slots that change source → virtual/
 */
import type { MediaKind, RtpParameters } from '@tertulia/wire';
import { entryConstants } from './entryParameters.js';
import { FanOutMember } from './fanOut.js';
import { OutgoingStream } from './outgoing.js';
import type { OutgoingOwner, SenderReportNumbers } from './outgoing.js';
import type { EntryCounters, ForwardPort } from './packet.js';
import { offersNack } from './producer.js';
import type { Producer } from './producer.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export interface ConsumerSettings {
  readonly id: string;
  readonly producer: Producer;
  readonly transport: WebRtcTransport;
  readonly rtpParameters: RtpParameters;
  readonly paused: boolean;
}

export class Consumer implements OutgoingOwner {
  readonly id: string;
  readonly producer: Producer;
  readonly transport: WebRtcTransport;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  readonly stream: OutgoingStream;
  paused: boolean;
  resent = 0;
  readonly #port: ForwardPort;
  readonly #member: FanOutMember;
  readonly #deltaTimestamp: number;

  constructor(settings: ConsumerSettings, port: ForwardPort, rng: () => number) {
    const { id, producer, transport, rtpParameters, paused } = settings;
    this.id = id;
    this.transport = transport;
    this.producer = producer;
    this.kind = producer.kind;
    this.rtpParameters = rtpParameters;
    this.paused = paused;
    this.#port = port;
    const ssrc = rtpParameters.encodings?.[0]?.ssrc ?? 0;
    this.stream = new OutgoingStream(ssrc, offersNack(rtpParameters), this);
    this.#deltaTimestamp = Math.floor(rng() * 2 ** 32) >>> 0;
    this.#member = new FanOutMember(
      port.createEntry({
        ...entryConstants(transport.peer, ssrc, rtpParameters),
        deltaTimestamp: this.#deltaTimestamp,
      }),
    );
    if (this.stream.nackNegotiated) producer.fanOut.keep(true);
    if (!paused) producer.fanOut.join(this.#member);
    producer.consumers.add(this);
  }

  setPaused(paused: boolean): void {
    if (this.paused === paused) return;
    this.paused = paused;
    if (paused) this.producer.fanOut.leave(this.#member);
    else this.producer.fanOut.join(this.#member);
  }

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    let unanswerable = 0;
    for (const sequence of lost) {
      if (this.producer.fanOut.resend(this.#member, sequence, stream.roundTripMicros, nowMicros))
        this.resent++;
      else unanswerable++;
    }
    if (unanswerable > 0) this.transport.rtp.drops.count('nack-unanswerable', unanswerable);
  }

  stopSendingMid(): void {
    this.#port.updateEntry(this.#member.entry, { sendMid: false });
  }

  counters(): EntryCounters {
    return this.#port.entryCounters(this.#member.entry);
  }

  /** undefined while nothing was sent. */
  senderReport(nowMicros: number): SenderReportNumbers | undefined {
    const { packets, octets } = this.counters();
    const onLine = this.producer.fanOut.timestampAt(nowMicros, this.producer.clockRate);
    if (packets === 0 || onLine === undefined) return undefined;
    return {
      ssrc: this.stream.ssrc,
      rtpTimestamp: (onLine + this.#deltaTimestamp) >>> 0,
      packetCount: packets,
      octetCount: octets,
    };
  }

  close(): void {
    this.producer.consumers.delete(this);
    this.producer.fanOut.leave(this.#member);
    if (this.stream.nackNegotiated) this.producer.fanOut.keep(false);
    this.#port.freeEntry(this.#member.entry);
  }
}
