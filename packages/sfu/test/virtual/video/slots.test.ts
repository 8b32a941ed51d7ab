/** Sources to slots: a source never moves while it is wanted. docs/virtual-streams.md V3, V4. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlotTable } from '../../../src/media/virtual/video/slots.js';

const want = (text: string) =>
  [...text.matchAll(/(\w)(?:<(\w))?/g)].map(([, source, insteadOf]) => ({ source: source!, insteadOf }));
const show = (table: SlotTable<string>): string => table.sources.map((source) => source ?? '-').join('');

/** Each step: who is wanted ("b<a": b on the canvas where a was) and what the slots carry then. */
test.each<{ name: string; count: number; steps: [string, string][] }>([
  { name: 'from the first slot on', count: 3, steps: [['a b', 'ab-']] },
  {
    name: 'no order of relevance moves anybody',
    count: 3,
    steps: [
      ['a b c', 'abc'],
      ['c a b', 'abc'],
    ],
  },
  {
    name: 'who leaves frees its slot only',
    count: 3,
    steps: [
      ['a b c', 'abc'],
      ['a c', 'a-c'],
    ],
  },
  {
    name: 'the new one takes the slot of whom it replaces, though another is empty',
    count: 3,
    steps: [
      ['a b', 'ab-'],
      ['a c<b', 'ac-'],
    ],
  },
  {
    name: 'it takes an empty one when the replaced one is still wanted elsewhere',
    count: 3,
    steps: [
      ['a b', 'ab-'],
      ['b c<b', '-bc'],
    ],
  },
  {
    name: 'without one to replace: the slot that has been empty longest',
    count: 3,
    steps: [
      ['a b c', 'abc'],
      ['a b', 'ab-'],
      ['b', '-b-'],
      ['b d', '-bd'],
      ['b d e', 'ebd'],
    ],
  },
  {
    name: 'all exchanged at once',
    count: 3,
    steps: [
      ['a b c', 'abc'],
      ['d<c e<a f<b', 'efd'],
    ],
  },
  {
    name: 'two on the place of one: the first gets it',
    count: 2,
    steps: [
      ['a b', 'ab'],
      ['c<b d<b', 'dc'],
    ],
  },
  {
    name: 'more than slots: the first ones',
    count: 2,
    steps: [
      ['a b c', 'ab'],
      ['c a', 'ac'],
    ],
  },
  { name: 'the same twice', count: 2, steps: [['a a', 'a-']] },
  { name: 'no slots', count: 0, steps: [['a', '']] },
])('$name', ({ count, steps }) => {
  const table = new SlotTable<string>(count);
  steps.forEach(([wanted, slots], at) => {
    table.assign(want(wanted), at * 1_000_000);
    expect(show(table)).toBe(slots);
  });
});

test('another producer of the same person takes the slot as it is', () => {
  const table = new SlotTable<string>(2);
  table.assign(want('a b'), 0);
  table.replace('b', 'c');
  table.replace('x', 'y');
  expect(show(table)).toBe('ac');
  expect(table.slotOf('c')).toBe(1);
  expect(table.slotOf('b')).toBeUndefined();
  expect(table.assign(want('c a'), 1)).toEqual([]);
});

describe('any sequence', () => {
  const people = fc.constantFrom<string[]>('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const wanted = fc
    .uniqueArray(people, { maxLength: 7 })
    .chain((sources) =>
      fc.tuple(
        ...sources.map((source) =>
          fc.record({ source: fc.constant(source), insteadOf: fc.option(people, { nil: undefined }) }),
        ),
      ),
    );

  test('nobody who stays moves, each is in one slot, as few changes as possible', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.array(wanted, { maxLength: 20 }), (count, steps) => {
        const table = new SlotTable<string>(count);
        steps.forEach((step, at) => {
          const before = [...table.sources];
          const changes = table.assign(step, at);
          const after = table.sources;
          const should = step.slice(0, count).map(({ source }) => source);
          expect([...after].filter((source) => source !== undefined).sort()).toEqual([...should].sort());
          before.forEach((source, slot) => {
            if (source !== undefined && should.includes(source)) expect(after[slot]).toBe(source);
          });
          expect(changes).toEqual(
            after.flatMap((source, slot) => (source === before[slot] ? [] : [{ slot, source }])),
          );
        });
      }),
    );
  });
});
