/** Paths on which a picture's packets overtake each other: the line goes on, and a lead is repaid there as well (R2). */
import { afterEach, describe, expect, test } from 'vitest';
import { FRAME_MICROS } from './support/video.js';
import type { SentPacket } from './support/video.js';
import { SlotCall } from './support/slotCall.js';
import type { CameraOptions } from './support/slotCall.js';

let video: SlotCall;
afterEach(() => video.close());

/** The picture's beginning comes behind what follows it; the key frame comes as it was sent. */
const firstPacket = ({ facts }: SentPacket): boolean => !facts.key && facts.spatial === 0 && facts.p === 0;
const lowestLayer = ({ facts }: SentPacket): boolean => !facts.key && facts.spatial === 0;
const VP9_LAYERS = { codec: 'VP9', spatialLayers: 2 } as const;

interface Trial {
  name: string;
  camera: CameraOptions;
  /** Of its layers in space; default: all. */
  spatial?: number;
  late: (packet: SentPacket) => boolean;
  /** Pictures that come so, after the switch. */
  pictures: number;
}

/** A slow camera, so that the slot is ahead of its line after the switch; the one of the trial; another one. */
function play({ camera, spatial = 1, late, pictures }: Trial) {
  video = new SlotCall(21);
  video.askForMissing();
  const slow = video.addCamera({ every: 4 });
  const disordered = video.addCamera(camera);
  const last = video.addCamera();
  video.slot.show(slow);
  video.film(63);
  const { producer, csrc } = disordered;
  const layers = { spatial, temporal: 0 };
  video.slot.follower.follow(producer, [csrc], video.call.nowMicros, layers);
  const isLate = (packet: SentPacket): boolean => packet.facts.e === 'camera2' && late(packet);
  video.film(pictures, { late: isLate });
  video.film(12);
  video.slot.show(last);
  video.film(20, { late: isLate });
  return video.lineErrors();
}

describe.each<Trial>([
  { name: 'VP8, the first packets late', camera: {}, late: firstPacket, pictures: 20 },
  {
    name: 'VP9 with two layers, the first packets late',
    camera: VP9_LAYERS,
    late: firstPacket,
    pictures: 20,
  },
  {
    name: 'the lowest layer alone, late behind the one above',
    camera: VP9_LAYERS,
    spatial: 0,
    late: lowestLayer,
    pictures: 20,
  },
  {
    name: 'the lowest layer alone, late for some pictures',
    camera: VP9_LAYERS,
    spatial: 0,
    late: lowestLayer,
    pictures: 4,
  },
])('$name', (trial) => {
  test('a lead is repaid by at most half of each step, within some pictures', () => {
    const errors = play(trial);
    const at = errors.findIndex(({ e }) => e === 'camera2');
    expect(errors[at]!.errorMicros).toBeGreaterThan(20_000);
    const own = errors.slice(at).filter(({ e }) => e === 'camera2');
    for (let i = 1; i < own.length; i++) {
      const paid = own[i - 1]!.errorMicros - own[i]!.errorMicros;
      expect(paid).toBeLessThan(FRAME_MICROS / 2 + 500);
      if (i > 8) expect(Math.abs(own[i]!.errorMicros)).toBeLessThan(1000);
    }
  });

  test('numbers and timestamps go on', () => {
    play(trial);
    expect(video.slot.shown.map(({ id }) => id)).toEqual(['camera1', 'camera2', 'camera3']);
    expect(video.faults()).toEqual([]);
  });
});
