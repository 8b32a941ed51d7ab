/** RTP, SRTP and SCTP over UDP on loopback, with a real media process: who is heard, who is not, and where answers go. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type { PlainTransport, PlainTransportOptions, Router, SrtpParameters, Worker } from '@tertulia/sfu';
import { writeRtcp } from '@tertulia/wire';
import { Chance } from '../../../engine/test/support/packets.js';
import { LISTEN, OPUS, opusPacket, opusStream, SOON, UdpPeer } from './support/udpPeer.js';

const SSRC = 7777;
const SUITES = {
  AEAD_AES_256_GCM: 44,
  AEAD_AES_128_GCM: 28,
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
} as const;

let worker: Worker;
let router: Router;
const peers: UdpPeer[] = [];

beforeAll(async () => {
  worker = await createWorker({ logLevel: 'error' });
});
afterEach(() => {
  router?.close();
  for (const peer of peers.splice(0)) peer.close();
});
afterAll(() => worker.close());

const newRouter = async (): Promise<Router> => (router = await worker.createRouter({ mediaCodecs: [OPUS] }));

async function newPeer(ip?: string): Promise<UdpPeer> {
  const peer = await UdpPeer.open(ip);
  peers.push(peer);
  return peer;
}

const open = (options: Partial<PlainTransportOptions> = {}): Promise<PlainTransport> =>
  router.createPlainTransport({ listenInfo: LISTEN, ...options } as PlainTransportOptions);

const produce = (transport: PlainTransport) =>
  transport.produce({ kind: 'audio', rtpParameters: opusStream(SSRC) });

const consume = (transport: PlainTransport, producerId: string) =>
  transport.consume({ producerId, rtpCapabilities: router.rtpCapabilities });

const newKey = (cryptoSuite: keyof typeof SUITES, fill: number): SrtpParameters => ({
  cryptoSuite,
  keyBase64: Buffer.alloc(SUITES[cryptoSuite], fill).toString('base64'),
});

/** What the engine has refused, by reason. */
const drops = async (reason: 'no-peer' | 'srtp-no-keys' | 'srtp-auth'): Promise<number> => {
  const { engine } = (await worker.dump()) as unknown as { engine: { drops: Record<string, number> } };
  return engine.drops[reason]!;
};

describe('RTP', () => {
  test('from one given address to another; nobody else is heard', async () => {
    await newRouter();
    const [ada, ben, eve] = [await newPeer(), await newPeer(), await newPeer()];
    const [from, to] = [await open(), await open()];
    await from.connect({ ip: '127.0.0.1', port: ada.port });
    await to.connect({ ip: '127.0.0.1', port: ben.port });
    expect(from.tuple).toMatchObject({ remoteIp: '127.0.0.1', remotePort: ada.port, protocol: 'udp' });
    const producer = await produce(from);
    const consumer = await consume(to, producer.id);
    const before = await drops('no-peer');
    eve.send(from.tuple.localPort, opusPacket(SSRC, 1000));
    await vi.waitFor(async () => expect(await drops('no-peer')).toBe(before + 1), SOON);
    await ada.speakUntil(from.tuple.localPort, SSRC, () => expect(ben.rtp.length).toBeGreaterThan(5));
    expect(ben.rtp[0]).toMatchObject({
      ssrc: consumer.rtpParameters.encodings![0]!.ssrc,
      payloadType: consumer.rtpParameters.codecs[0]!.payloadType,
      payload: 'voice 1',
      remotePort: to.tuple.localPort,
    });
    ben.rtp.forEach(({ payload }, i) => expect(payload).toBe(`voice ${i + 1}`));
    const [received] = await from.getStats();
    expect(received).toMatchObject({
      type: 'plain-rtp-transport',
      rtcpMux: true,
      comedia: false,
      tuple: from.tuple,
      bytesSent: 0,
    });
    expect(received!.rtpBytesReceived).toBeGreaterThan(100);
    const [sent] = await to.getStats();
    expect(sent!.rtpBytesSent).toBeGreaterThanOrEqual(ben.rtp.length * 'voice 1'.length);
    expect(eve.rtp).toEqual([]);
  });

  test('reports go both ways on the same port', async () => {
    await newRouter();
    const [ada, ben] = [await newPeer(), await newPeer()];
    const [from, to] = [await open(), await open()];
    await from.connect({ ip: '127.0.0.1', port: ada.port });
    await to.connect({ ip: '127.0.0.1', port: ben.port });
    const consumer = await consume(to, (await produce(from)).id);
    await ada.speakUntil(from.tuple.localPort, SSRC, () => {
      expect(ada.rtcp.find(({ type }) => type === 'rr')).toMatchObject({ reports: [{ ssrc: SSRC }] });
      expect(ben.rtcp.find(({ type }) => type === 'sr')).toMatchObject({
        ssrc: consumer.rtpParameters.encodings![0]!.ssrc,
      });
    });
  });

  test('on all addresses, the packet of the given one is taken whichever it came to', async () => {
    await newRouter();
    const ada = await newPeer();
    const from = await open({
      listenInfo: { protocol: 'udp', ip: '0.0.0.0', announcedAddress: '198.51.100.7' },
    });
    expect(from.tuple.localAddress).toBe('198.51.100.7');
    await from.connect({ ip: '127.0.0.1', port: ada.port });
    const producer = await produce(from);
    await ada.speakUntil(from.tuple.localPort, SSRC, () => expect(ada.rtcp.length).toBeGreaterThan(0));
    const [stat] = await producer.getStats();
    expect(stat!.packetCount).toBeGreaterThan(0);
  });

  test('over IPv6', async () => {
    await newRouter();
    const [ada, ben] = [await newPeer('::1'), await newPeer('::1')];
    const listenInfo = { protocol: 'udp', ip: '::1' } as const;
    const [from, to] = [await open({ listenInfo, comedia: true }), await open({ listenInfo })];
    await to.connect({ ip: '::1', port: ben.port });
    await consume(to, (await produce(from)).id);
    const { localPort } = from.tuple;
    await ada.speakUntil(localPort, SSRC, () => expect(ben.rtp.length).toBeGreaterThan(0), 1, '::1');
    expect(from.tuple.remoteIp).toBe('::1');
    await expect((await open({ listenInfo })).connect({ ip: '127.0.0.1', port: 9 })).rejects.toThrow(
      TypeError,
    );
  });
});

