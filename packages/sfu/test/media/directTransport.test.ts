/** The application as a peer: its packets and messages reach consumers, and consumers' packets reach it. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type { Consumer, DirectTransport, Producer, Router, Worker } from '@tertulia/sfu';
import { parseRtcp, parseRtp, writeRtcp, type RtcpPacket } from '@tertulia/wire';
import { OPUS, opusPacket, opusStream, SOON, VP8 } from './support/udpPeer.js';

const SSRC = 1111;
let worker: Worker;
let router: Router;

beforeAll(async () => {
  worker = await createWorker({ logLevel: 'warn' });
});
afterEach(() => router.close());
afterAll(() => worker.close());

async function open(): Promise<DirectTransport> {
  router = await worker.createRouter({ mediaCodecs: [OPUS, VP8] });
  return router.createDirectTransport();
}

const produce = (transport: DirectTransport) =>
  transport.produce({ kind: 'audio', rtpParameters: opusStream(SSRC) });

function hear(consumer: Consumer): Buffer[] {
  const heard: Buffer[] = [];
  consumer.on('rtp', (packet) => heard.push(packet));
  return heard;
}

const payloads = (packets: Buffer[]): string[] =>
  packets.map((packet) => {
    const parsed = parseRtp(packet);
    if (!parsed.ok) throw new Error(parsed.why);
    const { payloadOffset, payloadLength } = parsed.value;
    return packet.subarray(payloadOffset, payloadOffset + payloadLength).toString();
  });

test('what a producer sends comes out of a consumer, with its parameters and numbers without holes', async () => {
  const transport = await open();
  const producer = await produce(transport);
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  expect(consumer.type).toBe('simple');
  const heard = hear(consumer);
  for (let sequence = 65_530; sequence < 65_550; sequence++)
    producer.send(opusPacket(SSRC, sequence & 0xffff));
  await vi.waitFor(() => expect(heard).toHaveLength(20), SOON);
  expect(payloads(heard)).toEqual(Array.from({ length: 20 }, (_, i) => `voice ${(65_530 + i) & 0xffff}`));
  const headers = heard
    .map((packet) => parseRtp(packet))
    .map((parsed) => (parsed.ok ? parsed.value : undefined)!);
  const { ssrc } = consumer.rtpParameters.encodings![0]!;
  const { payloadType } = consumer.rtpParameters.codecs[0]!;
  headers.forEach((header, i) => {
    expect(header).toMatchObject({ ssrc, payloadType });
    expect((header.sequenceNumber - headers[0]!.sequenceNumber) & 0xffff).toBe(i);
  });
  const [sent] = await consumer.getStats();
  expect(sent).toMatchObject({ type: 'outbound-rtp', packetCount: 20 });
  const [received] = await producer.getStats();
  expect(received).toMatchObject({ type: 'inbound-rtp', ssrc: SSRC, packetCount: 20, packetsLost: 0 });
  const [stat] = await transport.getStats();
  expect(stat!.rtpBytesReceived).toBeGreaterThan(20 * 12);
  expect(stat!.rtpBytesSent).toBe(payloads(heard).join('').length);
});

test('pause and resume, of either side, stop and start it', async () => {
  const transport = await open();
  const producer = await produce(transport);
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
    paused: true,
  });
  const heard = hear(consumer);
  let sequence = 0;
  const speak = async (): Promise<void> => {
    producer.send(opusPacket(SSRC, ++sequence));
    await router.dump(); // handled after what was sent before
  };
  await speak();
  await consumer.resume();
  await speak();
  await producer.pause();
  await speak();
  await producer.resume();
  await speak();
  await vi.waitFor(() => expect(payloads(heard)).toEqual(['voice 2', 'voice 4']), SOON);
});

describe('key frames', () => {
  const rtcp: RtcpPacket[] = [];
  async function openVideo(): Promise<{ transport: DirectTransport; producer: Producer }> {
    const transport = await open();
    rtcp.length = 0;
    transport.on('rtcp', (packet) => rtcp.push(...parseRtcp(packet).packets));
    const codec = { mimeType: 'video/VP8', payloadType: 102, clockRate: 90_000 };
    const producer = await transport.produce({
      kind: 'video',
      rtpParameters: {
        codecs: [{ ...codec, rtcpFeedback: [{ type: 'nack', parameter: 'pli' }] }],
        encodings: [{ ssrc: SSRC }],
      },
    });
    return { transport, producer };
  }
  const consume = (transport: DirectTransport, producer: Producer): Promise<Consumer> =>
    transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
  /** Not the beginning of a key frame. */
  const between = opusPacket(SSRC, 1, 102);
  const asked = (): void => {
    expect(rtcp.find(({ type }) => type === 'pli')).toMatchObject({ mediaSsrc: SSRC });
  };

  test('the application is asked for one when somebody comes, and asks with RTCP itself', async () => {
    const { transport, producer } = await openVideo();
    producer.send(between);
    const consumer = await consume(transport, producer);
    await vi.waitFor(asked, SOON);
    const wanted = consumer.rtpParameters.encodings![0]!.ssrc!;
    transport.sendRtcp(Buffer.from(writeRtcp([{ type: 'pli', senderSsrc: 1, mediaSsrc: wanted }])));
    await vi.waitFor(async () => {
      const [stat] = await consumer.getStats();
      expect(stat!.pliCount).toBe(1);
    }, SOON);
  });

  test('a stream that begins without one is asked for it', async () => {
    const { transport, producer } = await openVideo();
    await consume(transport, producer);
    producer.send(between);
    await vi.waitFor(asked, SOON);
  });
});

