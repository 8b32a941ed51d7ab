/** The thread that finishes files, one after another. Its parent is finishInWorker.ts. */
import { getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { ContainerError } from './errors.js';
import { finishFile } from './finishFile.js';
import type { FinishAnswer, FinishJob } from './finishInWorker.js';

/** Behind everything that a call needs, but not starved: nice 10 of 19. */
const NICE = 10;
const PROGRESS_STEP = 0.01;

// On Linux threads have priorities of their own; elsewhere this would slow the recorder itself.
if (process.platform === 'linux')
  try {
    if (getPriority() < NICE) setPriority(0, NICE);
  } catch {
    // A sandbox may forbid it: then it runs like everything else.
  }

const answer = (message: FinishAnswer): void => parentPort?.postMessage(message);

parentPort?.on('message', ({ path, to }: FinishJob) => {
  let told = 0;
  finishFile(path, {
    to,
    onProgress: (fraction) => {
      if (fraction - told < PROGRESS_STEP) return;
      told = fraction;
      answer({ t: 'progress', fraction });
    },
  }).then(
    (finished) => answer({ t: 'done', finished }),
    (error: unknown) =>
      answer({
        t: 'failed',
        code: error instanceof ContainerError ? error.code : undefined,
        message: error instanceof ContainerError ? error.detail : String(error),
      }),
  );
});