test.each([{ comedia: false }, { comedia: true }])(
  'an IPv6 socket for all addresses takes IPv4 as well, comedia: $comedia',
  async ({ comedia }) => {
    await newRouter();
    const ada = await newPeer();
    const transport = await open({ listenInfo: { protocol: 'udp', ip: '::' }, comedia });
    if (!comedia) await transport.connect({ ip: '127.0.0.1', port: ada.port });
    await consume(transport, (await produce(transport)).id);
    const { localPort } = transport.tuple;
    await ada.speakUntil(localPort, SSRC, () => expect(ada.rtp.length).toBeGreaterThan(2));
    expect(transport.tuple).toMatchObject({ remoteIp: '127.0.0.1', remotePort: ada.port });
  },
);

describe('comedia', () => {
  test('the first packet tells the address, once: a stranger moves nothing', async () => {
    await newRouter();
    const [ada, eve] = [await newPeer(), await newPeer()];
    const transport = await open({ comedia: true });
    const tuples: unknown[] = [];
    transport.on('tuple', (tuple) => tuples.push(tuple));
    const producer = await produce(transport);
    const consumer = await consume(transport, producer.id);
    expect(transport.tuple.remotePort).toBeUndefined();
    const { localPort } = transport.tuple;
    await ada.speakUntil(localPort, SSRC, () => expect(ada.rtp.length).toBeGreaterThan(2));
    expect(transport.tuple).toMatchObject({ remoteIp: '127.0.0.1', remotePort: ada.port });
    const before = await drops('no-peer');
    for (let i = 0; i < 5; i++) eve.send(localPort, opusPacket(SSRC, 500 + i));
    eve.sendRtcp(localPort, Buffer.from(writeRtcp([{ type: 'rr', ssrc: 1, reports: [] }])));
    await vi.waitFor(async () => expect(await drops('no-peer')).toBe(before + 6), SOON);
    const heard = ada.rtp.length;
    await ada.speakUntil(localPort, SSRC, () => expect(ada.rtp.length).toBeGreaterThan(heard), 100);
    expect(tuples).toEqual([transport.tuple]);
    expect([transport.tuple.remotePort, eve.rtp, eve.rtcp]).toEqual([ada.port, [], []]);
    expect(ada.rtp.every(({ payload }) => !/voice 50\d/.test(payload))).toBe(true);
    expect(consumer.closed).toBe(false);
  });

  test('with SRTP only a packet that the key opens tells it', async () => {
    await newRouter();
    const [ada, eve] = [await newPeer(), await newPeer()];
    const transport = await open({
      comedia: true,
      enableSrtp: true,
      srtpCryptoSuite: 'AEAD_AES_128_GCM',
    });
    const key = newKey('AEAD_AES_128_GCM', 1);
    eve.secure(newKey('AEAD_AES_128_GCM', 9), transport.srtpParameters!);
    ada.secure(key, transport.srtpParameters!);
    const producer = await produce(transport);
    const { localPort } = transport.tuple;
    const early = await drops('srtp-no-keys');
    ada.send(localPort, opusPacket(SSRC, 0)); // nobody knows the key yet
    await vi.waitFor(async () => expect(await drops('srtp-no-keys')).toBe(early + 1), SOON);
    const forged = await drops('srtp-auth');
    await transport.connect({ srtpParameters: key });
    for (let i = 0; i < 5; i++) eve.send(localPort, opusPacket(SSRC, i));
    await vi.waitFor(async () => expect(await drops('srtp-auth')).toBe(forged + 5), SOON);
    expect(transport.tuple.remotePort).toBeUndefined();
    await consume(transport, producer.id);
    await ada.speakUntil(localPort, SSRC, () => expect(ada.rtp.length).toBeGreaterThan(0));
    expect(transport.tuple.remotePort).toBe(ada.port);
  });
});

