/**
 * The body of transport-wide feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1:
 *    |      base sequence (16)       |     packet status count (16)  |
 *    |          reference time (24, signed)          | feedback (8)  |
 *    | status chunks, 16 bits each … then deltas, 8 or 16 bits each … zeros up to a word |
 *   chunk 0: | 0 | symbol (2) | run length (13) |     chunk 1: | 1 | 0 | 14 × 1 bit |   or   | 1 | 1 | 7 × 2 bits |
 *   symbols: 0 not received, 1 small delta (0…255), 2 large delta (signed 16), 3 reserved
 */
import type { ByteWriter } from '../bytes.js';
import { readUint16, readUint24 } from '../bytes.js';
import type { TransportWideFeedback } from './packets.js';

const FIXED_BYTES = 8;
const MAX_RUN = 0x1fff;

export type TransportWideRefusal = 'twcc-length' | 'twcc-symbol' | 'twcc-count';

/**
 * @param start behind the two SSRCs
 * @param limit most statuses to expand
 */
export function readTransportWide(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
  ssrcs: { senderSsrc: number; mediaSsrc: number },
): TransportWideFeedback | TransportWideRefusal {
  if (end - start < FIXED_BYTES) return 'twcc-length';
  const statusCount = readUint16(bytes, start + 2);
  if (statusCount > limit) return 'twcc-count';
  const deltas: (number | undefined)[] = [];
  const deltasAt = readSymbols(bytes, start + FIXED_BYTES, end, statusCount, deltas);
  if (typeof deltasAt === 'string') return deltasAt;
  let at = deltasAt;
  for (let i = 0; i < statusCount; i++) {
    const size = deltas[i]!;
    if (at + size > end) return 'twcc-length';
    if (size === 0) deltas[i] = undefined;
    else deltas[i] = size === 1 ? bytes[at]! : (readUint16(bytes, at) << 16) >> 16;
    at += size;
  }
  return {
    type: 'twcc',
    ...ssrcs,
    baseSequence: readUint16(bytes, start),
    statusCount,
    referenceTime64ms: (readUint24(bytes, start + 4) << 8) >> 8,
    feedbackCount: bytes[start + 7]!,
    deltas,
  };
}

/** Symbols 0, 1, 2 are the sizes of the deltas that follow. @returns where the deltas begin */
function readSymbols(
  bytes: Uint8Array,
  start: number,
  end: number,
  statusCount: number,
  symbols: (number | undefined)[],
): number | TransportWideRefusal {
  let at = start;
  while (symbols.length < statusCount) {
    if (at + 2 > end) return 'twcc-length';
    const chunk = readUint16(bytes, at);
    at += 2;
    if (chunk < 0x8000) {
      const symbol = chunk >> 13;
      if (symbol === 3) return 'twcc-symbol';
      const run = Math.min(chunk & MAX_RUN, statusCount - symbols.length);
      if (run === 0) return 'twcc-count';
      for (let i = 0; i < run; i++) symbols.push(symbol);
    } else if (chunk < 0xc000) {
      for (let bit = 13; bit >= 0 && symbols.length < statusCount; bit--) symbols.push((chunk >> bit) & 1);
    } else {
      for (let bit = 12; bit >= 0 && symbols.length < statusCount; bit -= 2) {
        const symbol = (chunk >> bit) & 3;
        if (symbol === 3) return 'twcc-symbol';
        symbols.push(symbol);
      }
    }
  }
  return at;
}

/** Everything behind the two SSRCs, up to a word. @throws TypeError for a delta that 16 bits cannot hold */
export function writeTransportWide(writer: ByteWriter, packet: TransportWideFeedback): void {
  const { deltas } = packet;
  if (deltas.length !== packet.statusCount || deltas.length > 0xffff)
    throw new TypeError('statusCount must be the number of deltas');
  writer
    .uint16(packet.baseSequence)
    .uint16(packet.statusCount)
    .uint24(packet.referenceTime64ms)
    .uint8(packet.feedbackCount);
  const symbols = deltas.map(symbolOf);
  for (let at = 0; at < symbols.length;) at += writeChunk(writer, symbols, at);
  for (const delta of deltas) {
    if (delta === undefined) continue;
    if (symbolOf(delta) === 1) writer.uint8(delta);
    else writer.uint16(delta);
  }
  writer.padTo32Bits();
}

function symbolOf(delta: number | undefined): number {
  if (delta === undefined) return 0;
  if (!Number.isInteger(delta) || delta < -32_768 || delta > 32_767)
    throw new TypeError(`a delta of ${delta} ticks does not fit`);
  return delta >= 0 && delta <= 255 ? 1 : 2;
}

/** The form that covers most statuses from here on. @returns how many */
function writeChunk(writer: ByteWriter, symbols: readonly number[], at: number): number {
  const symbol = symbols[at]!;
  const left = symbols.length - at;
  let run = 1;
  while (run < left && run < MAX_RUN && symbols[at + run] === symbol) run++;
  let oneBit = 0;
  while (oneBit < left && oneBit < 14 && symbols[at + oneBit] !== 2) oneBit++;
  const twoBits = Math.min(7, left);
  // A vector that ends before its 14th place would claim statuses that it does not know.
  const oneBitCovers = oneBit === Math.min(14, left) ? oneBit : 0;
  if (run >= Math.max(oneBitCovers, twoBits)) {
    writer.uint16((symbol << 13) | run);
    return run;
  }
  const [count, bits, form] = oneBitCovers > 0 ? [oneBitCovers, 1, 0x8000] : [twoBits, 2, 0xc000];
  let chunk = form;
  for (let i = 0; i < count; i++) chunk |= symbols[at + i]! << (14 - bits * (i + 1));
  writer.uint16(chunk);
  return count;
}
