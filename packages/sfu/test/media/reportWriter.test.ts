/** What is written in one piece for a thousand receivers reads like what @tertulia/wire would have written. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRtcp } from '@tertulia/wire';
import type { ReportBlock } from '@tertulia/wire';
import {
  cnameChunk,
  nackWords,
  ReportWriter,
  receiverReportBytes,
  senderReportBytes,
  sourceDescription,
} from '../../src/media/reportWriter.js';

const BLOCK: ReportBlock = {
  ssrc: 0x8000_0001,
  fractionLost: 255,
  cumulativeLost: -3,
  highestSequence: 0xffff_fff0,
  jitter: 17,
  lastSr: 0x8765_4321,
  delaySinceLastSr: 65_536,
};

test('sender reports with names', () => {
  const buffer = new Uint8Array(400);
  const writer = new ReportWriter(buffer);
  writer.begin(40);
  const first = { ssrc: 0xdead_beef, rtpTimestamp: 0xffff_ffff, packetCount: 5, octetCount: 0x8000_0000 };
  const second = { ssrc: 7, rtpTimestamp: 1, packetCount: 2, octetCount: 3 };
  writer.senderReport(first, 0xe000_0000, 0x8000_0000, [BLOCK]);
  expect(writer.length).toBe(senderReportBytes(1));
  writer.senderReport(second, 0xe000_0000, 0x8000_0000, []);
  writer.raw(sourceDescription([cnameChunk(first.ssrc, 'ada'), cnameChunk(second.ssrc, '')]));
  const { packets, why } = parseRtcp(buffer.subarray(40, 40 + writer.length));
  expect(why).toBeUndefined();
  const ntp = { ntpSeconds: 0xe000_0000, ntpFraction: 0x8000_0000 };
  expect(packets).toEqual([
    { type: 'sr', ...first, ...ntp, reports: [BLOCK] },
    { type: 'sr', ...second, ...ntp, reports: [] },
    {
      type: 'sdes',
      chunks: [
        { ssrc: first.ssrc, items: [{ type: 1, value: 'ada' }] },
        { ssrc: second.ssrc, items: [{ type: 1, value: '' }] },
      ],
    },
  ]);
});

test('receiver reports and NACKs', () => {
  const buffer = new Uint8Array(400);
  const writer = new ReportWriter(buffer);
  writer.begin(40);
  writer.receiverReport(9, [BLOCK, BLOCK]);
  expect(writer.length).toBe(receiverReportBytes(2));
  writer.nack(9, 0xffff_ffff, nackWords([65_534, 65_535, 0, 14, 15, 300]));
  const { packets } = parseRtcp(buffer.subarray(40, 40 + writer.length));
  expect(packets).toEqual([
    { type: 'rr', ssrc: 9, reports: [BLOCK, BLOCK] },
    { type: 'nack', senderSsrc: 9, mediaSsrc: 0xffff_ffff, lost: [65_534, 65_535, 0, 14, 15, 300] },
  ]);
});

test('a name of any length ends on a word, with a zero behind it', () => {
  for (let length = 0; length < 260; length++) {
    const chunk = cnameChunk(1, 'x'.repeat(length));
    expect(chunk.length % 4).toBe(0);
    expect(chunk.at(-1)).toBe(0);
    expect(chunk[5]).toBe(Math.min(255, length));
  }
});

test('any set of lost numbers comes back from its words', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(fc.nat(65_535), steps, (start, gaps) => {
      let number = start;
      const lost = gaps.map((gap) => (number = (number + gap) & 0xffff));
      const back = nackWords(lost).flatMap((word) => {
        const found = [word >>> 16];
        for (let bit = 0; bit < 16; bit++)
          if (word & (1 << bit)) found.push(((word >>> 16) + bit + 1) & 0xffff);
        return found;
      });
      expect(back).toEqual(lost);
    }),
  );
});
