/**
 * Virtual audio streams of one room: sources in, a small fixed set of streams per receiver out. Ties together who
 * speaks (levelDetector, ranker), who has which slot (viewSet, view), and the numbering that survives every change
 * (viewSlot, receiverSlot). Per incoming packet the work here does not grow with the number of receivers.
 * Pure: packets and times come in, commands go out through ForwardPort, news is collected by `takeEvents`.
 * Spec: virtual streams A1–A11, R1–R3, R5–R7, R9, S1.
 * Elsewhere: bytes and lists → engine · sockets, RTCP, timers → the media process
 */
import type { ForwardPort, ReceivedPacket } from '../packet.js';
import { AudioSource } from './audioSource.js';
import { Counters } from './counters.js';
import { CsrcAllocator } from './csrcAllocator.js';
import { DOMINANT_SPEAKER } from './video/dominantSpeaker.js';
import { CACHE_LIMITS } from './packetCache.js';
import { LoudestTracker, Ranker } from './ranker.js';
import { Receiver } from './receiver.js';
import type { ReceiverSlot } from './receiverSlot.js';
import type {
  AddReceiverOptions,
  AddSourceOptions,
  SlotEvent,
  SlotReport,
  VirtualEvent,
  VirtualRoomOptions,
  VirtualRoomStats,
} from './types.js';
import { ViewSet } from './viewSet.js';
import { RETELL_TICKS, type RoomContext } from './viewSlot.js';

export const ROOM_LIMITS = {
  /** µs between two looks at levels and caches: one Opus packet. */
  tickMicros: 20_000,
  /** µs after the last packet of anybody when nothing is left that time changes: screen sound is held for 2 s. */
  restMicros: 3_000_000,
  /** A1: slots of a receiver. */
  slots: 16,
} as const;

export class VirtualRoom {
  readonly #context: RoomContext;
  readonly #csrcs: CsrcAllocator;
  readonly #sources = new Map<string, AudioSource>();
  readonly #retired = new Set<AudioSource>();
  readonly #receivers = new Map<string, Receiver>();
  readonly #sets = new Map<number, ViewSet>();
  readonly #rankers = new Map<boolean, Ranker<AudioSource>>();
  readonly #mainRanker: Ranker<AudioSource>;
  readonly #loudest = new LoudestTracker<AudioSource>();
  readonly #audioSlots: number;
  #events: VirtualEvent[] = [];
  #lastLookMicros = -Infinity;
  #lastPacketMicros = -Infinity;
  #lastTickMicros = 0;

