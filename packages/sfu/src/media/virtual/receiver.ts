/**
 * One receiver: its slots, the view that it follows, and how its slots are spread over that view's. The spread is a
 * permutation: whichever view the receiver is put into, what it hears already stays on the stream that it hears it from.
 * Spec: virtual streams A2, A4 per receiver, over changes of view. Elsewhere: when a receiver changes view → viewSet.ts
 */
import type { AudioSource } from './audioSource.js';
import { RECEIVER_LIMITS, ReceiverSlot, type SlotConstants } from './receiverSlot.js';
import type { SlotReport } from './types.js';
import type { View } from './view.js';
import type { RoomContext, ViewSlot } from './viewSlot.js';

interface Left {
  readonly slot: ReceiverSlot;
  readonly from: ViewSlot;
  readonly atMicros: number;
  readonly upTo: ReturnType<ViewSlot['sentUpTo']>;
}

export class Receiver {
  readonly slots: readonly ReceiverSlot[];
  /** Filled anew for each sender report. */
  readonly reports: SlotReport[];
  view: View | undefined;
  enabled: boolean;
  /** Where a source was last, and until when it was sent. */
  readonly #left = new Map<AudioSource, Left>();

  constructor(
    readonly id: string,
    /** Whose own sources it never gets. */
    readonly participantId: string | undefined,
    slots: readonly SlotConstants[],
    enabled: boolean,
    context: RoomContext,
  ) {
    this.enabled = enabled;
    this.slots = slots.map(
      (constants, position) => new ReceiverSlot(context, this, position, constants, enabled),
    );
    this.reports = this.slots.map(({ ssrc, entry, baseTimestamp }) => ({
      ssrc,
      entry,
      baseTimestamp,
      clockRate: context.clockRate,
      rtpTimestamp: 0,
      packetCount: 0,
      octetCount: 0,
      active: false,
    }));
  }

  /** Follows another view from now on. */
  follow(view: View, nowMicros: number): void {
    this.view?.receivers.delete(this);
    this.view = view;
    view.receivers.add(this);
    if (this.enabled) this.#spread(view, nowMicros);
  }

  setEnabled(on: boolean, nowMicros: number): void {
    if (this.enabled === on) return;
    this.enabled = on;
    if (!on) for (const slot of this.slots) slot.leave();
    else if (this.view !== undefined) this.#spread(this.view, nowMicros);
  }

  /** What a slot has carried until now is gone from there. */
  noteLeft(source: AudioSource, slot: ReceiverSlot, from: ViewSlot): void {
    const atMicros = from.lastForwardMicros;
    const upTo = from.sentUpTo();
    for (const [other, left] of this.#left) {
      if (atMicros - left.atMicros > RECEIVER_LIMITS.restMicros) this.#left.delete(other);
    }
    this.#left.set(source, { slot, from, atMicros, upTo });
  }
  /** It went on elsewhere without a break. */
  noteStayed(source: AudioSource): void {
    this.#left.delete(source);
  }

  /** Not while another slot's jitter buffer still plays the same source, and not what another view has just sent. */
  mayStart(slot: ReceiverSlot, source: AudioSource, from: ViewSlot, nowMicros: number): boolean {
    const left = this.#left.get(source);
    if (left === undefined || nowMicros - left.atMicros >= RECEIVER_LIMITS.restMicros) return true;
    return left.slot === slot && left.from === from;
  }

  /** From this number of the source on nothing was heard here, for what came had to wait (A8). undefined: nothing is owed */
  owedFrom(source: AudioSource, nowMicros: number): number | undefined {
    const left = this.#left.get(source);
    if (left?.upTo === undefined || nowMicros - left.atMicros > RECEIVER_LIMITS.mostOwedMicros)
      return undefined;
    return left.upTo.generation === source.generation ? left.upTo.extendedSequence + 1 : undefined;
  }

  free(): void {
    this.view?.receivers.delete(this);
    this.view = undefined;
    for (const slot of this.slots) slot.free();
  }

  #spread(view: View, nowMicros: number): void {
    const open = new Set(view.slots);
    const plan = new Map<ReceiverSlot, ViewSlot>();
    const choose = (wanted: (slot: ReceiverSlot, candidate: ViewSlot) => boolean): void => {
      for (const slot of this.slots) {
        if (plan.has(slot)) continue;
        for (const candidate of open) {
          if (!wanted(slot, candidate)) continue;
          plan.set(slot, candidate);
          open.delete(candidate);
          break;
        }
      }
    };
    choose((slot, { source }) => source !== undefined && slot.slot?.source === source);
    choose((slot, { source }) => {
      const left = source && this.#left.get(source);
      return (
        left !== undefined && left.slot === slot && nowMicros - left.atMicros < RECEIVER_LIMITS.restMicros
      );
    });
    choose((slot, { position }) => slot.position === position);
    choose(() => true);
    for (const [slot, viewSlot] of plan) slot.move(viewSlot, nowMicros);
  }
}
