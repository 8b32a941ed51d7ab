import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Engine, toAddress } from '@tertulia/engine';
import { parseRtcp, toNtp, writeRtcp, writeRtp, type RtcpPacket } from '@tertulia/wire';
import { IncomingTrack, readTrackParameters } from '../../src/media/incomingTrack.js';
import type { TrackFrame } from '../../src/media/trackReader.js';
import { Receiver } from '../../src/process/receiver.js';

const OUR_SSRC = 99;
const MEDIA_PORT = 5_000;
const ms = (value: number): number => value * 1_000;

let engine: Engine;
let receiver: Receiver;
let peer: number;
let frames: TrackFrame[];
beforeEach(() => {
  engine = new Engine({ memory: true });
  receiver = new Receiver(engine, OUR_SSRC);
  engine.start(receiver.handleBatch);
  peer = receiver.addTransport('127.0.0.1', MEDIA_PORT)!;
  frames = [];
});
afterEach(() => engine.close());

function addTrack(kind: 'audio' | 'video'): IncomingTrack {
  const parameters = readTrackParameters(
    kind,
    kind === 'audio'
      ? {
          codecs: [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }],
          encodings: [{ ssrc: 7 }],
        }
      : {
          codecs: [
            { mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 },
            { mimeType: 'video/rtx', payloadType: 102, clockRate: 90_000, parameters: { apt: 101 } },
          ],
          encodings: [{ ssrc: 8, rtx: { ssrc: 9 } }],
        },
  )!;
  const track = new IncomingTrack(parameters, (frame) => frames.push(frame));
  expect(receiver.addTrack(peer, track)).toBe(true);
  return track;
}

function inject(bytes: Uint8Array, nowMs: number, port = MEDIA_PORT): void {
  engine.inject([{ from: toAddress('127.0.0.1', port), bytes }], ms(nowMs));
}

const sound = (sequenceNumber: number, ssrc = 7): Uint8Array =>
  writeRtp({
    ...{ payloadType: 100, ssrc, sequenceNumber, timestamp: sequenceNumber * 960, csrcs: [0xdeadbeef] },
    payload: Uint8Array.of(0xf8, 1, 2, 3),
  });

/** What was sent until now, by that time. */
function sent(nowMs: number): RtcpPacket[] {
  receiver.poll(ms(nowMs));
  return engine.takeSent().flatMap(({ bytes }) => parseRtcp(bytes).packets);
}

test('sound becomes frames, with whom it is of', () => {
  addTrack('audio');
  for (let number = 0; number < 3; number++) inject(sound(number), 20 * number);
  expect(frames.map(({ timestamp, csrc }) => [timestamp, csrc])).toEqual([
    [0, 0xdeadbeef],
    [960, 0xdeadbeef],
    [1_920, 0xdeadbeef],
  ]);
  expect(receiver.counters.packets).toBe(3);
});

test('what is missing is asked for, again, and given up after a second', () => {
  const track = addTrack('audio');
  inject(sound(10), 0);
  sent(0);
  inject(sound(13), 20);
  const nack = { type: 'nack', senderSsrc: OUR_SSRC, mediaSsrc: 7, lost: [11, 12] };
  expect(sent(20)).toEqual([nack]);
  expect(sent(39)).toEqual([]);
  expect(sent(40)).toEqual([nack]);
  inject(sound(11), 60);
  expect(sent(100)).toEqual([{ ...nack, lost: [12] }]);
  sent(1_020);
  expect(frames).toHaveLength(3);
  expect(track.line.counters).toMatchObject({ received: 3, lost: 1, recovered: 1 });
});

test('a repetition comes over its own SSRC', () => {
  const track = addTrack('video');
  const picture = (sequenceNumber: number, payload: number[]): Uint8Array =>
    writeRtp({
      ...{ payloadType: 101, ssrc: 8, sequenceNumber, timestamp: sequenceNumber * 3_000, marker: true },
      payload: Uint8Array.from(payload),
    });
  const key = [0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, 1];
  inject(picture(1, key), 0);
  inject(picture(3, [0x10, 0x01, 0, 0]), 66);
  inject(
    writeRtp({
      ...{ payloadType: 102, ssrc: 9, sequenceNumber: 500, timestamp: 6_000, marker: true },
      payload: Uint8Array.of(0, 2, 0x10, 0x01, 0, 0),
    }),
    90,
  );
  expect(frames.map(({ timestamp }) => timestamp)).toEqual([3_000, 6_000, 9_000]);
  expect(track.line.counters).toMatchObject({ received: 3, lost: 0 });
});

