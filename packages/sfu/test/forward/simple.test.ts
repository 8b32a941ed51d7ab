/** One camera to one receiver: whole pictures, repairs, key frames, pauses. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryCall } from '../media/support/memoryCall.js';
import type { Peer } from '../media/support/memoryCall.js';
import { FRAME_MICROS, judge, videoParameters, vp8Faults, Vp8Encoder } from './support/video.js';

const OUT = 0x7000_0000;
let call: MemoryCall;
let sender: Peer;
let receiver: Peer;
let camera: Vp8Encoder;

beforeEach(() => {
  call = new MemoryCall();
  sender = call.addPeer();
  receiver = call.addPeer();
  camera = new Vp8Encoder(sender, { ssrc: 1111, rtxSsrc: 1112, mid: '0' });
});
afterEach(() => call.close());

function connect({ rtx = true, paused = false } = {}): void {
  call.core.handleRequest('transport.produce', {
    transportId: sender.id,
    producerId: 'camera',
    kind: 'video',
    rtpParameters: videoParameters({ mid: '0', encodings: [{ ssrc: 1111, rtx: 1112 }] }),
    paused: false,
  });
  call.core.handleRequest('transport.consume', {
    transportId: receiver.id,
    consumerId: 'consumer',
    producerId: 'camera',
    rtpParameters: videoParameters({
      mid: '0',
      payloadType: 100,
      encodings: [{ ssrc: OUT, ...(rtx ? { rtx: OUT + 1 } : {}) }],
      rtx,
    }),
    paused,
  });
}

/** @param lost which of the packets (counted over all) do not arrive */
function film(frames: number, lost: (packet: number) => boolean = () => false): void {
  for (let i = 0; i < frames; i++) {
    const packets = camera.frame(call.nowMicros, wantsKey());
    const arriving = packets.filter((_, p) => !lost(camera.sent.length - packets.length + p));
    if (arriving.length > 0) call.inject(...arriving.map((packet) => camera.wrap(packet)));
    call.advance(FRAME_MICROS);
  }
}

let answered = 0;
/** The camera does what it is asked. */
function wantsKey(): boolean {
  const asked = requests().length;
  const wanted = asked > answered;
  answered = asked;
  return wanted;
}
const requests = () => sender.rtcp.filter(({ packet }) => packet.type === 'pli' || packet.type === 'fir');
const media = () => receiver.rtp.filter(({ ssrc }) => ssrc === OUT);

beforeEach(() => {
  answered = 0;
});

