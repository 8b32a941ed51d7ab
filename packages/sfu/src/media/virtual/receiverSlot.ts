/**
 * One virtual stream of one receiver: a fixed SSRC, one engine entry, and the constants by which it differs from the view
 * slot that it follows now. Its numbers and timestamps go on over every change of view.
 * Works when something changes only, never per packet.
 * Spec: virtual streams R1, R2, R7, R9; first number in the lower half with roll-over counter 0, so that a receiver that
 * loses the first packets still guesses the counter right (RFC 3711 §3.3.1).
 * Elsewhere: numbers shared by the view → viewSlot.ts · which view slot → receiver.ts
 */
import type { EntryConstants } from '../packet.js';
import type { AudioSource } from './audioSource.js';
import type { Receiver } from './receiver.js';
import type { NotSent } from './sentHistory.js';
import { closeGap, LINE_LIMITS, type RoomContext, type ViewSlot } from './viewSlot.js';

/** Deltas and first number are the room's business. */
export type SlotConstants = Omit<EntryConstants, 'deltaIndex' | 'deltaTimestamp' | 'firstIndex'>;

export const RECEIVER_LIMITS = {
  /** First outgoing numbers lie below: a quarter of the circle, so that the first 16,384 packets after it may be lost too. */
  firstNumbers: 16_384,
  /** µs between the last packet of a source in one slot and its first in another: the old slot's jitter buffer still plays
   *  it. No longer than the pre-roll, which covers it. */
  restMicros: 60_000,
  /** µs after the last packet in one slot in which its next ones are still sent in another, though they had to wait: the rest,
   *  and two packets. */
  mostOwedMicros: 100_000,
  /** µs: the shortest time between two answers for one packet, when the round trip is shorter or not known. */
  leastResendMicros: 20_000,
  /** Numbers back that are looked up at all: five times what a source keeps, so that a storm of old ones costs little. */
  mostBehind: 1000,
  /** Numbers answered that are remembered, for that. Two seconds of packets. */
  resentRemembered: 128,
} as const;

/** A stretch in which outgoing number and timestamp differ from a view slot's by constants. */
interface Segment {
  readonly firstOut: number;
  readonly slot: ViewSlot;
  readonly deltaIndex: number;
  readonly lead: number;
  /** Without base. Where the lead was repaid: nothing of before may lie there or behind. */
  readonly firstTimestamp: number;
  readonly startedMicros: number;
  /** Numbers below went out later than the view slot's: the first with the marker bit (R3), and none with the mark of the
   *  loudest, which is said of now. */
  readonly owedTo: number;
}

export class ReceiverSlot {
  readonly entry: number;
  readonly ssrc: number;
  /** R2's base: this slot's line is base + clock rate × server time. */
  readonly baseTimestamp: number;
  /** The one it follows; undefined while the receiver is disabled. */
  slot: ViewSlot | undefined;
  /** In the list of `slot`. */
  placed = false;
  /** As told last. */
  toldSource: AudioSource | undefined;
  toldLoudest = false;
  /** With an anchor that a packet of the source has, not only the line's. */
  toldSound = false;
  /** Ticks ahead of its line, as that anchor says. */
  toldLead = 0;
  epoch = 0;
  /** Ticks by which its timestamps exceed base + the view slot's; less than 0 where it closed a gap by itself. */
  lead = 0;
  #deltaIndex = 0;
  /** In the view slot's numbering; what the entry says. */
  #firstIndex = 0;
  /** -1: nothing was sent. */
  #firstOut = -1;
  #lastOut = -1;
  /** Without base. */
  #lastTimestamp = -Infinity;
  #lastFrameTicks = 0;
  readonly #segments: Segment[] = [];
  readonly #resent = new Map<number, number>();

