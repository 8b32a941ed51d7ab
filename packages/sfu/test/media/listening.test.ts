/** Where a transport can be reached: ICE-TCP beside UDP, IPv6, a WebRtcServer's sockets. Real sockets, the public API. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createWorker } from '@tertulia/sfu';
import type {
  FingerprintAlgorithm,
  IceCandidate,
  Router,
  WebRtcServer,
  WebRtcTransport,
  WebRtcTransportOptions,
  Worker,
} from '@tertulia/sfu';
import { LoopbackPeer } from './support/loopbackPeer.js';
import { opusParameters } from './support/memoryCall.js';
import { TcpBridge } from './support/tcpBridge.js';

const MEDIA_CODECS = [{ kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }];
const SOON = { timeout: 5_000, interval: 10 };

let worker: Worker;
let server: WebRtcServer;
let router: Router;
const closers: { close(): void }[] = [];

beforeAll(async () => {
  worker = await createWorker({ logLevel: 'warn' });
  server = await worker.createWebRtcServer({
    listenInfos: [
      { protocol: 'udp', ip: '127.0.0.1' },
      { protocol: 'tcp', ip: '127.0.0.1' },
      { protocol: 'udp', ip: '::1' },
      { protocol: 'tcp', ip: '::1' },
    ],
  });
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
});
afterEach(() => {
  for (const closer of closers.splice(0).reverse()) closer.close();
});
afterAll(() => worker.close());

const candidate = (transport: WebRtcTransport, protocol: 'udp' | 'tcp', ip = '127.0.0.1'): IceCandidate =>
  transport.iceCandidates.find((each) => each.protocol === protocol && each.address === ip)!;

async function bridgeTo({ port, address }: { port: number; address: string }): Promise<TcpBridge> {
  const bridge = await TcpBridge.open(port, address);
  closers.push(bridge);
  return bridge;
}

interface Joined {
  transport: WebRtcTransport;
  peer: LoopbackPeer;
  bridge: TcpBridge | undefined;
}

async function join(
  protocol: 'udp' | 'tcp',
  options: WebRtcTransportOptions = { webRtcServer: server },
  ip = '127.0.0.1',
  algorithm: FingerprintAlgorithm | undefined = undefined,
): Promise<Joined> {
  const transport = await router.createWebRtcTransport(options);
  closers.push(transport);
  const peer = new LoopbackPeer(protocol === 'udp' ? ip : '127.0.0.1');
  closers.push(peer);
  const given = peer.dtlsParameters.fingerprints.filter((each) => !algorithm || each.algorithm === algorithm);
  await transport.connect({ dtlsParameters: { ...peer.dtlsParameters, fingerprints: given } });
  const reached = candidate(transport, protocol, ip);
  const bridge = protocol === 'tcp' ? await bridgeTo(reached) : undefined;
  peer.connect(transport.iceParameters, { ...reached, ...bridge?.address });
  await vi.waitFor(() => expect(transport.dtlsState).toBe('connected'), SOON);
  await vi.waitFor(() => expect(peer.connected).toBe(true), SOON);
  return { transport, peer, bridge };
}

describe('ICE-TCP', () => {
  test('a voice goes from a peer on TCP to one on UDP and back', async () => {
    const ada = await join('tcp');
    const ben = await join('udp');
    expect(ada.transport.iceState).toBe('completed');
    expect(ada.transport.iceSelectedTuple).toEqual({
      localAddress: '127.0.0.1',
      localIp: '127.0.0.1',
      localPort: candidate(ada.transport, 'tcp').port,
      remoteIp: '127.0.0.1',
      remotePort: ada.bridge!.localPort,
      protocol: 'tcp',
    });
    expect(ben.transport.iceSelectedTuple?.protocol).toBe('udp');
    for (const [from, to, ssrc] of [
      [ada, ben, 1],
      [ben, ada, 2],
    ] as const) {
      const rtpParameters = opusParameters({ mid: '0', ssrc });
      const producer = await from.transport.produce({ kind: 'audio', rtpParameters });
      await to.transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
      await vi.waitFor(
        () => {
          from.peer.speak(ssrc, 'voice');
          expect(to.peer.rtp.length).toBeGreaterThan(5);
        },
        { timeout: 5_000, interval: 20 },
      );
      to.peer.rtp.slice(0, 5).forEach((packet, i) => expect(packet.payload.trim()).toBe(`voice ${i}`));
    }
    const [stat] = await ada.transport.getStats();
    expect(stat).toMatchObject({
      type: 'webrtc-transport',
      iceState: 'completed',
      iceSelectedTuple: { protocol: 'tcp' },
    });
  });

  test('a connection that ends takes the session with it until the next one comes', async () => {
    const { transport, peer, bridge } = await join('tcp');
    bridge!.close();
    closers.splice(closers.indexOf(bridge!), 1);
    await vi.waitFor(() => expect(transport.iceState).toBe('disconnected'), SOON);
    const again = await bridgeTo(candidate(transport, 'tcp'));
    peer.move(again.address);
    await vi.waitFor(() => expect(transport.iceState).toBe('completed'), SOON);
    expect(transport.iceSelectedTuple?.remotePort).toBe(again.localPort);
    expect(transport.dtlsState).toBe('connected');
  });

  test('a session moves from TCP to UDP without a break', async () => {
    const { transport, peer } = await join('tcp');
    const states: string[] = [];
    transport.on('icestatechange', (state) => states.push(state));
    peer.move(candidate(transport, 'udp'));
    await vi.waitFor(() => expect(transport.iceSelectedTuple?.protocol).toBe('udp'), SOON);
    expect(states).toEqual([]);
  });

  test('closing the transport ends its connection', async () => {
    const { transport, bridge } = await join('tcp');
    transport.close();
    await vi.waitFor(() => expect(bridge!.ended).toBe(true), SOON);
  });

  test('a transport of its own listens where it is told to', async () => {
    const listenInfos = [{ protocol: 'tcp' as const, ip: '127.0.0.1' }];
    const { transport, bridge } = await join('tcp', { listenInfos });
    expect(transport.iceCandidates).toHaveLength(1);
    const { port } = transport.iceCandidates[0]!;
    transport.close();
    await vi.waitFor(() => expect(bridge!.ended).toBe(true), SOON);
    // The port is free again.
    await join('tcp', { listenInfos: [{ protocol: 'tcp', ip: '127.0.0.1', port }] });
  });

  test('without UDP only TCP is offered, and checks on UDP reach nobody', async () => {
    const { transport } = await join('tcp', { webRtcServer: server, enableUdp: false });
    expect(new Set(transport.iceCandidates.map(({ protocol }) => protocol))).toEqual(new Set(['tcp']));
    const stray = new LoopbackPeer();
    closers.push(stray);
    const udp = server.listening[0]!;
    stray.connect(transport.iceParameters, { ...candidate(transport, 'tcp'), port: udp.port });
    await vi.waitFor(async () => {
      const [stat] = await transport.getStats();
      expect(stat!.drops['stun-wrong-socket']).toBeGreaterThan(0);
    }, SOON);
    expect(stray.stunSuccesses).toBe(0);
  });

  test('a port range without a free port is an error that says so', async () => {
    const { port } = server.listening[1]!;
    const listenInfos = [{ protocol: 'tcp' as const, ip: '127.0.0.1', portRange: { min: port, max: port } }];
    await expect(router.createWebRtcTransport({ listenInfos })).rejects.toMatchObject({
      name: 'InvalidStateError',
      code: 'PORTS_EXHAUSTED',
      message: expect.stringContaining('TCP') as string,
    });
  });
});

test.each(['udp', 'tcp'] as const)('%s: a port range goes before a port', async (protocol) => {
  const taken = server.listening[protocol === 'udp' ? 0 : 1]!.port;
  const listen = (portRange: { min: number; max: number }): Promise<WebRtcTransport> =>
    router.createWebRtcTransport({ listenInfos: [{ protocol, ip: '127.0.0.1', port: taken, portRange }] });
  const transport = await listen({ min: 20_000, max: 21_000 });
  closers.push(transport);
  const { port } = transport.iceCandidates[0]!;
  expect(port).toBeGreaterThanOrEqual(20_000);
  expect(port).toBeLessThanOrEqual(21_000);
  await expect(listen({ min: 0, max: 0 })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
});

describe('IPv6', () => {
  test.each(['udp', 'tcp'] as const)('a session over %s and ::1', async (protocol) => {
    const { transport } = await join(protocol, { webRtcServer: server }, '::1');
    expect(transport.iceSelectedTuple).toMatchObject({ localAddress: '::1', remoteIp: '::1', protocol });
  });

  test('a socket for all addresses takes IPv4 too', async () => {
    const listenInfos = [{ protocol: 'udp' as const, ip: '::', announcedAddress: '127.0.0.1' }];
    const { transport } = await join('udp', { listenInfos });
    expect(transport.iceSelectedTuple?.remoteIp).toBe('127.0.0.1');
  });
});

describe('a WebRtcServer', () => {
  test('says who uses it and from where, and ends with all its transports', async () => {
    const own = await worker.createWebRtcServer({
      listenInfos: [
        { protocol: 'udp', ip: '127.0.0.1' },
        { protocol: 'tcp', ip: '127.0.0.1', announcedAddress: '127.0.0.1', exposeInternalIp: true },
      ],
    });
    const ada = await join('tcp', { webRtcServer: own });
    const ben = await join('udp', { webRtcServer: own });
    const ids = [ada.transport.id, ben.transport.id];
    const fragments = [ada, ben].map(({ transport }) => ({
      localIceUsernameFragment: transport.iceParameters.usernameFragment,
      webRtcTransportId: transport.id,
    }));
    const tupleHashes = ids.map((webRtcTransportId) => ({
      tupleHash: expect.any(Number) as number,
      webRtcTransportId,
    }));
    const [udp, tcp] = own.listening;
    expect(await own.dump()).toMatchObject({
      id: own.id,
      udpSockets: [{ ip: '127.0.0.1', port: udp!.port }],
      tcpServers: [{ ip: '127.0.0.1', port: tcp!.port }],
      webRtcTransportIds: ids,
      localIceUsernameFragments: fragments,
      tupleHashes,
    });
    const news: string[] = [];
    ada.transport.on('listenserverclose', () => news.push('ada'));
    ben.transport.on('listenserverclose', () => news.push('ben'));
    own.close();
    expect(news.sort()).toEqual(['ada', 'ben']);
    await vi.waitFor(() => expect(ada.bridge!.ended).toBe(true), SOON);
    const listenInfos = [{ protocol: 'tcp' as const, ip: '127.0.0.1', port: tcp!.port }];
    closers.push(await worker.createWebRtcServer({ listenInfos }));
  });

  test('cannot be used by a transport that wants none of its protocols', async () => {
    const own = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
    closers.push(own);
    await expect(router.createWebRtcTransport({ webRtcServer: own, enableUdp: false })).rejects.toThrow(
      TypeError,
    );
  });
});

describe('DTLS', () => {
  test.each([
    { theirs: 'client', said: 'client', ours: 'server' },
    { theirs: 'server', said: 'server', ours: 'client' },
    { theirs: 'server', said: 'auto', ours: 'client' },
    { theirs: 'server', said: undefined, ours: 'client' },
  ] as const)('a peer that says $said gets a $ours', async ({ theirs, said, ours }) => {
    const transport = await router.createWebRtcTransport({ webRtcServer: server });
    const peer = new LoopbackPeer('127.0.0.1', theirs);
    closers.push(transport, peer);
    const { fingerprints } = peer.dtlsParameters;
    await transport.connect({ dtlsParameters: { fingerprints, ...(said ? { role: said } : {}) } });
    expect(transport.dtlsParameters.role).toBe(ours);
    peer.connect(transport.iceParameters, candidate(transport, 'udp'));
    await vi.waitFor(() => expect(transport.dtlsState).toBe('connected'), SOON);
    await vi.waitFor(() => expect(peer.connected).toBe(true), SOON);
  });

  test('a certificate that was not announced fails', async () => {
    const transport = await router.createWebRtcTransport({ webRtcServer: server });
    const peer = new LoopbackPeer();
    closers.push(transport, peer);
    const fingerprints = [{ algorithm: 'sha-256' as const, value: Array(32).fill('AB').join(':') }];
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints } });
    peer.connect(transport.iceParameters, candidate(transport, 'udp'));
    await vi.waitFor(() => expect(transport.dtlsState).toBe('failed'), SOON);
    expect(transport.dtlsRemoteCert).toBeUndefined();
  });

  test.each(['sha-1', 'sha-224', 'sha-256', 'sha-384', 'sha-512'] as const)(
    'a fingerprint by %s is enough, and the certificate is handed out',
    async (algorithm) => {
      const { transport } = await join('udp', { webRtcServer: server }, '127.0.0.1', algorithm);
      expect(transport.dtlsRemoteCert).toMatch(/^-----BEGIN CERTIFICATE-----/);
      expect((await transport.dump()).dtlsRemoteCert).toBe(transport.dtlsRemoteCert);
    },
  );
});
