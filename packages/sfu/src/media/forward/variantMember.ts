/**
 * One outgoing stream: an entry of the engine, the variant whose packets it gets, and what it got before. Moving to
 * another variant is one operation, the source switch, whatever the reason: numbers go on with the next one, timestamps go
 * on with the time of capture and never back, picture ids have no hole. What was sent before can still be asked for.
 * A virtual stream's timestamps are on the server's line, or ahead of it for some pictures after a switch.
 * Spec: virtual streams R1, R2, R4, R7, R9.
 * Elsewhere: which variant and why → ../consumer.ts, layerSelection.ts · the packets → variantList.ts
 */
import type { EntryConstants, ForwardPort, PacketPatches, ReceivedPacket } from '../packet.js';
import { PATCH_SLOT } from './frame.js';
import { HISTORY_LIMITS } from './packetHistory.js';
import { deltaAt } from './serverLine.js';
import type { TimestampStep } from './serverLine.js';
import type { SourceStream } from './sourceStream.js';
import { emptied } from './emptyPacket.js';
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

/** Of a virtual stream's picture after a switch. */
export const LINE_LIMITS = {
  /** Of video, RFC 3551 §5. */
  clockRate: 90_000,
  /** The step to the next source's first picture while the last one's is not known: 30 pictures a second. */
  usualStepMicros: 33_333,
  /** A slower source's step would be a lead that no decoder needs. */
  mostStepMicros: 66_667,
  /** By which steps are shortened while the stream is ahead of the line. The receiver plays somewhat faster for a moment; nothing
   *  stands still, and the difference to the sound is gone within some pictures. */
  repaidShareOfStep: 0.5,
} as const;

/** How a source's codecs are called in one outgoing stream, by the source's codec numbers; undefined: it has no such codec. */
export interface EntryCodecs {
  readonly payloadTypes: readonly (number | undefined)[];
  readonly rtxPayloadTypes?: readonly (number | undefined)[];
}

/** What an outgoing number means: while it was in this variant, with these constants. */
interface Stay {
  readonly variant: VariantList;
  /** Outgoing, extended; both included. */
  readonly first: number;
  readonly last: number;
  readonly deltaIndex: number;
  /** By timestamp of the variant. */
  readonly timestampSteps: readonly TimestampStep[];
  readonly patchDeltas: readonly number[];
  /** undefined: what the entry was made with. */
  readonly codecs: EntryCodecs | undefined;
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
  /** A virtual stream's: timestamps are base + clock rate × the server's time of capture. All its variants have CSRCs. */
  readonly line?: { readonly base: number };
  /** Of streams whose source may have other codecs, or other numbers for them, than the one before. */
  readonly codecsOf?: (source: SourceStream) => EntryCodecs;
  /** The sources that it follows keep their packets for it, and a while longer. Consumers do that for theirs. */
  readonly keepsHistory?: boolean;
}

export class VariantMember {
  readonly #port: ForwardPort;
  readonly #rng: () => number;
  readonly #options: MemberOptions;
  /** After it has begun to follow another variant. */
  onEntered: ((variant: VariantList) => void) | undefined;
  /** Of a virtual stream: it is ahead of the server's line no more, and anchors of before are wrong by what was repaid. */
  onLine: (() => void) | undefined;
  #onPacket: OnPacket | undefined;
  #variant: VariantList | undefined;
  #awaited: VariantList | undefined;
  // Constants of the entry while in a variant.
  #first = 0;
  #deltaIndex = 0;
  #deltaTimestamp = 0;
  #timestampSteps: TimestampStep[] = [];
  readonly #patchDeltas = [0, 0, 0, 0];
  #codecs: EntryCodecs | undefined;
  /** In the variant's numbering: the engine sends nothing before it. */
  #firstIndex = 0;
  /** Ticks ahead of the server's line. */
  #lead = 0;
  /** Ticks by which the line was pushed on, so that it never went back. */
  #excess = 0;
  /** Whose timestamps `deltaTimestamp` is for. */
  #source: SourceStream | undefined;
  // Of the last stay.
  #lastOut: number | undefined;
  /** From here on nothing needs what was before: another stream began with a key frame. */
  #anewFrom: number | undefined;
  #lastTimestamp = 0;
  /** On the server's line, not wrapped, with the lead of then. */
  #lastTicks: number | undefined;
  #lastStepTicks = 0;
  /** By slot; undefined: nothing of the kind was sent yet. */
  readonly #lastPatched: (number | undefined)[] = [];
  #keptBy: SourceStream | undefined;
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

  /** Ticks by which it is ahead of the server's line. */
  get lead(): number {
    return this.#lead;
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
    this.#keep(undefined);
  }

