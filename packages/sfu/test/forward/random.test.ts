/** Whatever happens in whatever order, what a receiver has after its repairs is whole, in order, and decodable. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Av1Encoder, Vp9Encoder } from './support/svc.js';
import { inOrder, judge, Vp8Encoder, vp8Faults } from './support/video.js';
import type { JudgeOptions } from './support/video.js';
import { VideoCall } from './support/videoCall.js';

/** The same plans each time; others with SEED and RUNS. */
const SEED = Number(process.env['SEED'] ?? 202);
const runs = (usual: number): number => Number(process.env['RUNS'] ?? usual);

type Step =
  | { do: 'prefer'; spatial: number; temporal: number }
  | { do: 'film'; frames: number; loss: number; late: number }
  | { do: 'pause'; who: 'consumer' | 'producer' }
  | { do: 'silence'; encoder: number; frames: number }
  | { do: 'pli' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('prefer' as const), spatial: fc.nat(2), temporal: fc.nat(2) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('film' as const),
      frames: fc.integer({ min: 1, max: 25 }),
      loss: fc.constantFrom(0, 0, 0.03, 0.1),
      late: fc.constantFrom(0, 0, 0.05),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      who: fc.constantFrom('consumer' as const, 'producer' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('silence' as const),
      encoder: fc.nat(2),
      frames: fc.integer({ min: 10, max: 80 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pli' as const) }) },
);

const plan = fc.record({ seed: fc.nat(1_000_000), steps: fc.array(step, { minLength: 3, maxLength: 14 }) });

function play(video: VideoCall, steps: readonly Step[]): void {
  const { call, rng } = video;
  video.askForMissing();
  video.film(20);
  for (const each of steps) {
    if (each.do === 'prefer') video.prefer('consumer', each.spatial, each.temporal);
    else if (each.do === 'film')
      video.film(each.frames, { lost: () => rng() < each.loss, late: () => rng() < each.late });
    else if (each.do === 'silence')
      video.film(each.frames, { active: (encoder) => encoder !== each.encoder });
    else if (each.do === 'pli')
      call.inject(video.receiver.protectRtcp([{ type: 'pli', senderSsrc: 9, mediaSsrc: 0x7000_0000 }]));
    else if (each.who === 'consumer') {
      call.core.handleRequest('consumer.pause', { consumerId: 'consumer' });
      video.film(4);
      call.core.handleRequest('consumer.resume', { consumerId: 'consumer' });
    } else {
      // What is on its way to a paused producer never comes again.
      video.film(6);
      call.core.handleRequest('producer.pause', { producerId: 'camera' });
      video.film(4);
      call.core.handleRequest('producer.resume', { producerId: 'camera' });
    }
  }
  video.film(60);
}

function expectWhole(video: VideoCall, options: JudgeOptions = {}): void {
  const heard = video.repaired();
  const { decoded, faults, undecodable } = judge(heard, options);
  expect(faults).toEqual([]);
  expect(undecodable).toEqual([]);
  // It goes on to the end.
  expect(decoded.length).toBeGreaterThan(20);
  expect(video.call.nowMicros - decoded.at(-1)!.atMicros).toBeLessThan(1_300_000);
  const { engine } = video.call;
  const { drops } = engine.stats();
  expect(drops['entry-index-reuse']).toBe(0);
  expect(drops['command-invalid']).toBe(0);
}

describe('any order of events', () => {
  test('simulcast VP8 with three layers in time', () => {
    fc.assert(
      fc.property(plan, ({ seed, steps }) => {
        const video = new VideoCall(seed);
        try {
          const rids = ['q', 'h', 'f'];
          video.produce({ mid: '1', encodings: rids.map((rid) => ({ rid, scalabilityMode: 'L1T3' })) });
          video.encoders = rids.map(
            (rid, i) =>
              new Vp8Encoder(video.sender, {
                ssrc: 1000 * (i + 1),
                rtxSsrc: 1000 * (i + 1) + 1,
                name: rid,
                rid,
                mid: '1',
                temporalLayers: 3,
                packetsPerFrame: i + 1,
                sequence: 65_300 + 50 * i,
                timestamp: (0xffff_0000 + 1_000_000 * i) >>> 0,
                pictureId: 0x7fc0 + i,
                tl0: 240 + i,
              }),
          );
          video.consume('consumer');
          play(video, steps);
          expectWhole(video);
        } finally {
          video.close();
        }
      }),
      { numRuns: runs(40), seed: SEED },
    );
  });

  test.each(['VP9', 'AV1'] as const)('%s with three spatial layers and three in time', (codec) => {
    fc.assert(
      fc.property(plan, fc.boolean(), ({ seed, steps }, keyOnly) => {
        const video = new VideoCall(seed);
        try {
          const mimeType = `video/${codec}`;
          const scalabilityMode = keyOnly ? 'L3T3_KEY' : 'L3T3';
          video.produce({ mid: '1', mimeType, encodings: [{ ssrc: 1000, rtx: 1001, scalabilityMode }] });
          const options = { ssrc: 1000, mid: '1', spatialLayers: 3, temporalLayers: 3, keyOnly } as const;
          video.encoders = [
            codec === 'VP9' ? new Vp9Encoder(video.sender, options) : new Av1Encoder(video.sender, options),
          ];
          video.consume('consumer', { mimeType });
          play(
            video,
            steps.filter((each) => each.do !== 'silence'),
          );
          expectWhole(video);
        } finally {
          video.close();
        }
      }),
      { numRuns: runs(30), seed: SEED },
    );
  });

  test('picture ids have no hole, whatever is switched, when nothing is lost', () => {
    fc.assert(
      fc.property(plan, ({ seed, steps }) => {
        const video = new VideoCall(seed);
        try {
          video.produce({ mid: '1', encodings: ['a', 'b'].map((rid) => ({ rid, scalabilityMode: 'L1T3' })) });
          video.encoders = ['a', 'b'].map(
            (rid, i) =>
              new Vp8Encoder(video.sender, {
                ssrc: 1000 + 10 * i,
                rid,
                mid: '1',
                temporalLayers: 3,
                pictureId: 99 * i,
              }),
          );
          video.consume('consumer');
          play(
            video,
            steps.map((each) => (each.do === 'film' ? { ...each, loss: 0, late: 0 } : each)),
          );
          expect(vp8Faults(inOrder(video.media()))).toEqual([]);
          expectWhole(video);
        } finally {
          video.close();
        }
      }),
      { numRuns: runs(30), seed: SEED },
    );
  });
});
