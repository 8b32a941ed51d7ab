/**
 * One outgoing stream that follows a producer: which of its encodings and layers, and the next step to there. The producer
 * may change: what is shown goes on until the next one has a key frame, for a while (virtual streams V4).
 * Elsewhere: which layer of those that come → layerSelection.ts · the switch itself → variantMember.ts · how much the way
 * bears → ../outgoingBandwidth.ts · which producer → ../consumer.ts, ../virtual/
 */
import type { ConsumerType } from '../../types.js';
import { layerCounts } from '../codecs.js';
import type { AllocationRequest } from '../congestion/bitrateAllocator.js';
import type { Encoding, Producer, ProducerFollower } from '../producer.js';
import { lowerLayers, sameLayers, selectSpatialLayer } from './layerSelection.js';
import type { Layers, SpatialLayerState } from './layerSelection.js';
import { ALL_LAYERS, LAYERS_MAX } from './layers.js';
import type { VariantList } from './variantList.js';
import type { VariantMember } from './variantMember.js';

export const FOLLOWER_LIMITS = {
  /** Of a spatial layer of one SSRC: how long it may be silent before it counts as not sent. */
  layerSilenceMicros: 1_000_000,
  /** How long another producer goes on after it should not, while the next one has no key frame: virtual streams V4. */
  holdMicros: 1_000_000,
} as const;

/** The best that comes. */
export const BEST_LAYERS: Layers = { spatial: Infinity, temporal: Infinity };

export interface LayerFollowerOptions {
  /** Default: the producer's. Where 'simple', its first encoding is taken as it is. */
  readonly type?: ConsumerType | undefined;
  /** Packets of silence are left out. */
  readonly ignoresDtx?: boolean;
  /** A stream without layers can be made smaller, too: to nothing. */
  readonly canGoDark?: boolean;
  /** Other layers are shown; undefined: none, or a producer without. */
  readonly onLayers?: (layers: Layers | undefined) => void;
  /** From the packet at hand on another producer is shown; undefined: none any more. */
  readonly onShown?: (producer: Producer | undefined) => void;
}

/** Of a producer, as receivers may choose of them. */
export function producerLayers({ type, rtpParameters }: Producer): Layers {
  const { encodings = [] } = rtpParameters;
  const layers = encodings.map(({ scalabilityMode }) => layerCounts(scalabilityMode));
  return {
    spatial: type === 'simulcast' ? encodings.length : (layers[0]?.spatial ?? 1),
    temporal: Math.max(1, ...layers.map(({ temporal }) => temporal)),
  };
}

/** All that the producer sends, bit/s. */
export function wholeBitrate({ encodings }: Producer, nowMicros: number): number {
  let sum = 0;
  for (const { source } of encodings) {
    source.rates.sample(nowMicros);
    for (let spatial = 0; spatial < LAYERS_MAX.spatial; spatial++)
      sum += source.rates.bitrate(spatial, LAYERS_MAX.temporal - 1, 'none');
  }
  return Math.round(sum);
}

export class LayerFollower implements ProducerFollower {
  readonly member: VariantMember;
  readonly #options: LayerFollowerOptions;
  #producer: Producer | undefined;
  /** Which every packet of it bears: of virtual streams. */
  #csrcs: readonly number[] = [];
  #counts: Layers = { spatial: 1, temporal: 1 };
  /** Whose packets go out. */
  #shown: Producer | undefined;
  readonly #heard = new Set<Producer>();
  #active = false;
  #preferred = BEST_LAYERS;
  /** What the bandwidth bears; undefined: no limit known. */
  #allowed: Layers | 'none' | undefined;
  #current: Layers | undefined;
  #target: Layers | undefined;
  /** Until then what is shown goes on although another producer is wanted. */
  #holdMicros: number | undefined;

  constructor(member: VariantMember, options: LayerFollowerOptions = {}) {
    this.member = member;
    this.#options = options;
    member.onEntered = (variant) => this.#entered(variant);
  }

  // ---- what it follows ----

  /** The one that is wanted. */
  get producer(): Producer | undefined {
    return this.#producer;
  }