  /** Called by the variant, which is no more. */
  variantClosed(variant: VariantList): void {
    if (this.#awaited === variant) this.stopWaiting();
    if (this.#variant === variant) this.leaveOld();
  }

  /** Called by the variant: a picture so many ticks behind the one before begins with this index. */
  repay(stepTicks: number, index: number, timestamp: number): void {
    const { variant } = this;
    // Its first picture here has the lead for a reason.
    if (!variant || ((index - this.#first - this.#deltaIndex) | 0) <= 0) return;
    const paid = Math.min(this.#lead, Math.floor(stepTicks * LINE_LIMITS.repaidShareOfStep));
    if (paid <= 0) return;
    this.#lead -= paid;
    this.#deltaTimestamp = (this.#deltaTimestamp - paid) >>> 0;
    this.#timestampSteps.push({ from: timestamp, delta: this.#deltaTimestamp });
    // What comes late now was captured before: as it is asked for, it gets the timestamp of then.
    this.#firstIndex = index;
    if (this.entry !== undefined) {
      const change = { deltaTimestamp: this.#deltaTimestamp, firstIndex: index };
      this.#port.updateEntry(this.entry, change);
    }
    variant.lead(this);
    if (this.#lead === 0) this.onLine?.();
  }

  /** Within one stream some of what came since was sent already: no way back. */
  canEnterLate(variant: VariantList): boolean {
    return this.#variant?.source !== variant.source && this.entry !== undefined;
  }

  /** Called by the variant, when it has entered late: what the others were sent since, in the variant's numbers. */
  catchUp(first: number, last: number): void {
    const variant = this.#variant;
    if (!variant || this.entry === undefined) return;
    for (let at = first; at <= last; at++) {
      const index = at >>> 0;
      const sent = variant.find(index);
      if (!sent) continue;
      const { timestamp, marker, captureMicros, kept } = sent;
      const packet = sent.empty ? emptied(kept.packet) : kept.packet;
      const patches = variant.patchesOf(sent);
      const { csrcs } = variant;
      this.#port.forwardTo(this.entry, packet, index, timestamp, marker, csrcs, patches, captureMicros);
    }
  }

  /**
   * Called by the variant: its newest packet, which is the first one for this member, is at hand and not forwarded yet.
   * @param missing packets right before it that are still to come, and belong to what begins here
   */
  enter(variant: VariantList, missing = 0): void {
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
    if (before) this.#endStay(before, sameLine ? (out - missing - 1) >>> 0 : undefined);
    // Another limit of the same stream: the same line, maybe within a picture.
    if (!sameLine) this.#deltaTimestamp = this.#timestampDelta(source);
    this.#timestampSteps = [{ from: variant.timestampAhead, delta: this.#deltaTimestamp }];
    if (!sameLine && source.hasKeyFrames) this.#anewFrom = out;
    this.#source = source;
    this.#keep(source);
    this.#deltaIndex = (variant.indexAhead - out) >>> 0;
    this.#first = (out - missing) >>> 0;
    this.#firstIndex = (variant.indexAhead - missing) >>> 0;
    const codecs = this.#options.codecsOf?.(source);
    const otherCodecs = codecs && !sameCodecs(codecs, this.#codecs) ? codecs : undefined;
    if (otherCodecs) this.#codecs = otherCodecs;
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
        firstIndex: this.#firstIndex,
        deltaTimestamp: this.#deltaTimestamp,
        patchDeltas: this.#patchDeltas,
        ...otherCodecs,
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
    const deltaTimestamp = deltaAt(stay.timestampSteps, sent.timestamp);
    const timestamp = (sent.timestamp + deltaTimestamp - this.#deltaTimestamp) >>> 0;
    const packet = sent.empty ? { ...emptied(kept.packet), cached: true as const } : kept.packet;
    const now = this.#becomeAsThen(this.entry, stay, index);
    const { csrcs } = stay.variant;
    const { captureMicros } = sent;
    this.#port.resend(this.entry, packet, index, timestamp, sent.marker, csrcs, patches, captureMicros);
    if (now) this.#port.updateEntry(this.entry, now);
    return true;
  }

  /** What has to be other in the entry for one repetition. @returns how it has to be afterwards, undefined: it is as it was */
  #becomeAsThen(entry: number, stay: Stay, index: number): Partial<EntryConstants> | undefined {
    const then: { -readonly [K in keyof EntryConstants]?: EntryConstants[K] } = {};
    const now: typeof then = {};
    if (stay.codecs && this.#codecs && stay.codecs !== this.#codecs) {
      Object.assign(then, stay.codecs);
      Object.assign(now, this.#codecs);
    }
    if (((index - this.#firstIndex) | 0) < 0) {
      then.firstIndex = index;
      now.firstIndex = this.#firstIndex;
    }
    if (Object.keys(then).length === 0) return undefined;
    this.#port.updateEntry(entry, then);
    return now;
  }

  /** What the packet at hand, or the last one that came, says in a virtual stream: its timestamp, and when that was captured. */
  get anchor(): { readonly rtpTimestamp: number; readonly captureMicros: number } | undefined {
    const variant = this.#variant;
    if (!variant) return undefined;
    const { timestampAhead, source } = variant;
    return {
      rtpTimestamp: (timestampAhead + deltaAt(this.#timestampSteps, timestampAhead)) >>> 0,
      captureMicros: source.captureMicros,
    };
  }

  /** Outgoing timestamp of what is captured at this time; undefined while nothing was sent, but of virtual streams. */
  timestampAt(captureMicros: number): number | undefined {
    const { line } = this.#options;
    if (line) return (line.base + Math.round((captureMicros * LINE_LIMITS.clockRate) / 1e6)) >>> 0;
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
    const last = this.#lastPatched[slot];
    return last === undefined ? first : last + 1;
  }

  #timestampDelta(source: SourceStream): number {
    const { line } = this.#options;
    if (line) {
      this.#lead = this.#leadAt(source.lineTicks);
      return (line.base + this.#lead) >>> 0;
    }
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

  /** By how much a picture at these ticks of the line must be ahead of it: one step behind the last one that was sent. */
  #leadAt(ticks: number): number {
    if (this.#lastTicks === undefined) return 0;
    const { clockRate, usualStepMicros, mostStepMicros } = LINE_LIMITS;
    const usual = Math.round((usualStepMicros * clockRate) / 1e6);
    const most = Math.round((mostStepMicros * clockRate) / 1e6);
    const step = this.#lastStepTicks > 0 ? Math.min(this.#lastStepTicks, most) : usual;
    return Math.max(0, this.#lastTicks + step - ticks);
  }

  /** What is sent can be asked for; of the source before, for as long as it keeps anything. */
  #keep(source: SourceStream | undefined): void {
    if (!this.#options.keepsHistory || source === this.#keptBy) return;
    source?.history.addKeeper();
    this.#keptBy?.history.removeKeeper(this.#keptBy.lastMicros + HISTORY_LIMITS.video.micros);
    this.#keptBy = source;
  }

  /** @param last outgoing number; default: the last one that was sent */
  #endStay(variant: VariantList, last = (variant.lastIndex - this.#deltaIndex) >>> 0): void {
    if (((last - this.#first) | 0) < 0) {
      // It has come and gone at one packet: nothing was sent.
      this.#lastOut = (this.#first - 1) >>> 0;
      return;
    }
    this.#lastOut = last;
    this.#lastTimestamp = (variant.lastTimestamp + this.#deltaTimestamp) >>> 0;
    this.#lastTicks = variant.lastLineTicks + this.#lead;
    this.#lastStepTicks = variant.lastStepTicks;
    this.#notePatched(PATCH_SLOT.pictureId, variant.lastPicture);
    this.#notePatched(PATCH_SLOT.tl0PictureIndex, variant.lastTl0PictureIndex);
    this.#notePatched(PATCH_SLOT.frameNumber, variant.lastFrameNumber);
    this.#stays.push({ ...this.#stay(variant, last), patchDeltas: [...this.#patchDeltas] });
    if (this.#stays.length > MEMBER_LIMITS.stays) this.#stays.shift();
  }

  /** What the codec does not have stays what it was. */
  #notePatched(slot: number, value: number | undefined): void {
    if (value !== undefined) this.#lastPatched[slot] = value + this.#patchDeltas[slot]!;
  }

  /** The present one. */
  #stay(variant: VariantList, last: number): Stay {
    return {
      variant,
      first: this.#first,
      last,
      deltaIndex: this.#deltaIndex,
      timestampSteps: this.#timestampSteps,
      patchDeltas: this.#patchDeltas,
      codecs: this.#codecs,
    };
  }

  #stayOf(out: number): Stay | undefined {
    const variant = this.#variant;
    if (variant && ((out - this.#first) | 0) >= 0) return this.#stay(variant, out);
    for (let i = this.#stays.length - 1; i >= 0; i--) {
      const stay = this.#stays[i]!;
      if (((out - stay.first) | 0) >= 0) return ((stay.last - out) | 0) >= 0 ? stay : undefined;
    }
    return undefined;
  }
}

function sameCodecs(a: EntryCodecs, b: EntryCodecs | undefined): boolean {
  if (a === b) return true;
  const same = (x: readonly unknown[] = [], y: readonly unknown[] = []): boolean =>
    x.length === y.length && x.every((each, i) => each === y[i]);
  return (
    b !== undefined && same(a.payloadTypes, b.payloadTypes) && same(a.rtxPayloadTypes, b.rtxPayloadTypes)
  );
}
