/**
 * Writes an entry's constants into shared memory and reads its counters from there. No call into the add-on.
 * Layout: layout.ts. The engine checks every word before it uses it.
 */
import {
  ENTRY_DELTA_INDEX,
  ENTRY_DELTA_TIMESTAMP,
  ENTRY_DROPS,
  ENTRY_ENABLED,
  ENTRY_EXTENSION_IDS,
  ENTRY_FIRST_INDEX,
  ENTRY_FLAGS,
  ENTRY_LAST_INDEX,
  ENTRY_LAST_SENT_MICROS,
  ENTRY_LAST_TIMESTAMP,
  ENTRY_MID,
  ENTRY_OCTETS,
  ENTRY_PACED,
  ENTRY_PACKETS,
  ENTRY_PATCH_DELTAS,
  ENTRY_PAYLOAD_TYPES,
  ENTRY_PEER,
  ENTRY_PLAYOUT_DELAY,
  ENTRY_RTX_LAST_INDEX,
  ENTRY_RTX_OCTETS,
  ENTRY_RTX_PACKETS,
  ENTRY_RTX_PAYLOAD_TYPES,
  ENTRY_RTX_SSRC,
  ENTRY_SEND_EXTENSIONS,
  ENTRY_SEND_MID,
  ENTRY_SSRC,
  ENTRY_WORDS,
  MID_BYTES,
  PLAYOUT_DELAY_GIVEN,
  PAYLOAD_TYPE_NONE,
} from './layout.js';
import type { EntryConstants, EntryCounters } from './types.js';

const utf8 = new TextEncoder();
const CARRIED_KINDS = 16;
const CODECS = 8;
const PATCH_DELTAS = 4;

/**
 * What is absent from `constants` stays as it is.
 * @throws TypeError when a mid is longer than MID_BYTES bytes; RangeError for an id or payload type that fits no byte.
 */
export function writeEntry(entries: Uint32Array, entry: number, constants: Partial<EntryConstants>): void {
  const at = entry * ENTRY_WORDS;
  const bytes = new Uint8Array(entries.buffer, entries.byteOffset + at * 4, ENTRY_WORDS * 4);
  const c = constants;
  if (c.peer !== undefined) entries[at + ENTRY_PEER] = c.peer;
  if (c.ssrc !== undefined) entries[at + ENTRY_SSRC] = c.ssrc;
  if (c.deltaIndex !== undefined) entries[at + ENTRY_DELTA_INDEX] = c.deltaIndex;
  if (c.deltaTimestamp !== undefined) entries[at + ENTRY_DELTA_TIMESTAMP] = c.deltaTimestamp;
  if (c.firstIndex !== undefined) entries[at + ENTRY_FIRST_INDEX] = c.firstIndex;
  if (c.payloadTypes !== undefined) writePayloadTypes(bytes, ENTRY_PAYLOAD_TYPES, c.payloadTypes);
  if (c.rtxSsrc !== undefined) entries[at + ENTRY_RTX_SSRC] = c.rtxSsrc;
  if (c.rtxPayloadTypes !== undefined) writePayloadTypes(bytes, ENTRY_RTX_PAYLOAD_TYPES, c.rtxPayloadTypes);
  if (c.patchDeltas !== undefined) {
    for (let i = 0; i < PATCH_DELTAS; i += 2) {
      const low = (c.patchDeltas[i] ?? 0) & 0xffff;
      const high = (c.patchDeltas[i + 1] ?? 0) & 0xffff;
      entries[at + ENTRY_PATCH_DELTAS + (i >> 1)] = low | (high << 16);
    }
  }
  if (c.playoutDelay !== undefined) {
    const { minMs, maxMs } = c.playoutDelay;
    entries[at + ENTRY_PLAYOUT_DELAY] = PLAYOUT_DELAY_GIVEN | (tensOfMs(minMs) << 12) | tensOfMs(maxMs);
  }
  if (c.extensionIds !== undefined) {
    for (let kind = 0; kind < CARRIED_KINDS; kind++) {
      bytes[ENTRY_EXTENSION_IDS * 4 + kind] = extensionId(c.extensionIds[kind] ?? 0);
    }
  }
  if (c.midId !== undefined) bytes[ENTRY_SEND_EXTENSIONS * 4] = extensionId(c.midId);
  if (c.mid !== undefined) {
    const mid = utf8.encode(c.mid);
    if (mid.length > MID_BYTES) throw new TypeError(`mid '${c.mid}' is longer than ${MID_BYTES} bytes`);
    bytes[ENTRY_SEND_EXTENSIONS * 4 + 1] = mid.length;
    bytes.fill(0, ENTRY_MID * 4, ENTRY_MID * 4 + MID_BYTES);
    bytes.set(mid, ENTRY_MID * 4);
  }
  if (c.absSendTimeId !== undefined) bytes[ENTRY_SEND_EXTENSIONS * 4 + 2] = extensionId(c.absSendTimeId);
  if (c.transportWideCcId !== undefined)
    bytes[ENTRY_SEND_EXTENSIONS * 4 + 3] = extensionId(c.transportWideCcId);
  let flags = entries[at + ENTRY_FLAGS] ?? 0;
  if (c.enabled !== undefined) flags = c.enabled ? flags | ENTRY_ENABLED : flags & ~ENTRY_ENABLED;
  if (c.sendMid !== undefined) flags = c.sendMid ? flags | ENTRY_SEND_MID : flags & ~ENTRY_SEND_MID;
  if (c.paced !== undefined) flags = c.paced ? flags | ENTRY_PACED : flags & ~ENTRY_PACED;
  entries[at + ENTRY_FLAGS] = flags;
}

export function readEntryCounters(entries: Uint32Array, entry: number): EntryCounters {
  const at = entry * ENTRY_WORDS;
  return {
    packets: entries[at + ENTRY_PACKETS] ?? 0,
    octets: entries[at + ENTRY_OCTETS] ?? 0,
    lastTimestamp: entries[at + ENTRY_LAST_TIMESTAMP] ?? 0,
    lastIndex: entries[at + ENTRY_LAST_INDEX] ?? 0,
    lastSentMicrosLow: entries[at + ENTRY_LAST_SENT_MICROS] ?? 0,
    drops: entries[at + ENTRY_DROPS] ?? 0,
    rtxPackets: entries[at + ENTRY_RTX_PACKETS] ?? 0,
    rtxOctets: entries[at + ENTRY_RTX_OCTETS] ?? 0,
    rtxLastIndex: entries[at + ENTRY_RTX_LAST_INDEX] ?? 0,
  };
}

function writePayloadTypes(bytes: Uint8Array, word: number, types: readonly (number | undefined)[]): void {
  for (let codec = 0; codec < CODECS; codec++) {
    const type = types[codec] ?? PAYLOAD_TYPE_NONE;
    if (type !== PAYLOAD_TYPE_NONE && !(type >= 0 && type <= 127))
      throw new RangeError(`payload type ${type}`);
    bytes[word * 4 + codec] = type;
  }
}

/** 12 bits. */
function tensOfMs(ms: number): number {
  if (!(ms >= 0 && ms <= 40_950)) throw new RangeError(`playout delay ${ms} is not 0…40950 ms`);
  return Math.floor(ms / 10);
}

function extensionId(id: number): number {
  if (!Number.isInteger(id) || id < 0 || id > 255)
    throw new RangeError(`header extension id ${id} is not 0…255`);
  return id;
}
