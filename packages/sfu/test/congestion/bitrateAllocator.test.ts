import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import { allocateBitrate, type AllocationRequest } from '../../src/media/congestion/bitrateAllocator.js';

const camera = (id: string, priority = 1, wanted = 2): AllocationRequest => ({
  id,
  priority,
  bitrates: [100_000, 300_000, 900_000],
  wanted,
});
const choices = (requests: readonly AllocationRequest[], available: number): Record<string, number> =>
  Object.fromEntries(allocateBitrate(requests, available).choices);

describe('who gets what', () => {
  test.each([
    { available: 50_000, want: { a: -1, b: -1, c: -1 } },
    { available: 100_000, want: { a: 0, b: -1, c: -1 } },
    { available: 299_999, want: { a: 0, b: 0, c: -1 } },
    { available: 300_000, want: { a: 0, b: 0, c: 0 } },
    { available: 700_000, want: { a: 1, b: 1, c: 0 } },
    { available: 900_000, want: { a: 1, b: 1, c: 1 } },
    { available: 1_500_000, want: { a: 2, b: 1, c: 1 } },
    { available: 2_700_000, want: { a: 2, b: 2, c: 2 } },
  ])(
    'three of equal priority at $available bit/s: everybody low before anybody high',
    ({ available, want }) => {
      expect(choices([camera('a'), camera('b'), camera('c')], available)).toEqual(want);
    },
  );

  test('a higher priority is served first where there is not enough for all', () => {
    expect(choices([camera('a'), camera('b', 5)], 100_000)).toEqual({ a: -1, b: 0 });
  });

  test('and climbs as many steps in a round as its priority, but only when all have their lowest', () => {
    expect(choices([camera('a'), camera('b', 2)], 1_000_000)).toEqual({ a: 0, b: 2 });
    expect(choices([camera('a'), camera('b', 2)], 1_200_000)).toEqual({ a: 1, b: 2 });
  });

  test('nobody gets more than wanted, and nothing who wants nothing', () => {
    expect(choices([camera('a', 1, 1), camera('b', 1, -1)], 10_000_000)).toEqual({ a: 1, b: -1 });
  });

  test('a layer that does not come is passed over', () => {
    const request = { id: 'a', priority: 1, bitrates: [0, 300_000, 0, 900_000], wanted: 3 };
    expect(choices([request], 500_000)).toEqual({ a: 1 });
    expect(choices([request], 900_000)).toEqual({ a: 3 });
  });

  test('a higher layer that is cheaper at the moment is taken', () => {
    expect(choices([{ id: 'a', priority: 1, bitrates: [300_000, 200_000], wanted: 1 }], 300_000)).toEqual({
      a: 1,
    });
  });
});

test('says who stays dark, what is used and what would be', () => {
  const none = { id: 'c', priority: 1, bitrates: [0, 0], wanted: 1 };
  expect(allocateBitrate([camera('a', 2), camera('b'), none], 150_000)).toMatchObject({
    dark: ['b'],
    usedBitrate: 100_000,
    desiredBitrate: 1_800_000,
  });
});

test('never gives more than there is, whatever is asked', () => {
  const request = fc.record({
    id: fc.uuid(),
    priority: fc.integer({ min: 1, max: 255 }),
    bitrates: fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 9 }),
    wanted: fc.integer({ min: -1, max: 12 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(request, { maxLength: 12, selector: ({ id }) => id }),
      fc.nat(20_000_000),
      (requests, available) => {
        const { choices: given, dark, usedBitrate } = allocateBitrate(requests, available);
        const used = requests.map(({ id, bitrates }) => bitrates[given.get(id)!] ?? 0);
        expect(usedBitrate).toBe(used.reduce((sum, each) => sum + each, 0));
        expect(usedBitrate).toBeLessThanOrEqual(available);
        for (const { id, bitrates, wanted } of requests) {
          expect(given.get(id)).toBeLessThanOrEqual(wanted);
          expect(dark.includes(id)).toBe(
            given.get(id) === -1 && bitrates.slice(0, wanted + 1).some((each) => each > 0),
          );
        }
      },
    ),
  );
});
