/** Starts the real `tertulia serve` on free ports and stops it again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../../packages/server/dist/cli.js', import.meta.url));
/** A cold start on a loaded machine takes a few seconds; beyond this something is wrong. */
const START_LIMIT_MS = 20_000;

export interface ServerProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything that it wrote, for failure messages. */
  output(): string;
  stop(): Promise<number | null>;
}

/** Below those that Linux hands out by itself, so that no browser gets one between the look and its use; none that Chromium forbids. */
const PORTS = { from: 20_000, to: 32_000 } as const;

/** @returns the first of `count` ports, an even one, all of them free for UDP and TCP */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const first = 2 * randomInt(PORTS.from / 2, PORTS.to / 2);
    const free = await Promise.all(Array.from({ length: count }, (_, offset) => isFree(first + offset)));
    if (!free.includes(false)) return first;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp4');
  try {
    server.listen(port, '0.0.0.0');
    await once(server, 'listening');
    socket.bind(port, '0.0.0.0');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
    socket.close();
  }
}

export async function startServer(
  flags: string[] = [],
  options: { port?: number; mediaPort?: number; command?: string } = {},
): Promise<ServerProcess> {
  const port = options.port ?? (await freePort());
  const mediaPort = options.mediaPort ?? (await freePort());
  const child = spawn(
    process.execPath,
    [options.command ?? CLI, 'serve', '--port', String(port), '--media-port', String(mediaPort), ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  const exited = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the server did not start:\n${text}`)), START_LIMIT_MS);
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (/tertulia listening on /.test(text)) {
        clearTimeout(timer);
        resolve();
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}:\n${text}`));
    });
  });
  return {
    url: `http://localhost:${port}`,
    process: child,
    output: () => text,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(killer);
      return child.exitCode;
    },
  };
}
