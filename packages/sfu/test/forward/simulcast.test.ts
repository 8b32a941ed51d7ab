/** Three VP8 encodings by RID: layers go up and down, at key frames, without a hole, a step back in time or a broken picture. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { factsOf, inOrder, judge, Vp8Encoder, vp8Faults } from './support/video.js';
import { OUT_SSRC, VideoCall } from './support/videoCall.js';

const RIDS = ['q', 'h', 'f'];
let video: VideoCall;

function start(seed = 1, { wraps = false, announced = false } = {}): void {
  video = new VideoCall(seed);
  video.produce({
    mid: '1',
    encodings: RIDS.map((rid, i) => ({
      rid,
      scalabilityMode: 'L1T3',
      ...(announced ? { ssrc: 1000 * (i + 1), rtx: 1000 * (i + 1) + 1 } : {}),
    })),
  });
  video.encoders = RIDS.map(
    (rid, i) =>
      new Vp8Encoder(video.sender, {
        ssrc: 1000 * (i + 1),
        rtxSsrc: 1000 * (i + 1) + 1,
        name: rid,
        rid,
        mid: '1',
        temporalLayers: 3,
        packetsPerFrame: i + 1,
        // Each stream has numbers, clock and picture ids of its own.
        sequence: wraps ? 65_500 - 20 * i : 3000 * (i + 1),
        timestamp: wraps ? 0xffff_ff00 - 777_777 * i : 1_000_000 * (i + 1),
        pictureId: wraps ? 0x7ff0 - i : 100 * i + 3,
        tl0: wraps ? 250 + i : 50 * i,
      }),
  );
}
beforeEach(() => start());
afterEach(() => video.close());

function expectGood(lossy = false): ReturnType<typeof judge> {
  const verdict = judge(video.media(), { lossy });
  expect(verdict.faults).toEqual([]);
  expect(verdict.undecodable).toEqual([]);
  if (!lossy) expect(vp8Faults(video.media())).toEqual([]);
  return verdict;
}

/** Frames of which encoding, in order, without repetition. */
const shown = (): string[] => {
  const names: string[] = [];
  for (const { e } of judge(video.media()).decoded) if (names.at(-1) !== e) names.push(e);
  return names;
};

