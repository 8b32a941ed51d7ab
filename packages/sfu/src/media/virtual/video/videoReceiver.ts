/**
 * One receiver's pictures: its layout, which source each canvas shows, and which slot carries it.
 * Spec: virtual streams V1–V5. Elsewhere: the rules → layout.ts, slots.ts, canvasLayers.ts · one stream → videoSlot.ts
 */
import type { RtpParameters } from '@tertulia/wire';
import { OptionError } from '../../../channel/errors.js';
import type { Assignment, Canvas, MaxResolution } from '../../../types.js';
import type { MediaContext } from '../../context.js';
import type { Layers } from '../../forward/layerSelection.js';
import type { SourceStream } from '../../forward/sourceStream.js';
import type { Transport } from '../../transport.js';
import { layersForCanvas } from './canvasLayers.js';
import { assignCanvases, readLayout, readMaxResolution } from './layout.js';
import type { CanvasSource } from './layout.js';
import { SlotTable } from './slots.js';
import { VideoSlot } from './videoSlot.js';
import type { VideoSlotOwner } from './videoSlot.js';
import type { VideoSource } from './videoSource.js';

/**
 * Steps that a source may go up in a round in which the others go up one (../../congestion/bitrateAllocator.ts): what everybody looks at gets
 * its layers before the others get theirs.
 */
const PRIORITY = { screen: 8, pinned: 4, speaker: 4, other: 1 } as const;

/** What a receiver tells its room. */
export interface VideoReceiverOwner {
  readonly sources: Iterable<VideoSource>;
  readonly order: readonly VideoSource[];
  readonly dominant: string | undefined;
  /** In the order: 0 matters most. */
  placeOf(source: VideoSource): number;
  sourceOf(stream: SourceStream): VideoSource | undefined;
  isOwnProducer(producerId: string, participantId: string | undefined): boolean;
  /** Something of it is to be told. */
  receiverChanged(receiver: VideoReceiver, slot: VideoSlot | undefined, nowMicros: number): void;
  slotOnLine(receiver: VideoReceiver, slot: VideoSlot, nowMicros: number): void;
  slotWaits(slot: VideoSlot): void;
}

export class VideoReceiver implements VideoSlotOwner {
  readonly slots: readonly VideoSlot[];
  /** As told last. */
  told: readonly Assignment[] = [];
  readonly #owner: VideoReceiverOwner;
  readonly #table: SlotTable<VideoSource>;
  readonly #eligible = new Map<VideoSource, boolean>();
  /** What each source's canvas needs, and from what that was computed. */
  readonly #layers = new Map<VideoSource, { version: number; canvas: Canvas; layers: Layers }>();
  #canvases: readonly Canvas[] = [];
  #maxResolution: MaxResolution | undefined;
  #shown: readonly CanvasSource<VideoSource>[] = [];
  /** Sources in slots, most relevant first. */
  #wanted: readonly VideoSource[] = [];

  constructor(
    context: MediaContext,
    owner: VideoReceiverOwner,
    readonly id: string,
    readonly transport: Transport,
    readonly participantId: string | undefined,
    slots: readonly RtpParameters[],
  ) {
    this.#owner = owner;
    this.#table = new SlotTable(slots.length);
    this.slots = slots.map((rtpParameters, index) => new VideoSlot(context, this, index, rtpParameters));
  }

  get wantsVideo(): boolean {
    return this.#canvases.length > 0;
  }

  /** @throws OptionError with the layout's code; the layout before stays */
  setLayout(canvases: unknown, maxResolution: unknown, nowMicros: number): void {
    const { participantId } = this;
    const read = readLayout(canvases, {
      slots: this.slots.length,
      ownParticipantId: participantId,
      isOwnProducer: (producerId) => this.#owner.isOwnProducer(producerId, participantId),
    });
    if (!read.ok) throw new OptionError(read.message, read.code);
    const limit = readMaxResolution(maxResolution);
    if (!limit.ok) throw new OptionError(limit.message, limit.code);
    this.#canvases = read.canvases;
    this.#maxResolution = limit.maxResolution;
    this.#layers.clear();
    this.assign(nowMicros);
  }

