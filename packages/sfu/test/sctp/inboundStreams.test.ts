import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InboundStreams } from '../../src/media/sctp/inboundStreams.js';
import type { DataChunk } from '../../src/media/sctp/inboundStreams.js';
import { SCTP_LIMITS } from '../../src/media/sctp/index.js';

const LAST = 1;
const FIRST = 2;
const UNORDERED = 4;

function newInbound(cumulativeTsn: number) {
  const messages: { streamId: number; text: string }[] = [];
  const oversized: number[] = [];
  const inbound = new InboundStreams({
    message: (streamId, _protocol, bytes) =>
      messages.push({ streamId, text: new TextDecoder().decode(bytes) }),
    oversized: (streamId) => oversized.push(streamId),
  });
  inbound.start(cumulativeTsn);
  return { inbound, messages, oversized };
}
function whole(
  tsn: number,
  streamSequence: number,
  text: string,
  flags = FIRST | LAST,
  streamId = 0,
): DataChunk {
  return {
    tsn: tsn >>> 0,
    streamId,
    streamSequence,
    payloadProtocol: 51,
    flags,
    bytes: new TextEncoder().encode(text),
  };
}

interface Sent {
  streamId: number;
  ordered: boolean;
  fragments: number;
}
/** What a correct sender makes of these messages. */
function chunksOf(sent: readonly Sent[], firstTsn: number): DataChunk[] {
  const sequences = new Map<number, number>();
  let tsn = firstTsn;
  return sent.flatMap(({ streamId, ordered, fragments }, message) => {
    const sequence = sequences.get(streamId) ?? 0;
    if (ordered) sequences.set(streamId, sequence + 1);
    return Array.from({ length: fragments }, (_, i) => {
      const flags = (i === 0 ? FIRST : 0) | (i === fragments - 1 ? LAST : 0) | (ordered ? 0 : UNORDERED);
      return whole(tsn++, ordered ? sequence : 0, `${message}.${i} `, flags, streamId);
    });
  });
}
const textOf = ({ fragments }: Sent, message: number): string =>
  Array.from({ length: fragments }, (_, i) => `${message}.${i} `).join('');

describe('reassembly', () => {
  const messages = fc.array(
    fc.record({ streamId: fc.nat(3), ordered: fc.boolean(), fragments: fc.integer({ min: 1, max: 5 }) }),
    { minLength: 1, maxLength: 40 },
  );
  const first = fc.constantFrom(1, 997, 0xffff_ffff, 0xffff_fff0, 0x7fff_fffa, 999_999_990);
  test('in any order and with repetitions: each message once, ordered ones in order, nothing kept at the end', () => {
    fc.assert(
      fc.property(messages, first, fc.infiniteStream(fc.nat(1_000_000)), (sent, firstTsn, random) => {
        const { inbound, messages: got } = newInbound((firstTsn - 1) >>> 0);
        const chunks = chunksOf(sent, firstTsn);
        const keyed = [...chunks, ...chunks.slice(0, 5)].map((chunk) => ({
          chunk,
          key: random.next().value as number,
        }));
        for (const { chunk } of keyed.sort((a, b) => a.key - b.key)) inbound.handleData(chunk);
        for (let streamId = 0; streamId < 4; streamId++) {
          const mine = sent
            .map((one, i) => ({ ...one, text: textOf(one, i) }))
            .filter((one) => one.streamId === streamId);
          const texts = got.filter((one) => one.streamId === streamId).map(({ text }) => text);
          expect([...texts].sort()).toEqual(mine.map(({ text }) => text).sort());
          const ordered = mine.filter((one) => one.ordered).map(({ text }) => text);
          expect(texts.filter((text) => ordered.includes(text))).toEqual(ordered);
        }
        const sack = inbound.takeSack();
        expect(sack.cumulativeTsn).toBe((firstTsn + chunks.length - 1) >>> 0);
        expect(sack).toMatchObject({ gaps: [], windowBytes: SCTP_LIMITS.windowBytes });
        expect(inbound.heldBytes).toBe(0);
      }),
    );
  });
  test('gaps are told as blocks, duplicates once', () => {
    const { inbound } = newInbound(0xffff_fffd);
    for (const tsn of [0xffff_ffff, 0, 2, 2, 5]) inbound.handleData(whole(tsn, 9, 'x'));
    expect(inbound.takeSack()).toMatchObject({
      cumulativeTsn: 0xffff_fffd,
      gaps: [
        [2, 3],
        [5, 5],
        [8, 8],
      ],
      duplicates: [2],
    });
    expect(inbound.takeSack().duplicates).toEqual([]);
  });
  test('a SACK stays within a packet, however many gaps there are', () => {
    const { inbound } = newInbound(0);
    for (let tsn = 2; tsn < 2000; tsn += 2) {
      inbound.handleData(whole(tsn, 9, 'x'));
      inbound.handleData(whole(tsn, 9, 'x'));
    }
    const { gaps, duplicates } = inbound.takeSack();
    expect(16 + 4 * (gaps.length + duplicates.length)).toBeLessThan(SCTP_LIMITS.packetBytes);
  });
});

