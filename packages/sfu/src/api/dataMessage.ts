/**
 * A message as it goes to the media process: bytes with a payload protocol identifier that says text or binary.
 * Spec: RFC 8831 §6.6 and §8 (an empty message travels as one byte under an identifier of its own).
 */
import { OptionError } from '../channel/errors.js';

const PPID_STRING = 51;
const PPID_BINARY = 53;
const PPID_STRING_EMPTY = 56;
const PPID_BINARY_EMPTY = 57;
const PPID_MAX = 0xffff_ffff;

export function encodeMessage(
  message: string | Buffer,
  ppid: number | undefined,
): { ppid: number; data: Uint8Array } {
  const isText = typeof message === 'string';
  if (!isText && !Buffer.isBuffer(message)) throw new OptionError('message: neither a string nor a Buffer');
  if (ppid !== undefined && (!Number.isInteger(ppid) || ppid < 0 || ppid > PPID_MAX))
    throw new OptionError('ppid: not an unsigned 32-bit integer');
  const empty = message.length === 0;
  const chosen =
    ppid ?? (isText ? (empty ? PPID_STRING_EMPTY : PPID_STRING) : empty ? PPID_BINARY_EMPTY : PPID_BINARY);
  if (chosen === PPID_STRING_EMPTY) return { ppid: chosen, data: Buffer.from(' ') };
  if (chosen === PPID_BINARY_EMPTY) return { ppid: chosen, data: Buffer.alloc(1) };
  return { ppid: chosen, data: isText ? Buffer.from(message) : message };
}

const SUBCHANNELS = 2 ** 16;

/** Greater numbers begin anew at 0, as with mediasoup. @throws TypeError for what is no number of a subchannel. */
export function asSubchannel(name: string, subchannel: unknown): number {
  if (!Number.isSafeInteger(subchannel) || (subchannel as number) < 0)
    throw new OptionError(`${name}: not a whole number`);
  return (subchannel as number) % SUBCHANNELS;
}

export function asSubchannels(subchannels: unknown): number[] {
  if (!Array.isArray(subchannels)) throw new OptionError('subchannels: not an array');
  return subchannels.map((subchannel, i) => asSubchannel(`subchannels[${i}]`, subchannel));
}