describe('RTCP on a port of its own', () => {
  test.each([{ comedia: false }, { comedia: true }])('comedia: $comedia', async ({ comedia }) => {
    await newRouter();
    const [rtp, rtcp] = [await newPeer(), await newPeer()];
    const transport = await open({ rtcpMux: false, comedia });
    const rtcpTuples: unknown[] = [];
    transport.on('rtcptuple', (tuple) => rtcpTuples.push(tuple));
    const { localPort } = transport.tuple;
    const rtcpPort = transport.rtcpTuple!.localPort;
    expect(rtcpPort).not.toBe(localPort);
    if (!comedia) await transport.connect({ ip: '127.0.0.1', port: rtp.port, rtcpPort: rtcp.port });
    const producer = await produce(transport);
    const sync = [{ type: 'sr', ssrc: SSRC, ntpSeconds: 1, ntpFraction: 0, rtpTimestamp: 0 }] as const;
    const report = Buffer.from(
      writeRtcp(sync.map((each) => ({ ...each, packetCount: 1, octetCount: 1, reports: [] }))),
    );
    rtcp.sendRtcp(rtcpPort, report);
    await rtp.speakUntil(localPort, SSRC, () =>
      expect(rtcp.rtcp.find(({ type }) => type === 'rr')).toMatchObject({ reports: [{ ssrc: SSRC }] }),
    );
    expect(transport.rtcpTuple).toMatchObject({ localPort: rtcpPort, remotePort: rtcp.port });
    expect(rtcpTuples).toEqual(comedia ? [transport.rtcpTuple] : []);
    expect(rtp.rtcp).toEqual([]);
    rtp.sendRtcp(localPort, report);
    rtcp.send(rtcpPort, opusPacket(SSRC, 9));
    await vi.waitFor(async () => {
      const [stat] = await transport.getStats();
      expect(stat!.drops).toMatchObject({ 'rtp-wrong-socket': 1, 'rtcp-wrong-socket': 1 });
      expect(stat).toMatchObject({ rtcpMux: false, rtcpTuple: transport.rtcpTuple });
    }, SOON);
    const [stat] = await producer.getStats();
    expect(stat!.packetCount).toBeGreaterThan(0);
  });

  test('listens where it is told', async () => {
    await newRouter();
    const transport = await open({ rtcpListenInfo: { protocol: 'udp', ip: '127.0.0.2' } });
    expect(transport.rtcpTuple).toMatchObject({ localIp: '127.0.0.2' });
  });
});

