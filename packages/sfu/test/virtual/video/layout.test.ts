/** Layouts: what is refused and why, and who is on which canvas. docs/virtual-streams.md V1 to V3; hostile inputs: selection. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignCanvases, readLayout, readMaxResolution } from '../../../src/media/virtual/video/layout.js';
import type { Canvas, CanvasMode } from '../../../src/media/virtual/video/layout.js';
import { orderByRelevance } from '../../../src/media/virtual/video/relevance.js';
import type { VideoSource } from '../../../src/media/virtual/video/relevance.js';
import { anyRoom, anySpeakers, anyone, names, room } from './source.js';

const LIMITS = { slots: 3, ownParticipantId: 'me', isOwnProducer: (id: string) => id === 'me/camera' };
const canvas = (id: unknown, mode: unknown = 'relevant', width: unknown = 320, height: unknown = 180) => ({
  id,
  width,
  height,
  mode,
});

describe('reading', () => {
  test('a good layout is what was read, and nothing besides', () => {
    const input = [
      { ...canvas(1), label: 'x', __proto__: { id: 7 } },
      canvas(2, { participantId: 'a', more: 1 }, 16_384, 1),
      canvas(Number.MAX_SAFE_INTEGER, { producerId: 'p' }, 0.1 + 1, 180.5),
    ];
    expect(readLayout(input, LIMITS)).toEqual({
      ok: true,
      canvases: [
        canvas(1),
        canvas(2, { participantId: 'a' }, 16_384, 1),
        canvas(Number.MAX_SAFE_INTEGER, { producerId: 'p' }, 1.1, 180.5),
      ],
    });
    expect(readLayout([], LIMITS)).toEqual({ ok: true, canvases: [] });
    expect(readLayout([], { slots: 0 })).toEqual({ ok: true, canvases: [] });
  });

  test.each<{ name: string; input: unknown; code: string }>([
    { name: 'no list', input: undefined, code: 'INVALID_CANVAS' },
    { name: 'an object like a list', input: { length: 1, 0: canvas(1) }, code: 'INVALID_CANVAS' },
    { name: 'a text', input: 'relevant', code: 'INVALID_CANVAS' },
    { name: 'null in it', input: [null], code: 'INVALID_CANVAS' },
    { name: 'a hole in it', input: new Array(1), code: 'INVALID_CANVAS' },
    { name: 'lists in it', input: [[1, 320, 180, 'relevant']], code: 'INVALID_CANVAS' },
    { name: 'no id', input: [canvas(undefined)], code: 'INVALID_CANVAS' },
    { name: 'id 0', input: [canvas(0)], code: 'INVALID_CANVAS' },
    { name: 'id -1', input: [canvas(-1)], code: 'INVALID_CANVAS' },
    { name: 'id 1.5', input: [canvas(1.5)], code: 'INVALID_CANVAS' },
    { name: 'id 2^53', input: [canvas(2 ** 53)], code: 'INVALID_CANVAS' },
    { name: 'id as text', input: [canvas('1')], code: 'INVALID_CANVAS' },
    { name: 'the same id twice', input: [canvas(1), canvas(1)], code: 'INVALID_CANVAS' },
    { name: 'width 0', input: [canvas(1, 'relevant', 0)], code: 'INVALID_CANVAS' },
    { name: 'width 0.5', input: [canvas(1, 'relevant', 0.5)], code: 'INVALID_CANVAS' },
    { name: 'width -320', input: [canvas(1, 'relevant', -320)], code: 'INVALID_CANVAS' },
    { name: 'width 16385', input: [canvas(1, 'relevant', 16_385)], code: 'INVALID_CANVAS' },
    { name: 'width 10^9', input: [canvas(1, 'relevant', 1e9)], code: 'INVALID_CANVAS' },
    { name: 'width NaN', input: [canvas(1, 'relevant', Number.NaN)], code: 'INVALID_CANVAS' },
    { name: 'height ∞', input: [canvas(1, 'relevant', 320, Infinity)], code: 'INVALID_CANVAS' },
    { name: 'height as text', input: [canvas(1, 'relevant', 320, '180')], code: 'INVALID_CANVAS' },
    { name: 'no height', input: [{ id: 1, width: 320, mode: 'relevant' }], code: 'INVALID_CANVAS' },
    { name: 'no mode', input: [{ id: 1, width: 320, height: 180 }], code: 'INVALID_CANVAS' },
    { name: 'mode null', input: [canvas(1, null)], code: 'INVALID_CANVAS' },
    { name: 'mode "direct"', input: [canvas(1, 'direct')], code: 'INVALID_CANVAS' },
    { name: 'mode {}', input: [canvas(1, {})], code: 'INVALID_CANVAS' },
    {
      name: 'both targets',
      input: [canvas(1, { participantId: 'a', producerId: 'p' })],
      code: 'INVALID_CANVAS',
    },
    { name: 'participant ""', input: [canvas(1, { participantId: '' })], code: 'INVALID_CANVAS' },
    { name: 'participant 1', input: [canvas(1, { participantId: 1 })], code: 'INVALID_CANVAS' },
    {
      name: 'a target that is inherited',
      input: [canvas(1, Object.create({ participantId: 'a' }))],
      code: 'INVALID_CANVAS',
    },
    { name: 'all of it inherited', input: [Object.create(canvas(1))], code: 'INVALID_CANVAS' },
    {
      name: 'one participant on two canvases',
      input: [canvas(1, { participantId: 'a' }), canvas(2, { participantId: 'a' })],
      code: 'INVALID_CANVAS',
    },
    {
      name: 'one producer on two canvases',
      input: [canvas(1, { producerId: 'a' }), canvas(2, { producerId: 'a' })],
      code: 'INVALID_CANVAS',
    },
    { name: 'four for three slots', input: [1, 2, 3, 4].map((id) => canvas(id)), code: 'TOO_MANY_CANVASES' },
    {
      name: '1,000',
      input: Array.from({ length: 1000 }, (_, i) => canvas(i + 1)),
      code: 'TOO_MANY_CANVASES',
    },
    { name: 'a list of 4 · 10^9 holes', input: new Array(2 ** 32 - 1), code: 'TOO_MANY_CANVASES' },
    { name: 'oneself', input: [canvas(1), canvas(2, { participantId: 'me' })], code: 'OWN_SOURCE' },
    { name: 'an own producer', input: [canvas(1, { producerId: 'me/camera' })], code: 'OWN_SOURCE' },
  ])('refused: $name', ({ input, code }) => {
    const read = readLayout(input, LIMITS);
    expect(read).toMatchObject({ ok: false, code });
    expect(!read.ok && read.message).toMatch(/^canvases/);
  });

  test('participant "constructor" and a producer of a participant\'s name are names like others', () => {
    const input = [canvas(1, { participantId: '__proto__' }), canvas(2, { producerId: '__proto__' })];
    expect(readLayout(input, LIMITS)).toEqual({ ok: true, canvases: input });
  });

  test('who is nobody in the room has no own source', () => {
    expect(readLayout([canvas(1, { participantId: 'me' })], { slots: 1 }).ok).toBe(true);
    expect(readLayout([canvas(1, { participantId: 'undefined' })], { slots: 1 }).ok).toBe(true);
  });

  test.each<{ name: string; input: unknown; want: unknown }>([
    { name: 'none', input: undefined, want: undefined },
    { name: 'null', input: null, want: undefined },
    { name: 'a size', input: { width: 1920, height: 1080 }, want: { width: 1920, height: 1080 } },
    {
      name: 'a size and a rate',
      input: { width: 320, height: 180, frameRate: 15, more: 1 },
      want: { width: 320, height: 180, frameRate: 15 },
    },
  ])('limit: $name', ({ input, want }) =>
    expect(readMaxResolution(input)).toEqual({ ok: true, maxResolution: want }),
  );

  test.each<unknown>([
    [0, 1080],
    [1920, 0],
    [1920, -1],
    [Number.NaN, 1080],
    [1e9, 1080],
    ['1920', '1080'],
    [1920, 1080, 0],
    [1920, 1080, -1],
    [1920, 1080, Number.NaN],
    [1920, 1080, Infinity],
    [1920, 1080, 1e6],
    [1920, 1080, '30'],
  ])('limit refused: %j', (...[width, height, frameRate]: unknown[]) => {
    const input = frameRate === undefined ? { width, height } : { width, height, frameRate };
    expect(readMaxResolution(input)).toMatchObject({ ok: false, code: 'INVALID_CANVAS' });
  });

  test('anything at all is read or refused', () => {
    const almost = fc.record(
      { id: fc.anything(), width: fc.anything(), height: fc.anything(), mode: fc.anything() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.array(almost, { maxLength: 5 })), (input) => {
        const read = readLayout(input, LIMITS);
        if (read.ok) expect(readLayout(read.canvases, LIMITS)).toEqual(read);
        readMaxResolution(input);
      }),
    );
  });
});

/** "1:relevant 2:@a 3:#b" with the area falling from left to right. */
function layout(text: string): Canvas[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part, at) => {
      const [id, to] = part.split(':');
      const mode: CanvasMode = !to
        ? 'relevant'
        : to.startsWith('@')
          ? { participantId: to.slice(1) }
          : { producerId: to.slice(1) };
      return { id: Number(id), width: 1000 - at, height: 1000 - at, mode };
    });
}

