/**
 * One source of a transport: its encodings, what is known of their reception, and who is handed their packets. An encoding
 * is one SSRC at a time; another SSRC of the same place takes over. Time comes as an argument.
 * Spec: RFC 3550 §6.4 (reports), RFC 4585 (NACK, where negotiated), RFC 4588 (retransmissions).
 * Elsewhere: which packet is whose → rtpListener.ts · counting → receive/ · consumers → forward/ · slots → virtual/
 */
import { toNtp } from '@tertulia/wire';
import type { MediaKind, RtpParameters } from '@tertulia/wire';
import type { ProducerScore, ProducerTraceEventType, ProducerType, RtpMapping } from '../types.js';
import { canSvc, layerCounts, mediaCodecs, offersFeedback, offersNack, rtxPayloadType } from './codecs.js';
import type { Consumer } from './consumer.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import type { MediaDropReason } from './dropCounters.js';
import type { SpatialLayering } from './forward/layers.js';
import { HISTORY_LIMITS } from './forward/packetHistory.js';
import { payloadReader } from './forward/payloadReaders.js';
import { SourceStream } from './forward/sourceStream.js';
import { streamParameters } from './streamParameters.js';
import { CarriedKind } from './packet.js';
import type { ReceivedPacket } from './packet.js';
import type { PacketReader } from './packetReader.js';
import { Encoding } from './receive/encoding.js';
import type { MediaStream, RetransmissionStream } from './receive/encoding.js';
import { NACK_LIMITS, VIDEO_NACK_LIMITS } from './receive/nackGenerator.js';
import { SCORE } from './receive/streamScore.js';
import { packetInfo, Tracing } from './tracing.js';
import type { TraceDirection } from './tracing.js';
import type { Transport } from './transport.js';

export { mediaCodecs, offersNack } from './codecs.js';
export { Encoding, MediaStream, RetransmissionStream } from './receive/encoding.js';
export type { IncomingStream } from './receive/encoding.js';

export const PRODUCER_LIMITS = {
  /** A microphone in DTX still sends every 400 ms (RFC 7587 §3.1.3); longer means that nothing comes. */
  inactiveMicros: 1_500_000,
  /** A screen that stands still may send a frame every few seconds only. */
  screenInactiveMicros: 5_000_000,
} as const;

/** Who else is handed a producer's packets: virtual streams, observers. */
export interface PacketSink {
  handlePacket(packet: ReceivedPacket): void;
  handleSenderReport(ntpMicros: number, rtpTimestamp: number, nowMicros: number): void;
  setPaused(paused: boolean, nowMicros: number): void;
  producerClosed(nowMicros: number): void;
}

/** Who is told what becomes of a producer, not of its packets. */
export interface ProducerFollower {
  producerPaused(producer: Producer, nowMicros: number): void;
  /** Streams of it began, ended, or got better or worse. */
  producerScoreChanged(producer: Producer, nowMicros: number): void;
  /** Now and then: layers of one SSRC come and go without a word. */
  look(nowMicros: number): void;
  /** Its streams still are what they were. */
  producerClosed(producer: Producer, nowMicros: number): void;
}

export interface ProducerSettings {
  readonly id: string;
  readonly kind: MediaKind;
  readonly rtpParameters: RtpParameters;
  readonly transport: Transport;
  readonly paused: boolean;
  readonly type?: ProducerType | undefined;
  readonly rtpMapping?: RtpMapping | undefined;
  /** ms */
  readonly keyFrameRequestDelay?: number | undefined;
}

export class Producer {
  readonly id: string;
  readonly kind: MediaKind;
  readonly type: ProducerType;
  readonly rtpParameters: RtpParameters;
  readonly rtpMapping: RtpMapping | undefined;
  readonly transport: Transport;
  readonly consumers = new Set<Consumer>();
  readonly encodings: readonly Encoding[];
  readonly sinks = new Set<PacketSink>();
  readonly followers = new Set<ProducerFollower>();
  readonly tracing = new Tracing<ProducerTraceEventType>();
  paused: boolean;
  /** How requests for key frames are worded; undefined: there is no way to ask. */
  readonly keyFrameWords: 'pli' | 'fir' | undefined;
  readonly #context: MediaContext;
  /** Codec number (which of an entry's payload types) by payload type, -1 = not announced. */
  readonly #codecs = new Int8Array(128).fill(-1);
  /** Codec number that a payload type repeats, -1 = none. */
  readonly #repeated = new Int8Array(128).fill(-1);
  readonly #payloadTypes: number[];
  readonly #inactiveMicros: number;
  /** Byte of RFC 7742's coordination of video orientation, as it came last. */
  #orientation = 0;