describe('simulcast', () => {
  test('a receiver gets the highest encoding, and is told which', () => {
    video.consume('consumer');
    video.film(60);
    const { decoded } = expectGood();
    expect(shown().at(-1)).toBe('f');
    expect(decoded.length).toBeGreaterThan(50);
    expect(video.layers().at(-1)).toEqual({ spatialLayer: 2, temporalLayer: 2 });
  });

  test('preferred layers: down and up again, each at a key frame that was asked for', () => {
    video.consume('consumer');
    video.film(40);
    video.prefer('consumer', 0, 2);
    video.film(40);
    expect(shown().at(-1)).toBe('q');
    video.prefer('consumer', 1, 2);
    video.film(40);
    expect(shown().at(-1)).toBe('h');
    video.prefer('consumer', 2, 2);
    video.film(60);
    const { decoded } = expectGood();
    expect(shown().slice(-4)).toEqual(['f', 'q', 'h', 'f']);
    for (let i = 1; i < decoded.length; i++)
      if (decoded[i]!.e !== decoded[i - 1]!.e) expect(decoded[i]!.key).toBe(true);
    // Nothing stood still: a frame of some encoding in each 100 ms.
    for (let i = 1; i < decoded.length; i++)
      expect(decoded[i]!.atMicros - decoded[i - 1]!.atMicros).toBeLessThan(100_000);
  });

  test('timestamps tell the time of capture over switches', () => {
    video.consume('consumer');
    video.film(60);
    for (const [spatial, frames] of [
      [0, 45],
      [2, 50],
      [1, 55],
      [2, 60],
    ] as const) {
      video.prefer('consumer', spatial, 2);
      video.film(frames);
    }
    const { decoded } = expectGood();
    const [first] = decoded;
    for (const { timestamp, atMicros } of decoded) {
      const elapsed = ((timestamp - first!.timestamp) | 0) / 90_000;
      expect(Math.abs(elapsed - (atMicros - first!.atMicros) / 1e6)).toBeLessThan(0.012);
    }
  });

  test('over the wraps of sequence numbers, timestamps, picture ids and TL0PICIDX', () => {
    video.close();
    start(2, { wraps: true });
    video.consume('consumer');
    for (let i = 0; i < 8; i++) {
      video.prefer('consumer', i % 3, 2);
      video.film(35);
    }
    expectGood();
  });

  test('layers in time: down at once, up at switching points, picture ids without a hole', () => {
    video.consume('consumer');
    video.film(40);
    for (const temporal of [0, 1, 2, 0, 2]) {
      video.prefer('consumer', 2, temporal);
      video.film(40);
      const late = judge(video.media()).decoded.slice(-5);
      expect(Math.max(...late.map((frame) => frame.temporal))).toBe(temporal);
      expect(late.every(({ e }) => e === 'f')).toBe(true);
    }
    expectGood();
    expect(video.layers().slice(-3)).toEqual([
      { spatialLayer: 2, temporalLayer: 0 },
      { spatialLayer: 2, temporalLayer: 1 },
      { spatialLayer: 2, temporalLayer: 2 },
    ]);
  });

  test('an encoding that stops is replaced by the next one, and taken again when it comes back', () => {
    video.consume('consumer');
    video.film(60);
    video.film(150, { active: (encoder) => encoder !== 2 });
    expect(shown().at(-1)).toBe('h');
    video.film(90);
    expect(shown().at(-1)).toBe('f');
    expectGood();
  });

  test('H11 many switches of many receivers: one request per window and encoding', () => {
    const peers = Array.from({ length: 10 }, () => video.call.addPeer());
    peers.forEach((peer, i) => video.consume(`c${i}`, { peer, ssrc: 0x7100_0000 + 2 * i }));
    video.film(30);
    const before = [1000, 2000, 3000].map((ssrc) => video.requests(ssrc));
    for (let i = 0; i < 30; i++) {
      peers.forEach((_, k) => video.prefer(`c${k}`, (i + k) % 3, 2));
      video.film(3);
    }
    // Three seconds; the window is half of one.
    [1000, 2000, 3000].forEach((ssrc, i) => expect(video.requests(ssrc) - before[i]!).toBeLessThanOrEqual(7));
    peers.forEach((peer, i) => {
      const { faults, undecodable } = judge(video.media(0x7100_0000 + 2 * i, peer));
      expect(faults).toEqual([]);
      expect(undecodable).toEqual([]);
    });
  });

  test('5 % loss on the way in is repaired before anybody notices', () => {
    video.consume('consumer');
    video.film(30);
    video.film(200, { lost: () => video.rng() < 0.05 });
    video.film(30);
    const { faults, undecodable, decoded } = judge(video.media());
    expect(undecodable).toEqual([]);
    expect(faults).toEqual([]);
    expect(decoded.length).toBeGreaterThan(245);
  });

  test('5 % loss with lost layers in time: no number stays missing, what is shown is whole', () => {
    video.consume('consumer', { preferredLayers: { spatialLayer: 2, temporalLayer: 1 } });
    video.film(30);
    video.film(200, { lost: () => video.rng() < 0.05 });
    video.film(30);
    const { faults, undecodable, decoded } = judge(video.media());
    expect(faults).toEqual([]);
    expect(undecodable).toEqual([]);
    expect(Math.max(...decoded.slice(-20).map(({ temporal }) => temporal))).toBe(1);
    expect(decoded.length).toBeGreaterThan(120);
  });

  test('a retransmission after switches has the numbers of then', () => {
    video.consume('consumer');
    video.film(40);
    video.prefer('consumer', 0, 1);
    video.film(35);
    video.prefer('consumer', 1, 2);
    video.film(35);
    const sent = inOrder(video.media());
    const wanted = sent.filter((_, i) => i % 5 === 0 && i > sent.length - 100);
    expect(new Set(wanted.map(({ payload }) => factsOf(payload)!.e)).size).toBeGreaterThan(1);
    const lost = wanted.map(({ sequenceNumber }) => sequenceNumber);
    video.call.inject(
      video.receiver.protectRtcp([{ type: 'nack', senderSsrc: 9, mediaSsrc: OUT_SSRC, lost }]),
    );
    const again = video.media(OUT_SSRC + 1);
    expect(again).toHaveLength(wanted.length);
    again.forEach((packet, i) => {
      const original = wanted[i]!;
      expect(packet.payload.readUInt16BE(0)).toBe(original.sequenceNumber);
      expect(packet.payload.subarray(2).equals(original.payload)).toBe(true);
      expect(packet).toMatchObject({ timestamp: original.timestamp, marker: original.marker });
    });
  });

  test('a NACK after a switch is answered with what was sent before it', () => {
    video.consume('consumer', { rtx: false, encodings: [{ ssrc: 0x7000_0000 }] });
    video.film(40);
    video.prefer('consumer', 0, 2);
    video.film(35);
    const sent = inOrder(video.media());
    const wanted = sent.filter((_, i) => i % 7 === 0 && i > sent.length - 80);
    video.call.inject(
      video.receiver.protectRtcp([
        { type: 'nack', senderSsrc: 9, mediaSsrc: 0x7000_0000, lost: wanted.map((p) => p.sequenceNumber) },
      ]),
    );
    const again = video.media().slice(sent.length);
    expect(again.length).toBe(wanted.length);
    again.forEach((packet, i) => {
      expect(packet.payload.equals(wanted[i]!.payload)).toBe(true);
      expect(packet).toMatchObject({
        sequenceNumber: wanted[i]!.sequenceNumber,
        timestamp: wanted[i]!.timestamp,
        marker: wanted[i]!.marker,
      });
    });
  });
});
