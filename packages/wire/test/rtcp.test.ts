import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fromNtp,
  middleNtp,
  parseRtcp,
  RTCP_LIMITS,
  toNtp,
  writeRtcp,
  type RtcpPacket,
  type TransportWideFeedback,
} from '../src/index.js';
import { hex, toHex } from './support/vectors.js';

const uint32 = fc.nat(0xffffffff);
const uint16 = fc.nat(0xffff);
const uint8 = fc.nat(0xff);
const shortText = fc.string({ unit: 'grapheme', maxLength: 20 });

const reports = fc.array(
  fc.record({
    ssrc: uint32,
    fractionLost: uint8,
    cumulativeLost: fc.integer({ min: -0x800000, max: 0x7fffff }),
    highestSequence: uint32,
    jitter: uint32,
    lastSr: uint32,
    delaySinceLastSr: uint32,
  }),
  { maxLength: 31 },
);
const words = fc.uint8Array({ maxLength: 5 }).map((bytes) => {
  const whole = new Uint8Array(4 * bytes.length);
  bytes.forEach((byte, i) => whole.fill(byte, 4 * i, 4 * i + 3));
  return whole;
});
const delta = fc.oneof(
  { weight: 4, arbitrary: fc.nat(255) },
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.integer({ min: -32_768, max: 32_767 }) },
);

const packet: fc.Arbitrary<RtcpPacket> = fc.oneof(
  fc.record({
    type: fc.constant('sr' as const),
    ssrc: uint32,
    ntpSeconds: uint32,
    ntpFraction: uint32,
    rtpTimestamp: uint32,
    packetCount: uint32,
    octetCount: uint32,
    reports,
  }),
  fc.record({ type: fc.constant('rr' as const), ssrc: uint32, reports }),
  fc.record({
    type: fc.constant('sdes' as const),
    chunks: fc.array(
      fc.record({
        ssrc: uint32,
        items: fc.array(fc.record({ type: fc.integer({ min: 1, max: 255 }), value: shortText }), {
          maxLength: 4,
        }),
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record(
    { type: fc.constant('bye' as const), ssrcs: fc.array(uint32, { maxLength: 31 }), reason: shortText },
    { requiredKeys: ['type', 'ssrcs'] },
  ),
  fc.record({
    type: fc.constant('nack' as const),
    senderSsrc: uint32,
    mediaSsrc: uint32,
    lost: fc.array(uint16, { minLength: 1, maxLength: 100 }),
  }),
  fc.record({ type: fc.constant('pli' as const), senderSsrc: uint32, mediaSsrc: uint32 }),
  fc.record({
    type: fc.constant('fir' as const),
    senderSsrc: uint32,
    entries: fc.array(fc.record({ ssrc: uint32, sequence: uint8 }), { minLength: 1, maxLength: 5 }),
  }),
  fc
    .record({ senderSsrc: uint32, mediaSsrc: uint32, baseSequence: uint16, feedbackCount: uint8 })
    .chain((head) =>
      fc
        .tuple(fc.integer({ min: -0x800000, max: 0x7fffff }), fc.array(delta, { maxLength: 120 }))
        .map(([referenceTime64ms, deltas]) => ({
          type: 'twcc' as const,
          ...head,
          referenceTime64ms,
          statusCount: deltas.length,
          deltas,
        })),
    ),
  fc.record({
    type: fc.constant('remb' as const),
    senderSsrc: uint32,
    bitrate: fc.tuple(fc.nat(0x3ffff), fc.nat(63)).map(([mantissa, exponent]) => mantissa * 2 ** exponent),
    ssrcs: fc.array(uint32, { maxLength: 10 }),
  }),
  fc.record({
    type: fc.constant('xr' as const),
    ssrc: uint32,
    blocks: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('rrtr' as const), ntpSeconds: uint32, ntpFraction: uint32 }),
        fc.record({
          type: fc.constant('dlrr' as const),
          reports: fc.array(fc.record({ ssrc: uint32, lastRr: uint32, delaySinceLastRr: uint32 }), {
            maxLength: 3,
          }),
        }),
        fc.record({
          type: fc.constant('other' as const),
          blockType: fc.integer({ min: 6, max: 255 }),
          typeSpecific: uint8,
          body: words,
        }),
      ),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    type: fc.constant('unknown' as const),
    packetType: fc.constantFrom(192, 204, 208),
    count: fc.nat(31),
    body: words,
  }),
);

test('what writeRtcp writes, parseRtcp reads', () => {
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 8 }), (packets) => {
      const bytes = writeRtcp(packets);
      expect(bytes.length % 4).toBe(0);
      expect(parseRtcp(bytes)).toEqual({ packets });
    }),
    { numRuns: 300 },
  );
});

