/** `tertulia serve`: reads settings, starts everything, prints one line, drains on SIGTERM and SIGINT. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { launchRecorder } from '@tertulia/recorder';
import { mediaAddresses, type InterfaceAddress } from '../addresses.js';
import { readPublicKey, type TokenKeys } from '../auth/tokens.js';
import { isOpen, type Config } from '../config.js';
import { helpText, readServeRequest } from '../configSources.js';
import { StartError } from '../errors.js';
import type { TlsMaterial } from '../http/app.js';
import { findWebRoot } from '../http/page.js';
import { createLogger, type Logger } from '../logger.js';
import { createSfuMedia } from '../media/sfuMedia.js';
import { prepareRecordingDirectory } from '../recording/directory.js';
import { repairAfterCrash } from '../recording/repair.js';
import { realScheduler } from '../scheduler.js';
import { TertuliaServer, type ServerParts } from '../server.js';
import { selfSigned } from '../tls/selfSigned.js';
import { VERSION } from '../version.js';

export async function serve(args: readonly string[]): Promise<void> {
  const request = readServeRequest({
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  if (request.help) {
    process.stdout.write(helpText());
    return;
  }
  const config = withDirectory(request.config);
  const log = createLogger(config.logLevel);
  for (const variable of request.unknownVariables)
    log.warn({ variable }, 'unknown environment variable ignored');

  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []) as InterfaceAddress[];
  if (config.webRoot !== undefined && findWebRoot(config.webRoot) === undefined)
    throw new StartError(
      `There is no index.html in ${config.webRoot}; give the directory of a built call page with --web-root, or leave it out.`,
    );
  const keys = readKeys(config);
  const tls = readTls(config, interfaces);
  const listen = mediaAddresses(config, interfaces);
  const media = await createSfuMedia(
    { workers: config.workers, listen, port: config.mediaPort, ...mostSlots(config) },
    log.child({ mod: 'media' }),
  );
  const server = await TertuliaServer.create({
    config,
    media,
    ...recorderParts(config, log),
    log,
    keys,
    tls,
    version: VERSION,
    processMetrics: true,
  });
  let url: string;
  try {
    await repairRecordings(config, log);
    await server.recordings.prepare(config.workers);
    url = await server.listen();
  } catch (error) {
    await server.recordings.close(0);
    await media.close();
    throw error;
  }
  if (isOpen(config)) log.warn({ host: config.host }, 'no key is configured: every room is open');
  stopOnSignal(server, config.drainTimeout * 1_000);
  process.stdout.write(`tertulia listening on ${url}\n`);
}

function withDirectory(config: Config): Config {
  if (config.recordings === undefined) return config;
  return { ...config, recordings: prepareRecordingDirectory(config.recordings) };
}

function recorderParts(
  { recordings: directory }: Config,
  log: Logger,
): Pick<ServerParts, 'launchRecorder' | 'repairRecording'> {
  if (directory === undefined) return {};
  return {
    launchRecorder: (options) => launchRecorder({ ...options, logger: log.child({ mod: 'recorder' }) }),
    repairRecording: async (folder) => {
      const { repaired } = await (await loadContainer()).repairRecording(join(directory, folder));
      return repaired.map(({ name, bytes, durationMs, indexed: finished }) => ({
        name,
        bytes,
        durationMs: Math.round(durationMs),
        finished,
      }));
    },
  };
}

/** Looks for what a crash left; finishing it goes on beside the calls. */
async function repairRecordings({ recordings: directory }: Config, log: Logger): Promise<void> {
  if (directory === undefined) return;
  const container = await loadContainer();
  await repairAfterCrash({
    directory,
    scheduler: realScheduler,
    log: log.child({ mod: 'recording' }),
    container,
  });
}

/** Only when it is needed: it is large. */
const loadContainer = () => import('@tertulia/recorder/container');

/** Of any room. Clients of the Meet endpoint have three, or with extensions up to 16, whatever the project's own have. */
function mostSlots(config: Config): { audioSlots: number; videoSlots: number } {
  const most = (kind: 'audioSlots' | 'videoSlots'): number =>
    config.meet.extensions ? 16 : Math.max(3, config[kind], ...config.rooms.map((room) => room[kind] ?? 0));
  return { audioSlots: most('audioSlots'), videoSlots: most('videoSlots') };
}

function readKeys(config: Config): TokenKeys | undefined {
  if (config.apiKey === undefined) return undefined;
  const { apiKey, apiSecret: secret, apiPublicKey } = config;
  if (apiPublicKey === undefined) return { apiKey, secret, publicKey: undefined };
  try {
    return { apiKey, secret, publicKey: readPublicKey(readFileSync(apiPublicKey, 'utf8')) };
  } catch (error) {
    throw new StartError(
      `--api-public-key ${apiPublicKey} is not a PEM file with an Ed25519 public key: ${reason(error)}.`,
    );
  }
}

function readTls(config: Config, interfaces: readonly InterfaceAddress[]): TlsMaterial | undefined {
  if (config.tlsSelfSigned) {
    const own = interfaces.filter(({ internal }) => !internal).map(({ address }) => address);
    const announced = config.announcedAddress === undefined ? [] : [config.announcedAddress];
    return selfSigned([...own, ...announced], Date.now());
  }
  if (config.tlsCert === undefined || config.tlsKey === undefined) return undefined;
  const material = { cert: readPem(config.tlsCert, '--tls-cert'), key: readPem(config.tlsKey, '--tls-key') };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new StartError(
      `--tls-cert ${config.tlsCert} and --tls-key ${config.tlsKey} are not a PEM certificate and its key: ${reason(error)}.`,
    );
  }
  return material;
}

function readPem(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartError(
      `${flag} ${path} cannot be read (${reason(error)}); give a PEM file, or --tls-self-signed for a trial.`,
    );
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The first signal drains, the second ends at once. */
function stopOnSignal(server: TertuliaServer, drainTimeoutMs: number): void {
  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    server.stop(drainTimeoutMs).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
