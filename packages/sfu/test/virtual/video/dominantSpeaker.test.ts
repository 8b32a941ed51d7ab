/**
 * Who is loudest comes in over virtual time, who dominates comes out: docs/virtual-streams.md V2. Times here are written
 * out in ms; one step is one packet, 20 ms.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DominantSpeaker } from '../../../src/media/virtual/video/dominantSpeaker.js';

const STEP_MS = 20;
type Loudest = (ms: number) => string | undefined;

/** Changes as [ms, dominant]. */
function run(
  loudest: Loudest,
  forMs: number,
  speaker = new DominantSpeaker(),
): [number, string | undefined][] {
  const changes: [number, string | undefined][] = [];
  for (let ms = 0; ms <= forMs; ms += STEP_MS)
    if (speaker.hear(loudest(ms), ms * 1000)) changes.push([ms, speaker.dominant]);
  return changes;
}
const during =
  (who: string, from: number, to: number, otherwise: Loudest = () => undefined): Loudest =>
  (ms) =>
    ms >= from && ms < to ? who : otherwise(ms);

describe('becoming dominant', () => {
  test.each<{ name: string; loudest: Loudest; want: [number, string | undefined][] }>([
    { name: 'the first speaker after 400 ms', loudest: () => 'a', want: [[400, 'a']] },
    { name: 'a cough of 300 ms never', loudest: during('a', 1000, 1300), want: [] },
    {
      name: 'three coughs, one each second, never',
      loudest: (ms) => (ms % 1000 < 300 ? 'a' : undefined),
      want: [],
    },
    {
      name: 'words with pauses: the sum counts',
      loudest: (ms) => (ms % 300 < 200 ? 'a' : undefined),
      want: [[600, 'a']],
    },
    {
      name: 'who takes over from somebody who talked without a pause: 600 ms',
      loudest: during('b', 5000, 9000, () => 'a'),
      want: [
        [400, 'a'],
        [5600, 'b'],
        [9600, 'a'],
      ],
    },
    {
      name: 'who speaks after a pause of a second: 400 ms',
      loudest: during('a', 0, 3000, during('b', 4000, 9000)),
      want: [
        [400, 'a'],
        [4400, 'b'],
      ],
    },
    {
      name: 'an interjection of 400 ms moves nothing',
      loudest: during('b', 5000, 5400, () => 'a'),
      want: [[400, 'a']],
    },
    { name: 'silence takes nothing away', loudest: during('a', 0, 1000), want: [[400, 'a']] },
    {
      name: 'no second change within 1.5 s',
      loudest: during('a', 0, 420, () => 'b'),
      want: [
        [400, 'a'],
        [1900, 'b'],
      ],
    },
  ])('$name', ({ loudest, want }) => expect(run(loudest, 12_000)).toEqual(want));

  test('two who flap every 20 ms for ten minutes: one change, the first', () => {
    const changes = run((ms) => (ms % 40 === 0 ? 'a' : 'b'), 600_000);
    expect(changes.length).toBe(1);
  });

  test('who claims to be the loudest for ever is dominant once', () => {
    expect(run(() => 'a', 600_000)).toEqual([[400, 'a']]);
  });

  test('a hundred who take turns of 100 ms: nobody', () => {
    expect(run((ms) => `p${Math.floor(ms / 100) % 100}`, 60_000)).toEqual([]);
  });
});

describe('leaving', () => {
  test('takes the place away; the next one needs its 400 ms, and the rest since the last change', () => {
    const speaker = new DominantSpeaker();
    run(() => 'a', 5000, speaker);
    expect(speaker.remove('a')).toBe(true);
    expect(speaker.dominant).toBeUndefined();
    expect(speaker.recent).toEqual([]);
    expect(speaker.hear('b', 5_000_000)).toBe(false);
    expect(speaker.step(5_380_000)).toBe(false);
    expect(speaker.step(5_400_000)).toBe(true);
    expect(speaker.dominant).toBe('b');
  });

  test('of somebody else changes nothing but the memory', () => {
    const speaker = new DominantSpeaker();
    run(
      during('a', 0, 3000, () => 'b'),
      6000,
      speaker,
    );
    expect([speaker.dominant, ...speaker.recent]).toEqual(['b', 'a']);
    expect(speaker.remove('a')).toBe(false);
    expect(speaker.remove('nobody')).toBe(false);
    expect([speaker.dominant, ...speaker.recent]).toEqual(['b']);
  });
});

