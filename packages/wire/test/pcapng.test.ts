/** A capture file byte by byte, as the draft has it; and IP and UDP headers with their checksums. */
import { describe, expect, test } from 'vitest';
import { datagramHeaders, interfaceBlock, packetBlock, sectionBlock, statisticsBlock } from '../src/index.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const compact = (text: string): string => text.replace(/[^0-9a-f]/g, '');

describe('blocks, draft-ietf-opsawg-pcapng', () => {
  test('section header, §4.1', () => {
    expect(hex(sectionBlock({ application: 'tea', comment: 'ü' }))).toBe(
      compact(`0a0d0d0a 00000030 1a2b3c4d 0001 0000 ffffffffffffffff
               0001 0002 c3bc 0000  0004 0003 746561 00  0000 0000  00000030`),
    );
    expect(hex(sectionBlock({}))).toBe(
      compact('0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c'),
    );
  });

  test('interface, §4.2: raw IP, whole packets, microseconds', () => {
    expect(hex(interfaceBlock({ name: 'Ada', description: 'ab' }))).toBe(
      compact(`00000001 00000030 0065 0000 00000000
               0002 0003 416461 00  0003 0002 6162 0000  0009 0001 06 000000  0000 0000  00000030`),
    );
  });

  test('packet, §4.3: time in two words, filled up, with its direction', () => {
    const packet = packetBlock({
      interface: 3,
      unixMicros: 0x0001_0002_0003_0004,
      direction: 'outgoing',
      parts: [Uint8Array.of(1, 2), Uint8Array.of(3)],
    });
    expect(hex(packet)).toBe(
      compact(`00000006 00000030 00000003 00010002 00030004 00000003 00000003
               010203 00  0002 0004 00000002  0000 0000  00000030`),
    );
  });

  test('statistics, §4.6', () => {
    const block = statisticsBlock({
      interface: 1,
      unixMicros: 5,
      startMicros: 1,
      endMicros: 2 ** 33,
      received: 9,
      dropped: 2,
    });
    expect(hex(block)).toBe(
      compact(`00000005 0000004c 00000001 00000000 00000005
               0002 0008 00000000 00000001  0003 0008 00000002 00000000
               0004 0008 00000000 00000009  0005 0008 00000000 00000002  0000 0000  0000004c`),
    );
  });

  test('a text that is too long is cut between characters, and its block is whole', () => {
    const block = interfaceBlock({ name: 'ü'.repeat(40_000) });
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    expect(view.getUint32(4)).toBe(block.length);
    expect(view.getUint32(block.length - 4)).toBe(block.length);
    expect(view.getUint16(18)).toBe(4096);
  });
});

describe('headers around a payload', () => {
  const payload = Uint8Array.of(0x80, 0x6f, 0x01);

  test('IPv4 and UDP, RFC 791 and RFC 768', () => {
    const bytes = datagramHeaders(
      { ip: '192.0.2.1', port: 5004 },
      { ip: '198.51.100.7', port: 40_000 },
      payload,
    );
    // Sums by hand: header b77f → its complement stands in it; UDP with its pseudo-header.
    expect(hex(bytes.subarray(0, 10))).toBe(compact('4500 001f 0000 4000 4011'));
    expect(hex(bytes.subarray(12))).toMatch(/^c0000201c6336407138c9c40000b/);
    expect(onesSum(bytes.subarray(0, 20))).toBe(0xffff);
    const pseudo = Buffer.from(compact('c0000201 c6336407 0011 000b'), 'hex');
    expect(onesSum(Buffer.concat([pseudo, bytes.subarray(20), payload, Buffer.alloc(1)]))).toBe(0xffff);
  });

  test('IPv6, RFC 8200; an IPv4 end beside it is a mapped one', () => {
    const bytes = datagramHeaders({ ip: '2001:db8::1', port: 1 }, { ip: '192.0.2.1', port: 2 }, payload);
    expect(hex(bytes.subarray(0, 40))).toBe(
      compact(`60000000 000b 11 40 20010db8000000000000000000000001 00000000000000000000ffffc0000201`),
    );
    const pseudo = Buffer.concat([bytes.subarray(8, 40), Buffer.from(compact('0000000b 00000011'), 'hex')]);
    expect(onesSum(Buffer.concat([pseudo, bytes.subarray(40), payload, Buffer.alloc(1)]))).toBe(0xffff);
  });

  test('a name in place of an address is the unspecified one', () => {
    const bytes = datagramHeaders({ ip: 'call.example', port: 1 }, { ip: '192.0.2.1', port: 2 }, payload);
    expect(hex(bytes.subarray(12, 20))).toBe('00000000c0000201');
    const six = datagramHeaders({ ip: '', port: 1 }, { ip: '::1', port: 2 }, payload);
    expect(hex(six.subarray(8, 24))).toBe('0'.repeat(32));
  });
});

/** RFC 1071: over a whole header with its checksum it is all ones. */
function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