describe('NACK writing', () => {
  test.each([
    { name: 'single', lost: [100], fci: '00640000' },
    { name: 'neighbours over the wrap', lost: [65_534, 65_535, 1], fci: 'fffe0005' },
    { name: '16 behind shares the word, 17 does not', lost: [1, 17, 18], fci: '00018000 00120000' },
    { name: 'backwards takes a word each', lost: [5, 4], fci: '00050000 00040000' },
    { name: 'twice the same is kept', lost: [5, 5], fci: '00050000 00050000' },
  ])('$name', ({ lost, fci }) => {
    const bytes = writeRtcp([{ type: 'nack', senderSsrc: 1, mediaSsrc: 2, lost }]);
    expect(toHex(bytes.subarray(12))).toBe(toHex(hex(fci)));
  });
});

describe('TWCC writing chooses the shortest chunks', () => {
  const feedback = (deltas: (number | undefined)[]): TransportWideFeedback => ({
    type: 'twcc',
    senderSsrc: 1,
    mediaSsrc: 2,
    baseSequence: 0,
    statusCount: deltas.length,
    referenceTime64ms: 0,
    feedbackCount: 0,
    deltas,
  });
  const chunksOf = (deltas: (number | undefined)[]): string =>
    toHex(writeRtcp([feedback(deltas)]).subarray(20));

  test('8191 received in order: one run', () => {
    expect(chunksOf(new Array<number>(8191).fill(4)).slice(0, 8)).toBe('3fff0404');
  });
  test('every other one lost: one-bit vectors', () => {
    expect(chunksOf(Array.from({ length: 14 }, (_, i) => (i % 2 === 0 ? 4 : undefined)))).toBe(
      'aaaa040404040404' + '04000000',
    );
  });
  test('large deltas among small ones: two-bit vectors', () => {
    expect(chunksOf([4, 300, undefined, -1, 4, 4, 4])).toBe(
      'd895' + '04' + '012c' + 'ffff' + '040404' + '0000',
    );
  });
  test.each([[40_000], [-32_769], [0.5]])('a delta of %s is a mistake of ours', (wrong) => {
    expect(() => writeRtcp([feedback([wrong])])).toThrow(TypeError);
  });
  test('a count that differs from the list is a mistake of ours', () => {
    expect(() => writeRtcp([{ ...feedback([1]), statusCount: 2 }])).toThrow(TypeError);
  });
});

test.each([
  [0, 0],
  [262_143, 262_143],
  [262_144, 262_144],
  [1_000_001, 1_000_000],
  [-5, 0],
  [2 ** 90, 262_143 * 2 ** 63],
])('REMB of %d bit/s says %d: never more', (bitrate, want) => {
  const [remb] = parseRtcp(writeRtcp([{ type: 'remb', senderSsrc: 1, bitrate, ssrcs: [] }])).packets;
  expect(remb).toMatchObject({ type: 'remb', bitrate: want });
});

test('more lost than 24 bits count stays at the end of the range', () => {
  const report = { ssrc: 1, fractionLost: 0, highestSequence: 0, jitter: 0, lastSr: 0, delaySinceLastSr: 0 };
  const reportOf = (cumulativeLost: number): RtcpPacket | undefined =>
    parseRtcp(writeRtcp([{ type: 'rr', ssrc: 1, reports: [{ ...report, cumulativeLost }] }])).packets[0];
  expect(reportOf(20_000_000)).toMatchObject({ reports: [{ cumulativeLost: 0x7fffff }] });
  expect(reportOf(-20_000_000)).toMatchObject({ reports: [{ cumulativeLost: -0x800000 }] });
});