interface Step {
  layout: string;
  sources?: string[];
  changes?: Record<string, Partial<VideoSource>>;
  dominant?: string;
  recent?: string[];
  ineligible?: string;
  /** "1=a 2=(b)": b is on canvas 2 but not shown. */
  want: string;
}

describe('assignment', () => {
  const FIVE = ['me', 'a', 'b', 'c', 'd'];
  test.each<{ name: string; steps: Step[] }>([
    {
      name: 'the order, the largest canvas first, never oneself',
      steps: [{ layout: '1 2', want: '1=a 2=b' }],
    },
    {
      name: 'the largest canvas is not the first',
      steps: [{ layout: '7 1:@a 3', dominant: 'd', want: '7=d 1=a 3=b' }],
    },
    { name: 'fewer sources than canvases', steps: [{ layout: '1 2 3', sources: ['a', 'me'], want: '1=a' }] },
    {
      name: 'who is among the chosen stays, the new one takes the place of who is not',
      steps: [
        { layout: '1 2 3', want: '1=a 2=b 3=c' },
        { layout: '1 2 3', dominant: 'b', want: '1=a 2=b 3=c' },
        { layout: '1 2 3', dominant: 'd', recent: ['b'], want: '1=a 2=b 3=d' },
      ],
    },
    {
      name: 'two new ones: the more relevant one gets the larger canvas',
      steps: [
        { layout: '1 2 3', want: '1=a 2=b 3=c' },
        {
          layout: '1 2 3',
          changes: { a: { paused: true }, c: { paused: true } },
          sources: [...FIVE, 'e'],
          dominant: 'e',
          want: '1=e 2=b 3=d',
        },
      ],
    },
    {
      name: 'a canvas whose id is kept keeps its source in another layout',
      steps: [
        { layout: '1 2 3', want: '1=a 2=b 3=c' },
        { layout: '4 3 1', want: '4=b 3=c 1=a' },
        { layout: '3', dominant: 'c', want: '3=c' },
      ],
    },
    {
      name: 'a participant: the camera; the screen when there is none',
      steps: [
        { layout: '1:@a 2:@b', sources: ['a/screen', 'a', 'b/screen'], want: '1=a 2=b/screen' },
        { layout: '1:@a', sources: ['a/screen', 'a'], changes: { a: { paused: true } }, want: '1=a/screen' },
      ],
    },
    {
      name: 'a producer: exactly that',
      steps: [{ layout: '1:#a/screen', sources: ['a', 'a/screen'], want: '1=a/screen' }],
    },
    {
      name: 'what a direct canvas shows is on no other',
      steps: [{ layout: '1 2:@a 3', sources: ['a', 'b'], want: '1=b 2=a' }],
    },
    {
      name: 'camera by name, then the participant: the other one',
      steps: [{ layout: '1:@a 2:#a', sources: ['a', 'a/screen'], want: '1=a/screen 2=a' }],
    },
    {
      name: 'a direct canvas waits for a muted target, without a slot',
      steps: [
        { layout: '1:@a 2', changes: { a: { paused: true } }, want: '1=(a) 2=b' },
        { layout: '1:@a 2', want: '1=a 2=b' },
      ],
    },
    { name: 'a target that is not there is left out', steps: [{ layout: '1:@x 2:#y 3', want: '3=a' }] },
    {
      name: 'somebody becomes the target of another canvas',
      steps: [
        { layout: '1 2', want: '1=a 2=b' },
        { layout: '1 2:@a', want: '1=b 2=a' },
      ],
    },
    {
      name: 'without a codec for it: passed over, direct ones shown as without picture',
      steps: [{ layout: '1 2:@b', ineligible: 'a b', want: '1=c 2=(b)' }],
    },
    {
      name: 'oneself by producer id is left out, should it come through',
      steps: [{ layout: '1:#me 2:@me', want: '' }],
    },
    {
      name: 'who owes a key frame goes, when there is somebody else',
      steps: [
        { layout: '1 2', sources: ['a', 'b', 'c'], want: '1=a 2=b' },
        { layout: '1 2', sources: ['a', 'b', 'c'], changes: { a: { stalled: true } }, want: '1=c 2=b' },
        { layout: '1 2', sources: ['a', 'b'], changes: { a: { stalled: true } }, want: '1=a 2=b' },
      ],
    },
  ])('$name', ({ steps }) => {
    let previous = new Map<number, VideoSource>();
    for (const step of steps) {
      const sources = room(step.sources ?? FIVE, step.changes);
      // Flags are of the time; the source is the same.
      const now = new Map(sources.map((source) => [source.id, source]));
      const known = new Map(
        [...previous].flatMap(([id, source]) => (now.has(source.id) ? [[id, now.get(source.id)!]] : [])),
      );
      const assigned = assignCanvases({
        canvases: layout(step.layout),
        order: orderByRelevance(sources, { dominant: step.dominant, recent: step.recent ?? [] }),
        sources,
        ownParticipantId: 'me',
        previous: known,
        eligible: ({ id }) => !(step.ineligible ?? '').split(' ').includes(id),
      });
      const got = assigned.map(
        ({ canvas: { id }, source, shown }) => `${id}=${shown ? source.id : `(${source.id})`}`,
      );
      expect(got.join(' ')).toBe(step.want);
      previous = new Map(assigned.map(({ canvas: { id }, source }) => [id, source]));
    }
  });

  test('says who was on the canvas before', () => {
    const [a, b, c] = room(['a', 'b', 'c']) as [VideoSource, VideoSource, VideoSource];
    const assigned = assignCanvases({
      canvases: layout('1 2 3'),
      order: [b, c],
      sources: [a, b, c],
      previous: new Map([
        [1, a],
        [2, b],
      ]),
      eligible: () => true,
    });
    expect(assigned.map(({ source, insteadOf }) => names([source, insteadOf]))).toEqual(['c a', 'b -']);
  });
});