describe('SRTP', () => {
  test.each(Object.keys(SUITES) as (keyof typeof SUITES)[])('%s, both ways, RTP and RTCP', async (suite) => {
    await newRouter();
    const [ada, ben] = [await newPeer(), await newPeer()];
    const options = { enableSrtp: true, srtpCryptoSuite: suite };
    const [from, to] = [await open(options), await open(options)];
    expect(Buffer.from(to.srtpParameters!.keyBase64, 'base64')).toHaveLength(SUITES[suite]);
    expect(from.srtpParameters).not.toEqual(to.srtpParameters);
    const keys = [newKey(suite, 1), newKey(suite, 2)] as const;
    await from.connect({ ip: '127.0.0.1', port: ada.port, srtpParameters: keys[0] });
    await to.connect({ ip: '127.0.0.1', port: ben.port, srtpParameters: keys[1] });
    ada.secure(keys[0], from.srtpParameters!);
    ben.secure(keys[1], to.srtpParameters!);
    const producer = await produce(from);
    await consume(to, producer.id);
    await ada.speakUntil(from.tuple.localPort, SSRC, () => {
      expect(ben.rtp.length).toBeGreaterThan(3);
      expect(ada.rtcp.some(({ type }) => type === 'rr')).toBe(true);
    });
    expect(ben.rtp[0]!.payload).toBe('voice 1');
  });

  test('the suite of the other side wins, and ours gets a key of its length', async () => {
    await newRouter();
    const ada = await newPeer();
    const transport = await open({ enableSrtp: true });
    expect(transport.srtpParameters!.cryptoSuite).toBe('AES_CM_128_HMAC_SHA1_80');
    const key = newKey('AEAD_AES_256_GCM', 5);
    await transport.connect({ ip: '127.0.0.1', port: ada.port, srtpParameters: key });
    expect(transport.srtpParameters!.cryptoSuite).toBe('AEAD_AES_256_GCM');
    ada.secure(key, transport.srtpParameters!);
    await consume(transport, (await produce(transport)).id);
    await ada.speakUntil(transport.tuple.localPort, SSRC, () => expect(ada.rtp.length).toBeGreaterThan(0));
  });
});

describe('SCTP', () => {
  test('messages go from one PlainTransport over another to a third party', async () => {
    await newRouter();
    const [one, two] = [await open({ enableSctp: true }), await open({ enableSctp: true })];
    expect(one.sctpParameters).toMatchObject({ port: 5000, OS: 1024, MIS: 1024, maxMessageSize: 262_144 });
    const direct = await router.createDirectTransport();
    const source = await direct.produceData();
    const outgoing = await one.consumeData({ dataProducerId: source.id });
    const incoming = await two.produceData({ sctpStreamParameters: outgoing.sctpStreamParameters! });
    const sink = await direct.consumeData({ dataProducerId: incoming.id });
    const heard: string[] = [];
    sink.on('message', (message) => heard.push(message.toString()));
    const states: string[] = [];
    one.on('sctpstatechange', (state) => states.push(state));
    await one.connect({ ip: '127.0.0.1', port: two.tuple.localPort });
    // The other side listens somewhat later.
    await new Promise((resolve) => setTimeout(resolve, 400));
    await two.connect({ ip: '127.0.0.1', port: one.tuple.localPort });
    await vi.waitFor(() => expect([one.sctpState, two.sctpState]).toEqual(['connected', 'connected']), SOON);
    expect(states).toEqual(['connecting', 'connected']);
    const large = 'x'.repeat(200_000);
    source.send('hello');
    source.send(large);
    await vi.waitFor(() => expect(heard).toEqual(['hello', large]), SOON);
    const [stat] = await one.getStats();
    expect(stat!.bytesSent).toBeGreaterThan(200_000);
    expect(stat!.sctpState).toBe('connected');
    expect((await two.dump()).sctpListener).toEqual({
      streamIdTable: [{ key: outgoing.sctpStreamParameters!.streamId, value: incoming.id }],
    });
  });

  test('is refused by a transport without it', async () => {
    await newRouter();
    const ada = await newPeer();
    const transport = await open();
    await transport.connect({ ip: '127.0.0.1', port: ada.port });
    await produce(transport);
    ada.send(transport.tuple.localPort, Buffer.from('138813880000000012345678', 'hex'));
    await ada.speakUntil(transport.tuple.localPort, SSRC, () => expect(ada.rtcp.length).toBeGreaterThan(0));
    expect(ada.others).toEqual([]);
  });
});