  constructor(
    private readonly context: RoomContext,
    readonly receiver: Receiver,
    readonly position: number,
    constants: SlotConstants,
    enabled: boolean,
  ) {
    this.ssrc = constants.ssrc;
    this.baseTimestamp = Math.floor(context.rng() * 0x1_0000_0000) >>> 0;
    this.entry = context.port.createEntry({
      ...constants,
      enabled,
      deltaIndex: 0,
      firstIndex: 0,
      deltaTimestamp: this.baseTimestamp,
    });
  }

  /** The present source's packets go out here. */
  get sounds(): boolean {
    return this.placed && this.slot?.source !== undefined && this.slot.started;
  }

  /** Ticks by which its packets of now are ahead of its line; less than 0: behind. */
  get aheadOfLine(): number {
    return this.sounds ? this.slot!.aheadOfLine + this.lead : 0;
  }

  /** Follows this view slot from its next packet on. */
  join(slot: ViewSlot): void {
    this.slot = slot;
    slot.joining.add(this);
  }

  /** Out of whatever it followed. */
  leave(): void {
    const { slot } = this;
    if (slot === undefined) return;
    if (this.placed) {
      this.#note();
      this.noteLeft(slot);
      this.context.port.listRemove(this.entry);
      slot.members.delete(this);
      slot.leaders.delete(this);
      slot.fresh.delete(this);
      this.placed = false;
    } else {
      slot.joining.delete(this);
    }
    this.slot = undefined;
  }

  /** From one view slot to another. Where both carry the same source, no packet of it is lost, doubled or renumbered. */
  move(to: ViewSlot, nowMicros: number): void {
    const from = this.slot;
    const same =
      from !== undefined &&
      this.placed &&
      from.started &&
      to.started &&
      from.source === to.source &&
      from.history.current!.generation === to.history.current!.generation;
    if (!same) {
      this.leave();
      this.join(to);
      return;
    }
    const outDelta = from.indexDelta - this.#deltaIndex;
    const timestampDelta = from.timestampDelta + this.lead;
    this.leave();
    this.receiver.noteStayed(to.source!);
    this.slot = to;
    this.#deltaIndex = to.indexDelta - outDelta;
    this.lead = timestampDelta - to.timestampDelta;
    this.#enter(to, nowMicros);
  }

  /** The view slot's source is, or has just been, heard here. */
  noteLeft(slot: ViewSlot): void {
    if (slot.source !== undefined && slot.sentUpTo() !== undefined)
      this.receiver.noteLeft(slot.source, this, slot);
  }

  /** Waits for the next packet, if the receiver must not hear the slot's new source at once. */
  rest(slot: ViewSlot, source: AudioSource, nowMicros: number): void {
    if (this.receiver.mayStart(this, source, slot, nowMicros)) return;
    this.leave();
    this.join(slot);
  }

  /** Not while the source is still heard from elsewhere, and not far ahead of the line. */
  mayStart(slot: ViewSlot, timestamp: number, nowMicros: number): boolean {
    return (
      this.receiver.mayStart(this, slot.source!, slot, nowMicros) &&
      this.#lastTimestamp + this.#lastFrameTicks - timestamp <= LINE_LIMITS.mostLead
    );
  }