  /** The order of the room is another, or what the receiver wants is. */
  assign(nowMicros: number): void {
    const { sources, order } = this.#owner;
    const previous = new Map(this.#shown.map(({ canvas, source }) => [canvas.id, source]));
    this.#shown = assignCanvases<VideoSource>({
      canvases: this.#canvases,
      order,
      sources,
      ownParticipantId: this.participantId,
      previous,
      eligible: (source) => this.#canShow(source),
    });
    const wanted = this.#byRelevance();
    this.#table.assign(wanted, nowMicros);
    const bySource = new Map(wanted.map((one) => [one.source, one]));
    let changed = this.#wanted.length !== wanted.length;
    this.#table.sources.forEach((source, index) => {
      const slot = this.slots[index]!;
      const canvas = source && bySource.get(source)?.canvas;
      const other = canvas
        ? slot.show(source, canvas.id, this.#layersFor(source, canvas), nowMicros)
        : slot.clear(nowMicros);
      const priority = this.#priorityOf(source);
      changed ||= other || slot.priority !== priority;
      slot.priority = priority;
    });
    changed ||= wanted.some(({ source }, i) => source !== this.#wanted[i]);
    if (changed)
      this.#share(
        wanted.map(({ source }) => source),
        nowMicros,
      );
    this.#owner.receiverChanged(this, undefined, nowMicros);
  }

  /** Who matters least goes dark first. */
  #share(wanted: readonly VideoSource[], nowMicros: number): void {
    this.#wanted = wanted;
    const { rtp } = this.transport;
    rtp.outgoing.setTakerOrder(
      wanted.flatMap((source) => this.slots[this.#table.slotOf(source) ?? -1] ?? []),
    );
    rtp.reallocate(nowMicros);
    for (const slot of this.slots) slot.select(nowMicros);
  }

  /** Key frames may have told another size. */
  lookAtLayers(nowMicros: number): void {
    if (this.#shown.every(({ source }) => this.#layers.get(source)?.version === source.layersVersion)) return;
    this.assign(nowMicros);
  }

  replace(before: VideoSource, after: VideoSource, nowMicros: number): void {
    this.#table.replace(before, after);
    this.#shown = this.#shown.map((one) => (one.source === before ? { ...one, source: after } : one));
    this.forget(before);
    this.assign(nowMicros);
  }

  /** It is gone. */
  forget(source: VideoSource): void {
    this.#eligible.delete(source);
    this.#layers.delete(source);
  }

  setReady(ready: boolean, nowMicros: number): void {
    for (const slot of this.slots) slot.setReady(ready, nowMicros);
  }

  assignments(): Assignment[] {
    return this.#shown.map(({ canvas, source, shown }) => {
      const slot = shown ? this.#table.slotOf(source) : undefined;
      return {
        canvasId: canvas.id,
        slot,
        csrc: source.csrc,
        producerId: source.id,
        participantId: source.participantId,
        content: source.content,
        active: slot !== undefined && this.slots[slot]!.active,
      };
    });
  }

  dump(): Record<string, unknown> {
    return {
      id: this.id,
      canvases: this.#canvases,
      maxResolution: this.#maxResolution,
      slots: this.slots.map((slot) => slot.dump()),
    };
  }

  close(): void {
    for (const slot of this.slots) slot.close();
    this.#eligible.clear();
  }

  // ---- for its slots ----

  sourceOf(stream: SourceStream): VideoSource | undefined {
    return this.#owner.sourceOf(stream);
  }

  slotChanged(slot: VideoSlot, nowMicros: number): void {
    this.transport.rtp.hastenReport(nowMicros);
    this.#owner.receiverChanged(this, slot, nowMicros);
  }

  slotOnLine(slot: VideoSlot, nowMicros: number): void {
    this.#owner.slotOnLine(this, slot, nowMicros);
  }

  slotWaits(slot: VideoSlot): void {
    this.#owner.slotWaits(slot);
  }

  // ---- inside ----

  #byRelevance(): CanvasSource<VideoSource>[] {
    const owner = this.#owner;
    return this.#shown
      .filter(({ shown }) => shown)
      .sort((a, b) => owner.placeOf(a.source) - owner.placeOf(b.source));
  }

  #priorityOf(source: VideoSource | undefined): number {
    if (source?.content === 'screen') return PRIORITY.screen;
    if (source?.pinned) return PRIORITY.pinned;
    return source !== undefined && source.participantId === this.#owner.dominant
      ? PRIORITY.speaker
      : PRIORITY.other;
  }

  #layersFor(source: VideoSource, canvas: Canvas): Layers {
    const version = source.layersVersion;
    const known = this.#layers.get(source);
    if (known?.version === version && known.canvas === canvas) return known.layers;
    const layers = layersForCanvas(source.layers(), canvas, this.#maxResolution);
    this.#layers.set(source, { version, canvas, layers });
    return layers;
  }

  #canShow(source: VideoSource): boolean {
    const [slot] = this.slots;
    if (!slot) return false;
    let can = this.#eligible.get(source);
    if (can === undefined) this.#eligible.set(source, (can = VideoSlot.canShow(slot.rtpParameters, source)));
    return can;
  }
}
