/** Two media processes with a pipe between them: media and messages come through, and so do pauses and ends. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type {
  Consumer,
  PipeTransport,
  PipeTransportOptions,
  PlainTransport,
  Producer,
  Router,
  RtpParameters,
  Worker,
} from '@tertulia/sfu';
import { writeRtp } from '@tertulia/wire';
import { LISTEN, OPUS, opusPacket, opusStream, SOON, UdpPeer, VP8 } from './support/udpPeer.js';

const SSRC = 4242;
const LAYERS = [11, 12, 13];

let workers: [Worker, Worker];
let routers: [Router, Router];
const peers: UdpPeer[] = [];

beforeAll(async () => {
  const made = [createWorker({ logLevel: 'error' }), createWorker({ logLevel: 'error' })];
  workers = (await Promise.all(made)) as [Worker, Worker];
});
afterEach(() => {
  for (const router of routers) router.close();
  for (const peer of peers.splice(0)) peer.close();
});
afterAll(() => {
  for (const worker of workers) worker.close();
});

async function newRouters(): Promise<void> {
  const made = workers.map((worker) => worker.createRouter({ mediaCodecs: [OPUS, VP8] }));
  routers = (await Promise.all(made)) as [Router, Router];
}

async function newPeer(): Promise<UdpPeer> {
  const peer = await UdpPeer.open();
  peers.push(peer);
  return peer;
}

interface Sending {
  peer: UdpPeer;
  transport: PlainTransport;
  producer: Producer;
}

async function send(kind: 'audio' | 'video', rtpParameters: RtpParameters): Promise<Sending> {
  const transport = await routers[0].createPlainTransport({ listenInfo: LISTEN, comedia: true });
  return { peer: await newPeer(), transport, producer: await transport.produce({ kind, rtpParameters }) };
}

async function hear(producer: Producer): Promise<{ peer: UdpPeer; consumer: Consumer }> {
  const peer = await newPeer();
  const transport = await routers[1].createPlainTransport({ listenInfo: LISTEN });
  await transport.connect({ ip: '127.0.0.1', port: peer.port });
  const { rtpCapabilities } = routers[1];
  return { peer, consumer: await transport.consume({ producerId: producer.id, rtpCapabilities }) };
}

const vp8Streams = (...ssrcs: number[]): RtpParameters => ({
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 102,
      clockRate: 90_000,
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
  ],
  encodings: ssrcs.map((ssrc) => ({ ssrc })),
});

/** A key frame of 320 × 256 in one packet. */
function vp8Picture(ssrc: number, frame: number): Buffer {
  const bits = Buffer.from('10' + '000000' + '9d012a' + '40010001', 'hex'); // the S bit in front
  const payload = Buffer.concat([bits, Buffer.from(`layer ${ssrc}`)]);
  const fields = { payloadType: 102, sequenceNumber: frame, timestamp: 3000 * frame, ssrc, payload };
  return Buffer.from(writeRtp({ ...fields, marker: true }));
}

