/** Cameras of all codecs, switches in any order, loss on the way in: what the receiver has after its repairs is whole. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotCall } from './support/slotCall.js';
import type { CameraOptions } from './support/slotCall.js';

const SEED = 20_261_121;

type Step =
  | { do: 'show'; camera: number }
  | { do: 'nothing' }
  | { do: 'film'; frames: number; loss: number; late: number }
  | { do: 'prefer'; spatial: number; temporal: number }
  | { do: 'allow'; choice: number }
  | { do: 'pause'; camera: number; frames: number }
  | { do: 'jump'; camera: number }
  | { do: 'deaf'; camera: number; frames: number }
  | { do: 'pli' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('show' as const), camera: fc.nat(3) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('film' as const),
      frames: fc.integer({ min: 1, max: 30 }),
      loss: fc.constantFrom(0, 0, 0.03, 0.1),
      late: fc.constantFrom(0, 0, 0.05),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('prefer' as const), spatial: fc.nat(2), temporal: fc.nat(2) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('allow' as const), choice: fc.integer({ min: -1, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('pause' as const),
      camera: fc.nat(3),
      frames: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), camera: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('deaf' as const),
      camera: fc.nat(3),
      frames: fc.integer({ min: 1, max: 50 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'nothing' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'pli' as const }) },
);

const camera: fc.Arbitrary<CameraOptions> = fc
  .record({
    codec: fc.constantFrom('VP8' as const, 'VP8' as const, 'VP9' as const, 'AV1' as const),
    temporalLayers: fc.constantFrom(1 as const, 2 as const, 3 as const),
    spatialLayers: fc.constantFrom(1, 3),
    sequence: fc.constantFrom(0, 1000, 65_400),
    timestamp: fc.constantFrom(0, 50_000, 0xfff0_0000),
    pictureId: fc.constantFrom(0, 0x7ff0),
    packetsPerFrame: fc.integer({ min: 1, max: 4 }),
    clockMicros: fc.constantFrom(0, 3_000_000, -500_000_000),
    every: fc.constantFrom(1, 1, 2, 5),
    simulcast: fc.boolean(),
  })
  .map(({ simulcast, ...options }) =>
    options.codec === 'VP8'
      ? { ...options, spatialLayers: 1, ...(simulcast ? { rids: ['q', 'h', 'f'] } : {}) }
      : options,
  );

const plan = fc.record({
  seed: fc.nat(1_000_000),
  cameras: fc.array(camera, { minLength: 4, maxLength: 4 }),
  steps: fc.array(step, { minLength: 5, maxLength: 25 }),
});

function play(video: SlotCall, steps: readonly Step[]): void {
  const { cameras, slot, call, rng } = video;
  const { follower } = slot;
  video.askForMissing();
  video.film(10);
  slot.show(cameras[0]);
  for (const each of steps) {
    if (each.do === 'show') slot.show(cameras[each.camera]);
    else if (each.do === 'nothing') slot.show(undefined);
    else if (each.do === 'film')
      video.film(each.frames, { lost: () => rng() < each.loss, late: () => rng() < each.late });
    else if (each.do === 'prefer')
      follower.setPreferred({ spatial: each.spatial, temporal: each.temporal }, call.nowMicros);
    else if (each.do === 'allow') follower.setAllowedChoice(each.choice, call.nowMicros);
    else if (each.do === 'pli') {
      const pli = { type: 'pli' as const, senderSsrc: 9, mediaSsrc: slot.outgoing.ssrc };
      call.inject(video.receiver.protectRtcp([pli]));
    } else if (each.do === 'deaf') {
      cameras[each.camera]!.keyFrames = false;
      video.film(each.frames);
      cameras[each.camera]!.keyFrames = true;
    } else {
      video.film(8);
      const { id } = cameras[each.camera]!;
      if (each.do === 'jump') cameras[each.camera]!.jump(rng);
      else {
        call.core.handleRequest('producer.pause', { producerId: id });
        // What was lost meanwhile is asked for afterwards, and nobody's any more.
        video.film(each.frames, { lost: () => rng() < 0.1 });
        call.core.handleRequest('producer.resume', { producerId: id });
      }
    }
  }
  slot.show(cameras[0]);
  follower.setAllowedChoice(0, call.nowMicros);
  video.film(100);
}

test('any sources, any order', () => {
  fc.assert(
    fc.property(plan, ({ seed, cameras, steps }) => {
      const video = new SlotCall(seed);
      try {
        for (const each of cameras) video.addCamera(each);
        play(video, steps);
        // Of a sender that jumps the first packet is not believed; a picture may begin with it.
        const jumps = steps.some(({ do: what }) => what === 'jump');
        const faults = video.faults().filter((fault) => !jumps || !fault.endsWith('cannot be decoded'));
        expect(faults).toEqual([]);
        const last = video.media().at(-1)!;
        expect(video.call.nowMicros - last.atMicros).toBeLessThan(1_000_000);
        expect(video.slot.follower.shown?.id).toBe('camera1');
        const errors = video.lineErrors();
        expect(Math.abs(errors.at(-1)!.errorMicros)).toBeLessThan(1000);
      } finally {
        video.close();
      }
    }),
    { numRuns: Number(process.env['RUNS'] ?? 60), seed: Number(process.env['SEED'] ?? SEED) },
  );
}, 120_000);
