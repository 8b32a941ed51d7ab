/** docs/virtual-streams.md V2 as a table, and what must hold for any room. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orderByRelevance } from '../../../src/media/virtual/video/relevance.js';
import type { Speakers, VideoSource } from '../../../src/media/virtual/video/relevance.js';
import { anyone, anyRoom, anySpeakers, names, room } from './source.js';

const NOBODY: Speakers = { dominant: undefined, recent: [] };

test.each<{
  name: string;
  sources: string[];
  changes?: Record<string, Partial<VideoSource>>;
  speakers?: Partial<Speakers>;
  want: string;
}>([
  { name: 'in the order of joining', sources: ['a', 'b', 'c'], want: 'a b c' },
  {
    name: 'the dominant speaker first',
    sources: ['a', 'b', 'c'],
    speakers: { dominant: 'c' },
    want: 'c a b',
  },
  {
    name: 'then those who dominated before, latest first',
    sources: ['a', 'b', 'c', 'd'],
    speakers: { dominant: 'c', recent: ['d', 'b'] },
    want: 'c d b a',
  },
  {
    name: 'pinned before the dominant speaker, by joining',
    sources: ['a', 'b', 'c', 'd'],
    changes: { d: { pinned: true }, b: { pinned: true } },
    speakers: { dominant: 'c' },
    want: 'b d c a',
  },
  {
    name: 'shared screens before all, the newest first',
    sources: ['a', 'a/screen', 'b', 'c/screen'],
    changes: { b: { pinned: true } },
    want: 'c/screen a/screen b a',
  },
  {
    name: 'of the dominant speaker the camera only: the screen is in front already',
    sources: ['b', 'a', 'a/screen', 'c/screen'],
    speakers: { dominant: 'a' },
    want: 'c/screen a/screen a b',
  },
  {
    name: 'of three cameras of the speaker one',
    sources: ['b', 'a/1', 'a/2', 'a/3'],
    speakers: { dominant: 'a' },
    want: 'a/1 b a/2 a/3',
  },
  {
    name: 'of three cameras of the speaker one that gives pictures',
    sources: ['b', 'a/1', 'a/2', 'a/3'],
    changes: { 'a/1': { stalled: true }, 'a/2': { paused: true } },
    speakers: { dominant: 'a' },
    want: 'a/3 b a/1',
  },
  { name: 'without paused ones', sources: ['a', 'b'], changes: { a: { paused: true } }, want: 'b' },
  {
    name: 'who owes a key frame comes last, a screen as well, until one comes',
    sources: ['a/screen', 'a', 'b'],
    changes: { 'a/screen': { stalled: true }, a: { stalled: true } },
    speakers: { dominant: 'a' },
    want: 'b a/screen a',
  },
  {
    name: 'speakers who have no camera are passed over',
    sources: ['a', 'b'],
    speakers: { dominant: 'x', recent: ['y', 'b'] },
    want: 'b a',
  },
  {
    name: 'a dominant one who is among the earlier ones as well',
    sources: ['a', 'b', 'c'],
    speakers: { dominant: 'b', recent: ['c', 'b'] },
    want: 'b c a',
  },
  { name: 'nobody', sources: [], want: '' },
])('$name', ({ sources, changes, speakers, want }) => {
  expect(names(orderByRelevance(room(sources, changes), { ...NOBODY, ...speakers }))).toBe(want);
});

/** Of the first k: how many are new. */
const entered = (before: readonly VideoSource[], after: readonly VideoSource[], k: number): number => {
  const had = new Set(before.slice(0, k).map(({ id }) => id));
  return after.slice(0, k).filter(({ id }) => !had.has(id)).length;
};

describe('any room', () => {
  test('the order is all that can be shown, once each, whatever the order of the input', () => {
    fc.assert(
      fc.property(anyRoom, anySpeakers, (sources, speakers) => {
        const order = orderByRelevance(sources, speakers);
        expect(new Set(order)).toEqual(new Set(sources.filter(({ paused }) => !paused)));
        expect(order.length).toBe(new Set(order).size);
        expect(orderByRelevance([...sources].reverse(), speakers)).toEqual(order);
      }),
    );
  });

  test('a new dominant speaker: each beginning of the order changes by one source at most', () => {
    fc.assert(
      fc.property(anyRoom, anySpeakers, anyone, (sources, speakers, next) => {
        const before = orderByRelevance(sources, speakers);
        const recent = speakers.recent.filter((who) => who !== next && who !== speakers.dominant);
        if (speakers.dominant !== undefined && speakers.dominant !== next) recent.unshift(speakers.dominant);
        const first = {
          dominant: speakers.dominant,
          recent: speakers.recent.filter((who) => who !== speakers.dominant),
        };
        const settled = orderByRelevance(sources, first);
        const after = orderByRelevance(sources, { dominant: next, recent });
        for (let k = 1; k <= before.length; k++) expect(entered(settled, after, k)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('one source that comes, goes, stalls or is pinned: by two at most', () => {
    fc.assert(
      fc.property(
        anyRoom.filter((sources) => sources.length > 0),
        anySpeakers,
        fc.nat(),
        fc.constantFrom<('paused' | 'stalled' | 'pinned')[]>('paused', 'stalled', 'pinned'),
        (sources, speakers, pick, flag) => {
          const at = pick % sources.length;
          const changed = sources.map((source, i) =>
            i === at ? { ...source, [flag]: !source[flag] } : source,
          );
          const before = orderByRelevance(sources, speakers);
          const after = orderByRelevance(changed, speakers);
          // Two where another camera of the same speaker takes its place in front.
          for (let k = 1; k <= sources.length; k++) expect(entered(before, after, k)).toBeLessThanOrEqual(2);
        },
      ),
    );
  });
});
