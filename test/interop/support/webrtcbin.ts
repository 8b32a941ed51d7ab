/** GStreamer's webrtcbin by examples/gstreamer/webrtc.py, as a program that tells what it plays. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../../examples/gstreamer/webrtc.py', import.meta.url));

export interface Played {
  audio?: { buffers: number; sounding?: number };
  video?: { buffers: number; width: number; height: number };
}

export class WebRtcBin {
  /** Address of its session, once it has one. */
  session: string | undefined;
  played: Played = {};
  /** Reports in a row that said the same: nothing comes any more. Two a second. */
  sameFor = 0;
  output = '';
  readonly #child: ChildProcess;

  constructor(command: 'publish' | 'play', url: string, flags: readonly string[] = []) {
    this.#child = spawn('/usr/bin/python3', [SCRIPT, command, url, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.output = (this.output + chunk.toString()).slice(-10_000);
    });
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return;
    const told = JSON.parse(line) as Played & { session?: string };
    if (told.session !== undefined) this.session = told.session;
    else {
      this.sameFor = JSON.stringify(told) === JSON.stringify(this.played) ? this.sameFor + 1 : 0;
      this.played = told;
    }
  }

  /** As by Ctrl-C: it ends its session first. @returns its exit code */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await exit;
    clearTimeout(killer);
    return this.#child.exitCode;
  }
}
