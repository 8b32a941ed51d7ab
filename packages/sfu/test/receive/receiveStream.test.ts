import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReceiveStream } from '../../src/media/receive/receiveStream.js';

const FRAME = 960; // 20 ms at 48 kHz
const FRAME_MICROS = 20_000;
const newStream = () => new ReceiveStream({ ssrc: 7, clockRate: 48_000 });

/** Packets as sent every 20 ms, in the order given. */
function feed(stream: ReceiveStream, numbers: readonly number[], arrival = (i: number) => i * FRAME_MICROS) {
  return numbers.map((number, i) => stream.handlePacket(number, (number * FRAME) >>> 0, arrival(i)));
}

describe('order', () => {
  test.each<[string, number[], string[]]>([
    ['as sent', [5, 6, 7], ['first', 'in-order', 'in-order']],
    ['a gap', [5, 8], ['first', 'in-order']],
    ['overtaken', [5, 7, 6], ['first', 'in-order', 'late']],
    ['twice', [5, 6, 6, 5], ['first', 'in-order', 'duplicate', 'duplicate']],
    ['late twice', [5, 8, 6, 6], ['first', 'in-order', 'late', 'duplicate']],
    ['before the first', [5, 4], ['first', 'duplicate']],
    ['over the wrap of 16 bits', [65_535, 65_536, 65_538, 65_537], ['first', 'in-order', 'in-order', 'late']],
    ['H3.3 the largest gap that is loss', [0, 3000], ['first', 'in-order']],
    ['H3.3 a jump ahead', [0, 3001, 3002], ['first', 'restart', 'in-order']],
    ['H3.3 a jump ahead of 32,767', [10, 32_777, 32_778], ['first', 'restart', 'in-order']],
    ['H3.3 a jump back', [40_000, 7_232, 7_233], ['first', 'restart', 'in-order']],
  ])('%s', (_name, numbers, want) => expect(feed(newStream(), numbers)).toEqual(want));

  test('each number is accepted once, whatever the order', () => {
    const order = fc.shuffledSubarray([...Array(60).keys()], { minLength: 30 });
    fc.assert(
      fc.property(order, order, (one, two) => {
        const stream = newStream();
        const all = [...one, ...two];
        const outcomes = feed(stream, all);
        const accepted = all.filter((_, i) => outcomes[i] !== 'duplicate');
        expect(new Set(accepted).size).toBe(accepted.length);
        expect(stream.stats().lost).toBe(Math.max(...all) - all[0]! + 1 - accepted.length);
      }),
    );
  });
});

describe('report block', () => {
  test('loss of one interval is a fraction of 256, and all of it is counted', () => {
    const stream = newStream();
    feed(stream, [0, 1, 2, 3]);
    expect(stream.reportBlock(0)).toMatchObject({ fractionLost: 0, cumulativeLost: 0, highestSequence: 3 });
    feed(stream, [4, 5, 7, 11]); // 8 expected, 4 lost
    expect(stream.reportBlock(0)).toMatchObject({
      fractionLost: 128,
      cumulativeLost: 4,
      highestSequence: 11,
    });
    feed(stream, [6, 8, 9, 10, 12]); // all of it comes late
    expect(stream.reportBlock(0)).toMatchObject({ fractionLost: 0, cumulativeLost: 0, highestSequence: 12 });
  });
  test('nothing new is no loss', () => {
    const stream = newStream();
    feed(stream, [0, 9]);
    stream.reportBlock(0);
    expect(stream.reportBlock(1_000_000)).toMatchObject({ fractionLost: 0, cumulativeLost: 8 });
  });
  test('wraps of the sequence number are in the high half', () => {
    const stream = newStream();
    feed(stream, [65_535, 65_536]);
    expect(stream.reportBlock(0).highestSequence).toBe(0x0001_0000);
  });
  test('a jump is not loss, and what was lost before stays counted', () => {
    const stream = newStream();
    feed(stream, [0, 1, 3]);
    feed(stream, [20_000, 20_001]);
    expect(stream.reportBlock(0)).toMatchObject({ cumulativeLost: 1, fractionLost: 0 });
    expect(stream.stats().restarts).toBe(1);
  });
  test('loss is held within 24 bits', () => {
    const stream = newStream();
    for (let i = 0; i < 3000; i++) stream.handlePacket(i * 3000, 0, 0);
    expect(stream.reportBlock(0).cumulativeLost).toBe(0x7fffff);
    expect(stream.stats().lost).toBeGreaterThan(0x7fffff);
  });
  test('names the last sender report and the time since, in 1/65536 s', () => {
    const stream = newStream();
    feed(stream, [0]);
    expect(stream.reportBlock(0)).toMatchObject({ lastSr: 0, delaySinceLastSr: 0 });
    stream.handleSenderReport({ ntpMiddle: 0xfedc_ba98, arrivalMicros: 1_000_000 });
    expect(stream.reportBlock(2_500_000)).toMatchObject({ lastSr: 0xfedc_ba98, delaySinceLastSr: 98_304 });
  });
});

describe('jitter', () => {
  test('of a network that delays all packets alike is 0', () => {
    const stream = newStream();
    feed(stream, [...Array(200).keys()], (i) => 500_000 + i * FRAME_MICROS);
    expect(stream.reportBlock(0).jitter).toBe(0);
  });
  test('of packets that are 10 ms late in turn settles at 10 ms', () => {
    const stream = newStream();
    feed(stream, [...Array(400).keys()], (i) => i * FRAME_MICROS + (i % 2) * 10_000);
    expect(stream.stats().jitterMicros).toBeGreaterThan(9_900);
    expect(stream.stats().jitterMicros).toBeLessThan(10_001);
  });
  test('one step follows RFC 3550 A.8: a sixteenth of it', () => {
    const stream = newStream();
    stream.handlePacket(0, 0, 0);
    stream.handlePacket(1, FRAME, FRAME_MICROS + 10_000); // 480 ticks late
    expect(stream.stats().jitter).toBe(30);
  });
  test('is the same over the wrap of the timestamp', () => {
    const stream = newStream();
    for (let i = 0; i < 100; i++)
      stream.handlePacket(i, (2 ** 32 - 50 * FRAME + i * FRAME) >>> 0, i * FRAME_MICROS);
    expect(stream.reportBlock(0).jitter).toBe(0);
  });
  test('H4.13 timestamps that leap back and forth do not poison it', () => {
    const stream = newStream();
    for (let i = 0; i < 100; i++) stream.handlePacket(i, i % 2 ? 0 : 0x7fff_ffff, i * FRAME_MICROS);
    expect(stream.reportBlock(0).jitter).toBe(0);
  });
});
