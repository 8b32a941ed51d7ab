/**
 * Plays the sound and the picture of one source in step, although a browser sees two unrelated tracks. Pure: anchors,
 * readings, buffer sizes and `now` (monotonic ms) in, playout delays out. Spec: virtual streams R5.
 *
 * How late a slot plays is `timestamp − capture time`. The browser tells the RTP timestamp of what it plays now; the
 * server's anchor turns that into the time at which it was captured, on the server's clock; `timestamp` is on the
 * browser's. The two clocks differ by an unknown amount, but by the same for all slots, so it falls out of a difference.
 *
 *     skew = lateness of the picture − lateness of the sound      > 0: the picture comes after its sound
 *
 * At one instant the one that is less late plays what was captured later: it is ahead. The other cannot be hurried, so
 * the one that is ahead is held back, by a minimum for its jitter buffer. Only one of the two ever is.
 *
 * What `timestamp` means, measured in Chromium 156: milliseconds since 1970 (performance.timeOrigin + now) for both
 * kinds. For sound, when 10 ms of it were taken out of the jitter buffer; the sound card's own delay follows (10 to 40 ms).
 * For pictures, when the frame was handed to the track; the screen shows it 6 to 33 ms later, 23 ms in the middle. The sound
 * device's delay is told in statistics; where it is not, it is taken for as long as the screen's. An audio slot tells nothing
 * while no element plays it.
 * Also measured: lateness follows the jitter buffer millisecond by millisecond; a picture's buffer obeys within half a
 * second, a sound's by about 50 ms a second (it is stretched), and settles 10 ms (sound) to 18 ms (picture) below the target.
 */
import type { SlotReport } from './messages.js';
import type { AudioVideoPair } from './participants.js';
import type { SlotLook } from './platform.js';
import { newestSource, type SlotReading } from './slotReading.js';

export type Kind = 'audio' | 'video';

export const LIP_SYNC = {
  windowMs: 600, // readings that one lateness is the mean of: packets of 20 ms and frames of 33 ms make single ones jump
  readings: 4, // fewer say nothing
  beginMs: 15, // skew from which one is held back: below what anybody notices (about 45 ms), above the jumps
  changeMs: 6, // smaller corrections than this are not worth telling the browser
  stepMs: 40, // a change in one go: a picture stands still that long, a frame or two
  stepGapMs: 200, // between changes; with `stepMs`, 200 ms of skew are gone after a second
  longestMs: 4_000, // W3C webrtc-extensions: jitterBufferTarget beyond it throws
  bufferedMs: 500, // between two looks at the jitter buffers of a pair
  lookMs: 1_200, // the first size comes with the second look; without one, a usual size is taken
  steadyMs: 10, // by which it moves all the same on a busy machine
  lateMs: 20, // held back and later than the other by this: the minimum is given up and the other one's turn comes
  lateForMs: 600, // all the time: what was read before counts no more
  absentMs: 5_000, // pauses between words free an audio slot; what was reached is kept over them
} as const;

/**
 * By how much a picture is seen later, and a sound without its device heard later, than their readings say: the difference. Measured in
 * Chromium 156 with pictures and beeps of known times: 6 ms in the middle (screen; decoder and the packet's begun half). Half of it is
 * taken, for what is held back ends up to `changeMs` early.
 */
const SEEN_LATER_MS = 3;
/** Bluetooth needs up to 300 ms. What is beyond it is no delay of a device. */
const LONGEST_DEVICE_MS = 500;

const TICKS_PER_MS: Record<Kind, number> = { audio: 48, video: 90 };
/** How far below its target a buffer settles; where a browser differs, the correction finds out. */
const BELOW_TARGET_MS: Record<Kind, number> = { audio: 10, video: 18 };
/** When the skew has not moved for so long, what is left is our model's error and is corrected: each buffer's time to obey, and twice `windowMs`. */
const SETTLED_MS: Record<Kind, number> = { audio: 2_000, video: 1_200 };
/** Taken while a browser tells no buffer sizes. */
const USUAL_BUFFER_MS: Record<Kind, number> = { audio: 60, video: 20 };

