/** What commands share that keep something going on a server: it ends with them, and they with it. */
import { CommandError } from '../errors.js';
import type { ServerConnection } from './serverClient.js';

const LOOK_EVERY_MS = 2_000;

/**
 * Until SIGINT or SIGTERM, then it is deleted; or until it is gone by itself.
 * @param path of what goes on
 * @throws CommandError when the server cannot be asked any more
 */
export async function untilStopped(server: ServerConnection, path: string, gone: string): Promise<void> {
  process.stdout.write('Ctrl-C ends it.\n');
  let stop = (): void => undefined;
  let stopped = false;
  const signal = (): void => {
    stopped = true;
    stop();
  };
  process.once('SIGINT', signal);
  process.once('SIGTERM', signal);
  try {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
        stop = () => (clearTimeout(timer), resolve());
        if (stopped) stop();
      });
      if (!stopped && (await isGone(server, 'GET', path))) {
        process.stdout.write(`${gone}\n`);
        return;
      }
    }
    await isGone(server, 'DELETE', path);
  } finally {
    process.off('SIGINT', signal);
    process.off('SIGTERM', signal);
  }
}

async function isGone(server: ServerConnection, method: string, path: string): Promise<boolean> {
  try {
    await (await server.request(method, path)).arrayBuffer();
    return false;
  } catch (error) {
    if (error instanceof CommandError && error.code === 'RTP_NOT_FOUND') return true;
    throw error;
  }
}

/** Of `parseArgs`, which says more than a sentence. */
export function readFailure(command: string, error: unknown): CommandError {
  const first = error instanceof Error ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error);
  return new CommandError(`${first}. "tertulia ${command} --help" lists what there is.`);
}
