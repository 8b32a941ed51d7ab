/**
 * RTP packets. RFC 3550 §5.1, extension header §5.3.1.
 *    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *    |                           timestamp                           |
 *    |                             SSRC                              |
 *    |                  CSRCs, CC times 32 bits                      |
 *    |      profile (16)             |   length in words (16)        |  only with X
 * Offsets instead of copies. What the elements of the extension mean: headerExtensions.ts. Order and loss: elsewhere.
 */
import { ByteWriter, readUint16, readUint32 } from './bytes.js';
import type { HeaderExtensionElement } from './headerExtensions.js';
import { writeHeaderExtensions } from './headerExtensions.js';
import type { Parsed } from './result.js';
import { parsed, refused } from './result.js';

const FIXED_BYTES = 12;

export interface RtpPacket {
  payloadType: number;
  marker: boolean;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  csrcs: number[];
  /** Of the elements, behind the profile and length words. */
  extension?: { profile: number; offset: number; length: number };
  payloadOffset: number;
  /** Without padding; 0 for a packet of padding alone. */
  payloadLength: number;
  paddingLength: number;
}

export type RtpRefusal =
  | 'rtp-short'
  | 'rtp-version'
  | 'rtp-csrcs-length'
  | 'rtp-extension-length'
  | 'rtp-padding-zero'
  | 'rtp-padding-length';

export function parseRtp(bytes: Uint8Array): Parsed<RtpPacket, RtpRefusal> {
  if (bytes.length < FIXED_BYTES) return refused('rtp-short');
  const first = bytes[0]!;
  if (first >> 6 !== 2) return refused('rtp-version');
  const csrcCount = first & 0x0f;
  let at = FIXED_BYTES + 4 * csrcCount;
  if (at > bytes.length) return refused('rtp-csrcs-length');
  const csrcs: number[] = [];
  for (let i = 0; i < csrcCount; i++) csrcs.push(readUint32(bytes, FIXED_BYTES + 4 * i));
  let extension: RtpPacket['extension'];
  if (first & 0x10) {
    if (at + 4 > bytes.length) return refused('rtp-extension-length');
    const length = 4 * readUint16(bytes, at + 2);
    extension = { profile: readUint16(bytes, at), offset: at + 4, length };
    at += 4 + length;
    if (at > bytes.length) return refused('rtp-extension-length');
  }
  let paddingLength = 0;
  if (first & 0x20) {
    if (at === bytes.length) return refused('rtp-padding-length');
    paddingLength = bytes[bytes.length - 1]!;
    if (paddingLength === 0) return refused('rtp-padding-zero');
    if (paddingLength > bytes.length - at) return refused('rtp-padding-length');
  }
  const second = bytes[1]!;
  const packet: RtpPacket = {
    payloadType: second & 0x7f,
    marker: second >= 0x80,
    sequenceNumber: readUint16(bytes, 2),
    timestamp: readUint32(bytes, 4),
    ssrc: readUint32(bytes, 8),
    csrcs,
    payloadOffset: at,
    payloadLength: bytes.length - at - paddingLength,
    paddingLength,
  };
  if (extension !== undefined) packet.extension = extension;
  return parsed(packet);
}

export interface RtpFields {
  payloadType: number;
  marker?: boolean;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  /** At most 15. */
  csrcs?: readonly number[];
  /** One-byte form where every element fits it, else the two-byte form (RFC 8285 §4.1). */
  extensions?: readonly HeaderExtensionElement[];
  payload: Uint8Array;
  /** 1…255 bytes behind the payload, their count included. */
  padding?: number;
}

/** For tests, simulators and probes: it copies and allocates. @throws TypeError for fields that RTP cannot carry. */
export function writeRtp(fields: RtpFields): Uint8Array {
  const { csrcs = [], extensions = [], padding = 0, payload } = fields;
  if (csrcs.length > 15) throw new TypeError('RTP carries at most 15 CSRCs');
  if (padding < 0 || padding > 255) throw new TypeError('RTP padding is 0 to 255 bytes');
  const flags = (padding > 0 ? 0x20 : 0) | (extensions.length > 0 ? 0x10 : 0);
  const writer = new ByteWriter(FIXED_BYTES + 4 * csrcs.length + 64 + payload.length + padding)
    .uint8(0x80 | flags | csrcs.length)
    .uint8((fields.marker === true ? 0x80 : 0) | (fields.payloadType & 0x7f))
    .uint16(fields.sequenceNumber)
    .uint32(fields.timestamp)
    .uint32(fields.ssrc);
  for (const csrc of csrcs) writer.uint32(csrc);
  if (extensions.length > 0) {
    const { profile, bytes } = writeHeaderExtensions(extensions);
    writer
      .uint16(profile)
      .uint16(bytes.length / 4)
      .raw(bytes);
  }
  writer.raw(payload);
  if (padding > 0) writer.raw(new Uint8Array(padding - 1)).uint8(padding);
  return writer.finish();
}