test.each<[string, RtcpPacket]>([
  ['32 SSRCs in a goodbye', { type: 'bye', ssrcs: new Array<number>(32).fill(1) }],
  ['a reason of 256 bytes', { type: 'bye', ssrcs: [], reason: 'x'.repeat(256) }],
  ['half a word', { type: 'unknown', packetType: 204, count: 0, body: new Uint8Array(2) }],
  [
    'half a word in XR',
    {
      type: 'xr',
      ssrc: 1,
      blocks: [{ type: 'other', blockType: 9, typeSpecific: 0, body: new Uint8Array(2) }],
    },
  ],
  ['256 SSRCs in REMB', { type: 'remb', senderSsrc: 1, bitrate: 1, ssrcs: new Array<number>(256).fill(1) }],
])('writeRtcp refuses %s', (_name, wrong) => expect(() => writeRtcp([wrong])).toThrow(TypeError));

describe('NTP', () => {
  test.each([
    ['1970', 0, 2_208_988_800, 0],
    ['half a second before', -500, 2_208_988_799, 0x80000000],
    ['2024-01-01', 1_704_067_200_000, 3_913_056_000, 0],
    ['the last second of era 0', 2_085_978_495_250, 4_294_967_295, 0x40000000],
    ['the first of era 1, 2036', 2_085_978_496_000, 0, 0],
  ])('%s', (_name, unixMs, seconds, fraction) => {
    expect(toNtp(unixMs)).toEqual({ seconds, fraction });
    expect(fromNtp(seconds, fraction)).toBe(unixMs);
  });

  test('there and back within a microsecond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 4e12, noNaN: true }), (unixMs) => {
        const { seconds, fraction } = toNtp(unixMs);
        expect(fraction).toBeLessThanOrEqual(0xffffffff);
        expect(Math.abs(fromNtp(seconds, fraction) - unixMs)).toBeLessThan(0.001);
      }),
    );
  });

  test('the middle 32 bits', () => expect(middleNtp(0x12345678, 0x9abcdef0)).toBe(0x56789abc));
});