  constructor(settings: ProducerSettings, context: MediaContext) {
    const { id, kind, rtpParameters, transport } = settings;
    this.id = id;
    this.kind = kind;
    this.rtpParameters = rtpParameters;
    this.transport = transport;
    this.paused = settings.paused;
    this.#context = context;
    const codecs = mediaCodecs(rtpParameters);
    this.#payloadTypes = codecs.map(({ payloadType }) => payloadType);
    this.#payloadTypes.forEach((payloadType, number) => (this.#codecs[payloadType] = number));
    this.#payloadTypes.forEach((payloadType, number) => {
      const repeated = rtxPayloadType(rtpParameters, payloadType);
      if (repeated !== undefined) this.#repeated[repeated] = number;
    });
    this.type = settings.type ?? typeOf(rtpParameters);
    this.rtpMapping = settings.rtpMapping;
    this.keyFrameWords =
      kind === 'audio'
        ? undefined
        : offersFeedback(rtpParameters, 'nack', 'pli')
          ? 'pli'
          : offersFeedback(rtpParameters, 'ccm', 'fir')
            ? 'fir'
            : undefined;
    const { encodings = [{}] } = rtpParameters;
    const isScreen = encodings.some(({ scalabilityMode = '' }) => scalabilityMode.startsWith('S'));
    const delayMs = settings.keyFrameRequestDelay ?? 0;
    this.#inactiveMicros = isScreen ? PRODUCER_LIMITS.screenInactiveMicros : PRODUCER_LIMITS.inactiveMicros;
    const clockRates = codecs.map(({ clockRate }) => clockRate);
    this.encodings = (encodings.length === 0 ? [{}] : encodings).map((encoding, index) => {
      const layers = layerCounts(encoding.scalabilityMode);
      const layering: SpatialLayering =
        this.type !== 'svc' || layers.spatial === 1 ? 'none' : layers.keyOnly ? 'key' : 'full';
      const source = new SourceStream({
        port: context.port,
        clock: transport.rtp.clock,
        clockRates,
        readers: codecs.map(({ mimeType }) => payloadReader(mimeType)),
        layering,
        history: HISTORY_LIMITS[kind],
      });
      return new Encoding(this, index, encoding.rid, source, {
        clockRate: clockRates[0] ?? 48_000,
        nackLimits: !offersNack(rtpParameters)
          ? undefined
          : kind === 'audio'
            ? NACK_LIMITS
            : VIDEO_NACK_LIMITS,
        keyFrameWindowMicros: delayMs > 0 ? delayMs * 1000 : undefined,
      });
    });
  }

  /** The first encoding's stream whose packets go on; undefined before the first packet. */
  get stream(): MediaStream | undefined {
    return this.encodings[0]!.current;
  }

  /** Its pictures are shown turned by a quarter. */
  get rotated(): boolean {
    return (this.#orientation & 1) !== 0;
  }

  /** By encoding, those that have sent. */
  get scores(): ProducerScore[] {
    return this.encodings.flatMap(({ index, rid, current, score }) =>
      current
        ? [{ encodingIdx: index, ssrc: current.ssrc, ...(rid === undefined ? {} : { rid }), score }]
        : [],
    );
  }

  /** @returns why the packet goes no further, or undefined. */
  handlePacket(stream: MediaStream, packet: PacketReader, nowMicros: number): MediaDropReason | undefined {
    const codec = this.#codecs[packet.payloadType]!;
    if (codec < 0) {
      if (this.#repeated[packet.payloadType]! >= 0) return 'rtx-on-media-ssrc';
      return 'rtp-payload-type';
    }
    const { encoding } = stream;
    const { source } = encoding;
    const outcome = stream.receive.handlePacket(packet.extendedSequence, packet.timestamp, nowMicros);
    if (outcome === 'duplicate') {
      stream.discarded++;
      return 'rtp-duplicate';
    }
    stream.nack?.handlePacket(packet.extendedSequence, nowMicros);
    packet.codec = codec;
    stream.packets++;
    stream.octets += packet.payloadLength;
    if (packet.marker) stream.pictures++;
    stream.lastMicros = nowMicros;
    const begins = stream !== encoding.current || outcome === 'restart';
    if (stream !== encoding.current && !this.#take(stream, nowMicros)) return 'rtp-superseded';
    if (outcome === 'restart') source.startAnew();
    if (stream.nack?.takeOverflow()) this.requestKeyFrame(encoding, nowMicros);
    if (stream.score.value === SCORE.nothing) {
      stream.score.begin();
      this.#tellScores(nowMicros);
    }
    const why = this.#forward(encoding, packet);
    // It began before anybody listened, or its first packets were lost. Whoever waits has had nobody to ask so far.
    if (begins && source.awaitsKeyFrame) this.requestKeyFrame(encoding, nowMicros);
    return why;
  }

  /** @returns why the repetition goes no further, or undefined. */
  handleRetransmission(
    rtx: RetransmissionStream,
    packet: PacketReader,
    nowMicros: number,
  ): MediaDropReason | undefined {
    const codec = this.#repeated[packet.payloadType]!;
    if (codec < 0) return 'rtp-payload-type';
    if (rtx.receive.handlePacket(packet.extendedSequence, packet.timestamp, nowMicros) === 'duplicate')
      return 'rtp-duplicate';
    rtx.packets++;
    rtx.octets += packet.payloadLength;
    rtx.lastMicros = nowMicros;
    const original = packet.originalSequence();
    // Nothing but padding: the sender probes for bandwidth.
    if (original === undefined) return undefined;
    const stream = rtx.encoding.current;
    const extended = stream?.receive.extend(original);
    if (!stream || extended === undefined) return 'rtx-no-stream';
    stream.retransmitted++;
    if (!stream.receive.handleRepair(extended)) {
      stream.discarded++;
      return 'rtx-not-missing';
    }
    packet.becomeOriginal(extended, stream.ssrc, this.#payloadTypes[codec]!);
    packet.codec = codec;
    stream.nack?.handlePacket(extended, nowMicros);
    stream.repaired++;
    stream.packets++;
    stream.octets += packet.payloadLength;
    if (packet.marker) stream.pictures++;
    stream.lastMicros = nowMicros;
    return this.#forward(rtx.encoding, packet);
  }

  handleSenderReport(
    stream: MediaStream,
    ntpMicros: number,
    ntpMiddle: number,
    rtpTimestamp: number,
    nowMicros: number,
  ): void {
    stream.receive.handleSenderReport({ ntpMiddle, arrivalMicros: nowMicros });
    const { encoding } = stream;
    if (stream !== encoding.current) return;
    encoding.source.handleSenderReport(ntpMicros, rtpTimestamp, nowMicros);
    if (this.tracing.has('sr')) {
      const ntp = toNtp(ntpMicros / 1000);
      const { packets: packetCount, octets: octetCount, ssrc } = stream;
      const info = {
        ssrc,
        ntpSec: ntp.seconds,
        ntpFrac: ntp.fraction,
        rtpTs: rtpTimestamp,
        packetCount,
        octetCount,
      };
      this.trace('sr', 'in', info);
    }
    for (const sink of this.sinks) sink.handleSenderReport(ntpMicros, rtpTimestamp, nowMicros);
  }

  /** From the transport's report timer, after the report's interval was closed. */
  look(nowMicros: number): void {
    if (this.paused) return;
    let changed = false;
    for (const { current: stream } of this.encodings) {
      if (!stream || stream.score.value === SCORE.nothing) continue;
      if (nowMicros - stream.lastMicros > this.#inactiveMicros) {
        stream.score.end();
        changed = true;
        continue;
      }
      const { expected, received } = stream.receive.stats();
      const { repaired, retransmitted } = stream;
      const totals = { expected, received: received - repaired, repaired, retransmitted };
      if (stream.score.handleTotals(totals)) changed = true;
    }
    if (changed) this.#tellScores(nowMicros);
    for (const follower of this.followers) follower.look(nowMicros);
  }

  setPaused(paused: boolean, nowMicros: number): void {
    if (this.paused === paused) return;
    this.paused = paused;
    // What comes after the pause is not what its numbers say was lost.
    if (!paused) for (const { source } of this.encodings) source.startAnew({ sameTimestamps: true });
    for (const follower of [...this.followers]) follower.producerPaused(this, nowMicros);
    for (const consumer of this.consumers) consumer.producerPaused(nowMicros);
    for (const sink of this.sinks) sink.setPaused(paused, nowMicros);
  }

  /** Somebody cannot go on without one; the transport asks the sender when it is time. */
  requestKeyFrame(encoding: Encoding, nowMicros: number): void {
    if (this.paused || this.keyFrameWords === undefined) return;
    encoding.keyFrames.want();
    this.transport.rtp.askForKeyFrame(encoding, nowMicros);
  }

  close(nowMicros: number): void {
    for (const sink of [...this.sinks]) sink.producerClosed(nowMicros);
    this.sinks.clear();
    for (const follower of [...this.followers]) follower.producerClosed(this, nowMicros);
    this.followers.clear();
    for (const { source } of this.encodings) source.close();
  }

  /** @param type one that was enabled: ask first, it may be each packet */
  trace(type: ProducerTraceEventType, direction: TraceDirection, info: Record<string, unknown>): void {
    const timestamp = Math.round(unixMs(this.#context, this.#context.engine.now()));
    const trace = { type, timestamp, direction, info };
    this.#context.emit({ event: 'producer.trace', producerId: this.id, trace });
  }

  dump(): Record<string, unknown> {
    const { id, kind, type, rtpParameters, rtpMapping, paused } = this;
    return {
      id,
      kind,
      type,
      rtpParameters,
      rtpMapping,
      paused,
      traceEventTypes: this.tracing.types,
      rtpStreams: this.encodings.flatMap(({ index, current, retransmissions, source }) =>
        current
          ? [
              {
                params: streamParameters(rtpParameters, index, current.ssrc, retransmissions?.ssrc),
                score: current.score.value,
                ...source.dump(),
              },
            ]
          : [],
      ),
    };
  }

  #forward(encoding: Encoding, packet: PacketReader): MediaDropReason | undefined {
    if (this.paused) return 'rtp-paused';
    const { source } = encoding;
    const keyFrames = source.keyFrames;
    const why = source.handlePacket(this.#context.engine.slab, packet);
    if (why !== undefined) return why === 'rtp-late' ? why : 'rtp-payload-malformed';
    const isKeyFrame = source.keyFrames !== keyFrames;
    if (isKeyFrame) {
      encoding.keyFrames.handleKeyFrame();
      // Its start came late: nobody could begin with it, and it was no answer.
      if (source.awaitsKeyFrame) this.requestKeyFrame(encoding, packet.arrivalMicros);
    }
    if (packet.extensions.lengths[CarriedKind.videoOrientation]! > 0) this.#handleOrientation(packet);
    if (this.tracing.any) this.#tracePacket(encoding, packet, isKeyFrame);
    for (const sink of this.sinks) sink.handlePacket(packet);
    return undefined;
  }

  /** 3GPP TS 26.114 §7.4.5: | 0 (4) | camera (1) | flip (1) | rotation (2) | */
  #handleOrientation({ extensions }: PacketReader): void {
    const byte = this.#context.engine.slab[extensions.offsets[CarriedKind.videoOrientation]!]!;
    if (byte === this.#orientation) return;
    this.#orientation = byte;
    this.#context.emit({
      event: 'producer.videoorientationchange',
      producerId: this.id,
      videoOrientation: {
        camera: (byte & 8) !== 0,
        flip: (byte & 4) !== 0,
        rotation: (byte & 3) * 90,
      },
    });
  }

  #tracePacket({ source, current }: Encoding, packet: PacketReader, isKeyFrame: boolean): void {
    const type = this.tracing.has('rtp')
      ? 'rtp'
      : isKeyFrame && this.tracing.has('keyframe')
        ? 'keyframe'
        : undefined;
    if (type === undefined) return;
    const { payloadType, timestamp, marker } = packet;
    const sequenceNumber = packet.extendedSequence & 0xffff;
    const numbers = { payloadType, sequenceNumber, timestamp, marker, ssrc: current!.ssrc };
    this.trace(type, 'in', packetInfo(packet, numbers, source.frame, false));
  }

  /** A stream of which packets come takes over, unless the one before was heard of in the meantime. */
  #take(stream: MediaStream, nowMicros: number): boolean {
    const { encoding } = stream;
    const before = encoding.current;
    if (
      before &&
      before.packets > 0 &&
      stream.packets > 1 &&
      nowMicros - before.lastMicros < PRODUCER_LIMITS.inactiveMicros
    )
      return false;
    encoding.current = stream;
    if (before) encoding.source.startAnew();
    return true;
  }

  #tellScores(nowMicros: number): void {
    this.#context.emit({ event: 'producer.score', producerId: this.id, score: this.scores });
    for (const follower of [...this.followers]) follower.producerScoreChanged(this, nowMicros);
    for (const consumer of this.consumers) consumer.producerScoreChanged();
  }
}

/** One SSRC with layers is SVC where the codec can; several encodings, or layers in time only, are simulcast. */
function typeOf(rtpParameters: RtpParameters): ProducerType {
  const { encodings = [] } = rtpParameters;
  if (encodings.length > 1) return 'simulcast';
  const { spatial, temporal } = layerCounts(encodings[0]?.scalabilityMode);
  if (spatial === 1 && temporal === 1) return 'simple';
  const mimeType = mediaCodecs(rtpParameters)[0]?.mimeType ?? '';
  return canSvc(mimeType) ? 'svc' : /^video\//i.test(mimeType) ? 'simulcast' : 'simple';
}
