/**
 * STUN messages as ICE uses them. RFC 8489 (format), RFC 8445 §16.1 (PRIORITY, USE-CANDIDATE, ICE-CONTROLLED/-ING).
 *     0                   1                   2                   3
 *    |0 0|  type: method and class (14)  |  length after the header (16)  |
 *    |                     magic cookie 0x2112A442                        |
 *    |                     transaction id (96)                            |
 *    then attributes: type (16), length (16), value padded to 32 bits
 * Knows bytes only. Who may ask, which key is right and what to answer is decided elsewhere; HMAC is handed in.
 * Short-term credentials only: REALM, NONCE and MESSAGE-INTEGRITY-SHA256 are stepped over.
 */
import { ByteWriter, readUint16, readUint32, readUint64 } from './bytes.js';
import { crc32 } from './crc32.js';
import { ipFromText, ipToText } from './ipText.js';
import type { Parsed } from './result.js';
import { parsed, refused } from './result.js';
import { decodeUtf8, encodeUtf8 } from './text.js';
import type { Hmac, SocketAddress } from './units.js';

export const STUN_BINDING = 1; // the only method of ICE, RFC 8489 §18.2
const HEADER_BYTES = 20;
const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_XOR = 0x5354554e; // RFC 8489 §14.7
const INTEGRITY_BYTES = 20; // HMAC-SHA1
const INTEGRITY_ATTRIBUTE_BYTES = 24;

export const STUN_LIMITS = {
  attributes: 64, // browsers send at most 9; a 1500-byte datagram could claim 370
  usernameBytes: 508, // RFC 8489 §14.3: fewer than 509
  reasonCharacters: 127, // RFC 8489 §14.8: fewer than 128
  unknownReported: 16, // so that an error answer stays smaller than what it answers
} as const;

const ATTRIBUTE = {
  mappedAddress: 0x0001,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  realm: 0x0014,
  nonce: 0x0015,
  messageIntegritySha256: 0x001c,
  xorMappedAddress: 0x0020,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlled: 0x8029,
  iceControlling: 0x802a,
} as const;

const CLASSES = ['request', 'indication', 'success', 'error'] as const;
export type StunClass = (typeof CLASSES)[number];

export interface StunMessage {
  class: StunClass;
  method: number;
  /** 12 bytes, borrowed. */
  transactionId: Uint8Array;
  username?: string;
  priority?: number;
  useCandidate: boolean;
  iceControlling?: bigint;
  iceControlled?: bigint;
  xorMappedAddress?: SocketAddress;
  errorCode?: { code: number; reason: string };
  /** Types below 0x8000 that this parser does not know, in order, at most `STUN_LIMITS.unknownReported`. */
  unknownRequired: number[];
  /** Where the MESSAGE-INTEGRITY attribute begins, its type included. */
  integrityOffset?: number;
  /** True when FINGERPRINT is present; a wrong one is a refusal. */
  fingerprint?: boolean;
}

export type StunRefusal =
  | 'stun-short'
  | 'stun-not-stun'
  | 'stun-length'
  | 'stun-attribute-length'
  | 'stun-attribute-value'
  | 'stun-too-many-attributes'
  | 'stun-fingerprint'
  | 'stun-after-fingerprint';

export function parseStun(bytes: Uint8Array): Parsed<StunMessage, StunRefusal> {
  if (bytes.length < HEADER_BYTES) return refused('stun-short');
  if ((bytes[0]! & 0xc0) !== 0 || readUint32(bytes, 4) !== MAGIC_COOKIE) return refused('stun-not-stun');
  const length = readUint16(bytes, 2);
  if (length % 4 !== 0 || length !== bytes.length - HEADER_BYTES) return refused('stun-length');
  const type = readUint16(bytes, 0);
  const message: StunMessage = {
    class: CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)]!,
    method: (type & 0x000f) | ((type >> 1) & 0x0070) | ((type >> 2) & 0x0f80),
    transactionId: bytes.subarray(8, HEADER_BYTES),
    useCandidate: false,
    unknownRequired: [],
  };
  let count = 0;
  for (let at = HEADER_BYTES; at < bytes.length;) {
    if (message.fingerprint) return refused('stun-after-fingerprint');
    if (++count > STUN_LIMITS.attributes) return refused('stun-too-many-attributes');
    const valueLength = readUint16(bytes, at + 2);
    const next = at + 4 + ((valueLength + 3) & ~3);
    if (next > bytes.length) return refused('stun-attribute-length');
    const why = readAttribute(bytes, at, valueLength, message);
    if (why !== undefined) return refused(why);
    at = next;
  }
  return parsed(message);
}

