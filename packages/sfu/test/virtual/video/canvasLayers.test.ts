/** Canvas, sizes, limit → layers: docs/virtual-streams.md V5. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layerSizes, layersForCanvas } from '../../../src/media/virtual/video/canvasLayers.js';
import type { PixelSize, SourceLayers } from '../../../src/media/virtual/video/canvasLayers.js';

const size = (text: string): PixelSize => {
  const [width, height] = text.split('x').map(Number);
  return { width: width!, height: height! };
};
const sizes = (text: string): (PixelSize | undefined)[] =>
  text.split(' ').map((one) => (one === '?' ? undefined : size(one)));
const text = (list: readonly PixelSize[]): string =>
  list.map(({ width, height }) => `${width}x${height}`).join(' ');

describe('sizes', () => {
  test.each<{ name: string; source: Partial<SourceLayers> & { seen: string }; want: string }>([
    { name: 'as seen', source: { seen: '320x180 640x360 1280x720' }, want: '320x180 640x360 1280x720' },
    { name: 'halves of the top layer', source: { seen: '? ? 1920x1080' }, want: '480x270 960x540 1920x1080' },
    { name: 'upwards from the lowest', source: { seen: '160x90 ? ?' }, want: '160x90 320x180 640x360' },
    {
      name: 'from the nearest above',
      source: { seen: '? 600x400 1280x720' },
      want: '300x200 600x400 1280x720',
    },
    {
      name: 'by what the encodings say',
      source: { seen: '? ? 1200x600', scales: [6, 3, 1] },
      want: '200x100 400x200 1200x600',
    },
    {
      name: 'encodings that make no sense',
      source: { seen: '? 640x360', scales: [0, Number.NaN] },
      want: '320x180 640x360',
    },
    { name: 'nothing known', source: { seen: '? ? ?' }, want: '320x180 640x360 1280x720' },
    { name: 'rotated', source: { seen: '? 640x360', rotated: true }, want: '180x320 360x640' },
    { name: 'a size of 0 is none', source: { seen: '0x0 640x360' }, want: '320x180 640x360' },
    { name: 'a source of one layer', source: { seen: '?' }, want: '1280x720' },
  ])('$name', ({ source: { seen, ...rest }, want }) => {
    expect(text(layerSizes({ sizes: sizes(seen), temporalLayers: 1, ...rest }))).toBe(want);
  });
});

describe('the spatial layer', () => {
  const HD = '320x180 640x360 1280x720';
  test.each<{ name: string; seen?: string; canvas: string; max?: string; rotated?: boolean; want: number }>([
    { name: 'the smallest that covers', canvas: '320x180', want: 0 },
    { name: 'one pixel more needs the next', canvas: '321x181', want: 1 },
    { name: 'a part of a pixel does not', canvas: '320.5x180.5', want: 0 },
    { name: 'as high is enough: black bars at the sides', canvas: '600x180', want: 0 },
    { name: 'as wide is enough: black bars above', canvas: '320x600', want: 0 },
    { name: 'neither wide nor high enough', canvas: '600x300', want: 1 },
    { name: 'the largest when none covers', canvas: '3840x2160', want: 2 },
    { name: 'one pixel', canvas: '1x1', want: 0 },
    { name: 'rotated: shown as 180x320, 360x640, 720x1280', canvas: '300x400', rotated: true, want: 1 },
    { name: 'rotated and high', canvas: '900x640', rotated: true, want: 1 },
    { name: 'not above the limit', canvas: '1280x720', max: '640x360', want: 1 },
    { name: 'a limit between two layers', canvas: '1280x720', max: '1000x600', want: 1 },
    { name: 'no layer within the limit: the smallest', canvas: '1280x720', max: '100x100', want: 0 },
    { name: 'a limit above the canvas changes nothing', canvas: '320x180', max: '1920x1080', want: 0 },
    { name: 'upright within a limit that lies', canvas: '720x1280', max: '1280x720', rotated: true, want: 2 },
    { name: 'equally large ones: the better', seen: '1280x720 1280x720', canvas: '100x100', want: 1 },
    {
      name: 'equally large ones above the canvas: the better of the small',
      seen: '320x180 320x180 1280x720',
      canvas: '100x100',
      want: 1,
    },
    { name: 'a sender whose layers are upside down', seen: '1280x720 320x180', canvas: '320x180', want: 1 },
    { name: 'upside down, limited', seen: '1280x720 320x180', canvas: '1280x720', max: '640x360', want: 1 },
  ])('$name', ({ seen = HD, canvas, max, rotated = false, want }) => {
    const source = { sizes: sizes(seen), temporalLayers: 3, rotated };
    expect(layersForCanvas(source, size(canvas), max === undefined ? undefined : size(max))).toEqual({
      spatial: want,
      temporal: 2,
    });
  });
});

describe('the temporal layer', () => {
  test.each<{ name: string; layers: number; rate?: number; most?: number; want: number }>([
    { name: 'all without a limit', layers: 3, rate: 60, want: 2 },
    { name: 'as many as the limit bears', layers: 3, rate: 30, most: 15, want: 1 },
    { name: 'a quarter', layers: 3, rate: 30, most: 10, want: 0 },
    { name: 'the lowest, even when that is too many', layers: 3, rate: 60, most: 1, want: 0 },
    { name: 'all when the limit is the rate', layers: 3, rate: 30, most: 30, want: 2 },
    { name: 'cameras are not exact', layers: 3, rate: 30.4, most: 30, want: 2 },
    { name: 'thirty when nothing was measured', layers: 2, most: 15, want: 0 },
    { name: 'one layer only', layers: 1, rate: 30, most: 15, want: 0 },
    { name: 'a rate of 0 was not measured', layers: 2, rate: 0, most: 15, want: 0 },
  ])('$name', ({ layers, rate, most, want }) => {
    const source = { sizes: sizes('640x360'), temporalLayers: layers, frameRate: rate };
    const max = most === undefined ? undefined : { width: 1920, height: 1080, frameRate: most };
    expect(layersForCanvas(source, size('640x360'), max).temporal).toBe(want);
  });
});

describe('any sizes', () => {
  const pixels = fc.record({
    width: fc.integer({ min: 1, max: 16_384 }),
    height: fc.integer({ min: 1, max: 16_384 }),
  });
  const source = fc.record({
    sizes: fc.array(fc.option(pixels, { nil: undefined }), { minLength: 1, maxLength: 4 }),
    temporalLayers: fc.integer({ min: 1, max: 4 }),
    rotated: fc.boolean(),
  });

  test('a layer that exists; never above the limit while one is within it; no smaller one covers', () => {
    fc.assert(
      fc.property(source, pixels, fc.option(pixels, { nil: undefined }), (layers, canvas, max) => {
        const all = layerSizes(layers);
        const { spatial, temporal } = layersForCanvas(layers, canvas, max);
        const picked = all[spatial]!;
        expect(temporal).toBe(layers.temporalLayers - 1);
        const long = ({ width, height }: PixelSize): number => Math.max(width, height);
        const short = ({ width, height }: PixelSize): number => Math.min(width, height);
        const within = (one: PixelSize): boolean =>
          max === undefined || (long(one) <= long(max) && short(one) <= short(max));
        if (all.some(within)) expect(within(picked)).toBe(true);
        const area = ({ width, height }: PixelSize): number => width * height;
        const covers = (one: PixelSize): boolean => one.width >= canvas.width || one.height >= canvas.height;
        for (const one of all.filter(within)) {
          if (covers(one)) expect(area(picked)).toBeLessThanOrEqual(area(one));
          else if (!covers(picked)) expect(area(picked)).toBeGreaterThanOrEqual(area(one));
        }
      }),
    );
  });

  test('a larger canvas never gets a smaller layer', () => {
    fc.assert(
      fc.property(source, pixels, fc.nat(5000), fc.nat(5000), (layers, canvas, wider, higher) => {
        const all = layerSizes(layers);
        const area = (of: PixelSize): number => {
          const { width, height } = all[layersForCanvas(layers, of, undefined).spatial]!;
          return width * height;
        };
        expect(area({ width: canvas.width + wider, height: canvas.height + higher })).toBeGreaterThanOrEqual(
          area(canvas),
        );
      }),
    );
  });
});
