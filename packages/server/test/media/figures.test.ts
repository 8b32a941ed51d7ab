/** What the library counted, in the words of the API. */
import type { ProducerStat, SlotStat, WebRtcTransportStat } from '@tertulia/sfu';
import { expect, test } from 'vitest';
import { slotFigures, sourceFigures, transportFigures } from '../../src/media/figures.js';

const layer: ProducerStat = {
  type: 'inbound-rtp',
  timestamp: 0,
  ssrc: 1,
  rid: 'h',
  kind: 'video',
  mimeType: 'video/VP8',
  packetsLost: 5,
  fractionLost: 64,
  packetsDiscarded: 0,
  packetsRetransmitted: 4,
  packetsRepaired: 3,
  nackCount: 2,
  nackPacketCount: 6,
  pliCount: 1,
  firCount: 1,
  score: 9,
  packetCount: 100,
  byteCount: 90_000,
  bitrate: 500_000,
  jitter: 900,
  bitrateByLayer: {},
  framesPerSecond: 14.9,
  frameWidth: 640,
  frameHeight: 360,
  keyFrameCount: 2,
};
const slot: SlotStat = {
  kind: 'video',
  slot: 1,
  ssrc: 9,
  packetCount: 10,
  byteCount: 1000,
  bitrate: 8000,
  packetsLost: 1,
  fractionLost: 128,
  jitter: 12,
  nackPacketCount: 3,
  pliCount: 2,
  roundTripTime: 31.5,
  layers: { spatialLayer: 1, temporalLayer: 2 },
  dark: false,
  switches: 4,
  packetsRetransmitted: 2,
};

test('a source: jitter in ms, loss as a share, layers by RID or number', () => {
  const { rid: _, ...plain } = layer;
  const camera = { name: 'camera', csrc: 7, paused: true } as const;
  expect(sourceFigures(camera, [plain, layer])).toEqual({
    source: 'camera',
    csrc: 7,
    muted: true,
    codec: 'VP8',
    layers: ['0', 'h'].map((name) => ({
      name,
      bitsPerSecond: 500_000,
      packets: 100,
      lost: 5,
      lostShare: 0.25,
      jitterMs: 10,
      width: 640,
      height: 360,
      framesPerSecond: 14.9,
      keyFrames: 2,
      keyFramesAsked: 2,
      packetsAsked: 6,
      packetsRepaired: 3,
      score: 9,
    })),
  });
  const voice = { ...plain, kind: 'audio' as const, mimeType: 'audio/opus', jitter: 480 };
  expect(sourceFigures({ ...camera, name: 'microphone' }, [voice]).layers[0]?.jitterMs).toBe(10);
  expect(sourceFigures(camera, [])).toEqual({ source: 'camera', csrc: 7, muted: true, layers: [] });
});

test('a slot: whose it is, and nobody’s', () => {
  expect(slotFigures({ csrc: 7, canvasId: 3 }, slot)).toEqual({
    kind: 'video',
    slot: 1,
    csrc: 7,
    canvasId: 3,
    spatialLayer: 1,
    temporalLayer: 2,
    dark: false,
    bitsPerSecond: 8000,
    packets: 10,
    lost: 1,
    lostShare: 0.5,
    jitterMs: 12,
    roundTripMs: 31.5,
    packetsAsked: 3,
    packetsSentAgain: 2,
    keyFramesAsked: 2,
    switches: 4,
  });
  expect(slotFigures({ csrc: 0, loudest: false }, slot)).not.toHaveProperty('csrc');
  expect(slotFigures({ csrc: 0 }, { ...slot, assignedCsrc: 9 })).not.toHaveProperty('csrc');
});

test('a slot whose picture is held back: whose it would be', () => {
  expect(slotFigures({ csrc: 0 }, { ...slot, dark: true, assignedCsrc: 9 })).toMatchObject({
    csrc: 9,
    dark: true,
  });
});

test('a transport: the shortest round trip, and only what is known', () => {
  expect(transportFigures(undefined, [])).toEqual({
    receivedBitsPerSecond: 0,
    sentBitsPerSecond: 0,
    drops: {},
  });
  const tuple = { localAddress: '', localIp: '', localPort: 1, remoteIp: '', remotePort: 2 };
  const stat = {
    recvBitrate: 10,
    sendBitrate: 20,
    availableOutgoingBitrate: 30,
    iceSelectedTuple: { ...tuple, protocol: 'tcp' },
    drops: { replay: 1 },
  } as unknown as WebRtcTransportStat;
  const slots = [slot, { ...slot, roundTripTime: 25 }].map((one) => slotFigures(undefined, one));
  expect(transportFigures(stat, slots)).toEqual({
    protocol: 'tcp',
    roundTripMs: 25,
    receivedBitsPerSecond: 10,
    sentBitsPerSecond: 20,
    availableOutgoingBitsPerSecond: 30,
    drops: { replay: 1 },
  });
});
