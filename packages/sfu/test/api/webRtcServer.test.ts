/** WebRtcServer, with a real media process: ports, transports on them, dumps, and its end in every way. */
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { expect, test } from 'vitest';
import { InvalidStateError } from '@tertulia/sfu';
import { LISTEN, recordNames, workersOfTests } from './support/realWorker.js';

const start = workersOfTests();
const TCP = { ...LISTEN, protocol: 'tcp' as const };

/** A port that was free a moment ago, for UDP and TCP. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('it listens where it was told, UDP and TCP, and dump says so', async () => {
  const worker = await start();
  const port = await freePort();
  const server = await worker.createWebRtcServer({
    listenInfos: [
      { ...LISTEN, port, announcedAddress: 'sfu.example.org' },
      { ...TCP, portRange: { min: 47_330, max: 47_339 } },
    ],
    appData: { name: 's' },
  });
  expect([server.closed, server.appData.name]).toEqual([false, 's']);
  const dump = await server.dump();
  expect(dump).toMatchObject({
    id: server.id,
    udpSockets: [{ ip: '127.0.0.1', port }],
    tcpServers: [{ ip: '127.0.0.1' }],
    webRtcTransportIds: [],
    localIceUsernameFragments: [],
    tupleHashes: [],
  });
  expect(dump.tcpServers[0]?.port).toBeGreaterThanOrEqual(47_330);
  expect(dump.tcpServers[0]?.port).toBeLessThanOrEqual(47_339);
  expect(await worker.dump()).toMatchObject({ webRtcServerIds: [server.id] });
});

test('its transports share its ports, and name the announced address', async () => {
  const worker = await start();
  const server = await worker.createWebRtcServer({
    listenInfos: [{ ...LISTEN, announcedAddress: '203.0.113.7' }, TCP],
  });
  const router = await worker.createRouter();
  const log = recordNames([
    'server',
    server.observer,
    ['webrtctransporthandled', 'webrtctransportunhandled'],
  ]);
  const [one, two] = [
    await router.createWebRtcTransport({ webRtcServer: server }),
    await router.createWebRtcTransport({ webRtcServer: server }),
  ];
  const { udpSockets, tcpServers, ...rest } = await server.dump();
  for (const { iceCandidates } of [one, two]) {
    expect(iceCandidates.map(({ protocol, address, port }) => ({ protocol, address, port }))).toEqual([
      { protocol: 'udp', address: '203.0.113.7', port: udpSockets[0]?.port },
      { protocol: 'tcp', address: '127.0.0.1', port: tcpServers[0]?.port },
    ]);
  }
  expect(rest.webRtcTransportIds).toEqual([one.id, two.id]);
  expect(rest.localIceUsernameFragments).toEqual(
    [one, two].map(({ id, iceParameters }) => ({
      localIceUsernameFragment: iceParameters.usernameFragment,
      webRtcTransportId: id,
    })),
  );
  one.close();
  router.close();
  expect(log).toEqual([
    'server webrtctransporthandled',
    'server webrtctransporthandled',
    'server webrtctransportunhandled',
    'server webrtctransportunhandled',
  ]);
  expect(await server.dump()).toMatchObject({ webRtcTransportIds: [], localIceUsernameFragments: [] });
  expect(server.webRtcTransportsForTesting.size).toBe(0);
});

test.each<[what: string, listenInfos: unknown]>([
  ['nothing', undefined],
  ['an empty list', []],
  ['no list', { protocol: 'udp', ip: '127.0.0.1' }],
  ['a text', ['127.0.0.1']],
  ['an unknown protocol', [{ protocol: 'sctp', ip: '127.0.0.1' }]],
  ['no address', [{ protocol: 'udp' }]],
  ['a port that is none', [{ ...LISTEN, port: 70_000 }]],
  ['a range upside down', [{ ...LISTEN, portRange: { min: 2_000, max: 1_000 } }]],
])('%s as listenInfos is a TypeError that names it', async (_what, listenInfos) => {
  const worker = await start();
  const error: unknown = await worker
    .createWebRtcServer({ listenInfos: listenInfos as [] })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain('listenInfos');
});

test('what cannot be sent to another process is a TypeError', async () => {
  const worker = await start();
  const withFunction = { ...LISTEN, flags: { ipv6Only: (() => true) as never } };
  await expect(worker.createWebRtcServer({ listenInfos: [withFunction] })).rejects.toThrow(TypeError);
  expect(await worker.dump()).toMatchObject({ webRtcServerIds: [] });
});

test('when one of its ports is taken, none stays open', async () => {
  const worker = await start();
  const taken = createSocket('udp4');
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve));
  const [free, { port }] = [await freePort(), taken.address()];
  const listenInfos = [
    { ...LISTEN, port: free },
    { ...LISTEN, port },
  ];
  await expect(worker.createWebRtcServer({ listenInfos })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  expect(await worker.dump()).toMatchObject({ webRtcServerIds: [] });
  taken.close();
  const server = await worker.createWebRtcServer({ listenInfos });
  expect((await server.dump()).udpSockets.map((socket) => socket.port)).toEqual([free, port]);
});

test('close() takes its transports along, then frees the ports', async () => {
  const worker = await start();
  const port = await freePort();
  const listenInfos = [
    { ...LISTEN, port },
    { ...TCP, port },
  ];
  const server = await worker.createWebRtcServer({ listenInfos });
  const router = await worker.createRouter();
  const transport = await router.createWebRtcTransport({ webRtcServer: server });
  const log = recordNames(
    ['transport', transport, ['listenserverclose', 'routerclose']],
    ['transport observer', transport.observer, ['close']],
    ['server', server, ['workerclose']],
    ['server observer', server.observer, ['close']],
  );
  server.close();
  server.close();
  expect(log).toEqual(['transport listenserverclose', 'transport observer close', 'server observer close']);
  expect([server.closed, transport.closed, router.closed]).toEqual([true, true, false]);
  await expect(server.dump()).rejects.toThrow(InvalidStateError);
  await expect(router.createWebRtcTransport({ webRtcServer: server })).rejects.toThrow(InvalidStateError);
  expect(await router.dump()).toMatchObject({ transportIds: [] });
  await worker.createWebRtcServer({ listenInfos }); // the ports are free
});

test('only a WebRtcServer is one', async () => {
  const router = await (await start()).createRouter();
  await expect(router.createWebRtcTransport({ webRtcServer: { id: 'x' } as never })).rejects.toThrow(
    /webRtcServer/,
  );
});

test('with its worker it closes after the routers', async () => {
  const worker = await start();
  const server = await worker.createWebRtcServer({ listenInfos: [LISTEN] });
  const router = await worker.createRouter();
  const transport = await router.createWebRtcTransport({ webRtcServer: server });
  const log = recordNames(
    ['transport', transport, ['listenserverclose', 'routerclose']],
    ['router', router, ['workerclose']],
    ['server', server, ['workerclose']],
    ['server observer', server.observer, ['close']],
  );
  worker.close();
  expect(log).toEqual([
    'transport routerclose',
    'router workerclose',
    'server workerclose',
    'server observer close',
  ]);
});
