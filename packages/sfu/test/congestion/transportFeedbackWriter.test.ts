import { describe, expect, test } from 'vitest';
import { parseRtcp, writeRtcp, type TransportWideFeedback } from '@tertulia/wire';
import { TransportFeedbackWriter } from '../../src/media/congestion/transportFeedbackWriter.js';

const MILLISECOND = 1_000;

/** What a sender would read out of the bytes: [number, arrival in ms], undefined for what did not come. */
function readBack(packets: readonly TransportWideFeedback[]): [number, number | undefined][] {
  const all: [number, number | undefined][] = [];
  for (const packet of packets) {
    const [read] = parseRtcp(writeRtcp([packet])).packets;
    if (read?.type !== 'twcc') throw new Error('not read as feedback');
    let arrivalMs = read.referenceTime64ms * 64;
    read.deltas.forEach((delta, at) => {
      if (delta !== undefined) arrivalMs += delta / 4;
      all.push([(read.baseSequence + at) & 0xffff, delta === undefined ? undefined : arrivalMs]);
    });
  }
  return all;
}

const written = (
  packets: readonly (readonly [sequence: number, atMs: number])[],
  nowMs = 10_000,
): [number, number | undefined][] => {
  const writer = new TransportFeedbackWriter();
  for (const [sequence, atMs] of packets) writer.handlePacket(sequence, atMs * MILLISECOND);
  return readBack(writer.poll(nowMs * MILLISECOND, 1, 2));
};

describe('what is told', () => {
  test('numbers and times in a row', () => {
    expect(written([[10, 1000], [11, 1000.25], [12, 1063]])).toEqual([[10, 1000], [11, 1000.25], [12, 1063]]); // prettier-ignore
  });

  test('what did not come between two that came', () => {
    expect(written([[10, 1000], [13, 1001]])).toEqual([[10, 1000], [11, undefined], [12, undefined], [13, 1001]]); // prettier-ignore
  });

  test('the order of numbers, with times that go back', () => {
    expect(written([[10, 1000], [12, 1001], [11, 1002]])).toEqual([[10, 1000], [11, 1002], [12, 1001]]); // prettier-ignore
  });

  test('numbers that go round', () => {
    expect(written([[65_535, 1000], [0, 1001], [2, 1002]])).toEqual([[65_535, 1000], [0, 1001], [1, undefined], [2, 1002]]); // prettier-ignore
  });

  test('a gap longer than 8 s begins another packet', () => {
    const writer = new TransportFeedbackWriter();
    writer.handlePacket(10, 1_000 * MILLISECOND);
    writer.handlePacket(11, 9_500 * MILLISECOND);
    const packets = writer.poll(10_000 * MILLISECOND, 1, 2);
    expect(packets.map(({ baseSequence, statusCount }) => [baseSequence, statusCount])).toEqual([[10, 1], [11, 1]]); // prettier-ignore
    expect(readBack(packets)).toEqual([[10, 1000], [11, 9500]]); // prettier-ignore
  });

  test('times of day beyond the 24 bits of the reference', () => {
    const day = 20 * 86_400_000;
    const [[, first], [, second]] = written([[1, day], [2, day + 5]], day + 100) as [[number, number], [number, number]]; // prettier-ignore
    expect(second - first).toBe(5);
    expect((((first - day) % (64 * 2 ** 24)) + 64 * 2 ** 24) % (64 * 2 ** 24)).toBe(0);
  });

  test('a duplicate keeps its first time', () => {
    expect(written([[10, 1000], [10, 1050], [11, 1060]])).toEqual([[10, 1000], [11, 1060]]); // prettier-ignore
  });

  test('counts its packets, 0 to 255 and round', () => {
    const writer = new TransportFeedbackWriter();
    const counts: number[] = [];
    for (let i = 0; i < 257; i++) {
      writer.handlePacket(i, i * 200 * MILLISECOND);
      for (const packet of writer.poll((i * 200 + 100) * MILLISECOND, 7, 9)) {
        counts.push(packet.feedbackCount);
        expect(packet).toMatchObject({ senderSsrc: 7, mediaSsrc: 9 });
      }
    }
    expect(counts).toEqual([...Array.from({ length: 256 }, (_, i) => i), 0]);
  });
});

