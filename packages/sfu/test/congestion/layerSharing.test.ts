/** Layers that stay: down at once, up with patience, and more of it after upgrades that did not hold. */
import { describe, expect, test } from 'vitest';
import { LAYER_SHARING, LayerSharing } from '../../src/media/congestion/layerSharing.js';
import type { WayState } from '../../src/media/congestion/layerSharing.js';
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
      now += 3;
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

/** Four of one layer, the first matters most. */
class Four {
  readonly sharing = new LayerSharing();
  readonly allowed: (number | undefined)[] = [undefined, undefined, undefined, undefined];
  bitrate = 150_000;

  /** @returns how many are lit */
  at(seconds: number, availableBitrate: number, way: WayState = {}): number {
    const requests = this.allowed.map((allowed, i) => ({
      id: `${i}`,
      priority: 1,
      bitrates: [this.bitrate],
      wanted: 0,
      allowed,
    }));
    const { choices } = this.sharing.share(requests, availableBitrate, seconds * SECOND, way);
    this.allowed.forEach((_, i) => (this.allowed[i] = choices.get(`${i}`)!));
    return this.allowed.filter((each) => each === 0).length;
  }
}

describe('what has just been given', () => {
  const given = (): Four => {
    const four = new Four();
    expect(four.at(0, 310_000)).toBe(2);
    expect(four.at(3, 520_000)).toBe(3);
    return four;
  };

  test('stays for two and a half seconds although its key frame makes the estimate fall', () => {
    const four = given();
    expect(four.at(3.3, 340_000)).toBe(3);
    expect(four.at(5, 400_000)).toBe(3);
    expect(four.at(5.6, 520_000)).toBe(3);
  });

  test('goes when packets are lost or wait for long, and when the estimate falls too deep for a key frame', () => {
    expect(given().at(3.3, 340_000, { strained: true })).toBe(2);
    expect(given().at(3.3, 300_000)).toBe(2);
  });

  test('goes alone when it did not hold: the others have as long again', () => {
    const four = new Four();
    four.at(0, 460_000);
    expect(four.at(3, 660_000)).toBe(4);
    expect(four.at(5.4, 400_000)).toBe(4);
    expect(four.at(5.6, 400_000)).toBe(3);
    expect(four.at(7.9, 400_000)).toBe(3);
    expect(four.at(8.1, 400_000)).toBe(2);
  });

  test('one at a time, but as many as there is room for their key frames', () => {
    const four = new Four();
    expect(four.at(0, 160_000)).toBe(1);
    expect(four.at(3, 700_000)).toBe(2);
    expect(four.at(3.5, 700_000)).toBe(3);
    const wide = new Four();
    wide.at(0, 160_000);
    expect(wide.at(3, 3_000_000)).toBe(4);
  });

  test('layers that tremble are counted at their most of two seconds before more is given', () => {
    const four = new Four();
    four.bitrate = 180_000;
    expect(four.at(0, 370_000)).toBe(2);
    four.bitrate = 140_000;
    expect(four.at(1.5, 520_000)).toBe(2);
    expect(four.at(3.6, 520_000)).toBe(3);
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
    { rate: 5_000_000, layers: [1, 1, 1, 1, 1, 0, 0, 0] },
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

  // As in a browser: ten frames a second, a key frame with each upgrade, headers, and a machine that is late by some ms.
  test.each([
    { rate: 300_000, jitterMicros: 8_000, least: 150_000, moves: 0 },
    { rate: 1_000_000, jitterMicros: 0, least: 700_000, moves: 0 },
    { rate: 1_000_000, jitterMicros: 8_000, least: 800_000, moves: 2 },
    { rate: 1_000_000, jitterMicros: 15_000, least: 800_000, moves: 4 },
    { rate: 5_000_000, jitterMicros: 8_000, least: 4_200_000, moves: 1 },
    { rate: 5_000_000, jitterMicros: 15_000, least: 4_100_000, moves: 3 },
  ])(
    'over $rate bit/s with $jitterMicros µs of jitter: $least and more, at most $moves moves after 12 s',
    ({ rate, jitterMicros, least, moves }) => {
      for (const seed of [1, 2, 3]) {
        const { chosen, switches, samples } = runCameras({
          seconds: 60,
          seed,
          sender: new EngineSender(),
          rate: () => rate,
          jitterMicros,
          headerBytes: 28,
          delayMicros: 20_000,
          queueMicros: 300_000,
          rival: () => 45_000,
          cameras: { count: 8, layers: [150_000, 700_000] },
          keyFrameSeconds: 0.8,
          everyFrames: 3,
        });
        expect(mean(chosen.slice(120))).toBeGreaterThanOrEqual(least);
        expect(switches.filter((at) => at > 12).length).toBeLessThanOrEqual(moves);
        expect(
          samples.filter(({ seconds }) => seconds > 12).reduce((sum, { lost }) => sum + lost, 0),
        ).toBeLessThan(5);
      }
    },
  );

  test('all go dark on a way that holds nothing, and come back within 6 s when it is wide again', () => {
    const { chosen } = narrow(1_000_000, 60_000);
    expect(chosen[295]).toBe(0);
    expect(chosen[360]).toBeGreaterThanOrEqual(600_000);
  });
});
