/** One outgoing stream, one producer after the other: numbers, time, names and pictures go on (virtual streams R1–R4, R7). */
import { afterEach, describe, expect, test } from 'vitest';
import { SlotCall } from './support/slotCall.js';

let video: SlotCall;
afterEach(() => video.close());

describe('a switch', () => {
  test('two cameras, there and back', () => {
    video = new SlotCall(1);
    const a = video.addCamera({ sequence: 65_530, timestamp: 0xffff_ff00 });
    const b = video.addCamera({ sequence: 3, timestamp: 7 });
    video.slot.show(a);
    video.film(40);
    video.slot.show(b);
    video.film(60);
    video.slot.show(a);
    video.film(60);
    expect(video.faults()).toEqual([]);
    expect(video.slot.shown.map(({ id }) => id)).toEqual(['camera1', 'camera2', 'camera1']);
    // The picture in between came a frame after the one before, as it must; then the lead is repaid.
    const errors = video.lineErrors();
    expect(Math.max(...errors.map(({ errorMicros }) => errorMicros))).toBeLessThan(34_000);
    expect(errors.filter(({ errorMicros }) => Math.abs(errorMicros) > 1000).length).toBeLessThan(6);
  });
});
