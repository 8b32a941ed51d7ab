/**
 * Writes compounds of reports straight into a given buffer: a thousand receivers are owed one each second, so nothing is
 * built in between. Everything else of RTCP is written by @tertulia/wire.
 * Spec: RFC 3550 §6.4.1 (SR), §6.4.2 (RR), §6.5 (SDES), RFC 4585 §6.2.1 (NACK), §6.3.1
 * (PLI), RFC 5104 §4.3.1 (FIR).
 */
import type { ReportBlock } from '@tertulia/wire';
import type { SenderReportNumbers } from './outgoing.js';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const TRANSPORT_FEEDBACK = 205;
const NACK_FORMAT = 1;
const PAYLOAD_FEEDBACK = 206;
const PICTURE_LOSS_FORMAT = 1;
const FULL_INTRA_FORMAT = 4;
const CNAME_ITEM = 1;
const REPORT_BLOCK_BYTES = 24;
const SENDER_REPORT_BYTES = 28;
export const SOURCE_DESCRIPTION_HEAD_BYTES = 4;
/** Five bits of count. */
export const REPORT_BLOCKS_MAX = 31;
/** Longest name of a source, RFC 3550 §6.5. */
const CNAME_BYTES_MAX = 255;

/** Bytes of what will be written, so that the caller can stop before the buffer's end. */
export const senderReportBytes = (blocks: number): number =>
  SENDER_REPORT_BYTES + blocks * REPORT_BLOCK_BYTES;
export const receiverReportBytes = (blocks: number): number => 8 + blocks * REPORT_BLOCK_BYTES;

export class ReportWriter {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #start = 0;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** A compound begins at this offset. */
  begin(offset: number): void {
    this.#start = offset;
    this.#at = offset;
  }

  /** Of the compound so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  senderReport(
    numbers: SenderReportNumbers,
    ntpSeconds: number,
    ntpFraction: number,
    blocks: readonly ReportBlock[],
  ): void {
    const view = this.#view;
    const at = this.#at;
    this.#header(blocks.length, SENDER_REPORT, senderReportBytes(blocks.length));
    view.setUint32(at + 4, numbers.ssrc);
    view.setUint32(at + 8, ntpSeconds);
    view.setUint32(at + 12, ntpFraction);
    view.setUint32(at + 16, numbers.rtpTimestamp);
    view.setUint32(at + 20, numbers.packetCount);
    view.setUint32(at + 24, numbers.octetCount);
    this.#at = at + SENDER_REPORT_BYTES;
    for (const block of blocks) this.#block(block);
  }

  receiverReport(ssrc: number, blocks: readonly ReportBlock[]): void {
    this.#header(blocks.length, RECEIVER_REPORT, receiverReportBytes(blocks.length));
    this.#view.setUint32(this.#at + 4, ssrc);
    this.#at += 8;
    for (const block of blocks) this.#block(block);
  }

  /** A whole packet, such as a `sourceDescription`. */
  raw(packet: Uint8Array): void {
    this.#bytes.set(packet, this.#at);
    this.#at += packet.length;
  }

  /** @param words pairs of PID and BLP, see `nackWords` */
  nack(senderSsrc: number, mediaSsrc: number, words: readonly number[]): void {
    const view = this.#view;
    this.#header(NACK_FORMAT, TRANSPORT_FEEDBACK, 12 + 4 * words.length);
    view.setUint32(this.#at + 4, senderSsrc);
    view.setUint32(this.#at + 8, mediaSsrc);
    words.forEach((word, i) => view.setUint32(this.#at + 12 + 4 * i, word));
    this.#at += 12 + 4 * words.length;
  }

  pictureLoss(senderSsrc: number, mediaSsrc: number): void {
    this.#header(PICTURE_LOSS_FORMAT, PAYLOAD_FEEDBACK, 12);
    this.#view.setUint32(this.#at + 4, senderSsrc);
    this.#view.setUint32(this.#at + 8, mediaSsrc);
    this.#at += 12;
  }

  /** @param sequence one more with each new request, 8 bits */
  fullIntraRequest(senderSsrc: number, mediaSsrc: number, sequence: number): void {
    const view = this.#view;
    this.#header(FULL_INTRA_FORMAT, PAYLOAD_FEEDBACK, 20);
    view.setUint32(this.#at + 4, senderSsrc);
    view.setUint32(this.#at + 8, 0); // unused, RFC 5104 §4.3.1.2
    view.setUint32(this.#at + 12, mediaSsrc);
    view.setUint32(this.#at + 16, (sequence & 0xff) << 24);
    this.#at += 20;
  }

  #header(count: number, type: number, bytes: number): void {
    this.#view.setUint8(this.#at, 0x80 | count);
    this.#view.setUint8(this.#at + 1, type);
    this.#view.setUint16(this.#at + 2, bytes / 4 - 1);
  }

  #block(block: ReportBlock): void {
    const view = this.#view;
    const at = this.#at;
    view.setUint32(at, block.ssrc);
    view.setUint32(at + 4, ((block.fractionLost & 0xff) << 24) | (block.cumulativeLost & 0xffffff));
    view.setUint32(at + 8, block.highestSequence);
    view.setUint32(at + 12, block.jitter);
    view.setUint32(at + 16, block.lastSr);
    view.setUint32(at + 20, block.delaySinceLastSr);
    this.#at = at + REPORT_BLOCK_BYTES;
  }
}

/** One source's piece of a source description, the same each time: made once per stream. */
export function cnameChunk(ssrc: number, cname: string): Uint8Array {
  const name = new TextEncoder().encode(cname).subarray(0, CNAME_BYTES_MAX);
  // SSRC, item type, length, name, then at least one zero byte up to the next word.
  const bytes = new Uint8Array(4 + ((2 + name.length + 4) & ~3));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ssrc);
  view.setUint8(4, CNAME_ITEM);
  view.setUint8(5, name.length);
  bytes.set(name, 6);
  return bytes;
}

/** A source description, the same for the same streams. @param chunks at most 31, as `cnameChunk` makes them */
export function sourceDescription(chunks: readonly Uint8Array[]): Uint8Array {
  let end = SOURCE_DESCRIPTION_HEAD_BYTES;
  for (const chunk of chunks) end += chunk.length;
  const bytes = new Uint8Array(end);
  bytes.set([0x80 | chunks.length, SOURCE_DESCRIPTION, (end / 4 - 1) >> 8, end / 4 - 1]);
  let at = SOURCE_DESCRIPTION_HEAD_BYTES;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Lost 16-bit numbers, ascending on the circle, as words of PID (16) and BLP (16). */
export function nackWords(lost: readonly number[]): number[] {
  const words: number[] = [];
  for (let i = 0; i < lost.length;) {
    const first = lost[i++]! & 0xffff;
    let bits = 0;
    for (; i < lost.length; i++) {
      const distance = (lost[i]! - first) & 0xffff;
      if (distance === 0 || distance > 16) break;
      bits |= 1 << (distance - 1);
    }
    words.push(((first << 16) | bits) >>> 0);
  }
  return words;
}
