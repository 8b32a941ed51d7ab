/** An SCTP peer by hand: says whatever a test wants, with right tags and checksums unless told otherwise. RFC 9260. */
import { crc32c } from '../../src/media/sctp/crc32c.js';
import { End } from './support.js';
import type { DataChannelsOptions } from '../../src/media/sctp/index.js';

export const u16 = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];
export const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];

/** A chunk with the length that it really has, padded. */
export function chunk(type: number, flags: number, body: Iterable<number>): number[] {
  const bytes = [...body];
  return [
    type,
    flags,
    ...u16(4 + bytes.length),
    ...bytes,
    ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
  ];
}
export const DATA_FLAGS = { last: 1, first: 2, whole: 3, unordered: 4 } as const;
export interface DataFields {
  tsn: number;
  streamId?: number;
  sequence?: number;
  protocol?: number;
  flags?: number;
  body?: Iterable<number>;
}
export function dataChunk({
  tsn,
  streamId = 0,
  sequence = 0,
  protocol = 51,
  flags = 3,
  body = [65],
}: DataFields): number[] {
  return chunk(0, flags, [...u32(tsn), ...u16(streamId), ...u16(sequence), ...u32(protocol), ...body]);
}
export function openChunk(tsn: number, streamId: number, label = 'x', sequence = 0): number[] {
  const text = [...new TextEncoder().encode(label)];
  const body = [3, 0, ...u16(0), ...u32(0), ...u16(text.length), ...u16(0), ...text];
  return dataChunk({ tsn, streamId, sequence, protocol: 50, body });
}
export const INITIAL_TSN = 1000;
export const PEER_TAG = 0x1234_5678;
export const initChunk = (tag = PEER_TAG, tsn = INITIAL_TSN): number[] =>
  chunk(1, 0, [...u32(tag), ...u32(1_048_576), ...u16(1024), ...u16(1024), ...u32(tsn)]);

export function packet(
  tag: number,
  chunks: readonly (readonly number[])[],
  wrongChecksum = false,
): Uint8Array {
  const bytes = Uint8Array.from([...u16(5000), ...u16(5000), ...u32(tag), 0, 0, 0, 0, ...chunks.flat()]);
  const checksum = crc32c(bytes) ^ (wrongChecksum ? 1 : 0);
  new DataView(bytes.buffer).setUint32(8, checksum, true);
  return bytes;
}

export class RawPeer {
  readonly server: End;
  readonly received: Uint8Array[] = [];
  tag = 0;
  cookie: number[] = [];

  constructor(options: Partial<DataChannelsOptions> = {}) {
    this.server = new End('server', (bytes) => this.received.push(bytes.slice()), options);
  }

  send(...chunks: number[][]): void {
    this.server.channels.handlePacket(packet(this.tag, chunks));
  }
  /** After this everything that was sent is handled: werift works in microtasks. */
  async settled(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  }
  /** First chunks of all packets of a type that came so far. */
  chunks(type: number): DataView[] {
    return this.received
      .filter((bytes) => bytes[12] === type)
      .map((bytes) => new DataView(bytes.buffer, bytes.byteOffset + 12, bytes.length - 12));
  }
  last(type: number): DataView {
    const chunks = this.chunks(type);
    const view = chunks[chunks.length - 1];
    if (!view) throw new Error(`no chunk of type ${type} came`);
    return view;
  }
  async greet(tsn = INITIAL_TSN): Promise<void> {
    this.server.channels.handlePacket(packet(0, [initChunk(PEER_TAG, tsn)]));
    await this.settled();
    const answer = this.last(2);
    this.tag = answer.getUint32(4);
    const length = answer.getUint16(2);
    for (let at = 20; at < length; at += (answer.getUint16(at + 2) + 3) & ~3)
      if (answer.getUint16(at) === 7)
        this.cookie = Array.from({ length: answer.getUint16(at + 2) - 4 }, (_, i) =>
          answer.getUint8(at + 4 + i),
        );
  }
  async connect(tsn = INITIAL_TSN): Promise<void> {
    await this.greet(tsn);
    this.send(chunk(10, 0, this.cookie));
    await this.settled();
    if (this.server.state !== 'connected') throw new Error('not connected');
  }
  get cumulativeTsn(): number {
    return this.last(3).getUint32(4);
  }
}
