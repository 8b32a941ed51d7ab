/**
 * A slot table that receivers share: so many slots, perhaps without one participant's sources. It carries the first
 * sources of the room's order; who stays among them stays where it is, and only a freed slot takes a newcomer.
 * Spec: virtual streams A2–A5, A8, A9. Elsewhere: the order → ranker.ts · which views there are → viewSet.ts
 */
import type { AudioSource } from './audioSource.js';
import type { Receiver } from './receiver.js';
import { RECEIVER_LIMITS } from './receiverSlot.js';
import { ViewSlot, type RoomContext } from './viewSlot.js';

interface Left {
  slot: ViewSlot;
  atMicros: number;
  generation: number;
  extendedSequence: number;
}

export class View {
  readonly slots: readonly ViewSlot[];
  readonly receivers = new Set<Receiver>();
  /** A source waits for its old slot's packets to be played; look again soon. */
  waiting = false;
  /** Where each source was last, and how far it was sent there: a pre-roll must not send that again. */
  readonly #left: Map<AudioSource, Left>;
  /** They wait for their old slot's packets to be played. */
  readonly #held: Set<AudioSource>;

  constructor(
    private readonly context: RoomContext,
    /** Whose sources it does not carry. */
    readonly excluded: string | undefined,
    from: { count: number } | View,
  ) {
    if (from instanceof View) {
      this.slots = from.slots.map((slot) => slot.fork());
      this.#left = new Map(
        [...from.#left].map(([source, left]) => [source, { ...left, slot: this.slots[left.slot.position]! }]),
      );
      this.#held = new Set(from.#held);
    } else {
      this.slots = Array.from({ length: from.count }, (_, position) => new ViewSlot(context, position));
      this.#left = new Map();
      this.#held = new Set();
    }
  }

  carries(participantId: string): boolean {
    return this.slots.some(({ source }) => source?.participantId === participantId);
  }

  /** The slots follow the order. */
  update(order: readonly AudioSource[], nowMicros: number): void {
    const wanted = new Set<AudioSource>();
    for (const source of order) {
      if (wanted.size === this.slots.length) break;
      if (this.excluded === undefined || source.participantId !== this.excluded) wanted.add(source);
    }
    const open = new Set<ViewSlot>();
    for (const slot of this.slots) {
      if (slot.source !== undefined && wanted.delete(slot.source)) continue;
      open.add(slot);
    }
    this.waiting = false;
    for (const slot of open) {
      const up = slot.sentUpTo();
      if (slot.source !== undefined && up !== undefined)
        this.#left.set(slot.source, { slot, atMicros: slot.lastForwardMicros, ...up });
    }
    for (const source of this.#held) if (!wanted.has(source)) this.#held.delete(source);
    for (const source of wanted) {
      const slot = this.#choose(source, open, nowMicros);
      if (slot === undefined) {
        this.waiting = true;
        this.#held.add(source);
        continue;
      }
      open.delete(slot);
      this.#put(source, slot, nowMicros);
    }
    for (const slot of open) if (slot.source !== undefined) slot.assign(undefined, nowMicros);
  }

  /** The same person with another producer: stays where it is. */
  replace(before: AudioSource, after: AudioSource, nowMicros: number): void {
    const left = this.#left.get(before);
    this.#left.delete(before);
    if (left !== undefined) this.#left.set(after, { ...left, generation: -1 });
    for (const slot of this.slots) if (slot.source === before) slot.assign(after, nowMicros);
  }

  forgetSource(source: AudioSource): void {
    this.#left.delete(source);
    this.#held.delete(source);
  }

  close(): void {
    for (const slot of this.slots) slot.close();
  }

  /** Its last one, if nobody has it; else the one that has been quiet for longest. While its last packets are still being
   *  played, only its last one. */
  #choose(source: AudioSource, open: Set<ViewSlot>, nowMicros: number): ViewSlot | undefined {
    const left = this.#left.get(source);
    if (left !== undefined && open.has(left.slot)) {
      if (left.slot.source === undefined || nowMicros - left.atMicros < RECEIVER_LIMITS.restMicros)
        return left.slot;
    } else if (left !== undefined && nowMicros - left.atMicros < RECEIVER_LIMITS.restMicros) {
      return undefined;
    }
    let best: ViewSlot | undefined;
    for (const slot of open) {
      if (best === undefined || slot.lastForwardMicros < best.lastForwardMicros) best = slot;
    }
    return best;
  }

  #put(source: AudioSource, slot: ViewSlot, nowMicros: number): void {
    slot.assign(source, nowMicros);
    this.context.counters.switches++;
    const left = this.#left.get(source);
    const { generation, cache } = source;
    const after = left?.generation === generation ? left.extendedSequence : -1;
    // Speech that had to wait is owed to its listeners (A8).
    const isOwed = this.#held.delete(source) && after >= 0;
    slot.preRoll(after, isOwed ? cache.speechAfter(after, generation) : Infinity, nowMicros);
  }
}
