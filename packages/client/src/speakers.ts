/**
 * Who is heard in each audio slot. The CSRC of the packets is the truth; the `speakers` message is the hint for the
 * time in which nothing is played, and the only source in browsers without `getContributingSources()`.
 * Pure: readings, hints and `now` in (monotonic ms), slots out.
 */
import { LIMITS as MESSAGE_LIMITS, type SlotReport } from './messages.js';
import { LOUDEST_CSRC, newestTimestamp, type SlotReading } from './slotReading.js';

export const SPEAKER_TIMES = {
  freshMs: 350, // packets this recent outvote the hint: three polls, so that a hint that is ahead of playout does not flicker
  packetsOnlyMs: 2_000, // without any hint a slot is believed empty after this; DTX sends every 400 ms
  holdMs: 400, // "speaks" lasts this long after the last loud reading: pauses between words
} as const;
/** −45 dBov as linear amplitude (RFC 6464 counts dBov): above a quiet room, below soft speech. */
export const SPEAKING_LEVEL = 0.0056;

export interface SlotState {
  readonly csrc: number | undefined;
  readonly loudest: boolean;
  /** Linear, 0…1; undefined when the browser gives none. */
  readonly level: number | undefined;
  readonly speaking: boolean;
}

interface Slot {
  timestamp: number;
  packetAtMs: number;
  packetCsrc: number | undefined;
  packetLoudest: boolean;
  level: number | undefined;
  loudAtMs: number;
  hint: SlotReport | undefined;
  state: SlotState;
}

const EMPTY: SlotState = { csrc: undefined, loudest: false, level: undefined, speaking: false };
const emptySlot = (): Slot => ({
  timestamp: -Infinity,
  packetAtMs: -Infinity,
  packetCsrc: undefined,
  packetLoudest: false,
  level: undefined,
  loudAtMs: -Infinity,
  hint: undefined,
  state: EMPTY,
});

export class SpeakerTracker {
  #slots: Slot[] = [];

  get slots(): readonly SlotState[] {
    return this.#slots.map((slot) => slot.state);
  }

  /** A new session: other tracks, other clock. */
  reset(count: number): void {
    this.#slots = Array.from({ length: Math.min(count, MESSAGE_LIMITS.slots) }, emptySlot);
  }

  hint(reports: readonly SlotReport[], nowMs: number): boolean {
    for (const report of reports) {
      const slot = this.#slots[report.slot];
      if (slot) slot.hint = report;
    }
    return this.poll(nowMs);
  }

  /** Takes one slot's reading; `poll` makes it visible. */
  read(index: number, reading: SlotReading, nowMs: number): void {
    const slot = this.#slots[index];
    if (!slot) return;
    const newest = newestTimestamp(reading);
    if (newest > slot.timestamp) {
      slot.timestamp = newest;
      slot.packetAtMs = nowMs;
      slot.packetLoudest = false;
      for (const { source, timestamp, audioLevel } of reading.contributing) {
        if (timestamp !== newest) continue;
        if (source === LOUDEST_CSRC) slot.packetLoudest = true;
        else {
          slot.packetCsrc = source;
          slot.level = audioLevel;
        }
      }
    }
    if (slot.packetAtMs === nowMs) {
      // The level of RFC 6464 comes with the SSRC; a CSRC has one only with RFC 6465.
      let heard = -Infinity;
      for (const { timestamp, audioLevel } of reading.synchronization) {
        if (timestamp <= heard || audioLevel === undefined) continue;
        heard = timestamp;
        slot.level ??= audioLevel;
      }
    }
  }

  /** Recomputes the slots. @returns whether anything that a listener sees has changed */
  poll(nowMs: number): boolean {
    let changed = false;
    for (const slot of this.#slots) {
      const next = this.#stateOf(slot, nowMs);
      const old = slot.state;
      changed ||=
        next.csrc !== old.csrc ||
        next.loudest !== old.loudest ||
        next.speaking !== old.speaking ||
        next.level !== old.level;
      slot.state = next;
    }
    return changed;
  }

  #stateOf(slot: Slot, nowMs: number): SlotState {
    const age = nowMs - slot.packetAtMs;
    const fresh = age < (slot.hint ? SPEAKER_TIMES.freshMs : SPEAKER_TIMES.packetsOnlyMs);
    const csrc = fresh ? slot.packetCsrc : slot.hint?.csrc || undefined;
    if (csrc === undefined) return EMPTY;
    if (csrc !== slot.state.csrc) slot.loudAtMs = -Infinity;
    const loudest = fresh ? slot.packetLoudest : (slot.hint?.loudest ?? false);
    const level = age < SPEAKER_TIMES.freshMs ? slot.level : undefined;
    if (level !== undefined) {
      if (level >= SPEAKING_LEVEL) slot.loudAtMs = nowMs;
    } else if (loudest) slot.loudAtMs = nowMs; // no level known here: the room's loudest is taken to speak
    return { csrc, loudest, level, speaking: nowMs - slot.loudAtMs < SPEAKER_TIMES.holdMs };
  }
}
