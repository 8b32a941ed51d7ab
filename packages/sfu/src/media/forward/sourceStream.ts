/**
 * One encoding of a producer as it is forwarded: its numbers on lines that go on over changes of the SSRC and restarts of
 * the sender, what its payload says, when it was captured, and the packets that may be asked for again. Each packet comes
 * here once, whatever the number of receivers; the variants that somebody follows number it further.
 * Elsewhere: reception and reports → ../receive/, ../producer.ts · receivers → variantMember.ts · bits → payloadReaders.ts
 */
import type { ForwardPort, ReceivedPacket } from '../packet.js';
import type { SourceClock, StreamClock } from '../virtual/sourceClock.js';
import { emptyFrame } from './frame.js';
import type { Frame } from './frame.js';
import { PacketHistory } from './packetHistory.js';
import type { HistoryLimits } from './packetHistory.js';
import type { PayloadReader } from './payloadReaders.js';
import { LAYER_RATES, LayerRates } from './layerRates.js';
import { LAYERS_MAX } from './layers.js';
import type { SpatialLayering } from './layers.js';
import { ServerLine } from './serverLine.js';
import { VariantList } from './variantList.js';

/** How long a variant that nobody follows any more is numbered: a lost packet comes again within a few round trips. */
const IDLE_MICROS = 1_000_000;

const NO_CSRCS: readonly number[] = [];

export interface SourceStreamOptions {
  readonly port: ForwardPort;
  /** Of the producer's transport. */
  readonly clock: SourceClock;
  /** By codec number. */
  readonly clockRates: readonly number[];
  /** By codec number; undefined: nothing in the payload matters. */
  readonly readers: readonly (PayloadReader | undefined)[];
  readonly layering: SpatialLayering;
  readonly history: HistoryLimits;
}

export class SourceStream {
  readonly frame: Frame = emptyFrame();
  // ---- the packet at hand, on the stream's lines ----
  /** Sequence number, unwrapped. */
  index = 0;
  /** u32 */
  timestamp = 0;
  marker = false;
  /** Unwrapped; meaningful when the frame has one. */
  picture = 0;
  /** 8 bits. */
  tl0PictureIndex = 0;
  /** 16 bits. */
  frameNumber = 0;
  /** No packet after it has come yet. */
  newest = false;
  /** Newest, and what is right before it has not come. */
  afterGap = false;
  /** Server's µs at which it was captured. */
  captureMicros = 0;
  // ---- what was so far ----
  clockRate: number;
  lastKeyFrameMicros = -Infinity;
  firstMicros = Infinity;
  lastMicros = -Infinity;
  keyFrames = 0;
  width = 0;
  height = 0;
  /** Whole packets, by spatial layer × 4 + temporal layer. */
  readonly layerOctets = new Float64Array(LAYERS_MAX.spatial * LAYERS_MAX.temporal);
  readonly rates = new LayerRates(this.layerOctets);
  readonly layerMicros = new Float64Array(LAYERS_MAX.spatial).fill(-Infinity);
  readonly history: PacketHistory;
  readonly layering: SpatialLayering;
  readonly port: ForwardPort;
  readonly #options: SourceStreamOptions;
  readonly #variants = new Map<string, VariantList>();
  /** Its timestamps on the line of virtual streams; of video only. */
  readonly line = new ServerLine();
  #active: readonly VariantList[] = [];
  #clock: StreamClock;
  #ticks = 0;
  #lastCapture = 0;
  #indexShift = 0;
  #timestampShift = 0;
  #pictureShift = 0;
  #tl0Shift = 0;
  #frameNumberShift = 0;
  #lastIndex: number | undefined;
  #lastTimestamp = 0;
  #lastPicture: number | undefined;
  #lastTl0 = -1;
  #lastFrameNumber = -1;
  #startsAnew = false;
  /** Where it began anew last: what comes later and is of before has no place any more. */
  #firstIndex = -Infinity;
  /** From behind the last packet whose layers were known to the last of those after it whose were not. */
  #unknownFrom = 0;
  #unknownTo = -Infinity;
  #lastKnown = -Infinity;
  #keepsClock = false;
  /** Of the packet at hand. */
  #reader: PayloadReader | undefined;

