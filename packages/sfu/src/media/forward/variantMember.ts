/**
 * One outgoing stream: an entry of the engine, the variant whose packets it gets, and what it got before. Moving to
 * another variant is one operation, the source switch, whatever the reason: numbers go on with the next one, timestamps go
 * on with the time of capture and never back, picture ids have no hole. What was sent before can still be asked for.
 * Elsewhere: which variant and why → ../consumer.ts, layerSelection.ts · the packets → variantList.ts
 */
import type { ForwardPort, PacketPatches, ReceivedPacket } from '../packet.js';
import { PATCH_SLOT } from './frame.js';
import type { SourceStream } from './sourceStream.js';
import { emptied } from './variantList.js';
import type { Entrance, VariantList } from './variantList.js';

export const MEMBER_LIMITS = {
  /** First outgoing number, with roll-over counter 0, stays below the half of the circle: virtual streams R9. */
  firstSequenceBelow: 32_768,
  /** Stays in other variants that a NACK may still ask about: two seconds of a switch every 100 ms. */
  stays: 20,
  /** Packets whose last repetition is remembered. */
  repetitions: 512,
} as const;
/** The least step to a new picture: the receiver must see another timestamp. */
const LEAST_STEP_TICKS = 1;

const NO_CSRCS: readonly number[] = [];

/** What an outgoing number means: while it was in this variant, with these constants. */
interface Stay {
  readonly variant: VariantList;
  /** Outgoing, extended; both included. */
  readonly first: number;
  readonly last: number;
  readonly deltaIndex: number;
  readonly deltaTimestamp: number;
  readonly patchDeltas: readonly number[];
}

/** Sees each packet as it goes out. The object is used again for the next. */
export type OnPacket = (
  packet: ReceivedPacket,
  numbers: {
    readonly sequenceNumber: number;
    readonly timestamp: number;
    readonly marker: boolean;
    readonly patchDeltas: readonly number[];
  },
  patches: PacketPatches | undefined,
  source: SourceStream,
) => void;

export interface MemberOptions {
  /** The first outgoing timestamp is the source's own: pipes. */
  readonly keepTimestamps?: boolean;
}

export class VariantMember {
  readonly #port: ForwardPort;
  readonly #rng: () => number;
  readonly #options: MemberOptions;
  /** After it has begun to follow another variant. */
  onEntered: ((variant: VariantList) => void) | undefined;
  #onPacket: OnPacket | undefined;
  #variant: VariantList | undefined;
  #awaited: VariantList | undefined;
  // Constants of the entry while in a variant.
  #first = 0;
  #deltaIndex = 0;
  #deltaTimestamp = 0;
  readonly #patchDeltas = [0, 0, 0, 0];
  /** Ticks by which the line was pushed on, so that it never went back. */
  #excess = 0;
  /** Whose timestamps `deltaTimestamp` is for. */
  #source: SourceStream | undefined;
  // Of the last stay.
  #lastOut: number | undefined;
  /** From here on nothing needs what was before: another stream began with a key frame. */
  #anewFrom: number | undefined;
  #lastTimestamp = 0;
  readonly #lastPatched = [0, 0, 0, 0];
  readonly #stays: Stay[] = [];
  readonly #repeatedMicros = new Map<number, number>();

  constructor(
    port: ForwardPort,
    rng: () => number,
    /** undefined: nothing goes through the engine, `onPacket` gets it. */
    readonly entry: number | undefined,
    options: MemberOptions = {},
  ) {
    this.#port = port;
    this.#rng = rng;
    this.#options = options;
  }

  get onPacket(): OnPacket | undefined {
    return this.#onPacket;
  }

  /** Costs something for each packet: for traces, and for receivers without a socket. */
  set onPacket(listener: OnPacket | undefined) {
    this.#onPacket = listener;
    this.#variant?.watch(this);
  }

