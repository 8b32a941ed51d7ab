/**
 * Whose picture each video slot carries. As with sound, the CSRC of the packets is the truth; the `videoSlots` message is
 * the hint for the time in which nothing is played (a screen that stands still) and for browsers that tell no CSRCs.
 * Pure: readings, hints and `now` in (monotonic ms), CSRCs out.
 */
import { LIMITS as MESSAGE_LIMITS, type VideoSlotReport } from './messages.js';
import { newestSource, type SlotReading } from './slotReading.js';
import { SPEAKER_TIMES } from './speakers.js';

interface Slot {
  timestamp: number;
  packetAtMs: number;
  packetCsrc: number | undefined;
  hint: VideoSlotReport | undefined;
  csrc: number | undefined;
}

export class VideoSlotTracker {
  #slots: Slot[] = [];

  get csrcs(): readonly (number | undefined)[] {
    return this.#slots.map(({ csrc }) => csrc);
  }

  /** A new session: other tracks, other clock. */
  reset(count: number): void {
    this.#slots = Array.from({ length: Math.min(count, MESSAGE_LIMITS.slots) }, () => ({
      timestamp: -Infinity,
      packetAtMs: -Infinity,
      packetCsrc: undefined,
      hint: undefined,
      csrc: undefined,
    }));
  }

  hint(reports: readonly VideoSlotReport[], nowMs: number): boolean {
    for (const report of reports) {
      const slot = this.#slots[report.slot];
      if (slot) slot.hint = report;
    }
    return this.poll(nowMs);
  }

  /** Takes one slot's reading; `poll` makes it visible. */
  read(index: number, reading: SlotReading, nowMs: number): void {
    const slot = this.#slots[index];
    const newest = newestSource(reading);
    if (!slot || !newest || newest.timestamp <= slot.timestamp) return;
    slot.timestamp = newest.timestamp;
    slot.packetAtMs = nowMs;
    slot.packetCsrc = newest.source;
  }

  /** @returns whether a slot is somebody else's now */
  poll(nowMs: number): boolean {
    let changed = false;
    for (const slot of this.#slots) {
      const age = nowMs - slot.packetAtMs;
      // A hint comes ahead of the pictures that are still buffered here: those that are seen count first.
      const fresh = age < (slot.hint ? SPEAKER_TIMES.freshMs : SPEAKER_TIMES.packetsOnlyMs);
      const csrc = fresh ? slot.packetCsrc : slot.hint?.csrc || undefined;
      changed ||= csrc !== slot.csrc;
      slot.csrc = csrc;
    }
    return changed;
  }
}