describe('what comes late', () => {
  test('lost in one feedback, received in the next: in a packet of its own', () => {
    const writer = new TransportFeedbackWriter();
    for (const sequence of [1, 2, 4, 5]) writer.handlePacket(sequence, (1000 + sequence) * MILLISECOND);
    expect(readBack(writer.poll(1_110 * MILLISECOND, 1, 2))).toContainEqual([3, undefined]);
    writer.handlePacket(3, 1_120 * MILLISECOND);
    writer.handlePacket(6, 1_121 * MILLISECOND);
    expect(readBack(writer.poll(1_220 * MILLISECOND, 1, 2))).toEqual([[3, 1120], [6, 1121]]); // prettier-ignore
  });

  test('late ones in a row share a packet, whatever their order', () => {
    const writer = new TransportFeedbackWriter();
    for (const sequence of [1, 9]) writer.handlePacket(sequence, 1_000 * MILLISECOND);
    writer.poll(1_110 * MILLISECOND, 1, 2);
    for (const sequence of [4, 3, 7, 4]) writer.handlePacket(sequence, (1_120 + sequence) * MILLISECOND);
    const packets = writer.poll(1_220 * MILLISECOND, 1, 2);
    expect(packets).toHaveLength(2);
    expect(readBack(packets)).toEqual([[3, 1123], [4, 1124], [7, 1127]]); // prettier-ignore
  });

  test('over the wrap', () => {
    const writer = new TransportFeedbackWriter();
    for (const sequence of [65_534, 1]) writer.handlePacket(sequence, 1_000 * MILLISECOND);
    writer.poll(1_110 * MILLISECOND, 1, 2);
    for (const sequence of [0, 65_535]) writer.handlePacket(sequence, 1_120 * MILLISECOND);
    expect(readBack(writer.poll(1_220 * MILLISECOND, 1, 2))).toEqual([[65_535, 1120], [0, 1120]]); // prettier-ignore
  });
});

describe('when', () => {
  test('100 ms after the first packet, then every 100 ms while packets come, and nothing without', () => {
    const writer = new TransportFeedbackWriter();
    expect(writer.nextDeadline()).toBeUndefined();
    writer.handlePacket(1, 5_000);
    expect(writer.nextDeadline()).toBe(105_000);
    expect(writer.poll(104_999, 1, 2)).toEqual([]);
    expect(writer.poll(105_000, 1, 2)).toHaveLength(1);
    expect(writer.nextDeadline()).toBeUndefined();
    writer.handlePacket(2, 106_000);
    expect(writer.nextDeadline()).toBe(205_000);
  });

  test('sooner when 200 packets wait, but not within 20 ms of the last', () => {
    const writer = new TransportFeedbackWriter();
    writer.handlePacket(0, 0);
    writer.poll(100_000, 1, 2);
    for (let i = 1; i <= 200; i++) writer.handlePacket(i, 100_000 + i * 10);
    expect(writer.nextDeadline()).toBe(120_000);
  });

  test('a packet holds at most 400, more go into the next', () => {
    const writer = new TransportFeedbackWriter();
    for (let i = 0; i < 1_000; i++) writer.handlePacket(i, i * 20);
    const packets = writer.poll(200_000, 1, 2);
    expect(packets.map(({ statusCount }) => statusCount)).toEqual([400, 400, 200]);
    expect(writeRtcp([packets[0]!]).length).toBeLessThan(1_000);
  });
});

describe('hostile: transport-wide numbers', () => {
  test('H5.8 a number far from the last one begins anew and is not a list of the lost', () => {
    const writer = new TransportFeedbackWriter();
    for (const sequence of [1, 2, 30_000]) writer.handlePacket(sequence, 1_000 * MILLISECOND);
    expect(readBack(writer.poll(1_110 * MILLISECOND, 1, 2))).toEqual([[30_000, 1000]]);
  });

  test('H5.8 numbers at random for 10 s stay bounded in packets and bytes', () => {
    const writer = new TransportFeedbackWriter();
    let state = 1;
    let most = 0;
    for (let i = 0; i < 100_000; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      writer.handlePacket(state >>> 16, i * 100);
      most = Math.max(most, writer.poll(i * 100, 1, 2).length);
    }
    expect(most).toBeLessThanOrEqual(64 + 6);
  });
});
