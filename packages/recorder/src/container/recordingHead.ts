/**
 * What stands before the first cluster of a Matroska or WebM file, and what stands in a cluster. Pure, for bytes in memory.
 * Reads what this recorder and common tools write; lacing and encodings of contents are refused.
 * Spec: RFC 9559 §5.1 (elements), §10 (blocks). Elsewhere: bytes from a file → recordingFile.ts
 */
import type { Parsed } from '@tertulia/wire';
import { parsed, refused } from '@tertulia/wire';
import { children, readDate, readFloat, readHeader, readUnsigned, UNKNOWN_SIZE } from './ebml.js';
import { CODEC_ID, ID, type ContainerCodec } from './elements.js';

export interface TrackFacts {
  readonly number: number;
  readonly codecId: string;
  /** Absent for what a recorder of ours does not write. */
  readonly codec: ContainerCodec | undefined;
  readonly codecPrivate: Uint8Array | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly channels: number | undefined;
  readonly name: string | undefined;
  readonly codecDelayMs: number;
  /** The element as it stands, with identifier and size. */
  readonly bytes: Uint8Array;
}

export interface RecordingHead {
  readonly docType: string;
  /** Wall clock at the file's start, ms since 1970; 0 when the file does not say. */
  readonly startedAt: number;
  readonly title: string | undefined;
  /** Only finished files have one. */
  readonly durationMs: number | undefined;
  readonly tickMs: number;
  readonly tracks: readonly TrackFacts[];
  /** Where the segment's contents start; positions in cues count from there. */
  readonly segmentAt: number;
  /** End of the segment, or undefined while it is being written. */
  readonly segmentEnd: number | undefined;
  readonly firstClusterAt: number;
}

export type HeadRefusal = 'cut' | 'not-matroska' | 'no-segment' | 'no-tracks';

/** @param bytes the file's first bytes. `cut` means: more of them are needed, or the file has no cluster. */
export function parseHead(bytes: Uint8Array): Parsed<RecordingHead, HeadRefusal> {
  const ebml = readHeader(bytes, 0);
  if (!ebml.ok) return refused(ebml.why === 'cut' ? 'cut' : 'not-matroska');
  if (ebml.value.id !== ID.ebml || ebml.value.size === UNKNOWN_SIZE) return refused('not-matroska');
  let at = ebml.value.headerLength + ebml.value.size;
  const header = children(bytes.subarray(ebml.value.headerLength, at)).elements;
  const segment = readHeader(bytes, at);
  if (!segment.ok) return refused(segment.why === 'cut' ? 'cut' : 'no-segment');
  if (segment.value.id !== ID.segment) return refused('no-segment');
  at += segment.value.headerLength;
  const segmentAt = at;

  let info: ReturnType<typeof children>['elements'] = [];
  let tracks: TrackFacts[] | undefined;
  for (;;) {
    const next = readHeader(bytes, at);
    if (next.ok && next.value.id === ID.cluster) break;
    const end = next.ok ? at + next.value.headerLength + next.value.size : Infinity;
    if (!next.ok || next.value.size === UNKNOWN_SIZE || end > bytes.length) {
      // Cut off behind the tracks: a recording without any sound or picture yet.
      if (tracks) break;
      return refused(next.ok || next.why === 'cut' ? 'cut' : 'not-matroska');
    }
    const content = bytes.subarray(at + next.value.headerLength, end);
    if (next.value.id === ID.info) info = children(content).elements;
    if (next.value.id === ID.tracks) tracks = readTracks(content);
    at = end;
  }
  if (!tracks) return refused('no-tracks');

  const find = (id: number) => info.find((child) => child.id === id)?.content;
  const scale = find(ID.timestampScale);
  const tickMs = (scale ? readUnsigned(scale) : 1_000_000) / 1_000_000;
  const duration = find(ID.duration);
  const started = find(ID.dateUtc);
  const title = find(ID.title);
  return parsed({
    docType: asText(header.find((child) => child.id === ID.docType)?.content) ?? '',
    startedAt: started ? readDate(started) : 0,
    title: asText(title),
    durationMs: duration ? readFloat(duration) * tickMs : undefined,
    tickMs,
    tracks,
    segmentAt,
    segmentEnd: segment.value.size === UNKNOWN_SIZE ? undefined : segmentAt + segment.value.size,
    firstClusterAt: at,
  });
}

const asText = (content: Uint8Array | undefined): string | undefined =>
  content && new TextDecoder().decode(content).replace(/\0+$/, '');