test('a picture that cannot be decoded asks for a key frame', () => {
  addTrack('video');
  inject(
    writeRtp({
      ...{ payloadType: 101, ssrc: 8, sequenceNumber: 1, timestamp: 0, marker: true },
      payload: Uint8Array.of(0x10, 0x01, 0, 0),
    }),
    0,
  );
  expect(sent(1)).toContainEqual({ type: 'pli', senderSsrc: OUR_SSRC, mediaSsrc: 8 });
  expect(frames).toEqual([]);
});

test('reports go out each second, with what the last sender report said', () => {
  const track = addTrack('audio');
  const { seconds, fraction } = toNtp(1_800_000_000_000);
  inject(sound(1), 0);
  expect(sent(0)).toMatchObject([{ type: 'rr', ssrc: OUR_SSRC, reports: [{ ssrc: 7, lastSr: 0 }] }]);
  inject(
    writeRtcp([
      {
        ...{ type: 'sr', ssrc: 7, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp: 960 },
        ...{ packetCount: 1, octetCount: 4, reports: [] },
      },
    ]),
    500,
  );
  expect(track.timeline.reported).toBe(true);
  expect(track.timeline.at(960, 1_800_000_000_007)).toBeCloseTo(1_800_000_000_000, 1);
  expect(sent(999)).toEqual([]);
  expect(sent(1_000)).toMatchObject([
    { type: 'rr', reports: [{ ssrc: 7, fractionLost: 0, delaySinceLastSr: 32_768 }] },
  ]);
});

describe('what is refused is counted', () => {
  test.each([
    { name: 'an SSRC of nobody', bytes: sound(1, 1234), count: 'unknown-ssrc' },
    {
      name: 'RTCP that ends early',
      bytes: writeRtcp([{ type: 'rr', ssrc: 7, reports: [] }]).map((byte, i) => (i === 3 ? 9 : byte)),
      count: 'rtcp-malformed',
    },
    {
      name: 'a report about an SSRC of nobody',
      bytes: writeRtcp([
        {
          ...{ type: 'sr', ssrc: 4321, ntpSeconds: 1, ntpFraction: 0, rtpTimestamp: 0 },
          ...{ packetCount: 0, octetCount: 0, reports: [] },
        },
      ]),
      count: 'rtcp-unknown-ssrc',
    },
    { name: 'STUN', bytes: Buffer.from(`000100002112a442${'00'.repeat(12)}`, 'hex'), count: 'not-rtp' },
  ] as const)('$name', ({ bytes, count }) => {
    addTrack('audio');
    inject(bytes, 0);
    expect(receiver.counters.drops).toMatchObject({ [count]: 1 });
    expect(frames).toEqual([]);
  });

  test('packets from somebody else never come here: the engine drops them', () => {
    addTrack('audio');
    inject(sound(1), 0, MEDIA_PORT + 1);
    expect(engine.stats().drops['no-peer']).toBe(1);
    expect(receiver.counters.packets).toBe(0);
  });

  test('an address twice, an address that is none, an SSRC twice', () => {
    expect(receiver.addTransport('127.0.0.1', MEDIA_PORT)).toBeUndefined();
    expect(receiver.addTransport('nowhere', 1)).toBeUndefined();
    const track = addTrack('audio');
    expect(receiver.addTrack(peer, track)).toBe(false);
  });
});

test('a track that was removed, and a transport, take nothing any more', () => {
  const track = addTrack('audio');
  inject(sound(1), 0);
  receiver.removeTrack(peer, track);
  inject(sound(2), 20);
  expect(receiver.counters.drops['unknown-ssrc']).toBe(1);
  receiver.removeTransport(peer);
  inject(sound(3), 40);
  expect(frames).toHaveLength(1);
  expect(receiver.addTransport('127.0.0.1', MEDIA_PORT)).toBeDefined();
});
