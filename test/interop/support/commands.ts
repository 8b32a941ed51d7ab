/** Commands of `tertulia` that go on until they are stopped, and what came of them. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePort } from '../../browser/support/serverProcess.js';

export const CLI = fileURLToPath(new URL('../../../packages/server/dist/cli.js', import.meta.url));

export interface Stoppable {
  stop(): Promise<unknown>;
}

interface Stream {
  port: number;
  payloadType: number;
  ssrc: number;
}

/** A command that goes on until it is stopped. */
export class Command {
  readonly #child: ChildProcess;
  output = '';

  private constructor(url: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [CLI, ...args, '--url', url], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  static begin(url: string, args: readonly string[]): Command {
    return new Command(url, args);
  }

  async said(text: string): Promise<void> {
    await expect.poll(() => this.output, { timeout: 20_000 }).toContain(text);
  }

  /** As by Ctrl-C. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await exit;
    return this.#child.exitCode;
  }

  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** The command for a shell that it printed. */
  get shell(): string {
    return this.output.slice(this.output.indexOf('\nffmpeg ') + 1).split('\n\n')[0]!;
  }

  stream(name: 'sound' | 'pictures'): Stream {
    const found = new RegExp(
      `^${name}: .*port (\\d+), RTCP \\d+, payload type (\\d+), SSRC (\\d+)`,
      'm',
    ).exec(this.output);
    const [port, payloadType, ssrc] = (found ?? []).slice(1).map(Number);
    return { port: port!, payloadType: payloadType!, ssrc: ssrc! };
  }
}

/** Two ports for each of two streams. */
export const freePorts = (): Promise<number> => freePort(4);

/** Frames that are decoded from the file; FFmpeg must not say a word. */
export function decoded(file: string): Record<string, number> {
  const done = spawnSync(
    'ffprobe',
    [
      '-v',
      'error',
      '-count_frames',
      '-show_entries',
      'stream=codec_name,nb_read_frames',
      '-of',
      'csv=p=0',
      file,
    ],
    { encoding: 'utf8' },
  );
  expect(done.stderr).toBe('');
  return Object.fromEntries(
    done.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(','))
      .map(([codec, frames]) => [codec, Number(frames)]),
  );
}