describe('pipeToRouter', () => {
  test.each([{}, { enableSrtp: true }, { enableRtx: true }, { enableSctp: false }])(
    'sound comes through, with %o',
    async (options) => {
      await newRouters();
      const { peer, transport, producer } = await send('audio', opusStream(SSRC));
      const { pipeConsumer, pipeProducer } = await routers[0].pipeToRouter({
        producerId: producer.id,
        router: routers[1],
        ...options,
      });
      expect(pipeProducer!.id).toBe(producer.id);
      expect(pipeConsumer!.type).toBe('pipe');
      const far = await hear(pipeProducer!);
      await peer.speakUntil(transport.tuple.localPort, SSRC, () =>
        expect(far.peer.rtp.length).toBeGreaterThan(5),
      );
      far.peer.rtp.forEach(({ payload }, i) => expect(payload).toBe(`voice ${i + 1}`));
      const [stat] = await pipeProducer!.getStats();
      expect(stat!.packetCount).toBeGreaterThanOrEqual(far.peer.rtp.length);
    },
  );

  test('pause, resume and close of the producer come through', async () => {
    await newRouters();
    const { peer, transport, producer } = await send('audio', opusStream(SSRC));
    const { pipeConsumer, pipeProducer } = await routers[0].pipeToRouter({
      producerId: producer.id,
      router: routers[1],
    });
    const far = await hear(pipeProducer!);
    const { localPort } = transport.tuple;
    await peer.speakUntil(localPort, SSRC, () => expect(far.peer.rtp.length).toBeGreaterThan(0));

    const paused = once(far.consumer, 'producerpause');
    await producer.pause();
    await paused;
    // The far end may hear of it before the request that did it has been answered.
    await vi.waitFor(
      () => expect([pipeConsumer!.producerPaused, pipeProducer!.paused]).toEqual([true, true]),
      SOON,
    );
    const heard = far.peer.rtp.length;
    const [before] = await producer.getStats();
    for (let i = 0; i < 5; i++) peer.send(localPort, opusPacket(SSRC, 500 + i));
    await vi.waitFor(async () => {
      const [stat] = await producer.getStats();
      expect(stat!.packetCount).toBeGreaterThanOrEqual(before!.packetCount + 5);
    }, SOON);
    const resumed = once(far.consumer, 'producerresume');
    await producer.resume();
    await resumed;
    await peer.speakUntil(
      localPort,
      SSRC,
      () => expect(far.peer.rtp.length).toBeGreaterThan(heard + 2),
      1000,
    );
    expect(far.peer.rtp.some(({ payload }) => /voice 5\d\d/.test(payload))).toBe(false);

    const closed = once(far.consumer, 'producerclose');
    producer.close();
    await closed;
    expect([pipeConsumer!.closed, pipeProducer!.closed]).toEqual([true, true]);
  });

  test('a second producer takes the same pipe, and the pipe ends with the router', async () => {
    await newRouters();
    const [first, second] = [await send('audio', opusStream(1)), await send('audio', opusStream(2))];
    const router = routers[1];
    const piped = await Promise.all(
      [first, second].map(({ producer: { id } }) => routers[0].pipeToRouter({ producerId: id, router })),
    );
    expect((await router.dump()).transportIds).toHaveLength(1);
    const ends = piped.map(({ pipeProducer }) => once(pipeProducer!.observer, 'close'));
    routers[0].close();
    await Promise.all(ends);
    expect((await router.dump()).transportIds).toHaveLength(0);
  });

  test('within one worker with another id', async () => {
    await newRouters();
    const { producer } = await send('audio', opusStream(SSRC));
    const router = await workers[0].createRouter({ mediaCodecs: [OPUS] });
    const options = { producerId: producer.id, router };
    await expect(routers[0].pipeToRouter(options)).rejects.toMatchObject({ code: 'DUPLICATE_ID' });
    const { pipeProducer } = await routers[0].pipeToRouter({ ...options, keepId: false });
    expect(pipeProducer!.id).not.toBe(producer.id);
    router.close();
  });

  test('messages come through', async () => {
    await newRouters();
    const [near, far] = await Promise.all(routers.map((router) => router.createDirectTransport()));
    const source = await near!.produceData({ label: 'chat' });
    const { pipeDataProducer } = await routers[0].pipeToRouter({
      dataProducerId: source.id,
      router: routers[1],
    });
    expect(pipeDataProducer).toMatchObject({ id: source.id, label: 'chat', type: 'sctp' });
    const sink = await far!.consumeData({ dataProducerId: source.id });
    const heard: string[] = [];
    sink.on('message', (message) => heard.push(message.toString()));
    await vi.waitFor(() => {
      source.send('hello');
      expect(heard.length).toBeGreaterThan(0);
    }, SOON);
    expect(heard[0]).toBe('hello');
    const closed = once(sink, 'dataproducerclose');
    source.close();
    await closed;
  });
});

test('all streams of a simulcast producer, each unchanged; beyond the pipe one is chosen', async () => {
  await newRouters();
  const { peer, transport, producer } = await send('video', vp8Streams(...LAYERS));
  const { pipeConsumer, pipeProducer } = await routers[0].pipeToRouter({
    producerId: producer.id,
    router: routers[1],
  });
  expect(pipeProducer!.type).toBe('simulcast');
  expect(pipeConsumer!.rtpParameters.encodings).toHaveLength(3);
  const far = await hear(pipeProducer!);
  let frame = 0;
  await vi.waitFor(
    async () => {
      frame++;
      for (const ssrc of LAYERS) peer.send(transport.tuple.localPort, vp8Picture(ssrc, frame));
      const stats = await pipeProducer!.getStats();
      expect(stats.filter(({ packetCount }) => packetCount > 2)).toHaveLength(3);
      expect(far.consumer.currentLayers).toMatchObject({ spatialLayer: 2 });
      expect(far.peer.rtp.length).toBeGreaterThan(3);
    },
    { timeout: 10_000, interval: 20 },
  );
  expect(far.peer.rtp.at(-1)!.payload).toContain('layer 13');
  // Whoever comes later needs a key frame, and the request goes all the way back.
  await hear(pipeProducer!);
  await vi.waitFor(() => expect(peer.rtcp.filter(({ type }) => type === 'pli')).not.toEqual([]), SOON);
  const dump = await pipeConsumer!.dump();
  expect(dump).toMatchObject({ type: 'pipe' });
});

