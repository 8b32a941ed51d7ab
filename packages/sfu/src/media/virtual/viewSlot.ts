/**
 * One slot of a view: which source it carries now, and the numbering that all receivers of the view share. For each
 * incoming packet it makes one number, one timestamp and one command; receivers differ from it by constants only.
 *
 * Numbers: the source's plus a constant while it stays, so its losses stay gaps and late packets find their place; the
 * next one after the last at a switch. Timestamps: where the packet was captured on the room's line, fixed at the
 * first packet after a switch and again at gaps. Where the line would not lead behind the last packet sent, or less than
 * a packet farther, one frame behind it is used; that lead over the line is repaid at the next gap or switch, and in silence.
 * Sender reports tell the line alone, so a lead is an error of the lips for whoever goes by them: it lasts as long as the
 * words that it spares, and no longer; of sound without a pause, for some seconds. Anchors tell it, and are told anew when it
 * is another.
 * Pure: time comes with each call, bytes are never seen.
 * Spec: virtual streams R1–R3, A6, A8, A11, R9.
 * Elsewhere: who comes and goes → view.ts · what a receiver adds → receiverSlot.ts · answers to NACKs → sentHistory.ts
 */
import { CAPTURE_UNTOLD, type ForwardPort, type ReceivedPacket } from '../packet.js';
import { SOURCE_LIMITS, type AudioSource } from './audioSource.js';
import type { Counters } from './counters.js';
import { CACHE_LIMITS } from './packetCache.js';
import type { Receiver } from './receiver.js';
import type { ReceiverSlot } from './receiverSlot.js';
import { csrcsOf, SentHistory, type SentPacket, type NotSent } from './sentHistory.js';

const TICKS_PER_MS = 48;
export const LINE_LIMITS = {
  /** Ticks, 5 ms: less is not worth another span; lips are in step within 20 ms anyway. */
  worthMending: 5 * TICKS_PER_MS,
  /** Ticks, 20 ms: a shorter gap at a switch is only the difference of two devices' rhythms. A receiver would have to invent
   *  sound for it; closed, it puts the new source that much before its time, until the next gap or silence. */
  closed: 20 * TICKS_PER_MS,
  /** Ticks, 10 ms behind or ahead of the line: a quarter of what lips may be off, and more than the line itself moves by what
   *  is learnt of a sender's clock. Mended while the source is silent, for a jump within speech would be heard. Behind (its
   *  clock is slow, its path grew longer, or a gap was closed at a switch) it goes forward; ahead a silent packet is left out
   *  and the next one lies on the line, for without DTX there is no gap to repay it in. */
  silentMend: 10 * TICKS_PER_MS,
  /** Ticks, 15 ms behind or ahead of the line: mended while the source sounds, when no silence has come for so long. More than
   *  half a packet, so that one that is left out brings it closer. */
  soundMend: 15 * TICKS_PER_MS,
  /** µs that one waits for silence, and then for a packet that is quiet by itself; and from one mending to the next. Speech
   *  pauses every few seconds; music and sources without levels never do, and three seconds after a switch lips are in step. */
  silenceMicros: 1_500_000,
  quietMicros: 1_000_000,
  againMicros: 400_000,
  /** Ticks, 100 ms: the most by which a new source's first packet is put ahead of its time. Five switches in a row without
   *  any silence make that much; an earlier packet is left out, the next ones come closer by 20 ms each. */
  mostLead: 100 * TICKS_PER_MS,
  /** Ticks, 200 ms ahead within one source: its timestamps run faster than time. Left out until the line comes up, or it
   *  would drag the slot into a future that the next source cannot reach. */
  farAhead: 200 * TICKS_PER_MS,
} as const;
/** Ticks, 5 ms, by which a slot must be elsewhere beside the line than its receivers were told before they get other anchors,
 *  and µs between two looks whether it is: while a new sender's clock is learnt, that is twice a second. */
export const RETELL_TICKS = 5 * TICKS_PER_MS;
const RETELL_EVERY_MICROS = 500_000;
/** µs between two packets that tell when they were captured. Its definition asks for one in a second; so one of them may be
 *  lost. */
