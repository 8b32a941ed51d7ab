/**
 * Blocks of a pcapng file, one after the other as packets come: section header, interfaces, packets, statistics. Bytes out,
 * no file, no clock. Words are big-endian: the reader sees it by the magic.
 * Spec: draft-ietf-opsawg-pcapng §3.1 (block), §3.5 (options), §4.1–4.3, §4.6.
 * Elsewhere: datagrams around RTP → datagram.ts
 */
import { ByteWriter } from '../bytes.js';
import { encodeUtf8 } from '../text.js';

/** "Raw IP": a packet begins with an IPv4 or IPv6 header. tcpdump's list of link types. */
const LINKTYPE_RAW = 101;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
/** Which options are known to which block has its own numbers; a comment is 1 everywhere. */
const OPTION = {
  end: 0,
  comment: 1,
  section: { os: 3, application: 4 },
  interface: { name: 2, description: 3, timestampResolution: 9 },
  packet: { flags: 2 },
  statistics: { startTime: 2, endTime: 3, received: 4, dropped: 5 },
} as const;
/** An option's length is 16 bits; nobody reads more in a window. */
const TEXT_BYTES_MAX = 4_096;

/** First block. `comment` is what Wireshark shows under Statistics, Capture File Properties. */
export function sectionBlock(about: { comment?: string; application?: string; os?: string }): Uint8Array {
  const block = new Block(BLOCK.section);
  // Version 1.0; the section's length is not known.
  block.body.uint32(BYTE_ORDER_MAGIC).uint16(1).uint16(0).uint64(-1n);
  block.text(OPTION.comment, about.comment);
  block.text(OPTION.section.os, about.os);
  block.text(OPTION.section.application, about.application);
  return block.end();
}

/** Interfaces are numbered from 0 in their order. It may stand anywhere before its first packet. */
export function interfaceBlock(about: { name: string; description?: string; comment?: string }): Uint8Array {
  const block = new Block(BLOCK.interface);
  // Two bytes without meaning; no packet is cut.
  block.body.uint16(LINKTYPE_RAW).uint16(0).uint32(0);
  block.text(OPTION.comment, about.comment);
  block.text(OPTION.interface.name, about.name);
  block.text(OPTION.interface.description, about.description);
  block.option(OPTION.interface.timestampResolution, Uint8Array.of(6)); // 10^-6 s
  return block.end();
}

export interface PcapngPacket {
  /** Number of its interface. */
  readonly interface: number;
  readonly unixMicros: number;
  readonly direction: 'incoming' | 'outgoing';
  /** An IP packet; in pieces, so that nobody has to join them. */
  readonly parts: readonly Uint8Array[];
}

export function packetBlock({ interface: number, unixMicros, direction, parts }: PcapngPacket): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const block = new Block(BLOCK.packet, length + 64);
  // As long as it was.
  block.body.uint32(number).uint64(timeOf(unixMicros)).uint32(length).uint32(length);
  for (const part of parts) block.body.raw(part);
  block.body.padTo32Bits();
  block.option(OPTION.packet.flags, Uint8Array.of(0, 0, 0, direction === 'incoming' ? 1 : 2));
  return block.end();
}

export interface InterfaceStatistics {
  readonly interface: number;
  readonly unixMicros: number;
  readonly startMicros: number;
  readonly endMicros: number;
  /** Packets of this interface, those that are not in the file included. */
  readonly received: number;
  /** Packets that are not in the file. */
  readonly dropped: number;
  readonly comment?: string;
}

export function statisticsBlock(statistics: InterfaceStatistics): Uint8Array {
  const block = new Block(BLOCK.statistics);
  block.body.uint32(statistics.interface).uint64(timeOf(statistics.unixMicros));
  block.text(OPTION.comment, statistics.comment);
  block.number(OPTION.statistics.startTime, timeOf(statistics.startMicros));
  block.number(OPTION.statistics.endTime, timeOf(statistics.endMicros));
  block.number(OPTION.statistics.received, BigInt(statistics.received));
  block.number(OPTION.statistics.dropped, BigInt(statistics.dropped));
  return block.end();
}

/** Type, length, body, length again; everything on whole words. */
class Block {
  readonly body: ByteWriter;
  readonly #type: number;
  #hasOptions = false;

  constructor(type: number, room?: number) {
    this.#type = type;
    this.body = new ByteWriter(room);
  }

  option(code: number, value: Uint8Array): void {
    this.#hasOptions = true;
    this.body.uint16(code).uint16(value.length).raw(value).padTo32Bits();
  }
  text(code: number, text: string | undefined): void {
    if (text !== undefined && text !== '') this.option(code, cutText(text));
  }
  number(code: number, value: bigint): void {
    this.option(code, new ByteWriter(8).uint64(value).view());
  }
  end(): Uint8Array {
    if (this.#hasOptions) this.body.uint16(OPTION.end).uint16(0);
    const body = this.body.view();
    const length = body.length + 12;
    return new ByteWriter(length).uint32(this.#type).uint32(length).raw(body).uint32(length).view();
  }
}

/** Upper word, then lower word: as one number of 64 bits big-endian. */
const timeOf = (unixMicros: number): bigint => BigInt(Math.max(0, Math.floor(unixMicros)));

/** At a character's border. */
function cutText(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  let end = Math.min(bytes.length, TEXT_BYTES_MAX);
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