test('nearly right datagrams from the right address: nothing breaks, and media goes on', async () => {
  await newRouter();
  const [ada, ben] = [await newPeer(), await newPeer()];
  const [from, to] = [await open({ enableSctp: true }), await open()];
  await from.connect({ ip: '127.0.0.1', port: ada.port });
  await to.connect({ ip: '127.0.0.1', port: ben.port });
  const producer = await produce(from);
  await consume(to, producer.id);
  const chance = new Chance(47);
  const genuine = [
    opusPacket(SSRC, 40_000),
    Buffer.from(writeRtcp([{ type: 'rr', ssrc: 1, reports: [] }])),
    Buffer.from('1388138800000000123456780100001400000001000400000010001000000001', 'hex'), // INIT
    Buffer.from('000100002112a442000000000000000000000000', 'hex'), // a STUN check
    Buffer.from('16fefd000000000000000000010000', 'hex'), // a DTLS record
  ];
  for (let i = 0; i < 3_000; i++) {
    const bytes = Buffer.from(genuine[i % genuine.length]!);
    for (let k = 0; k <= chance.below(4); k++) bytes[chance.below(bytes.length)] = chance.below(256);
    ada.send(from.tuple.localPort, chance.below(4) === 0 ? bytes.subarray(0, chance.below(40)) : bytes);
    if (i % 100 === 99) await router.dump();
  }
  ben.rtp.length = 0;
  await ada.speakUntil(from.tuple.localPort, SSRC, () =>
    expect(ben.rtp.filter(({ payload }) => /^voice \d+$/.test(payload)).length).toBeGreaterThan(5),
  );
  const [stat] = await from.getStats();
  expect(Object.values(stat!.drops).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(100);
});

describe('refused', () => {
  test('options that contradict each other', async () => {
    await newRouter();
    const udp = { listenInfo: LISTEN };
    for (const options of [
      {},
      { ...udp, listenIp: '127.0.0.1' },
      { listenIp: 'localhost' },
      { listenInfo: { ...LISTEN, protocol: 'tcp' } },
      { ...udp, rtcpListenInfo: { ...LISTEN, protocol: 'tcp' } },
      { ...udp, enableSrtp: true, srtpCryptoSuite: 'ROT13' },
      { listenInfo: { ...LISTEN, portRange: { min: 20, max: 10 } } },
      { ...udp, numSctpStreams: { OS: -1, MIS: 1 } },
    ])
      await expect(router.createPlainTransport(options as PlainTransportOptions)).rejects.toThrow(TypeError);
    const given = await open({ rtcpMux: false });
    const comedia = await open({ comedia: true });
    const secured = await open({ enableSrtp: true });
    const key = newKey('AES_CM_128_HMAC_SHA1_80', 1);
    for (const [transport, options] of [
      [given, {}],
      [given, { ip: '127.0.0.1', port: 1 }],
      [given, { ip: 'nowhere', port: 1, rtcpPort: 2 }],
      [given, { ip: '127.0.0.1', port: 70_000, rtcpPort: 2 }],
      [given, { ip: '127.0.0.1', port: 1, rtcpPort: 2, srtpParameters: key }],
      [comedia, { ip: '127.0.0.1', port: 1 }],
      [secured, { ip: '127.0.0.1', port: 1 }],
      [secured, { ip: '127.0.0.1', port: 1, srtpParameters: { ...key, keyBase64: 'AAAA' } }],
    ] as const)
      await expect(transport.connect(options)).rejects.toThrow(TypeError);
  });

  test('a second connect, a port that is taken, a range that is full', async () => {
    await newRouter();
    const transport = await open();
    await transport.connect({ ip: '127.0.0.1', port: 9 });
    await expect(transport.connect({ ip: '127.0.0.1', port: 9 })).rejects.toThrow('already called');
    const { localPort } = transport.tuple;
    const taken = { ...LISTEN, port: localPort };
    await expect(open({ listenInfo: taken })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    const full = { ...LISTEN, portRange: { min: localPort, max: localPort } };
    await expect(open({ listenInfo: full })).rejects.toMatchObject({ code: 'PORTS_EXHAUSTED' });
    // Nothing of the one that failed at its second socket is left.
    const other = await newPeer();
    const free = other.port;
    other.close();
    peers.pop();
    await expect(open({ listenInfo: { ...LISTEN, port: free }, rtcpListenInfo: taken })).rejects.toThrow();
    const again = await open({ listenInfo: { ...LISTEN, port: free } });
    again.close();
    await router.dump();
    expect((await open({ listenInfo: { ...LISTEN, port: free } })).tuple.localPort).toBe(free);
  });
});