  /** The one that goes out; for a while it may be the one before. */
  get shown(): Producer | undefined {
    return this.#shown;
  }

  /** Layers that go out. */
  get current(): Layers | undefined {
    return this.#current;
  }

  /** Layers that it is on the way to, or has reached. */
  get target(): Layers | undefined {
    return this.#target;
  }

  get #type(): ConsumerType | undefined {
    return this.#producer && (this.#options.type ?? this.#producer.type);
  }

  get isLayered(): boolean {
    const type = this.#type;
    return type === 'simulcast' || type === 'svc';
  }

  get spatialLayers(): number {
    return this.#counts.spatial;
  }

  get temporalLayers(): number {
    return this.#counts.temporal;
  }

  /** As far as the producer has them. */
  get preferred(): Layers {
    const within = (layer: number, count: number): number => Math.max(0, Math.min(layer, count - 1));
    return {
      spatial: within(this.#preferred.spatial, this.#counts.spatial),
      temporal: within(this.#preferred.temporal, this.#counts.temporal),
    };
  }

  setPreferred(layers: Layers, nowMicros: number): void {
    this.#preferred = layers;
    this.select(nowMicros);
  }

  /**
   * Wants this producer from now on, and nothing happens before `select`: first whoever shares the bandwidth should be asked.
   * What is shown goes on meanwhile. Without a producer all ends at once.
   */
  assign(
    producer: Producer | undefined,
    csrcs: readonly number[],
    nowMicros: number,
    preferred = this.#preferred,
  ): void {
    this.#preferred = preferred;
    const sameCsrcs = csrcs.join() === this.#csrcs.join();
    if (producer === this.#producer && (sameCsrcs || !producer)) return;
    // The same source under another name: nothing of it may go out under the old one any more.
    if (producer && producer === this.#shown && !sameCsrcs) this.#leaveOld();
    this.#producer = producer;
    this.#csrcs = csrcs;
    this.#allowed = undefined;
    this.#target = undefined;
    this.#counts = producer ? producerLayers(producer) : { spatial: 1, temporal: 1 };
    this.member.stopWaiting();
    if (!producer) this.#stop();
    else if (producer === this.#shown) this.#holdMicros = undefined;
    else if (this.#shown) this.#holdMicros ??= nowMicros + FOLLOWER_LIMITS.holdMicros;
    this.#listen();
  }

  follow(
    producer: Producer | undefined,
    csrcs: readonly number[],
    nowMicros: number,
    preferred = this.#preferred,
  ): void {
    this.assign(producer, csrcs, nowMicros, preferred);
    this.select(nowMicros);
  }

  /** Packets can be sent, and are wanted; or not: numbers that nobody sees must not be used up (R9). */
  setActive(active: boolean, nowMicros: number): void {
    if (active === this.#active) return;
    this.#active = active;
    if (active) this.select(nowMicros);
    else this.#stop();
  }

  // ---- the encoding ----

  /** Of what is shown, else of what is awaited, else the first one. */
  encodingInUse(): Encoding | undefined {
    return this.#encodingOf(this.member.variant ?? this.member.awaited) ?? this.#producer?.encodings[0];
  }

  /** Of what is awaited, else of what is shown. */
  requestKeyFrame(nowMicros: number): void {
    const wanted = this.#encodingOf(this.member.awaited ?? this.member.variant);
    if (this.#active && wanted) wanted.producer.requestKeyFrame(wanted, nowMicros);
  }

  /** The receiver cannot go on with what it has got. @returns false when it has got nothing */
  handleKeyFrameRequest(nowMicros: number): boolean {
    const shown = this.#encodingOf(this.member.variant ?? this.member.awaited);
    if (shown) shown.producer.requestKeyFrame(shown, nowMicros);
    return shown !== undefined;
  }

  // ---- bandwidth ----

  /** What is wanted of the transport's bandwidth; undefined: it takes what it takes, or nothing. */
  bitrateRequest(id: string, priority: number, nowMicros: number): AllocationRequest | undefined {
    const producer = this.#producer;
    if (!producer || !this.#canSend) return undefined;
    if (!this.isLayered) {
      if (!this.#options.canGoDark) return undefined;
      return { id, priority, bitrates: [wholeBitrate(producer, nowMicros)], wanted: 0 };
    }
    const isSimulcast = this.#type === 'simulcast';
    const bitrates: number[] = [];
    for (let spatial = 0; spatial < this.spatialLayers; spatial++) {
      const { source } = producer.encodings[isSimulcast ? spatial : 0]!;
      source.rates.sample(nowMicros);
      const layer = isSimulcast ? 0 : spatial;
      for (let temporal = 0; temporal < this.temporalLayers; temporal++)
        bitrates.push(Math.round(source.rates.bitrate(layer, temporal, source.layering)));
    }
    return { id, priority, bitrates, wanted: this.#choiceOf(this.preferred) };
  }

  /** Of a stream that cannot be made smaller, bit/s. */
  fixedBitrate(nowMicros: number): number {
    const producer = this.#producer;
    if (!producer || !this.#canSend || this.isLayered || this.#options.canGoDark) return 0;
    return wholeBitrate(producer, nowMicros);
  }

  /** Index into `bitrateRequest().bitrates`; undefined: not limited so far. */
  get allowedChoice(): number | undefined {
    const allowed = this.#allowed;
    if (allowed === undefined) return undefined;
    return allowed === 'none' ? -1 : this.#choiceOf(allowed);
  }

  /** @param choice -1: not even the lowest */
  setAllowedChoice(choice: number, nowMicros: number): void {
    const { temporalLayers } = this;
    this.#allowed =
      choice < 0
        ? 'none'
        : { spatial: Math.floor(choice / temporalLayers), temporal: choice % temporalLayers };
    this.select(nowMicros);
  }

  // ---- news of producers ----

  producerPaused(producer: Producer, nowMicros: number): void {
    if (!producer.paused) this.select(nowMicros);
    else if (producer === this.#producer && (!this.#shown || this.#shown === producer)) this.#stop();
    else if (producer === this.#shown) this.#leaveOld();
  }

  /** Streams of it began, ended, or got better or worse. */
  producerScoreChanged(producer: Producer, nowMicros: number): void {
    if (producer === this.#producer && this.isLayered) this.select(nowMicros);
  }

  /** Layers of one SSRC may have fallen silent, or come again. */
  look(nowMicros: number): void {
    if (this.#type === 'svc') this.select(nowMicros);
  }

  producerClosed(producer: Producer, nowMicros: number): void {
    if (producer === this.#shown) this.#leaveOld();
    if (producer === this.#producer) this.assign(undefined, [], nowMicros);
  }

  // ---- time ----

  nextDeadline(): number | undefined {
    return this.#holdMicros;
  }

  poll(nowMicros: number): void {
    if (this.#holdMicros !== undefined && nowMicros >= this.#holdMicros) this.#leaveOld();
  }

  close(): void {
    this.#active = false;
    this.#producer = undefined;
    this.#stop();
  }

  // ---- inside ----

  get #canSend(): boolean {
    return this.#active && this.#producer !== undefined && !this.#producer.paused;
  }

  /** Where it should be now, and the next step to there. */
  select(nowMicros: number): void {
    const producer = this.#producer;
    if (!producer || !this.#canSend) return;
    if (this.#allowed === 'none') {
      this.#stop();
      return;
    }
    if (!this.isLayered) {
      this.#followWhole(producer, nowMicros);
      return;
    }
    const target = this.#targetOf(producer, nowMicros);
    if (target) {
      this.#target = target;
      this.#step(producer, target, nowMicros);
    } else if (this.#shown === producer) {
      this.#stop();
    } else {
      this.member.stopWaiting();
    }
  }

  #choiceOf({ spatial, temporal }: Layers): number {
    return spatial * this.temporalLayers + temporal;
  }

  #followWhole(producer: Producer, nowMicros: number): void {
    const { member } = this;
    const encoding = producer.encodings[0]!;
    const { source } = encoding;
    const variant = source.variant(ALL_LAYERS, this.#options.ignoresDtx ? 0 : ALL_LAYERS, this.#csrcs);
    if (member.variant === variant || member.awaited === variant) return;
    if (!source.hasKeyFrames) {
      member.follow(variant, 'any');
      return;
    }
    member.follow(variant, 'key-frame');
    producer.requestKeyFrame(encoding, nowMicros);
  }

  #targetOf(producer: Producer, nowMicros: number): Layers | undefined {
    const { preferred } = this;
    const wanted =
      this.#allowed && this.#allowed !== 'none' ? lowerLayers(preferred, this.#allowed) : preferred;
    const spatial = selectSpatialLayer(this.#spatialStates(producer, nowMicros), wanted.spatial);
    if (spatial === undefined) return undefined;
    return { spatial, temporal: spatial > wanted.spatial ? this.temporalLayers - 1 : wanted.temporal };
  }

  #spatialStates({ encodings }: Producer, nowMicros: number): SpatialLayerState[] {
    if (this.#type === 'simulcast')
      return encodings.map(({ current, score }) => ({ active: current !== undefined && score > 0, score }));
    const { score, source } = encodings[0]!;
    const { layerSilenceMicros } = FOLLOWER_LIMITS;
    // Of a stream that has just begun, nobody knows yet what it will bring.
    const isNew = nowMicros - source.firstMicros < layerSilenceMicros;
    return Array.from({ length: this.spatialLayers }, (_, spatial) => ({
      active: score > 0 && (isNew || nowMicros - source.layerMicros[spatial]! < layerSilenceMicros),
      score,
    }));
  }

  #step(producer: Producer, { spatial, temporal }: Layers, nowMicros: number): void {
    const { member } = this;
    const isSimulcast = this.#type === 'simulcast';
    const encoding = producer.encodings[isSimulcast ? spatial : 0]!;
    const { source } = encoding;
    const spatialLimit = isSimulcast || this.spatialLayers === 1 ? ALL_LAYERS : spatial;
    const variantOf = (limit: number): VariantList =>
      source.variant(spatialLimit, this.temporalLayers === 1 ? ALL_LAYERS : limit, this.#csrcs);
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
    producer.requestKeyFrame(encoding, nowMicros);
  }

  #entered(variant: VariantList): void {
    const producer = this.#producer;
    const encoding = this.#encodingOf(variant);
    if (!producer || encoding?.producer !== producer) return;
    this.#holdMicros = undefined;
    this.#show(producer);
    if (!this.isLayered) {
      this.#setCurrent(undefined);
      return;
    }
    this.#setCurrent({
      spatial:
        this.#type === 'simulcast' ? encoding.index : Math.min(variant.spatial, this.spatialLayers - 1),
      temporal: Math.min(variant.temporal, this.temporalLayers - 1),
    });
    // Layers in time are taken one after the other.
    this.select(encoding.source.lastMicros);
  }

  /** Nothing goes out, nothing is awaited. */
  #stop(): void {
    this.member.stopWaiting();
    this.#target = undefined;
    this.#leaveOld();
  }

  /** What is shown ends; what is awaited may come. */
  #leaveOld(): void {
    this.#holdMicros = undefined;
    this.member.leaveOld();
    this.#show(undefined);
    this.#setCurrent(undefined);
  }

  #show(producer: Producer | undefined): void {
    if (producer !== this.#shown) {
      this.#shown = producer;
      this.#listen();
      this.#options.onShown?.(producer);
    }
  }

  #setCurrent(layers: Layers | undefined): void {
    if (sameLayers(this.#current, layers)) return;
    this.#current = layers;
    this.#options.onLayers?.(layers);
  }

  #encodingOf(variant: VariantList | undefined): Encoding | undefined {
    if (!variant) return undefined;
    const holds = ({ source }: Encoding): boolean => source === variant.source;
    return this.#producer?.encodings.find(holds) ?? this.#shown?.encodings.find(holds);
  }

  /** To the news of the producers that matter here. */
  #listen(): void {
    const heard = this.#heard;
    for (const producer of heard) {
      if (producer === this.#producer || producer === this.#shown) continue;
      producer.followers.delete(this);
      heard.delete(producer);
    }
    for (const producer of [this.#producer, this.#shown]) {
      if (!producer || heard.has(producer)) continue;
      producer.followers.add(this);
      heard.add(producer);
    }
  }
}
