import { describe, expect, test } from 'vitest';
import { isOpusDtx, parseOpus } from '../src/index.js';
import { hex } from './support/vectors.js';

test('every configuration has the mode, bandwidth and duration of RFC 6716 table 2', () => {
  const rows = Array.from({ length: 32 }, (_, configuration) => {
    const packet = parseOpus(Uint8Array.of(configuration << 3, 0));
    if (!packet.ok) throw new Error(packet.why);
    const { mode, bandwidth, samples } = packet.value;
    return `${mode} ${bandwidth} ${samples / 48}`;
  });
  const silk = ['narrow', 'medium', 'wide'].flatMap((band) =>
    [10, 20, 40, 60].map((ms) => `silk ${band} ${ms}`),
  );
  const hybrid = ['superwide', 'full'].flatMap((band) => [10, 20].map((ms) => `hybrid ${band} ${ms}`));
  const celt = ['narrow', 'wide', 'superwide', 'full'].flatMap((band) =>
    [2.5, 5, 10, 20].map((ms) => `celt ${band} ${ms}`),
  );
  expect(rows).toEqual([...silk, ...hybrid, ...celt]);
});

test('a packet inside other bytes is read by offset and length', () => {
  expect(parseOpus(hex('ffff f901020304 ffff'), 2, 5)).toMatchObject({ ok: true, value: { frames: 2 } });
  expect(parseOpus(hex('f9'), 1, 1)).toEqual({ ok: false, why: 'opus-empty' });
});

test('padding of 255 and more is counted in steps of 254 (RFC 6716 §3.2.5)', () => {
  const packet = (padding: number) =>
    new Uint8Array([0xfb, 0x42, 255, 1, 0xaa, 0xbb, ...new Uint8Array(padding)]);
  expect(parseOpus(packet(255))).toMatchObject({ ok: true, value: { frames: 2 } });
  expect(parseOpus(packet(254))).toEqual({ ok: false, why: 'opus-frame-length' });
});

test('up to two bytes carry no sound', () => {
  expect([0, 1, 2, 3].map(isOpusDtx)).toEqual([true, true, true, false]);
});

describe('hostile: Opus', () => {
  test('H6.6 code 3 with 0 frames', () => {
    for (const flags of [0x00, 0x40, 0x80, 0xc0])
      expect(parseOpus(Uint8Array.of(0xfb, flags, 0, 0))).toEqual({ ok: false, why: 'opus-frame-count' });
  });

  test('H6.6 code 3 with 63 frames, for every duration', () => {
    for (let configuration = 0; configuration < 32; configuration++)
      expect(parseOpus(Uint8Array.of((configuration << 3) | 3, 63))).toEqual({
        ok: false,
        why: 'opus-duration',
      });
  });

  test('H6.6 a frame of 1276 bytes', () => {
    const bytes = new Uint8Array(1277).fill(1);
    bytes[0] = 0xf8;
    expect(parseOpus(bytes)).toEqual({ ok: false, why: 'opus-frame-length' });
    expect(parseOpus(bytes, 0, 1276).ok).toBe(true);
  });
});
