/**
 * The pictures of one room: its sources in the order in which they matter, and the receivers that are shown the beginning
 * of it. Work is done when something changes, never per packet.
 * Spec: virtual streams V1–V7, S1. Elsewhere: sound → ../virtualRoom.ts · one receiver → videoReceiver.ts · the way to the
 * API process → ../../virtualStreams.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import type { Assignment, VideoSlotChange } from '../../../types.js';
import type { MediaContext } from '../../context.js';
import type { SourceStream } from '../../forward/sourceStream.js';
import type { Producer } from '../../producer.js';
import type { Transport } from '../../transport.js';
import type { CsrcAllocator } from '../csrcAllocator.js';
import { DominantSpeaker } from './dominantSpeaker.js';
import { orderByRelevance } from './relevance.js';
import { VideoReceiver } from './videoReceiver.js';
import type { VideoReceiverOwner } from './videoReceiver.js';
import type { VideoSlot } from './videoSlot.js';
import { VideoSource } from './videoSource.js';
import type { VideoSourceOwner } from './videoSource.js';

export const VIDEO_ROOM_LIMITS = {
  /** That get their pictures in one turn when the order has changed: about 2 ms of work. */
  receiversPerTurn: 32,
  /** µs between two turns: packets that have come meanwhile go first. */
  turnMicros: 1_000,
} as const;

export const VIDEO_ROOM_TIMES = {
  /** µs between two looks at the sizes of sources that are shown, and at packets that need not be kept any longer. */
  lookMicros: 500_000,
} as const;

export interface AddVideoSource {
  readonly participantId: string;
  readonly content: 'camera' | 'screen';
  /** Keeps this CSRC; a source that has it now is replaced, in its slots. */
  readonly csrc?: number | undefined;
}

export type VideoNews =
  | { readonly type: 'slot'; readonly receiverId: string; readonly change: VideoSlotChange }
  | { readonly type: 'assignments'; readonly receiverId: string; readonly assignments: readonly Assignment[] }
  | { readonly type: 'dominant'; readonly participantId: string | undefined };

export class VideoRoom implements VideoSourceOwner, VideoReceiverOwner {
  readonly #context: MediaContext;
  readonly #csrcs: CsrcAllocator;
  readonly #sources = new Map<string, VideoSource>();
  readonly #byStream = new WeakMap<SourceStream, VideoSource>();
  readonly #receivers = new Map<string, VideoReceiver>();
  readonly #speaker = new DominantSpeaker();
  readonly #waiting = new Set<VideoSlot>();
  /** Receivers whose assignments may differ from what was told. */
  readonly #changed = new Set<VideoReceiver>();
  readonly #touch: () => void;
  #order: readonly VideoSource[] = [];
  readonly #places = new Map<VideoSource, number>();
  /** Those that have not seen the present order yet. */
  readonly #pending = new Set<VideoReceiver>();
  #turnMicros = 0;
  #nextSerial = 0;
  #lookedMicros = -Infinity;
  #news: VideoNews[] = [];

  /** @param touch called when there may be news or another deadline */
  constructor(context: MediaContext, csrcs: CsrcAllocator, touch: () => void) {
    this.#context = context;
    this.#csrcs = csrcs;
    this.#touch = touch;
  }

  // ---- sources ----

