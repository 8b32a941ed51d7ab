/** Figures for people: size and pace of what a camera sends, and what became of a receiver's slots. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ProducerStat, SlotStat } from '../../../src/types.js';
import { VideoRoomCall, type Receiving } from './support/videoRoomCall.js';

let room: VideoRoomCall;
beforeEach(() => {
  room = new VideoRoomCall();
});
afterEach(() => room.close());

const producerStats = (producerId: string): readonly ProducerStat[] =>
  room.call.core.handleRequest('producer.getStats', { producerId });
const slotStats = ({ id }: Receiving): readonly SlotStat[] =>
  room.call.core.handleRequest('virtual.getReceiverStats', { virtualStreamsId: 'virtual', receiverId: id });

test('of a camera: pictures a second, size and key frames', () => {
  room.addCamera('ada');
  room.film(30);
  producerStats('ada');
  room.film(60);
  const [stat] = producerStats('ada');
  // 33 ms a picture.
  expect(stat!.framesPerSecond).toBeGreaterThan(29);
  expect(stat!.framesPerSecond).toBeLessThan(31);
  expect(stat!.keyFrameCount).toBeGreaterThan(0);
  expect(stat!.frameWidth).toBeGreaterThan(0);
  expect(stat!.frameHeight).toBeGreaterThan(0);
});

test('of a voice there are none', () => {
  room.addVoice('ada');
  room.film(30);
  expect(producerStats('voice of ada')[0]).not.toHaveProperty('framesPerSecond');
});

test('of a slot: what went out, its layers, and what the receiver reports and asks for', () => {
  const ada = room.addCamera('ada', { layers: 2 });
  const ben = room.addReceiver('ben', 2);
  room.setLayout(ben, [{ id: 1 }]);
  room.film(10);
  slotStats(ben);
  room.film(30);
  const sent = ben.media(0);
  const nothing = { bitrate: 0, packetCount: 0, dark: false, switches: 0 };
  expect(slotStats(ben)).toMatchObject([
    {
      kind: 'video',
      slot: 0,
      ssrc: ben.ssrcs[0],
      packetCount: sent.length,
      byteCount: sent.reduce((sum, { payload }) => sum + payload.length, 0),
      layers: { spatialLayer: 1 },
      assignedCsrc: ada.csrc,
      dark: false,
      switches: 0,
      packetsLost: 0,
    },
    { kind: 'video', slot: 1, ...nothing },
  ]);
  const [first, second] = slotStats(ben);
  expect(first!.bitrate).toBeGreaterThan(1_000);
  expect(second).not.toHaveProperty('layers');
  expect(first).not.toHaveProperty('roundTripTime');

  const report = {
    ssrc: ben.ssrcs[0]!,
    fractionLost: 64,
    cumulativeLost: 5,
    highestSequence: sent.at(-1)!.sequenceNumber,
    jitter: 900,
    lastSr: 0,
    delaySinceLastSr: 0,
  };
  room.call.inject(ben.peer.protectRtcp([{ type: 'rr', ssrc: 9, reports: [report] }]));
  const own = { senderSsrc: 9, mediaSsrc: ben.ssrcs[0]! };
  room.call.inject(ben.peer.protectRtcp([{ type: 'nack', ...own, lost: [sent.at(-1)!.sequenceNumber] }]));
  room.call.inject(ben.peer.protectRtcp([{ type: 'pli', ...own }]));
  expect(slotStats(ben)[0]).toMatchObject({
    packetsLost: 5,
    fractionLost: 64,
    jitter: 10,
    nackPacketCount: 1,
    pliCount: 1,
    packetsRetransmitted: 1,
  });
});

test('a receiver that is gone has none', () => {
  const ben = room.addReceiver('ben', 1);
  room.call.core.handleRequest('virtual.closeReceiver', { virtualStreamsId: 'virtual', receiverId: ben.id });
  expect(() => slotStats(ben)).toThrow(/no receiver/);
});