  /** Called by the variant. */
  show(
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    patches: PacketPatches | undefined,
  ): void {
    const out = (index - this.#deltaIndex) >>> 0;
    if (((out - this.#first) | 0) < 0 || !this.#onPacket || !this.#variant) return;
    const numbers = {
      sequenceNumber: out & 0xffff,
      timestamp: (timestamp + this.#deltaTimestamp) >>> 0,
      marker,
      patchDeltas: this.#patchDeltas,
    };
    this.#onPacket(packet, numbers, patches, this.#variant.source);
  }

  /** Whose packets it gets. */
  get variant(): VariantList | undefined {
    return this.#variant;
  }

  /** Whose packets it will get. */
  get awaited(): VariantList | undefined {
    return this.#awaited;
  }

  /** From the next packet on at which that is possible; the variant before goes on until then. */
  follow(variant: VariantList, entrance: Entrance): void {
    if (this.#variant === variant) {
      this.stopWaiting();
      return;
    }
    if (this.#awaited !== variant) this.stopWaiting();
    this.#awaited = variant;
    variant.wait(this, entrance);
  }

  /** Of what was followed last, the variant before goes on. */
  stopWaiting(): void {
    this.#awaited?.stopWaiting(this);
    this.#awaited = undefined;
  }

  /** Nothing more comes until the next `follow`. */
  leave(): void {
    this.stopWaiting();
    this.leaveOld();
  }

  /** Of the variant whose packets it gets nothing more comes; it may still wait for another. */
  leaveOld(): void {
    const variant = this.#variant;
    if (!variant) return;
    this.#endStay(variant);
    this.#variant = undefined;
    variant.remove(this);
  }

  /** Called by the variant: its newest packet, which is the first one for this member, is at hand and not forwarded yet. */
  enter(variant: VariantList): void {
    const { source } = variant;
    const before = this.#variant;
    const { frame } = source;
    const out = this.#outgoingNumber(before, source);
    const pictureOut =
      before?.source === source
        ? before.pictureAhead + this.#patchDeltas[PATCH_SLOT.pictureId]!
        : this.#next(PATCH_SLOT.pictureId, variant.pictureAhead, before, before?.lastPicture);
    const sameLine = before?.source === source;
    const tl0Out = this.#next(
      PATCH_SLOT.tl0PictureIndex,
      source.tl0PictureIndex,
      before,
      before?.lastTl0PictureIndex,
    );
    const frameNumberOut = this.#next(
      PATCH_SLOT.frameNumber,
      source.frameNumber,
      before,
      before?.lastFrameNumber,
    );
    // Numbers are kept free for what is late on the way: it belongs to the stay before.
    if (before) this.#endStay(before, sameLine ? (out - 1) >>> 0 : undefined);
    // Another limit of the same stream: the same line, maybe within a picture.
    if (!sameLine) this.#deltaTimestamp = this.#timestampDelta(source);
    if (!sameLine && source.hasKeyFrames) this.#anewFrom = out;
    this.#source = source;
    this.#deltaIndex = (variant.indexAhead - out) >>> 0;
    this.#first = out;
    if (frame.pictureId >= 0)
      this.#patchDeltas[PATCH_SLOT.pictureId] = (pictureOut - variant.pictureAhead) & 0xffff;
    if (!sameLine) {
      this.#patchDeltas[PATCH_SLOT.tl0PictureIndex] = (tl0Out - source.tl0PictureIndex) & 0xffff;
      this.#patchDeltas[PATCH_SLOT.frameNumber] = (frameNumberOut - source.frameNumber) & 0xffff;
    }
    this.#awaited = undefined;
    this.#variant = variant;
    before?.remove(this);
    if (this.entry !== undefined) {
      this.#port.updateEntry(this.entry, {
        deltaIndex: this.#deltaIndex,
        firstIndex: variant.indexAhead >>> 0,
        deltaTimestamp: this.#deltaTimestamp,
        patchDeltas: this.#patchDeltas,
      });
    }
    variant.add(this);
    this.onEntered?.(variant);
  }

  /**
   * @param sequence as the receiver saw it, 16 bits
   * @param congested only what is still needed: the way is full, and the rest would delay the key frame that has made it useless
   * @returns whether it was sent again
   */
  resend(sequence: number, roundTripMicros: number, nowMicros: number, congested = false): boolean {
    const last = this.#highestOut();
    if (last === undefined || this.entry === undefined) return false;
    const out = (last + (((sequence - last) << 16) >> 16)) >>> 0;
    if (congested && this.#anewFrom !== undefined && ((out - this.#anewFrom) | 0) < 0) return false;
    const stay = this.#stayOf(out);
    const sent = stay?.variant.find((out + stay.deltaIndex) >>> 0);
    if (!stay || !sent) return false;
    // Twice within one round trip is one loss, asked for twice.
    const before = this.#repeatedMicros.get(out);
    if (before !== undefined && nowMicros - before < roundTripMicros) return false;
    if (this.#repeatedMicros.size >= MEMBER_LIMITS.repetitions) this.#repeatedMicros.clear();
    this.#repeatedMicros.set(out, nowMicros);
    const { kept } = sent;
    const patches = stay.variant.patchesOf(sent);
    // The entry's constants of now must give the numbers of then.
    if (patches) {
      for (let i = 0; i < patches.count; i++) {
        const slot = (patches.descriptors[i]! >>> 8) & 3;
        patches.values[i] =
          (patches.values[i]! + stay.patchDeltas[slot]! - this.#patchDeltas[slot]!) & 0xffff;
      }
    }
    const index = (out + this.#deltaIndex) >>> 0;
    const timestamp = (kept.timestamp + stay.deltaTimestamp - this.#deltaTimestamp) >>> 0;
    const packet = sent.empty ? { ...emptied(kept.packet), cached: true as const } : kept.packet;
    this.#port.resend(this.entry, packet, index, timestamp, sent.marker, NO_CSRCS, patches);
    return true;
  }

  /** Outgoing timestamp of what is captured at this time; undefined while nothing was sent. */
  timestampAt(captureMicros: number): number | undefined {
    const onLine = this.#source?.timestampAt(captureMicros);
    return onLine === undefined ? undefined : (onLine + this.#deltaTimestamp) >>> 0;
  }

  #outgoingNumber(before: VariantList | undefined, source: SourceStream): number {
    // Within one stream the number of the packet is the one that it would have had: what is late on the way stays a hole.
    if (before?.source === source) return (before.indexAhead - this.#deltaIndex) >>> 0;
    const last = this.#highestOut();
    return last === undefined ? Math.floor(this.#rng() * MEMBER_LIMITS.firstSequenceBelow) : (last + 1) >>> 0;
  }

  #highestOut(): number | undefined {
    return this.#variant ? (this.#variant.lastIndex - this.#deltaIndex) >>> 0 : this.#lastOut;
  }

  /** The number after the last one that was sent. */
  #next(slot: number, first: number, before: VariantList | undefined, lastValue: number | undefined): number {
    if (before && lastValue !== undefined) return lastValue + this.#patchDeltas[slot]! + 1;
    return this.#lastOut === undefined ? first : this.#lastPatched[slot]! + 1;
  }

  #timestampDelta(source: SourceStream): number {
    const delta = this.#deltaTimestamp;
    const before = this.#source;
    if (before === undefined)
      return this.#options.keepTimestamps ? 0 : Math.floor(this.#rng() * 2 ** 32) >>> 0;
    const last = this.#lastTimestamp;
    let wanted = (source.timestamp + delta) >>> 0;
    if (before !== source) {
      // Where the stream before would be at the time when this packet was captured.
      const onLine = before.timestampAt(source.captureMicros) ?? last - delta;
      wanted = (onLine + delta - this.#excess) >>> 0;
      this.#excess = 0;
    }
    const missing = last + LEAST_STEP_TICKS - wanted;
    if ((missing | 0) > 0) {
      this.#excess += missing | 0;
      wanted = (last + LEAST_STEP_TICKS) >>> 0;
    }
    return (wanted - source.timestamp) >>> 0;
  }

  /** @param last outgoing number; default: the last one that was sent */
  #endStay(variant: VariantList, last = (variant.lastIndex - this.#deltaIndex) >>> 0): void {
    const patched = this.#lastPatched;
    this.#lastOut = last;
    this.#lastTimestamp = (variant.lastTimestamp + this.#deltaTimestamp) >>> 0;
    patched[PATCH_SLOT.pictureId] = variant.lastPicture + this.#patchDeltas[PATCH_SLOT.pictureId]!;
    patched[PATCH_SLOT.tl0PictureIndex] =
      variant.lastTl0PictureIndex + this.#patchDeltas[PATCH_SLOT.tl0PictureIndex]!;
    patched[PATCH_SLOT.frameNumber] = variant.lastFrameNumber + this.#patchDeltas[PATCH_SLOT.frameNumber]!;
    this.#stays.push({
      variant,
      first: this.#first,
      last,
      deltaIndex: this.#deltaIndex,
      deltaTimestamp: this.#deltaTimestamp,
      patchDeltas: [...this.#patchDeltas],
    });
    if (this.#stays.length > MEMBER_LIMITS.stays) this.#stays.shift();
  }

  #stayOf(out: number): Stay | undefined {
    const variant = this.#variant;
    if (variant && ((out - this.#first) | 0) >= 0) {
      return {
        variant,
        first: this.#first,
        last: out,
        deltaIndex: this.#deltaIndex,
        deltaTimestamp: this.#deltaTimestamp,
        patchDeltas: this.#patchDeltas,
      };
    }
    for (let i = this.#stays.length - 1; i >= 0; i--) {
      const stay = this.#stays[i]!;
      if (((out - stay.first) | 0) >= 0) return ((stay.last - out) | 0) >= 0 ? stay : undefined;
    }
    return undefined;
  }
}