test('reports come to the application', async () => {
  const transport = await open();
  const rtcp: RtcpPacket[] = [];
  transport.on('rtcp', (packet) => rtcp.push(...parseRtcp(packet).packets));
  const producer = await produce(transport);
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  producer.send(opusPacket(SSRC, 1));
  const { ssrc } = consumer.rtpParameters.encodings![0]!;
  await vi.waitFor(
    () => expect(rtcp.find(({ type }) => type === 'sr')).toMatchObject({ ssrc, packetCount: 1 }),
    SOON,
  );
});

describe('refused', () => {
  test('what is not RTP is counted, and nothing breaks', async () => {
    const transport = await open();
    const producer = await produce(transport);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      Buffer.alloc(5000, 0x80),
      Buffer.alloc(20, 0x8f),
    ])
      producer.send(bytes);
    transport.sendRtcp(Buffer.from('nonsense'));
    const [stat] = await transport.getStats();
    expect(stat!.drops).toEqual({ 'rtp-direct-refused': 4, 'rtcp-malformed': 1 });
    expect(() => producer.send('text' as unknown as Buffer)).toThrow(TypeError);
    expect(() => transport.sendRtcp(3 as unknown as Buffer)).toThrow(TypeError);
  });

  test('only a DirectTransport has producers that the application sends to', async () => {
    const transport = await open();
    await expect(transport.setMaxIncomingBitrate()).rejects.toThrow();
    const dump = await transport.dump();
    expect(dump).toMatchObject({ id: transport.id, maxMessageSize: 262_144, producerIds: [] });
    expect(dump.sctpParameters).toBeUndefined();
  });
});

test('messages go from application to application', async () => {
  const transport = await open();
  const dataProducer = await transport.produceData({ label: 'chat' });
  const dataConsumer = await transport.consumeData({ dataProducerId: dataProducer.id });
  const heard: [string, number][] = [];
  dataConsumer.on('message', (message, ppid) => heard.push([message.toString(), ppid]));
  dataProducer.send('hello');
  dataProducer.send(Buffer.from('world'));
  await vi.waitFor(
    () =>
      expect(heard).toEqual([
        ['hello', 51],
        ['world', 53],
      ]),
    SOON,
  );
});
