/** Layers that stay: down at once, up with patience, and more of it after upgrades that did not hold. */
import { describe, expect, test } from 'vitest';
import { LAYER_SHARING, LayerSharing } from '../../src/media/congestion/layerSharing.js';
import { mean, SECOND } from './support/call.js';
import { runCameras } from './support/cameras.js';
import { EngineSender } from './support/engineSender.js';

const LAYERS = [100_000, 300_000, 900_000];

/** One camera; what it is allowed follows what was shared. */
class Camera {
  readonly sharing = new LayerSharing();
  allowed: number | undefined;

  at(seconds: number, availableBitrate: number): number {
    const request = { id: 'camera', priority: 1, bitrates: LAYERS, wanted: 2, allowed: this.allowed };
    const { choices } = this.sharing.share([request], availableBitrate, seconds * SECOND);
    return (this.allowed = choices.get('camera')!);
  }
}

describe('one camera', () => {
  test('begins with what fits, goes down at once and up after two calm seconds, with room to spare', () => {
    const camera = new Camera();
    expect(camera.at(0, 1_000_000)).toBe(2);
    expect(camera.at(0.5, 500_000)).toBe(1);
    expect(camera.at(1, 1_200_000)).toBe(1);
    expect(camera.at(2.5, 920_000)).toBe(1); // it fits, but only just
    expect(camera.at(3, 1_000_000)).toBe(2);
  });

  test('dark when not even the lowest fits, and back when it does', () => {
    const camera = new Camera();
    expect(camera.at(0, 90_000)).toBe(-1);
    expect(camera.at(1, 105_000)).toBe(-1);
    expect(camera.at(2, 115_000)).toBe(0);
  });

  test('each upgrade that does not hold doubles the wait for the next', () => {
    const camera = new Camera();
    camera.at(0, 1_000_000);
    let now = 0.5;
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      camera.at(now, 800_000);
      const fell = now;
      while (camera.at(now, 1_000_000) < 2) now += 0.5;
      waits.push(now - fell);
      now += 1;
    }
    expect(waits).toEqual([2, 4, 8, 16, 30, 30]);
  });

  test('after a minute in which nothing was taken patience begins anew', () => {
    const camera = new Camera();
    camera.at(0, 1_000_000);
    camera.at(1, 800_000);
    camera.at(3, 1_000_000);
    camera.at(4, 800_000);
    const calm = LAYER_SHARING.forgetMicros / SECOND;
    camera.at(8, 1_000_000);
    camera.at(4 + calm, 1_000_000);
    camera.at(5 + calm, 800_000);
    expect(camera.at(7 + calm, 1_000_000)).toBe(2);
  });

  test('a way that proves much wider than it ever was needs no patience', () => {
    const camera = new Camera();
    camera.at(0, 400_000);
    camera.at(1, 200_000);
    expect(camera.at(1.5, 650_000)).toBe(0);
    expect(camera.at(2, 800_000)).toBe(1);
  });
});

describe('eight cameras of two layers, and a voice beside them', () => {
  const narrow = (rate: number, fallen = rate) =>
    runCameras({
      seconds: 60,
      sender: new EngineSender(),
      rate: (now) => (now > 20 * SECOND && now < 30 * SECOND ? fallen : rate),
      delayMicros: 20_000,
      rival: () => 34_000,
      cameras: { count: 8, layers: [150_000, 850_000] },
    });

  test.each([
    { rate: 300_000, layers: [0, -1, -1, -1, -1, -1, -1, -1] },
    { rate: 1_000_000, layers: [0, 0, 0, 0, 0, 0, -1, -1] },
    { rate: 5_000_000, layers: [1, 1, 1, 1, 0, 0, 0, 0] },
  ])('over $rate bit/s: $layers, and nothing moves after 15 s', ({ rate, layers }) => {
    const result = narrow(rate);
    expect(result.layers).toEqual(layers);
    expect(result.switches.filter((at) => at > 15)).toEqual([]);
  });

  test.each([
    { rate: 300_000, least: 150_000, moves: 0 },
    { rate: 1_000_000, least: 700_000, moves: 2 },
    { rate: 5_000_000, least: 4_000_000, moves: 0 },
  ])(
    'over $rate bit/s, a key frame of 0.8 s with each upgrade: $least and more, at most $moves moves',
    (each) => {
      const { chosen, switches } = runCameras({
        seconds: 60,
        sender: new EngineSender(),
        rate: () => each.rate,
        delayMicros: 20_000,
        rival: () => 34_000,
        cameras: { count: 8, layers: [150_000, 700_000] },
        keyFrameSeconds: 0.8,
      });
      expect(mean(chosen.slice(150))).toBeGreaterThanOrEqual(each.least);
      expect(switches.filter((at) => at > 15).length).toBeLessThanOrEqual(each.moves);
    },
  );

  test('all go dark on a way that holds nothing, and come back within 6 s when it is wide again', () => {
    const { chosen } = narrow(1_000_000, 60_000);
    expect(chosen[295]).toBe(0);
    expect(chosen[360]).toBeGreaterThanOrEqual(600_000);
  });
});