export const TELL_CAPTURE_MICROS = 500_000;
/** µs between two looks for receivers that are ahead: leads are repaid within a pause, and nothing is done per packet. */
const REPAY_EVERY_MICROS = 200_000;
const NOBODY: readonly ReceiverSlot[] = [];
/** First number of a view slot. Far from 0, so that no late packet has a negative one; any would do. */
const FIRST_INDEX = 0x10000;
/** µs that a source must have been in a slot before receivers that had it elsewhere may move there: until then a late packet
 *  may be of before its first one there, and they would miss it. Reordering, or one retransmission. */
const SETTLED_MICROS = 300_000;

/** Where a sound goes whose place on the line is `line`, and that cannot lie before `least`. Silence need not be closed. */
export const closeGap = (line: number, least: number, silent: boolean): number =>
  line - least < (silent ? 0 : LINE_LIMITS.closed) ? least : line;

/** What slots share. */
export interface RoomContext {
  readonly port: ForwardPort;
  readonly clockRate: number;
  readonly rng: () => number;
  readonly counters: Counters;
  readonly cacheMicros: number;
  /** Carries 42 now. */
  loudest: AudioSource | undefined;
  /** Receivers that may see something else than what they were told last. */
  readonly changed: Set<Receiver>;
}

export class ViewSlot {
  source: AudioSource | undefined;
  /** A packet of the present source was sent. */
  started = false;
  /** One was, since it is the present source's: receivers were told where its sound lies. */
  #sounded = false;
  runFirstIndex = 0;
  runStartedMicros = 0;
  /** Highest number used; its timestamp, its sound's length, its place in the source. */
  lastIndex = FIRST_INDEX - 1;
  lastTimestamp = -Infinity;
  lastTicks = 0;
  #lastFrameTicks: number = SOURCE_LIMITS.usualFrame;
  #lastExtended = 0;
  lastForwardMicros = -Infinity;
  #repayMicros = -Infinity;
  /** When a packet told last when it was captured; none of the present row did: -Infinity. */
  #captureMicros = -Infinity;
  /** Beside the line by more than may last; from when on that is mended even while it sounds. */
  #mendDueMicros = Infinity;
  /** Ticks ahead of the line, as told, and when. */
  #toldLead = 0;
  #toldMicros = -Infinity;
  history = new SentHistory();
  readonly list: number;
  /** In the list now. */
  readonly members = new Set<ReceiverSlot>();
  /** Come in with the next packet that has a new number. */
  readonly joining = new Set<ReceiverSlot>();
  /** Those of the members whose timestamps differ by more than their base. */
  readonly leaders = new Set<ReceiverSlot>();
  /** Those of the members whose constants changed of late. */
  readonly fresh = new Set<ReceiverSlot>();

  constructor(
    private readonly context: RoomContext,
    readonly position: number,
  ) {
    this.list = context.port.createList();
  }

  get lastFrameTicks(): number {
    return this.#lastFrameTicks;
  }
  get indexDelta(): number {
    return this.history.current?.indexDelta ?? 0;
  }
  get timestampDelta(): number {
    return this.history.current?.timestampDelta ?? 0;
  }

  /** Ticks by which what was sent last is ahead of the line. */
  get aheadOfLine(): number {
    return this.source === undefined ? 0 : this.lastTimestamp - this.source.lineTicks(this.lastTicks);
  }

  /** A slot with the same source and the same numbers, without receivers. */
  fork(): ViewSlot {
    const twin = new ViewSlot(this.context, this.position);
    twin.source = this.source;
    twin.source?.slots.push(twin);
    twin.started = this.started;
    twin.#sounded = this.#sounded;
    twin.runFirstIndex = this.runFirstIndex;
    twin.runStartedMicros = this.runStartedMicros;
    twin.lastIndex = this.lastIndex;
    twin.lastTimestamp = this.lastTimestamp;
    twin.lastTicks = this.lastTicks;
    twin.#lastFrameTicks = this.#lastFrameTicks;
    twin.#lastExtended = this.#lastExtended;
    twin.lastForwardMicros = this.lastForwardMicros;
    twin.#toldLead = this.#toldLead;
    twin.#toldMicros = this.#toldMicros;
    twin.#captureMicros = this.#captureMicros;
    twin.history = this.history.fork();
    return twin;
  }