  /** The packet `index` of `slot` is this receiver's first one from it. */
  start(
    slot: ViewSlot,
    index: number,
    timestamp: number,
    line: number,
    silent: boolean,
    nowMicros: number,
  ): void {
    slot.joining.delete(this);
    if (this.#lastOut < 0) {
      this.#firstOut = 1 + Math.floor(this.context.rng() * (RECEIVER_LIMITS.firstNumbers - 1));
      this.#lastOut = this.#firstOut - 1;
    }
    const owed = this.#owed(slot, index, nowMicros);
    const first = owed?.index ?? index;
    this.#deltaIndex = first - (this.#lastOut + 1);
    const least = this.#lastTimestamp + this.#lastFrameTicks;
    this.lead = owed
      ? leadOf(least, owed.timestamp, owed.line, false)
      : leadOf(least, timestamp, line, silent);
    const owedTo = index - this.#deltaIndex;
    this.#enter(slot, nowMicros, owedTo);
    const at = this.#segments.length - 1;
    for (let out = first - this.#deltaIndex; out < owedTo; out++) this.#sendAgain(at, out, 0, nowMicros);
  }

  /** The first packet of speech that the view slot sent while this one had to wait, if its time is not over. */
  #owed(
    slot: ViewSlot,
    index: number,
    nowMicros: number,
  ): { index: number; timestamp: number; line: number } | undefined {
    const source = slot.source!;
    const from = this.receiver.owedFrom(source, nowMicros);
    if (from === undefined) return undefined;
    const speech = source.cache.speechAfter(from - 1, source.generation);
    for (let at = Math.max(slot.runFirstIndex, speech + slot.indexDelta); at < index; at++) {
      const found = slot.find(at);
      if (typeof found === 'string') continue;
      const { timestamp, kept } = found;
      if (this.#lastTimestamp + this.#lastFrameTicks - timestamp > LINE_LIMITS.mostLead) continue;
      return { index: at, timestamp, line: source.lineTicks(kept.ticks) };
    }
    return undefined;
  }

  /** At a packet of its view slot that has another distance to the last: the lead is repaid as far as time allows. */
  align(
    slot: ViewSlot,
    index: number,
    timestamp: number,
    line: number,
    leastStep: number,
    silent: boolean,
    nowMicros: number,
  ): void {
    const lead = leadOf(slot.lastTimestamp + this.lead + leastStep, timestamp, line, silent);
    if (lead === this.lead) return;
    this.#note();
    this.lead = lead;
    this.context.changed.add(this.receiver);
    if (lead === 0) slot.leaders.delete(this);
    // What is missing before this packet was captured before the gap: it keeps the lead of then.
    this.#segment(slot, index - this.#deltaIndex, timestamp + lead, nowMicros);
  }

  /**
   * A late packet of the slot's source whose place lies before the present segment: what the list holds is not what it
   * would have been sent with, so it goes out alone, as if asked for again.
   * @returns false when every place of a late packet lies in the present segment
   */
  late(source: AudioSource, extendedSequence: number, nowMicros: number): boolean {
    const segments = this.#segments;
    for (let i = segments.length - 2; i >= 0; i--) {
      const { slot, deltaIndex, firstOut } = segments[i]!;
      const index = slot.history.locate(source, extendedSequence);
      if (index === undefined) continue;
      const out = index - deltaIndex;
      if (out < firstOut || out >= segments[i + 1]!.firstOut) continue;
      this.#sendAgain(i, out, 0, nowMicros);
      break;
    }
    return nowMicros - segments.at(-1)!.startedMicros < this.context.cacheMicros;
  }

  /** @returns why not; undefined: sent again. */
  resend(sequence: number, roundTripMicros: number, nowMicros: number): NotSent | 'repeated' | undefined {
    if (this.placed) this.#note();
    if (this.#lastOut < 0) return 'not-sent-yet';
    const behind = (this.#lastOut - sequence) & 0xffff;
    const out = this.#lastOut - behind;
    if (behind > 0x7fff || out < this.#firstOut) return 'not-sent-yet';
    if (behind > RECEIVER_LIMITS.mostBehind) return 'too-old';
    let at = this.#segments.length - 1;
    while (at >= 0 && this.#segments[at]!.firstOut > out) at--;
    if (at < 0) return 'too-old';
    const least = Math.max(roundTripMicros, RECEIVER_LIMITS.leastResendMicros);
    return this.#sendAgain(at, out, least, nowMicros);
  }

  /** What the slot's packets of now say on the line, for its anchors. */
  timestampOf(slot: ViewSlot): number {
    return (slot.lastTimestamp + this.lead + this.baseTimestamp) >>> 0;
  }

  free(): void {
    this.leave();
    this.context.port.freeEntry(this.entry);
    this.#segments.length = 0;
  }

  dump(): { ssrc: number; csrc: number; lead: number; lastNumber: number } {
    if (this.placed) this.#note();
    return {
      ssrc: this.ssrc,
      csrc: this.slot?.source?.csrc ?? 0,
      lead: this.lead,
      lastNumber: this.#lastOut,
    };
  }

  #enter(slot: ViewSlot, nowMicros: number, owedTo = 0): void {
    this.placed = true;
    slot.members.add(this);
    if (this.lead !== 0) slot.leaders.add(this);
    this.#segment(slot, this.#lastOut + 1, Infinity, nowMicros, owedTo);
    this.context.port.listAdd(slot.list, this.entry);
  }

  /** From this number on, the stream differs from the view slot by other constants. */
  #segment(slot: ViewSlot, firstOut: number, firstTimestamp: number, nowMicros: number, owedTo = 0): void {
    this.#firstIndex = firstOut + this.#deltaIndex;
    this.context.port.updateEntry(this.entry, {
      deltaIndex: this.#deltaIndex >>> 0,
      firstIndex: this.#firstIndex >>> 0,
      deltaTimestamp: (this.baseTimestamp + this.lead) >>> 0,
    });
    slot.fresh.add(this);
    this.#segments.push({
      firstOut,
      slot,
      deltaIndex: this.#deltaIndex,
      lead: this.lead,
      firstTimestamp,
      startedMicros: nowMicros,
      owedTo,
    });
    const expired = nowMicros - this.context.cacheMicros;
    while (this.#segments.length > 1 && this.#segments[1]!.startedMicros < expired) this.#segments.shift();
  }

  #sendAgain(
    at: number,
    out: number,
    leastMicros: number,
    nowMicros: number,
  ): NotSent | 'repeated' | undefined {
    const segment = this.#segments[at]!;
    const found = segment.slot.find(out + segment.deltaIndex);
    if (typeof found === 'string') return found;
    const next = this.#segments[at + 1];
    if (next && found.timestamp + segment.lead >= next.firstTimestamp) return 'no-place';
    if (nowMicros - (this.#resent.get(out) ?? -Infinity) < leastMicros) return 'repeated';
    this.#resent.delete(out);
    this.#resent.set(out, nowMicros);
    if (this.#resent.size > RECEIVER_LIMITS.resentRemembered)
      this.#resent.delete(this.#resent.keys().next().value!);

    // The engine adds this entry's constants of now; what it must come to is what they came to then.
    const { port } = this.context;
    const index = out + this.#deltaIndex;
    const timestamp = found.timestamp + segment.lead - this.lead;
    const before = index < this.#firstIndex;
    if (before) port.updateEntry(this.entry, { firstIndex: index >>> 0 });
    const { captureMicros } = found;
    const isOwed = out < segment.owedTo;
    const marker = found.marker || (isOwed && out === segment.firstOut);
    const csrcs = isOwed ? found.csrcs.slice(0, 1) : found.csrcs;
    const { packet } = found.kept;
    port.resend(this.entry, packet, index >>> 0, timestamp >>> 0, marker, csrcs, undefined, captureMicros);
    if (before) port.updateEntry(this.entry, { firstIndex: this.#firstIndex >>> 0 });
    return undefined;
  }

  /** Where the stream stands, read off the view slot. */
  #note(): void {
    const slot = this.slot!;
    if (slot.lastIndex < this.#firstIndex) return;
    const lastOut = slot.lastIndex - this.#deltaIndex;
    if (lastOut < this.#lastOut) return;
    this.#lastOut = lastOut;
    this.#lastTimestamp = slot.lastTimestamp + this.lead;
    this.#lastFrameTicks = slot.lastFrameTicks;
  }
}

/** By how much a stream differs from its view slot that sends `timestamp`, and itself may send nothing before `least`. */
const leadOf = (least: number, timestamp: number, line: number, silent: boolean): number =>
  least >= timestamp || closeGap(line, least, silent) === least ? least - timestamp : 0;
