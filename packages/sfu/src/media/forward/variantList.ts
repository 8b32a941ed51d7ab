/**
 * One version of a source stream: all of it, or what is left with a limit of spatial and temporal layers. One list of the
 * engine, one numbering (sequence, picture id), computed once per incoming packet; a receiver's own numbers are constants
 * of its entry. Whoever joins waits for a packet at which that makes sense.
 * Knows no consumer and no parameters: slots of virtual streams may follow it as well.
 * Elsewhere: the stream's lines → sourceStream.ts · who follows and with what deltas → variantMember.ts
 */
import type { PacketPatches, ReceivedPacket } from '../packet.js';
import { CAPTURE_UNTOLD } from '../packet.js';
import { emptied } from './emptyPacket.js';
import type { Frame } from './frame.js';
import { NumberLine } from './numberLine.js';
import { fillPatches } from './patches.js';
import type { KeptPacket } from './packetHistory.js';
import { ALL_LAYERS } from './layers.js';
import type { SourceStream } from './sourceStream.js';
import type { VariantMember } from './variantMember.js';

/** The packet at which a follower may enter. */
export type Entrance = 'any' | 'picture' | 'layer' | 'key-frame';

const VARIANT_LIMITS = {
  /** As far as a late packet may lie behind: the engine's replay window. */
  latePackets: 1024,
  /** Pictures of two seconds at 60 per second, and some. */
  latePictures: 256,
  /** Powers of two above what a history keeps. */
  rememberedVideo: 4096,
  rememberedAudio: 256,
  /** Packets from a key frame's first, which came late, to the newest one: more are no repair but another matter. At
   *  10 Mbit/s that is 0.25 s, at 1 Mbit/s more than the history keeps. */
  lateEntrance: 256,
  /** µs that it may be behind the newest picture. What goes on meanwhile puts a virtual stream that much ahead of its line, and
   *  on a bad path that is repaid slowly: another key frame is better then. */
  lateEntranceMicros: 100_000,
  /** µs between two packets that tell when they were captured: one in a second is asked for, and one may be lost. */
  tellCaptureMicros: 500_000,
} as const;

/** How an index was sent, besides the numbers. */
const SENT = { plain: 0, withMarker: 1, empty: 2 } as const;

/** What was sent, or should have been, under an index. */
export interface SentPacket {
  readonly kept: KeptPacket;
  /** Nothing of it goes out but its number: it came late and was not wanted. */
  readonly empty: boolean;
  readonly marker: boolean;
  readonly picture: number;
  /** As the list was given it, u32. */
  readonly timestamp: number;
  /** What it told of its capture; undefined: what its source says. */
  readonly captureMicros: number | undefined;
}

