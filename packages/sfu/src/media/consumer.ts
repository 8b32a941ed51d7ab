/**
 * One producer, sent to one transport: which of its streams and layers, and the outgoing streams' state. The four types are
 * settings: `simple` follows one stream, `simulcast` and `svc` one variant at a time, `pipe` all streams as they are.
 * Elsewhere: packets → forward/ · which layers → forward/layerFollower.ts · statistics → rtpStats.ts
 */
import type { MediaKind, RtpEncodingParameters, RtpParameters } from '@tertulia/wire';
import type { ConsumerLayers, ConsumerScore, ConsumerTraceEventType, ConsumerType } from '../types.js';
import { mediaCodecs, offersNack } from './codecs.js';
import type { AllocationRequest } from './congestion/bitrateAllocator.js';
import { ConsumerStream } from './consumerStream.js';
import type { PacketTrace } from './consumerStream.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { consumerEntryConstants } from './entryParameters.js';
import type { Frame } from './forward/frame.js';
import { BEST_LAYERS, LayerFollower, wholeBitrate } from './forward/layerFollower.js';
import type { Layers } from './forward/layerSelection.js';
import { ALL_LAYERS } from './forward/layers.js';
import { PlayoutDelay } from './forward/playoutDelay.js';
import type { Hop } from './forward/playoutDelay.js';
import { VariantMember } from './forward/variantMember.js';
import type { BandwidthTaker } from './outgoingBandwidth.js';
import { OutgoingStream } from './outgoing.js';
import type { OutgoingOwner, SenderReportNumbers } from './outgoing.js';
import { CarriedKind } from './packet.js';
import type { Encoding, Producer } from './producer.js';
import { streamParameters } from './streamParameters.js';
import { Tracing } from './tracing.js';
import type { TraceDirection } from './tracing.js';
import type { Transport } from './transport.js';

export interface ConsumerSettings {
  readonly id: string;
  readonly producer: Producer;
  readonly transport: Transport;
  readonly rtpParameters: RtpParameters;
  /** Default: the producer's. */
  readonly type?: ConsumerType | undefined;
  readonly paused: boolean;
  readonly preferredLayers?: ConsumerLayers | undefined;
  readonly ignoreDtx?: boolean | undefined;
  /** Packets go here instead of through the engine: the transport has no socket. */
  readonly onBytes?: ((bytes: Uint8Array) => void) | undefined;
  /** The producer's encodings as consumers see them; for `dump`. */
  readonly consumableRtpEncodings?: readonly RtpEncodingParameters[] | undefined;
}

/** As much as the extension can say: only the least is ours to ask for. */
const MOST_PLAYOUT_DELAY_MS = 40_950;

/** A report's loss becomes part of the score by this name. */
const FULL_SCORE = 10;

export class Consumer implements OutgoingOwner, BandwidthTaker {
  readonly id: string;
  readonly producer: Producer;
  readonly transport: Transport;
  readonly kind: MediaKind;
  readonly type: ConsumerType;
  readonly rtpParameters: RtpParameters;
  readonly streams: readonly ConsumerStream[];
  readonly tracing = new Tracing<ConsumerTraceEventType>();
  paused: boolean;
  priority = 1;
  resent = 0;
  readonly #context: MediaContext;
  readonly #onBytes: ((bytes: Uint8Array) => void) | undefined;
  readonly #consumableEncodings: readonly RtpEncodingParameters[];
  /** Of pipes none: each stream keeps to its encoding. */
  readonly #follower: LayerFollower | undefined;
  #ready: boolean;
  #score: ConsumerScore;

  constructor(settings: ConsumerSettings, context: MediaContext) {
    const { id, producer, transport, rtpParameters } = settings;
    this.id = id;
    this.transport = transport;
    this.producer = producer;
    this.kind = producer.kind;
    this.type = settings.type ?? producer.type;
    this.rtpParameters = rtpParameters;
    this.paused = settings.paused;
    this.#context = context;
    this.#ready = transport.rtp.ready;
    this.#onBytes = settings.onBytes;
    const { encodings = [] } = producer.rtpParameters;
    this.#consumableEncodings = settings.consumableRtpEncodings ?? encodings;
    const outgoing = rtpParameters.encodings ?? [];
    const count = this.type === 'pipe' ? producer.encodings.length : 1;
    this.streams = Array.from({ length: count }, (_, i) => this.#createStream(outgoing[i]?.ssrc ?? 0, i));
    const nowMicros = context.engine.now();
    if (this.type !== 'pipe') {
      this.#follower = new LayerFollower(this.streams[0]!.member, {
        type: this.type,
        ignoresDtx: settings.ignoreDtx === true && producer.kind === 'audio',
        onLayers: (layers) => this.#tellLayers(layers),
        onShown: (shown) => shown && this.#begin(),
      });
      const { preferredLayers } = settings;
      const preferred = preferredLayers ? layersOf(preferredLayers) : BEST_LAYERS;
      this.#follower.assign(producer, [], nowMicros, preferred);
    }
    this.#score = this.score;
    producer.consumers.add(this);
    if (this.#onBytes) this.#watch();
    this.#activityChanged(nowMicros);
  }

