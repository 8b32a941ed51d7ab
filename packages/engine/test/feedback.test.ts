/** Transport-wide feedback matched with what was sent. draft-holmer-rmcat-transport-wide-cc-extensions-01. */
import { describe, expect, test } from 'vitest';
import type { Feedback } from '../src/index.js';
import { feedbackFci } from './support/feedback.js';
import type { ChunkForm } from './support/feedback.js';
import { Chance, hex } from './support/packets.js';
import { VideoBench } from './support/video.js';

const TWCC = 4;
const START = 10_000_000;
/** SRTP packet: 12 header, 8 extension, 80 payload, 16 tag. */
const PAYLOAD = Buffer.alloc(80, 1);
const BYTES = 116;

class Sender extends VideoBench {
  sent = 0;
  constructor() {
    super({ transportWideCcId: TWCC });
  }
  /** @param times of sending, microseconds */
  send(...times: number[]): void {
    for (const micros of times) {
      this.engine.setNow(micros);
      this.forward(this.sent++, PAYLOAD);
    }
    this.engine.takeSent();
  }
  /** `count` packets, one each 10 ms. */
  sendSteadily(count: number): void {
    this.send(...Array.from({ length: count }, (_, i) => START + i * 10_000));
  }
  hear(fci: Uint8Array, nowMicros = START + 1_000_000): Feedback | undefined {
    return this.engine.readTransportFeedback(this.remote.peer, fci, nowMicros);
  }
}
/** Arrivals 20 ms after sending each 10 ms, by a clock that began elsewhere. */
const arrivals = (count: number, lost: readonly number[] = []): (number | undefined)[] =>
  Array.from({ length: count }, (_, i) => (lost.includes(i) ? undefined : 5_000_000 + i * 10_000));

describe('a feedback', () => {
  test.each<ChunkForm>(['run', 'one-bit', 'two-bit'])(
    'in %s chunks: bytes, losses, times, groups',
    (form) => {
      const sender = new Sender();
      sender.sendSteadily(30);
      const feedback = sender.hear(feedbackFci(0, arrivals(30, [3, 4, 20]), form))!;
      expect(feedback).toMatchObject({
        ackedBytes: 27 * BYTES,
        receivedPackets: 27,
        lostPackets: 3,
        lastSendMicros: START + 290_000,
        oldestSendMicros: START,
        lastArrivalMicros: 5_290_000,
        inFlightBytes: 0,
        probes: [],
      });
      // 27 groups of a packet; the last is not complete, the first has none before it.
      const groups = [...feedback.groups];
      expect(groups.length).toBe(25 * 3);
      expect(groups.slice(0, 3)).toEqual([10_000, 10_000, BYTES]);
      expect(groups.slice(6, 9)).toEqual([30_000, 30_000, BYTES]);
    },
  );

  test('a large delta and one that goes back', () => {
    const sender = new Sender();
    sender.sendSteadily(4);
    const feedback = sender.hear(feedbackFci(0, [5_000_000, 5_500_000, 5_490_000, 5_510_000]))!;
    expect(feedback.receivedPackets).toBe(4);
    expect(feedback.lastArrivalMicros).toBe(5_510_000);
  });

  test('what was not reported yet is in flight; a later one takes it up', () => {
    const sender = new Sender();
    sender.sendSteadily(10);
    expect(sender.hear(feedbackFci(0, arrivals(4)))!.inFlightBytes).toBe(6 * BYTES);
    // 4…6 fall through: their feedback is lost. They are on the way no more, but not lost either.
    const third = sender.hear(feedbackFci(7, arrivals(10).slice(7)))!;
    expect(third).toMatchObject({ inFlightBytes: 0, lostPackets: 0, receivedPackets: 3 });
    expect(sender.hear(feedbackFci(4, arrivals(7).slice(4)))).toMatchObject({
      ackedBytes: 3 * BYTES,
      lostPackets: 0,
    });
  });

  test('lost, and there after all: subtracted; told twice: counted once', () => {
    const sender = new Sender();
    sender.sendSteadily(5);
    expect(sender.hear(feedbackFci(0, arrivals(5, [2])))!.lostPackets).toBe(1);
    expect(sender.hear(feedbackFci(0, arrivals(5)))).toMatchObject({
      lostPackets: -1,
      receivedPackets: 1,
      ackedBytes: BYTES,
    });
    expect(sender.hear(feedbackFci(0, arrivals(5, [2])))).toMatchObject({
      lostPackets: 0,
      receivedPackets: 0,
      lastSendMicros: 0,
    });
  });

  test('groups: packets sent within 5 ms are one, across feedbacks', () => {
    const sender = new Sender();
    const times = [0, 2_000, 5_000, 20_000, 23_000, 40_000, 60_000].map((at) => START + at);
    sender.send(...times);
    const came = [0, 3_000, 6_000, 25_000, 28_000, 50_000, 70_000].map((at) => 5_000_000 + at);
    const first = sender.hear(feedbackFci(0, came.slice(0, 4)))!;
    const second = sender.hear(feedbackFci(4, came.slice(4)))!;
    expect([...first.groups]).toEqual([]);
    expect([...second.groups]).toEqual([18_000, 22_000, 2 * BYTES, 17_000, 22_000, BYTES]);
  });

  test('numbers and reference time roll over', () => {
    const sender = new Sender();
    const wrap = 2 ** 24 * 64_000;
    let groups = 0;
    for (let block = 0; block < 140; block++) {
      const times = Array.from({ length: 500 }, (_, i) => START + (block * 500 + i) * 6_000);
      sender.send(...times);
      const came = times.map((at) => at - START + wrap - 210_000_000);
      const feedback = sender.hear(feedbackFci(block * 500, came), times.at(-1)! + 50_000)!;
      expect(feedback).toMatchObject({ receivedPackets: 500, lostPackets: 0, inFlightBytes: 0 });
      for (let i = 0; i < feedback.groups.length; i += 3) {
        expect(feedback.groups[i + 1]).toBe(6_000);
        groups++;
      }
    }
    expect(groups).toBe(70_000 - 2);
  });

  test('numbers that were never given out and those of long ago mean nothing', () => {
    const sender = new Sender();
    expect(sender.hear(feedbackFci(0, arrivals(20)))).toMatchObject({ receivedPackets: 0, lostPackets: 0 });
    sender.sendSteadily(5);
    expect(sender.hear(feedbackFci(5, arrivals(20)))).toMatchObject({ receivedPackets: 0, lostPackets: 0 });
    expect(sender.hear(feedbackFci(0xfff0, arrivals(20)))).toMatchObject({ receivedPackets: 4 });
    sender.send(...Array.from({ length: 9000 }, (_, i) => START + 100_000 + i * 1000));
    expect(sender.hear(feedbackFci(0, arrivals(20)))).toMatchObject({ receivedPackets: 0, lostPackets: 0 });
    // The history holds 8,192 of them; the oldest are not in flight for ever.
    expect(sender.hear(feedbackFci(0, arrivals(20)))!.inFlightBytes).toBe(8192 * BYTES);
  });

  test('a clock that jumps starts the groups anew instead of one enormous delay', () => {
    const sender = new Sender();
    sender.sendSteadily(20);
    sender.hear(feedbackFci(0, arrivals(10)));
    const jumped = arrivals(20)
      .slice(10)
      .map((arrival) => arrival! + 60_000_000);
    const feedback = sender.hear(feedbackFci(10, jumped), START + 1_050_000)!;
    for (let i = 1; i < feedback.groups.length; i += 3) expect(feedback.groups[i]).toBeLessThan(20_000);
    expect(feedback.groups.length).toBeGreaterThan(15);
  });
});