  /** Carries the same source, and whatever packet `slot` would still send, this one sends too. */
  covers(slot: ViewSlot, nowMicros: number): boolean {
    if (this.source !== slot.source) return false;
    if (!slot.started) return true;
    if (!this.started) return false;
    if (nowMicros - this.runStartedMicros >= SETTLED_MICROS) return true;
    return this.runFirstIndex - this.indexDelta <= slot.runFirstIndex - slot.indexDelta;
  }

  /** How far the present source was sent here; undefined: not at all. */
  sentUpTo(): { generation: number; extendedSequence: number } | undefined {
    const span = this.history.current;
    if (span === undefined || span.source !== this.source) return undefined;
    return { generation: span.generation, extendedSequence: this.#lastExtended };
  }

  /** Another source, or none. What it sends first decides the rest. */
  assign(source: AudioSource | undefined, nowMicros: number): void {
    for (const receiver of this.members) receiver.noteLeft(this);
    this.#detach();
    this.source = source;
    this.started = this.#sounded = false;
    this.#mendDueMicros = Infinity;
    this.noteChange();
    if (source === undefined) return;
    source.slots.push(this);
    for (const receiver of this.members) receiver.rest(this, source, nowMicros);
  }

  /** Its receivers may have to be told something. */
  noteChange(): void {
    for (const { receiver } of this.members) this.context.changed.add(receiver);
    for (const { receiver } of this.joining) this.context.changed.add(receiver);
  }

  /** The source numbers anew: like a switch to itself. */
  restartSource(): void {
    this.started = false;
  }

  /** The slot is no more; what it sent can still be asked for. */
  close(): void {
    this.#detach();
    this.source = undefined;
    this.started = false;
    this.context.port.freeList(this.list);
  }

  /**
   * The source's packets of just before, if they still fit behind what was sent (A8).
   * @param owedFrom from this number on it is speech that had to wait for the slot: it fits like a first packet
   */
  preRoll(afterSequence: number, owedFrom: number, nowMicros: number): void {
    const { source } = this;
    if (source === undefined) return;
    for (const kept of source.cache.preRoll(source.generation, owedFrom, nowMicros)) {
      const { packet, extendedSequence, ticks, late } = kept;
      if (extendedSequence <= afterSequence) continue;
      const early = extendedSequence < owedFrom;
      if (this.started) this.#advance(source, packet, extendedSequence, ticks, late, nowMicros);
      else this.#start(source, packet, extendedSequence, ticks, late, early, nowMicros);
    }
  }

  /** A packet of the present source, whose `take` was just called. */
  forward(packet: ReceivedPacket, late: boolean, nowMicros: number): void {
    const source = this.source!;
    const { extendedSequence } = packet;
    const ticks = source.packetTicks;
    if (late) return this.#late(source, packet, ticks, nowMicros);
    if (this.started) this.#advance(source, packet, extendedSequence, ticks, false, nowMicros);
    else this.#start(source, packet, extendedSequence, ticks, false, false, nowMicros);
  }

  /** What went out under this number. */
  find(index: number): SentPacket | NotSent {
    return this.history.find(index, this.lastIndex);
  }

  #start(
    source: AudioSource,
    packet: ReceivedPacket,
    extended: number,
    ticks: number,
    late: boolean,
    early: boolean,
    nowMicros: number,
  ): void {
    const line = source.lineTicks(ticks);
    const least = this.lastTimestamp + this.#lastFrameTicks;
    const silent = !source.detector.speaking(nowMicros);
    if (line < least) {
      if (silent && least - line > LINE_LIMITS.worthMending)
        return this.context.counters.count('silence-left-out');
      // What lies within half a packet of its time closes the gap better than its successor would.
      if (early && least - line > LINE_LIMITS.closed / 2)
        return this.context.counters.count('pre-roll-behind');
      if (least - line > LINE_LIMITS.mostLead) return this.context.counters.count('too-far-ahead');
    }
    const timestamp = closeGap(line, least, silent);
    const index = this.lastIndex + 1;
    const before = this.history.current;
    const goesOn =
      before?.source === source &&
      before.generation === source.generation &&
      before.indexDelta === index - extended;
    const leftMicros = this.lastForwardMicros;
    this.started = true;
    if (!this.#sounded) this.noteChange();
    this.#sounded = true;
    this.runFirstIndex = index;
    this.runStartedMicros = nowMicros;
    this.#align(index, timestamp, line, this.#lastFrameTicks, silent, nowMicros);
    this.#place(index, timestamp, line, silent, nowMicros);
    this.#span(source, index, timestamp, extended, ticks, true, nowMicros);
    this.#captureMicros = -Infinity;
    this.#note(timestamp - line, nowMicros);
    this.#send(source, packet, index, timestamp, extended, ticks, late, nowMicros);
    if (goesOn) this.#catchUp(source, leftMicros, nowMicros);
  }

  #advance(
    source: AudioSource,
    packet: ReceivedPacket,
    extended: number,
    ticks: number,
    late: boolean,
    nowMicros: number,
  ): void {
    const span = this.history.current!;
    const index = extended + span.indexDelta;
    const steps = extended - this.#lastExtended;
    const stepTicks = ticks - this.lastTicks;
    const { frameTicks } = source;
    let timestamp = ticks + span.timestampDelta;
    const line = source.lineTicks(ticks);
    const lead = timestamp - line;
    const gap = stepTicks - (steps - 1) * frameTicks > SOURCE_LIMITS.longestFrame;
    const silent = steps === 1 && !source.detector.speaking(nowMicros);
    const overdue = steps === 1 && this.#isOverdue(source, lead, nowMicros);
    if (!gap && ((silent && lead > LINE_LIMITS.silentMend) || (overdue && lead > 0))) {
      this.started = false;
      return this.context.counters.count(silent ? 'silence-left-out' : 'sound-left-out');
    }
    if (lead > LINE_LIMITS.farAhead) {
      this.started = false;
      return this.context.counters.count('too-far-ahead');
    }
    const mend =
      stepTicks <= 0 ||
      (gap && Math.abs(lead) > LINE_LIMITS.worthMending) ||
      (lead < -LINE_LIMITS.silentMend && silent) ||
      overdue;
    let fresh = false;
    if (mend) {
      const mended = Math.max(line, this.lastTimestamp + frameTicks * steps);
      fresh = mended !== timestamp;
      timestamp = mended;
    }
    if (fresh || gap) this.#align(index, timestamp, line, frameTicks * steps, silent, nowMicros);
    const off = silent && !gap ? this.#farOff(timestamp - line, nowMicros) : NOBODY;
    for (const receiver of off) receiver.leave();
    const joined = this.joining.size > 0 && this.#place(index, timestamp, line, silent, nowMicros);
    this.#note(timestamp - line, nowMicros);
    // Timestamps and time of capture go on together, but for here.
    if (fresh || gap || joined) this.#captureMicros = -Infinity;
    if (fresh || joined || span.csrcs !== this.#csrcs(source))
      this.#span(source, index, timestamp, extended, ticks, joined, nowMicros);
    this.#send(source, packet, index, timestamp, extended, ticks, late, nowMicros);
    for (const receiver of off) receiver.join(this);
  }

  /** The slot has waited long enough for silence: this packet is to bring it back to the line. Asked once per packet. */
  #isOverdue(source: AudioSource, lead: number, nowMicros: number): boolean {
    if (Math.abs(lead) <= LINE_LIMITS.soundMend) {
      this.#mendDueMicros = Infinity;
      return false;
    }
    if (this.#mendDueMicros === Infinity) this.#mendDueMicros = nowMicros + LINE_LIMITS.silenceMicros;
    const waitedMicros = nowMicros - this.#mendDueMicros;
    if (waitedMicros < (source.detector.quiet ? 0 : LINE_LIMITS.quietMicros)) return false;
    this.#mendDueMicros = nowMicros + LINE_LIMITS.againMicros;
    return true;
  }

  /** Receivers that are by themselves so far from the line that this silent packet is left out for them. */
  #farOff(lead: number, nowMicros: number): readonly ReceiverSlot[] {
    if (this.leaders.size === 0 || nowMicros < this.#repayMicros) return NOBODY;
    this.#repayMicros = nowMicros + REPAY_EVERY_MICROS;
    return [...this.leaders].filter((receiver) => Math.abs(lead + receiver.lead) > LINE_LIMITS.silentMend);
  }

  /** It lies elsewhere beside the line than was told: anchors of before are wrong by that much. */
  #note(lead: number, nowMicros: number): void {
    if (Math.abs(lead - this.#toldLead) < RETELL_TICKS) return;
    if (nowMicros - this.#toldMicros < RETELL_EVERY_MICROS) return;
    this.#toldLead = lead;
    this.#toldMicros = nowMicros;
    this.noteChange();
  }

  /** Packets that came late while the slot was not this source's, and that it would have sent. */
  #catchUp(source: AudioSource, sinceMicros: number, nowMicros: number): void {
    for (const kept of source.cache.late(source.generation, sinceMicros)) {
      this.#late(source, kept.packet, kept.ticks, nowMicros);
    }
  }

  #late(source: AudioSource, packet: ReceivedPacket, ticks: number, nowMicros: number): void {
    for (const receiver of this.fresh) {
      if (!receiver.late(source, packet.extendedSequence, nowMicros)) this.fresh.delete(receiver);
    }
    const place = this.started ? this.history.placeLate(source, packet.extendedSequence, ticks) : undefined;
    if (place === undefined || place.index >= this.lastIndex)
      return this.context.counters.count('late-no-place');
    this.lastForwardMicros = source.lastForwardMicros = nowMicros;
    if (this.members.size === 0) return;
    const { index, timestamp } = place;
    const { port } = this.context;
    const { marker } = packet;
    const { csrcs } = source;
    port.forward(this.list, packet, index >>> 0, timestamp >>> 0, marker, csrcs, undefined, CAPTURE_UNTOLD);
  }

  /** What the receivers' leads are worth with a packet that need not follow at the source's own distance. */
  #align(
    index: number,
    timestamp: number,
    line: number,
    leastStep: number,
    silent: boolean,
    nowMicros: number,
  ): void {
    for (const receiver of this.leaders)
      receiver.align(this, index, timestamp, line, leastStep, silent, nowMicros);
  }

