/**
 * A media process and what runs in it. Its death closes everything in it, with the events that an application relies on.
 * Contract: mediasoup v3 Worker.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { OptionError } from '../channel/errors.js';
import type {
  AppData,
  RouterOptions,
  TransportListenInfo,
  WorkerLogLevel,
  WorkerResourceUsage,
  WorkerSettings,
  WorkerUpdateableSettings,
} from '../types.js';
import { Entity } from './entity.js';
import { EnhancedEventEmitter } from './enhancedEventEmitter.js';
import { logger } from './logger.js';
import { MediaProcess } from './mediaProcess.js';
import { checkAppData } from './options.js';
import { generateRouterRtpCapabilities } from './ortc/index.js';
import { Router } from './router.js';
import { checkListenInfos } from './transportOptions.js';
import { WebRtcServer } from './webRtcServer.js';

const LOG_LEVELS: readonly WorkerLogLevel[] = ['debug', 'warn', 'error', 'none'];
const DEFAULT_PORTS = { min: 10_000, max: 59_999 } as const; // mediasoup v3's

export type WorkerEvents = {
  /** The process ended without being asked to. Everything in it is closed already. */
  died: [error: Error];
  subprocessclose: [];
};

export interface WebRtcServerOptions<ServerAppData extends AppData = AppData> {
  listenInfos: TransportListenInfo[];
  appData?: ServerAppData | undefined;
}

/** `newworker` when one was made. */
export const observer = new EnhancedEventEmitter<{ newworker: [worker: Worker] }>();

/**
 * Starts a media process.
 * @throws TypeError for a wrong option; Error (`WORKER_NOT_STARTED`) when the process does not come up.
 */
export async function createWorker<WorkerAppData extends AppData = AppData>(
  settings: WorkerSettings<WorkerAppData> = {},
): Promise<Worker<WorkerAppData>> {
  const {
    logLevel = 'error',
    rtcMinPort,
    rtcMaxPort,
    dtlsCertificateFile,
    dtlsPrivateKeyFile,
    appData,
  } = settings;
  if (!LOG_LEVELS.includes(logLevel))
    throw new OptionError(`logLevel: '${logLevel}' is none of ${LOG_LEVELS.join(', ')}`);
  if (appData !== undefined && typeof appData !== 'object') throw new OptionError('appData: not an object');
  const ports = { min: rtcMinPort ?? DEFAULT_PORTS.min, max: rtcMaxPort ?? DEFAULT_PORTS.max };
  for (const [name, port] of [
    ['rtcMinPort', ports.min],
    ['rtcMaxPort', ports.max],
  ] as const)
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new OptionError(`${name}: ${port} is not a port`);
  if (ports.min > ports.max) throw new OptionError('rtcMinPort: greater than rtcMaxPort');
  if ((dtlsCertificateFile === undefined) !== (dtlsPrivateKeyFile === undefined))
    throw new OptionError('dtlsCertificateFile and dtlsPrivateKeyFile: both or none');

  const process = await MediaProcess.start({
    logLevel,
    portMin: ports.min,
    portMax: ports.max,
    ...(dtlsCertificateFile === undefined
      ? {}
      : { certificatePem: await readPem('dtlsCertificateFile', dtlsCertificateFile) }),
    ...(dtlsPrivateKeyFile === undefined
      ? {}
      : { privateKeyPem: await readPem('dtlsPrivateKeyFile', dtlsPrivateKeyFile) }),
  });
  const worker = new Worker<WorkerAppData>(process, appData);
  observer.safeEmit('newworker', worker as unknown as Worker);
  return worker;
}

async function readPem(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new OptionError(
      `${option}: cannot read '${file}' (${(error as NodeJS.ErrnoException).code ?? error})`,
    );
  }
}

export class Worker<WorkerAppData extends AppData = AppData> extends Entity<WorkerEvents, WorkerAppData> {
  readonly #process: MediaProcess;
  readonly #routers = new Set<Router>();
  readonly #webRtcServers = new Set<WebRtcServer>();
  #died = false;
  #subprocessClosed = false;

