/**
 * Joins the parts into a running server: media, conference, web server. What the command `serve` and tests start.
 * Elsewhere: settings → config.ts · signals and printing → commands/serve.ts
 */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { TokenVerifier, type TokenKeys } from './auth/tokens.js';
import type { Config } from './config.js';
import { StartError } from './errors.js';
import { createApp, type TlsMaterial } from './http/app.js';
import { RateLimiter } from './http/rateLimiter.js';
import { LIMITS } from './limits.js';
import type { Logger } from './logger.js';
import type { MediaPort } from './media/mediaPort.js';
import { Metrics } from './metrics.js';
import type { LaunchRecorder } from './recording/recorderPort.js';
import { Recordings, type RepairFolder } from './recording/recordings.js';
import { Conference } from './rooms/conference.js';
import { realScheduler, type Scheduler } from './scheduler.js';

export interface ServerParts {
  readonly config: Config;
  readonly media: MediaPort;
  readonly log: Logger;
  readonly keys?: TokenKeys | undefined;
  readonly tls?: TlsMaterial | undefined;
  readonly scheduler?: Scheduler;
  readonly random32?: () => number;
  /** Starts a recorder process; called only with a directory in the configuration. */
  readonly launchRecorder?: LaunchRecorder;
  /** After one has died. */
  readonly repairRecording?: RepairFolder;
  readonly version?: string;
  /** Memory, CPU and event loop on the metrics page. */
  readonly processMetrics?: boolean;
}

export class TertuliaServer {
  #keepAlive: NodeJS.Timeout | undefined;

  private constructor(
    readonly app: FastifyInstance,
    readonly conference: Conference,
    readonly recordings: Recordings,
    private readonly parts: ServerParts,
  ) {}

  static async create(parts: ServerParts): Promise<TertuliaServer> {
    const { config, media, log } = parts;
    const scheduler = parts.scheduler ?? realScheduler;
    const random32 = parts.random32 ?? (() => randomBytes(4).readUInt32BE());
    const metrics = new Metrics(parts.processMetrics ?? false);
    const launch = parts.launchRecorder ?? (() => Promise.reject(new Error('no recorder was given')));
    const recordings = new Recordings({
      config,
      launch,
      scheduler,
      log: log.child({ mod: 'recording' }),
      observer: metrics,
      repair: parts.repairRecording,
    });
    const conference = new Conference({
      config,
      media,
      scheduler,
      random32,
      log,
      observer: metrics,
      recordings,
    });
    metrics.watch(conference, media, recordings);
    const app = await createApp(
      {
        config,
        conference,
        recordings,
        tokens: new TokenVerifier(parts.keys),
        scheduler,
        metrics,
        joins: new RateLimiter(config.joinBurst, config.joinsPerSecond),
        log,
        version: parts.version ?? '0.0.0',
        random32,
      },
      parts.tls,
    );
    return new TertuliaServer(app, conference, recordings, parts);
  }

  /** @returns the URL for people. @throws StartError when the port cannot be had. */
  async listen(): Promise<string> {
    const { host, port } = this.parts.config;
    try {
      await this.app.listen({ host, port });
    } catch (error) {
      throw new StartError(explainListen(error, host, port), { cause: error });
    }
    this.#keepAlive = setInterval(() => this.conference.keepEventStreamsAlive(), LIMITS.eventKeepAliveMs);
    const bound = this.app.server.address() as AddressInfo;
    const scheme = this.parts.tls ? 'https' : 'http';
    return `${scheme}://${shownHost(host)}:${bound.port}`;
  }

  /** Tells everybody, waits at most so long, finishes recordings, then closes everything. */
  async stop(drainTimeoutMs: number): Promise<void> {
    const recorded = this.recordings.close(LIMITS.recordingFinishMs);
    await this.conference.drain(drainTimeoutMs);
    clearInterval(this.#keepAlive);
    await this.app.close();
    await recorded;
    await this.parts.media.close();
  }
}

function shownHost(host: string): string {
  if (['0.0.0.0', '::', '127.0.0.1', '::1', 'localhost'].includes(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function explainListen(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use by another program; choose another with --port.`;
    case 'EACCES':
      return `Port ${port} may only be used by root; choose one from 1024 on with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${host}; give one that it has, or 0.0.0.0 for all, with --host.`;
    default:
      return `The web server cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}.`;
  }
}