  /** @returns true when somebody came in, for whom this packet is the first after a switch. */
  #place(index: number, timestamp: number, line: number, silent: boolean, nowMicros: number): boolean {
    let placed = false;
    for (const receiver of this.joining) {
      if (!receiver.mayStart(this, timestamp, nowMicros)) continue;
      receiver.start(this, index, timestamp, line, silent, nowMicros);
      this.context.changed.add(receiver.receiver);
      placed = true;
    }
    return placed;
  }

  #span(
    source: AudioSource,
    index: number,
    timestamp: number,
    extended: number,
    ticks: number,
    marker: boolean,
    nowMicros: number,
  ): void {
    this.history.push(
      {
        source,
        generation: source.generation,
        firstIndex: index,
        firstTimestamp: timestamp,
        indexDelta: index - extended,
        timestampDelta: timestamp - ticks,
        csrcs: this.#csrcs(source),
        marker,
        startedMicros: nowMicros,
        beforeIndex: this.lastIndex,
        beforeTimestamp: this.lastTimestamp,
        frameTicks: source.frameTicks,
      },
      nowMicros - this.context.cacheMicros - CACHE_LIMITS.preRollMicros,
    );
  }

  #send(
    source: AudioSource,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    extended: number,
    ticks: number,
    late: boolean,
    nowMicros: number,
  ): void {
    const span = this.history.current!;
    this.lastIndex = index;
    this.lastTimestamp = timestamp;
    this.lastTicks = ticks;
    this.#lastFrameTicks = source.frameTicks;
    this.#lastExtended = extended;
    this.lastForwardMicros = source.lastForwardMicros = nowMicros;
    if (this.members.size === 0) return;
    const marker = packet.marker || (span.marker && index === span.firstIndex);
    const csrcs = csrcsOf(late, source, span.csrcs);
    const capture = this.#capture(source, index, ticks, nowMicros);
    const { port } = this.context;
    port.forward(this.list, packet, index >>> 0, timestamp >>> 0, marker, csrcs, undefined, capture);
  }

  /** Once for all receivers of the view: what the packet tells of its capture. */
  #capture(source: AudioSource, index: number, ticks: number, nowMicros: number): number {
    if (nowMicros - this.#captureMicros < TELL_CAPTURE_MICROS) return CAPTURE_UNTOLD;
    this.#captureMicros = nowMicros;
    const told = Math.round(source.toldMicros(ticks));
    this.history.tell(index, told);
    return told;
  }

  #csrcs(source: AudioSource): readonly number[] {
    return source === this.context.loudest ? source.csrcsLoudest : source.csrcs;
  }

  #detach(): void {
    const slots = this.source?.slots;
    if (slots === undefined) return;
    slots.splice(slots.indexOf(this), 1);
  }
}
