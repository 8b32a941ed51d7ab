/**
 * The receiving half of an association: which chunks came, which messages they make, what a SACK has to say.
 * Pure, with bounded memory: a peer that never ends a message, never fills a gap or sends crumbs meets a limit.
 * Spec: RFC 9260 §6.2 (SACK), §6.5 (order), §6.9 (fragments), RFC 3758 §3.6 (FORWARD-TSN), RFC 6525 §5.2.2 (reset).
 * Elsewhere: chunks' bytes → packetGuard.ts, association.ts · what a message means → dataChannels.ts
 */
import { ssnDelta, tsnAdd, tsnDelta } from './tsn.js';
import { SCTP_LIMITS } from './types.js';

const LAST_FRAGMENT = 0x01;
const FIRST_FRAGMENT = 0x02;
const UNORDERED = 0x04;

export interface DataChunk {
  tsn: number;
  streamId: number;
  streamSequence: number;
  payloadProtocol: number;
  flags: number;
  bytes: Uint8Array;
}

export interface SackContent {
  cumulativeTsn: number;
  windowBytes: number;
  /** Distances from the cumulative TSN, first and last of each block. */
  gaps: [start: number, end: number][];
  duplicates: number[];
}

export type ChunkOutcome =
  'taken' | 'duplicate' | 'sctp-tsn-window' | 'stream-out-of-range' | 'receive-window-exceeded';

export interface InboundLimits {
  /** The peer's streams. Default SCTP_LIMITS.streams. */
  streams?: number;
  /** Of one message. Default SCTP_LIMITS.messageBytes, at most messageBytesMax. */
  messageBytes?: number;
}

export interface InboundEvents {
  message(streamId: number, payloadProtocol: number, bytes: Uint8Array): void;
  oversized(streamId: number): void;
}

const LIMITS = {
  gapBlocks: 200, // a SACK of 816 bytes; what is not said now is said when these are filled
  duplicates: 20, // told for the peer's statistics only
  chunks: 8_192, // kept at once: the window in chunks of 128 bytes
} as const;

interface Stream {
  /** Ascending in TSN. */
  readonly ordered: DataChunk[];
  readonly unordered: DataChunk[];
  nextSequence: number;
  bytes: number;
  /** After an oversized message: acknowledged, not kept, until the peer begins anew. */
  discarding: boolean;
}

export class InboundStreams {
  readonly #events: InboundEvents;
  #cumulativeTsn = 0;
  readonly #ahead = new Set<number>();
  #duplicates: number[] = [];
  readonly #streamsMax: number;
  readonly #messageBytesMax: number;
  #streams = new Map<number, Stream>();
  #bytes = 0;
  #chunks = 0;

  constructor(events: InboundEvents, limits: InboundLimits = {}) {
    this.#events = events;
    this.#streamsMax = limits.streams ?? SCTP_LIMITS.streams;
    this.#messageBytesMax = limits.messageBytes ?? SCTP_LIMITS.messageBytes;
  }

  /** @param cumulativeTsn one before the peer's initial TSN */
  start(cumulativeTsn: number): void {
    this.#cumulativeTsn = cumulativeTsn >>> 0;
    this.#ahead.clear();
    this.#duplicates = [];
    this.reset([]);
  }

  get cumulativeTsn(): number {
    return this.#cumulativeTsn;
  }
  get heldBytes(): number {
    return this.#bytes;
  }

