/**
 * RTP header extensions: the one-byte and two-byte forms (RFC 8285 §4.2, §4.3) and the elements that the server reads.
 *   one byte:  | id (4) | length − 1 (4) | data …      id 0 = padding, 15 = stop
 *   two bytes: | id (8) | length (8)     | data …      id 0 = padding
 * Ids are negotiated; the URIs below are what they stand for. Nothing here knows a negotiation.
 */
import { ByteWriter, readUint16, readUint24, readUint32, readUint64 } from './bytes.js';
import type { Parsed } from './result.js';
import { parsed, refused } from './result.js';
import { fromNtp, toNtp } from './rtcp/ntp.js';
import { decodeUtf8, encodeUtf8 } from './text.js';

export const HEADER_EXTENSION_URIS = {
  audioLevel: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  absSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  transportWideCc: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  absCaptureTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  videoOrientation: 'urn:3gpp:video-orientation',
  dependencyDescriptor:
    'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension',
  playoutDelay: 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  colorSpace: 'http://www.webrtc.org/experiments/rtp-hdrext/color-space',
  videoContentType: 'http://www.webrtc.org/experiments/rtp-hdrext/video-content-type',
  videoTiming: 'http://www.webrtc.org/experiments/rtp-hdrext/video-timing',
  toffset: 'urn:ietf:params:rtp-hdrext:toffset',
} as const;

export const ONE_BYTE_PROFILE = 0xbede;
/** The low four bits are the application's (RFC 8285 §4.3). */
export const TWO_BYTE_PROFILE = 0x1000;

export interface HeaderExtensionElement {
  id: number;
  bytes: Uint8Array;
}

export type HeaderExtensionRefusal =
  'extension-profile' | 'extension-length' | 'extension-element-length' | 'extension-padding-length';

/**
 * Calls `visit` for each element with its id and where its data lie. Allocates nothing.
 * @returns a reason when malformed; the elements before that place were visited.
 */
export function visitHeaderExtensions(
  bytes: Uint8Array,
  profile: number,
  offset: number,
  length: number,
  visit: (id: number, offset: number, length: number) => void,
): HeaderExtensionRefusal | undefined {
  const end = offset + length;
  if (end > bytes.length) return 'extension-length';
  const oneByte = profile === ONE_BYTE_PROFILE;
  if (!oneByte && (profile & 0xfff0) !== TWO_BYTE_PROFILE) return 'extension-profile';
  for (let at = offset; at < end;) {
    const first = bytes[at]!;
    if (first === 0) {
      at++;
      continue;
    }
    let id = first;
    let size: number;
    if (oneByte) {
      id = first >> 4;
      if (id === 15) return undefined; // reserved: what was before stands, the rest is not looked at
      if (id === 0) return 'extension-padding-length';
      size = (first & 0x0f) + 1;
      at += 1;
    } else {
      if (at + 1 >= end) return 'extension-element-length';
      size = bytes[at + 1]!;
      at += 2;
    }
    if (at + size > end) return 'extension-element-length';
    visit(id, at, size);
    at += size;
  }
  return undefined;
}

/** The first element of that id, also in an extension that is malformed behind it. */
export function findHeaderExtension(
  bytes: Uint8Array,
  extension: { profile: number; offset: number; length: number },
  id: number,
): { offset: number; length: number } | undefined {
  let found: { offset: number; length: number } | undefined;
  visitHeaderExtensions(
    bytes,
    extension.profile,
    extension.offset,
    extension.length,
    (each, offset, length) => {
      if (each === id) found ??= { offset, length };
    },
  );
  return found;
}

/**
 * The elements in the one-byte form where all fit it (ids 1…14, 1…16 bytes), else in the two-byte form; padded to words.
 * @throws TypeError when an element fits neither.
 */
export function writeHeaderExtensions(elements: readonly HeaderExtensionElement[]): {
  profile: number;
  bytes: Uint8Array;
} {
  const oneByte = elements.every(
    ({ id, bytes }) => id >= 1 && id <= 14 && bytes.length >= 1 && bytes.length <= 16,
  );
  const writer = new ByteWriter(64);
  for (const { id, bytes } of elements) {
    if (id < 1 || id > 255 || bytes.length > 255)
      throw new TypeError(`header extension ${id} does not fit either form`);
    if (oneByte) writer.uint8((id << 4) | (bytes.length - 1));
    else writer.uint8(id).uint8(bytes.length);
    writer.raw(bytes);
  }
  return { profile: oneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, bytes: writer.padTo32Bits().finish() };
}

