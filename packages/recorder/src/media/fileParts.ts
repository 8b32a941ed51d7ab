/**
 * Which frames go into which numbered part of a file. A container names its tracks at its beginning: so a part gathers for
 * about a second, begins with the tracks that are there by then, and a track that comes later, or with another codec, begins
 * the next part. Sound moves over at once, a picture with its next key frame; until then it goes on in the part before.
 * A source that ends and comes again takes its old place. Times of all tracks are laid on one line here.
 * Pure: frames and times in; parts are opened, filled and closed through the sink.
 * Elsewhere: times → timeline.ts · bytes → ../container/ · files → ../process/partFile.ts
 */
import type { Timeline } from './timeline.js';
import type { FrameCodec, TrackFrame } from './trackReader.js';

export const PART_LIMITS = {
  /** A part waits so long for tracks that were announced. */
  gatherMs: 1_000,
  /** And so long for a picture that the part before has: its key frame was asked for. */
  moveMs: 3_000,
  /** After a part has begun, what stays behind in the one before is left there so long. */
  leaveMs: 5_000,
  /** Frames that wait for a part to begin, bytes: three seconds of 20 Mbit/s twice. A file with more begins at once. */
  heldBytes: 16 * 1024 * 1024,
} as const;

export interface PartTrack {
  /** From 1, in this part. */
  readonly number: number;
  /** Whose frames it has so far: of one source, one after the other. */
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
  /** undefined: its track was removed, another one of the source may have it. */
  holder: Track | undefined;
}

class Part {
  readonly places: Place[] = [];
  readonly firsts: TrackFrame[] = [];
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
    if (gathering && place?.part !== gathering && mayMove && this.#join(gathering, track, frame)) {
      this.#hold(gathering, track, frame);
    } else if (place && place.codec === frame.codec && !place.part.closed) {
      if (place.part.sink) this.#write(place.part.sink, place.number, track, frame);
      else this.#hold(place.part, track, frame);
    } else if (!mayMove) {
      this.#sink.wantKeyFrame(trackId);
      this.#sink.leaveOut(trackId);
    } else if (!this.#takeOldPlace(track, frame)) {
      // A codec that changes while its part gathers: that part begins without waiting for more.
      if (gathering) this.#open(gathering);
      const part = this.#begin(nowMs);
      this.#join(part, track, frame);
      this.#hold(part, track, frame);
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

  nextDeadline(): number | undefined {
    const newest = this.#parts.at(-1);
    if (!newest) return undefined;
    if (!newest.sink)
      return (
        newest.gatherSinceMs + (this.#awaitsPictures(newest) ? PART_LIMITS.moveMs : PART_LIMITS.gatherMs)
      );
    return this.#parts.length > 1 ? newest.openedMs + PART_LIMITS.leaveMs : undefined;
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

  #begin(nowMs: number): Part {
    const part = new Part(++this.#count, nowMs);
    this.#parts.push(part);
    for (const track of this.#tracks.values())
      if (track.kind === 'video' && track.place && !track.place.part.closed)
        this.#sink.wantKeyFrame(track.trackId);
    return part;
  }

  /** @returns false when another codec of this track is in the part already */
  #join(part: Part, track: Track, frame: TrackFrame): boolean {
    if (part.places.some(({ holder }) => holder === track)) return false;
    const vacant = part.places.findIndex(
      ({ holder, key, codec }) => holder === undefined && key === track.key && codec === frame.codec,
    );
    if (vacant >= 0) {
      this.#take(part.places[vacant]!, track);
      return true;
    }
    const number = part.places.length + 1;
    track.place = {
      part,
      number,
      codec: frame.codec,
      key: track.key,
      trackIds: [track.trackId],
      holder: track,
    };
    part.places.push(track.place);
    part.firsts.push(frame);
    return true;
  }

  #takeOldPlace(track: Track, frame: TrackFrame): boolean {
    const part = this.#parts.at(-1);
    if (!part?.sink) return false;
    const place = part.places.find(
      ({ holder, key, codec }) => holder === undefined && key === track.key && codec === frame.codec,
    );
    if (!place) return false;
    this.#take(place, track);
    part.sink.replace(place.number, track.trackId);
    this.#write(part.sink, place.number, track, frame);
    return true;
  }

  #take(place: Place, track: Track): void {
    place.holder = track;
    place.trackIds.push(track.trackId);
    track.place = place;
  }

  #hold(part: Part, track: Track, frame: TrackFrame): void {
    track.timeline.handleArrival(frame.timestamp, this.#wallMs(frame.arrivalMicros));
    part.held.push({ track, number: track.place!.number, frame });
    part.heldBytes += frame.data.length;
  }

  #awaitsPictures(part: Part): boolean {
    for (const { kind, place } of this.#tracks.values())
      if (kind === 'video' && place && place.part !== part && !place.part.closed) return true;
    return false;
  }

  #isReady(part: Part, nowMs: number): boolean {
    const waitedMs = nowMs - part.gatherSinceMs;
    if (waitedMs >= PART_LIMITS.moveMs || part.heldBytes > PART_LIMITS.heldBytes) return true;
    if (waitedMs >= PART_LIMITS.gatherMs) return !this.#awaitsPictures(part);
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
    const tracks = part.places.map(({ number, codec, trackIds }, i) => {
      const { codecPrivate, width, height, channels } = part.firsts[i]!;
      return { number, trackIds, codec, codecPrivate, width, height, channels };
    });
    const sink = this.#sink.openPart(part.number, tracks, startMs);
    part.sink = sink;
    part.openedMs = this.#nowMs;
    for (const { number, frame, wallMs } of timed) sink.write(number, wallMs, frame);
    this.#closeLeft(this.#nowMs);
  }

  #write(sink: PartSink, number: number, track: Track, frame: TrackFrame): void {
    const arrivalMs = this.#wallMs(frame.arrivalMicros);
    track.timeline.handleArrival(frame.timestamp, arrivalMs);
    sink.write(number, track.timeline.at(frame.timestamp, arrivalMs), frame);
  }

  #closeLeft(nowMs: number): void {
    const newest = this.#parts.at(-1);
    if (!newest?.sink) return;
    for (let i = this.#parts.length - 2; i >= 0; i--) {
      const part = this.#parts[i]!;
      const isLeft = part.places.every(({ holder }) => holder === undefined || holder.place?.part !== part);
      if (!isLeft && nowMs - newest.openedMs < PART_LIMITS.leaveMs) continue;
      part.closed = true;
      part.sink?.close();
      this.#parts.splice(i, 1);
    }
  }
}
