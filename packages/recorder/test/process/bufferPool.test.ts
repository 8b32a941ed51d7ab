import { expect, test } from 'vitest';
import { BufferPool, POOL_LIMITS } from '../../src/process/bufferPool.js';

test.each([0, 1, 32_768, 32_769, 65_536, 65_537, 1024 * 1024])(
  '%i bytes are at least as long as asked for, and used again',
  (bytes) => {
    const pool = new BufferPool();
    const first = pool.take(bytes);
    expect(first.length).toBeGreaterThanOrEqual(bytes);
    expect(pool.take(bytes).buffer).not.toBe(first.buffer);
    // A part of it is enough to know it by.
    pool.give(first.subarray(0, bytes));
    expect(pool.take(bytes).buffer).toBe(first.buffer);
  },
);

test('long ones, and those of others, are not kept', () => {
  const pool = new BufferPool();
  const long = pool.take(POOL_LIMITS.longestBytes + 1);
  pool.give(long);
  pool.give(new Uint8Array(POOL_LIMITS.smallestBytes));
  expect(pool.take(POOL_LIMITS.longestBytes + 1).buffer).not.toBe(long.buffer);
});

test('no more is kept than fits', () => {
  const pool = new BufferPool();
  const count = POOL_LIMITS.keptBytes / POOL_LIMITS.smallestBytes + 1;
  const taken = Array.from({ length: count }, () => pool.take(1));
  for (const piece of taken) pool.give(piece);
  const again = new Set(Array.from({ length: count }, () => pool.take(1).buffer));
  expect(taken.filter(({ buffer }) => again.has(buffer))).toHaveLength(count - 1);
});

test('what a burst left behind gives way to what is needed', () => {
  const pool = new BufferPool();
  const burst = Array.from({ length: 40 }, () => pool.take(POOL_LIMITS.longestBytes));
  for (const piece of burst) pool.give(piece);
  const small = pool.take(1);
  pool.give(small);
  expect(pool.take(1).buffer).toBe(small.buffer);
});
