/**
 * What finishing and exporting must know of a whole file, gathered block by block: how long it is, what each track has, and
 * where a player can start. Pure. Elsewhere: who reads the blocks → finishFile.ts, exportMp4.ts
 * Spec: RFC 9559 §5.1.5 (cues), §22 (guidelines: key frames of pictures; for sound alone every few seconds).
 */
import { parseOpus } from '@tertulia/wire';
import { element, unsigned } from './ebml.js';
import { ID, OPUS_RATE_HZ } from './elements.js';
import type { Block, TrackFacts } from './recordingHead.js';

/** Sound alone needs no key frames; a cue every two seconds is what seeking by hand can use. */
const SOUND_CUE_MS = 2_000;
/** Pictures that come with key frames only would get a cue each otherwise. */
const PICTURE_CUE_MS = 500;
/** A last picture is shown as long as the one before it, if that was a usual time. */
const LONGEST_PICTURE_MS = 100;
const DEFAULT_PICTURE_MS = 33;
const DEFAULT_SOUND_MS = 20;

export interface TrackSums {
  frames: number;
  keyFrames: number;
  bytes: number;
  firstMs: number;
  lastMs: number;
  /** How long the last frame lasts. */
  lastDurationMs: number;
}

export interface Cue {
  readonly timeMs: number;
  readonly track: number;
  /** Of the cluster, counted from the segment's start in the new file. */
  readonly clusterAt: number;
}

export class FileFacts {
  readonly tracks = new Map<number, TrackSums>();
  readonly #audio = new Set<number>();
  readonly #pictureCues: Cue[] = [];
  readonly #soundCues: Cue[] = [];
  readonly #lastCueMs = new Map<number, number>();

  constructor(
    tracks: readonly TrackFacts[],
    readonly tickMs: number,
  ) {
    for (const { number, codecId } of tracks) {
      if (codecId.startsWith('A_')) this.#audio.add(number);
      this.tracks.set(number, {
        frames: 0,
        keyFrames: 0,
        bytes: 0,
        firstMs: 0,
        lastMs: 0,
        lastDurationMs: 0,
      });
    }
  }

  isAudio(track: number): boolean {
    return this.#audio.has(track);
  }

  add(block: Block, clusterAt: number): void {
    const sums = this.tracks.get(block.track);
    if (!sums) return;
    const timeMs = block.ticks * this.tickMs;
    const audio = this.#audio.has(block.track);
    if (audio) sums.lastDurationMs = opusMs(block.data);
    else if (sums.frames === 0) sums.lastDurationMs = DEFAULT_PICTURE_MS;
    else if (timeMs > sums.lastMs) sums.lastDurationMs = Math.min(timeMs - sums.lastMs, LONGEST_PICTURE_MS);
    if (sums.frames === 0 || timeMs < sums.firstMs) sums.firstMs = timeMs;
    if (timeMs > sums.lastMs) sums.lastMs = timeMs;
    sums.frames++;
    sums.bytes += block.data.length;
    if (!block.keyFrame) return;
    sums.keyFrames++;
    const last = this.#lastCueMs.get(block.track);
    if (last !== undefined && timeMs < last + (audio ? SOUND_CUE_MS : PICTURE_CUE_MS)) return;
    this.#lastCueMs.set(block.track, timeMs);
    (audio ? this.#soundCues : this.#pictureCues).push({ timeMs, track: block.track, clusterAt });
  }

  get frames(): number {
    let frames = 0;
    for (const sums of this.tracks.values()) frames += sums.frames;
    return frames;
  }

  get durationMs(): number {
    let end = 0;
    for (const { frames, lastMs, lastDurationMs } of this.tracks.values())
      if (frames > 0) end = Math.max(end, lastMs + lastDurationMs);
    return end;
  }

  /** A player that seeks wants key frames of pictures; only where there are none does it start with sound. */
  cues(): readonly Cue[] {
    const cues = this.#pictureCues.length > 0 ? this.#pictureCues : this.#soundCues;
    return cues.sort((a, b) => a.timeMs - b.timeMs);
  }
}

/** The Cues element, one point per time. RFC 9559 §5.1.5.1. */
export function cuesElement(cues: readonly Cue[], tickMs: number): Uint8Array {
  const points: Uint8Array[] = [];
  for (let i = 0; i < cues.length;) {
    const { timeMs } = cues[i]!;
    const positions: Uint8Array[] = [];
    for (; i < cues.length && cues[i]!.timeMs === timeMs; i++)
      positions.push(
        element(
          ID.cueTrackPositions,
          unsigned(ID.cueTrack, cues[i]!.track),
          unsigned(ID.cueClusterPosition, cues[i]!.clusterAt),
        ),
      );
    points.push(element(ID.cuePoint, unsigned(ID.cueTime, Math.round(timeMs / tickMs)), ...positions));
  }
  return element(ID.cues, ...points);
}

export function opusMs(data: Uint8Array): number {
  const packet = parseOpus(data);
  return packet.ok ? (packet.value.samples * 1000) / OPUS_RATE_HZ : DEFAULT_SOUND_MS;
}