describe('messages that the sender gave up (RFC 3758)', () => {
  test('are stepped over; what waited behind them is delivered', () => {
    const { inbound, messages } = newInbound(0);
    inbound.handleData(whole(3, 2, 'third'));
    expect(inbound.handleForwardTsn(2, [[0, 1]])).toBe('taken');
    expect(messages.map(({ text }) => text)).toEqual(['third']);
    expect(inbound.cumulativeTsn).toBe(3);
    inbound.handleData(whole(4, 3, 'fourth'));
    expect(messages).toHaveLength(2);
  });
  test('parts of them are thrown away, ordered and unordered', () => {
    const { inbound, messages } = newInbound(0);
    inbound.handleData(whole(1, 0, 'part', FIRST));
    inbound.handleData(whole(3, 0, 'part', FIRST | UNORDERED));
    inbound.handleForwardTsn(4, [[0, 0]]);
    expect(inbound.heldBytes).toBe(0);
    inbound.handleData(whole(5, 1, 'next'));
    expect(messages.map(({ text }) => text)).toEqual(['next']);
  });
  test('what is behind already is nothing', () => {
    const { inbound } = newInbound(100);
    inbound.handleForwardTsn(50, [[0, 9]]);
    expect(inbound.cumulativeTsn).toBe(100);
  });
});

test('a reset forgets half messages and begins the numbers anew', () => {
  const { inbound, messages } = newInbound(0);
  inbound.handleData(whole(1, 0, 'one'));
  inbound.handleData(whole(2, 1, 'half', FIRST));
  inbound.reset([0]);
  expect(inbound.heldBytes).toBe(0);
  inbound.handleData(whole(3, 0, 'new one'));
  expect(messages.map(({ text }) => text)).toEqual(['one', 'new one']);
});

test('256 KiB are one message, a byte more is too many, ordered or not', () => {
  for (const order of [0, UNORDERED]) {
    const { inbound, messages, oversized } = newInbound(0);
    const piece = 'x'.repeat(1024);
    for (let i = 0; i < 256; i++)
      inbound.handleData(whole(i + 1, 0, piece, (i === 0 ? FIRST : 0) | (i === 255 ? LAST : 0) | order));
    expect(messages).toHaveLength(1);
    for (let i = 0; i < 257; i++) {
      const flags = (i === 0 ? FIRST : 0) | (i === 256 ? LAST : 0) | order;
      inbound.handleData(whole(i + 257, 1, i === 256 ? 'x' : piece, flags));
    }
    expect(messages).toHaveLength(1);
    expect(oversized).toEqual([0]);
    expect(inbound.heldBytes).toBe(0);
  }
});
