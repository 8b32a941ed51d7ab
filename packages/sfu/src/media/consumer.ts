/**
 * One producer, sent to one transport: which of its streams and layers, and the outgoing streams' state. The four types are
 * settings: `simple` follows one stream, `simulcast` and `svc` one variant at a time, `pipe` all streams as they are.
 * Elsewhere: packets → forward/ · choice of layers → forward/layerSelection.ts · statistics → rtpStats.ts
 */
import type { MediaKind, RtpEncodingParameters, RtpParameters } from '@tertulia/wire';
import type { ConsumerLayers, ConsumerScore, ConsumerTraceEventType, ConsumerType } from '../types.js';
import { layerCounts, mediaCodecs, offersNack } from './codecs.js';
import type { AllocationRequest } from './congestion/bitrateAllocator.js';
import { unixMs } from './context.js';
import type { MediaContext } from './context.js';
import { consumerEntryConstants } from './entryParameters.js';
import type { Frame } from './forward/frame.js';
import { lowerLayers, sameLayers, selectSpatialLayer } from './forward/layerSelection.js';
import type { Layers, SpatialLayerState } from './forward/layerSelection.js';
import { ALL_LAYERS, LAYERS_MAX } from './forward/layers.js';
import { PlayoutDelay } from './forward/playoutDelay.js';
import type { Hop } from './forward/playoutDelay.js';
import type { VariantList } from './forward/variantList.js';
import { VariantMember } from './forward/variantMember.js';
import { OutgoingStream } from './outgoing.js';
import type { OutgoingOwner, SenderReportNumbers } from './outgoing.js';
import { CarriedKind } from './packet.js';
import type { EntryConstants, EntryCounters, ReceivedPacket } from './packet.js';
import { packetBytes } from './packetBytes.js';
import type { OutgoingNumbers } from './packetBytes.js';
import type { Encoding, Producer } from './producer.js';
import { streamParameters } from './streamParameters.js';
import { packetInfo, Tracing } from './tracing.js';
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

export const CONSUMER_LIMITS = {
  /** Of a spatial layer of one SSRC: how long it may be silent before it counts as not sent. */
  layerSilenceMicros: 1_000_000,
} as const;

/** As much as the extension can say: only the least is ours to ask for. */
const MOST_PLAYOUT_DELAY_MS = 40_950;

/** A report's loss becomes part of the score by this name. */
const FULL_SCORE = 10;

const NO_COUNTERS: EntryCounters = {
  packets: 0,
  octets: 0,
  lastTimestamp: 0,
  lastIndex: 0,
  lastSentMicrosLow: 0,
  drops: 0,
  rtxPackets: 0,
  rtxOctets: 0,
  rtxLastIndex: 0,
};

/** One outgoing SSRC. */
export interface ConsumerStream {
  readonly outgoing: OutgoingStream;
  readonly member: VariantMember;
  /** Of pipes: whose packets it always has. */
  readonly encoding: Encoding | undefined;
  readonly constants: EntryConstants;
  /** undefined: not negotiated, or nothing is sent again. */
  readonly playoutDelay: PlayoutDelay | undefined;
  /** Counted here only where no engine does. */
  packets: number;
  octets: number;
}