  /** Not for applications: use `createWorker`. */
  constructor(process: MediaProcess, appData: WorkerAppData | undefined) {
    super(randomUUID(), appData);
    this.#process = process;
    process.onLog = ({ level, message }) => logger.log(level, `worker ${process.pid}`, message);
    process.onExit = ({ code, signal }) => {
      if (this.closed) return;
      this.#died = true;
      const error = new Error(
        `media process ended unexpectedly [pid:${process.pid}, ${signal ? `signal:${signal}` : `code:${code}`}]`,
      );
      this.closeBy('self');
      this.safeEmit('died', error);
    };
    process.onSubprocessClose = () => {
      this.#subprocessClosed = true;
      this.safeEmit('subprocessclose');
    };
  }

  get pid(): number {
    return this.#process.pid;
  }
  get died(): boolean {
    return this.#died;
  }
  get subprocessClosed(): boolean {
    return this.#subprocessClosed;
  }

  /** Not for applications: mediasoup's own tests look here. */
  get routersForTesting(): ReadonlySet<Router> {
    return this.#routers;
  }
  /** Not for applications: mediasoup's own tests look here. */
  get webRtcServersForTesting(): ReadonlySet<WebRtcServer> {
    return this.#webRtcServers;
  }

  async dump(): Promise<Record<string, unknown>> {
    this.assertOpen();
    return { pid: this.pid, ...(await this.#process.request('worker.dump', undefined)) };
  }

  /** CPU time and memory of the media process alone. */
  async getResourceUsage(): Promise<WorkerResourceUsage> {
    const dump = await this.dump();
    return dump['resourceUsage'] as WorkerResourceUsage;
  }

  async updateSettings({ logLevel }: WorkerUpdateableSettings = {}): Promise<void> {
    this.assertOpen();
    if (logLevel === undefined) return;
    if (!LOG_LEVELS.includes(logLevel))
      throw new OptionError(`logLevel: '${logLevel}' is none of ${LOG_LEVELS.join(', ')}`);
    await this.#process.request('worker.updateSettings', { logLevel });
  }

  /**
   * One UDP port for many transports.
   * @throws InvalidStateError with the socket's code (`ADDRESS_IN_USE`, `PORTS_EXHAUSTED`, …) and what to do about it.
   */
  async createWebRtcServer<ServerAppData extends AppData = AppData>({
    listenInfos,
    appData,
  }: WebRtcServerOptions<ServerAppData>): Promise<WebRtcServer<ServerAppData>> {
    this.assertOpen();
    checkListenInfos(listenInfos);
    checkAppData(appData);
    const webRtcServerId = randomUUID();
    const listening = await this.#process.request('worker.createWebRtcServer', {
      webRtcServerId,
      listenInfos,
    });
    const server = new WebRtcServer<ServerAppData>({
      id: webRtcServerId,
      process: this.#process,
      listening,
      appData,
      onClosed: (closed) => this.#webRtcServers.delete(closed as WebRtcServer),
    });
    this.#webRtcServers.add(server as unknown as WebRtcServer);
    this.observer.safeEmit('newwebrtcserver', server);
    return server;
  }

  /** @throws TypeError, UnsupportedError for media codecs that are malformed or not there. */
  async createRouter<RouterAppData extends AppData = AppData>({
    mediaCodecs = [],
    appData,
  }: RouterOptions<RouterAppData> = {}): Promise<Router<RouterAppData>> {
    this.assertOpen();
    checkAppData(appData);
    const rtpCapabilities = generateRouterRtpCapabilities(mediaCodecs);
    const routerId = randomUUID();
    await this.#process.request('worker.createRouter', { routerId });
    const router = new Router<RouterAppData>({
      id: routerId,
      process: this.#process,
      rtpCapabilities,
      appData,
      onClosed: (closed) => this.#routers.delete(closed as Router),
    });
    this.#routers.add(router as unknown as Router);
    this.observer.safeEmit('newrouter', router);
    return router;
  }

  protected release(): void {
    for (const router of [...this.#routers]) router.closeBy('worker');
    for (const server of [...this.#webRtcServers]) server.closeBy('worker');
    this.#process.stop();
  }
}