/** Of a repeated attribute the first counts (RFC 8489 §14); what follows MESSAGE-INTEGRITY is not authenticated. */
function readAttribute(
  bytes: Uint8Array,
  at: number,
  length: number,
  message: StunMessage,
): StunRefusal | undefined {
  const type = readUint16(bytes, at);
  const value = at + 4;
  if (type === ATTRIBUTE.fingerprint) {
    if (length !== 4) return 'stun-attribute-value';
    if (readUint32(bytes, value) !== (crc32(bytes, at) ^ FINGERPRINT_XOR) >>> 0) return 'stun-fingerprint';
    message.fingerprint = true;
    return undefined;
  }
  if (message.integrityOffset !== undefined) return undefined;
  switch (type) {
    case ATTRIBUTE.messageIntegrity:
      if (length !== INTEGRITY_BYTES) return 'stun-attribute-value';
      message.integrityOffset = at;
      return undefined;
    case ATTRIBUTE.username:
      if (length > STUN_LIMITS.usernameBytes) return 'stun-attribute-value';
      message.username ??= decodeUtf8(bytes, value, length);
      return undefined;
    case ATTRIBUTE.priority:
      if (length !== 4) return 'stun-attribute-value';
      message.priority ??= readUint32(bytes, value);
      return undefined;
    case ATTRIBUTE.useCandidate:
      if (length !== 0) return 'stun-attribute-value';
      message.useCandidate = true;
      return undefined;
    case ATTRIBUTE.iceControlling:
      if (length !== 8) return 'stun-attribute-value';
      message.iceControlling ??= readUint64(bytes, value);
      return undefined;
    case ATTRIBUTE.iceControlled:
      if (length !== 8) return 'stun-attribute-value';
      message.iceControlled ??= readUint64(bytes, value);
      return undefined;
    case ATTRIBUTE.xorMappedAddress: {
      const address = readXorAddress(bytes, value, length);
      if (address === undefined) return 'stun-attribute-value';
      message.xorMappedAddress ??= address;
      return undefined;
    }
    case ATTRIBUTE.errorCode: {
      if (length < 4) return 'stun-attribute-value';
      const hundreds = bytes[value + 2]! & 7;
      const rest = bytes[value + 3]!;
      if (hundreds < 3 || hundreds > 6 || rest > 99) return 'stun-attribute-value';
      const reason = decodeUtf8(bytes, value + 4, length - 4);
      message.errorCode ??= { code: hundreds * 100 + rest, reason };
      return undefined;
    }
    case ATTRIBUTE.mappedAddress:
    case ATTRIBUTE.unknownAttributes:
    case ATTRIBUTE.realm:
    case ATTRIBUTE.nonce:
    case ATTRIBUTE.messageIntegritySha256:
      return undefined;
    default:
      if (type < 0x8000 && message.unknownRequired.length < STUN_LIMITS.unknownReported)
        message.unknownRequired.push(type);
      return undefined;
  }
}

/** RFC 8489 §14.2: port and address are XORed with the cookie, IPv6 with the transaction id as well. */
function readXorAddress(bytes: Uint8Array, at: number, length: number): SocketAddress | undefined {
  const family = bytes[at + 1];
  const size = family === 1 ? 4 : family === 2 ? 16 : 0;
  if (size === 0 || length !== 4 + size) return undefined;
  const address = new Uint8Array(size);
  for (let i = 0; i < size; i++) address[i] = bytes[at + 4 + i]! ^ bytes[4 + i]!;
  const port = readUint16(bytes, at + 2) ^ (MAGIC_COOKIE >>> 16);
  return { family: size === 4 ? 4 : 6, ip: ipToText(address), port };
}

/** RFC 8489 §14.5: the HMAC covers what lies before the attribute, with a length field that ends after it. */
export function verifyStunIntegrity(
  bytes: Uint8Array,
  message: StunMessage,
  key: Uint8Array,
  hmac: Hmac,
): boolean {
  const end = message.integrityOffset;
  if (end === undefined) return false;
  const covered = bytes.slice(0, end);
  setLength(covered, end + INTEGRITY_ATTRIBUTE_BYTES - HEADER_BYTES);
  const expected = hmac(key, covered);
  let difference = expected.length ^ INTEGRITY_BYTES;
  // No early end: how many bytes agree must not show in the time that it takes.
  for (let i = 0; i < INTEGRITY_BYTES; i++) difference |= (expected[i] ?? 0) ^ bytes[end + 4 + i]!;
  return difference === 0;
}

export interface BindingRequestFields {
  transactionId: Uint8Array;
  username: string;
  priority: number;
  useCandidate?: boolean;
  iceControlling?: bigint;
  iceControlled?: bigint;
  key: Uint8Array;
  hmac: Hmac;
}