const KNOWN_CODECS = new Map(Object.entries(CODEC_ID).map(([codec, id]) => [id, codec as ContainerCodec]));

function readTracks(content: Uint8Array): TrackFacts[] {
  const tracks: TrackFacts[] = [];
  let at = 0;
  while (at < content.length) {
    const header = readHeader(content, at);
    if (!header.ok || header.value.size === UNKNOWN_SIZE) break;
    const end = at + header.value.headerLength + header.value.size;
    if (end > content.length) break;
    if (header.value.id === ID.trackEntry)
      tracks.push(readTrack(content.slice(at, end), header.value.headerLength));
    at = end;
  }
  return tracks;
}

function readTrack(bytes: Uint8Array, headerLength: number): TrackFacts {
  const { elements } = children(bytes.subarray(headerLength));
  const find = (id: number, among = elements) => among.find((child) => child.id === id)?.content;
  const number = (id: number, among = elements) => {
    const content = find(id, among);
    return content && readUnsigned(content);
  };
  const video = children(find(ID.video) ?? new Uint8Array()).elements;
  const audio = children(find(ID.audio) ?? new Uint8Array()).elements;
  const codecId = asText(find(ID.codecId)) ?? '';
  return {
    number: number(ID.trackNumber) ?? 0,
    codecId,
    codec: KNOWN_CODECS.get(codecId),
    codecPrivate: find(ID.codecPrivate),
    width: number(ID.pixelWidth, video),
    height: number(ID.pixelHeight, video),
    channels: number(ID.channels, audio),
    name: asText(find(ID.name)),
    codecDelayMs: (number(ID.codecDelay) ?? 0) / 1_000_000,
    bytes,
  };
}

export interface Block {
  track: number;
  /** Ticks since the file's start. */
  ticks: number;
  keyFrame: boolean;
  /** A view into the cluster. */
  data: Uint8Array;
}

export type ClusterRefusal = 'cluster-cut' | 'cluster-timestamp' | 'block-malformed' | 'block-lacing';

/**
 * The blocks of a cluster, in order.
 * @param content the cluster without identifier and size; must be whole.
 */
export function readBlocks(content: Uint8Array): Parsed<Block[], ClusterRefusal> {
  const blocks: Block[] = [];
  let clusterTicks: number | undefined;
  let at = 0;
  while (at < content.length) {
    const header = readHeader(content, at);
    if (!header.ok || header.value.size === UNKNOWN_SIZE) return refused('cluster-cut');
    const { id, size, headerLength } = header.value;
    const start = at + headerLength;
    at = start + size;
    if (at > content.length) return refused('cluster-cut');
    if (id === ID.timestamp) clusterTicks = readUnsigned(content.subarray(start, at));
    if (id !== ID.simpleBlock && id !== ID.blockGroup) continue;
    if (clusterTicks === undefined) return refused('cluster-timestamp');
    let body = content.subarray(start, at);
    let keyFrame = (body[3] ?? 0) >= 0x80;
    if (id === ID.blockGroup) {
      const group = children(body).elements;
      const block = group.find((child) => child.id === ID.block);
      if (!block) return refused('block-malformed');
      body = block.content;
      keyFrame = !group.some((child) => child.id === ID.referenceBlock);
    }
    const block = readBlock(body, clusterTicks, keyFrame);
    if (!block.ok) return block;
    blocks.push(block.value);
  }
  return clusterTicks === undefined ? refused('cluster-timestamp') : parsed(blocks);
}

/** RFC 9559 §10.1: track number (EBML size form), signed 16-bit time, flags. */
function readBlock(
  body: Uint8Array,
  clusterTicks: number,
  keyFrame: boolean,
): Parsed<Block, 'block-malformed' | 'block-lacing'> {
  const first = body[0];
  if (first === undefined || first < 0x40) return refused('block-malformed'); // no more than two bytes of number
  const numberBytes = first >= 0x80 ? 1 : 2;
  if (body.length < numberBytes + 3) return refused('block-malformed');
  const track = numberBytes === 1 ? first & 0x7f : ((first & 0x3f) << 8) | body[1]!;
  const relative = (((body[numberBytes]! << 8) | body[numberBytes + 1]!) << 16) >> 16;
  if ((body[numberBytes + 2]! & 0x06) !== 0) return refused('block-lacing');
  return parsed({ track, ticks: clusterTicks + relative, keyFrame, data: body.subarray(numberBytes + 3) });
}
