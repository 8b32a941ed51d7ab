import { describe, expect, test } from 'vitest';
import { AudioLevels } from '../../src/media/observers/audioLevels.js';

const feed = (levels: AudioLevels, id: string, level: number, packets = 50): void => {
  for (let i = 0; i < packets; i++) levels.handleLevel(id, level);
};
const meter = (maxEntries = 3, threshold = -80): AudioLevels => {
  const levels = new AudioLevels({ maxEntries, threshold });
  for (const id of ['ada', 'ben', 'cleo', 'dora']) levels.add(id);
  return levels;
};

describe('AudioLevels', () => {
  test('names the loudest, loudest first, at most maxEntries', () => {
    const levels = meter(2);
    feed(levels, 'ada', 40);
    feed(levels, 'ben', 20);
    feed(levels, 'cleo', 60);
    expect(levels.take()).toEqual([
      { id: 'ben', volume: -20 },
      { id: 'ada', volume: -40 },
    ]);
  });

  test('0 dBov is 0, not -0', () => {
    const levels = meter();
    feed(levels, 'ada', 0);
    expect(levels.take()).toEqual([{ id: 'ada', volume: 0 }]);
  });

  test('averages over the interval and rounds', () => {
    const levels = meter();
    feed(levels, 'ada', 30, 10);
    feed(levels, 'ada', 41, 10);
    expect(levels.take()).toEqual([{ id: 'ada', volume: -36 }]);
  });

  test('the threshold itself is loud enough, below it is not', () => {
    const levels = meter(3, -50);
    feed(levels, 'ada', 50);
    feed(levels, 'ben', 51);
    expect(levels.take()).toEqual([{ id: 'ada', volume: -50 }]);
  });

  test('fewer than ten packets are no average', () => {
    const levels = meter();
    feed(levels, 'ada', 10, 9);
    expect(levels.take()).toBeUndefined();
    feed(levels, 'ada', 10, 10);
    expect(levels.take()).toHaveLength(1);
  });

  test('silence is told once, after sound', () => {
    const levels = meter();
    expect(levels.take()).toBeUndefined();
    feed(levels, 'ada', 20);
    expect(levels.take()).toHaveLength(1);
    expect(levels.take()).toBe('silence');
    expect(levels.take()).toBeUndefined();
  });

  test('a pause forgets what was heard and says whether somebody was loud', () => {
    const levels = meter();
    feed(levels, 'ada', 20);
    levels.take();
    feed(levels, 'ada', 20);
    expect(levels.reset()).toBe(true);
    expect(levels.take()).toBeUndefined();
    expect(levels.reset()).toBe(false);
  });

  test('who was removed, or never added, is not named', () => {
    const levels = meter();
    feed(levels, 'ada', 20);
    feed(levels, 'nobody', 0);
    levels.remove('ada');
    expect(levels.take()).toBeUndefined();
  });
});
