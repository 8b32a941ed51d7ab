/** VP9 and AV1 with spatial layers on one SSRC: each receiver gets the layers that it may have, and can decode all it gets. */
import { afterEach, describe, expect, test } from 'vitest';
import { Av1Encoder, markerFaults, Vp9Encoder, vp9Faults } from './support/svc.js';
import { inOrder, judge, VIDEO_IDS } from './support/video.js';
import { VideoCall } from './support/videoCall.js';

let video: VideoCall;
afterEach(() => video.close());

const CASES = [
  { codec: 'VP9', mode: 'L3T3', keyOnly: false },
  { codec: 'VP9', mode: 'L3T3_KEY', keyOnly: true },
  { codec: 'AV1', mode: 'L3T3', keyOnly: false },
  { codec: 'AV1', mode: 'L3T3_KEY', keyOnly: true },
] as const;
type Case = (typeof CASES)[number];

function start({ codec, mode, keyOnly }: Case, seed = 1): Vp9Encoder | Av1Encoder {
  video = new VideoCall(seed);
  const mimeType = `video/${codec}`;
  video.produce({ mid: '1', mimeType, encodings: [{ ssrc: 1000, rtx: 1001, scalabilityMode: mode }] });
  const options = {
    ssrc: 1000,
    mid: '1',
    spatialLayers: 3,
    temporalLayers: 3,
    keyOnly,
    sequence: 65_400,
    timestamp: 0xffff_0000,
    pictureId: 0x7fe0,
    tl0: 250,
    frameNumber: 0xffc0,
  } as const;
  const encoder =
    codec === 'VP9' ? new Vp9Encoder(video.sender, options) : new Av1Encoder(video.sender, options);
  video.encoders = [encoder];
  video.consume('consumer', { mimeType });
  return encoder;
}

function expectGood(codec: 'VP9' | 'AV1'): ReturnType<typeof judge> {
  const heard = inOrder(video.media());
  const verdict = judge(video.media());
  expect(verdict.faults).toEqual([]);
  expect(verdict.undecodable).toEqual([]);
  expect(markerFaults(heard)).toEqual([]);
  if (codec === 'VP9') expect(vp9Faults(heard)).toEqual([]);
  else expect(frameNumberFaults()).toEqual([]);
  return verdict;
}

/** Frame numbers of a dependency descriptor: the same in all packets of a frame, never back. */
function frameNumberFaults(): string[] {
  const faults: string[] = [];
  let last: number | undefined;
  for (const { extensions } of inOrder(video.media())) {
    const descriptor = extensions.get(VIDEO_IDS.dependencyDescriptor)!;
    const number = descriptor.readUInt16BE(1);
    const starts = (descriptor[0]! & 0x80) !== 0;
    if (last !== undefined) {
      const step = ((number - last) << 16) >> 16;
      if (starts ? step <= 0 : step !== 0) faults.push(`frame number ${last} → ${number}`);
    }
    last = number;
  }
  return faults;
}

describe.each(CASES)('$codec $mode', (each) => {
  test('all layers by default', () => {
    start(each);
    video.film(60);
    const { decoded } = expectGood(each.codec);
    const tops = decoded.filter(({ spatial }) => spatial === 2);
    expect(tops.length).toBeGreaterThan(55);
    expect(new Set(tops.slice(-8).map(({ temporal }) => temporal))).toEqual(new Set([0, 1, 2]));
    expect(video.layers().at(-1)).toEqual({ spatialLayer: 2, temporalLayer: 2 });
  });

  test.each([
    [0, 0],
    [0, 2],
    [1, 1],
    [1, 2],
    [2, 0],
    [2, 2],
  ])('down to %i.%i and back', (spatial, temporal) => {
    start(each);
    video.film(40);
    video.prefer('consumer', spatial, temporal);
    video.film(60);
    const late = judge(video.media()).decoded.slice(-6);
    const highest = {
      spatial: Math.max(...late.map((f) => f.spatial)),
      temporal: Math.max(...late.map((f) => f.temporal)),
    };
    expect(highest).toEqual({ spatial, temporal });
    video.prefer('consumer', 2, 2);
    video.film(60);
    const { decoded } = expectGood(each.codec);
    expect(Math.max(...decoded.slice(-12).map((frame) => frame.spatial))).toBe(2);
    expect(Math.max(...decoded.slice(-12).map((frame) => frame.temporal))).toBe(2);
    // The highest layer of each picture came: no picture was skipped for longer than three frames.
    for (let i = 1; i < decoded.length; i++)
      expect(decoded[i]!.atMicros - decoded[i - 1]!.atMicros).toBeLessThan(140_000);
  });

  test('an encoder that stops its upper layers is followed, and again upwards', () => {
    const encoder = start(each);
    video.film(40);
    encoder.activeLayers = 1;
    video.film(90);
    expect(video.layers().at(-1)).toMatchObject({ spatialLayer: 0 });
    encoder.activeLayers = 3;
    video.film(90);
    expect(video.layers().at(-1)).toEqual({ spatialLayer: 2, temporalLayer: 2 });
    const { faults } = judge(video.media());
    expect(faults).toEqual([]);
  });
});
