/** A real media process, real sockets on loopback, the public API: from the first check to the voice in the slot. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type { Router, WebRtcServer, WebRtcTransport, Worker } from '@tertulia/sfu';
import { LoopbackPeer } from './support/loopbackPeer.js';
import { opusParameters } from './support/memoryCall.js';

const CAPABILITIES = {
  codecs: [
    {
      kind: 'audio' as const,
      mimeType: 'audio/opus',
      preferredPayloadType: 96,
      clockRate: 48_000,
      channels: 2,
      rtcpFeedback: [{ type: 'nack' }],
    },
  ],
  headerExtensions: [
    { kind: 'audio' as const, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' as const, preferredId: 4 },
    { kind: 'audio' as const, uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level' as const, preferredId: 1 },
  ],
};
const MEDIA_CODECS = [{ kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }];
const soon = { timeout: 5_000, interval: 10 };

let worker: Worker;
let server: WebRtcServer;
let router: Router;
const peers: LoopbackPeer[] = [];

beforeAll(async () => {
  worker = await createWorker({ logLevel: 'warn' });
  server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', port: 0 }] });
});
afterEach(() => {
  router?.close();
  for (const peer of peers.splice(0)) peer.close();
});
afterAll(() => worker.close());

async function join(): Promise<{ transport: WebRtcTransport; peer: LoopbackPeer }> {
  const transport = await router.createWebRtcTransport({ webRtcServer: server, enableDcep: true });
  const peer = new LoopbackPeer();
  peers.push(peer);
  await transport.connect({ dtlsParameters: peer.dtlsParameters });
  peer.connect(transport.iceParameters, transport.iceCandidates[0]!);
  return { transport, peer };
}

async function speakFor(frames: number, speak: () => void): Promise<void> {
  for (let frame = 0; frame < frames; frame++) {
    speak();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a voice goes from one peer through a virtual slot to another, named by its CSRC', async () => {
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  const [ada, ben] = [await join(), await join()];
  await vi.waitFor(() => expect(ada.peer.connected && ben.peer.connected).toBe(true), soon);
  await vi.waitFor(() => expect(ada.transport.dtlsState).toBe('connected'), soon);
  expect(ada.transport.iceState).toBe('completed');
  expect(ada.transport.iceSelectedTuple).toMatchObject({ protocol: 'udp', remoteIp: '127.0.0.1' });

  const producer = await ada.transport.produce({
    kind: 'audio',
    rtpParameters: opusParameters({ mid: '0', ssrc: 4711 }),
  });
  const virtual = await router.createVirtualStreams({ audioSlots: 3 });
  const { csrc } = await virtual.addSource({ producer, participantId: 'ada' });
  const receiver = await virtual.createReceiver({
    transport: ben.transport,
    rtpCapabilities: CAPABILITIES,
    participantId: 'ben',
    mids: { audio: ['1', '2', '3'] },
  });
  const changes: { csrc: number; producerId: string | undefined }[] = [];
  for (const slot of receiver.audio) slot.on('sourcechange', (change) => changes.push(change));
  await speakFor(15, () => ada.peer.speak(4711, 'ada'));

  await vi.waitFor(() => expect(ben.peer.rtp).toHaveLength(15), soon);
  expect(changes[0]).toMatchObject({ csrc, producerId: producer.id });
  const slot = receiver.audio.find((each) => each.csrc === csrc)!;
  ben.peer.rtp.forEach((packet, i) => {
    expect(packet.ssrc).toBe(slot.ssrc);
    expect(packet.payloadType).toBe(96);
    expect(packet.csrcs[0]).toBe(csrc);
    expect(packet.payload.trim()).toBe(`ada ${i}`);
  });
  const [stat] = await producer.getStats();
  expect(stat).toMatchObject({ type: 'inbound-rtp', ssrc: 4711, packetCount: 15, packetsLost: 0 });
  await vi.waitFor(
    () =>
      expect(ben.peer.rtcp.some((packet) => packet.type === 'sr' && packet.ssrc === slot.ssrc)).toBe(true),
    soon,
  );
});

test('a data channel that the peer opens carries text both ways', async () => {
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  const { transport, peer } = await join();
  const heard: unknown[] = [];
  transport.on('datachannel', (channel) => {
    heard.push(channel.label);
    channel.on('message', (data) => {
      heard.push(data);
      channel.send(`you said ${String(data)}`);
    });
  });
  await vi.waitFor(() => expect(peer.connected).toBe(true), soon);
  peer.openChannel(0, 'tertulia');
  peer.send(0, 'hello');
  await vi.waitFor(
    () => expect(peer.messages).toEqual([{ label: 'tertulia', data: 'you said hello' }]),
    soon,
  );
  expect(heard).toEqual(['tertulia', 'hello']);
});

test("a plain consumer hears the same voice with the router's numbers", async () => {
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  const [ada, ben] = [await join(), await join()];
  const producer = await ada.transport.produce({
    kind: 'audio',
    rtpParameters: opusParameters({ mid: '0', ssrc: 4712 }),
  });
  const consumer = await ben.transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  await vi.waitFor(() => expect(ada.peer.connected && ben.peer.connected).toBe(true), soon);
  await speakFor(8, () => ada.peer.speak(4712, 'ada'));
  await vi.waitFor(() => expect(ben.peer.rtp).toHaveLength(8), soon);
  expect(new Set(ben.peer.rtp.map(({ ssrc }) => ssrc))).toEqual(
    new Set([consumer.rtpParameters.encodings![0]!.ssrc]),
  );
});

test("the peer's goodbye closes DTLS and the channels", async () => {
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  const { transport, peer } = await join();
  const closed: string[] = [];
  transport.on('datachannel', (channel) => channel.on('close', (reason) => closed.push(reason)));
  await vi.waitFor(() => expect(peer.connected).toBe(true), soon);
  peer.openChannel(0, 'tertulia');
  await vi.waitFor(() => expect(transport.sctpState).toBe('connected'), soon);
  await new Promise((resolve) => setTimeout(resolve, 100));
  peer.close();
  await vi.waitFor(() => expect(transport.dtlsState).toBe('closed'), soon);
  expect(closed).toHaveLength(1);
});

test('an ICE restart keeps DTLS and media', async () => {
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
  const { transport, peer } = await join();
  await vi.waitFor(() => expect(peer.connected).toBe(true), soon);
  const before = transport.iceParameters;
  const after = await transport.restartIce();
  expect(after.usernameFragment).not.toBe(before.usernameFragment);
  const successes = peer.stunSuccesses;
  peer.restart(after);
  await vi.waitFor(() => expect(peer.stunSuccesses).toBeGreaterThan(successes + 2), soon);
  expect(transport.dtlsState).toBe('connected');
});