export type Anchor = Pick<SlotReport, 'csrc' | 'rtpTimestamp' | 'captureTimeMs'>;
export interface DelayChange {
  readonly kind: Kind;
  readonly slot: number;
  readonly delayMs: number | null;
}
export interface Skew {
  readonly participantId: string;
  readonly skewMs: number;
}

interface Sample {
  atMs: number;
  lateMs: number;
}

/** One slot: what it plays and how late. */
class Slot {
  anchor: Anchor | undefined;
  csrc: number | undefined;
  delayMs: number | null = null;
  changedAtMs = -Infinity;
  /** Lateness without any buffer: path and clocks. undefined: not known yet. */
  pathMs: number | undefined;
  bufferedMs: number | undefined;
  #timestamp = -Infinity;
  #samples: Sample[] = [];
  #sumMs = 0;
  #count = 0;

  constructor(readonly kind: Kind) {}

  read(reading: SlotReading, nowMs: number): void {
    const newest = newestSource(reading);
    if (!newest || newest.timestamp <= this.#timestamp) return;
    this.#timestamp = newest.timestamp;
    if (newest.source !== this.csrc) this.#begin(newest.source);
    const { anchor } = this;
    if (newest.rtpTimestamp === undefined || anchor?.csrc !== newest.source) return;
    if (anchor.rtpTimestamp === undefined || anchor.captureTimeMs === undefined) return;
    const ticks = (newest.rtpTimestamp - anchor.rtpTimestamp) | 0; // nearest way round the 32 bits
    const lateMs = newest.timestamp - (anchor.captureTimeMs + ticks / TICKS_PER_MS[this.kind]);
    this.#samples.push({ atMs: nowMs, lateMs });
    this.#sumMs += lateMs;
    this.#count += 1;
  }

  /** Mean of the last readings; undefined when there are too few. */
  lateMs(nowMs: number): number | undefined {
    this.#samples = this.#samples.filter(({ atMs }) => nowMs - atMs < LIP_SYNC.windowMs);
    if (this.#samples.length < LIP_SYNC.readings) return undefined;
    return this.#samples.reduce((sum, { lateMs }) => sum + lateMs, 0) / this.#samples.length;
  }

  /** The mean size of the buffer since the last call. */
  buffered(bufferedMs: number | undefined): void {
    if (bufferedMs !== undefined && this.#count > 0) {
      this.bufferedMs = bufferedMs;
      this.pathMs = this.#sumMs / this.#count - bufferedMs;
    }
    this.#sumMs = 0;
    this.#count = 0;
  }

  #begin(csrc: number): void {
    this.csrc = csrc;
    this.pathMs = undefined;
    this.bufferedMs = undefined;
    this.#samples = [];
    this.buffered(undefined);
  }
}

/** The sound and the picture of one source, both in slots now. */
interface Pair {
  readonly of: AudioVideoPair;
  ends: Record<Kind, number>;
  readonly foundAtMs: number;
  seenAtMs: number;
  lookedAtMs: number;
  skewMs: number | undefined;
  /** Which of the two is held back. */
  held: Kind | undefined;
  correctionMs: number;
  /** Since when the skew has been about this. */
  settled: { skewMs: number; atMs: number };
  /** Since when the one that is held back has been the later one. */
  lateSinceMs: number | undefined;
}

export class LipSync {
  #slots: Record<Kind, Slot[]> = { audio: [], video: [] };
  #known: readonly AudioVideoPair[] = [];
  /** By the CSRC of the sound. */
  readonly #pairs = new Map<number, Pair>();
  #changes: DelayChange[] = [];
  /** What comes after the readings, for a sound more than for a picture. */
  #afterSoundMs = 0;

  /** A new session: other tracks, none of them held back. */
  reset(counts: Record<Kind, number>): void {
    const slots = (kind: Kind): Slot[] => Array.from({ length: counts[kind] }, () => new Slot(kind));
    this.#slots = { audio: slots('audio'), video: slots('video') };
    this.#pairs.clear();
    this.#changes = [];
  }

  /** Which sounds and pictures belong together. */
  know(pairs: readonly AudioVideoPair[]): void {
    this.#known = pairs;
  }

  anchor(kind: Kind, slot: number, anchor: Anchor): void {
    const to = this.#slots[kind][slot];
    if (to) to.anchor = anchor;
  }