describe('any room and layout', () => {
  const mode = fc.oneof(
    { weight: 3, arbitrary: fc.constant<CanvasMode>('relevant') },
    anyone.map((participantId): CanvasMode => ({ participantId })),
    fc.nat(13).map((at): CanvasMode => ({ producerId: `s${at}` })),
  );
  const anyLayout: fc.Arbitrary<Canvas[]> = fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 8 }),
      width: fc.integer({ min: 1, max: 2000 }),
      height: fc.integer({ min: 1, max: 2000 }),
      mode,
    }),
    { selector: ({ id }) => id, maxLength: 6 },
  );

  test('never the own source, nobody twice, the relevant ones are the first of the order, who stays does not move', () => {
    fc.assert(
      fc.property(
        anyRoom,
        fc.array(fc.tuple(anyLayout, anySpeakers, fc.nat(20)), { minLength: 1, maxLength: 8 }),
        (sources, steps) => {
          let previous = new Map<number, VideoSource>();
          for (const [canvases, speakers, without] of steps) {
            const eligible = ({ joinSerial }: VideoSource): boolean => joinSerial !== without;
            const order = orderByRelevance(sources, speakers);
            const input = { canvases, order, sources, ownParticipantId: 'a', previous, eligible };
            const assigned = assignCanvases(input);
            expect(assignCanvases(input)).toEqual(assigned);
            const shown = assigned.filter((one) => one.shown).map(({ source }) => source);
            const all = assigned.map(({ source }) => source);
            expect(new Set(all).size).toBe(all.length);
            expect(all.every(({ participantId }) => participantId !== 'a')).toBe(true);
            expect(shown.every((source) => eligible(source) && !source.paused)).toBe(true);

            const relevant = assigned.filter(({ canvas }) => canvas.mode === 'relevant');
            const direct = assigned
              .filter(({ canvas }) => canvas.mode !== 'relevant')
              .map(({ source }) => source);
            const open = canvases.filter((one) => one.mode === 'relevant').length;
            const best = order
              .filter(
                (source) => source.participantId !== 'a' && eligible(source) && !direct.includes(source),
              )
              .slice(0, open);
            expect(new Set(relevant.map(({ source }) => source))).toEqual(new Set(best));
            for (const { canvas, source } of relevant) {
              const before = previous.get(canvas.id);
              if (before !== undefined && best.includes(before)) expect(source).toBe(before);
            }
            previous = new Map(assigned.map(({ canvas, source }) => [canvas.id, source]));
          }
        },
      ),
    );
  });

  test('one speaker more changes one canvas at most', () => {
    fc.assert(
      fc.property(
        anyRoom,
        anyone,
        anyone,
        fc.integer({ min: 1, max: 6 }),
        (sources, first, second, count) => {
          const canvases = layout(Array.from({ length: count }, (_, i) => String(i + 1)).join(' '));
          const place = (dominant: string, recent: string[], previous: ReadonlyMap<number, VideoSource>) =>
            new Map(
              assignCanvases({
                canvases,
                order: orderByRelevance(sources, { dominant, recent }),
                sources,
                ownParticipantId: 'a',
                previous,
                eligible: () => true,
              }).map(({ canvas, source }) => [canvas.id, source]),
            );
          const before = place(first, [], new Map());
          const after = place(second, first === second ? [] : [first], before);
          expect(canvases.filter(({ id }) => before.get(id) !== after.get(id)).length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
