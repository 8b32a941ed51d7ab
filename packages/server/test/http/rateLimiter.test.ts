import { expect, test } from 'vitest';
import { RateLimiter } from '../../src/http/rateLimiter.js';

test('a burst, then the lasting rate; each address for itself', () => {
  const limiter = new RateLimiter(3, 2);
  expect([0, 0, 0, 0].map((at) => limiter.take('a', at))).toEqual([true, true, true, false]);
  expect(limiter.take('b', 0)).toBe(true);
  expect(limiter.take('a', 499)).toBe(false);
  expect(limiter.take('a', 500)).toBe(true);
  expect(limiter.take('a', 500)).toBe(false);
  expect([10_000, 10_000, 10_000, 10_000].map((at) => limiter.take('a', at))).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('0 switches it off', () => {
  const limiter = new RateLimiter(0, 1);
  for (let count = 0; count < 1_000; count++) expect(limiter.take('a', 0)).toBe(true);
});

test('H8.15 H12.6 a storm from 100,000 addresses does not grow without bound, and a clock that steps back gives nothing away', () => {
  const limiter = new RateLimiter(1, 1);
  for (let count = 0; count < 100_000; count++) limiter.take(`address-${count}`, count);
  expect(limiter.take('x', 200_000)).toBe(true);
  expect(limiter.take('x', 100_000)).toBe(false);
});
