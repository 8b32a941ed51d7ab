/** What closes what, with which events and in which order; and that nothing hangs when a media process dies. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWorker, InvalidStateError } from '@tertulia/sfu';
import type { Router, WebRtcServer, WebRtcTransport, Worker } from '@tertulia/sfu';
import { opusParameters } from '../media/support/memoryCall.js';

const MEDIA_CODECS = [{ kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 }];

let worker: Worker;
let server: WebRtcServer;
let router: Router;

beforeEach(async () => {
  worker = await createWorker();
  server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  router = await worker.createRouter({ mediaCodecs: MEDIA_CODECS });
});
afterEach(() => worker.close());

const newTransport = (): Promise<WebRtcTransport> => router.createWebRtcTransport({ webRtcServer: server });

/** A call of two transports with a producer, a consumer, virtual streams and a receiver; every event is written down. */
async function wholeCall(): Promise<{ log: string[]; sending: WebRtcTransport; receiving: WebRtcTransport }> {
  const log: string[] = [];
  const sending = await newTransport();
  const receiving = await newTransport();
  const producer = await sending.produce({
    kind: 'audio',
    rtpParameters: opusParameters({ mid: '0', ssrc: 1 }),
  });
  const consumer = await receiving.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  const virtual = await router.createVirtualStreams({ audioSlots: 1 });
  await virtual.addSource({ producer, participantId: 'ada' });
  const receiver = await virtual.createReceiver({
    transport: receiving,
    rtpCapabilities: router.rtpCapabilities,
    mids: { audio: ['0'] },
  });
  worker.on('died', () => log.push('worker died'));
  worker.on('subprocessclose', () => log.push('worker subprocessclose'));
  server.on('workerclose', () => log.push('server workerclose'));
  router.on('workerclose', () => log.push('router workerclose'));
  sending.on('routerclose', () => log.push('sending routerclose'));
  sending.on('listenserverclose', () => log.push('sending listenserverclose'));
  receiving.on('routerclose', () => log.push('receiving routerclose'));
  receiving.on('listenserverclose', () => log.push('receiving listenserverclose'));
  producer.on('transportclose', () => log.push('producer transportclose'));
  consumer.on('transportclose', () => log.push('consumer transportclose'));
  consumer.on('producerclose', () => log.push('consumer producerclose'));
  const entities: Record<string, { observer: { on(event: 'close', listener: () => void): unknown } }> = {
    server,
    router,
    sending,
    receiving,
    producer,
    consumer,
    virtual,
    receiver,
  };
  for (const [name, entity] of Object.entries(entities)) {
    entity.observer.on('close', () => log.push(`${name} observer close`));
  }
  return { log, sending, receiving };
}

const publicEvents = (log: readonly string[]): string[] => log.filter((line) => !line.includes('observer'));
const observed = (log: readonly string[]): string[] => log.filter((line) => line.includes('observer')).sort();

const until = async (condition: () => boolean): Promise<void> => {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('waited 10 s in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test('closing a router closes its transports and what they have, leaves first', async () => {
  const { log } = await wholeCall();
  router.close();
  expect(publicEvents(log)).toEqual([
    'producer transportclose',
    'sending routerclose',
    'consumer transportclose',
    'receiving routerclose',
  ]);
  expect(observed(log)).toHaveLength(7); // all but the server
  expect(router.closed).toBe(true);
  const dump = await worker.dump();
  expect(dump).toMatchObject({ routerIds: [], transports: 0, producers: 0, consumers: 0 });
  expect(dump['engine']).toMatchObject({ peers: 0, entries: 0, lists: 0 });
});

test('closing a transport tells its producers; the consumers elsewhere hear that the producer is gone', async () => {
  const { log, sending } = await wholeCall();
  sending.close();
  expect(publicEvents(log)).toEqual(['producer transportclose']);
  await until(() => log.includes('consumer producerclose'));
  expect(await worker.dump()).toMatchObject({ transports: 1, producers: 0, consumers: 0 });
});

test('closing the listening server takes its transports along', async () => {
  const { log } = await wholeCall();
  server.close();
  expect(publicEvents(log)).toEqual([
    'producer transportclose',
    'sending listenserverclose',
    'consumer transportclose',
    'receiving listenserverclose',
  ]);
  expect(await worker.dump()).toMatchObject({ webRtcServerIds: [], transports: 0, routerIds: [router.id] });
});

test('closing the worker ends the process and everything in it', async () => {
  const { log } = await wholeCall();
  worker.close();
  expect(publicEvents(log)).toEqual([
    'producer transportclose',
    'sending routerclose',
    'consumer transportclose',
    'receiving routerclose',
    'router workerclose',
    'server workerclose',
  ]);
  await until(() => log.includes('worker subprocessclose'));
  expect(worker.died).toBe(false);
  expect(log).not.toContain('worker died');
});

test('H12.7 a media process that is killed: everything closes with its events, then died; open requests are refused', async () => {
  const { log, sending } = await wholeCall();
  const open = [sending.getStats(), router.dump(), worker.dump(), newTransport()].map((request) =>
    request.then(
      () => 'answered',
      (error: unknown) => error,
    ),
  );
  process.kill(worker.pid, 'SIGKILL');
  await until(() => worker.subprocessClosed);
  for (const outcome of await Promise.all(open)) {
    if (outcome !== 'answered') expect(outcome).toBeInstanceOf(InvalidStateError);
  }
  expect(publicEvents(log)).toEqual([
    'producer transportclose',
    'sending routerclose',
    'consumer transportclose',
    'receiving routerclose',
    'router workerclose',
    'server workerclose',
    'worker died',
    'worker subprocessclose',
  ]);
  expect(worker).toMatchObject({ closed: true, died: true });
  await expect(worker.createRouter()).rejects.toThrow(InvalidStateError);
  await expect(sending.getStats()).rejects.toMatchObject({ code: 'CLOSED' });
});