  constructor(options: SourceStreamOptions) {
    this.#options = options;
    this.port = options.port;
    this.layering = options.layering;
    this.clockRate = options.clockRates[0] ?? 48_000;
    this.#clock = options.clock.createStream(this.clockRate);
    this.history = new PacketHistory(options.port, options.history);
    this.#reader = options.readers[0];
  }

  /** Its payload says what a receiver can begin with. */
  get hasKeyFrames(): boolean {
    return this.#options.readers[0]?.hasKeyFrames ?? false;
  }

  /** Leaving out the upper temporal layers must leave no hole in the picture ids. */
  get compactsPictures(): boolean {
    return this.#reader?.compactsPictures ?? false;
  }

  /** @returns the number of the decode target that its dependency descriptors have for these layers, -1 = unknown */
  decodeTarget(spatial: number, temporal: number): number {
    return this.#reader?.decodeTarget?.(spatial, temporal) ?? -1;
  }

  /**
   * The packet at hand lies among those that went to everybody, for what explains their layers was lost: they may refer to it,
   * whatever its layer is.
   */
  get isAmongUnknown(): boolean {
    return this.index >= this.#unknownFrom && this.index <= this.#unknownTo;
  }

  /** Behind the packet at hand everybody was sent everything, for what explains the layers was not there. */
  get wentToAllSince(): boolean {
    return this.index >= this.#unknownFrom && this.#unknownTo === this.#lastIndex;
  }

  /** Of the next new packet; undefined: none has come so far. */
  get nextIndex(): number | undefined {
    return this.#lastIndex === undefined ? undefined : this.#lastIndex + 1;
  }

  /** Somebody has nothing to show until one comes. */
  get awaitsKeyFrame(): boolean {
    return this.#active.some((variant) => variant.awaitsKeyFrame);
  }

  /**
   * @param spatial ALL_LAYERS where one SSRC has one spatial layer @param temporal ALL_LAYERS for no limit
   * @param csrcs for virtual streams, at most two: every packet bears them, and its timestamp is on the server's line
   */
  variant(spatial: number, temporal: number, csrcs = NO_CSRCS): VariantList {
    const key = `${spatial}/${temporal}/${csrcs.join('/')}`;
    let variant = this.#variants.get(key);
    if (!variant) {
      variant = new VariantList(this, spatial, temporal, csrcs);
      this.#variants.set(key, variant);
    }
    return variant;
  }

