import { expect, test } from 'vitest';
import { Reception } from '../../src/media/reception.js';

const RATE = 48_000;

test('a report block says what was lost since the one before, and in all', () => {
  const reception = new Reception(7, RATE);
  for (let number = 65_530; number < 65_630; number++)
    if (number % 10 !== 5) reception.handlePacket(number, number * 960, number * 20_000);
  reception.handleSenderReport(0x1234_5678, 1_000_000);
  expect(reception.reportBlock(2_000_000)).toEqual({
    ssrc: 7,
    fractionLost: 25, // 10 of 100, in 1/256
    cumulativeLost: 10,
    highestSequence: 65_629,
    jitter: 0,
    lastSr: 0x1234_5678,
    delaySinceLastSr: 65_536,
  });
  for (let number = 65_630; number < 65_730; number++)
    reception.handlePacket(number, number * 960, number * 20_000);
  for (let i = 0; i < 10; i++) reception.handleRepair();
  expect(reception.reportBlock(3_000_000)).toMatchObject({ fractionLost: 0, cumulativeLost: 0 });
});

test('jitter is in units of the clock rate, also where timestamps wrap; a clock that was set is none', () => {
  const reception = new Reception(7, RATE);
  for (let i = 0; i < 500; i++) {
    const late = i % 2 === 0 ? 0 : 5_000;
    reception.handlePacket(1_000 + i, (0xffff_f000 + i * 960) >>> 0, 1e12 + i * 20_000 + late);
  }
  // RFC 3550 A.8: each step is 5 ms, 240 ticks.
  expect(reception.reportBlock(0).jitter).toBeGreaterThan(230);
  expect(reception.reportBlock(0).jitter).toBeLessThanOrEqual(240);
  reception.handlePacket(1_500, 12, 1e12 + 500 * 20_000);
  expect(reception.reportBlock(0).jitter).toBeLessThan(1_000_000);
});

test('before the first packet there is nothing to report', () => {
  expect(new Reception(7, RATE).begun).toBe(false);
});
