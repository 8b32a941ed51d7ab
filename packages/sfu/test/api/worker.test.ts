/** Worker, with a real media process: options, limits, what it says of itself, its log, and its end in every way. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import {
  createWorker,
  InvalidStateError,
  observer,
  setLogEventListeners,
  UnsupportedError,
} from '@tertulia/sfu';
import type { Worker, WorkerSettings } from '@tertulia/sfu';

const OPUS = { kind: 'audio' as const, mimeType: 'audio/opus', clockRate: 48_000, channels: 2 };
const LISTEN = { protocol: 'udp' as const, ip: '127.0.0.1' };

const workers: Worker[] = [];
afterEach(() => {
  setLogEventListeners();
  for (const worker of workers.splice(0)) worker.close();
});

async function start<AppData extends Record<string, unknown>>(
  settings?: WorkerSettings<AppData>,
): Promise<Worker<AppData>> {
  const worker = await createWorker<AppData>(settings);
  workers.push(worker as unknown as Worker);
  return worker;
}

/** What these emitters tell, in order. */
function record(...emitters: [name: string, emitter: object, events: string[]][]): string[] {
  const log: string[] = [];
  for (const [name, emitter, events] of emitters)
    for (const event of events)
      (emitter as { on(event: string, listener: () => void): void }).on(event, () =>
        log.push(`${name} ${event}`),
      );
  return log;
}

const gone = (worker: Worker): Promise<void> =>
  new Promise((resolve) => {
    if (worker.subprocessClosed) resolve();
    else worker.once('subprocessclose', () => resolve());
  });

