/**
 * Finishes files in a thread of low priority, one after another, so that packets that arrive meanwhile do not wait.
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

/** From the sources (tests) the built file is taken: a thread cannot read TypeScript. */
const SCRIPT = ['./finishWorker.js', '../../dist/container/finishWorker.js']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(url));

let last: Promise<unknown> = Promise.resolve();

/** As finishFile, but elsewhere and in turn. @throws ContainerError. */
export function finishInWorker(path: string, options: FinishOptions): Promise<FinishedFile> {
  const job = last.then(() => run(path, options));
  last = job.catch(() => undefined);
  return job;
}

function run(path: string, { to, onProgress }: FinishOptions): Promise<FinishedFile> {
  return new Promise((resolve, reject) => {
    if (!SCRIPT) throw new ContainerError('CONTAINER_WRITE_FAILED', 'The finishing thread is not built.');
    const worker = new Worker(SCRIPT, { workerData: { path, to } satisfies FinishJob });
    worker.on('message', (answer: FinishAnswer) => {
      if (answer.t === 'progress') onProgress?.(answer.fraction);
      else if (answer.t === 'done') resolve(answer.finished);
      else reject(new ContainerError(answer.code ?? 'CONTAINER_WRITE_FAILED', answer.message));
    });
    worker.on('error', (error) =>
      reject(new ContainerError('CONTAINER_WRITE_FAILED', error.message, { cause: error })),
    );
    // After an answer this changes nothing.
    worker.on('exit', (code) =>
      reject(new ContainerError('CONTAINER_WRITE_FAILED', `The finishing thread ended with code ${code}.`)),
    );
  });
}
