/** The thread that finishes one file and ends. Its parent is finishInWorker.ts. */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { ContainerError } from './errors.js';
import { finishFile } from './finishFile.js';
import type { FinishAnswer, FinishJob } from './finishInWorker.js';

/** Behind everything that a call needs, but not starved: nice 10 of 19. */
const NICE = 10;
const PROGRESS_STEP = 0.01;

// On Linux threads have priorities of their own; elsewhere this would slow the recorder itself.
if (process.platform === 'linux')
  try {
    setPriority(0, NICE);
  } catch {
    // A sandbox may forbid it: then it runs like everything else.
  }

const { path, to } = workerData as FinishJob;
const answer = (message: FinishAnswer): void => parentPort?.postMessage(message);
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