test('closing twice is closing once', async () => {
  const { log, sending } = await wholeCall();
  sending.close();
  sending.close();
  router.close();
  router.close();
  expect(log.filter((line) => line === 'sending observer close')).toHaveLength(1);
  expect(log).not.toContain('sending routerclose');
});

test('a listener that throws stops nothing and is reported', async () => {
  const { log, sending } = await wholeCall();
  const faults: string[] = [];
  sending.on('listenererror', (event, error) => faults.push(`${event}: ${error.message}`));
  sending.on('routerclose', () => {
    throw new Error('a bad listener');
  });
  router.close();
  expect(faults).toEqual(['routerclose: a bad listener']);
  expect(log).toContain('receiving routerclose');
});

describe('options', () => {
  test.each([
    ['logLevel', { logLevel: 'loud' as 'debug' }],
    ['rtcMinPort', { rtcMinPort: -1 }],
    ['rtcMaxPort', { rtcMaxPort: 70_000 }],
    ['rtcMinPort', { rtcMinPort: 50_000, rtcMaxPort: 40_000 }],
    ['dtlsCertificateFile', { dtlsCertificateFile: '/nowhere/certificate.pem' }],
  ])('a worker with a wrong %s is a TypeError that names it', async (name, settings) => {
    await expect(createWorker(settings)).rejects.toThrow(TypeError);
    await expect(createWorker(settings)).rejects.toThrow(name);
  });

  test('a certificate that cannot be read is an error of createWorker, not a crash somewhere', async () => {
    const settings = { dtlsCertificateFile: 'package.json', dtlsPrivateKeyFile: 'package.json' };
    await expect(createWorker(settings)).rejects.toMatchObject({ code: 'BAD_CERTIFICATE' });
  });

  test('a port that is taken is said in one sentence, with a code', async () => {
    const { port } = server.listening[0]!;
    const again = worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', port }] });
    await expect(again).rejects.toMatchObject({ name: 'InvalidStateError', code: 'ADDRESS_IN_USE' });
    await expect(again).rejects.toThrow(`127.0.0.1:${port}`);
  });

  test('an address that is not ours is said in one sentence, with a code', async () => {
    const away = worker.createWebRtcServer({
      listenInfos: [{ protocol: 'udp', ip: '192.0.2.1', port: 40_000 }],
    });
    await expect(away).rejects.toMatchObject({ name: 'InvalidStateError', code: 'ADDRESS_NOT_AVAILABLE' });
  });

  test('H12.1 a port range without a free port is an error, not a wait', async () => {
    const { port } = server.listening[0]!;
    const full = router.createWebRtcTransport({
      listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', portRange: { min: port, max: port } }],
    });
    await expect(full).rejects.toMatchObject({ name: 'InvalidStateError', code: 'PORTS_EXHAUSTED' });
    expect(await worker.dump()).toMatchObject({ transports: 0 });
  });

  test('connect() twice is an InvalidStateError', async () => {
    const transport = await newTransport();
    const fingerprints = [{ algorithm: 'sha-256' as const, value: 'AA:BB' }];
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints } });
    await expect(transport.connect({ dtlsParameters: { role: 'client', fingerprints } })).rejects.toThrow(
      InvalidStateError,
    );
    expect(transport.dtlsParameters.role).toBe('server');
  });

  test('two producers cannot have the same MID or SSRC, and the first one stays whole', async () => {
    const transport = await newTransport();
    await transport.produce({ kind: 'audio', rtpParameters: opusParameters({ mid: '0', ssrc: 1 }) });
    for (const clash of [
      { mid: '0', ssrc: 2 },
      { mid: '1', ssrc: 1 },
    ]) {
      const second = transport.produce({ kind: 'audio', rtpParameters: opusParameters(clash) });
      await expect(second).rejects.toThrow(TypeError);
    }
    expect(await worker.dump()).toMatchObject({ producers: 1 });
    await transport.produce({ kind: 'audio', rtpParameters: opusParameters({ mid: '1', ssrc: 2 }) });
  });

  test('a source is added once, by a producer of the same router, with a CSRC that can be had', async () => {
    const transport = await newTransport();
    const producer = await transport.produce({
      kind: 'audio',
      rtpParameters: opusParameters({ mid: '0', ssrc: 1 }),
    });
    const virtual = await router.createVirtualStreams();
    await expect(virtual.addSource({ producer, participantId: 'ada', csrc: 42 })).rejects.toThrow(TypeError);
    const { csrc } = await virtual.addSource({ producer, participantId: 'ada', csrc: 77 });
    expect(csrc).toBe(77);
    await expect(virtual.addSource({ producer, participantId: 'ada' })).rejects.toThrow(InvalidStateError);
    const elsewhere = await (await worker.createRouter({ mediaCodecs: MEDIA_CODECS })).createVirtualStreams();
    await expect(elsewhere.addSource({ producer, participantId: 'ada' })).rejects.toMatchObject({
      code: 'WRONG_ROUTER',
    });
  });
});

test("resource usage is the media process's own", async () => {
  const usage = await worker.getResourceUsage();
  expect(usage.ru_utime).toBeGreaterThan(0);
  expect(usage.ru_maxrss).toBeGreaterThan(1000);
});