  handleData(chunk: DataChunk): ChunkOutcome {
    const distance = tsnDelta(this.#cumulativeTsn, chunk.tsn);
    if (distance <= 0 || this.#ahead.has(chunk.tsn)) {
      if (this.#duplicates.length < LIMITS.duplicates) this.#duplicates.push(chunk.tsn);
      return 'duplicate';
    }
    if (distance > SCTP_LIMITS.tsnAhead) return 'sctp-tsn-window';
    if (chunk.streamId >= this.#streamsMax) return 'stream-out-of-range';
    const full = this.#bytes + chunk.bytes.length > SCTP_LIMITS.windowBytes + SCTP_LIMITS.windowSlackBytes;
    if (full || this.#chunks >= LIMITS.chunks) return 'receive-window-exceeded';
    this.#ahead.add(chunk.tsn);
    this.#advance();
    const stream = this.#stream(chunk.streamId);
    if (!stream.discarding) this.#keep(stream, chunk);
    return 'taken';
  }

  /** @param streams of ordered messages that will not come: stream and the last sequence number given up */
  handleForwardTsn(
    cumulativeTsn: number,
    streams: readonly (readonly [streamId: number, streamSequence: number])[],
  ): 'taken' | 'stream-out-of-range' {
    if (tsnDelta(this.#cumulativeTsn, cumulativeTsn) <= 0) return 'taken';
    if (streams.some(([streamId]) => streamId >= this.#streamsMax)) return 'stream-out-of-range';
    this.#cumulativeTsn = cumulativeTsn >>> 0;
    for (const tsn of this.#ahead) if (tsnDelta(cumulativeTsn, tsn) <= 0) this.#ahead.delete(tsn);
    this.#advance();
    for (const stream of this.#streams.values())
      this.#drop(stream, stream.unordered, ({ tsn }) => tsnDelta(cumulativeTsn, tsn) <= 0);
    for (const [streamId, sequence] of streams) {
      const stream = this.#stream(streamId);
      if (ssnDelta(stream.nextSequence, sequence) < 0) continue;
      stream.nextSequence = (sequence + 1) & 0xffff;
      this.#drop(stream, stream.ordered, ({ streamSequence }) => ssnDelta(streamSequence, sequence) >= 0);
      this.#deliverOrdered(streamId, stream);
    }
    return 'taken';
  }

  /** The peer begins anew on these; an empty list means all. What was not whole is lost. */
  reset(streamIds: readonly number[]): void {
    for (const streamId of streamIds.length === 0 ? [...this.#streams.keys()] : streamIds) {
      const stream = this.#streams.get(streamId);
      if (!stream) continue;
      this.#drop(stream, stream.ordered, () => true);
      this.#drop(stream, stream.unordered, () => true);
      this.#streams.delete(streamId);
    }
  }

  /** Duplicates are told once. */
  takeSack(): SackContent {
    const distances = [...this.#ahead].map((tsn) => tsnDelta(this.#cumulativeTsn, tsn)).sort((a, b) => a - b);
    const gaps: [number, number][] = [];
    for (const distance of distances) {
      const last = gaps.at(-1);
      if (last && last[1] + 1 === distance) last[1] = distance;
      else if (gaps.length < LIMITS.gapBlocks) gaps.push([distance, distance]);
      else break;
    }
    const duplicates = this.#duplicates;
    this.#duplicates = [];
    const windowBytes = Math.max(0, SCTP_LIMITS.windowBytes - this.#bytes);
    return { cumulativeTsn: this.#cumulativeTsn, windowBytes, gaps, duplicates };
  }

  #advance(): void {
    while (this.#ahead.delete(tsnAdd(this.#cumulativeTsn, 1)))
      this.#cumulativeTsn = tsnAdd(this.#cumulativeTsn, 1);
  }

  #stream(streamId: number): Stream {
    let stream = this.#streams.get(streamId);
    if (!stream) {
      stream = { ordered: [], unordered: [], nextSequence: 0, bytes: 0, discarding: false };
      this.#streams.set(streamId, stream);
    }
    return stream;
  }

  #keep(stream: Stream, chunk: DataChunk): void {
    const unordered = (chunk.flags & UNORDERED) !== 0;
    const list = unordered ? stream.unordered : stream.ordered;
    let at = list.length;
    while (at > 0 && tsnDelta(list[at - 1]!.tsn, chunk.tsn) < 0) at--;
    list.splice(at, 0, chunk);
    stream.bytes += chunk.bytes.length;
    this.#bytes += chunk.bytes.length;
    this.#chunks++;
    if (stream.bytes > this.#messageBytesMax || list.length > SCTP_LIMITS.messageFragments) {
      const [start, end] = run(list, at);
      let bytes = 0;
      for (let i = start; i < end; i++) bytes += list[i]!.bytes.length;
      if (bytes > this.#messageBytesMax || end - start > SCTP_LIMITS.messageFragments) {
        this.#drop(stream, stream.ordered, () => true);
        this.#drop(stream, stream.unordered, () => true);
        stream.discarding = true;
        this.#events.oversized(chunk.streamId);
        return;
      }
    }
    // A fragment in the middle that came in its place ends nothing.
    if ((chunk.flags & LAST_FRAGMENT) === 0 && at === list.length - 1) return;
    if (unordered) this.#deliverUnordered(chunk.streamId, stream, at);
    else this.#deliverOrdered(chunk.streamId, stream);
  }

  #deliverUnordered(streamId: number, stream: Stream, at: number): void {
    const [start, end] = run(stream.unordered, at);
    if (isWhole(stream.unordered, start, end)) this.#deliver(streamId, stream, stream.unordered, start, end);
  }

  #deliverOrdered(streamId: number, stream: Stream): void {
    const list = stream.ordered;
    while (list.length > 0 && list[0]!.streamSequence === stream.nextSequence) {
      const [start, end] = run(list, 0);
      if (!isWhole(list, start, end)) return;
      stream.nextSequence = (stream.nextSequence + 1) & 0xffff;
      this.#deliver(streamId, stream, list, start, end);
    }
  }

  #deliver(streamId: number, stream: Stream, list: DataChunk[], start: number, end: number): void {
    const fragments = list.splice(start, end - start);
    const size = fragments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    stream.bytes -= size;
    this.#bytes -= size;
    this.#chunks -= fragments.length;
    const first = fragments[0]!;
    let bytes = first.bytes;
    if (fragments.length > 1) {
      bytes = new Uint8Array(size);
      let at = 0;
      for (const fragment of fragments) {
        bytes.set(fragment.bytes, at);
        at += fragment.bytes.length;
      }
    }
    this.#events.message(streamId, first.payloadProtocol, bytes);
  }

  #drop(stream: Stream, list: DataChunk[], which: (chunk: DataChunk) => boolean): void {
    for (let at = list.length - 1; at >= 0; at--) {
      if (!which(list[at]!)) continue;
      const [dropped] = list.splice(at, 1);
      stream.bytes -= dropped!.bytes.length;
      this.#bytes -= dropped!.bytes.length;
      this.#chunks--;
    }
  }
}

/** The fragments around `at` that follow each other without a gap and belong to one message: [start, end). */
function run(list: readonly DataChunk[], at: number): [start: number, end: number] {
  let start = at;
  while (
    start > 0 &&
    (list[start]!.flags & FIRST_FRAGMENT) === 0 &&
    (list[start - 1]!.flags & LAST_FRAGMENT) === 0 &&
    tsnDelta(list[start - 1]!.tsn, list[start]!.tsn) === 1
  )
    start--;
  let end = at + 1;
  while (
    end < list.length &&
    (list[end - 1]!.flags & LAST_FRAGMENT) === 0 &&
    (list[end]!.flags & FIRST_FRAGMENT) === 0 &&
    tsnDelta(list[end - 1]!.tsn, list[end]!.tsn) === 1
  )
    end++;
  return [start, end];
}

function isWhole(list: readonly DataChunk[], start: number, end: number): boolean {
  return (list[start]!.flags & FIRST_FRAGMENT) !== 0 && (list[end - 1]!.flags & LAST_FRAGMENT) !== 0;
}