export class Consumer implements OutgoingOwner {
  readonly id: string;
  readonly producer: Producer;
  readonly transport: Transport;
  readonly kind: MediaKind;
  readonly type: ConsumerType;
  readonly rtpParameters: RtpParameters;
  readonly streams: readonly ConsumerStream[];
  readonly spatialLayers: number;
  readonly temporalLayers: number;
  readonly tracing = new Tracing<ConsumerTraceEventType>();
  paused: boolean;
  priority = 1;
  resent = 0;
  readonly #context: MediaContext;
  readonly #onBytes: ((bytes: Uint8Array) => void) | undefined;
  readonly #ignoresDtx: boolean;
  readonly #consumableEncodings: readonly RtpEncodingParameters[];
  #preferred: Layers;
  /** What the bandwidth bears; undefined: no limit known. */
  #allowed: Layers | 'none' | undefined;
  #current: Layers | undefined;
  /** Layers that it is on the way to. */
  #awaited: Layers | undefined;
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
    this.#ignoresDtx = settings.ignoreDtx === true && producer.kind === 'audio';
    this.#ready = transport.rtp.ready;
    this.#onBytes = settings.onBytes;
    const { encodings = [] } = producer.rtpParameters;
    this.#consumableEncodings = settings.consumableRtpEncodings ?? encodings;
    const layers = encodings.map(({ scalabilityMode }) => layerCounts(scalabilityMode));
    this.temporalLayers = Math.max(1, ...layers.map(({ temporal }) => temporal));
    this.spatialLayers = producer.type === 'simulcast' ? encodings.length : (layers[0]?.spatial ?? 1);
    this.#preferred = { spatial: this.spatialLayers - 1, temporal: this.temporalLayers - 1 };
    if (settings.preferredLayers) this.#preferred = this.#clamp(settings.preferredLayers);
    const outgoing = rtpParameters.encodings ?? [];
    const count = this.type === 'pipe' ? producer.encodings.length : 1;
    this.streams = Array.from({ length: count }, (_, i) => this.#createStream(outgoing[i]?.ssrc ?? 0, i));
    this.#score = this.score;
    producer.consumers.add(this);
    if (this.#onBytes) this.#watch();
    this.#resume();
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
      this.type === 'svc' ? Math.max(...producerScores) : (this.#encodingInUse()?.score ?? 0);
    const { score } = this.stream;
    return { score: score.value === 0 ? FULL_SCORE : score.value, producerScore, producerScores };
  }

  get preferredLayers(): ConsumerLayers | undefined {
    if (!this.isLayered) return undefined;
    return { spatialLayer: this.#preferred.spatial, temporalLayer: this.#preferred.temporal };
  }

  get currentLayers(): ConsumerLayers | undefined {
    const current = this.#current;
    return current && { spatialLayer: current.spatial, temporalLayer: current.temporal };
  }

  setPreferredLayers(layers: ConsumerLayers, nowMicros: number): ConsumerLayers | undefined {
    if (!this.isLayered) return undefined;
    this.#preferred = this.#clamp(layers);
    this.#select(nowMicros);
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
    for (const { member, encoding } of this.streams) {
      const wanted = encoding ?? this.#encodingOf(member.awaited ?? member.variant);
      if (wanted) this.producer.requestKeyFrame(wanted, nowMicros);
    }
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
  producerScoreChanged(nowMicros: number): void {
    this.#select(nowMicros);
    this.#tellScore();
  }

  // ---- bandwidth ----

  /** What is wanted of the transport's bandwidth; undefined: it takes what it takes, or nothing. */
  bitrateRequest(nowMicros: number): AllocationRequest | undefined {
    if (!this.isLayered || !this.#active) return undefined;
    const bitrates: number[] = [];
    for (let spatial = 0; spatial < this.spatialLayers; spatial++) {
      const { source } = this.producer.encodings[this.type === 'simulcast' ? spatial : 0]!;
      source.rates.sample(nowMicros);
      const layer = this.type === 'simulcast' ? 0 : spatial;
      for (let temporal = 0; temporal < this.temporalLayers; temporal++)
        bitrates.push(Math.round(source.rates.bitrate(layer, temporal, source.layering)));
    }
    return { id: this.id, priority: this.priority, bitrates, wanted: this.#choiceOf(this.#preferred) };
  }

  /** Of a stream that cannot be made smaller, bit/s. */
  fixedBitrate(nowMicros: number): number {
    if (!this.#active || this.isLayered) return 0;
    let sum = 0;
    for (const { source } of this.producer.encodings) {
      source.rates.sample(nowMicros);
      for (let spatial = 0; spatial < LAYERS_MAX.spatial; spatial++)
        sum += source.rates.bitrate(spatial, LAYERS_MAX.temporal - 1, 'none');
    }
    return Math.round(sum);
  }

  /** Index into `bitrateRequest().bitrates`; undefined: not limited so far. */
  get allowedChoice(): number | undefined {
    const allowed = this.#allowed;
    if (allowed === undefined) return undefined;
    return allowed === 'none' ? -1 : this.#choiceOf(allowed);
  }

  /** @param choice -1: not even the lowest */
  setAllowedChoice(choice: number, nowMicros: number): void {
    this.#allowed =
      choice < 0
        ? 'none'
        : { spatial: Math.floor(choice / this.temporalLayers), temporal: choice % this.temporalLayers };
    this.#select(nowMicros);
  }

  #choiceOf({ spatial, temporal }: Layers): number {
    return spatial * this.temporalLayers + temporal;
  }

  // ---- feedback of the receiver ----

  handleNack(stream: OutgoingStream, lost: readonly number[], nowMicros: number): void {
    const member = this.streams.find(({ outgoing }) => outgoing === stream)?.member;
    if (this.tracing.has('nack')) this.trace('nack', 'in', {});
    const { congested } = this.transport.rtp.outgoing;
    let unanswerable = 0;
    for (const sequence of lost) {
      if (member?.resend(sequence, stream.roundTripMicros, nowMicros, congested)) this.resent++;
      else unanswerable++;
    }
    if (unanswerable > 0) this.transport.rtp.drops.count('nack-unanswerable', unanswerable);
  }

  handleKeyFrameRequest(stream: OutgoingStream, words: 'pli' | 'fir', nowMicros: number): void {
    if (this.tracing.has(words)) this.trace(words, 'in', { ssrc: stream.ssrc });
    if (!this.#active) return;
    const { member, encoding } = this.streams.find(({ outgoing }) => outgoing === stream) ?? this.streams[0]!;
    const shown = encoding ?? this.#encodingOf(member.variant ?? member.awaited);
    if (shown) this.producer.requestKeyFrame(shown, nowMicros);
    else this.transport.rtp.drops.count('key-frame-no-source');
  }

  handleReport(stream: OutgoingStream): void {
    const { member, packets: shown } = this.#streamOf(stream);
    const packets = member.entry === undefined ? shown : this.#context.port.packetsSent(member.entry);
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
    const nack = this.#encodingInUse()?.current?.nack;
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
    const traces = this.tracing.has('rtp') || this.tracing.has('keyframe');
    const onBytes = this.#onBytes;
    for (const stream of this.streams) {
      const { member, constants } = stream;
      if (!traces && !onBytes) {
        member.onPacket = undefined;
        continue;
      }
      member.onPacket = (packet, numbers, patches, source) => {
        if (traces) this.#tracePacket(stream, packet, numbers, source.frame);
        if (!onBytes) return;
        const bytes = packetBytes(this.#context.engine.slab, packet, constants, numbers, patches);
        if (!bytes) return;
        stream.packets++;
        stream.octets += packet.payloadLength;
        onBytes(bytes);
      };
    }
  }

  #tracePacket(
    { outgoing, constants }: ConsumerStream,
    packet: ReceivedPacket,
    numbers: OutgoingNumbers,
    frame: Frame,
  ): void {
    const isVideoKeyFrame = this.kind === 'video' && frame.keyFrame && frame.startOfPicture;
    const type = this.tracing.has('rtp') ? 'rtp' : isVideoKeyFrame ? 'keyframe' : undefined;
    if (type === undefined) return;
    const payloadType = constants.payloadTypes[packet.codec] ?? 0;
    const info = packetInfo(packet, { ...numbers, payloadType, ssrc: outgoing.ssrc }, frame, false);
    this.trace(type, 'out', info);
  }

  // ---- reports ----

  counters(stream: ConsumerStream = this.streams[0]!): EntryCounters {
    const { member, packets, octets } = stream;
    if (member.entry !== undefined) return this.#context.port.entryCounters(member.entry);
    return { ...NO_COUNTERS, packets, octets };
  }

  /** Of those streams that have sent something. */
  addSenderReports(nowMicros: number, reports: SenderReportNumbers[]): void {
    for (const stream of this.streams) {
      const { packets, octets } = this.counters(stream);
      const rtpTimestamp = packets === 0 ? undefined : stream.member.timestampAt(nowMicros);
      if (rtpTimestamp === undefined) continue;
      reports.push({ ssrc: stream.outgoing.ssrc, rtpTimestamp, packetCount: packets, octetCount: octets });
    }
  }

  /** From the transport's report timer. */
  look(nowMicros: number): void {
    if (this.type === 'svc') this.#select(nowMicros);
  }

  close(): void {
    this.producer.consumers.delete(this);
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
    const target = this.#awaited ?? this.#current;
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
            preferredSpatialLayer: this.#preferred.spatial,
            targetSpatialLayer: target?.spatial ?? -1,
            currentSpatialLayer: this.#current?.spatial ?? -1,
            preferredTemporalLayer: this.#preferred.temporal,
            targetTemporalLayer: target?.temporal ?? -1,
            currentTemporalLayer: this.#current?.temporal ?? -1,
          }
        : {}),
      ...this.#sent(),
    };
  }

  // ---- inside ----

  #sent(): Record<string, unknown> {
    return { sent: this.streams.map((stream) => this.counters(stream)), resent: this.resent };
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
      onEntered: (variant) => this.#entered(variant),
    });
    const encoding = type === 'pipe' ? producer.encodings[position] : undefined;
    const delays = this.kind === 'video' && constants.extensionIds[CarriedKind.playoutDelay];
    return {
      outgoing,
      member,
      encoding,
      constants,
      // A repetition to the byte must have the extensions of the first time.
      playoutDelay: delays && outgoing.rtxSsrc !== undefined ? new PlayoutDelay() : undefined,
      packets: 0,
      octets: 0,
    };
  }

  #streamOf(stream: OutgoingStream): ConsumerStream {
    return this.streams.find(({ outgoing }) => outgoing === stream) ?? this.streams[0]!;
  }

