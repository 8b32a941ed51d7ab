/**
 * A Matroska or WebM file as bytes to append: header, then clusters of at most 500 ms whose size is known. Whatever byte the
 * file is cut off at, everything before the cluster that was cut plays. No track waits for another.
 * Pure: no files, no clock; what to write comes in, bytes go out. Not here: duration and cues → finishFile.ts
 * Spec: RFC 9559 (Matroska) §5.1, §10 (blocks), §25.3.3 (live files); WebM container guidelines.
 */
import { OpenCluster, type ClusterMemory } from './openCluster.js';
import { date, element, float, text, unsigned } from './ebml.js';
import {
  CODEC_ID,
  containerFor,
  ID,
  isAudio,
  OPUS_PRE_SKIP_MS,
  OPUS_RATE_HZ,
  OPUS_SEEK_PRE_ROLL_NS,
  opusHead,
  TRACK_TYPE,
  type TrackHeader,
} from './elements.js';

export const WRITER_LIMITS = {
  /** What a kill may cost at most, beside what the caller holds back. The block's own 16 bits would allow 32 s. */
  clusterMs: 500,
  /** An open cluster is closed early beyond this: a source of 100 Mbit/s must not fill the memory. */
  clusterBytes: 8 * 1024 * 1024,
  /** A block names its track with one or two bytes; 126 is the last that fits one. RFC 9559 §10.1. */
  tracks: 126,
} as const;

/** One tick is 1 ms: WebM asks for exactly that, and half a tick is far below what an eye or ear notices. */
const TICK_MS = 1;
const APP = 'tertulia';
/** Only what a player takes for its window until the first frame, which has its own size. */
const DEFAULT_SIZE = { width: 640, height: 360 } as const;

export interface FrameToWrite {
  readonly track: number;
  /** Since the file's start; fractions are rounded to ticks. Before the start, or no number, counts as the start. */
  readonly timeMs: number;
  readonly keyFrame: boolean;
  /** Copied at once. */
  readonly data: Uint8Array;
}

interface TrackState {
  readonly audio: boolean;
  /** The last that went into a closed cluster. */
  writtenMs: number;
  /** The last that was taken: video keeps the order in which it was given, since that is the order of decoding. */
  takenMs: number;
}

export interface MatroskaWriterOptions {
  readonly tracks: readonly TrackHeader[];
  /** Wall clock at the file's start, ms since 1970. */
  readonly startedAt: number;
  readonly title?: string;
  /** Where clusters grow. Those that `cut` returned are given back by who wrote them. Default: new memory each time. */
  readonly memory?: ClusterMemory;
}

export class MatroskaWriter {
  readonly #options: MatroskaWriterOptions;
  readonly #tracks: (TrackState | undefined)[] = [];
  readonly #open: OpenCluster;
  /** Start of the last closed cluster: clusters never go back in time. */
  #clusterStartMs = 0;
  #closedUntilMs = 0;
  /** Blocks that came when the cluster of their time was closed; they are in a later one. */
  late = 0;
  /** Blocks whose time had to be changed, because their track was further already. */
  moved = 0;
  /** Time of the last block that was cut, ms since the file's start. */
  get writtenUntilMs(): number {
    return this.#closedUntilMs;
  }

