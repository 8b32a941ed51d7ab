/**
 * Which frames go into which numbered part of a file. A container names its tracks at its beginning: so a part gathers for
 * a second or two, begins with the tracks that are there by then, and a track that comes later, or with another codec, begins
 * the next part. Sound moves over at once, a picture with its next key frame; until then it goes on in the part before. What
 * is silent has its place in the next part as well: who unmutes begins none. A source that ends and comes again takes its old
 * place. Times of all tracks are laid on one line here.
 * Pure: frames and times in; parts are opened, filled and closed through the sink.
 * Elsewhere: times → timeline.ts · bytes → ../container/ · files → ../process/partFile.ts
 */
import type { Timeline } from './timeline.js';
import type { FrameCodec, TrackFrame } from './trackReader.js';

export const PART_LIMITS = {
  /** The first part waits so long for tracks that were announced: a browser on a busy machine may need more than a second for the
   *  key frame that it is asked for when the recording begins. */
  firstGatherMs: 2_000,
  /** Any other part. */
  gatherMs: 1_000,
  /** After a part has begun, what stays behind in the one before is left there so long. */
  leaveMs: 5_000,
  /** Frames that wait for a part to begin, bytes: a second of 20 Mbit/s six times. A file with more begins at once. */
  heldBytes: 16 * 1024 * 1024,
  /** How long what came late is remembered, twice: after a path that froze, sound and picture come in a burst, one by one. */
  latenessMs: 1_000,
  /** A frame that lies further behind its arrival does not say how late the others are. */
  mostLateMs: 5_000,
} as const;

export interface PartTrack {
  /** From 1, in this part. */
  readonly number: number;
  /** Whose frames it has so far: of one source, one after the other. None: a place that is kept for one that is silent. */
  readonly trackIds: readonly string[];
  readonly codec: FrameCodec;
  readonly codecPrivate: Uint8Array | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly channels: number;
}

/** An open part. */
export interface PartSink {
  /** @param wallMs milliseconds since 1970 */
  write(track: number, wallMs: number, frame: TrackFrame): void;
  /** A track of the part is carried on by another one of the same source. */
  replace(track: number, trackId: string): void;
  /** No frame comes any more. */
  close(): void;
}

export interface FilePartsSink {
  /** @param number from 1 @param startMs of its first frame, milliseconds since 1970 */
  openPart(number: number, tracks: readonly PartTrack[], startMs: number): PartSink;
  wantKeyFrame(trackId: string): void;
  /** A frame has no part that it could go into. */
  leaveOut(trackId: string): void;
}

interface Held {
  readonly track: Track;
  readonly number: number;
  readonly frame: TrackFrame;
}

interface Track {
  readonly trackId: string;
  readonly kind: 'audio' | 'video';
  /** Tracks with one key are one source. */
  readonly key: string;
  readonly timeline: Timeline;
  place: Place | undefined;
}

/** A track's place in a part. */
interface Place {
  readonly part: Part;
  readonly number: number;
  readonly codec: FrameCodec;
  readonly key: string;
  readonly trackIds: string[];
  /** What its first frame said of the codec; its data is gone. */
  readonly first: Omit<TrackFrame, 'data'>;
  /** undefined: kept for a source that is silent, or has ended and may come again. */
  holder: Track | undefined;
}

class Part {
  readonly places: Place[] = [];
  held: Held[] = [];
  heldBytes = 0;
  sink: PartSink | undefined;
  openedMs = 0;
  closed = false;
  constructor(
    readonly number: number,
    readonly gatherSinceMs: number,
  ) {}
}

export class FileParts {
  readonly #sink: FilePartsSink;
  /** Wall clock of an arrival. */
  readonly #wallMs: (micros: number) => number;
  readonly #tracks = new Map<string, Track>();
  /** Open ones, and at most one that gathers: the last. */
  readonly #parts: Part[] = [];
  #count = 0;
  #nowMs = 0;
  /** How far frames lay behind their arrival at most, in this second or the one before, and in the one before alone. */
  #late = { sinceMs: 0, ms: 0, beforeMs: 0 };

  constructor(sink: FilePartsSink, wallMs: (micros: number) => number) {
    this.#sink = sink;
    this.#wallMs = wallMs;
  }

  get parts(): number {
    return this.#count;
  }

  addTrack(trackId: string, kind: 'audio' | 'video', key: string, timeline: Timeline): void {
    this.#tracks.set(trackId, { trackId, kind, key, timeline, place: undefined });
  }

