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
  WorkerDump,
  WorkerLogLevel,
  WorkerLogTag,
  WorkerResourceUsage,
  WorkerSettings,
  WorkerUpdateableSettings,
} from '../types.js';
import { Entity } from './entity.js';
import { EnhancedEventEmitter } from './enhancedEventEmitter.js';
import { Logger } from './logger.js';
import { ENTRY, MediaProcess, type ProcessExit } from './mediaProcess.js';
import { checkAppData, checkCount } from './options.js';
import { generateRouterRtpCapabilities } from './ortc/index.js';
import { Router } from './router.js';
import { checkListenInfos } from './transportOptions.js';
import { WebRtcServer } from './webRtcServer.js';

const LOG_LEVELS: readonly WorkerLogLevel[] = ['debug', 'warn', 'error', 'none'];
const LOG_TAGS: readonly WorkerLogTag[] = [
  ...(['info', 'ice', 'dtls', 'rtp', 'srtp', 'rtcp', 'rtx', 'bwe'] as const),
  ...(['score', 'simulcast', 'svc', 'sctp', 'message'] as const),
];
const DEFAULT_LOG_LEVEL = 'error'; // mediasoup v3's, as the ports
const DEFAULT_PORTS = { min: 10_000, max: 59_999 } as const;
const PORT_MAX = 65_535;

const logger = new Logger('Worker');
/** What the media processes say. */
const processLogger = new Logger('worker');

type LogLine = Parameters<MediaProcess['onLog']>[0];

/** What a worker runs: a script for this Node, not a program of its own. */
export const workerBin: string = ENTRY;

export type WorkerEvents = {
  /** The process ended without being asked to. Everything in it is closed already, and every pending request refused. */
  died: [error: Error];
  /** The process is gone. After a death this follows `died` at once. */
  subprocessclose: [];
  /** Not used here. */
  '@success': [];
  '@failure': [error: Error];
};
export type WorkerObserverEvents = {
  close: [];
  newwebrtcserver: [webRtcServer: WebRtcServer];
  newrouter: [router: Router];
};
export type WorkerObserver = EnhancedEventEmitter<WorkerObserverEvents>;

export interface WebRtcServerOptions<ServerAppData extends AppData = AppData> {
  listenInfos: TransportListenInfo[];
  appData?: ServerAppData | undefined;
}

/** What is told at the top: `observer.on('newworker', …)` sees every worker. */
export type ObserverEvents = { newworker: [worker: Worker] };
export type Observer = EnhancedEventEmitter<ObserverEvents>;

/** `newworker` when one was made, before `createWorker` returns it. */
export const observer: Observer = new EnhancedEventEmitter<ObserverEvents>();

/**
 * Starts a media process: a child of this one, which ends with it.
 * @throws TypeError for a wrong option, which it names; Error (`WORKER_NOT_STARTED`) when the process does not come up
 * within 20 s.
 */
export async function createWorker<WorkerAppData extends AppData = AppData>(
  settings: WorkerSettings<WorkerAppData> = {},
): Promise<Worker<WorkerAppData>> {
  checkFields(settings);
  const { dtlsCertificateFile, dtlsPrivateKeyFile, appData } = settings;
  const { logLevel = DEFAULT_LOG_LEVEL, logTags = [] } = settings;
  checkLogging(logLevel, logTags);
  const portMin = port('rtcMinPort', settings.rtcMinPort, DEFAULT_PORTS.min);
  const portMax = port('rtcMaxPort', settings.rtcMaxPort, DEFAULT_PORTS.max);
  if (portMin > portMax) throw new OptionError(`rtcMinPort: ${portMin} is above rtcMaxPort, ${portMax}`);
  if ((dtlsCertificateFile === undefined) !== (dtlsPrivateKeyFile === undefined))
    throw new OptionError('dtlsCertificateFile and dtlsPrivateKeyFile: both or none');

  const process = await MediaProcess.start({
    logLevel,
    logTags,
    portMin,
    portMax,
    ignoreSignals: settings.ignoreSignals ?? false,
    ...(dtlsCertificateFile === undefined
      ? {}
      : { certificatePem: await readPem('dtlsCertificateFile', dtlsCertificateFile) }),
    ...(dtlsPrivateKeyFile === undefined
      ? {}
      : { privateKeyPem: await readPem('dtlsPrivateKeyFile', dtlsPrivateKeyFile) }),
  });
  logger.debug(`media process runs [pid:${process.pid}]`);
  const worker = new Worker<WorkerAppData>(process, appData);
  observer.safeEmit('newworker', worker as unknown as Worker);
  return worker;
}

