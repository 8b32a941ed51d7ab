import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NACK_LIMITS, NackGenerator } from '../../src/media/receive/nackGenerator.js';

const ms = (value: number): number => value * 1000;

describe('asking again', () => {
  test('nothing is asked for while nothing is missing', () => {
    const nack = new NackGenerator();
    for (let i = 0; i < 100; i++) nack.handlePacket(i, ms(20 * i));
    expect(nack.poll(ms(5000))).toEqual([]);
    expect(nack.nextDeadline()).toBeUndefined();
  });
  test('a gap is asked for 10 ms after it showed', () => {
    const nack = new NackGenerator();
    nack.handlePacket(10, 0);
    nack.handlePacket(13, ms(20));
    expect(nack.nextDeadline()).toBe(ms(30));
    expect(nack.poll(ms(30) - 1)).toEqual([]);
    expect(nack.poll(ms(30))).toEqual([11, 12]);
  });
  test('what was only overtaken is not asked for', () => {
    const nack = new NackGenerator();
    nack.handlePacket(10, 0);
    nack.handlePacket(12, ms(20));
    nack.handlePacket(11, ms(25));
    expect(nack.poll(ms(1000))).toEqual([]);
    expect(nack.stats()).toMatchObject({ requested: 0, recovered: 0, missing: 0 });
  });
  test('again after a round trip and a quarter, not sooner', () => {
    const nack = new NackGenerator();
    nack.setRoundTripTime(ms(80));
    nack.handlePacket(0, 0);
    nack.handlePacket(2, 0);
    expect(nack.poll(ms(10))).toEqual([1]);
    expect(nack.nextDeadline()).toBe(ms(110));
    expect(nack.poll(ms(110) - 1)).toEqual([]);
    expect(nack.poll(ms(110))).toEqual([1]);
    nack.handlePacket(1, ms(150));
    expect(nack.stats()).toMatchObject({ requested: 2, recovered: 1, missing: 0 });
  });
  test('the round trip is what the quickest answer took, until a report tells it', () => {
    const nack = new NackGenerator();
    nack.handlePacket(0, 0);
    nack.handlePacket(2, 0);
    expect(nack.poll(ms(10))).toEqual([1]);
    nack.handlePacket(1, ms(70));
    expect(nack.roundTripMicros).toBe(ms(60));
    nack.handlePacket(4, ms(100));
    nack.poll(ms(110));
    nack.handlePacket(3, ms(300)); // after a second request
    expect(nack.roundTripMicros).toBe(ms(60));
    nack.setRoundTripTime(ms(80));
    expect(nack.roundTripMicros).toBe(ms(80));
  });
  test('what had to be asked for is the loss; what was only overtaken is none', () => {
    const nack = new NackGenerator();
    for (let number = 0; number < 4_000; number++) {
      const nowMicros = ms(5 * number);
      nack.poll(nowMicros);
      const overtaken = number % 20 === 11 ? 12 : number % 20 === 12 ? 11 : number % 20;
      if (overtaken !== 7) nack.handlePacket(number - (number % 20) + overtaken, nowMicros);
    }
    expect(nack.lossFraction).toBeGreaterThan(0.04);
    expect(nack.lossFraction).toBeLessThan(0.06);
  });
  test('numbers are 16 bits, ascending on their circle', () => {
    const nack = new NackGenerator();
    nack.handlePacket(65_533, 0);
    nack.handlePacket(65_538, 0);
    expect(nack.poll(ms(10))).toEqual([65_534, 65_535, 0, 1]);
  });
  test('the first packet is not the end of a gap', () => {
    const nack = new NackGenerator();
    nack.handlePacket(40_000, 0);
    expect(nack.poll(ms(100))).toEqual([]);
  });
  test('ends after 10 times', () => {
    const nack = new NackGenerator({ ageMicros: ms(60_000) });
    nack.handlePacket(0, 0);
    nack.handlePacket(2, 0);
    let asked = 0;
    for (let now = 0; now < ms(10_000); now += ms(5)) asked += nack.poll(now).length;
    expect(asked).toBe(10);
    expect(nack.stats()).toMatchObject({ givenUp: 1, missing: 0 });
    expect(nack.nextDeadline()).toBeUndefined();
  });
  test('ends after a second, when it could not be played any more', () => {
    const nack = new NackGenerator();
    nack.setRoundTripTime(ms(800)); // H13.5
    nack.handlePacket(0, 0);
    nack.handlePacket(2, 0);
    const asked: number[] = [];
    for (let now = 0; now < ms(5000); now += ms(10)) if (nack.poll(now).length > 0) asked.push(now);
    expect(asked).toEqual([ms(10)]);
  });
});

describe('limits', () => {
  test('an outage of more than 1000 packets is not asked for, and ends what was', () => {
    const nack = new NackGenerator();
    nack.handlePacket(0, 0);
    nack.handlePacket(2, 0);
    nack.handlePacket(2 + NACK_LIMITS.entries + 2, ms(5));
    expect(nack.poll(ms(100))).toEqual([]);
    expect(nack.stats()).toMatchObject({ overflows: 1, missing: 0, givenUp: 1 });
  });
  test('H3.3 gaps for ever keep at most 1000 numbers', () => {
    const nack = new NackGenerator();
    for (let i = 0; i < 1000; i++) {
      nack.handlePacket(i * 500, i);
      expect(nack.stats().missing).toBeLessThanOrEqual(NACK_LIMITS.entries);
    }
  });
  test('only missing numbers are asked for, each at most 10 times', () => {
    const numbers = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(numbers, (received) => {
        const nack = new NackGenerator();
        const asked = new Map<number, number>();
        const seen = new Set<number>();
        received.forEach((number, i) => {
          nack.handlePacket(number, ms(7 * i));
          seen.add(number);
          for (const lost of nack.poll(ms(7 * i))) {
            expect(seen.has(lost)).toBe(false);
            asked.set(lost, (asked.get(lost) ?? 0) + 1);
          }
        });
        for (const times of asked.values()) expect(times).toBeLessThanOrEqual(10);
      }),
    );
  });
});