/** Level in −dBov: 0 is the loudest, 127 silence or muted. RFC 6464 §3; a second byte is the two-byte form's padding. */
export function parseAudioLevel(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Parsed<{ voice: boolean; level: number }, 'audio-level-length'> {
  if (length < 1 || length > 2 || offset + length > bytes.length) return refused('audio-level-length');
  const value = bytes[offset]!;
  return parsed({ voice: value >= 0x80, level: value & 0x7f });
}

export const writeAudioLevel = (voice: boolean, level: number): Uint8Array =>
  Uint8Array.of((voice ? 0x80 : 0) | (level & 0x7f));

/** 24 bits of 6.18 fixed-point seconds, wraps after 64 s. webrtc.org abs-send-time. */
export function parseAbsSendTime(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Parsed<number, 'abs-send-time-length'> {
  if (length !== 3 || offset + 3 > bytes.length) return refused('abs-send-time-length');
  return parsed(readUint24(bytes, offset));
}

export const writeAbsSendTime = (value: number): Uint8Array => new ByteWriter(3).uint24(value).finish();

/** The 24 bits for a time in microseconds of any clock. */
export const toAbsSendTime = (micros: number): number =>
  Math.floor(((micros % 64_000_000) * 262_144) / 1_000_000) & 0xffffff;

/** Sequence number over all streams of a transport. Longer forms (draft v2) carry flags behind it, which are not read. */
export function parseTransportWideCc(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Parsed<number, 'transport-wide-cc-length'> {
  if ((length !== 2 && length !== 4) || offset + length > bytes.length)
    return refused('transport-wide-cc-length');
  return parsed(readUint16(bytes, offset));
}

export const writeTransportWideCc = (sequenceNumber: number): Uint8Array =>
  new ByteWriter(2).uint16(sequenceNumber).finish();

/** NTP time of capture by the capturer's clock, 32.32; what that clock is ahead of the sender's, signed 32.32. */
export interface AbsCaptureTime {
  ntpSeconds: number;
  ntpFraction: number;
  clockOffset?: bigint;
}

/** webrtc.org abs-capture-time: 8 bytes, or 16 with the clock offset. */
export function parseAbsCaptureTime(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Parsed<AbsCaptureTime, 'abs-capture-time-length'> {
  if ((length !== 8 && length !== 16) || offset + length > bytes.length)
    return refused('abs-capture-time-length');
  const time: AbsCaptureTime = {
    ntpSeconds: readUint32(bytes, offset),
    ntpFraction: readUint32(bytes, offset + 4),
  };
  if (length === 16) time.clockOffset = BigInt.asIntN(64, readUint64(bytes, offset + 8));
  return parsed(time);
}

export function writeAbsCaptureTime(time: AbsCaptureTime): Uint8Array {
  const writer = new ByteWriter(16).uint32(time.ntpSeconds).uint32(time.ntpFraction);
  if (time.clockOffset !== undefined) writer.uint64(BigInt.asUintN(64, time.clockOffset));
  return writer.finish();
}

/** Unix µs of the capture by the clock of the sender's own reports. Without an offset the sender is the capturer. */
export function captureUnixMicros({ ntpSeconds, ntpFraction, clockOffset }: AbsCaptureTime): number {
  const byCapturer = fromNtp(ntpSeconds, ntpFraction) * 1000;
  if (clockOffset === undefined) return byCapturer;
  return byCapturer - (Number(clockOffset) / 2 ** 32) * 1_000_000;
}

/** Unix µs by the sender's own clock: whoever gets it need not know another capturer's. */
export function absCaptureTimeAt(unixMicros: number): AbsCaptureTime {
  const { seconds, fraction } = toNtp(unixMicros / 1000);
  return { ntpSeconds: seconds, ntpFraction: fraction, clockOffset: 0n };
}

/** MID: an SDP token (RFC 8843 §15.1, RFC 8866 §9 token-char). */
const TOKEN = /^[!#-'*+\-.0-9A-Z^-~]+$/;
/** RID: letters, digits, hyphen and underscore (RFC 8852 §3.3). */
const STREAM_ID = /^[0-9A-Za-z_-]+$/;

export function parseMid(bytes: Uint8Array, offset: number, length: number): Parsed<string, 'mid-malformed'> {
  const text = offset + length <= bytes.length ? decodeUtf8(bytes, offset, length) : '';
  return TOKEN.test(text) ? parsed(text) : refused('mid-malformed');
}

/** Also for the repaired stream id. */
export function parseRid(bytes: Uint8Array, offset: number, length: number): Parsed<string, 'rid-malformed'> {
  const text = offset + length <= bytes.length ? decodeUtf8(bytes, offset, length) : '';
  return STREAM_ID.test(text) ? parsed(text) : refused('rid-malformed');
}

export const writeMid = (mid: string): Uint8Array => encodeUtf8(mid);
export const writeRid = (rid: string): Uint8Array => encodeUtf8(rid);
