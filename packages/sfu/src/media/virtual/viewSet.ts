/**
 * The views of one room for receivers with one number of slots. Nearly everybody shares the view that leaves nobody
 * out; a participant whose own source is in it gets one without, forked from it so that nothing is renumbered.
 * Their number is bounded by the slots: one per source in the shared view, and as many again that are about to close.
 * Spec: virtual streams A5, S1. Elsewhere: one view → view.ts · moving → receiver.ts
 */
import type { AudioSource } from './audioSource.js';
import type { Ranker } from './ranker.js';
import type { Receiver } from './receiver.js';
import { View } from './view.js';
import type { RoomContext } from './viewSlot.js';

export const VIEW_LIMITS = {
  /** µs for which a view that is needed no more waits at most until the shared one carries the same. */
  leaveMicros: 5_000_000,
  /** Views beside the shared one, per slot and one more: one is needed at most for each slot, as many again may be about to
   *  close. Beyond it they close at once, for each costs a number and a command per packet. */
  perSlot: 2,
} as const;

export class ViewSet {
  readonly #shared: View;
  readonly #without = new Map<string, View>();
  /** Views that are needed no more, and since when. */
  readonly #leaving = new Map<View, number>();
  readonly #receivers = new Set<Receiver>();
  readonly #byParticipant = new Map<string, Set<Receiver>>();

  constructor(
    private readonly context: RoomContext,
    readonly slotCount: number,
    readonly ranker: Ranker<AudioSource>,
    nowMicros: number,
  ) {
    this.#shared = new View(context, undefined, { count: slotCount });
    this.#shared.update(ranker.order, nowMicros);
  }

  get receiverCount(): number {
    return this.#receivers.size;
  }
  get views(): View[] {
    return [this.#shared, ...this.#without.values()];
  }
  /** Something is to be done that does not wait for the order to change. */
  get waiting(): boolean {
    if (this.#shared.waiting || this.#leaving.size > 0) return true;
    for (const view of this.#without.values()) if (view.waiting) return true;
    return false;
  }

  /** After the order changed, or while somebody waits. */
  update(nowMicros: number): void {
    const { order } = this.ranker;
    // First out of the way, or a receiver would hear its own participant's first packets.
    const top = new Set<string>();
    for (const { participantId } of order.slice(0, this.slotCount)) top.add(participantId);
    for (const participantId of top) {
      if (this.#without.has(participantId) || !this.#byParticipant.has(participantId)) continue;
      const view = this.#fork(participantId);
      for (const receiver of this.#byParticipant.get(participantId)!) this.#move(receiver, view, nowMicros);
    }
    this.#shared.update(order, nowMicros);
    for (const view of this.#without.values()) view.update(order, nowMicros);
    // Back last: both tables are what they will be, and first packets have been sent.
    for (const [participantId, view] of this.#without) {
      if (top.has(participantId) || this.#shared.carries(participantId)) {
        this.#leaving.delete(view);
        continue;
      }
      if (!this.#level(view, nowMicros)) continue;
      for (const receiver of this.#byParticipant.get(participantId) ?? [])
        this.#move(receiver, this.#shared, nowMicros);
      this.#close(participantId, view);
    }
  }

  add(receiver: Receiver, nowMicros: number): void {
    this.#receivers.add(receiver);
    const { participantId } = receiver;
    let view = this.#shared;
    if (participantId !== undefined) {
      let siblings = this.#byParticipant.get(participantId);
      if (siblings === undefined) this.#byParticipant.set(participantId, (siblings = new Set()));
      siblings.add(receiver);
      const without = this.#without.get(participantId);
      if (without !== undefined) view = without;
      else if (this.#shared.carries(participantId)) {
        view = this.#fork(participantId);
        view.update(this.ranker.order, nowMicros);
      }
    }
    receiver.follow(view, nowMicros);
    this.context.changed.add(receiver);
  }

  remove(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    receiver.free();
    const { participantId } = receiver;
    if (participantId === undefined) return;
    const siblings = this.#byParticipant.get(participantId);
    siblings?.delete(receiver);
    if (siblings?.size !== 0) return;
    this.#byParticipant.delete(participantId);
    const without = this.#without.get(participantId);
    if (without !== undefined) this.#close(participantId, without);
  }

  close(): void {
    for (const view of this.views) view.close();
    this.#without.clear();
    this.#leaving.clear();
  }

  /** Both carry the same, so that nobody's sound begins anew with the move; or that took too long, or there are too many. */
  #level(view: View, nowMicros: number): boolean {
    const since = this.#leaving.get(view);
    if (since === undefined) this.#leaving.set(view, nowMicros);
    else if (nowMicros - since >= VIEW_LIMITS.leaveMicros) return true;
    if (this.#without.size > VIEW_LIMITS.perSlot * this.slotCount + 1) return true;
    return view.slots.every(
      (slot) =>
        slot.source === undefined || this.#shared.slots.some((other) => other.covers(slot, nowMicros)),
    );
  }

  #fork(participantId: string): View {
    const view = new View(this.context, participantId, this.#shared);
    this.#without.set(participantId, view);
    return view;
  }

  #move(receiver: Receiver, view: View, nowMicros: number): void {
    receiver.follow(view, nowMicros);
    this.context.counters.moves++;
    this.context.changed.add(receiver);
  }

  #close(participantId: string, view: View): void {
    this.#without.delete(participantId);
    this.#leaving.delete(view);
    view.close();
  }
}
