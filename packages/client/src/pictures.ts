/**
 * What is seen: the video slots with their tracks and people, and what each canvas shows. Lists are replaced when
 * something in them changes, so they can be compared by identity; a slot's stream stays as long as its track.
 * Elsewhere: whose packets they are → videoSlots.ts · asking for a layout → layoutRequests.ts
 */
import type { VideoAssignment, VideoSlot } from './callTypes.js';
import type { CanvasReport, VideoSlotReport } from './messages.js';
import type { ParticipantsStore } from './participants.js';
import type { PeerSlot } from './platform.js';
import type { SlotReading } from './slotReading.js';
import { VideoSlotTracker } from './videoSlots.js';

/** Whether two lists of plain objects say the same. */
function sameLists<T extends object>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((one, index) => {
    const other = b[index]!;
    return (Object.keys(one) as (keyof T)[]).every((key) => one[key] === other[key]);
  });
}

export class Pictures {
  readonly #tracker = new VideoSlotTracker();
  #peerSlots: readonly PeerSlot[] = [];
  #reports: readonly CanvasReport[] = [];
  #slots: readonly VideoSlot[] = [];
  #assignments: readonly VideoAssignment[] = [];

  constructor(
    readonly store: ParticipantsStore,
    readonly emit: {
      slots(slots: readonly VideoSlot[]): void;
      assignments(assignments: readonly VideoAssignment[]): void;
    },
  ) {}

  get slots(): readonly VideoSlot[] {
    return this.#slots;
  }
  get assignments(): readonly VideoAssignment[] {
    return this.#assignments;
  }

  /** The server begins to tell; its numbers are this session's. */
  beginSession(peerSlots: readonly PeerSlot[]): void {
    this.#tracker.reset(peerSlots.length);
    this.#reports = [];
    this.#peerSlots = peerSlots;
    this.refresh();
  }

  hint(reports: readonly VideoSlotReport[], nowMs: number): void {
    if (this.#tracker.hint(reports, nowMs)) this.#refreshSlots();
  }

  assigned(reports: readonly CanvasReport[]): void {
    this.#reports = reports;
    this.#refreshAssignments();
  }

  read(index: number, reading: SlotReading, nowMs: number): void {
    this.#tracker.read(index, reading, nowMs);
  }

  poll(nowMs: number): void {
    if (this.#tracker.poll(nowMs)) this.#refreshSlots();
  }

  /** A CSRC or an entry may have got its person only now. */
  refresh(): void {
    this.#refreshSlots();
    this.#refreshAssignments();
  }

  #refreshSlots(): void {
    const { csrcs } = this.#tracker;
    const slots = this.#peerSlots.map(({ index, mid, track, stream }): VideoSlot => {
      const csrc = csrcs[index];
      const source = csrc === undefined ? undefined : this.store.pictureOf(csrc);
      const { participant, screenshare = false } = source ?? {};
      return { index, mid, track, stream, csrc, participant, screenshare };
    });
    if (sameLists(slots, this.#slots)) return;
    this.#slots = slots;
    this.emit.slots(slots);
  }

  #refreshAssignments(): void {
    const assignments = this.#reports.map(
      ({ canvasId, slot, csrc, participantId, active }): VideoAssignment => ({
        canvasId,
        participant: this.store.get(participantId),
        screenshare: this.store.pictureOf(csrc)?.screenshare ?? false,
        slot,
        active,
        stream: slot === undefined ? undefined : this.#peerSlots[slot]?.stream,
      }),
    );
    if (sameLists(assignments, this.#assignments)) return;
    this.#assignments = assignments;
    this.emit.assignments(assignments);
  }
}
