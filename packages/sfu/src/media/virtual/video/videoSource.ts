/**
 * One picture of a room: a producer of video, whose it is, and whether it can be shown now.
 * Spec: virtual streams V2 (what can be chosen). Elsewhere: packets → ../../producer.ts · order → relevance.ts
 */
import { layerCounts } from '../../codecs.js';
import type { Encoding, Producer, ProducerFollower } from '../../producer.js';
import type { PixelSize, SourceLayers } from './canvasLayers.js';
import type { VideoSource as RelevantSource } from './relevance.js';

/** What a source tells its room. */
export interface VideoSourceOwner {
  /** It can be shown from now on, or no longer. */
  sourceChanged(source: VideoSource, nowMicros: number): void;
  sourceClosed(source: VideoSource, nowMicros: number): void;
}

export interface VideoSourceOptions {
  readonly participantId: string;
  readonly content: 'camera' | 'screen';
  readonly csrc: number;
  /** Counts the sources of the room in the order in which they came. */
  readonly joinSerial: number;
}

export class VideoSource implements ProducerFollower, RelevantSource {
  readonly participantId: string;
  readonly content: 'camera' | 'screen';
  readonly csrc: number;
  readonly csrcs: readonly number[];
  readonly joinSerial: number;
  pinned = false;
  closed = false;
  /** It was asked for a key frame and has sent none: others go first until one comes. */
  #stalled = false;
  #keyFrames = 0;
  #toldPaused = true;

  constructor(
    private readonly owner: VideoSourceOwner,
    readonly producer: Producer,
    { participantId, content, csrc, joinSerial }: VideoSourceOptions,
  ) {
    this.participantId = participantId;
    this.content = content;
    this.csrc = csrc;
    this.csrcs = [csrc];
    this.joinSerial = joinSerial;
    this.#toldPaused = this.paused;
  }

  get id(): string {
    return this.producer.id;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  /** No packets come. A screen that stands still may send none for long: it counts as long as it is not muted. */
  get paused(): boolean {
    const { producer } = this;
    if (this.closed || producer.paused) return true;
    return !producer.encodings.some(
      ({ current, score }) => current !== undefined && (score > 0 || this.content === 'screen'),
    );
  }

  /** For the choice of layers. */
  layers(): SourceLayers {
    const { producer } = this;
    const { encodings = [] } = producer.rtpParameters;
    const counts = encodings.map(({ scalabilityMode }) => layerCounts(scalabilityMode));
    const temporalLayers = Math.max(1, ...counts.map(({ temporal }) => temporal));
    const sizeOf = ({ source: { width, height } }: Encoding): PixelSize | undefined =>
      width > 0 ? { width, height } : undefined;
    const { rotated } = producer;
    if (producer.type === 'simulcast') {
      const scales = encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy);
      return { sizes: producer.encodings.map(sizeOf), scales, temporalLayers, rotated };
    }
    // One stream tells the size of its highest layer.
    const sizes = new Array<PixelSize | undefined>(counts[0]?.spatial ?? 1).fill(undefined);
    sizes[sizes.length - 1] = sizeOf(producer.encodings[0]!);
    return { sizes, temporalLayers, rotated };
  }

  /** Another number: what `layers` says is different. */
  get layersVersion(): number {
    const { producer } = this;
    let version = Number(producer.rotated);
    for (const { source } of producer.encodings)
      version = (version * 31 + source.width * 17 + source.height) | 0;
    return version;
  }

  stall(nowMicros: number): void {
    if (this.#stalled) return;
    this.#stalled = true;
    this.#keyFrames = this.#countKeyFrames();
    this.owner.sourceChanged(this, nowMicros);
  }

  // ---- what it is told ----

  producerPaused(_producer: Producer, nowMicros: number): void {
    this.#notice(nowMicros);
  }

  /** Scores change all the time; the room hears only of streams that began or ended. */
  producerScoreChanged(_producer: Producer, nowMicros: number): void {
    this.#notice(nowMicros);
  }

  #notice(nowMicros: number): void {
    const { paused } = this;
    if (paused === this.#toldPaused) return;
    this.#toldPaused = paused;
    this.owner.sourceChanged(this, nowMicros);
  }

  look(): void {
    // The room looks by itself, more often.
  }

  producerClosed(_producer: Producer, nowMicros: number): void {
    this.owner.sourceClosed(this, nowMicros);
  }

  /** Every now and then: what its layers take is known before somebody wants one. */
  watch(nowMicros: number): void {
    for (const { source } of this.producer.encodings) source.rates.sample(nowMicros);
    if (!this.#stalled || this.#countKeyFrames() === this.#keyFrames) return;
    this.#stalled = false;
    this.owner.sourceChanged(this, nowMicros);
  }

  #countKeyFrames(): number {
    return this.producer.encodings.reduce((sum, { source }) => sum + source.keyFrames, 0);
  }
}
