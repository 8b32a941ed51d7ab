import { expect, test } from 'vitest';
import { IncomingTrack, readTrackParameters } from '../../src/media/incomingTrack.js';
import type { LinePacket } from '../../src/media/receiveLine.js';
import type { TrackFrame } from '../../src/media/trackReader.js';
import type { RtpParameters } from '@tertulia/wire';

const VIDEO: RtpParameters = {
  codecs: [
    { mimeType: 'video/VP8', payloadType: 101, clockRate: 90_000 },
    { mimeType: 'video/rtx', payloadType: 102, clockRate: 90_000, parameters: { apt: 101 } },
  ],
  encodings: [{ ssrc: 1, rtx: { ssrc: 2 } }],
};
const AUDIO: RtpParameters = {
  codecs: [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 3 }],
};

/** RFC 7741 §4.2, §4.3: descriptor, then the frame's first bytes; key frames say 320 x 180. */
const KEY = [0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, 1, 2, 3];
const DELTA = [0x10, 0x01, 0x00, 0x00, 4, 5, 6];
const REST = [0x00, 7, 8, 9];

function track(kind: 'audio' | 'video'): {
  frames: TrackFrame[];
  incoming: IncomingTrack;
  send(
    sequenceNumber: number,
    picture: number,
    payload: number[],
    marker?: boolean,
    isRepair?: boolean,
  ): void;
  settle(): void;
} {
  const frames: TrackFrame[] = [];
  const parameters = readTrackParameters(kind, kind === 'audio' ? AUDIO : VIDEO)!;
  const incoming = new IncomingTrack(parameters, (frame) => frames.push(frame));
  let now = 0;
  return {
    frames,
    incoming,
    send(sequenceNumber, picture, payload, marker = true, isRepair = false) {
      now = picture * 33_000;
      const packet: LinePacket = {
        sequenceNumber,
        timestamp: picture * 3_000,
        marker,
        payloadType: kind === 'audio' ? 100 : isRepair ? 102 : 101,
        ...{ memory: Uint8Array.from(payload), from: 0, to: payload.length },
        dependencyDescriptor: undefined,
        csrc: 0,
        arrivalMicros: now,
      };
      if (isRepair) incoming.handleRepair(packet);
      else incoming.handlePacket(packet);
    },
    settle: () => incoming.line.poll(now + 2_000_000),
  };
}

test('video begins with a key frame; what comes before asks for one', () => {
  const { frames, incoming, send } = track('video');
  send(1, 1, DELTA);
  expect(frames).toEqual([]);
  expect(incoming.keyFrames.poll(0)).toBe(true);
  send(2, 2, KEY);
  send(3, 3, DELTA);
  expect(frames.map(({ keyFrame }) => keyFrame)).toEqual([true, false]);
  expect(frames[0]).toMatchObject({ width: 320, height: 180, codec: 'vp8' });
  expect(frames[0]!.missing).toMatchObject({ leftOutFrames: 1 });
  expect(incoming.keyFrames.wanted).toBe(false);
});

test('after a loss nothing is written until the next key frame, and the gap says so', () => {
  const { frames, incoming, send, settle } = track('video');
  send(1, 1, KEY);
  send(2, 2, DELTA, false);
  // 3 is lost: the rest of picture 2
  send(4, 3, DELTA);
  send(5, 4, DELTA);
  settle();
  expect(frames.length).toBe(1);
  expect(incoming.keyFrames.wanted).toBe(true);
  send(6, 5, KEY);
  expect(frames.map(({ timestamp }) => timestamp)).toEqual([3_000, 15_000]);
  expect(frames[1]!.missing).toEqual({ lostPackets: 1, leftOutFrames: 3 });
  expect(incoming.reader.counters.frames).toBe(2);
});

test('a repetition over its own SSRC completes the picture', () => {
  const { frames, incoming, send, settle } = track('video');
  send(1, 1, KEY);
  send(2, 2, DELTA, false);
  send(4, 3, DELTA);
  expect(incoming.line.missing.poll(200_000)).toEqual([3]);
  send(900, 2, [0, 3, ...REST], true, true);
  settle();
  expect(frames.map(({ timestamp }) => timestamp)).toEqual([3_000, 6_000, 9_000]);
  expect(incoming.line.counters).toMatchObject({ recovered: 1, lost: 0, received: 4 });
});

test.each([
  { name: 'padding alone', payload: [], refused: 0 },
  { name: 'half a number', payload: [1], refused: 1 },
])('a repetition with $name changes nothing', ({ payload, refused }) => {
  const { frames, incoming, send } = track('video');
  send(1, 1, KEY);
  send(900, 2, payload, true, true);
  expect(frames.length).toBe(1);
  expect(incoming.repairsRefused).toBe(refused);
});

test('sound goes on after a loss and says how many packets are missing', () => {
  const { frames, incoming, send, settle } = track('audio');
  const opus = [0xf8, 1, 2, 3];
  send(1, 1, opus);
  send(4, 4, opus);
  settle();
  expect(frames.map(({ missing }) => missing?.lostPackets)).toEqual([undefined, 2]);
  expect(incoming.keyFrames.wanted).toBe(false);
});

test('a payload type that was not negotiated is counted and nothing else', () => {
  const { frames, incoming } = track('audio');
  incoming.handlePacket({
    sequenceNumber: 1,
    timestamp: 0,
    marker: false,
    payloadType: 13,
    ...{ memory: Uint8Array.of(1), from: 0, to: 1 },
    dependencyDescriptor: undefined,
    csrc: 0,
    arrivalMicros: 0,
  });
  expect(frames).toEqual([]);
  expect(incoming.reader.counters.leftOut).toEqual({ 'payload-type': 1 });
});

test.each([
  { name: 'no SSRC', parameters: { ...AUDIO, encodings: [] } },
  {
    name: 'no codec that is known',
    parameters: { ...AUDIO, codecs: [{ mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8_000 }] },
  },
  { name: 'another kind', parameters: VIDEO },
])('parameters with $name cannot be recorded', ({ parameters }) =>
  expect(readTrackParameters('audio', parameters)).toBeUndefined(),
);