export class VariantList {
  /** Since when nobody follows it: for a while yet, what was lost on the way in may come and be asked for. */
  idleSinceMicros = Infinity;
  /** Of what was sent last in the order of numbers, not of time: the next stream goes on behind it. */
  lastIndex = 0;
  lastTimestamp = 0;
  /** undefined: not carried so far. */
  lastPicture: number | undefined;
  lastTl0PictureIndex: number | undefined;
  lastFrameNumber: number | undefined;
  /** On the server's line, not wrapped; and the step to there from the picture before, 0 = there was none. */
  lastLineTicks = 0;
  lastStepTicks = 0;
  readonly #members = new Set<VariantMember>();
  readonly #waiting: Readonly<Record<Entrance, Set<VariantMember>>> = {
    any: new Set(),
    picture: new Set(),
    layer: new Set(),
    'key-frame': new Set(),
  };
  #waitingCount = 0;
  /** Somebody waits for a key frame, so the source keeps packets: its first one may come late. */
  #keeps = false;
  /** The first number since somebody has been here. */
  #since: number | undefined;
  /** The packet at hand came late, and is entered at all the same. */
  #late: { readonly index: number; readonly picture: number } | undefined;
  readonly #watched = new Set<VariantMember>();
  /** They are ahead of the line. */
  readonly #leading = new Set<VariantMember>();
  #list: number | undefined;
  /** Of the last packet that was wanted. */
  #pictureTimestamp = -1;
  /** undefined: nothing is left out, the stream's own numbers are good. */
  readonly #indexes: NumberLine | undefined;
  readonly #pictures = new NumberLine(VARIANT_LIMITS.latePictures);
  /** By the low bits of the index: which one, the stream's own index, how it was sent, picture. */
  readonly #sentIndexes: Uint32Array;
  readonly #sourceIndexes: Float64Array;
  readonly #manners: Uint8Array;
  readonly #sentPictures: Float64Array;
  /** What they told of their capture; of virtual streams only. */
  readonly #sentCaptures: Float64Array | undefined;
  /** When a packet told it last; -Infinity: somebody has come since. */
  #captureMicros = -Infinity;
  readonly #patches: PacketPatches = {
    count: 0,
    descriptors: new Uint32Array(3),
    values: new Uint32Array(3),
  };

  constructor(
    readonly source: SourceStream,
    readonly spatial: number,
    readonly temporal: number,
    /** Of virtual streams: in every packet, and timestamps are on the server's line. Others have none. */
    readonly csrcs: readonly number[],
  ) {
    const filters = spatial !== ALL_LAYERS || temporal !== ALL_LAYERS;
    this.#indexes = filters ? new NumberLine(VARIANT_LIMITS.latePackets) : undefined;
    const remembered = source.hasKeyFrames ? VARIANT_LIMITS.rememberedVideo : VARIANT_LIMITS.rememberedAudio;
    this.#sentIndexes = new Uint32Array(remembered);
    this.#sourceIndexes = new Float64Array(remembered);
    this.#manners = new Uint8Array(remembered);
    this.#sentPictures = new Float64Array(remembered);
    this.#sentCaptures = this.isOnLine ? new Float64Array(remembered) : undefined;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Its timestamps are on the server's line. */
  get isOnLine(): boolean {
    return this.csrcs.length > 0;
  }

  // ---- followers ----

  wait(member: VariantMember, entrance: Entrance): void {
    const set = this.#waiting[entrance];
    if (set.has(member)) return;
    set.add(member);
    this.#waitingCount++;
    this.#wake();
    this.#keep();
  }

  stopWaiting(member: VariantMember): void {
    for (const set of Object.values(this.#waiting)) if (set.delete(member)) this.#waitingCount--;
    this.#keep();
    this.#settle();
  }

  /** Whether somebody needs a key frame before it gets anything. */
  get awaitsKeyFrame(): boolean {
    return this.#waiting['key-frame'].size > 0;
  }

  add(member: VariantMember): void {
    this.#members.add(member);
    this.#captureMicros = -Infinity;
    this.#wake();
    this.watch(member);
    this.lead(member);
    if (member.entry === undefined) return;
    this.#list ??= this.source.port.createList();
    this.source.port.listAdd(this.#list, member.entry);
  }

  remove(member: VariantMember): void {
    if (!this.#members.delete(member)) return;
    this.#watched.delete(member);
    this.#leading.delete(member);
    if (member.entry !== undefined) this.source.port.listRemove(member.entry);
    this.#settle();
  }

  /** Whether this follower wants to see each packet has changed: traces, and those who have no socket. */
  watch(member: VariantMember): void {
    if (member.onPacket) this.#watched.add(member);
    else this.#watched.delete(member);
  }

  /** Whether this follower is ahead of the line has changed: at each picture it repays some of it. */
  lead(member: VariantMember): void {
    if (member.lead > 0) this.#leading.add(member);
    else this.#leading.delete(member);
  }

  /** Gone with its source: whoever is here goes on elsewhere. */
  close(): void {
    const waiting = Object.values(this.#waiting).flatMap((set) => [...set]);
    for (const member of [...this.#members, ...waiting]) member.variantClosed(this);
    this.#free();
  }

  // ---- packets ----

  /** The stream's newest packet is at hand: whoever may enter at it, enters. */
  admit(): void {
    if (this.#waitingCount === 0) return;
    const { frame } = this.source;
    if (!this.#wants(frame)) return;
    this.#enter('any');
    if (this.#startsPicture(frame)) this.#enter('picture');
    if (frame.keyFrame) {
      this.#enter('key-frame');
      this.#enter('layer');
    } else if (this.source.afterGap && frame.inKeyFrame && !frame.startOfFrame) {
      this.#enterSameSource(1);
    } else if (this.#isSwitchingPoint(frame)) this.#enter('layer');
  }

  /**
   * A key frame's first packet is at hand, after others of it or of the next: lost, and repeated by the sender. Who waits
   * enters there and is sent what has come since.
   */
  admitLate(): void {
    if (this.#waiting['key-frame'].size === 0) return;
    const { source } = this;
    if (source.wentToAllSince) this.#enterSameSource(0);
    const index = this.#indexes ? this.#indexes.take(source.index, false) : source.index;
    if (index === undefined || this.#since === undefined || index < this.#since) return;
    if (source.behindMicros > VARIANT_LIMITS.lateEntranceMicros) return;
    const first = this.find(index >>> 0);
    const last = this.lastIndex;
    if (!first || first.empty || index >= last || last - index > VARIANT_LIMITS.lateEntrance) return;
    for (let at = index + 1; at <= last; at++) if (this.#wasSent(at >>> 0) && !this.find(at >>> 0)) return;
    // Whoever has another limit of the same stream was sent something of what came since, and cannot go back.
    const members = [...this.#waiting['key-frame']].filter((member) => member.canEnterLate(this));
    this.#late = { index, picture: first.picture };
    for (const member of members) {
      this.#waiting['key-frame'].delete(member);
      this.#waitingCount--;
      member.enter(this);
      member.catchUp(index, last);
    }
    this.#late = undefined;
    this.#keep();
  }

  /** What the packet at hand will be, or would have been, in this variant; when it came late, the next one. */
  get indexAhead(): number {
    if (this.#late) return this.#late.index;
    const { index, newest, nextIndex } = this.source;
    const ahead = newest ? index : nextIndex!;
    return this.#indexes ? this.#indexes.ahead(ahead) : ahead;
  }

  /** Of the picture at hand, as the list is given it. */
  get timestampAhead(): number {
    return this.#timestampOf(this.source.timestamp);
  }

  get pictureAhead(): number {
    if (this.#late) return this.#late.picture;
    return this.#pictures.ahead(this.source.picture);
  }

  forward(packet: ReceivedPacket): void {
    const { source } = this;
    const { frame } = source;
    const wanted = this.#wants(frame);
    const index = this.#indexes ? this.#indexes.take(source.index, !wanted) : source.index;
    const picture =
      frame.pictureId < 0 ? -1 : this.#pictures.take(source.picture, !wanted && source.compactsPictures);
    if (index === undefined || picture === undefined) return;
    if (!wanted) {
      if (!source.newest) this.#fillHole(packet, index);
      return;
    }
    const marker = source.marker || this.#endsPicture(frame);
    const timestamp = this.#timestampOf(source.timestamp);
    // What comes late may still be the last one: all that came since was not wanted.
    if (source.newest || index > this.lastIndex) {
      if (this.isOnLine && source.timestamp !== this.#pictureTimestamp)
        this.#stepOn(source.lineTicks, this.#pictureIndex(index, picture), timestamp);
      this.lastIndex = index;
      this.lastTimestamp = timestamp;
      this.#pictureTimestamp = source.timestamp;
      if (frame.pictureId >= 0) this.lastPicture = picture;
      if (frame.tl0PictureIndex >= 0) this.lastTl0PictureIndex = source.tl0PictureIndex;
      if (frame.frameNumber >= 0) this.lastFrameNumber = source.frameNumber;
    }
    const capture = this.#members.size === 0 ? this.#untold : this.#capture(packet.arrivalMicros);
    this.#remember(index, marker ? SENT.withMarker : SENT.plain, picture, capture);
    if (this.#members.size === 0) return;
    const patches = fillPatches(this.#patches, frame, picture, source.tl0PictureIndex, source.frameNumber);
    if (this.#list !== undefined)
      source.port.forward(this.#list, packet, index >>> 0, timestamp, marker, this.csrcs, patches, capture);
    for (const member of this.#watched) member.show(packet, index >>> 0, timestamp, marker, patches);
  }

  #wasSent(index: number): boolean {
    return this.#sentIndexes[index & (this.#manners.length - 1)] === index;
  }

  /** @param index u32. What went out under it, when it is still kept. */
  find(index: number): SentPacket | undefined {
    const at = index & (this.#manners.length - 1);
    if (this.#sentIndexes[at] !== index) return undefined;
    const kept = this.source.history.find(this.#sourceIndexes[at]!);
    if (!kept) return undefined;
    const manner = this.#manners[at];
    return {
      kept,
      empty: manner === SENT.empty,
      marker: manner === SENT.withMarker,
      picture: this.#sentPictures[at]!,
      timestamp: this.#timestampOf(kept.timestamp),
      captureMicros: this.#sentCaptures?.[at],
    };
  }

  /** Good until the next packet. */
  patchesOf({ kept, empty, picture }: SentPacket): PacketPatches | undefined {
    return empty
      ? undefined
      : fillPatches(this.#patches, kept, picture, kept.tl0PictureIndex, kept.frameNumber);
  }

  dump(): Record<string, unknown> {
    return {
      ...(this.spatial === ALL_LAYERS ? {} : { spatialLayer: this.spatial }),
      ...(this.temporal === ALL_LAYERS ? {} : { temporalLayer: this.temporal }),
      ...(this.csrcs.length === 0 ? {} : { csrcs: this.csrcs }),
      followers: this.#members.size,
      waiting: this.#waitingCount,
    };
  }

  #wants(frame: Frame): boolean {
    // Too much can be decoded, or thrown away there; too little cannot be made good.
    if (this.#indexes === undefined || frame.layersUnknown || this.source.isAmongUnknown) return true;
    if (frame.decodeTargets > 0) {
      const target = this.source.decodeTarget(this.spatial, this.temporal);
      if (target >= 0) return ((frame.presentInTargets >>> target) & 1) === 1;
    }
    if (frame.temporalLayer > this.temporal) return false;
    if (frame.spatialLayer === this.spatial || this.spatial === ALL_LAYERS) return true;
    if (frame.spatialLayer > this.spatial) return false;
    // K-SVC: the layers below are needed at key pictures only.
    return this.source.layering !== 'key' || !frame.interPicturePredicted;
  }

  /** Whoever had one temporal layer less than this variant may have it from here. */
  #isSwitchingPoint(frame: Frame): boolean {
    if (frame.decodeTargets > 0) {
      const target = this.source.decodeTarget(this.spatial, this.temporal);
      // Not only at the picture's first frame: what came before it in the picture was the same in the layer below.
      if (target >= 0) return frame.startOfFrame && ((frame.switchTargets >>> target) & 1) === 1;
    }
    if (!this.#startsPicture(frame)) return false;
    return (
      (frame.switchingPoint && frame.temporalLayer === this.temporal) ||
      (frame.switchingPointAbove && frame.temporalLayer <= this.temporal)
    );
  }

  /** The first frame of a picture that is wanted: with K-SVC only the highest layer's, but for key pictures. */
  #startsPicture(frame: Frame): boolean {
    if (this.source.layering !== 'key') return frame.startOfPicture;
    return frame.startOfFrame && this.source.timestamp !== this.#pictureTimestamp;
  }

  #endsPicture(frame: Frame): boolean {
    return this.source.layering !== 'none' && frame.endOfFrame && frame.spatialLayer === this.spatial;
  }

  #enter(entrance: Entrance): void {
    const waiting = this.#waiting[entrance];
    if (waiting.size === 0) return;
    const members = [...waiting];
    waiting.clear();
    this.#waitingCount -= members.length;
    for (const member of members) member.enter(this);
    this.#keep();
  }

  /**
   * Whoever has fewer layers of this stream, or others, and waits for the key frame whose first packet is missing. It needs that
   * packet in any case: the number is free for it here as it was there.
   * @param missing of the numbers before the next one those that are the key frame's for certain
   */
  #enterSameSource(missing: number): void {
    for (const member of [...this.#waiting['key-frame']]) {
      if (member.variant?.source !== this.source) continue;
      this.#waiting['key-frame'].delete(member);
      this.#waitingCount--;
      member.enter(this, missing);
    }
    this.#keep();
  }

  /**
   * Of a packet that comes late and is not wanted: a number was kept free for it, as nobody could know. An empty packet under
   * that number tells receivers that nothing is missing; those who have left meanwhile may ask for it.
   */
  #fillHole(packet: ReceivedPacket, index: number): void {
    const { source } = this;
    if (!source.hasKeyFrames) return;
    this.#remember(index, SENT.empty, -1, this.#untold);
    const timestamp = this.#timestampOf(source.timestamp);
    if (index > this.lastIndex) {
      this.lastIndex = index;
      this.lastTimestamp = timestamp;
    }
    if (this.#list === undefined) return;
    const { csrcs } = this;
    const packetless = emptied(packet);
    source.port.forward(
      this.#list,
      packetless,
      index >>> 0,
      timestamp,
      false,
      csrcs,
      undefined,
      this.#untold,
    );
  }

  /** Others than virtual streams let their source speak for itself. */
  get #untold(): number | undefined {
    return this.isOnLine ? CAPTURE_UNTOLD : undefined;
  }

  /** Once for all followers: what the packet at hand tells of its capture. */
  #capture(nowMicros: number): number | undefined {
    const { source } = this;
    if (
      !this.isOnLine ||
      !source.newest ||
      nowMicros - this.#captureMicros < VARIANT_LIMITS.tellCaptureMicros
    )
      return this.#untold;
    this.#captureMicros = nowMicros;
    return source.toldMicros;
  }

  /** @param timestamp on the stream's own line */
  #timestampOf(timestamp: number): number {
    return this.isOnLine ? this.source.line.at(timestamp) : timestamp;
  }

  /**
   * The first number of the new picture at hand; undefined: another picture may be missing between it and the last one, and
   * would need its place there. The picture's own first packets may come after this one.
   */
  #pictureIndex(index: number, picture: number): number | undefined {
    const next = this.lastIndex + 1;
    if (index === next) return next;
    const last = this.#manners[(this.lastIndex >>> 0) & (this.#manners.length - 1)];
    return last === SENT.withMarker && this.lastPicture !== undefined && picture === this.lastPicture + 1
      ? next
      : undefined;
  }

  /** A new picture, as far along the line as `ticks`. @param index its first one, if no other can come between */
  #stepOn(ticks: number, index: number | undefined, timestamp: number): void {
    const step = this.#pictureTimestamp < 0 ? 0 : Math.max(0, ticks - this.lastLineTicks);
    if (index !== undefined)
      for (const member of this.#leading) {
        member.repay(step, index >>> 0, timestamp);
        // Its timestamps have another distance to the time of capture now.
        this.#captureMicros = -Infinity;
      }
    this.lastStepTicks = step;
    this.lastLineTicks = ticks;
  }

  #remember(index: number, manner: number, picture: number, capture: number | undefined): void {
    const at = (index >>> 0) & (this.#manners.length - 1);
    this.#since ??= index;
    this.#sentIndexes[at] = index;
    this.#sourceIndexes[at] = this.source.index;
    this.#manners[at] = manner;
    this.#sentPictures[at] = picture;
    if (capture !== undefined && this.#sentCaptures) this.#sentCaptures[at] = capture;
  }

  /** Nobody follows or waits: soon its packets need not be numbered. */
  #settle(): void {
    if (this.#waitingCount > 0 || this.#members.size > 0) return;
    this.idleSinceMicros = this.source.lastMicros;
    this.#free();
  }

  /** After whoever has entered keeps the packets itself. */
  #keep(): void {
    const keeps = this.#waiting['key-frame'].size > 0 && this.source.hasKeyFrames;
    if (keeps === this.#keeps) return;
    this.#keeps = keeps;
    if (keeps) this.source.history.addKeeper();
    else this.source.history.removeKeeper();
  }

  #wake(): void {
    if (this.idleSinceMicros !== Infinity || this.#members.size + this.#waitingCount <= 1) {
      // What is missing right before the first packet that comes may be a key frame's beginning.
      const { nextIndex } = this.source;
      this.#since = nextIndex !== undefined && this.#indexes ? this.#indexes.ahead(nextIndex) : nextIndex;
    }
    this.idleSinceMicros = Infinity;
    this.source.setActive(this, true);
  }

  #free(): void {
    if (this.#list !== undefined) this.source.port.freeList(this.#list);
    this.#list = undefined;
  }
}