  // ---- what the application sees and wants ----

  /** The first stream. */
  get stream(): OutgoingStream {
    return this.streams[0]!.outgoing;
  }

  get isLayered(): boolean {
    return this.type === 'simulcast' || this.type === 'svc';
  }

  get score(): ConsumerScore {
    const producerScores = this.producer.encodings.map(({ score }) => score);
    // Whoever is behind the pipe sees for itself how the streams arrive.
    if (this.type === 'pipe') return { score: FULL_SCORE, producerScore: FULL_SCORE, producerScores };
    const producerScore =
      this.type === 'svc' ? Math.max(...producerScores) : (this.#encodingInUse?.score ?? 0);
    const { score } = this.stream;
    return { score: score.value === 0 ? FULL_SCORE : score.value, producerScore, producerScores };
  }

  get preferredLayers(): ConsumerLayers | undefined {
    return this.isLayered && this.#follower ? consumerLayers(this.#follower.preferred) : undefined;
  }

  get currentLayers(): ConsumerLayers | undefined {
    return this.#follower?.current && consumerLayers(this.#follower.current);
  }

  setPreferredLayers(layers: ConsumerLayers, nowMicros: number): ConsumerLayers | undefined {
    if (!this.isLayered) return undefined;
    this.#follower?.setPreferred(layersOf(layers), nowMicros);
    this.transport.rtp.reallocate(nowMicros);
    return this.preferredLayers;
  }

  setPriority(priority: number, nowMicros: number): void {
    this.priority = priority;
    if (this.kind === 'video') this.transport.rtp.reallocate(nowMicros);
  }

  setPaused(paused: boolean, nowMicros: number): void {
    if (this.paused === paused) return;
    this.paused = paused;
    this.#activityChanged(nowMicros);
    if (this.kind === 'video') this.transport.rtp.reallocate(nowMicros);
  }

  requestKeyFrame(nowMicros: number): void {
    if (!this.#active) return;
    this.#follower?.requestKeyFrame(nowMicros);
    for (const { encoding } of this.streams) if (encoding) this.producer.requestKeyFrame(encoding, nowMicros);
  }

  // ---- news from others ----

  /** The transport can, or can no longer, send: numbers that nobody sees must not be used up (R9). */
  setReady(ready: boolean, nowMicros: number): void {
    this.#ready = ready;
    this.#activityChanged(nowMicros);
  }

  producerPaused(nowMicros: number): void {
    this.#activityChanged(nowMicros);
  }

  /** Streams of the producer began, ended, or got better or worse. */
  producerScoreChanged(): void {
    this.#tellScore();
  }

  // ---- bandwidth ----

  /** What is wanted of the transport's bandwidth; undefined: it takes what it takes, or nothing. */
  bitrateRequest(nowMicros: number): AllocationRequest | undefined {
    return this.#follower?.bitrateRequest(this.id, this.priority, nowMicros);
  }

  /** Of a stream that cannot be made smaller, bit/s. */
  fixedBitrate(nowMicros: number): number {
    if (this.#follower) return this.#follower.fixedBitrate(nowMicros);
    return this.#active ? wholeBitrate(this.producer, nowMicros) : 0;
  }

  get probeEntry(): number | undefined {
    return this.streams[0]!.member.entry;
  }

  /** Index into `bitrateRequest().bitrates`; undefined: not limited so far. */
  get allowedChoice(): number | undefined {
    return this.#follower?.allowedChoice;
  }

  /** @param choice -1: not even the lowest */
  setAllowedChoice(choice: number, nowMicros: number): void {
    this.#follower?.setAllowedChoice(choice, nowMicros);
  }

  // ---- feedback of the receiver ----

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    const member = this.streams.find(({ outgoing }) => outgoing === stream)?.member;
    if (this.tracing.has('nack')) this.trace('nack', 'in', {});
    const { outgoing, drops } = this.transport.rtp;
    const { congested, behind } = outgoing;
    if (behind) {
      drops.count('nack-behind', lost.length);
      return;
    }
    let unanswerable = 0;
    for (const sequence of lost) {
      if (member?.resend(sequence, stream.roundTripMicros, nowMicros, congested)) this.resent++;
      else unanswerable++;
    }
    if (unanswerable > 0) drops.count('nack-unanswerable', unanswerable);
  }

  handleKeyFrameRequest(stream: OutgoingStream, words: 'pli' | 'fir', nowMicros: number): void {
    if (this.tracing.has(words)) this.trace(words, 'in', { ssrc: stream.ssrc });
    if (!this.#active) return;
    const { encoding } = this.#streamOf(stream);
    if (encoding) this.producer.requestKeyFrame(encoding, nowMicros);
    else if (!this.#follower?.handleKeyFrameRequest(nowMicros))
      this.transport.rtp.drops.count('key-frame-no-source');
  }

  handleReport(stream: OutgoingStream): void {
    const { packetsSent: packets } = this.#streamOf(stream);
    const changed = stream.score.handleTotals({
      expected: packets,
      received: packets - stream.packetsLost,
      repaired: 0,
      retransmitted: 0,
    });
    if (changed) this.#tellScore();
    this.#adaptPlayoutDelay(stream);
  }

  stopSendingMid(stream: OutgoingStream): void {
    const member = this.streams.find(({ outgoing }) => outgoing === stream)?.member;
    if (member?.entry !== undefined) this.#context.port.updateEntry(member.entry, { sendMid: false });
  }

  /** Lost packets come again after a round trip or two: a picture that waits for them does not stand still. */
  #adaptPlayoutDelay(outgoing: OutgoingStream): void {
    const stream = this.streams.find((each) => each.outgoing === outgoing);
    const { entry } = stream?.member ?? {};
    if (!stream?.playoutDelay || entry === undefined) return;
    const nack = this.#encodingInUse?.current?.nack;
    const hops: Hop[] = nack ? [nack] : [];
    const lossFraction = this.transport.rtp.outgoing.lossFraction ?? outgoing.fractionLost / 256;
    hops.push({ lossFraction, roundTripMicros: outgoing.roundTripMicros });
    if (!stream.playoutDelay.update(hops, this.#context.engine.now())) return;
    const playoutDelay = { minMs: stream.playoutDelay.micros / 1000, maxMs: MOST_PLAYOUT_DELAY_MS };
    this.#context.port.updateEntry(entry, { playoutDelay });
  }

  // ---- packets for those who look at each: traces, and transports without a socket ----

  setTraceTypes(types: readonly string[]): void {
    this.tracing.set(types);
    this.#watch();
  }

  /** Each packet as bytes, instead of through the engine: for consumers of a transport without a socket. */
  get onBytes(): ((bytes: Uint8Array) => void) | undefined {
    return this.#onBytes;
  }

  trace(type: ConsumerTraceEventType, direction: TraceDirection, info: Record<string, unknown>): void {
    const timestamp = Math.round(unixMs(this.#context, this.#context.engine.now()));
    const trace = { type, timestamp, direction, info };
    this.#context.emit({ event: 'consumer.trace', consumerId: this.id, trace });
  }

  #watch(): void {
    const { tracing } = this;
    const all = tracing.has('rtp');
    const isTraced = ({ keyFrame, startOfPicture }: Frame): boolean =>
      all || (this.kind === 'video' && keyFrame && startOfPicture);
    const type = all ? 'rtp' : 'keyframe';
    const trace: PacketTrace | undefined = tracing.has(type)
      ? (frame, info) => {
          if (isTraced(frame)) this.trace(type, 'out', info());
        }
      : undefined;
    for (const stream of this.streams) stream.watch(trace, this.#onBytes);
  }

  // ---- reports ----

  /** Of those streams that have sent something. */
  addSenderReports(nowMicros: number, reports: SenderReportNumbers[]): void {
    for (const stream of this.streams) {
      const { packets, octets } = stream.counters;
      const rtpTimestamp = packets === 0 ? undefined : stream.member.timestampAt(nowMicros);
      if (rtpTimestamp === undefined) continue;
      reports.push({ ssrc: stream.outgoing.ssrc, rtpTimestamp, packetCount: packets, octetCount: octets });
    }
  }

  close(): void {
    this.producer.consumers.delete(this);
    this.#follower?.close();
    for (const { member, outgoing } of this.streams) {
      member.leave();
      if (outgoing.nackNegotiated) {
        for (const { source } of this.producer.encodings) source.history.removeKeeper();
      }
      if (member.entry !== undefined) this.#context.port.freeEntry(member.entry);
    }
  }

  dump(): Record<string, unknown> {
    const { id, kind, type, rtpParameters, paused, producer, priority } = this;
    const rtpStreams = this.streams.map(({ outgoing }, position) => ({
      params: streamParameters(rtpParameters, position, outgoing.ssrc, outgoing.rtxSsrc),
      score: outgoing.score.value || FULL_SCORE,
    }));
    const { preferred, target, current } = this.#follower ?? {};
    return {
      id,
      kind,
      type,
      rtpParameters,
      paused,
      producerId: producer.id,
      producerPaused: producer.paused,
      priority,
      consumableRtpEncodings: this.#consumableEncodings,
      supportedCodecPayloadTypes: mediaCodecs(rtpParameters).map(({ payloadType }) => payloadType),
      traceEventTypes: this.tracing.types,
      ...(type === 'pipe' ? {} : { rtpStream: rtpStreams[0] }),
      rtpStreams,
      ...(this.isLayered
        ? {
            preferredSpatialLayer: preferred?.spatial,
            targetSpatialLayer: (target ?? current)?.spatial ?? -1,
            currentSpatialLayer: current?.spatial ?? -1,
            preferredTemporalLayer: preferred?.temporal,
            targetTemporalLayer: (target ?? current)?.temporal ?? -1,
            currentTemporalLayer: current?.temporal ?? -1,
          }
        : {}),
      ...this.#sent(),
    };
  }

  // ---- inside ----

  #sent(): Record<string, unknown> {
    return { sent: this.streams.map(({ counters }) => counters), resent: this.resent };
  }

  get #active(): boolean {
    return this.#ready && !this.paused && !this.producer.paused;
  }

  #createStream(ssrc: number, position: number): ConsumerStream {
    const { producer, rtpParameters, type } = this;
    const { port, rng } = this.#context;
    const outgoing = new OutgoingStream(
      ssrc,
      offersNack(rtpParameters),
      this,
      rtpParameters.encodings?.[position]?.rtx?.ssrc,
    );
    if (outgoing.nackNegotiated) for (const { source } of producer.encodings) source.history.addKeeper();
    const constants = consumerEntryConstants(this.transport.peer, producer, rtpParameters, position);
    const entry = this.#onBytes ? undefined : port.createEntry(constants);
    const member = new VariantMember(port, rng, entry, {
      keepTimestamps: type === 'pipe',
    });
    if (type === 'pipe') member.onEntered = () => this.#begin();
    const encoding = type === 'pipe' ? producer.encodings[position] : undefined;
    const delays = this.kind === 'video' && constants.extensionIds[CarriedKind.playoutDelay];
    // A repetition to the byte must have the extensions of the first time.
    const playoutDelay = delays && outgoing.rtxSsrc !== undefined ? new PlayoutDelay() : undefined;
    return new ConsumerStream({ outgoing, member, encoding, constants, playoutDelay }, this.#context);
  }

  #streamOf(stream: OutgoingStream): ConsumerStream {
    return this.streams.find(({ outgoing }) => outgoing === stream) ?? this.streams[0]!;
  }

  get #encodingInUse(): Encoding | undefined {
    return this.#follower ? this.#follower.encodingInUse() : this.producer.encodings[0];
  }

  #activityChanged(nowMicros: number): void {
    this.#follower?.setActive(this.#ready && !this.paused, nowMicros);
    for (const { member, encoding } of this.streams) {
      if (!encoding) continue;
      if (this.#active) this.#resume(member, encoding, nowMicros);
      else member.leave();
    }
  }

  /** Of pipes: all of an encoding. */
  #resume(member: VariantMember, encoding: Encoding, nowMicros: number): void {
    const { source } = encoding;
    const variant = source.variant(ALL_LAYERS, ALL_LAYERS);
    if (member.variant === variant || member.awaited === variant) return;
    member.follow(variant, source.hasKeyFrames ? 'key-frame' : 'any');
    if (source.hasKeyFrames) this.producer.requestKeyFrame(encoding, nowMicros);
  }

  /** Packets go out. */
  #begin(): void {
    const { score } = this.streams[0]!.outgoing;
    if (score.value === 0) score.begin();
  }

  #tellLayers(layers: Layers | undefined): void {
    this.#context.emit({
      event: 'consumer.layerschange',
      consumerId: this.id,
      ...(layers ? { layers: consumerLayers(layers) } : {}),
    });
  }

  #tellScore(): void {
    const { score } = this;
    const before = this.#score;
    const same =
      score.score === before.score &&
      score.producerScore === before.producerScore &&
      score.producerScores.every((each, i) => each === before.producerScores[i]);
    if (same) return;
    this.#score = score;
    this.#context.emit({ event: 'consumer.score', consumerId: this.id, score });
  }
}

const consumerLayers = ({ spatial, temporal }: Layers): ConsumerLayers => ({
  spatialLayer: spatial,
  temporalLayer: temporal,
});

const layersOf = ({ spatialLayer, temporalLayer }: ConsumerLayers): Layers => ({
  spatial: spatialLayer,
  temporal: temporalLayer ?? BEST_LAYERS.temporal,
});