describe('createWorker', () => {
  test('starts a process of its own, told by the observer', async () => {
    const seen: Worker[] = [];
    observer.once('newworker', (worker) => seen.push(worker));
    const worker = await start({ appData: { number: 7 } });
    expect(seen).toEqual([worker]);
    expect(worker.pid).not.toBe(process.pid);
    expect(readFileSync(`/proc/${worker.pid}/cmdline`, 'utf8')).toContain('media/main.js');
    expect([worker.closed, worker.died, worker.subprocessClosed]).toEqual([false, false, false]);
    expect(worker.appData).toEqual({ number: 7 });
    worker.appData = { number: 8 };
    expect(worker.appData.number).toBe(8);
    expect(worker.constructor.name).toBe('WorkerImpl');
  });

  test('takes every option of mediasoup, and what it does not know', async () => {
    const later = { useBuiltInSctpStack: true } as object;
    const worker = await start({
      logLevel: 'debug',
      logTags: [
        'info',
        'ice',
        'dtls',
        'rtp',
        'srtp',
        'rtcp',
        'rtx',
        'bwe',
        'score',
        'simulcast',
        'svc',
        'sctp',
      ],
      rtcMinPort: 0,
      rtcMaxPort: 9_999,
      libwebrtcFieldTrials: 'WebRTC-Bwe-AlrLimitedBackoff/Disabled/',
      disableLiburing: true,
      ignoreSignals: false,
      ...later,
    });
    expect(worker.appData).toEqual({});
  });

  test.each<[option: string, settings: object]>([
    ['logLevel', { logLevel: 'chatty' }],
    ['logTags', { logTags: 'ice' }],
    ['logTags', { logTags: ['ice', 'fire'] }],
    ['rtcMinPort', { rtcMinPort: -1 }],
    ['rtcMinPort', { rtcMinPort: 1.5 }],
    ['rtcMaxPort', { rtcMaxPort: 65_536 }],
    ['rtcMinPort', { rtcMinPort: 999, rtcMaxPort: 998 }],
    ['dtlsCertificateFile', { dtlsCertificateFile: 7, dtlsPrivateKeyFile: '/nowhere/key.pem' }],
    [
      'dtlsCertificateFile',
      { dtlsCertificateFile: '/nowhere/cert.pem', dtlsPrivateKeyFile: '/nowhere/key.pem' },
    ],
    ['dtlsPrivateKeyFile', { dtlsCertificateFile: '/nowhere/cert.pem' }],
    ['libwebrtcFieldTrials', { libwebrtcFieldTrials: {} }],
    ['disableLiburing', { disableLiburing: 'yes' }],
    ['ignoreSignals', { ignoreSignals: 1 }],
    ['appData', { appData: 'text' }],
  ])('a wrong %s is a TypeError that names it: %j', async (option, settings) => {
    const error = await createWorker(settings as WorkerSettings).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(option);
  });

  test('rtcMinPort and rtcMaxPort bound the ports of transports that name none', async () => {
    const worker = await start({ rtcMinPort: 47_310, rtcMaxPort: 47_319 });
    const router = await worker.createRouter();
    for (let i = 0; i < 4; i++) {
      const { tuple } = await router.createPlainTransport({ listenInfo: LISTEN });
      expect(tuple.localPort).toBeGreaterThanOrEqual(47_310);
      expect(tuple.localPort).toBeLessThanOrEqual(47_319);
    }
  });

  test('the certificate of the files is the one that peers are told', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tertulia-certificate-'));
    try {
      const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      const files = ['-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=test'];
      execFileSync('openssl', ['req', '-x509', ...curve, ...files], { stdio: 'ignore' });
      const told = execFileSync('openssl', ['x509', '-in', certificate, '-noout', '-fingerprint', '-sha256']);
      const worker = await start({ dtlsCertificateFile: certificate, dtlsPrivateKeyFile: key });
      const router = await worker.createRouter();
      const { dtlsParameters } = await router.createWebRtcTransport({ listenInfos: [LISTEN] });
      const sha256 = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
      expect(sha256?.value).toBe(told.toString().trim().split('=')[1]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('what it says of itself', () => {
  test('dump names what is in it', async () => {
    const worker = await start();
    expect(await worker.dump()).toMatchObject({
      pid: worker.pid,
      webRtcServerIds: [],
      routerIds: [],
      channelMessageHandlers: { channelRequestHandlers: [], channelNotificationHandlers: [] },
    });
    const router = await worker.createRouter();
    const server = await worker.createWebRtcServer({ listenInfos: [LISTEN] });
    const transport = await router.createDirectTransport();
    const dump = await worker.dump();
    expect(dump).toMatchObject({ webRtcServerIds: [server.id], routerIds: [router.id], transports: 1 });
    const { channelRequestHandlers, channelNotificationHandlers } = dump.channelMessageHandlers;
    expect(channelRequestHandlers.sort()).toEqual([router.id, server.id, transport.id].sort());
    expect(channelNotificationHandlers).toEqual([transport.id]);
  });

  test('getResourceUsage has all fields of getrusage', async () => {
    const usage = await (await start()).getResourceUsage();
    const names = [
      ...['utime', 'stime', 'maxrss', 'ixrss', 'idrss', 'isrss', 'minflt', 'majflt'],
      ...['nswap', 'inblock', 'oublock', 'msgsnd', 'msgrcv', 'nsignals', 'nvcsw', 'nivcsw'],
    ].map((name) => `ru_${name}`);
    expect(Object.keys(usage).sort()).toEqual(names.sort());
    for (const value of Object.values(usage)) expect(value).toEqual(expect.any(Number));
    expect(usage.ru_utime).toBeGreaterThan(0);
    expect(usage.ru_maxrss).toBeGreaterThan(10_000); // KiB: a Node process
  });
});

describe('updateSettings', () => {
  test('changes what is given', async () => {
    const worker = await start();
    await worker.updateSettings({ logLevel: 'debug', logTags: ['ice'] });
    await worker.updateSettings({});
    await worker.updateSettings();
  });

  test.each<[option: string, settings: object]>([
    ['logLevel', { logLevel: 'chatty' }],
    ['logTags', { logTags: 'error' }],
    ['logTags', { logTags: [null] }],
  ])('a wrong %s is a TypeError that names it', async (option, settings) => {
    const worker = await start();
    const error: unknown = await worker.updateSettings(settings).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(option);
  });
});

describe('the log', () => {
  /** What the media process says of requests, a subject of its own. */
  async function said(settings: WorkerSettings): Promise<string[]> {
    const lines: string[] = [];
    setLogEventListeners({ ondebug: (namespace, log) => lines.push(`${namespace} ${log}`) });
    const worker = await start(settings);
    await worker.dump();
    await worker.dump(); // its lines come before the next answer
    const beginning = `tertulia:worker [pid:${worker.pid}] (message)`; // not a line of the worker before
    return lines.filter((line) => line.startsWith(beginning));
  }

  test('has the subjects that were asked for at the level that was asked for', async () => {
    expect((await said({ logLevel: 'debug', logTags: ['message'] }))[0]).toContain('request worker.dump');
    expect(await said({ logLevel: 'debug', logTags: ['ice'] })).toEqual([]);
    expect(await said({ logLevel: 'warn', logTags: ['message'] })).toEqual([]);
  });

  test('follows updateSettings', async () => {
    const lines: string[] = [];
    setLogEventListeners({ ondebug: (_namespace, log) => lines.push(log) });
    const worker = await start({ logLevel: 'none' });
    await worker.updateSettings({ logLevel: 'debug', logTags: ['message'] });
    await worker.dump();
    await worker.dump();
    expect(lines.join('\n')).toContain('(message) request worker.dump');
  });

  test('has what listeners throw as errors, and survives a listener that throws', async () => {
    const errors: [namespace: string, error: Error | undefined][] = [];
    setLogEventListeners({
      ondebug: () => {
        throw new Error('a bad logger');
      },
      onerror: (namespace, _log, error) => errors.push([namespace, error]),
    });
    const worker = await start();
    const mishap = new Error('a bad listener');
    worker.on('subprocessclose', () => {
      throw mishap;
    });
    worker.close();
    await expect.poll(() => worker.subprocessClosed, { timeout: 5_000 }).toBe(true);
    expect(errors).toEqual([['tertulia:ERROR:Entity', mishap]]);
  });
});

describe('createRouter and createWebRtcServer', () => {
  test('are told by the observer, and leave when they close', async () => {
    const worker = await start();
    const log = record(['worker', worker.observer, ['newrouter', 'newwebrtcserver']]);
    const router = await worker.createRouter({ mediaCodecs: [OPUS], appData: { name: 'r' } });
    const server = await worker.createWebRtcServer({ listenInfos: [LISTEN], appData: { name: 's' } });
    expect(log).toEqual(['worker newrouter', 'worker newwebrtcserver']);
    expect([router.appData.name, server.appData.name]).toEqual(['r', 's']);
    expect([worker.routersForTesting.size, worker.webRtcServersForTesting.size]).toEqual([1, 1]);
    router.close();
    server.close();
    expect([worker.routersForTesting.size, worker.webRtcServersForTesting.size]).toEqual([0, 0]);
    expect(await worker.dump()).toMatchObject({ routerIds: [], webRtcServerIds: [] });
  });

  test('refuse what cannot be', async () => {
    const worker = await start();
    const unknown = { kind: 'audio' as const, mimeType: 'audio/chicken', clockRate: 8_000 };
    await expect(worker.createRouter({ mediaCodecs: [unknown] })).rejects.toThrow(UnsupportedError);
    await expect(worker.createRouter({ mediaCodecs: {} as [] })).rejects.toThrow(TypeError);
    await expect(worker.createRouter({ appData: 1 as never })).rejects.toThrow(TypeError);
    await expect(worker.createWebRtcServer({ listenInfos: [] })).rejects.toThrow(TypeError);
    await expect(worker.createWebRtcServer({ listenInfos: [LISTEN], appData: 1 as never })).rejects.toThrow(
      TypeError,
    );
    expect(await worker.dump()).toMatchObject({ routerIds: [], webRtcServerIds: [] });
  });
});

describe('its end', () => {
  test('close() ends the process; then every call is an InvalidStateError', async () => {
    const worker = await start();
    const router = await worker.createRouter();
    const log = record(
      ['worker', worker, ['died', 'subprocessclose']],
      ['router', router, ['workerclose']],
      ['observer', worker.observer, ['close']],
    );
    const pending = worker.dump();
    worker.close();
    worker.close();
    expect(worker.closed).toBe(true);
    expect(log).toEqual(['router workerclose', 'observer close']);
    await expect(pending).rejects.toThrow(InvalidStateError);
    await gone(worker);
    expect(log).toEqual(['router workerclose', 'observer close', 'worker subprocessclose']);
    expect([worker.died, worker.subprocessClosed]).toEqual([false, true]);
    expect(() => process.kill(worker.pid, 0)).toThrow();
    for (const call of [
      () => worker.dump(),
      () => worker.getResourceUsage(),
      () => worker.updateSettings({ logLevel: 'error' }),
      () => worker.createRouter(),
      () => worker.createWebRtcServer({ listenInfos: [LISTEN] }),
    ])
      await expect(call()).rejects.toThrow(InvalidStateError);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    '%s from elsewhere: all closes, then died, then the observer hears',
    async (signal) => {
      const worker = await start();
      const server = await worker.createWebRtcServer({ listenInfos: [LISTEN] });
      const router = await worker.createRouter({ mediaCodecs: [OPUS] });
      const transport = await router.createWebRtcTransport({ webRtcServer: server });
      const log = record(
        ['transport', transport, ['routerclose', 'listenserverclose']],
        ['transport observer', transport.observer, ['close']],
        ['router', router, ['workerclose']],
        ['router observer', router.observer, ['close']],
        ['server', server, ['workerclose']],
        ['server observer', server.observer, ['close']],
        ['worker', worker, ['died', 'subprocessclose']],
        ['worker observer', worker.observer, ['close']],
      );
      const death = new Promise<Error>((resolve) => worker.once('died', resolve));
      process.kill(worker.pid, signal);
      const { message } = await death;
      expect(message).toContain(`pid:${worker.pid}`);
      expect(message).toContain(signal === 'SIGKILL' ? 'signal:SIGKILL' : 'code:0');
      expect([worker.closed, worker.died, worker.subprocessClosed]).toEqual([true, true, true]);
      expect(log).toEqual([
        'transport routerclose',
        'transport observer close',
        'router workerclose',
        'router observer close',
        'server workerclose',
        'server observer close',
        'worker died',
        'worker subprocessclose',
        'worker observer close',
      ]);
      await expect(transport.getStats()).rejects.toThrow(InvalidStateError);
    },
  );

  test('requests that nobody will answer are refused when the process is killed', async () => {
    const worker = await start();
    process.kill(worker.pid, 'SIGSTOP');
    const pending = [worker.dump(), worker.createRouter(), worker.getResourceUsage()];
    process.kill(worker.pid, 'SIGKILL');
    const outcomes = await Promise.allSettled(pending);
    for (const outcome of outcomes) {
      expect(outcome.status).toBe('rejected');
      expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(InvalidStateError);
    }
    expect(worker.died).toBe(true);
  });

  test('a process that does not react is killed within seconds of close()', async () => {
    const worker = await start();
    process.kill(worker.pid, 'SIGSTOP');
    worker.close();
    await gone(worker);
    expect(() => process.kill(worker.pid, 0)).toThrow();
  });

  test('signals that mean nothing to it change nothing; ignoreSignals leaves the rest to the application', async () => {
    const worker = await start({ ignoreSignals: true });
    for (const signal of ['SIGPIPE', 'SIGHUP', 'SIGALRM', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGTERM'] as const)
      process.kill(worker.pid, signal);
    // Each signal was delivered before this answer.
    expect((await worker.dump()).pid).toBe(worker.pid);
    expect([worker.closed, worker.died]).toEqual([false, false]);
  });
});
