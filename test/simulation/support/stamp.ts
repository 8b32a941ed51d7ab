/**
 * The truth about a packet, written into its payload: which source made it and its number there. The judge believes
 * nothing else. The rest of the payload follows from the two, so that mixed or cut payloads show as well.
 */
const TOC = 0x78; // Opus: hybrid, full band, mono, one frame of 20 ms (RFC 6716 §3.1)
const HEAD_BYTES = 9;

export function writeStamp(source: number, packetNumber: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = TOC;
  const view = new DataView(bytes.buffer);
  view.setUint32(1, source);
  view.setUint32(5, packetNumber);
  for (let i = HEAD_BYTES; i < length; i++) bytes[i] = filler(source, packetNumber, i);
  return bytes;
}

export interface Stamp {
  source: number;
  packetNumber: number;
}

/** @returns undefined when the payload is not one that `writeStamp` wrote. */
export function readStamp(bytes: Uint8Array, offset: number, length: number): Stamp | undefined {
  if (length < HEAD_BYTES || bytes[offset] !== TOC) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, length);
  const source = view.getUint32(1);
  const packetNumber = view.getUint32(5);
  for (let i = HEAD_BYTES; i < length; i++) {
    if (bytes[offset + i] !== filler(source, packetNumber, i)) return undefined;
  }
  return { source, packetNumber };
}

const filler = (source: number, packetNumber: number, i: number): number =>
  (source * 31 + packetNumber * 17 + i * 7) & 0xff;
