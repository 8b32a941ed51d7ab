/**
 * One outgoing packet as bytes, for those who get packets without a socket: consumers of a DirectTransport. What the engine
 * does for everybody else, in TypeScript: SSRC, payload type, numbers, header extensions by the receiver's ids, patches.
 */
import { writeRtp } from '@tertulia/wire';
import { CARRIED_KINDS } from './packet.js';
import type { EntryConstants, PacketPatches, ReceivedPacket } from './packet.js';

export interface OutgoingNumbers {
  /** 16 bits. */
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly marker: boolean;
  /** By slot. */
  readonly patchDeltas: readonly number[];
}

/** @returns undefined when the receiver has no payload type for the packet */
export function packetBytes(
  slab: Uint8Array,
  packet: ReceivedPacket,
  constants: Pick<EntryConstants, 'ssrc' | 'payloadTypes' | 'extensionIds' | 'mid' | 'midId' | 'sendMid'>,
  numbers: OutgoingNumbers,
  patches: PacketPatches | undefined,
): Uint8Array | undefined {
  const payloadType = constants.payloadTypes[packet.codec];
  if (payloadType === undefined) return undefined;
  const payload = slab.slice(packet.payloadOffset, packet.payloadOffset + packet.payloadLength);
  const extensions: { id: number; bytes: Uint8Array }[] = [];
  const values: (Uint8Array | undefined)[] = [];
  for (let kind = 0; kind < CARRIED_KINDS; kind++) {
    const length = packet.extensions.lengths[kind]!;
    const id = constants.extensionIds[kind] ?? 0;
    if (length === 0 || id === 0) continue;
    const offset = packet.extensions.offsets[kind]!;
    const bytes = slab.slice(offset, offset + length);
    values[kind] = bytes;
    extensions.push({ id, bytes });
  }
  if (constants.sendMid && constants.midId !== 0)
    extensions.push({ id: constants.midId, bytes: new TextEncoder().encode(constants.mid) });
  if (patches) applyPatches(payload, values, patches, numbers.patchDeltas);
  const { sequenceNumber, timestamp, marker } = numbers;
  return writeRtp({
    payloadType,
    marker,
    sequenceNumber,
    timestamp,
    ssrc: constants.ssrc,
    ...(extensions.length > 0 ? { extensions } : {}),
    payload,
  });
}

/** Width of a field, as in the engine's descriptors. */
const MASKS = [0xff, 0x7f, 0x7fff, 0xffff] as const;

function applyPatches(
  payload: Uint8Array,
  values: readonly (Uint8Array | undefined)[],
  patches: PacketPatches,
  deltas: readonly number[],
): void {
  for (let i = 0; i < patches.count; i++) {
    const descriptor = patches.descriptors[i]!;
    const target = descriptor & 15;
    const bytes = target === 0 ? payload : values[target - 1];
    const mask = MASKS[(descriptor >>> 4) & 3]!;
    const offset = descriptor >>> 16;
    const width = mask > 0xff ? 2 : 1;
    if (!bytes || offset + width > bytes.length) continue;
    const value = (patches.values[i]! + (deltas[(descriptor >>> 8) & 3] ?? 0)) & mask;
    if (width === 1) bytes[offset] = (bytes[offset]! & ~mask) | value;
    else {
      const before = (bytes[offset]! << 8) | bytes[offset + 1]!;
      const after = (before & ~mask) | value;
      bytes[offset] = after >> 8;
      bytes[offset + 1] = after & 0xff;
    }
  }
}