  constructor(options: VirtualRoomOptions, port: ForwardPort) {
    const { audioSlots } = options;
    if (!Number.isInteger(audioSlots) || audioSlots < 0 || audioSlots > ROOM_LIMITS.slots)
      throw new TypeError(`audioSlots must be 0 to ${ROOM_LIMITS.slots}, not ${audioSlots}`);
    this.#audioSlots = audioSlots;
    this.#context = {
      port,
      clockRate: options.clockRate ?? 48_000,
      rng: options.rng,
      counters: new Counters(),
      cacheMicros: options.cacheMicros ?? CACHE_LIMITS.spanMicros,
      loudest: undefined,
      changed: new Set(),
    };
    this.#csrcs = options.csrcs ?? new CsrcAllocator(options.rng);
    this.#mainRanker = this.#ranker(audioSlots >= 2);
  }

  /** Whose voice is the loudest at this moment: the mark's, while words come. */
  soundingParticipant(nowMicros: number): string | undefined {
    const { current } = this.#loudest;
    if (current === undefined || current.content === 'screen') return undefined;
    const silentMicros = nowMicros - current.detector.lastActiveMicros;
    return silentMicros <= DOMINANT_SPEAKER.soundingMicros ? current.participantId : undefined;
  }

  // ---- sources ----

  /** @throws TypeError for an id or a CSRC that cannot be used. */
  addSource(options: AddSourceOptions, nowMicros: number): AudioSource {
    if (this.#sources.has(options.id)) throw new TypeError(`source ${options.id} exists`);
    const { csrc } = options;
    const replaced = csrc === undefined ? undefined : this.#byCsrc(csrc);
    if (replaced !== undefined) {
      if (replaced.participantId !== options.participantId)
        throw new TypeError(`csrc ${csrc} is in use by another participant`);
    } else if (csrc !== undefined) {
      this.#csrcs.take(csrc);
    }
    const { port, clockRate } = this.#context;
    const source = new AudioSource(options, csrc ?? this.#csrcs.allocate(nowMicros), clockRate, port);
    this.#sources.set(source.id, source);
    if (replaced === undefined) for (const ranker of this.#rankers.values()) ranker.add(source);
    else this.#replace(replaced, source, nowMicros);
    this.#update(nowMicros);
    return source;
  }

  removeSource(id: string, nowMicros: number): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    this.#retire(source);
    this.#csrcs.free(source.csrc, nowMicros);
    for (const ranker of this.#rankers.values()) ranker.remove(source);
    this.#update(nowMicros);
  }

  /** Muted by itself or by the room: its slot is free at once (A9). */
  setPaused(id: string, paused: boolean, nowMicros: number): void {
    const source = this.#sources.get(id);
    if (source === undefined || source.paused === paused) return;
    source.paused = paused;
    source.detector.pause();
    for (const ranker of this.#rankers.values()) {
      if (paused) ranker.remove(source);
      else ranker.add(source);
    }
    this.#update(nowMicros);
  }

  /** Holds a slot whatever the others do (A10). */
  setPinned(id: string, pinned: boolean, nowMicros: number): void {
    const source = this.#sources.get(id);
    if (source === undefined || source.pinned === pinned) return;
    source.pinned = pinned;
    this.#update(nowMicros);
  }

  // ---- receivers ----

  /** An SSRC for a slot that is the CSRC of nobody here. */
  drawSsrc(nowMicros: number): number {
    return this.#csrcs.drawSsrc(nowMicros);
  }

  /** @throws TypeError for an id that exists, too many slots, or an SSRC that is a source's CSRC. */
  addReceiver(options: AddReceiverOptions, nowMicros: number): Receiver {
    const { id, slots } = options;
    if (this.#receivers.has(id)) throw new TypeError(`receiver ${id} exists`);
    if (slots.length > this.#audioSlots)
      throw new TypeError(`${slots.length} slots, at most ${this.#audioSlots}`);
    const reserved: number[] = [];
    try {
      for (const { ssrc } of slots) {
        this.#csrcs.reserveSsrc(ssrc);
        reserved.push(ssrc);
      }
    } catch (error) {
      for (const ssrc of reserved) this.#csrcs.releaseSsrc(ssrc);
      throw error;
    }
    const receiver = new Receiver(
      id,
      options.participantId,
      slots,
      options.enabled ?? slots.every((slot) => slot.enabled),
      this.#context,
    );
    this.#receivers.set(id, receiver);
    if (slots.length > 0) this.#viewSet(slots.length, nowMicros).add(receiver, nowMicros);
    this.#tell(nowMicros);
    return receiver;
  }

  removeReceiver(id: string, nowMicros: number): void {
    const receiver = this.#receivers.get(id);
    if (receiver === undefined) return;
    this.#receivers.delete(id);
    this.#context.changed.delete(receiver);
    const set = this.#sets.get(receiver.slots.length);
    set?.remove(receiver);
    if (set?.receiverCount === 0) {
      set.close();
      this.#sets.delete(set.slotCount);
    }
    for (const { ssrc } of receiver.slots) this.#csrcs.releaseSsrc(ssrc);
    this.#tell(nowMicros);
  }

  /** Off: none of its slots is in any list, and no number is used. */
  setEnabled(receiverId: string, on: boolean, nowMicros: number): void {
    const receiver = this.#receivers.get(receiverId);
    if (receiver === undefined) return;
    receiver.setEnabled(on, nowMicros);
    for (const { entry } of receiver.slots) this.#context.port.updateEntry(entry, { enabled: on });
    this.#context.changed.add(receiver);
    this.#tell(nowMicros);
  }

  setSendMid(receiverId: string, ssrc: number, on: boolean): void {
    const slot = this.#slot(receiverId, ssrc);
    if (slot !== undefined) this.#context.port.updateEntry(slot.entry, { sendMid: on });
  }

  // ---- media ----

  /** The hot path: once per incoming packet. Its `arrivalMicros` is now. */
  handlePacket(source: AudioSource, packet: ReceivedPacket): void {
    const { counters } = this.#context;
    if (source.closed) return counters.count('source-closed');
    const nowMicros = packet.arrivalMicros;
    if (source.paused) {
      // Nobody hears it and nothing of it is kept, but its clock is known when it may be heard again.
      source.take(packet, nowMicros);
      return counters.count('source-paused');
    }
    this.#lastPacketMicros = nowMicros;
    const arrival = source.take(packet, nowMicros);
    if (arrival === 'too-late') return counters.count('too-late');
    const late = arrival === 'late';
    let onset = false;
    if (late) {
      if (source.cache.find(packet.extendedSequence, source.generation) !== undefined)
        return counters.count('duplicate');
    } else {
      const frameMicros = (source.packetStepTicks * 1_000_000) / this.#context.clockRate;
      onset = source.detector.handlePacket(packet.audioLevel, packet.payloadLength, frameMicros, nowMicros);
    }
    if (onset || nowMicros - this.#lastLookMicros >= ROOM_LIMITS.tickMicros) this.#look(nowMicros);
    const { extendedSequence } = packet;
    const speech = !late && source.detector.lastActiveMicros === nowMicros;
    const { generation, packetTicks: ticks } = source;
    const place = { extendedSequence, generation, ticks, late, speech };
    // A late packet may have to be sent out of the cache; another one must not be its own pre-roll.
    if (late) source.cache.add(packet, place, nowMicros);
    for (const slot of source.slots) slot.forward(packet, late, nowMicros);
    if (!late) source.cache.add(packet, place, nowMicros);
    source.evict(nowMicros);
    if (this.#context.changed.size > 0) this.#tell(nowMicros);
  }

  /** @param report NTP time in µs since 1900, and the RTP timestamp of the same instant */
  handleSenderReport(
    source: AudioSource,
    report: { ntpMicros: number; rtpTimestamp: number },
    nowMicros: number,
  ): void {
    if (!source.closed) source.handleSenderReport(report.ntpMicros, report.rtpTimestamp, nowMicros);
  }

  /** @param lost 16-bit sequence numbers, as in the NACK */
  handleNack(
    receiverId: string,
    ssrc: number,
    lost: readonly number[],
    roundTripMicros: number,
    nowMicros: number,
  ): void {
    const { counters } = this.#context;
    const slot = this.#slot(receiverId, ssrc);
    if (slot === undefined) return counters.count('nack-unknown-stream');
    for (const sequence of lost) {
      const refused = slot.resend(sequence, roundTripMicros, nowMicros);
      if (refused === undefined) counters.resent++;
      else counters.count(`nack-${refused}`);
    }
  }

  /** For sender reports: one for each slot, all on the server's clock. Valid until the next call for this receiver. */
  senderReport(receiverId: string, nowMicros: number): SlotReport[] {
    const { port } = this.#context;
    const receiver = this.#receivers.get(receiverId);
    if (receiver === undefined) return [];
    const line = this.#line(nowMicros);
    const { slots, reports } = receiver;
    for (let i = 0; i < slots.length; i++) {
      const { entry, baseTimestamp } = slots[i]!;
      const report = reports[i]!;
      const { packets, octets } = port.entryCounters(entry);
      report.rtpTimestamp = (line + baseTimestamp) >>> 0;
      report.packetCount = packets;
      report.octetCount = octets;
      report.active = packets > 0;
    }
    return reports;
  }

  /** What each slot carries now, with anchors. */
  slotStates(receiverId: string, nowMicros: number): SlotEvent[] {
    return (this.#receivers.get(receiverId)?.slots ?? []).map((slot) => this.#state(slot, nowMicros));
  }

  // ---- time ----

  /** Silence is told by time alone. Every `nextDeadline`. */
  tick(nowMicros: number): void {
    this.#lastTickMicros = nowMicros;
    this.#look(nowMicros);
    for (const source of this.#sources.values()) source.evict(nowMicros);
    for (const source of this.#retired) {
      source.evict(nowMicros);
      if (source.cache.size === 0) this.#retired.delete(source);
    }
    this.#tell(nowMicros);
  }

  /** undefined: nothing changes before the next packet or call. */
  nextDeadline(): number | undefined {
    const pending =
      this.#retired.size > 0 || this.#lastTickMicros - this.#lastPacketMicros < ROOM_LIMITS.restMicros;
    return pending
      ? Math.max(this.#lastTickMicros, this.#lastLookMicros) + ROOM_LIMITS.tickMicros
      : undefined;
  }

  /** What happened since the last call. */
  takeEvents(): VirtualEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }

  // ---- to look at ----

  stats(): VirtualRoomStats {
    const { switches, moves, resent, drops } = this.#context.counters;
    let cachedPackets = 0;
    for (const { cache } of this.#sources.values()) cachedPackets += cache.size;
    for (const { cache } of this.#retired) cachedPackets += cache.size;
    let views = 0;
    for (const set of this.#sets.values()) views += set.views.length;
    return {
      sources: this.#sources.size,
      receivers: this.#receivers.size,
      views,
      switches,
      moves,
      resent,
      cachedPackets,
      drops: { ...drops },
    };
  }

  dump(nowMicros: number): object {
    return {
      loudest: this.#loudest.current?.id,
      order: this.#mainRanker.order.map((source) => ({
        id: source.id,
        csrc: source.csrc,
        speaking: source.detector.speaking(nowMicros),
        scoreDb: Math.round(source.detector.score(nowMicros)),
        floorDb: Math.round(source.detector.floor),
      })),
      views: [...this.#sets.values()].flatMap((set) =>
        set.views.map((view) => ({
          slots: view.slots.map(({ source, lastIndex, members }) => ({
            source: source?.id,
            lastIndex,
            members: members.size,
          })),
          without: view.excluded,
          receivers: [...view.receivers].map(({ id }) => id),
        })),
      ),
      receivers: [...this.#receivers.values()].map(({ id, slots }) => ({
        id,
        slots: slots.map((slot) => slot.dump()),
      })),
    };
  }

  close(): void {
    for (const receiver of this.#receivers.values()) receiver.free();
    for (const set of this.#sets.values()) set.close();
    for (const source of [...this.#sources.values(), ...this.#retired]) {
      source.closed = true;
      source.cache.clear();
    }
    this.#receivers.clear();
    this.#sets.clear();
    this.#sources.clear();
    this.#retired.clear();
    this.#context.changed.clear();
    this.#lastPacketMicros = -Infinity; // nothing is due any more
  }

  // ---- inside ----

  /** One sample of every detector each 20 ms, and whatever follows from it. */
  #look(nowMicros: number): void {
    if (nowMicros - this.#lastLookMicros >= ROOM_LIMITS.tickMicros) {
      this.#lastLookMicros = nowMicros;
      for (const { detector } of this.#sources.values()) detector.sample(nowMicros);
    }
    this.#rank(nowMicros);
  }

  #update(nowMicros: number): void {
    this.#rank(nowMicros);
    this.#tell(nowMicros);
  }

  #rank(nowMicros: number): void {
    const moved = new Set<Ranker<AudioSource>>();
    for (const ranker of this.#rankers.values()) if (ranker.evaluate(nowMicros)) moved.add(ranker);
    if (this.#loudest.evaluate(this.#mainRanker.order, nowMicros)) this.#moveMark();
    for (const set of this.#sets.values()) if (moved.has(set.ranker) || set.waiting) set.update(nowMicros);
  }

  #moveMark(): void {
    const before = this.#context.loudest;
    const after = this.#loudest.current;
    this.#context.loudest = after;
    for (const slot of before?.slots ?? []) slot.noteChange();
    for (const slot of after?.slots ?? []) slot.noteChange();
    this.#events.push({ type: 'loudest', producerId: after?.id });
  }

  #replace(before: AudioSource, after: AudioSource, nowMicros: number): void {
    after.pinned = before.pinned;
    after.detector = before.detector;
    for (const ranker of this.#rankers.values()) ranker.replace(before, after);
    this.#loudest.replace(before, after);
    if (this.#context.loudest === before) this.#context.loudest = after;
    for (const set of this.#sets.values())
      for (const view of set.views) view.replace(before, after, nowMicros);
    this.#retire(before);
  }

  /** Its packets can be asked for a little longer. */
  #retire(source: AudioSource): void {
    source.closed = true;
    this.#sources.delete(source.id);
    this.#retired.add(source);
    for (const set of this.#sets.values()) for (const view of set.views) view.forgetSource(source);
  }

  #byCsrc(csrc: number): AudioSource | undefined {
    for (const source of this.#sources.values()) if (source.csrc === csrc) return source;
    return undefined;
  }

  #ranker(screenHolds: boolean): Ranker<AudioSource> {
    let ranker = this.#rankers.get(screenHolds);
    if (ranker === undefined) {
      ranker = new Ranker<AudioSource>(screenHolds);
      for (const source of this.#sources.values()) if (!source.paused) ranker.add(source);
      this.#rankers.set(screenHolds, ranker);
    }
    return ranker;
  }

  #viewSet(slotCount: number, nowMicros: number): ViewSet {
    let set = this.#sets.get(slotCount);
    if (set === undefined) {
      const ranker = this.#ranker(slotCount >= 2);
      ranker.evaluate(nowMicros);
      set = new ViewSet(this.#context, slotCount, ranker, nowMicros);
      this.#sets.set(slotCount, set);
    }
    return set;
  }

  #slot(receiverId: string, ssrc: number): ReceiverSlot | undefined {
    return this.#receivers.get(receiverId)?.slots.find((slot) => slot.ssrc === ssrc);
  }

  /** Compares what each receiver that may be concerned has with what it was told. */
  #tell(nowMicros: number): void {
    const { changed, loudest } = this.#context;
    for (const receiver of changed) {
      for (const slot of receiver.slots) {
        const source = slot.slot?.source;
        const isLoudest = source !== undefined && source === loudest;
        // A switch is told when it is decided. Where nothing was sent yet, once more with the first packet: only then it is
        // known how far ahead of the line the source lies, and receivers want a sender report near that packet (R5).
        const sounds = slot.sounds;
        // And again when it is nearer to its line than that: anchors of before would be wrong by what was repaid.
        const isTold = source === slot.toldSource && isLoudest === slot.toldLoudest;
        const isThere = !sounds || Math.abs(slot.aheadOfLine - slot.toldLead) < RETELL_TICKS;
        if (isTold && (slot.toldSound || !sounds) && isThere) continue;
        if (source !== slot.toldSource) {
          slot.epoch++;
          slot.toldSound = false;
        }
        slot.toldSource = source;
        slot.toldLoudest = isLoudest;
        slot.toldSound ||= sounds;
        slot.toldLead = slot.aheadOfLine;
        this.#events.push(this.#state(slot, nowMicros));
      }
    }
    changed.clear();
  }

  #state(slot: ReceiverSlot, nowMicros: number): SlotEvent {
    const viewSlot = slot.slot;
    const source = viewSlot?.source;
    const sent = source !== undefined && viewSlot !== undefined && slot.sounds;
    return {
      type: 'slot',
      receiverId: slot.receiver.id,
      slot: slot.position,
      ssrc: slot.ssrc,
      csrc: source?.csrc ?? 0,
      producerId: source?.id,
      loudest: source !== undefined && source === this.#context.loudest,
      epoch: slot.epoch,
      rtpTimestamp: sent ? slot.timestampOf(viewSlot) : (this.#line(nowMicros) + slot.baseTimestamp) >>> 0,
      captureTimeMs: (sent ? source.captureMicros(viewSlot.lastTicks) : nowMicros) / 1000,
    };
  }

  #line(nowMicros: number): number {
    return Math.round((nowMicros * this.#context.clockRate) / 1_000_000);
  }
}
