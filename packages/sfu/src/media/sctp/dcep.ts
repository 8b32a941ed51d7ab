/**
 * DATA_CHANNEL_OPEN and DATA_CHANNEL_ACK as bytes, and the payload protocol ids of what channels carry.
 * Spec: RFC 8832 §5 (messages), §8.2 (channel types), RFC 8831 §8 (payload protocol ids).
 *    | type 3 (8) | channel type (8) | priority (16) | reliability (32) |
 *    | label length (16) | protocol length (16) | label | protocol |
 */
import type { Parsed } from '@tertulia/wire';
import { parsed, refused } from '@tertulia/wire';

export const PAYLOAD_PROTOCOL = {
  dcep: 50,
  text: 51,
  partialBinary: 52, // deprecated with 54: parts of messages, never sent by browsers of today
  binary: 53,
  partialText: 54,
  emptyText: 56,
  emptyBinary: 57,
} as const;

const OPEN = 0x03;
const ACK = 0x02;
const OPEN_HEADER_BYTES = 12;
const UNORDERED = 0x80;
const RELIABILITY = { reliable: 0, retransmits: 1, lifetime: 2 } as const;

export const DCEP_LIMITS = {
  labelBytes: 1_024, // ours and Meet's have under 32; a label goes into messages and logs
  protocolBytes: 256,
} as const;

export interface ChannelParameters {
  label: string;
  protocol: string;
  ordered: boolean;
  priority: number;
  maxRetransmits?: number;
  maxPacketLifeTimeMs?: number;
}
export type DcepMessage = { type: 'open'; parameters: ChannelParameters } | { type: 'ack' };
export type DcepRefusal =
  | 'dcep-short'
  | 'dcep-length'
  | 'dcep-type'
  | 'dcep-channel-type'
  | 'dcep-label-too-long'
  | 'dcep-protocol-too-long'
  | 'dcep-text';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export function parseDcep(bytes: Uint8Array): Parsed<DcepMessage, DcepRefusal> {
  if (bytes.length === 0) return refused('dcep-short');
  if (bytes[0] === ACK) return bytes.length === 1 ? parsed({ type: 'ack' }) : refused('dcep-length');
  if (bytes[0] !== OPEN) return refused('dcep-type');
  if (bytes.length < OPEN_HEADER_BYTES) return refused('dcep-short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const labelLength = view.getUint16(8);
  const protocolLength = view.getUint16(10);
  if (labelLength > DCEP_LIMITS.labelBytes) return refused('dcep-label-too-long');
  if (protocolLength > DCEP_LIMITS.protocolBytes) return refused('dcep-protocol-too-long');
  if (bytes.length !== OPEN_HEADER_BYTES + labelLength + protocolLength) return refused('dcep-length');
  const channelType = bytes[1]!;
  const reliability = channelType & ~UNORDERED;
  if (reliability > RELIABILITY.lifetime) return refused('dcep-channel-type');
  const label = decodeText(bytes, OPEN_HEADER_BYTES, labelLength);
  const protocol = decodeText(bytes, OPEN_HEADER_BYTES + labelLength, protocolLength);
  if (label === undefined || protocol === undefined) return refused('dcep-text');
  const value = view.getUint32(4);
  const parameters: ChannelParameters = {
    label,
    protocol,
    ordered: (channelType & UNORDERED) === 0,
    priority: view.getUint16(2),
    ...(reliability === RELIABILITY.retransmits ? { maxRetransmits: value } : {}),
    ...(reliability === RELIABILITY.lifetime ? { maxPacketLifeTimeMs: value } : {}),
  };
  return parsed({ type: 'open', parameters });
}

export function writeDcepAck(): Uint8Array {
  return Uint8Array.of(ACK);
}

/** @throws RangeError when label or protocol are longer than `DCEP_LIMITS`. */
export function writeDcepOpen(parameters: ChannelParameters): Uint8Array {
  const label = encoder.encode(parameters.label);
  const protocol = encoder.encode(parameters.protocol);
  if (label.length > DCEP_LIMITS.labelBytes) throw new RangeError(`label has ${label.length} bytes`);
  if (protocol.length > DCEP_LIMITS.protocolBytes)
    throw new RangeError(`protocol has ${protocol.length} bytes`);
  const bytes = new Uint8Array(OPEN_HEADER_BYTES + label.length + protocol.length);
  const view = new DataView(bytes.buffer);
  const { maxRetransmits, maxPacketLifeTimeMs } = parameters;
  const reliability =
    maxRetransmits !== undefined
      ? RELIABILITY.retransmits
      : maxPacketLifeTimeMs !== undefined
        ? RELIABILITY.lifetime
        : RELIABILITY.reliable;
  bytes[0] = OPEN;
  bytes[1] = reliability | (parameters.ordered ? 0 : UNORDERED);
  view.setUint16(2, parameters.priority);
  view.setUint32(4, maxRetransmits ?? maxPacketLifeTimeMs ?? 0);
  view.setUint16(8, label.length);
  view.setUint16(10, protocol.length);
  bytes.set(label, OPEN_HEADER_BYTES);
  bytes.set(protocol, OPEN_HEADER_BYTES + label.length);
  return bytes;
}

function decodeText(bytes: Uint8Array, at: number, length: number): string | undefined {
  try {
    return decoder.decode(bytes.subarray(at, at + length));
  } catch {
    return undefined;
  }
}
