/** Starts the real `tertulia serve` on free ports and stops it again. */
import { spawn, type ChildProcess } from 'node:child_process';
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

export async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

export async function startServer(
  flags: string[] = [],
  options: { port?: number; mediaPort?: number } = {},
): Promise<ServerProcess> {
  const port = options.port ?? (await freeTcpPort());
  const mediaPort = options.mediaPort ?? (await freeUdpPort());
  const child = spawn(
    process.execPath,
    [CLI, 'serve', '--port', String(port), '--media-port', String(mediaPort), ...flags],
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
