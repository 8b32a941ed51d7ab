/**
 * Reads the records of a capture: packets of marked peers as they are without SRTP.
 * Elsewhere: the words → layout.ts · who marks peers → Engine.setCapture
 */
import {
  ADDRESS_BYTES,
  CAPTURE_HEAD_BYTES,
  CAPTURE_NUMBER_SHIFT,
  CAPTURE_OUTGOING,
  CAPTURE_RTCP,
} from './layout.js';

export interface CaptureRecord {
  readonly peer: number;
  /** What `setCapture` was given. */
  readonly capture: number;
  readonly outgoing: boolean;
  readonly rtcp: boolean;
  /** Of the engine's clock: when its batch was read, or when it was encrypted. */
  readonly micros: number;
  /** ADDRESS_BYTES of the remote end; family 0 for a peer without an address. Borrowed. */
  readonly address: Uint8Array;
  /** Header, extensions, payload and padding of RTP, or a compound of RTCP. Borrowed. */
  readonly bytes: Uint8Array;
}

/** @param records what `takeCapture` gave. Half a record at the end, which it never gives, is left out. */
export function* readCapture(records: Uint8Array): Generator<CaptureRecord> {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  const word = (at: number): number => view.getUint32(at, LITTLE_ENDIAN);
  for (let at = 0; at + CAPTURE_HEAD_BYTES <= records.length;) {
    const length = word(at);
    const end = at + CAPTURE_HEAD_BYTES + length;
    if (end > records.length) return;
    const flags = word(at + 8);
    yield {
      peer: word(at + 4),
      capture: (flags >>> CAPTURE_NUMBER_SHIFT) & 0xff,
      outgoing: (flags & CAPTURE_OUTGOING) !== 0,
      rtcp: (flags & CAPTURE_RTCP) !== 0,
      micros: word(at + 12) + word(at + 16) * 2 ** 32,
      address: records.subarray(at + 20, at + 20 + ADDRESS_BYTES),
      bytes: records.subarray(at + CAPTURE_HEAD_BYTES, end),
    };
    at = (end + 3) & ~3;
  }
}

/** Words are in the machine's order. */
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