describe('a camera', () => {
  test('arrives whole, from a key frame on', () => {
    connect();
    film(30);
    const { decoded, faults, undecodable } = judge(media());
    expect(faults).toEqual([]);
    expect(undecodable).toEqual([]);
    expect(decoded).toHaveLength(30);
    expect(vp8Faults(media())).toEqual([]);
    expect(media().every(({ payloadType }) => payloadType === 100)).toBe(true);
    expect(media()[0]!.sequenceNumber).toBeLessThan(32_768);
  });

  test('who comes later begins with a key frame that was asked for', () => {
    connect({ paused: true });
    film(10);
    call.core.handleRequest('consumer.resume', { consumerId: 'consumer' });
    call.advance(0);
    expect(requests()).toHaveLength(1);
    film(10);
    const { decoded, faults, undecodable } = judge(media());
    expect(faults).toEqual([]);
    expect(undecodable).toEqual([]);
    expect(decoded[0]).toMatchObject({ key: true });
    expect(decoded).toHaveLength(10);
  });

  test.each([
    ['the consumer', 'consumer.pause', 'consumer.resume', { consumerId: 'consumer' }],
    ['the producer', 'producer.pause', 'producer.resume', { producerId: 'camera' }],
  ] as const)(
    'pausing %s: the picture goes on with a key frame, numbers without a hole',
    (_, pause, resume, id) => {
      connect();
      film(10);
      call.core.handleRequest(pause, id as never);
      film(10);
      expect(judge(media()).decoded).toHaveLength(10);
      call.core.handleRequest(resume, id as never);
      film(30);
      const { decoded, faults, undecodable } = judge(media());
      expect(faults).toEqual([]);
      expect(undecodable).toEqual([]);
      expect(decoded.length).toBeGreaterThanOrEqual(35);
      expect(vp8Faults(media())).toEqual([]);
      // The picture lies where it was captured: 10 + 10 frames after the first.
      const first = decoded[0]!;
      const last = decoded.at(-1)!;
      const elapsed = ((last.timestamp - first.timestamp) | 0) / 90;
      expect(Math.abs(elapsed - (last.atMicros - first.atMicros) / 1000)).toBeLessThan(2);
    },
  );

  test('a key frame request of the receiver reaches the camera, once per window', () => {
    connect();
    film(60);
    const before = requests().length;
    for (let i = 0; i < 20; i++) {
      call.inject(receiver.protectRtcp([{ type: 'pli', senderSsrc: 9, mediaSsrc: OUT }]));
      film(1);
    }
    // Two thirds of a second; the window is a half.
    expect(requests().length - before).toBe(2);
    film(60);
    expect(judge(media()).undecodable).toEqual([]);
  });

  test('a NACK is answered over the SSRC of retransmissions, with the original number and the same bytes', () => {
    connect();
    film(20);
    const sent = media();
    const wanted = sent.filter((_, i) => i % 5 === 2);
    const nack = {
      type: 'nack',
      senderSsrc: 9,
      mediaSsrc: OUT,
      lost: wanted.map((p) => p.sequenceNumber),
    } as const;
    call.inject(receiver.protectRtcp([nack]));
    const again = receiver.rtp.filter(({ ssrc }) => ssrc === OUT + 1);
    expect(again).toHaveLength(wanted.length);
    again.forEach((packet, i) => {
      const original = wanted[i]!;
      expect(packet.payloadType).toBe(101);
      expect(packet.payload.readUInt16BE(0)).toBe(original.sequenceNumber);
      expect(packet.payload.subarray(2).equals(original.payload)).toBe(true);
      expect(packet).toMatchObject({ timestamp: original.timestamp, marker: original.marker });
      if (i > 0) expect(packet.sequenceNumber).toBe((again[i - 1]!.sequenceNumber + 1) & 0xffff);
    });
    // Asked for twice within a round trip: one loss.
    call.inject(receiver.protectRtcp([nack]));
    expect(receiver.rtp.filter(({ ssrc }) => ssrc === OUT + 1)).toHaveLength(wanted.length);
    expect(media()).toHaveLength(sent.length);
    const [stat] = call.core.handleRequest('consumer.getStats', { consumerId: 'consumer' });
    expect(stat).toMatchObject({ packetsRetransmitted: wanted.length, rtxSsrc: OUT + 1 });
  });

  test('what the sender lost is asked for and goes on when it comes as a retransmission', () => {
    connect();
    film(10);
    film(10, (packet) => packet === 27);
    const asked = sender.rtcp.flatMap(({ packet }) => (packet.type === 'nack' ? packet.lost : []));
    expect(asked).toContain(camera.sent[27]!.sequence);
    call.inject(camera.repeat(camera.sent[27]!));
    const { decoded, faults, undecodable } = judge(media());
    expect(faults).toEqual([]);
    expect(undecodable).toEqual([]);
    expect(decoded).toHaveLength(20);
    const [stat] = call.core.handleRequest('producer.getStats', { producerId: 'camera' });
    expect(stat).toMatchObject({ packetsRetransmitted: 1, packetsLost: 0 });
  });

  test('H4.11 retransmissions of what is there, and of numbers far away, change nothing', () => {
    connect();
    film(10);
    const before = media().length;
    call.inject(camera.repeat(camera.sent[5]!));
    call.inject(camera.repeat({ ...camera.sent[5]!, sequence: (camera.sequence + 20_000) & 0xffff }));
    expect(media()).toHaveLength(before);
    expect(call.core.drops.toObject()).toMatchObject({ 'rtx-not-missing': 2 });
    film(10);
    expect(judge(media()).faults).toEqual([]);
  });
});
