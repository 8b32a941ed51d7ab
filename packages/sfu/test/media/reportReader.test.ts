/** Reports and NACKs read without objects are the same as what @tertulia/wire reads, and everything else is left to it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRtcp, writeRtcp } from '@tertulia/wire';
import type { ReportBlock, RtcpPacket } from '@tertulia/wire';
import { visitReports } from '../../src/media/reportReader.js';

type Visited = ReportBlock | { mediaSsrc: number; lost: number[] };

/** undefined, too, with transport-wide feedback in it: whether that is well-formed, the engine says. */
function visit(bytes: Uint8Array): Visited[] | undefined {
  const visited: Visited[] = [];
  let hasFeedback = false;
  const all = visitReports(bytes, {
    handleBlock: (block) => visited.push({ ...block }),
    handleNack: (mediaSsrc, lost) => visited.push({ mediaSsrc, lost: [...lost] }),
    handleTransportFeedback: () => (hasFeedback = true),
  });
  if (!all) expect(visited).toEqual([]);
  return all && !hasFeedback ? visited : undefined;
}

/** What `parseRtcp` says of the same bytes, in the same form; undefined when there is more in it than reports. */
function reference(bytes: Uint8Array): Visited[] | undefined {
  const { packets, why } = parseRtcp(bytes);
  if (why !== undefined) return undefined;
  const visited: Visited[] = [];
  for (const packet of packets) {
    if (packet.type === 'rr') visited.push(...packet.reports);
    else if (packet.type === 'nack') visited.push({ mediaSsrc: packet.mediaSsrc, lost: packet.lost });
    else return undefined;
  }
  return visited;
}

const uint32 = fc.nat({ max: 0xffff_ffff });
const block: fc.Arbitrary<ReportBlock> = fc.record({
  ssrc: uint32,
  fractionLost: fc.nat({ max: 255 }),
  cumulativeLost: fc.integer({ min: -0x80_0000, max: 0x7f_ffff }),
  highestSequence: uint32,
  jitter: uint32,
  lastSr: uint32,
  delaySinceLastSr: uint32,
});
const packet: fc.Arbitrary<RtcpPacket> = fc.oneof(
  fc.record({ type: fc.constant('rr' as const), ssrc: uint32, reports: fc.array(block, { maxLength: 31 }) }),
  fc.record({
    type: fc.constant('nack' as const),
    senderSsrc: uint32,
    mediaSsrc: uint32,
    lost: fc.uniqueArray(fc.nat({ max: 0xffff }), { minLength: 1, maxLength: 40 }),
  }),
);
const compound = fc.array(packet, { minLength: 1, maxLength: 8 }).map((packets) => writeRtcp(packets));

test('compounds of reports and NACKs', () => {
  fc.assert(
    fc.property(compound, (bytes) => {
      expect(visit(bytes)).toEqual(reference(bytes));
      expect(visit(bytes)).toBeDefined();
    }),
  );
});

test('anything: what is read here is what the full parser reads', () => {
  const spoilt = fc.tuple(compound, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, value]) => {
    const copy = bytes.slice();
    copy[at % copy.length] = value;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      const visited = visit(bytes);
      if (visited !== undefined) expect(visited).toEqual(reference(bytes));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  [
    'a sender report',
    [
      {
        type: 'sr',
        ssrc: 1,
        ntpSeconds: 2,
        ntpFraction: 3,
        rtpTimestamp: 4,
        packetCount: 5,
        octetCount: 6,
        reports: [],
      },
    ],
  ],
  [
    'a report with a name',
    [
      { type: 'rr', ssrc: 1, reports: [] },
      { type: 'sdes', chunks: [{ ssrc: 1, items: [{ type: 1, value: 'a' }] }] },
    ],
  ],
  ['a request for a key frame', [{ type: 'pli', senderSsrc: 1, mediaSsrc: 2 }]],
] as [string, RtcpPacket[]][])('%s is left to the full parser', (_name, packets) => {
  expect(visit(writeRtcp(packets))).toBeUndefined();
});

test('every prefix is left to the full parser, which says why', () => {
  const bytes = writeRtcp([{ type: 'nack', senderSsrc: 1, mediaSsrc: 2, lost: [3, 4, 40] }]);
  for (let length = 0; length < bytes.length; length++)
    expect(visit(bytes.subarray(0, length))).toBeUndefined();
});

test('transport-wide feedback as Chromium sends it, filled up to a whole word with a count of less than four', () => {
  // One chunk and the deltas of three packets are five bytes: three more make whole words.
  const body = [0, 0, 0, 9, 0, 0, 0, 7, 0, 5, 0, 3, 0, 0, 1, 0, 0x20, 3, 1, 2, 1, 0, 0, 3];
  const bytes = Uint8Array.from([0xaf, 205, 0, 6, ...body]);
  const seen: Uint8Array[] = [];
  const visitor = {
    handleBlock: () => {},
    handleNack: () => {},
    handleTransportFeedback: (feedback: Uint8Array) => seen.push(feedback.slice()),
  };
  expect(visitReports(bytes, visitor)).toBe(true);
  expect(seen).toEqual([Uint8Array.from(body.slice(8, -3))]);
  expect(parseRtcp(bytes)).toMatchObject({ packets: [{ type: 'twcc', statusCount: 3 }] });
  expect(parseRtcp(bytes).why).toBeUndefined();
  for (const padding of [0, 9, 255]) {
    const odd = bytes.with(27, padding);
    expect(visitReports(odd, visitor), `padding ${padding}`).toBe(false);
  }
});
