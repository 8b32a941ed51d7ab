/**
 * One source of a transport: its streams (SSRCs), what is known of their reception, and who is handed its packets.
 * Audio is one stream at a time; another SSRC of the same MID takes its place. Time comes as an argument.
 * Spec: RFC 3550 §6.4 (reports), RFC 4585 (NACK, where negotiated).
 * Elsewhere: which packet is whose → rtpListener.ts · counting → receive/ · plain consumers → fanOut.ts · slots → virtual/
 */
import type { MediaKind, RtpCodecParameters, RtpParameters } from '@tertulia/wire';
import type { Consumer } from './consumer.js';
import type { MediaDropReason } from './dropCounters.js';
import { FanOut } from './fanOut.js';
import type { ForwardPort, ReceivedPacket } from './packet.js';
import type { PacketReader } from './packetReader.js';
import { NackGenerator } from './receive/nackGenerator.js';
import { ReceiveStream } from './receive/receiveStream.js';
import type { WebRtcTransport } from './webRtcTransport.js';

export const PRODUCER_LIMITS = {
  /** A microphone in DTX still sends every 400 ms (RFC 7587 §3.1.3); longer means that nothing comes. */
  inactiveMicros: 1_500_000,
} as const;
const SCORE = { whole: 10, nothing: 0 } as const;

/** Who else is handed a producer's packets: virtual streams. */
export interface PacketSink {
  handlePacket(packet: ReceivedPacket): void;
  handleSenderReport(ntpMicros: number, rtpTimestamp: number, nowMicros: number): void;
  setPaused(paused: boolean, nowMicros: number): void;
  producerClosed(nowMicros: number): void;
}

export interface ProducerStream {
  readonly producer: Producer;
  readonly ssrc: number;
  readonly receive: ReceiveStream;
  readonly nack: NackGenerator | undefined;
  packets: number;
  octets: number;
  lastMicros: number;
  score: number;
  nacks: number;
  nackPackets: number;
}

export interface ProducerOwner {
  /** Its consumers have to be told. */
  scoreChanged(producer: Producer): void;
}

export class Producer {
  readonly consumers = new Set<Consumer>();
  readonly fanOut: FanOut;
  readonly sinks = new Set<PacketSink>();
  paused: boolean;
  /** Codec number (which of an entry's payload types) by payload type, -1 = not announced. */
  readonly #codecs = new Int8Array(128).fill(-1);
  readonly #clockRates: number[] = [];
  readonly #nackNegotiated: boolean;
  #current: ProducerStream | undefined;

  constructor(
    readonly id: string,
    readonly kind: MediaKind,
    readonly rtpParameters: RtpParameters,
    readonly transport: WebRtcTransport,
    paused: boolean,
    port: ForwardPort,
    rng: () => number,
    readonly owner: ProducerOwner,
  ) {
    this.paused = paused;
    this.fanOut = new FanOut(port, rng);
    mediaCodecs(rtpParameters).forEach(({ payloadType, clockRate }, number) => {
      this.#codecs[payloadType] = number;
      this.#clockRates[number] = clockRate;
    });
    this.#nackNegotiated = offersNack(rtpParameters);
  }

  get clockRate(): number {
    return this.#clockRates[0] ?? 48_000;
  }

  /** The stream whose packets go on; undefined before the first. */
  get stream(): ProducerStream | undefined {
    return this.#current;
  }

  get score(): number {
    return this.#current?.score ?? SCORE.nothing;
  }

  addStream(ssrc: number): ProducerStream {
    return {
      producer: this,
      ssrc,
      receive: new ReceiveStream({ ssrc, clockRate: this.clockRate }),
      nack: this.#nackNegotiated ? new NackGenerator() : undefined,
      packets: 0,
      octets: 0,
      lastMicros: 0,
      score: SCORE.nothing,
      nacks: 0,
      nackPackets: 0,
    };
  }

  /** @returns why the packet goes no further, or undefined. */
  handlePacket(stream: ProducerStream, packet: PacketReader, nowMicros: number): MediaDropReason | undefined {
    const codec = this.#codecs[packet.payloadType]!;
    if (codec < 0) return 'rtp-payload-type';
    const outcome = stream.receive.handlePacket(packet.extendedSequence, packet.timestamp, nowMicros);
    if (outcome === 'duplicate') return 'rtp-duplicate';
    stream.nack?.handlePacket(packet.extendedSequence, nowMicros);
    packet.codec = codec;
    stream.packets++;
    stream.octets += packet.payloadLength;
    stream.lastMicros = nowMicros;
    if (stream !== this.#current && !this.#take(stream, nowMicros)) return 'rtp-superseded';
    if (outcome === 'restart') this.fanOut.startAnew();
    if (stream.score !== SCORE.whole) this.#setScore(stream, SCORE.whole);
    if (this.paused) return 'rtp-paused';
    if (this.fanOut.size > 0) this.fanOut.forward(packet, this.#clockRates[codec]!);
    for (const sink of this.sinks) sink.handlePacket(packet);
    return undefined;
  }

  handleSenderReport(
    stream: ProducerStream,
    ntpMicros: number,
    ntpMiddle: number,
    rtpTimestamp: number,
    nowMicros: number,
  ): void {
    stream.receive.handleSenderReport({ ntpMiddle, arrivalMicros: nowMicros });
    if (stream !== this.#current) return;
    for (const sink of this.sinks) sink.handleSenderReport(ntpMicros, rtpTimestamp, nowMicros);
  }

  /** From the transport's report timer. */
  look(nowMicros: number): void {
    const stream = this.#current;
    if (!stream || stream.score === SCORE.nothing || this.paused) return;
    if (nowMicros - stream.lastMicros > PRODUCER_LIMITS.inactiveMicros) this.#setScore(stream, SCORE.nothing);
  }

  setPaused(paused: boolean, nowMicros: number): void {
    if (this.paused === paused) return;
    this.paused = paused;
    // What comes after the pause is not what its numbers say was lost.
    if (!paused) this.fanOut.startAnew();
    for (const sink of this.sinks) sink.setPaused(paused, nowMicros);
  }

  close(nowMicros: number): void {
    for (const sink of [...this.sinks]) sink.producerClosed(nowMicros);
    this.sinks.clear();
    this.fanOut.close();
  }

  /** A stream of which packets come takes over, unless the one before was heard of in the meantime. */
  #take(stream: ProducerStream, nowMicros: number): boolean {
    const before = this.#current;
    if (
      before &&
      before.packets > 0 &&
      stream.packets > 1 &&
      nowMicros - before.lastMicros < PRODUCER_LIMITS.inactiveMicros
    )
      return false;
    this.#current = stream;
    if (before) this.fanOut.startAnew();
    return true;
  }

  #setScore(stream: ProducerStream, score: number): void {
    stream.score = score;
    this.owner.scoreChanged(this);
  }
}

/** Without RTX, FEC and their like. The order is the entries' codec numbers; eight are what an entry holds. */
export function mediaCodecs(rtpParameters: RtpParameters): RtpCodecParameters[] {
  return rtpParameters.codecs
    .filter(({ mimeType }) => !/\/(rtx|red|ulpfec|flexfec-03|cn|telephone-event)$/i.test(mimeType))
    .slice(0, 8);
}

export function offersNack(rtpParameters: RtpParameters): boolean {
  return mediaCodecs(rtpParameters).some(({ rtcpFeedback = [] }) =>
    rtcpFeedback.some(({ type, parameter = '' }) => type === 'nack' && parameter === ''),
  );
}
