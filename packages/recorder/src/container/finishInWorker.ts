/**
 * Finishes files in a thread of low priority, one after another, so that packets that arrive meanwhile do not wait. One thread
 * serves all files and ends when none has come for a while: to start one costs 100 ms of a core, an hour's file less than 1 s.
 * Elsewhere: the work itself → finishFile.ts
 */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ContainerError, type ContainerErrorCode } from './errors.js';
import type { FinishedFile, FinishOptions } from './finishFile.js';

export interface FinishJob {
  readonly path: string;
  readonly to: string;
}
export type FinishAnswer =
  | { readonly t: 'progress'; readonly fraction: number }
  | { readonly t: 'done'; readonly finished: FinishedFile }
  | { readonly t: 'failed'; readonly code: ContainerErrorCode | undefined; readonly message: string };

/** Files of one recording end within a second or two of each other; a thread that waits holds some 20 MiB. */
const IDLE_MS = 5_000;

/** From the sources (tests) the built file is taken: a thread cannot read TypeScript. */
const SCRIPT = ['./finishWorker.js', '../../dist/container/finishWorker.js']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(url));

interface Job {
  readonly onProgress: FinishOptions['onProgress'];
  resolve(finished: FinishedFile): void;
  reject(error: ContainerError): void;
}

let last: Promise<unknown> = Promise.resolve();
let waiting = 0;
let thread: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
/** What the thread is at work on. */
let current: Job | undefined;

/** As finishFile, but elsewhere and in turn. @throws ContainerError. */
export function finishInWorker(path: string, options: FinishOptions): Promise<FinishedFile> {
  clearTimeout(idle);
  waiting++;
  const job = last.then(() => run(path, options));
  last = job.then(rest, rest);
  return job;
}

function run(path: string, { to, onProgress }: FinishOptions): Promise<FinishedFile> {
  return new Promise((resolve, reject) => {
    current = { onProgress, resolve, reject };
    thread ??= begin();
    thread.ref();
    thread.postMessage({ path, to } satisfies FinishJob);
  });
}

function begin(): Worker {
  if (!SCRIPT) throw new ContainerError('CONTAINER_WRITE_FAILED', 'The finishing thread is not built.');
  const begun = new Worker(SCRIPT);
  const die = (message: string, cause?: Error): void => {
    if (thread !== begun) return;
    thread = undefined;
    current?.reject(new ContainerError('CONTAINER_WRITE_FAILED', message, { cause }));
  };
  begun.on('message', handleAnswer);
  begun.on('error', (error) => die(error.message, error));
  begun.on('exit', (code) => die(`The finishing thread ended with code ${code}.`));
  return begun;
}

function handleAnswer(answer: FinishAnswer): void {
  if (answer.t === 'progress') current?.onProgress?.(answer.fraction);
  else if (answer.t === 'done') current?.resolve(answer.finished);
  else current?.reject(new ContainerError(answer.code ?? 'CONTAINER_WRITE_FAILED', answer.message));
}

/** After the last file the thread keeps no process alive, and soon ends. */
function rest(): void {
  current = undefined;
  if (--waiting > 0) return;
  thread?.unref();
  idle = setTimeout(() => {
    const idled = thread;
    thread = undefined;
    void idled?.terminate();
  }, IDLE_MS).unref();
}