  /** @throws TypeError for a CSRC that cannot be had. */
  addSource(producer: Producer, request: AddVideoSource, nowMicros: number): VideoSource {
    const { participantId, content, csrc } = request;
    const replaced = csrc === undefined ? undefined : this.#byCsrc(csrc);
    if (replaced && replaced.participantId !== participantId)
      throw new TypeError(`csrc ${csrc} is in use by another participant`);
    if (csrc !== undefined && !replaced) this.#csrcs.take(csrc);
    const source = new VideoSource(this, producer, {
      participantId,
      content,
      csrc: csrc ?? this.#csrcs.allocate(nowMicros),
      joinSerial: replaced?.joinSerial ?? this.#nextSerial++,
    });
    this.#sources.set(source.id, source);
    for (const { source: stream } of producer.encodings) this.#byStream.set(stream, source);
    producer.followers.add(source);
    if (replaced) {
      source.pinned = replaced.pinned;
      this.#retire(replaced);
      for (const receiver of this.#receivers.values()) receiver.replace(replaced, source, nowMicros);
    }
    this.#update(nowMicros, true);
    return source;
  }

  has(producerId: string): boolean {
    return this.#sources.has(producerId);
  }

  removeSource(producerId: string, nowMicros: number): void {
    const source = this.#sources.get(producerId);
    if (!source) return;
    this.#retire(source);
    this.#csrcs.free(source.csrc, nowMicros);
    for (const receiver of this.#receivers.values()) receiver.forget(source);
    this.#update(nowMicros, true);
  }

  setPinned(producerId: string, pinned: boolean, nowMicros: number): void {
    const source = this.#sources.get(producerId);
    if (!source || source.pinned === pinned) return;
    source.pinned = pinned;
    this.#update(nowMicros);
  }

  sourceChanged(_source: VideoSource, nowMicros: number): void {
    this.#update(nowMicros);
  }

  sourceClosed(source: VideoSource, nowMicros: number): void {
    this.removeSource(source.id, nowMicros);
  }

  /** @param participantId whose speech is the loudest now */
  hear(participantId: string | undefined, nowMicros: number): void {
    if (!this.#speaker.hear(participantId, nowMicros)) return;
    this.#news.push({ type: 'dominant', participantId: this.#speaker.dominant });
    this.#update(nowMicros);
  }

  /** Has no voice here any more. */
  forgetSpeaker(participantId: string, nowMicros: number): void {
    if (!this.#speaker.remove(participantId)) return;
    this.#news.push({ type: 'dominant', participantId: undefined });
    this.#update(nowMicros);
  }

  // ---- receivers ----

  /** @throws TypeError for an SSRC that is a source's CSRC; then nothing of the receiver is left. */
  addReceiver(
    id: string,
    transport: Transport,
    participantId: string | undefined,
    slots: readonly RtpParameters[],
  ): VideoReceiver {
    const ssrcs = slots.flatMap(({ encodings: [encoding] = [] }) => [
      encoding?.ssrc ?? 0,
      ...(encoding?.rtx ? [encoding.rtx.ssrc] : []),
    ]);
    const reserved: number[] = [];
    try {
      for (const ssrc of ssrcs) {
        this.#csrcs.reserveSsrc(ssrc);
        reserved.push(ssrc);
      }
      const receiver = new VideoReceiver(this.#context, this, id, transport, participantId, slots);
      this.#receivers.set(id, receiver);
      return receiver;
    } catch (error) {
      for (const ssrc of reserved) this.#csrcs.releaseSsrc(ssrc);
      throw error;
    }
  }

  receiver(id: string): VideoReceiver | undefined {
    return this.#receivers.get(id);
  }

  removeReceiver(id: string): void {
    const receiver = this.#receivers.get(id);
    if (!receiver) return;
    this.#receivers.delete(id);
    this.#changed.delete(receiver);
    this.#pending.delete(receiver);
    for (const slot of receiver.slots) {
      this.#waiting.delete(slot);
      this.#csrcs.releaseSsrc(slot.outgoing.ssrc);
      if (slot.outgoing.rtxSsrc !== undefined) this.#csrcs.releaseSsrc(slot.outgoing.rtxSsrc);
    }
    receiver.close();
    this.#touch();
  }

  // ---- for receivers ----

  get sources(): Iterable<VideoSource> {
    return this.#sources.values();
  }

  get order(): readonly VideoSource[] {
    return this.#order;
  }

  /** In the order: 0 matters most. */
  placeOf(source: VideoSource): number {
    return this.#places.get(source) ?? 0;
  }

  get dominant(): string | undefined {
    return this.#speaker.dominant;
  }

  sourceOf(stream: SourceStream): VideoSource | undefined {
    return this.#byStream.get(stream);
  }

  isOwnProducer(producerId: string, participantId: string | undefined): boolean {
    const source = this.#sources.get(producerId);
    return source !== undefined && source.participantId === participantId;
  }

  receiverChanged(receiver: VideoReceiver, slot: VideoSlot | undefined, nowMicros: number): void {
    if (!this.#receivers.has(receiver.id)) return;
    if (slot) this.#news.push({ type: 'slot', receiverId: receiver.id, change: slot.change(nowMicros) });
    this.#changed.add(receiver);
    this.#touch();
  }

  /** Nothing is another but the anchor. */
  slotOnLine(receiver: VideoReceiver, slot: VideoSlot, nowMicros: number): void {
    if (!this.#receivers.has(receiver.id)) return;
    this.#news.push({ type: 'slot', receiverId: receiver.id, change: slot.change(nowMicros) });
    this.#touch();
  }

  slotWaits(slot: VideoSlot): void {
    if (slot.nextDeadline() === undefined) this.#waiting.delete(slot);
    else this.#waiting.add(slot);
    this.#touch();
  }

  // ---- time ----

  tick(nowMicros: number): void {
    if (this.#pending.size > 0) this.#assignSome(nowMicros);
    for (const slot of [...this.#waiting]) slot.poll(nowMicros);
    if (this.#speaker.nextDeadline() <= nowMicros && this.#speaker.step(nowMicros)) {
      this.#news.push({ type: 'dominant', participantId: this.#speaker.dominant });
      this.#update(nowMicros);
    }
    if (nowMicros - this.#lookedMicros < VIDEO_ROOM_TIMES.lookMicros) return;
    this.#lookedMicros = nowMicros;
    for (const source of this.#sources.values()) source.watch(nowMicros);
    for (const receiver of this.#receivers.values())
      if (receiver.wantsVideo) receiver.lookAtLayers(nowMicros);
  }

  /** undefined: nothing changes before the next call. */
  nextDeadline(): number | undefined {
    let deadline = this.#speaker.nextDeadline();
    if (this.#pending.size > 0)
      deadline = Math.min(deadline, this.#turnMicros + VIDEO_ROOM_LIMITS.turnMicros);
    for (const slot of this.#waiting) deadline = Math.min(deadline, slot.nextDeadline() ?? Infinity);
    if (this.#receivers.size > 0 && this.#sources.size > 0)
      deadline = Math.min(deadline, this.#lookedMicros + VIDEO_ROOM_TIMES.lookMicros);
    return deadline === Infinity ? undefined : deadline;
  }

  /** What happened since the last call. */
  takeNews(): VideoNews[] {
    for (const receiver of this.#changed) {
      const assignments = receiver.assignments();
      if (same(assignments, receiver.told)) continue;
      receiver.told = assignments;
      this.#news.push({ type: 'assignments', receiverId: receiver.id, assignments });
    }
    this.#changed.clear();
    const news = this.#news;
    if (news.length > 0) this.#news = [];
    return news;
  }

  // ---- to look at ----

  stats(): Record<string, number> {
    const slots = [...this.#receivers.values()].flatMap((receiver) => receiver.slots);
    const count = (wanted: (slot: VideoSlot) => boolean): number => slots.filter(wanted).length;
    return {
      videoSources: this.#sources.size,
      videoReceivers: this.#receivers.size,
      videoSlots: slots.length,
      videoSlotsActive: count(({ active }) => active),
      videoSlotsDark: count(({ dark }) => dark),
      videoSwitches: slots.reduce((sum, { switches }) => sum + switches, 0),
      videoResent: slots.reduce((sum, { resent }) => sum + resent, 0),
    };
  }

  dump(): Record<string, unknown> {
    return {
      dominantSpeaker: this.#speaker.dominant,
      order: this.#order.map(({ id, csrc, participantId, content, pinned, stalled }) => ({
        id,
        csrc,
        participantId,
        content,
        pinned,
        stalled,
      })),
      receivers: [...this.#receivers.values()].map((receiver) => receiver.dump()),
    };
  }

  close(): void {
    for (const source of this.#sources.values()) {
      source.closed = true;
      source.producer.followers.delete(source);
    }
    this.#sources.clear();
    for (const id of [...this.#receivers.keys()]) this.removeReceiver(id);
    this.#waiting.clear();
    this.#pending.clear();
  }

  // ---- inside ----

  #retire(source: VideoSource): void {
    source.closed = true;
    source.producer.followers.delete(source);
    this.#sources.delete(source.id);
  }

  #byCsrc(csrc: number): VideoSource | undefined {
    for (const source of this.#sources.values()) if (source.csrc === csrc) return source;
    return undefined;
  }

  /** @param force what receivers may be shown has changed, not only in which order */
  #update(nowMicros: number, force = false): void {
    const { dominant, recent } = this.#speaker;
    const before = this.#order;
    const order = orderByRelevance(this.#sources.values(), { dominant, recent });
    this.#touch();
    if (!force && order.length === before.length && order.every((source, i) => source === before[i])) return;
    this.#order = order;
    this.#places.clear();
    order.forEach((source, place) => this.#places.set(source, place));
    for (const receiver of this.#receivers.values()) if (receiver.wantsVideo) this.#pending.add(receiver);
    this.#assignSome(nowMicros);
  }

  /** In turns: packets of everybody else do not wait until the last of a thousand receivers has its pictures. */
  #assignSome(nowMicros: number): void {
    let left: number = VIDEO_ROOM_LIMITS.receiversPerTurn;
    for (const receiver of this.#pending) {
      if (left-- === 0) break;
      this.#pending.delete(receiver);
      receiver.assign(nowMicros);
    }
    this.#turnMicros = nowMicros;
  }
}

function same(a: readonly Assignment[], b: readonly Assignment[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((one, i) => {
    const other = b[i]!;
    return (
      one.canvasId === other.canvasId &&
      one.slot === other.slot &&
      one.producerId === other.producerId &&
      one.active === other.active
    );
  });
}
