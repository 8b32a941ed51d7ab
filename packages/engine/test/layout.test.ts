import { expect, test } from 'vitest';
import { layoutDifferences } from '../src/engine.js';
import { DROP, ENTRY_WORDS, ROW_WORDS } from '../src/layout.js';
import { loadNative } from '../src/native.js';

test('every number of the layout is the same in the add-on', () => {
  const { layout, drops } = loadNative();
  expect(Object.keys(layout).length).toBeGreaterThan(60);
  expect(layoutDifferences(layout, drops)).toEqual([]);
});

test('a binary with another layout is named word by word', () => {
  const { layout, drops } = loadNative();
  const { ROW_SSRC: _, ...missing } = layout;
  expect(layoutDifferences({ ...layout, ROW_SLOT: 99 }, drops)).toEqual(['ROW_SLOT']);
  expect(layoutDifferences(missing, drops)).toEqual(['ROW_SSRC']);
  expect(layoutDifferences({ ...layout, ROW_NEW: 1 }, drops)).toEqual(['ROW_NEW']);
  expect(layoutDifferences(layout, [...DROP].reverse())).toEqual(['DROP']);
});

test('rows and entries fill whole cache lines', () => {
  expect(ROW_WORDS * 4).toBe(128);
  expect(ENTRY_WORDS * 4).toBe(128);
});