  #clamp({ spatialLayer, temporalLayer }: ConsumerLayers): Layers {
    const within = (layer: number, count: number): number => Math.max(0, Math.min(layer, count - 1));
    return {
      spatial: within(spatialLayer, this.spatialLayers),
      temporal: within(temporalLayer ?? this.temporalLayers - 1, this.temporalLayers),
    };
  }

  #encodingOf(variant: VariantList | undefined): Encoding | undefined {
    return variant && this.producer.encodings.find(({ source }) => source === variant.source);
  }

  #encodingInUse(): Encoding | undefined {
    const { member } = this.streams[0]!;
    return this.#encodingOf(member.variant ?? member.awaited) ?? this.producer.encodings[0];
  }

  #activityChanged(nowMicros: number): void {
    if (this.#active) {
      this.#resume(nowMicros);
      return;
    }
    for (const { member } of this.streams) member.leave();
    this.#awaited = undefined;
    this.#setCurrent(undefined);
  }

  #resume(nowMicros = this.#context.engine.now()): void {
    if (!this.#active) return;
    if (this.isLayered) {
      this.#select(nowMicros);
      return;
    }
    for (const { member, encoding = this.producer.encodings[0]! } of this.streams) {
      const variant = encoding.source.variant(ALL_LAYERS, this.#ignoresDtx ? 0 : ALL_LAYERS);
      if (member.variant === variant || member.awaited === variant) continue;
      if (!encoding.source.hasKeyFrames) member.follow(variant, 'any');
      else {
        member.follow(variant, 'key-frame');
        this.producer.requestKeyFrame(encoding, nowMicros);
      }
    }
  }

  /** Where a layered consumer should be now, and the next step to there. */
  #select(nowMicros: number): void {
    if (!this.isLayered || !this.#active) return;
    const target = this.#target(nowMicros);
    const { member } = this.streams[0]!;
    if (!target) {
      member.leave();
      this.#setCurrent(undefined);
      return;
    }
    this.#awaited = target;
    this.#step(member, target, nowMicros);
  }

  #target(nowMicros: number): Layers | undefined {
    if (this.#allowed === 'none') return undefined;
    const wanted = this.#allowed ? lowerLayers(this.#preferred, this.#allowed) : this.#preferred;
    const spatial = selectSpatialLayer(this.#spatialStates(nowMicros), wanted.spatial);
    if (spatial === undefined) return undefined;
    return { spatial, temporal: spatial > wanted.spatial ? this.temporalLayers - 1 : wanted.temporal };
  }

  #spatialStates(nowMicros: number): SpatialLayerState[] {
    const { encodings } = this.producer;
    if (this.type === 'simulcast')
      return encodings.map(({ current, score }) => ({ active: current !== undefined && score > 0, score }));
    const { score, source } = encodings[0]!;
    const { layerSilenceMicros } = CONSUMER_LIMITS;
    // Of a stream that has just begun, nobody knows yet what it will bring.
    const isNew = nowMicros - source.firstMicros < layerSilenceMicros;
    return Array.from({ length: this.spatialLayers }, (_, spatial) => ({
      active: score > 0 && (isNew || nowMicros - source.layerMicros[spatial]! < layerSilenceMicros),
      score,
    }));
  }

  #step(member: VariantMember, { spatial, temporal }: Layers, nowMicros: number): void {
    const isSimulcast = this.type === 'simulcast';
    const encoding = this.producer.encodings[isSimulcast ? spatial : 0]!;
    const { source } = encoding;
    const spatialLimit = isSimulcast || this.spatialLayers === 1 ? ALL_LAYERS : spatial;
    const variantOf = (limit: number): VariantList =>
      source.variant(spatialLimit, this.temporalLayers === 1 ? ALL_LAYERS : limit);
    const { variant } = member;
    if (variant?.source === source && variant.spatial === spatialLimit) {
      const now = Math.min(variant.temporal, this.temporalLayers - 1);
      if (temporal > now) member.follow(variantOf(now + 1), 'layer');
      else if (temporal < now) member.follow(variantOf(temporal), 'picture');
      else member.follow(variant, 'any');
      return;
    }
    if (variant?.source === source && source.layering === 'full' && spatialLimit < variant.spatial) {
      member.follow(variantOf(Math.min(temporal, variant.temporal)), 'picture');
      return;
    }
    const wanted = variantOf(temporal);
    if (member.awaited === wanted) return;
    member.follow(wanted, 'key-frame');
    this.producer.requestKeyFrame(encoding, nowMicros);
  }

  #entered(variant: VariantList): void {
    const { outgoing } = this.streams[0]!;
    if (outgoing.score.value === 0) outgoing.score.begin();
    if (!this.isLayered) return;
    const encoding = this.#encodingOf(variant)!;
    this.#setCurrent({
      spatial: this.type === 'simulcast' ? encoding.index : Math.min(variant.spatial, this.spatialLayers - 1),
      temporal: Math.min(variant.temporal, this.temporalLayers - 1),
    });
    // Layers in time are taken one after the other.
    this.#select(encoding.source.lastMicros);
  }

  #setCurrent(layers: Layers | undefined): void {
    if (sameLayers(this.#current, layers)) return;
    this.#current = layers;
    const current = this.currentLayers;
    this.#context.emit({
      event: 'consumer.layerschange',
      consumerId: this.id,
      ...(current ? { layers: current } : {}),
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
