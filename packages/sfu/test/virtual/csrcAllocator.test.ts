/** docs/virtual-streams.md A6: which numbers a source can have. */
import { describe, expect, test } from 'vitest';
import { CsrcAllocator } from '../../src/media/virtual/csrcAllocator.js';
import { Random } from './support/random.js';

/** Gives these, then chance. */
const rigged = (...values: number[]): (() => number) => {
  const random = new Random(1);
  return () => (values.length > 0 ? values.shift()! / 2 ** 32 : random.next());
};

describe('a new CSRC', () => {
  test('is never 0, never 42, never one that is in use, never an SSRC of a slot', () => {
    const csrcs = new CsrcAllocator(rigged(7, 0, 42, 7, 9, 8));
    csrcs.reserveSsrc(9);
    expect(csrcs.allocate(0)).toBe(7);
    expect(csrcs.allocate(0)).toBe(8);
  });

  test('is not one that was freed less than a minute ago', () => {
    const csrcs = new CsrcAllocator(rigged(7, 7, 11, 7));
    csrcs.free(csrcs.allocate(0), 1_000_000);
    expect(csrcs.allocate(60_000_000)).toBe(11);
    expect(csrcs.allocate(61_000_001)).toBe(7);
  });

  test('joining and leaving all day recycles nothing and keeps no memory', () => {
    const csrcs = new CsrcAllocator(new Random(3).next);
    const recent = new Map<number, number>();
    for (let i = 0; i < 20_000; i++) {
      const now = i * 10_000;
      const csrc = csrcs.allocate(now);
      expect(now - (recent.get(csrc) ?? -Infinity)).toBeGreaterThan(60_000_000);
      csrcs.free(csrc, now);
      recent.set(csrc, now);
    }
  });

  test('says so when chance repeats itself', () => {
    const csrcs = new CsrcAllocator(() => 0.5);
    csrcs.allocate(0);
    expect(() => csrcs.allocate(0)).toThrow(/repeats/);
  });
});

test.each([0, 42, -1, 1.5, 2 ** 32, NaN, Infinity])('%d cannot be asked for', (csrc) => {
  expect(() => new CsrcAllocator(new Random(1).next).take(csrc)).toThrow(TypeError);
});

test('a given one is taken once, also soon after it was freed, and not when it is a slot’s SSRC', () => {
  const csrcs = new CsrcAllocator(new Random(1).next);
  csrcs.take(5);
  expect(() => csrcs.take(5)).toThrow(/in use/);
  csrcs.free(5, 0);
  csrcs.take(5);
  csrcs.reserveSsrc(6);
  expect(() => csrcs.take(6)).toThrow(/in use/);
  expect(() => csrcs.reserveSsrc(5)).toThrow(TypeError);
});

test('an SSRC that two receivers have is free when both have given it back', () => {
  const csrcs = new CsrcAllocator(() => 0.5);
  csrcs.reserveSsrc(9);
  csrcs.reserveSsrc(9);
  csrcs.releaseSsrc(9);
  expect(() => csrcs.take(9)).toThrow(TypeError);
  csrcs.releaseSsrc(9);
  csrcs.take(9);
  csrcs.releaseSsrc(9);
  expect(csrcs.has(9)).toBe(true);
});