  /** Variants that somebody follows or waits for see the packets. */
  setActive(variant: VariantList, active: boolean): void {
    if (this.#active.includes(variant) === active) return;
    this.#active = active ? [...this.#active, variant] : this.#active.filter((other) => other !== variant);
  }

  /**
   * The sender has another SSRC, has jumped or was muted: its numbers go on where they were.
   * @param sameTimestamps what is known of its clock still holds; what comes first after a pause may be a repetition, and late
   */
  startAnew({ sameTimestamps = false }: { readonly sameTimestamps?: boolean } = {}): void {
    this.#keepsClock = sameTimestamps && (this.#keepsClock || !this.#startsAnew);
    this.#startsAnew = true;
    this.history.clear();
  }

  /** @returns why nothing is forwarded: 'rtp-late', or what is wrong with the payload. */
  handlePacket(slab: Uint8Array, packet: ReceivedPacket): string | undefined {
    const { codec } = packet;
    const anew = this.#startsAnew && this.#lastIndex !== undefined;
    const lastIndex = this.#lastIndex;
    let index = packet.extendedSequence + this.#indexShift;
    if (!anew && index < this.#firstIndex) return 'rtp-late';
    // Nor does it begin there: after a pause the numbers are those of before, and repetitions of it may come first.
    if (anew && this.#keepsClock && index <= lastIndex!) return 'rtp-late';
    const newest = lastIndex === undefined || anew || index > lastIndex;
    const isNewTime = (packet.timestamp + this.#timestampShift) >>> 0 !== this.#lastTimestamp;
    const newPicture = newest && (anew || lastIndex === undefined || isNewTime);
    const reader = this.#options.readers[codec];
    const { frame } = this;
    const isNext = !anew && index - 1 === lastIndex;
    const why = reader?.read(slab, packet, newPicture, frame, isNext);
    if (why !== undefined) return why;
    this.#reader = reader;
    if (anew) {
      this.#shift(packet, lastIndex!, frame);
      index = packet.extendedSequence + this.#indexShift;
      this.#firstIndex = index;
    }
    this.#startsAnew = false;
    this.index = index;
    this.timestamp = (packet.timestamp + this.#timestampShift) >>> 0;
    // The first packet of a sender's new beginning starts something new for the receiver, too.
    this.marker = packet.marker || (anew && !this.hasKeyFrames);
    this.newest = newest;
    this.afterGap = newest && !isNext && !anew && lastIndex !== undefined;
    this.#number(frame, newest);
    if (newest) this.#noteUnknown(frame.layersUnknown);
    this.#time(packet, codec, newest, anew);
    if (newPicture && this.hasKeyFrames) {
      const { timestamp, captureMicros, clockRate } = this;
      this.line.take(timestamp, captureMicros, clockRate, packet.arrivalMicros, isNext, anew);
    }
    if (newest) {
      if (lastIndex === undefined) this.firstMicros = packet.arrivalMicros;
      this.#lastIndex = index;
      this.#lastTimestamp = this.timestamp;
      this.lastMicros = packet.arrivalMicros;
    }
    if (reader?.hasKeyFrames) this.#count(packet, frame);
    const active = this.#active;
    if (active.length === 0) {
      this.history.keepsAt(packet.arrivalMicros);
      return undefined;
    }
    if (newest) for (const variant of active) variant.admit();
    for (const variant of active) {
      variant.forward(packet);
      if (packet.arrivalMicros - variant.idleSinceMicros > IDLE_MICROS) this.#forget(variant);
    }
    if (this.history.keepsAt(packet.arrivalMicros)) this.history.keep(packet, this);
    if (!newest && this.frame.keyFrame && this.hasKeyFrames)
      for (const variant of active) variant.admitLate();
    return undefined;
  }

  /** By how much the packet at hand is older than the newest picture. */
  get behindMicros(): number {
    return (((this.#lastTimestamp - this.timestamp) | 0) / this.clockRate) * 1e6;
  }

  /** Of the packet at hand on the line of virtual streams, not wrapped. */
  get lineTicks(): number {
    const { line } = this;
    return line.ticks - ((line.at(this.#lastTimestamp) - line.at(this.timestamp)) | 0);
  }

  /** What receivers of virtual streams are told of the newest packet's capture, in abs-capture-time. */
  get toldMicros(): number {
    return Math.round(this.#clock.toldMicros(this.#ticks));
  }

  handleSenderReport(ntpMicros: number, rtpTimestamp: number, nowMicros: number): void {
    if (this.#lastIndex === undefined) return;
    this.#clock.handleSenderReport(ntpMicros, this.#ticks + ((rtpTimestamp - this.#ticks) | 0), nowMicros);
  }

  /** Where the stream's line is for what was captured at this time; undefined before the first packet. */
  timestampAt(captureMicros: number): number | undefined {
    if (this.#lastIndex === undefined) return undefined;
    return this.#lastTimestamp + Math.round(((captureMicros - this.#lastCapture) * this.clockRate) / 1e6);
  }

  close(): void {
    this.history.clear();
    for (const variant of this.#variants.values()) variant.close();
    this.#variants.clear();
    this.#active = [];
  }

  dump(): Record<string, unknown> {
    return {
      keyFrames: this.keyFrames,
      historyPackets: this.history.size,
      variants: [...this.#variants.values()].map((variant) => variant.dump()),
    };
  }

  /** What it knows of the numbers is of no use to anybody; whoever comes begins anew. */
  #forget(variant: VariantList): void {
    this.setActive(variant, false);
    for (const [key, each] of this.#variants) if (each === variant) this.#variants.delete(key);
  }

  #shift(packet: ReceivedPacket, lastIndex: number, frame: Frame): void {
    this.#indexShift = lastIndex + 1 - packet.extendedSequence;
    const elapsed = Math.round(((packet.arrivalMicros - this.lastMicros) * this.clockRate) / 1e6);
    this.#timestampShift = this.#lastTimestamp + Math.max(1, elapsed) - packet.timestamp;
    if (frame.pictureId >= 0 && this.#lastPicture !== undefined)
      this.#pictureShift = this.#lastPicture + 1 - frame.pictureId;
    if (frame.tl0PictureIndex >= 0 && this.#lastTl0 >= 0)
      this.#tl0Shift = this.#lastTl0 + 1 - frame.tl0PictureIndex;
    if (frame.frameNumber >= 0 && this.#lastFrameNumber >= 0)
      this.#frameNumberShift = this.#lastFrameNumber + 1 - frame.frameNumber;
    this.#lastPicture = undefined;
  }

  #noteUnknown(unknown: boolean): void {
    if (!unknown) {
      this.#lastKnown = this.index;
      return;
    }
    // What is missing before it may be the explanation, and what its first pictures refer to.
    if (this.#lastKnown > this.#unknownTo) this.#unknownFrom = this.#lastKnown + 1;
    this.#unknownTo = this.index;
  }

  #number(frame: Frame, newest: boolean): void {
    if (frame.pictureId >= 0) {
      const last = this.#lastPicture;
      if (last === undefined) this.picture = frame.pictureId + this.#pictureShift;
      else {
        const unused = 32 - frame.pictureIdBits;
        const step = ((frame.pictureId + this.#pictureShift - last) << unused) >> unused;
        this.picture = last + step;
      }
      if (last === undefined || this.picture > last) this.#lastPicture = this.picture;
    }
    if (frame.tl0PictureIndex >= 0) {
      this.tl0PictureIndex = (frame.tl0PictureIndex + this.#tl0Shift) & 0xff;
      if (newest) this.#lastTl0 = this.tl0PictureIndex;
    }
    if (frame.frameNumber >= 0) {
      this.frameNumber = (frame.frameNumber + this.#frameNumberShift) & 0xffff;
      if (newest) this.#lastFrameNumber = this.frameNumber;
    }
  }

  #time(packet: ReceivedPacket, codec: number, newest: boolean, anew: boolean): void {
    const clockRate = this.#options.clockRates[codec] ?? this.clockRate;
    if (clockRate !== this.clockRate) {
      this.clockRate = clockRate;
      this.#clock = this.#options.clock.createStream(clockRate);
      this.#ticks = packet.timestamp;
    }
    if (anew && !this.#keepsClock) {
      this.#clock.restart();
      this.#ticks = packet.timestamp;
    }
    const ticks = this.#ticks + ((packet.timestamp - this.#ticks) | 0);
    if (newest) {
      this.#ticks = ticks;
      this.#clock.handlePacket(ticks, packet.arrivalMicros);
      const { senderCaptureMicros = NaN } = packet;
      if (!Number.isNaN(senderCaptureMicros)) this.#clock.handleCapture(ticks, senderCaptureMicros);
    }
    this.captureMicros = this.#clock.captureMicros(ticks);
    if (newest) this.#lastCapture = this.captureMicros;
  }

  #count(packet: ReceivedPacket, frame: Frame): void {
    const spatial = Math.min(frame.spatialLayer, LAYERS_MAX.spatial - 1);
    const temporal = Math.min(frame.temporalLayer, LAYERS_MAX.temporal - 1);
    this.layerOctets[spatial * LAYERS_MAX.temporal + temporal]! +=
      packet.payloadLength + LAYER_RATES.packetBytes;
    this.layerMicros[spatial] = packet.arrivalMicros;
    // Of a late packet nobody can tell whether it is the picture's first; of a key frame only that one says so.
    if (!frame.keyFrame || (this.newest && !frame.startOfPicture)) return;
    this.keyFrames++;
    this.lastKeyFrameMicros = packet.arrivalMicros;
    if (frame.width > 0) {
      this.width = frame.width;
      this.height = frame.height;
    }
  }
}
