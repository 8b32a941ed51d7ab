/** Children of a benchmark: pinned to a core where the system can, spoken to by lines, ended with the benchmark. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { join } from 'node:path';
import { packageRoot } from './nativeBuild.js';

export const hasTaskset = process.platform === 'linux' && spawnSync('taskset', ['--version']).status === 0;

/** Command and arguments that run Node on one core. Without taskset the process is not pinned. */
export function pinned(core: number | undefined, args: readonly string[]): [command: string, args: string[]] {
  if (core === undefined || !hasTaskset) return [process.execPath, [...args]];
  return ['taskset', ['-c', String(core), process.execPath, ...args]];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
export function endWithUs(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** A native program that answers each line on its stdin with one line on its stdout. */
export class LineProgram {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterableIterator<string>;
  readonly #reader: Interface;

  constructor(core: number | undefined, module: string, configurationFile: string) {
    const host = join(packageRoot, 'dist', 'nativeHost.js');
    const [command, args] = pinned(core, [host, module, configurationFile]);
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    endWithUs(this.#child);
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async nextLine(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('a native program of the benchmark ended early');
    return value as string;
  }

  async ask<T>(line: string): Promise<T> {
    this.#child.stdin!.write(`${line}\n`);
    return JSON.parse(await this.nextLine()) as T;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin!.write('quit\n');
    this.#child.stdin!.end();
    await ended;
    this.#reader.close();
  }
}