function checkFields(settings: WorkerSettings): void {
  if (typeof settings !== 'object' || settings === null) throw new OptionError('settings: not an object');
  checkAppData(settings.appData);
  for (const name of ['dtlsCertificateFile', 'dtlsPrivateKeyFile', 'libwebrtcFieldTrials'] as const)
    if (settings[name] !== undefined && typeof settings[name] !== 'string')
      throw new OptionError(`${name}: not a string`);
  for (const name of ['disableLiburing', 'ignoreSignals'] as const)
    if (settings[name] !== undefined && typeof settings[name] !== 'boolean')
      throw new OptionError(`${name}: neither true nor false`);
}

function checkLogging(logLevel: unknown, logTags: unknown): void {
  if (!LOG_LEVELS.includes(logLevel as WorkerLogLevel))
    throw new OptionError(`logLevel: '${String(logLevel)}' is none of ${LOG_LEVELS.join(', ')}`);
  if (!Array.isArray(logTags)) throw new OptionError('logTags: not an array');
  for (const tag of logTags as unknown[])
    if (!LOG_TAGS.includes(tag as WorkerLogTag))
      throw new OptionError(`logTags: '${String(tag)}' is none of ${LOG_TAGS.join(', ')}`);
}

function port(name: string, value: number | undefined, byDefault: number): number {
  checkCount(name, value ?? byDefault, PORT_MAX);
  return Math.max(1, value ?? byDefault);
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

/**
 * One media process. Routers and WebRtcServers live and die with it.
 *
 * When the process dies, in this order: pending requests are refused (InvalidStateError), routers close with all that is in
 * them (innermost first: `transportclose` of producers and consumers, `routerclose` of transports, `workerclose` of the
 * router), WebRtcServers close (`workerclose`), then `died`, `subprocessclose`, and the observer's `close`.
 * `close()` does the same without `died`; `subprocessclose` comes when the process has gone.
 */
export class Worker<WorkerAppData extends AppData = AppData> extends Entity<
  WorkerEvents,
  WorkerAppData,
  WorkerObserverEvents
> {
  static {
    // Programs tell entities apart by this name, as mediasoup's classes have it.
    Object.defineProperty(this, 'name', { value: 'WorkerImpl' });
  }
  readonly #process: MediaProcess;
  readonly #routers = new Set<Router>();
  readonly #webRtcServers = new Set<WebRtcServer>();
  #death: Error | undefined;
  #subprocessClosed = false;

  /** Not for applications: use `createWorker`. */
  constructor(process: MediaProcess, appData: WorkerAppData | undefined) {
    super(randomUUID(), appData);
    this.#process = process;
    process.onLog = (line) => this.#log(line);
    process.onExit = (exit) => this.#handleExit(exit);
    process.onSubprocessClose = () => this.#tellSubprocessClose();
  }

  /** Of the media process. */
  get pid(): number {
    return this.#process.pid;
  }
  /** Whether the process ended without being asked to. */
  get died(): boolean {
    return this.#death !== undefined;
  }
  /** Whether the process is gone, for whatever reason. */
  get subprocessClosed(): boolean {
    return this.#subprocessClosed;
  }

  /** Not for applications: mediasoup's own tests look here. */
  get routersForTesting(): Set<Router> {
    return this.#routers;
  }
  /** Not for applications: mediasoup's own tests look here. */
  get webRtcServersForTesting(): Set<WebRtcServer> {
    return this.#webRtcServers;
  }

  /** @throws InvalidStateError when closed. */
  async dump(): Promise<WorkerDump> {
    this.assertOpen();
    const dump = await this.#process.request('worker.dump', undefined);
    return { pid: this.pid, ...dump } as unknown as WorkerDump;
  }

  /** CPU time (ms) and memory (KiB) of the media process alone, since its start. */
  async getResourceUsage(): Promise<WorkerResourceUsage> {
    const { resourceUsage } = await this.dump();
    return resourceUsage;
  }

  /**
   * Absent fields stay as they are.
   * @throws TypeError for an unknown level or tag; InvalidStateError when closed.
   */
  async updateSettings(settings: WorkerUpdateableSettings<WorkerAppData> = {}): Promise<void> {
    this.assertOpen();
    const { logLevel, logTags } = settings;
    checkLogging(logLevel ?? DEFAULT_LOG_LEVEL, logTags ?? []);
    await this.#process.request('worker.updateSettings', {
      ...(logLevel === undefined ? {} : { logLevel }),
      ...(logTags === undefined ? {} : { logTags }),
    });
  }

  /**
   * One UDP or TCP port for many transports, per listen info.
   * @throws TypeError for wrong options; InvalidStateError with the socket's code (`ADDRESS_IN_USE`, `PORTS_EXHAUSTED`, …) and
   * what to do about it; then nothing stays open.
   */
  async createWebRtcServer<ServerAppData extends AppData = AppData>(
    options: WebRtcServerOptions<ServerAppData>,
  ): Promise<WebRtcServer<ServerAppData>> {
    this.assertOpen();
    const { listenInfos, appData } = options;
    checkListenInfos(listenInfos);
    checkAppData(appData);
    const webRtcServerId = randomUUID();
    const listening = await this.#process.request('worker.createWebRtcServer', {
      webRtcServerId,
      listenInfos,
    });
    this.assertOpen(); // closed while it was made: it went with the process
    const server = new WebRtcServer<ServerAppData>({
      id: webRtcServerId,
      process: this.#process,
      listening,
      appData,
      onClosed: (closed) => this.#webRtcServers.delete(closed as WebRtcServer),
    });
    this.#webRtcServers.add(server as unknown as WebRtcServer);
    this.observer.safeEmit('newwebrtcserver', server as unknown as WebRtcServer);
    return server;
  }

  /**
   * @param options `mediaCodecs` are cloned: a later change of the array means nothing.
   * @throws TypeError for malformed media codecs, UnsupportedError for those that are not there.
   */
  async createRouter<RouterAppData extends AppData = AppData>(
    options: RouterOptions<RouterAppData> = {},
  ): Promise<Router<RouterAppData>> {
    this.assertOpen();
    const { mediaCodecs = [], appData } = options;
    checkAppData(appData);
    const rtpCapabilities = generateRouterRtpCapabilities(mediaCodecs);
    const routerId = randomUUID();
    await this.#process.request('worker.createRouter', { routerId });
    this.assertOpen(); // closed while it was made: it went with the process
    const router = new Router<RouterAppData>({
      id: routerId,
      process: this.#process,
      rtpCapabilities,
      appData,
      onClosed: (closed) => this.#routers.delete(closed as Router),
    });
    this.#routers.add(router as unknown as Router);
    this.observer.safeEmit('newrouter', router as unknown as Router);
    return router;
  }

  protected release(): void {
    if (!this.died) logger.debug(`close() [pid:${this.pid}]`);
    for (const router of [...this.#routers]) router.closeBy('worker');
    for (const server of [...this.#webRtcServers]) server.closeBy('worker');
    this.#process.stop();
  }

  protected override announceClose(): void {
    if (!this.#death) return;
    this.safeEmit('died', this.#death);
    this.safeEmit('subprocessclose');
  }

  #handleExit({ code, signal }: ProcessExit): void {
    if (this.closed) return;
    this.#death = new Error(`[pid:${this.pid}, code:${code}, signal:${signal}]`);
    this.#subprocessClosed = true;
    logger.error(`media process died unexpectedly ${this.#death.message}`);
    this.closeBy('self');
  }

  #tellSubprocessClose(): void {
    if (this.#subprocessClosed) return;
    this.#subprocessClosed = true;
    logger.debug(`media process is gone [pid:${this.pid}]`);
    this.safeEmit('subprocessclose');
  }

  #log({ level, message, tag }: LogLine): void {
    processLogger[level](`[pid:${this.pid}] ${tag ? `(${tag}) ` : ''}${message}`);
  }
}
