/** AV1 explains its layers in key frames only. What receivers have when that explanation is lost and comes again. */
import { afterEach, expect, test } from 'vitest';
import { Av1Encoder } from './support/svc.js';
import { judge } from './support/video.js';
import { VideoCall } from './support/videoCall.js';

let video: VideoCall;
afterEach(() => video.close());

test.each([
  { mode: 'L3T3', spatial: 0, lostToo: 1 },
  { mode: 'L3T3', spatial: 0, lostToo: 2 },
  { mode: 'L3T3_KEY', spatial: 0, lostToo: 1 },
  { mode: 'L3T3', spatial: 1, lostToo: 2 },
])(
  '$mode, layer $spatial asked for, a packet of layer $lostToo is lost with the structure: all that comes can be decoded',
  ({ mode, spatial, lostToo }) => {
    video = new VideoCall(3);
    const mimeType = 'video/AV1';
    video.produce({ mid: '1', mimeType, encodings: [{ ssrc: 1000, rtx: 1001, scalabilityMode: mode }] });
    const keyOnly = mode === 'L3T3_KEY';
    video.encoders = [
      new Av1Encoder(video.sender, { ssrc: 1000, mid: '1', spatialLayers: 3, temporalLayers: 3, keyOnly }),
    ];
    video.consume('consumer', { mimeType });
    video.askForMissing();
    video.prefer('consumer', spatial, 2);
    video.film(40);
    video.call.advance(1_000_000);
    video.call.inject(video.receiver.protectRtcp([{ type: 'pli', senderSsrc: 9, mediaSsrc: 0x7000_0000 }]));
    let keys = 0;
    video.film(6, {
      lost: ({ facts: { key, p, spatial: layer } }) => {
        if (!key || p !== 0) return false;
        if (layer === 0) keys++;
        return layer === 0 || layer === lostToo;
      },
    });
    expect(keys).toBe(1);
    video.film(60);
    const { decoded, faults, undecodable } = judge(video.repaired());
    expect(faults).toEqual([]);
    expect(undecodable).toEqual([]);
    expect(Math.max(...decoded.slice(-60).map((frame) => frame.spatial))).toBe(spatial);
  },
);