  read(kind: Kind, slot: number, reading: SlotReading, nowMs: number): void {
    this.#slots[kind][slot]?.read(reading, nowMs);
  }

  /** The answer to `looks`. */
  look(kind: Kind, slot: number, { bufferedMs, deviceMs }: SlotLook): void {
    this.#slots[kind][slot]?.buffered(bufferedMs);
    if (kind === 'audio' && deviceMs !== undefined && deviceMs <= LONGEST_DEVICE_MS)
      this.#afterSoundMs = deviceMs - SEEN_LATER_MS;
  }

  /** Pairs of which both are played now. */
  get skews(): Skew[] {
    const skews: Skew[] = [];
    for (const { of, skewMs } of this.#pairs.values())
      if (skewMs !== undefined) skews.push({ participantId: of.participantId, skewMs });
    return skews;
  }

  /** The slots whose buffers are to be measured now: those of pairs, twice a second. */
  looks(nowMs: number): { kind: Kind; slot: number }[] {
    const looks: { kind: Kind; slot: number }[] = [];
    for (const pair of this.#pairs.values()) {
      if (nowMs - pair.lookedAtMs < LIP_SYNC.bufferedMs) continue;
      pair.lookedAtMs = nowMs;
      for (const kind of ['audio', 'video'] as const) looks.push({ kind, slot: pair.ends[kind] });
    }
    return looks;
  }

  /** Call it ten times a second, after `read`. @returns what is to be told to the browser */
  poll(nowMs: number): DelayChange[] {
    this.#findPairs(nowMs);
    for (const [key, pair] of this.#pairs) {
      const gone =
        nowMs - pair.seenAtMs > LIP_SYNC.absentMs ||
        !this.#known.some(
          ({ audioCsrc, videoCsrc }) => audioCsrc === pair.of.audioCsrc && videoCsrc === pair.of.videoCsrc,
        );
      if (gone || this.#heldIsAnother(pair)) {
        this.#release(pair, nowMs);
        this.#pairs.delete(key);
      } else this.#hold(pair, nowMs);
    }
    return this.#changes.splice(0);
  }