describe('hostile: RTCP', () => {
  const rr = '80c90001 00000001';
  const whyOf = (text: string): string | undefined => parseRtcp(hex(text)).why;

  test('H5.1 a compound whose lengths lie: what was before stands', () => {
    for (const lie of ['81ce0003', '81ceffff', '81ce0009']) {
      const { packets, why } = parseRtcp(hex(`${rr} ${lie} 00000001 00000002`));
      expect(packets).toHaveLength(1);
      expect(why).toBe('rtcp-length');
    }
    // A length of 0 leaves a body that is not its own: refused by its type, and nothing loops.
    expect(parseRtcp(hex(`${rr} 81ce0000 00000001 00000002`))).toMatchObject({ why: 'feedback-length' });
  });

  test('H5.1 a datagram of 16,000 empty packets is read up to a limit', () => {
    const bytes = new Uint8Array(64_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.set([0x80, 203, 0, 0], at);
    const { packets, why } = parseRtcp(bytes);
    expect(packets).toHaveLength(RTCP_LIMITS.packets);
    expect(why).toBe('rtcp-too-many-packets');
  });

  test('H5.2 items of no length', () => {
    expect(parseRtcp(hex('81ca0003 00000001 01000200 00000000'))).toEqual({
      packets: [
        {
          type: 'sdes',
          chunks: [
            {
              ssrc: 1,
              items: [
                { type: 1, value: '' },
                { type: 2, value: '' },
              ],
            },
          ],
        },
      ],
    });
  });

  test('H5.3 31 report blocks, there and promised', () => {
    const bytes = new Uint8Array(8 + 31 * 24);
    bytes.set(hex('9fc900bb 00000001'));
    expect(parseRtcp(bytes).packets[0]).toMatchObject({ type: 'rr', ssrc: 1 });
    expect(parseRtcp(bytes).why).toBeUndefined();
    bytes[3] = 0xba;
    expect(parseRtcp(bytes)).toEqual({ packets: [], why: 'rr-length' });
  });

  test('H5.4 a reason longer than the rest', () => {
    for (const length of ['04', '7f', 'ff'])
      expect(whyOf(`81cb0002 00000001 ${length}717569`)).toBe('bye-reason-length');
  });

  test('H5.5 a source description without an end', () => {
    expect(whyOf('81ca0001 00000001')).toBe('sdes-not-terminated');
    expect(whyOf('81ca0002 00000001 01026162')).toBe('sdes-not-terminated');
    expect(whyOf('82ca0002 00000001 01016100')).toBe('sdes-length');
    expect(whyOf('9fca0000')).toBe('sdes-length');
  });

  test('H5.6 a NACK of 65,535 numbers is refused, one of the limit is not, and packets share the limit', () => {
    const nack = (groups: number): Uint8Array => {
      const bytes = new Uint8Array(12 + 4 * groups).fill(0xff);
      bytes.set([0x81, 205, (2 + groups) >> 8, (2 + groups) & 0xff], 0);
      return bytes;
    };
    expect(parseRtcp(nack(3856)).why).toBe('nack-count');
    const most = Math.floor(RTCP_LIMITS.expanded / 17);
    expect(parseRtcp(nack(most)).why).toBeUndefined();
    const { packets, why } = parseRtcp(new Uint8Array([...nack(most), ...nack(most)]));
    expect([packets.length, why]).toEqual([1, 'nack-count']);
  });

  test('H5.8 a full intra request without or with half an entry', () => {
    expect(whyOf('84ce0002 00000001 00000000')).toBe('fir-length');
    expect(whyOf('84ce0003 00000001 00000000 00000002')).toBe('fir-length');
  });

  test('H5.9 REMB of 0 and of 2^63 are numbers like others; SSRCs beyond the packet are not', () => {
    expect(parseRtcp(hex('8fce0004 00000001 00000000 52454d42 00000000')).packets[0]).toMatchObject({
      bitrate: 0,
    });
    // Mantissa 2^17, exponent 46.
    expect(parseRtcp(hex('8fce0004 00000001 00000000 52454d42 00ba0000')).packets[0]).toMatchObject({
      bitrate: 2 ** 63,
    });
    expect(parseRtcp(hex('8fce0004 00000001 00000000 52454d42 00ffffff')).packets[0]).toMatchObject({
      bitrate: 262_143 * 2 ** 63,
    });
    expect(whyOf('8fce0004 00000001 00000000 52454d42 ff000000')).toBe('remb-length');
  });

  test('H5.10 TWCC that claims more than the limit, alone or together, costs nothing', () => {
    const claims = '8fcd0005 00000001 00000002 00001fff 00000000 1fff0000';
    const { packets, why } = parseRtcp(hex(`${claims} ${claims}`));
    expect([packets.length, why]).toEqual([1, 'twcc-count']);
    expect(whyOf('8fcd0005 00000001 00000002 0000ffff 00000000 1fff0000')).toBe('twcc-count');
    // A run of none would never get anywhere.
    expect(whyOf('8fcd0005 00000001 00000002 00000002 00000000 00000000')).toBe('twcc-count');
  });

  test('H5.11 XR: blocks in blocks are one block; a wrong length of a known one is refused', () => {
    expect(parseRtcp(hex('80cf0004 00000001 0a000002 0a000001 deadbeef')).packets[0]).toMatchObject({
      blocks: [{ type: 'other', blockType: 10 }],
    });
    expect(whyOf('80cf0003 00000001 04000001 e0000000')).toBe('xr-block-length');
    expect(whyOf('80cf0003 00000001 05000001 e0000000')).toBe('xr-block-length');
    expect(whyOf('80cf0000')).toBe('xr-length');
  });

  test('H5.12 a sender report from the far future is a report like others', () => {
    const future = `80c80006 00000001 7fffffff ffffffff ${'00000000'.repeat(3)}`;
    expect(parseRtcp(hex(future)).packets[0]).toMatchObject({ ntpSeconds: 0x7fffffff });
    expect(fromNtp(0x7fffffff, 0xffffffff)).toBeLessThan(Date.UTC(2105, 0));
  });

  test('any bytes at all are read or refused', () => {
    const typed = fc
      .tuple(fc.nat(31), fc.integer({ min: 199, max: 208 }), fc.uint8Array({ maxLength: 60 }))
      .map(([count, type, body]) => {
        const length = Math.floor(body.length / 4);
        return [0x80 | count, type, 0, length, ...body.subarray(0, 4 * length)];
      });
    fc.assert(
      fc.property(fc.array(typed, { maxLength: 4 }), (parts) => {
        const { packets, why } = parseRtcp(Uint8Array.from(parts.flat()));
        if (why === undefined) expect(packets).toHaveLength(parts.length);
        else expect(packets.length).toBeLessThanOrEqual(parts.length);
      }),
      { numRuns: 1000 },
    );
  });
});
