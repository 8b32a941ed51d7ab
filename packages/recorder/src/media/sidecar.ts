/**
 * What stands beside a part in its JSON file: who, when, codec, gaps, switches, packets. Kept while the part is written.
 * Pure. Elsewhere: when it is written → process/partFile.ts
 */
import type { TrackAbout } from '../types.js';
import type { PartTrack } from './fileParts.js';
import type { IncomingTrack } from './incomingTrack.js';
import type { TrackFrame } from './trackReader.js';

export const SIDECAR_LIMITS = {
  /** Lists of one track; what is beyond is counted. An hour with a loss each second has 3,600. */
  gaps: 5_000,
  switches: 10_000,
  /** From one frame to the next: longer is a pause, not a slow picture or silence that is not sent. */
  pauseMs: 2_000,
} as const;

export interface PacketFigures {
  received: number;
  lost: number;
  recovered: number;
  duplicates: number;
  tooLate: number;
}

export interface Gap {
  /** Of the last frame before it and the first one after, since the part's start. */
  fromMs: number;
  toMs: number;
  /** 0: nothing was lost, nothing came. */
  lostPackets: number;
  leftOutFrames: number;
}

export interface Switch {
  /** Since the part's start. */
  atMs: number;
  csrc: number;
}

export interface TrackSource extends TrackAbout {
  /** Since the part's start. */
  fromMs: number;
}

export interface TrackSidecar {
  number: number;
  kind: 'audio' | 'video';
  codec: string;
  width?: number;
  height?: number;
  channels?: number;
  /** Since the part's start; absent: nothing came. */
  firstMs?: number;
  lastMs?: number;
  /** Whose it is, since when; more than one: one after the other. */
  sources: TrackSource[];
  packets: PacketFigures;
  frames: number;
  keyFrames: number;
  /** Frames and packets that are not in the file, by reason. */
  leftOut: Record<string, number>;
  gaps: Gap[];
  /** Gaps that are not in the list. */
  moreGaps: number;
  switches: Switch[];
  moreSwitches: number;
}

const round = (ms: number): number => Math.round(ms * 1000) / 1000;

/** One track of one part. */
export class TrackRecord {
  readonly #track: PartTrack;
  readonly #sources: TrackSource[] = [];
  /** Who comes with the next frame. */
  #comes: TrackAbout | undefined;
  readonly #packets: PacketFigures = { received: 0, lost: 0, recovered: 0, duplicates: 0, tooLate: 0 };
  readonly #leftOut: Record<string, number> = {};
  readonly #gaps: Gap[] = [];
  readonly #switches: Switch[] = [];
  #moreGaps = 0;
  #moreSwitches = 0;
  #firstMs: number | undefined;
  #lastMs = 0;
  #frames = 0;
  #keyFrames = 0;
  #csrc = 0;

  constructor(track: PartTrack) {
    this.#track = track;
  }

  get number(): number {
    return this.#track.number;
  }

  get lastMs(): number {
    return this.#lastMs;
  }

  /** From the next frame on. */
  addSource(about: TrackAbout): void {
    this.#comes = about;
  }

  /** @param timeMs since the part's start */
  handleFrame(frame: TrackFrame, timeMs: number): void {
    const { missing, csrc } = frame;
    if (this.#comes) {
      this.#sources.push({ ...this.#comes, fromMs: round(timeMs) });
      this.#comes = undefined;
    }
    if (this.#firstMs === undefined) this.#firstMs = timeMs;
    else if (missing || timeMs - this.#lastMs > SIDECAR_LIMITS.pauseMs) {
      if (this.#gaps.length >= SIDECAR_LIMITS.gaps) this.#moreGaps++;
      else
        this.#gaps.push({
          fromMs: round(this.#lastMs),
          toMs: round(timeMs),
          lostPackets: missing?.lostPackets ?? 0,
          leftOutFrames: missing?.leftOutFrames ?? 0,
        });
    }
    this.#lastMs = timeMs;
    this.#frames++;
    if (frame.keyFrame) this.#keyFrames++;
    if (csrc === 0 || csrc === this.#csrc) return;
    this.#csrc = csrc;
    if (this.#switches.length >= SIDECAR_LIMITS.switches) this.#moreSwitches++;
    else this.#switches.push({ atMs: round(timeMs), csrc });
  }

  addTally({ packets, leftOut }: Tally): void {
    const sum = this.#packets;
    sum.received += packets.received;
    sum.lost += packets.lost;
    sum.recovered += packets.recovered;
    sum.duplicates += packets.duplicates;
    sum.tooLate += packets.tooLate;
    for (const [why, count] of Object.entries(leftOut))
      this.#leftOut[why] = (this.#leftOut[why] ?? 0) + count;
  }

  toJson(): TrackSidecar {
    const { number, codec, width, height, channels } = this.#track;
    const isAudio = codec === 'opus';
    return {
      number,
      kind: isAudio ? 'audio' : 'video',
      codec,
      ...(isAudio ? { channels } : {}),
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(this.#firstMs === undefined ? {} : { firstMs: round(this.#firstMs), lastMs: round(this.#lastMs) }),
      sources: this.#sources,
      packets: this.#packets,
      frames: this.#frames,
      keyFrames: this.#keyFrames,
      leftOut: this.#leftOut,
      gaps: this.#gaps,
      moreGaps: this.#moreGaps,
      switches: this.#switches,
      moreSwitches: this.#moreSwitches,
    };
  }
}

export interface Tally {
  packets: PacketFigures;
  leftOut: Record<string, number>;
}

/** What a track has counted since it was asked last: so each packet is in one part's figures. */
export class TallyTaker {
  readonly #track: IncomingTrack;
  #packets: PacketFigures = { received: 0, lost: 0, recovered: 0, duplicates: 0, tooLate: 0 };
  #leftOut: Record<string, number> = {};

  constructor(track: IncomingTrack) {
    this.#track = track;
  }

  take(): Tally {
    const { received, lost, recovered, duplicates, tooLate } = this.#track.line.counters;
    const now: PacketFigures = { received, lost, recovered, duplicates, tooLate };
    const leftOutNow = { ...this.#track.reader.counters.leftOut };
    const before = this.#packets;
    const leftOut: Record<string, number> = {};
    for (const [why, count] of Object.entries(leftOutNow)) {
      const more = count - (this.#leftOut[why] ?? 0);
      if (more > 0) leftOut[why] = more;
    }
    this.#packets = now;
    this.#leftOut = leftOutNow;
    return {
      packets: {
        received: received - before.received,
        lost: lost - before.lost,
        recovered: recovered - before.recovered,
        duplicates: duplicates - before.duplicates,
        tooLate: tooLate - before.tooLate,
      },
      leftOut,
    };
  }
}