test('earlier ones are remembered by recency, each once, 32 at most', () => {
  const speaker = new DominantSpeaker();
  run((ms) => `p${Math.min(39, Math.floor(ms / 3000))}`, 120_000, speaker);
  expect(speaker.dominant).toBe('p39');
  expect(speaker.recent).toEqual(Array.from({ length: 32 }, (_, i) => `p${38 - i}`));
  for (let ms = 120_000; ms < 124_000; ms += STEP_MS) speaker.hear('p37', ms * 1000);
  expect(speaker.dominant).toBe('p37');
  expect(speaker.recent.slice(0, 3)).toEqual(['p39', 'p38', 'p36']);
});

describe('any input', () => {
  const turns = fc.array(
    fc.record({ who: fc.constantFrom(undefined, 'a', 'b', 'c', 'd'), ms: fc.integer({ min: 1, max: 1500 }) }),
    { minLength: 1, maxLength: 80 },
  );
  const atMs = (
    input: readonly { who: string | undefined; ms: number }[],
  ): [number, string | undefined][] => {
    let ms = 0;
    return input.map(({ who, ms: length }) => {
      const entry: [number, string | undefined] = [ms, who];
      ms += length;
      return entry;
    });
  };

  test('two changes are never closer than 1.5 s, and the dominant one is the loudest at that moment', () => {
    fc.assert(
      fc.property(turns, (input) => {
        const begins = atMs(input);
        let at = 0;
        const changes = run((ms) => {
          while (at + 1 < begins.length && begins[at + 1]![0] <= ms) at++;
          return begins[at]![1];
        }, 20_000);
        for (let i = 1; i < changes.length; i++)
          expect(changes[i]![0] - changes[i - 1]![0]).toBeGreaterThanOrEqual(1500);
        for (const [ms, dominant] of changes)
          expect(dominant).toBe(begins.findLast(([begin]) => begin <= ms)![1]);
      }),
    );
  });

  test('called only when something happens and at the deadlines: the same changes as every ms, 20 ms late at most', () => {
    fc.assert(
      fc.property(turns, (input) => {
        const begins = atMs(input);
        const end = begins.at(-1)![0] + 3000;
        const every = new DominantSpeaker();
        const byMs: [number, string | undefined][] = [];
        let at = -1;
        for (let ms = 0; ms <= end; ms++) {
          if (begins[at + 1]?.[0] === ms) at++;
          if (every.hear(begins[at]![1], ms * 1000)) byMs.push([ms, every.dominant]);
        }
        const lazy = new DominantSpeaker();
        const byDeadline: [number, string | undefined][] = [];
        begins.forEach(([begin, who], i) => {
          const next = (begins[i + 1]?.[0] ?? end) * 1000;
          if (lazy.hear(who, begin * 1000)) byDeadline.push([begin, lazy.dominant]);
          for (let micros = lazy.nextDeadline(); micros < next; micros = lazy.nextDeadline()) {
            if (lazy.step(micros)) byDeadline.push([micros / 1000, lazy.dominant]);
          }
        });
        // A turn that ends within those 20 ms makes another history: compared up to there.
        const [first, second] = [byMs[0], byDeadline[0]];
        if (first && second && first[1] === second[1])
          expect(Math.abs(second[0] - first[0])).toBeLessThanOrEqual(20);
      }),
    );
  });

  test('the next deadline always lies ahead', () => {
    fc.assert(
      fc.property(turns, (input) => {
        const speaker = new DominantSpeaker();
        for (const [ms, who] of atMs(input)) {
          speaker.hear(who, ms * 1000);
          expect(speaker.nextDeadline()).toBeGreaterThan(ms * 1000);
        }
      }),
    );
  });

  test('nobody can make it remember without bound', () => {
    const speaker = new DominantSpeaker();
    for (let i = 0; i < 100_000; i++) speaker.hear(`p${i}`, i * 10);
    expect(speaker.dominant).toBeUndefined();
    expect(speaker.recent).toEqual([]);
  });
});
