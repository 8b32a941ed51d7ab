import { expect, test } from 'vitest';
import { coreShares } from '../src/cpuLoad.js';
import { median, quantile, rounded } from '../src/statistics.js';

test('median of odd, even and no values', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('quantiles by nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([1, 50, 99, 100]);
});

test('rounded to digits', () => {
  expect(rounded(1.23456, 3)).toBe(1.235);
});

test('shares of a core between two readings', () => {
  const before = { busy: 100, idle: 900, stolen: 0 };
  expect(coreShares(before, { busy: 150, idle: 940, stolen: 10 })).toEqual({ busy: 0.5, stolen: 0.1 });
  expect(coreShares(before, before)).toEqual({ busy: 0, stolen: 0 });
  expect(coreShares(undefined, before).busy).toBeNaN();
});