  removeTrack(trackId: string): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#tracks.delete(trackId);
    if (track.place) track.place.holder = undefined;
  }

  handleFrame(trackId: string, frame: TrackFrame, nowMs: number): void {
    const track = this.#tracks.get(trackId);
    if (!track) return;
    this.#nowMs = nowMs;
    const gathering = this.#gathering;
    const place = track.place;
    const mayMove = track.kind === 'audio' || frame.keyFrame;
    if (mayMove && this.#move(track, frame)) {
      // It is where it belongs.
    } else if (place && place.codec === frame.codec && !place.part.closed) {
      this.#put(place, track, frame);
    } else if (!mayMove) {
      this.#sink.wantKeyFrame(trackId);
      this.#sink.leaveOut(trackId);
    } else {
      // A codec that changes while its part gathers: that part begins without waiting for more.
      if (gathering) this.#open(gathering);
      this.#begin(track, nowMs);
      this.#move(track, frame);
    }
    this.poll(nowMs);
  }

  /** Parts that have waited long enough begin; those that nobody is in any more end. */
  poll(nowMs: number): void {
    this.#nowMs = nowMs;
    const gathering = this.#gathering;
    if (gathering && this.#isReady(gathering, nowMs)) this.#open(gathering);
    this.#closeLeft(nowMs);
  }

  /** Frames that belong between those that are there may come as late as that, ms. */
  get latenessMs(): number {
    return Math.max(this.#late.ms, this.#late.beforeMs);
  }

  /** The file ends: a part that still gathers begins with what there is. */
  end(nowMs: number): void {
    this.#nowMs = nowMs;
    const gathering = this.#gathering;
    if (gathering) this.#open(gathering);
    for (const part of this.#parts) part.sink?.close();
    this.#parts.length = 0;
    this.#tracks.clear();
  }

  // ---- inside ----

  get #gathering(): Part | undefined {
    const newest = this.#parts.at(-1);
    return newest && !newest.sink ? newest : undefined;
  }

  #begin(by: Track, nowMs: number): void {
    for (const track of this.#tracks.values())
      if (track !== by && track.kind === 'video' && track.place && !track.place.part.closed)
        this.#sink.wantKeyFrame(track.trackId);
    this.#parts.push(new Part(++this.#count, nowMs));
  }

  /** Into the newest part. @returns false when it is there already, or has no place there */
  #move(track: Track, frame: TrackFrame): boolean {
    const part = this.#parts.at(-1);
    if (!part || track.place?.part === part) return false;
    let place = part.places.find(
      ({ holder, key, codec }) => holder === undefined && key === track.key && codec === frame.codec,
    );
    if (!place) {
      if (part.sink) return false;
      const number = part.places.length + 1;
      place = { part, number, codec: frame.codec, key: track.key, trackIds: [], first: frame, holder: track };
      part.places.push(place);
    }
    if (track.place) track.place.holder = undefined;
    track.place = place;
    place.holder = track;
    place.trackIds.push(track.trackId);
    part.sink?.replace(place.number, track.trackId);
    this.#put(place, track, frame);
    return true;
  }

  #put({ part, number }: Place, track: Track, frame: TrackFrame): void {
    const arrivalMs = this.#wallMs(frame.arrivalMicros);
    track.timeline.handleArrival(frame.timestamp, arrivalMs);
    if (part.sink) {
      const wallMs = track.timeline.at(frame.timestamp, arrivalMs);
      this.#noteLate(arrivalMs - wallMs);
      part.sink.write(number, wallMs, frame);
      return;
    }
    part.held.push({ track, number, frame: { ...frame, data: frame.data.slice() } });
    part.heldBytes += frame.data.length;
  }

  #noteLate(ms: number): void {
    const late = this.#late;
    if (this.#nowMs - late.sinceMs > PART_LIMITS.latenessMs) {
      late.beforeMs = this.#nowMs - late.sinceMs > 2 * PART_LIMITS.latenessMs ? 0 : late.ms;
      late.ms = 0;
      late.sinceMs = this.#nowMs;
    }
    if (ms > late.ms && ms < PART_LIMITS.mostLateMs) late.ms = ms;
  }

  #isReady(part: Part, nowMs: number): boolean {
    const waitedMs = nowMs - part.gatherSinceMs;
    const mostMs = part.number === 1 ? PART_LIMITS.firstGatherMs : PART_LIMITS.gatherMs;
    if (waitedMs >= mostMs || part.heldBytes > PART_LIMITS.heldBytes) return true;
    for (const { place, timeline } of this.#tracks.values())
      if (place?.part !== part || !timeline.reported) return false;
    return true;
  }

  #open(part: Part): void {
    const timed = part.held.map(({ track, number, frame }) => ({
      number,
      frame,
      wallMs: track.timeline.at(frame.timestamp, this.#wallMs(frame.arrivalMicros)),
    }));
    part.held = [];
    part.heldBytes = 0;
    let startMs = Infinity;
    for (const { wallMs } of timed) if (wallMs < startMs) startMs = wallMs;
    this.#keepPlaces(part);
    const tracks = part.places.map(({ number, codec, trackIds, first }) => {
      const { codecPrivate, width, height, channels } = first;
      return { number, trackIds, codec, codecPrivate, width, height, channels };
    });
    const sink = this.#sink.openPart(part.number, tracks, startMs);
    part.sink = sink;
    part.openedMs = this.#nowMs;
    for (const { number, frame, wallMs } of timed) sink.write(number, wallMs, frame);
    this.#closeLeft(this.#nowMs);
  }

  /** For those of the parts before who are silent, or have sent no key frame yet. */
  #keepPlaces(part: Part): void {
    for (const { place, key } of this.#tracks.values()) {
      if (!place || place.part === part || part.places.some((other) => other.key === key)) continue;
      const number = part.places.length + 1;
      part.places.push({ ...place, part, number, trackIds: [], holder: undefined });
    }
  }

  #closeLeft(nowMs: number): void {
    const newest = this.#parts.at(-1);
    if (!newest?.sink) return;
    for (let i = this.#parts.length - 2; i >= 0; i--) {
      const part = this.#parts[i]!;
      const isLeft = part.places.every(({ holder }) => holder === undefined);
      if (!isLeft && nowMs - newest.openedMs < PART_LIMITS.leaveMs) continue;
      part.closed = true;
      part.sink?.close();
      this.#parts.splice(i, 1);
    }
  }
}
