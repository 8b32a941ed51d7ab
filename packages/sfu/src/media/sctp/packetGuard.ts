/**
 * Reads an SCTP packet as strictly as the association behind it does not: lengths, counts and values of every chunk.
 * What passes cannot make a later reader run past an end, loop for ever or build lists of unbounded length.
 * Pure: bytes in, what the association has to know of the packet or a reason out. The checksum is judged elsewhere.
 * Spec: RFC 9260 §3.2 (chunks), §3.3 (their parts), RFC 3758 §3.2 (FORWARD-TSN), RFC 6525 §3.1 (RE-CONFIG).
 * Elsewhere: whether a chunk fits the state → association.ts
 */
import type { Parsed } from '@tertulia/wire';
import { parsed, refused } from '@tertulia/wire';
import { crc32c } from './crc32c.js';
import type { SctpDropReason } from './types.js';

const COMMON_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 4;

export const CHUNK = {
  data: 0,
  init: 1,
  initAck: 2,
  sack: 3,
  heartbeat: 4,
  heartbeatAck: 5,
  abort: 6,
  shutdown: 7,
  shutdownAck: 8,
  error: 9,
  cookieEcho: 10,
  cookieAck: 11,
  shutdownComplete: 14,
  reconfig: 130,
  forwardTsn: 192,
} as const;
const KNOWN: ReadonlySet<number> = new Set(Object.values(CHUNK));

/** RFC 6525 §4: parameters of RE-CONFIG, with the bytes that a reader takes for granted. */
const RECONFIG_PARAMETER_BYTES: ReadonlyMap<number, number> = new Map([
  [13, 16],
  [14, 8],
  [15, 8],
  [16, 12],
  [17, 12],
  [18, 12],
]);
/** The cookie that our association makes: 4 bytes of time, 20 of HMAC-SHA1. */
const COOKIE_BYTES = 24;

export interface SctpPacketView {
  /** The packet without chunks that are not known here; the same bytes when there are none. */
  bytes: Uint8Array;
  /** Of the chunks that are left, at least one. */
  types: readonly number[];
  skippedUnknown: boolean;
}

export type SctpRefusal = Extract<
  SctpDropReason,
  'sctp-short' | 'sctp-chunk-length' | 'sctp-chunk-value' | 'sctp-chunk-order' | 'sctp-unknown-chunk'
>;