export function writeBindingRequest(fields: BindingRequestFields): Uint8Array {
  const writer = begin('request', fields.transactionId);
  attribute(writer, ATTRIBUTE.username, encodeUtf8(fields.username));
  writer.uint16(ATTRIBUTE.priority).uint16(4).uint32(fields.priority);
  if (fields.useCandidate === true) writer.uint16(ATTRIBUTE.useCandidate).uint16(0);
  if (fields.iceControlling !== undefined)
    writer.uint16(ATTRIBUTE.iceControlling).uint16(8).uint64(fields.iceControlling);
  if (fields.iceControlled !== undefined)
    writer.uint16(ATTRIBUTE.iceControlled).uint16(8).uint64(fields.iceControlled);
  return finish(writer, fields.key, fields.hmac);
}

export interface BindingSuccessFields {
  transactionId: Uint8Array;
  mapped: SocketAddress;
  key: Uint8Array;
  hmac: Hmac;
}

/** @throws TypeError when `mapped.ip` is not an address. */
export function writeBindingSuccess(fields: BindingSuccessFields): Uint8Array {
  const writer = begin('success', fields.transactionId);
  const address = ipFromText(fields.mapped.ip);
  if (address === undefined) throw new TypeError(`'${fields.mapped.ip}' is not an IP address`);
  const at = writer.length;
  writer
    .uint16(ATTRIBUTE.xorMappedAddress)
    .uint16(4 + address.length)
    .uint8(0)
    .uint8(address.length === 4 ? 1 : 2)
    .uint16(fields.mapped.port ^ (MAGIC_COOKIE >>> 16))
    .raw(address);
  const bytes = writer.view();
  for (let i = 0; i < address.length; i++) bytes[at + 8 + i]! ^= bytes[4 + i]!;
  return finish(writer, fields.key, fields.hmac);
}

export interface BindingErrorFields {
  transactionId: Uint8Array;
  /** 300…699 */
  code: number;
  reason: string;
  unknownAttributes?: readonly number[];
  /** Both or none: without a key the answer carries FINGERPRINT only. */
  key?: Uint8Array;
  hmac?: Hmac;
}

export function writeBindingError(fields: BindingErrorFields): Uint8Array {
  const writer = begin('error', fields.transactionId);
  const reason = encodeUtf8(fields.reason.slice(0, STUN_LIMITS.reasonCharacters));
  writer
    .uint16(ATTRIBUTE.errorCode)
    .uint16(4 + reason.length)
    .uint16(0)
    .uint8(Math.floor(fields.code / 100))
    .uint8(fields.code % 100)
    .raw(reason)
    .padTo32Bits();
  if (fields.unknownAttributes !== undefined) {
    writer.uint16(ATTRIBUTE.unknownAttributes).uint16(2 * fields.unknownAttributes.length);
    for (const type of fields.unknownAttributes) writer.uint16(type);
    writer.padTo32Bits();
  }
  return finish(writer, fields.key, fields.hmac);
}

function begin(messageClass: StunClass, transactionId: Uint8Array): ByteWriter {
  if (transactionId.length !== 12) throw new TypeError('a STUN transaction id has 12 bytes');
  const bits = CLASSES.indexOf(messageClass);
  const type = STUN_BINDING | ((bits & 2) << 7) | ((bits & 1) << 4);
  return new ByteWriter(160).uint16(type).uint16(0).uint32(MAGIC_COOKIE).raw(transactionId);
}

function attribute(writer: ByteWriter, type: number, value: Uint8Array): void {
  writer.uint16(type).uint16(value.length).raw(value).padTo32Bits();
}

/** MESSAGE-INTEGRITY, then FINGERPRINT; each counts the length up to its own end (RFC 8489 §14.5, §14.7). */
function finish(writer: ByteWriter, key: Uint8Array | undefined, hmac: Hmac | undefined): Uint8Array {
  if (key !== undefined && hmac !== undefined) {
    writer.patchUint16(2, writer.length + INTEGRITY_ATTRIBUTE_BYTES - HEADER_BYTES);
    attribute(writer, ATTRIBUTE.messageIntegrity, hmac(key, writer.finish()));
  }
  writer.patchUint16(2, writer.length + 8 - HEADER_BYTES);
  const crc = (crc32(writer.view(), writer.length) ^ FINGERPRINT_XOR) >>> 0;
  return writer.uint16(ATTRIBUTE.fingerprint).uint16(4).uint32(crc).finish();
}

function setLength(bytes: Uint8Array, length: number): void {
  bytes[2] = length >>> 8;
  bytes[3] = length & 0xff;
}