  #findPairs(nowMs: number): void {
    for (const of of this.#known) {
      const audio = this.#slots.audio.findIndex(
        (slot) => slot.csrc === of.audioCsrc && slot.lateMs(nowMs) !== undefined,
      );
      const video = this.#slots.video.findIndex(
        (slot) => slot.csrc === of.videoCsrc && slot.lateMs(nowMs) !== undefined,
      );
      const pair = this.#pairs.get(of.audioCsrc);
      if (pair) pair.skewMs = undefined;
      if (audio < 0 || video < 0) continue;
      const ends = { audio, video };
      if (!pair) {
        this.#pairs.set(of.audioCsrc, {
          of,
          ends,
          foundAtMs: nowMs,
          seenAtMs: nowMs,
          lookedAtMs: -Infinity,
          skewMs: undefined,
          held: undefined,
          correctionMs: 0,
          settled: { skewMs: 0, atMs: nowMs },
          lateSinceMs: undefined,
        });
        continue;
      }
      // It came back in another slot: nothing holds that one.
      if (pair.held && pair.ends[pair.held] !== ends[pair.held]) this.#release(pair, nowMs);
      pair.ends = ends;
      pair.seenAtMs = nowMs;
    }
  }

  #heldIsAnother({ held, ends, of }: Pair): boolean {
    if (!held) return false;
    const csrc = held === 'audio' ? of.audioCsrc : of.videoCsrc;
    return this.#slots[held][ends[held]]?.csrc !== csrc;
  }

  #hold(pair: Pair, nowMs: number): void {
    const late = (kind: Kind): number | undefined => this.#slots[kind][pair.ends[kind]]?.lateMs(nowMs);
    const [readMs, videoMs] = [late('audio'), late('video')];
    if (readMs === undefined || videoMs === undefined) return; // a pause: things stay as they are
    const audioMs = readMs + this.#afterSoundMs;
    const skewMs = videoMs - audioMs;
    pair.skewMs = skewMs;
    if (!pair.held && Math.abs(skewMs) < LIP_SYNC.beginMs) return;
    const ahead = skewMs > 0 ? 'audio' : 'video';
    // Whose turn it is, is open until the first minimum is set.
    const isOpen = !pair.held || this.#slots[pair.held][pair.ends[pair.held]]?.delayMs === null;
    if (isOpen && pair.held !== ahead && Math.abs(skewMs) >= LIP_SYNC.beginMs) {
      pair.held = ahead;
      pair.correctionMs = 0;
      pair.settled = { skewMs, atMs: nowMs };
      pair.lateSinceMs = undefined;
    }
    const held = pair.held!;
    const slot = this.#slots[held][pair.ends[held]]!;
    const aheadMs = held === 'audio' ? skewMs : -skewMs;
    const goalMs = held === 'audio' ? videoMs : audioMs;

    if (Math.abs(skewMs - pair.settled.skewMs) >= LIP_SYNC.steadyMs) pair.settled = { skewMs, atMs: nowMs };
    const settled = nowMs - pair.settled.atMs >= SETTLED_MS[held];
    if (aheadMs >= -LIP_SYNC.lateMs) pair.lateSinceMs = undefined;
    else pair.lateSinceMs ??= nowMs;
    const isLate = nowMs - (pair.lateSinceMs ?? nowMs) >= LIP_SYNC.lateForMs;
    // The minimum does nothing any more, and still this is the later one: the other has become quicker, or this one's own buffer
    // larger. How large a buffer is, is known after the second look since the last change.
    const { delayMs, bufferedMs } = slot;
    const known = nowMs - slot.changedAtMs >= LIP_SYNC.lookMs;
    const idle = delayMs === 0 || (known && (bufferedMs ?? 0) > (delayMs ?? 0) + LIP_SYNC.changeMs);
    if (delayMs !== null && isLate && idle) {
      this.#release(pair, nowMs);
      return;
    }
    // A moment for the first look at the buffer.
    if (slot.pathMs === undefined && nowMs - pair.foundAtMs < LIP_SYNC.lookMs) return;
    const pathMs = (slot.pathMs ??= (held === 'audio' ? readMs : videoMs) - USUAL_BUFFER_MS[held]);
    const afterMs = held === 'audio' ? this.#afterSoundMs : 0;
    if (delayMs !== null && settled && Math.abs(aheadMs) >= LIP_SYNC.changeMs) {
      pair.correctionMs += aheadMs;
      pair.settled = { skewMs, atMs: nowMs };
    }
    const wantedMs = goalMs - afterMs - pathMs + BELOW_TARGET_MS[held] + pair.correctionMs;
    if (this.#step(pair, slot, wantedMs, nowMs)) pair.settled = { skewMs, atMs: nowMs };
  }

  #step({ held, ends }: Pair, slot: Slot, wantedMs: number, nowMs: number): boolean {
    const wanted = Math.round(Math.min(Math.max(wantedMs, 0), LIP_SYNC.longestMs));
    // The first minimum begins where the buffer is, so that the step is one in what is seen.
    const usual = (slot.bufferedMs ?? USUAL_BUFFER_MS[slot.kind]) + BELOW_TARGET_MS[slot.kind];
    const present = slot.delayMs ?? Math.round(Math.min(wanted, usual));
    const by = Math.max(-LIP_SYNC.stepMs, Math.min(LIP_SYNC.stepMs, wanted - present));
    if (Math.abs(by) < LIP_SYNC.changeMs || nowMs - slot.changedAtMs < LIP_SYNC.stepGapMs) return false;
    slot.delayMs = present + by;
    slot.changedAtMs = nowMs;
    this.#changes.push({ kind: held!, slot: ends[held!], delayMs: slot.delayMs });
    return true;
  }

  #release(pair: Pair, nowMs: number): void {
    if (!pair.held) return;
    const { held } = pair;
    pair.held = undefined;
    pair.correctionMs = 0;
    const slot = this.#slots[held][pair.ends[held]];
    if (!slot || slot.delayMs === null) return;
    slot.delayMs = null;
    slot.changedAtMs = nowMs;
    this.#changes.push({ kind: held, slot: pair.ends[held], delayMs: null });
  }
}