  /** @throws RangeError when the tracks are none that a file can have. */
  constructor(options: MatroskaWriterOptions) {
    if (options.tracks.length === 0) throw new RangeError('a file needs at least one track');
    for (const { number, codec, codecPrivate } of options.tracks) {
      if (!Number.isInteger(number) || number < 1 || number > WRITER_LIMITS.tracks)
        throw new RangeError(`track number ${number} is not from 1 to ${WRITER_LIMITS.tracks}`);
      if (this.#tracks[number]) throw new RangeError(`track number ${number} occurs twice`);
      if ((codec === 'h264' || codec === 'av1') && codecPrivate === undefined)
        throw new RangeError(`${codec} cannot be written without codecPrivate`);
      this.#tracks[number] = { audio: isAudio(codec), writtenMs: -1, takenMs: -1 };
    }
    this.#options = options;
    this.#open = new OpenCluster(options.memory);
  }

  /** EBML header, the start of a segment whose size is not known yet, Info and Tracks. */
  header(): Uint8Array {
    const { tracks, startedAt, title } = this.#options;
    return joined([
      ebmlHeader(containerFor(tracks.map(({ codec }) => codec))),
      SEGMENT_OF_UNKNOWN_SIZE,
      segmentInfo({ startedAt, title }),
      element(ID.tracks, ...tracks.map(trackEntry)),
    ]);
  }

  /** Takes a frame into the open cluster. Frames of different tracks may come in any order. */
  write(frame: FrameToWrite): void {
    const track = this.#tracks[frame.track];
    if (!track) throw new RangeError(`track ${frame.track} is not in this file`);
    const wanted = Math.max(0, Math.round(frame.timeMs) || 0);
    if (wanted < this.#closedUntilMs) this.late++;
    let timeMs = Math.max(wanted, track.writtenMs + 1, this.#clusterStartMs);
    if (!track.audio) timeMs = Math.max(timeMs, track.takenMs + 1);
    if (timeMs !== wanted) this.moved++;
    if (timeMs > track.takenMs) track.takenMs = timeMs;

    this.#open.add(frame.track, timeMs, track.audio || frame.keyFrame, frame.data);
  }

  /**
   * Closes what is 500 ms old. A frame that comes for a closed cluster later keeps its time when it can and is counted in
   * `late`; so call this with a time that is behind the clock by as much as the caller waits for lost packets.
   * @param nowMs since the file's start.
   * @returns clusters to append, often none.
   */
  cut(nowMs: number): Uint8Array[] {
    const clusters: Uint8Array[] = [];
    for (;;) {
      const open = this.#open;
      if (open.blocks === 0) return clusters;
      const due = nowMs >= open.firstMs + WRITER_LIMITS.clusterMs;
      if (!due && open.bytes <= WRITER_LIMITS.clusterBytes) return clusters;
      clusters.push(this.#closeCluster());
    }
  }

  /** The rest. Nothing may be written after it. */
  end(): Uint8Array[] {
    return this.cut(Infinity);
  }

  #closeCluster(): Uint8Array {
    const startMs = this.#open.firstMs;
    this.#clusterStartMs = startMs;
    return this.#open.close(startMs + WRITER_LIMITS.clusterMs, this.#noteWritten);
  }

  readonly #noteWritten = (track: number, timeMs: number): void => {
    this.#tracks[track]!.writtenMs = timeMs;
    if (timeMs > this.#closedUntilMs) this.#closedUntilMs = timeMs;
  };
}

/** RFC 8794 §11.2, RFC 9559 §4; version 4 has CodecDelay, version 2 is all that a reader needs for simple blocks. */
export function ebmlHeader(container: 'webm' | 'mkv'): Uint8Array {
  return element(
    ID.ebml,
    unsigned(ID.ebmlVersion, 1),
    unsigned(ID.ebmlReadVersion, 1),
    unsigned(ID.ebmlMaxIdLength, 4),
    unsigned(ID.ebmlMaxSizeLength, 8),
    text(ID.docType, container === 'webm' ? 'webm' : 'matroska'),
    unsigned(ID.docTypeVersion, 4),
    unsigned(ID.docTypeReadVersion, 2),
  );
}

/** Eight bytes of size, so that it can be written in later. RFC 8794 §6.2. */
const SEGMENT_OF_UNKNOWN_SIZE = Uint8Array.of(
  ...[0x18, 0x53, 0x80, 0x67],
  ...[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
);

/** RFC 9559 §5.1.2. */
export function segmentInfo(info: {
  startedAt: number;
  title?: string | undefined;
  durationMs?: number;
  tickMs?: number;
}): Uint8Array {
  const tickMs = info.tickMs ?? TICK_MS;
  return element(
    ID.info,
    unsigned(ID.timestampScale, Math.round(tickMs * 1_000_000)),
    ...(info.durationMs === undefined ? [] : [float(ID.duration, info.durationMs / tickMs)]),
    date(ID.dateUtc, info.startedAt),
    ...(info.title === undefined ? [] : [text(ID.title, info.title)]),
    text(ID.muxingApp, APP),
    text(ID.writingApp, APP),
  );
}

/** RFC 9559 §5.1.4.1. */
function trackEntry(track: TrackHeader): Uint8Array {
  const audio = isAudio(track.codec);
  const channels = track.channels ?? 2;
  const codecPrivate = audio ? opusHead(channels) : track.codecPrivate;
  return element(
    ID.trackEntry,
    unsigned(ID.trackNumber, track.number),
    unsigned(ID.trackUid, track.number),
    unsigned(ID.trackType, audio ? TRACK_TYPE.audio : TRACK_TYPE.video),
    unsigned(ID.flagLacing, 0),
    text(ID.language, 'und'),
    ...(track.name === undefined ? [] : [text(ID.name, track.name)]),
    text(ID.codecId, CODEC_ID[track.codec]),
    ...(codecPrivate === undefined ? [] : [element(ID.codecPrivate, codecPrivate)]),
    ...(audio
      ? [
          unsigned(ID.codecDelay, OPUS_PRE_SKIP_MS * 1_000_000),
          unsigned(ID.seekPreRoll, OPUS_SEEK_PRE_ROLL_NS),
          element(ID.audio, float(ID.samplingFrequency, OPUS_RATE_HZ), unsigned(ID.channels, channels)),
        ]
      : [
          element(
            ID.video,
            unsigned(ID.pixelWidth, track.width ?? DEFAULT_SIZE.width),
            unsigned(ID.pixelHeight, track.height ?? DEFAULT_SIZE.height),
          ),
        ]),
  );
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