describe('PipeTransports made by hand', () => {
  const open = async (
    options: Partial<PipeTransportOptions> = {},
  ): Promise<[PipeTransport, PipeTransport]> => {
    const made = routers.map((router) =>
      router.createPipeTransport({ listenInfo: LISTEN, ...options } as PipeTransportOptions),
    );
    return (await Promise.all(made)) as [PipeTransport, PipeTransport];
  };
  const endOf = ({ tuple, srtpParameters }: PipeTransport) => ({
    ip: tuple.localIp,
    port: tuple.localPort,
    srtpParameters,
  });

  test.each([{ enableSrtp: false }, { enableSrtp: true }])(
    'with RTX what is lost between them is repaired, $enableSrtp',
    async (options) => {
      await newRouters();
      const [one, two] = await open({ enableRtx: true, ...options });
      // Every fifth packet of media from one to two is lost on the way, the first time.
      const network = createSocket('udp4').bind(0, '127.0.0.1');
      await once(network, 'listening');
      onTestFinished(() => {
        network.close();
      });
      let media = 0;
      network.on('message', (bytes, { port }) => {
        const isMedia = port === one.tuple.localPort && (bytes[1]! < 192 || bytes[1]! > 223);
        if (isMedia && (bytes[1]! & 0x7f) === PAYLOAD_TYPE && media++ % 5 === 2) return;
        const to = port === one.tuple.localPort ? two : one;
        network.send(bytes, to.tuple.localPort, '127.0.0.1');
      });
      const { port } = network.address();
      await Promise.all([one.connect({ ...endOf(two), port }), two.connect({ ...endOf(one), port })]);

      const { peer, transport, producer } = await send('video', vp8Streams(LAYERS[0]!));
      const consumer = await one.consume({ producerId: producer.id });
      const piped = await two.produce({ kind: 'video', rtpParameters: consumer.rtpParameters });
      const PAYLOAD_TYPE = consumer.rtpParameters.codecs[0]!.payloadType;
      const { peer: far } = await hear(piped);
      const count = 60;
      for (let frame = 0; frame < count; frame++) {
        peer.send(transport.tuple.localPort, vp8Picture(LAYERS[0]!, frame));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await vi.waitFor(() => {
        const numbers = far.rtp.map(({ sequenceNumber }) => sequenceNumber);
        expect(new Set(numbers).size).toBe(count);
      }, SOON);
      const [stat] = await piped.getStats();
      expect(stat!.packetsRepaired).toBeGreaterThan(5);
      const [sent] = await one.getStats();
      expect(sent!.rtxBytesSent).toBeGreaterThan(0);
    },
  );

  test('with SRTP and SCTP, connected one long after the other', async () => {
    await newRouters();
    const [one, two] = await open({ enableSrtp: true, enableSctp: true });
    expect(one.srtpParameters).toMatchObject({ cryptoSuite: 'AEAD_AES_256_GCM' });
    expect(Buffer.from(one.srtpParameters!.keyBase64, 'base64')).toHaveLength(44);
    await one.connect(endOf(two));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await two.connect(endOf(one));
    await vi.waitFor(() => expect([one.sctpState, two.sctpState]).toEqual(['connected', 'connected']), SOON);
    const [stat] = await one.getStats();
    expect(stat).toMatchObject({ type: 'pipe-transport', tuple: one.tuple, sctpState: 'connected' });
    expect(await one.dump()).toMatchObject({
      tuple: one.tuple,
      rtx: false,
      srtpParameters: one.srtpParameters,
    });
    await expect(one.connect(endOf(two))).rejects.toThrow('already called');
  });

  test('wrong options are TypeErrors', async () => {
    await newRouters();
    for (const options of [{}, { listenIp: 'nowhere' }, { listenInfo: { ...LISTEN, protocol: 'tcp' } }])
      await expect(routers[0].createPipeTransport(options as PipeTransportOptions)).rejects.toThrow(
        TypeError,
      );
    const [plain] = await open();
    const [secured] = await open({ enableSrtp: true });
    const srtpParameters = secured.srtpParameters!;
    for (const [transport, options] of [
      [plain, { ip: 'x', port: 1 }],
      [plain, { ip: '127.0.0.1', port: 0 }],
      [plain, { ip: '127.0.0.1', port: 1, srtpParameters }],
      [secured, { ip: '127.0.0.1', port: 1 }],
      [
        secured,
        {
          ip: '127.0.0.1',
          port: 1,
          srtpParameters: {
            cryptoSuite: 'AEAD_AES_128_GCM',
            keyBase64: Buffer.alloc(28).toString('base64'),
          },
        },
      ],
      [secured, { ip: '127.0.0.1', port: 1, srtpParameters: { ...srtpParameters, keyBase64: 'AAAA' } }],
    ] as const)
      await expect(transport.connect(options)).rejects.toThrow(TypeError);
  });
});