describe('malformed', () => {
  const good = [
    feedbackFci(0, arrivals(30, [3, 20]), 'run'),
    feedbackFci(0, arrivals(30, [3, 20]), 'two-bit'),
    feedbackFci(0, [5_000_000, 5_500_000, undefined, 5_400_000]),
  ];

  test('every prefix is refused and counted, and changes nothing', () => {
    for (const fci of good) {
      const sender = new Sender();
      sender.sendSteadily(30);
      const body = fci.length - paddingOf(fci);
      for (let length = 0; length < body; length++)
        expect(sender.hear(fci.subarray(0, length))).toBeUndefined();
      expect(sender.bench.drops).toEqual({ 'feedback-malformed': body });
      expect(sender.hear(fci)!.receivedPackets).toBeGreaterThan(2);
    }
  });

  /** How many bytes at the end are padding: those without which it still reads, tried on a receiver of its own. */
  function paddingOf(fci: Buffer): number {
    const sender = new Sender();
    let padding = 0;
    while (sender.hear(fci.subarray(0, fci.length - padding - 1))) padding++;
    expect(padding).toBeLessThan(4);
    return padding;
  }

  test.each([
    ['no status at all', '0000 0000 000001 00 2001 00'],
    ['a reserved symbol in a run', '0000 0001 000001 00 6001 00'],
    ['a reserved symbol in a vector', '0000 0001 000001 00 f000 00'],
    ['runs of no length that never end', `0000 0001 000001 00 ${'0000 '.repeat(20)}`],
    [
      'more statuses than anybody remembers',
      '0000 ffff 000001 00 1fff 1fff 1fff 1fff 1fff 1fff 1fff 1fff 0007',
    ],
  ])('%s', (_, bytes) => {
    const sender = new Sender();
    sender.sendSteadily(2);
    expect(sender.hear(hex(bytes))).toBeUndefined();
    expect(sender.bench.drops).toEqual({ 'feedback-malformed': 1 });
  });

  test('every flipped bit and 20,000 random ones: an answer or a count', () => {
    const chance = new Chance(9);
    const sender = new Sender();
    sender.sendSteadily(100);
    let refused = 0;
    const attempt = (fci: Uint8Array): void => {
      const feedback = sender.hear(fci);
      if (!feedback) refused++;
      else expect(feedback.groups.every(Number.isFinite)).toBe(true);
    };
    for (const fci of good) {
      for (let bit = 0; bit < fci.length * 8; bit++) {
        const flipped = Buffer.from(fci);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        attempt(flipped);
      }
    }
    for (let i = 0; i < 20_000; i++) attempt(chance.bytes(chance.below(60)));
    expect(sender.bench.drops).toEqual({ 'feedback-malformed': refused });
    expect(refused).toBeGreaterThan(10_000);
  });
});
