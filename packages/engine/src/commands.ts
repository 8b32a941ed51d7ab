/**
 * Writes one command into shared memory. No call into the add-on; the engine checks every word before it uses it.
 * Layout: layout.ts.
 */
import {
  COMMAND_CSRC0,
  COMMAND_CSRC1,
  COMMAND_CSRC_COUNT,
  COMMAND_ENTRY,
  COMMAND_EXTENSION_COUNT,
  COMMAND_EXTENSIONS,
  COMMAND_FLAGS,
  COMMAND_INDEX,
  COMMAND_LIST,
  COMMAND_MINIMUM_ADVANCE,
  COMMAND_PATCH_COUNT,
  COMMAND_PATCHES,
  COMMAND_PAYLOAD_LENGTH,
  COMMAND_PAYLOAD_OFFSET,
  COMMAND_NTP_FRACTION,
  COMMAND_NTP_SECONDS,
  COMMAND_REPORT,
  COMMAND_RTCP,
  COMMAND_TARGET,
  COMMAND_TIMESTAMP,
  COMMAND_TYPE,
  COMMAND_WORDS,
  FLAG_CODEC_SHIFT,
  FLAG_MARKER,
  FLAG_RETRANSMISSION,
  PATCH_BITS_15,
  PATCH_BITS_16,
  PATCH_BITS_7,
  PATCH_BITS_8,
} from './layout.js';
import type { ForwardCommand, PacketPatch } from './types.js';

/** @param at number of the command, from 0; it must be below the engine's number of commands. */
export function writeCommand(commands: Uint32Array, at: number, command: ForwardCommand): void {
  const word = at * COMMAND_WORDS;
  const { csrcs, extensions } = command;
  commands[word + COMMAND_TYPE] = command.list === undefined ? COMMAND_ENTRY : COMMAND_LIST;
  commands[word + COMMAND_TARGET] = command.list ?? command.entry ?? 0xffffffff;
  commands[word + COMMAND_PAYLOAD_OFFSET] = command.payloadOffset;
  commands[word + COMMAND_PAYLOAD_LENGTH] = command.payloadLength;
  commands[word + COMMAND_INDEX] = command.index;
  commands[word + COMMAND_TIMESTAMP] = command.timestamp;
  commands[word + COMMAND_FLAGS] =
    (command.marker ? FLAG_MARKER : 0) |
    (command.retransmission ? FLAG_RETRANSMISSION : 0) |
    ((command.codec ?? 0) << FLAG_CODEC_SHIFT);
  commands[word + COMMAND_MINIMUM_ADVANCE] = 0;
  commands[word + COMMAND_CSRC_COUNT] = csrcs?.length ?? 0;
  commands[word + COMMAND_CSRC0] = csrcs?.[0] ?? 0;
  commands[word + COMMAND_CSRC1] = csrcs?.[1] ?? 0;
  commands[word + COMMAND_EXTENSION_COUNT] = extensions?.length ?? 0;
  extensions?.forEach((extension, i) => {
    const words = word + COMMAND_EXTENSIONS + 2 * i;
    commands[words] = extension.kind | (extension.length << 8);
    commands[words + 1] = extension.offset;
  });
  commands[word + COMMAND_PATCH_COUNT] = command.patches?.length ?? 0;
  command.patches?.forEach((patch, i) => {
    commands[word + COMMAND_PATCHES + 2 * i] = patchDescriptor(patch);
    commands[word + COMMAND_PATCHES + 2 * i + 1] = patch.value;
  });
}

const PATCH_BITS = { 7: PATCH_BITS_7, 8: PATCH_BITS_8, 15: PATCH_BITS_15, 16: PATCH_BITS_16 };

/** The first of a patch's two words; the second is the value. */
export function patchDescriptor(patch: Omit<PacketPatch, 'value'>): number {
  const target = patch.target === 'payload' ? 0 : patch.target + 1;
  return (target | (PATCH_BITS[patch.bits] << 4) | (patch.delta << 8) | (patch.offset << 16)) >>> 0;
}

/** A plain RTCP compound to a peer; the bytes lie in the slab or the scratch behind it. */
export function writeRtcpCommand(
  commands: Uint32Array,
  at: number,
  peer: number,
  offset: number,
  length: number,
): void {
  const word = at * COMMAND_WORDS;
  commands[word + COMMAND_TYPE] = COMMAND_RTCP;
  commands[word + COMMAND_TARGET] = peer;
  commands[word + COMMAND_PAYLOAD_OFFSET] = offset;
  commands[word + COMMAND_PAYLOAD_LENGTH] = length;
}

/** @param timestamp each report of the template adds its own base to it */
export function writeReportCommand(
  commands: Uint32Array,
  at: number,
  peer: number,
  ntpSeconds: number,
  ntpFraction: number,
  timestamp: number,
): void {
  const word = at * COMMAND_WORDS;
  commands[word + COMMAND_TYPE] = COMMAND_REPORT;
  commands[word + COMMAND_TARGET] = peer;
  commands[word + COMMAND_NTP_SECONDS] = ntpSeconds;
  commands[word + COMMAND_NTP_FRACTION] = ntpFraction;
  commands[word + COMMAND_TIMESTAMP] = timestamp;
}
