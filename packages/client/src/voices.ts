/**
 * What is heard: the audio slots with their tracks and people. The list is replaced when something in it changes.
 * Elsewhere: who is heard in a slot, and who speaks → speakers.ts · playing it → audioSink.ts
 */
import type { AudioSlot } from './callTypes.js';
import type { SlotReport } from './messages.js';
import type { ParticipantsStore } from './participants.js';
import type { PeerSlot } from './platform.js';
import type { SlotReading } from './slotReading.js';
import { SpeakerTracker } from './speakers.js';

const NOBODY = { csrc: undefined, loudest: false, speaking: false, level: undefined } as const;
/** What a listener of `speakers` sees; a level changes all the time. */
const VISIBLE = ['csrc', 'participant', 'loudest', 'speaking'] as const satisfies (keyof AudioSlot)[];

export class Voices {
  readonly #tracker = new SpeakerTracker();
  #peerSlots: readonly PeerSlot[] = [];
  #slots: readonly AudioSlot[] = [];

  constructor(
    readonly store: ParticipantsStore,
    readonly emit: { speakers(slots: readonly AudioSlot[]): void; tracks(slots: readonly AudioSlot[]): void },
  ) {}

  get slots(): readonly AudioSlot[] {
    return this.#slots;
  }

  /** The server begins to tell; its numbers are this session's. */
  beginSession(slots: number): void {
    this.#tracker.reset(slots);
  }

  useTracks(peerSlots: readonly PeerSlot[]): void {
    this.#peerSlots = peerSlots;
    this.#refresh(true);
  }

  hint(reports: readonly SlotReport[], nowMs: number): void {
    if (this.#tracker.hint(reports, nowMs)) this.#refresh();
  }

  read(index: number, reading: SlotReading, nowMs: number): void {
    this.#tracker.read(index, reading, nowMs);
  }

  poll(nowMs: number): void {
    if (this.#tracker.poll(nowMs)) this.#refresh();
  }

  /** A CSRC may have got its person only now. */
  refresh(): void {
    this.#refresh();
  }

  #refresh(newTracks = false): void {
    const states = this.#tracker.slots;
    const before = this.#slots;
    const slots = this.#peerSlots.map(({ index, mid, track, stream }): AudioSlot => {
      const state = states[index] ?? NOBODY;
      const participant = state.csrc === undefined ? undefined : this.store.byCsrc(state.csrc);
      return { index, mid, track, stream, participant, ...state };
    });
    this.#slots = slots;
    if (newTracks) this.emit.tracks(slots);
    if (slots.some((slot, index) => VISIBLE.some((key) => slot[key] !== before[index]?.[key])))
      this.emit.speakers(slots);
  }
}
