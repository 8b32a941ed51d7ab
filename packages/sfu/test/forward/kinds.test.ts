/** Pipes, silence that is left out, packets for the application, codecs with other names, traces, and who a packet is of. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HEADER_EXTENSION_URIS, parseRtp, writeRtp } from '@tertulia/wire';
import type { RtpParameters } from '@tertulia/wire';
import { MemoryCall } from '../media/support/memoryCall.js';
import type { Peer } from '../media/support/memoryCall.js';
import { factsOf, judge, VIDEO_IDS, videoParameters, Vp8Encoder, vp8Faults } from './support/video.js';
import { OUT_SSRC, VideoCall } from './support/videoCall.js';

describe('pipe consumers', () => {
  let video: VideoCall;
  afterEach(() => video.close());

  test('every encoding goes on as it is, each under its own SSRC, with all layers', () => {
    video = new VideoCall(4);
    const rids = ['q', 'h', 'f'];
    video.produce({ mid: '1', encodings: rids.map((rid) => ({ rid, scalabilityMode: 'L1T3' })) });
    video.encoders = rids.map(
      (rid, i) =>
        new Vp8Encoder(video.sender, { ssrc: 1000 * (i + 1), name: rid, rid, mid: '1', temporalLayers: 3 }),
    );
    video.consume('pipe', {
      type: 'pipe',
      encodings: rids.map((_, i) => ({ ssrc: OUT_SSRC + 10 * i, rtx: OUT_SSRC + 10 * i + 1 })),
    });
    video.film(40);
    rids.forEach((rid, i) => {
      const heard = video.media(OUT_SSRC + 10 * i);
      const { decoded, faults, undecodable } = judge(heard);
      expect(faults).toEqual([]);
      expect(undecodable).toEqual([]);
      expect(vp8Faults(heard)).toEqual([]);
      expect(new Set(decoded.map(({ e }) => e))).toEqual(new Set([rid]));
      expect(decoded.length).toBeGreaterThan(35);
      expect(Math.max(...decoded.map(({ temporal }) => temporal))).toBe(2);
      // Timestamps are the sender's own: the next router aligns streams by them.
      const first = heard[0]!;
      const sent = video.encoders[i]!.sent.find(({ facts }) => facts.n === factsOf(first.payload)!.n)!;
      expect(first.timestamp).toBe(new DataView(sent.plain.buffer, sent.plain.byteOffset).getUint32(4));
    });
    const stats = video.call.core.handleRequest('consumer.getStats', { consumerId: 'pipe' });
    expect(stats.filter(({ type }) => type === 'outbound-rtp')).toHaveLength(3);
    expect(stats.filter(({ type }) => type === 'inbound-rtp')).toHaveLength(3);
  });
});

describe('one stream', () => {
  let call: MemoryCall;
  let sender: Peer;
  let receiver: Peer;
  beforeEach(() => {
    call = new MemoryCall();
    sender = call.addPeer();
    receiver = call.addPeer();
  });
  afterEach(() => call.close());

  const audio = (ssrc: number, codecs: RtpParameters['codecs'], mid = '0'): RtpParameters => ({
    mid,
    codecs,
    headerExtensions: [{ uri: HEADER_EXTENSION_URIS.mid, id: VIDEO_IDS.mid }],
    encodings: [{ ssrc }],
    rtcp: { cname: 'voice', reducedSize: true },
  });
  const OPUS = { mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 };
  let sequence = 65_500;
  const send = (payload: Uint8Array, payloadType = 111): void => {
    const number = sequence++;
    const roc = number >> 16;
    const packet = writeRtp({
      payloadType,
      marker: false,
      sequenceNumber: number & 0xffff,
      timestamp: number * 960,
      ssrc: 1111,
      payload,
    });
    call.inject(sender.protect(packet, roc));
    call.advance(20_000);
  };

  test('ignoreDtx: packets of silence are left out without a hole', () => {
    sequence = 65_500;
    call.core.handleRequest('transport.produce', {
      transportId: sender.id,
      producerId: 'microphone',
      kind: 'audio',
      rtpParameters: audio(1111, [OPUS]),
      paused: false,
    });
    const consume = (consumerId: string, ssrc: number, ignoreDtx: boolean): void => {
      call.core.handleRequest('transport.consume', {
        transportId: receiver.id,
        consumerId,
        producerId: 'microphone',
        rtpParameters: audio(ssrc, [{ ...OPUS, payloadType: 100 }], consumerId),
        paused: false,
        ignoreDtx,
      });
    };
    consume('all', 7000, false);
    consume('sound', 8000, true);
    for (let i = 0; i < 100; i++) send(i % 10 < 4 ? Uint8Array.of(0x78) : new Uint8Array(60).fill(i));
    const all = receiver.rtp.filter(({ ssrc }) => ssrc === 7000);
    const sound = receiver.rtp.filter(({ ssrc }) => ssrc === 8000);
    expect(all).toHaveLength(100);
    expect(sound).toHaveLength(60);
    expect(sound.every(({ payload }) => payload.length === 60)).toBe(true);
    sound.forEach(({ sequenceNumber, timestamp }, i) => {
      if (i === 0) return;
      expect(sequenceNumber).toBe((sound[i - 1]!.sequenceNumber + 1) & 0xffff);
      const elapsed = (timestamp - sound[i - 1]!.timestamp) | 0;
      expect([960, 960 * 5]).toContain(elapsed);
    });
  });

  test('a consumer without the first of two codecs gets the second under its own name', () => {
    sequence = 100;
    const PCMU = { mimeType: 'audio/PCMU', payloadType: 0, clockRate: 8_000 };
    call.core.handleRequest('transport.produce', {
      transportId: sender.id,
      producerId: 'microphone',
      kind: 'audio',
      rtpParameters: audio(1111, [PCMU, OPUS]),
      paused: false,
    });
    call.core.handleRequest('transport.consume', {
      transportId: receiver.id,
      consumerId: 'consumer',
      producerId: 'microphone',
      rtpParameters: audio(7000, [{ ...OPUS, payloadType: 100 }]),
      paused: false,
    });
    for (let i = 0; i < 5; i++) send(new Uint8Array(40), 111);
    send(new Uint8Array(160), 0);
    for (let i = 0; i < 5; i++) send(new Uint8Array(40), 111);
    expect(receiver.rtp.map(({ payloadType }) => payloadType)).toEqual(Array.from({ length: 10 }, () => 100));
  });

  test('a consumer of a transport without a socket hands its packets to the application', () => {
    const camera = new Vp8Encoder(sender, { ssrc: 1111, mid: '0' });
    call.core.handleRequest('transport.produce', {
      transportId: sender.id,
      producerId: 'camera',
      kind: 'video',
      rtpParameters: videoParameters({ mid: '0', encodings: [{ ssrc: 1111, rtx: 1112 }] }),
      paused: false,
    });
    call.core.directory.transports.get(receiver.id).rtp.direct = true;
    call.core.handleRequest('transport.consume', {
      transportId: receiver.id,
      consumerId: 'consumer',
      producerId: 'camera',
      rtpParameters: videoParameters({ payloadType: 100, encodings: [{ ssrc: 7000 }] }),
      paused: false,
    });
    for (let i = 0; i < 10; i++) {
      call.inject(...camera.frame(call.nowMicros).map((packet) => camera.wrap(packet)));
      call.advance(33_333);
    }
    const packets = call.events.flatMap((event) => (event.event === 'consumer.rtp' ? [event.packet] : []));
    expect(packets).toHaveLength(20);
    expect(receiver.rtp).toEqual([]);
    packets.forEach((bytes, i) => {
      const parsed = parseRtp(bytes);
      if (!parsed.ok) throw new Error(parsed.why);
      const { ssrc, payloadType, payloadOffset } = parsed.value;
      expect({ ssrc, payloadType }).toEqual({ ssrc: 7000, payloadType: 100 });
      expect(factsOf(bytes.subarray(payloadOffset))).toMatchObject({ n: i >> 1, p: i & 1 });
    });
    const [stat] = call.core.handleRequest('consumer.getStats', { consumerId: 'consumer' });
    expect(stat).toMatchObject({ type: 'outbound-rtp', packetCount: 20 });
  });

  test('traces tell what was asked for, and nothing else', () => {
    const camera = new Vp8Encoder(sender, { ssrc: 1111, mid: '0' });
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
      rtpParameters: videoParameters({ payloadType: 100, encodings: [{ ssrc: 7000 }] }),
      paused: false,
    });
    const film = (frames: number): void => {
      for (let i = 0; i < frames; i++) {
        call.inject(...camera.frame(call.nowMicros).map((packet) => camera.wrap(packet)));
        call.advance(33_333);
      }
    };
    const traces = (): string[] =>
      call.events.flatMap((event) => {
        if (event.event !== 'producer.trace' && event.event !== 'consumer.trace') return [];
        return [`${event.event.split('.')[0]} ${event.trace.type} ${event.trace.direction}`];
      });
    film(2);
    expect(traces()).toEqual([]);
    call.core.handleRequest('producer.enableTraceEvent', { producerId: 'camera', types: ['pli'] });
    call.core.handleRequest('consumer.enableTraceEvent', { consumerId: 'consumer', types: ['rtp', 'pli'] });
    call.advance(1_100_000);
    call.inject(receiver.protectRtcp([{ type: 'pli', senderSsrc: 9, mediaSsrc: 7000 }]));
    film(1);
    expect(traces()).toEqual(['consumer pli in', 'producer pli out', 'consumer rtp out', 'consumer rtp out']);
    call.core.handleRequest('consumer.enableTraceEvent', { consumerId: 'consumer', types: [] });
    film(1);
    expect(traces()).toHaveLength(4);
    expect(call.core.handleRequest('producer.dump', { producerId: 'camera' })['traceEventTypes']).toEqual([
      'pli',
    ]);
  });

  test('without SSRC, MID and RID a packet is known by its payload type, its retransmissions too', () => {
    const camera = new Vp8Encoder(sender, { ssrc: 4242, rtxSsrc: 4243 });
    const parameters = videoParameters({ encodings: [{}] });
    call.core.handleRequest('transport.produce', {
      transportId: sender.id,
      producerId: 'camera',
      kind: 'video',
      rtpParameters: parameters,
      paused: false,
    });
    const packets = Array.from({ length: 5 }, () => camera.frame(call.nowMicros)).flat();
    for (const [i, packet] of packets.entries()) if (i !== 4) call.inject(camera.wrap(packet));
    call.inject(camera.repeat(packets[4]!));
    const [stat] = call.core.handleRequest('producer.getStats', { producerId: 'camera' });
    expect(stat).toMatchObject({ ssrc: 4242, rtxSsrc: 4243, packetCount: 10, packetsLost: 0 });
    expect(() =>
      call.core.handleRequest('transport.produce', {
        transportId: sender.id,
        producerId: 'other',
        kind: 'video',
        rtpParameters: parameters,
        paused: false,
      }),
    ).toThrow(/payload type 96/);
  });

  test('H4.10 a RID that moves to another SSRC: the newest takes over', () => {
    const produce = (): void =>
      void call.core.handleRequest('transport.produce', {
        transportId: sender.id,
        producerId: 'camera',
        kind: 'video',
        rtpParameters: videoParameters({ mid: '0', encodings: [{ rid: 'a' }, { rid: 'b' }] }),
        paused: false,
      });
    produce();
    const first = new Vp8Encoder(sender, { ssrc: 10, rid: 'a', mid: '0' });
    const second = new Vp8Encoder(sender, { ssrc: 20, rid: 'a', mid: '0' });
    const film = (encoder: Vp8Encoder, frames: number): void => {
      for (let i = 0; i < frames; i++) {
        call.inject(...encoder.frame(call.nowMicros).map((packet) => encoder.wrap(packet)));
        call.advance(33_333);
      }
    };
    film(first, 10);
    film(second, 3);
    const ssrcs = (): number[] =>
      call.core.handleRequest('producer.getStats', { producerId: 'camera' }).map(({ ssrc }) => ssrc);
    expect(ssrcs()).toEqual([20]);
  });
});