export function inspectSctpPacket(bytes: Uint8Array): Parsed<SctpPacketView, SctpRefusal> {
  if (bytes.length < COMMON_HEADER_BYTES + CHUNK_HEADER_BYTES) return refused('sctp-short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const types: number[] = [];
  const kept: [start: number, end: number][] = [];
  let skippedUnknown = false;
  for (let at = COMMON_HEADER_BYTES; at < bytes.length;) {
    if (at + CHUNK_HEADER_BYTES > bytes.length) return refused('sctp-chunk-length');
    const type = bytes[at]!;
    const end = at + view.getUint16(at + 2);
    if (end < at + CHUNK_HEADER_BYTES || end > bytes.length) return refused('sctp-chunk-length');
    const padded = Math.min((end + 3) & ~3, bytes.length);
    if (KNOWN.has(type)) {
      const why = checkChunk(view, type, at, end);
      if (why !== undefined) return refused(why);
      types.push(type);
      kept.push([at, padded]);
    } else {
      skippedUnknown = true;
      // RFC 9260 §3.2: the highest bit says whether what follows is to be read.
      if ((type & 0x80) === 0) break;
    }
    at = padded;
  }
  if (types.length === 0) return refused('sctp-unknown-chunk');
  // INIT and INIT ACK come alone, RFC 9260 §4.3; a second meaning in the same packet is nobody's need.
  const alone = types.includes(CHUNK.init) || types.includes(CHUNK.initAck);
  if (alone && (types.length > 1 || skippedUnknown)) return refused('sctp-chunk-order');
  return parsed({ bytes: skippedUnknown ? rebuild(bytes, kept) : bytes, types, skippedUnknown });
}

function checkChunk(view: DataView, type: number, at: number, end: number): SctpRefusal | undefined {
  const length = end - at;
  switch (type) {
    case CHUNK.data:
      return length > 16 ? undefined : 'sctp-chunk-length'; // RFC 9260 §3.3.1: no DATA without data
    case CHUNK.init:
    case CHUNK.initAck:
      if (length < 20) return 'sctp-chunk-length';
      // RFC 9260 §3.3.2: tag and stream counts are not 0, the window is at least 1500.
      if (view.getUint32(at + 4) === 0 || view.getUint32(at + 8) < 1500) return 'sctp-chunk-value';
      if (view.getUint16(at + 12) === 0 || view.getUint16(at + 14) === 0) return 'sctp-chunk-value';
      return checkParameters(view, at + 20, end);
    case CHUNK.sack:
      return checkSack(view, at, length);
    case CHUNK.heartbeat:
    case CHUNK.heartbeatAck:
    case CHUNK.abort:
    case CHUNK.error:
      return checkParameters(view, at + 4, end);
    case CHUNK.shutdown:
      return length === 8 ? undefined : 'sctp-chunk-length';
    case CHUNK.cookieEcho:
      return length === 4 + COOKIE_BYTES ? undefined : 'sctp-chunk-length';
    case CHUNK.reconfig:
      return checkParameters(view, at + 4, end, RECONFIG_PARAMETER_BYTES);
    case CHUNK.forwardTsn:
      return length >= 8 && length % 4 === 0 ? undefined : 'sctp-chunk-length';
    default:
      return undefined;
  }
}

/** Type-length-value, RFC 9260 §3.2.1. With `known`, nothing else may come, and each has the bytes that it must have. */
function checkParameters(
  view: DataView,
  start: number,
  end: number,
  known?: ReadonlyMap<number, number>,
): SctpRefusal | undefined {
  for (let at = start; at < end;) {
    if (at + 4 > end) return 'sctp-chunk-length';
    const length = view.getUint16(at + 2);
    if (length < 4 || at + length > end) return 'sctp-chunk-length';
    if (known) {
      const least = known.get(view.getUint16(at));
      if (least === undefined) return 'sctp-chunk-value';
      if (length < least || length % 2 !== 0) return 'sctp-chunk-length';
    }
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** Gap blocks ascend and do not touch, RFC 9260 §3.3.4: so that all of them together name at most 65,535 chunks. */
function checkSack(view: DataView, at: number, length: number): SctpRefusal | undefined {
  if (length < 16) return 'sctp-chunk-length';
  const gaps = view.getUint16(at + 12);
  const duplicates = view.getUint16(at + 14);
  if (length !== 16 + 4 * (gaps + duplicates)) return 'sctp-chunk-length';
  let last = 0;
  for (let i = 0; i < gaps; i++) {
    const start = view.getUint16(at + 16 + 4 * i);
    const end = view.getUint16(at + 18 + 4 * i);
    if (start <= last || end < start) return 'sctp-chunk-value';
    last = end;
  }
  return undefined;
}

function rebuild(bytes: Uint8Array, kept: readonly [start: number, end: number][]): Uint8Array {
  // Whoever sent the packet with a wrong checksum must not be given a right one.
  const claimed = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const original = bytes.slice();
  original.fill(0, 8, 12);
  const wrong = crc32c(original) !== claimed;
  const size = kept.reduce((sum, [start, end]) => sum + end - start, COMMON_HEADER_BYTES);
  const smaller = new Uint8Array(size);
  smaller.set(bytes.subarray(0, 8));
  let at = COMMON_HEADER_BYTES;
  for (const [start, end] of kept) {
    smaller.set(bytes.subarray(start, end), at);
    at += end - start;
  }
  const checksum = crc32c(smaller);
  new DataView(smaller.buffer).setUint32(8, wrong ? ~checksum >>> 0 : checksum, true);
  return smaller;
}
