/**
 * The recorder processes: one per media process, started when it is first asked for, and anew after a death. What they tell
 * is handed on by the id of the recording.
 */
import type { Logger } from '../logger.js';
import type { LaunchRecorder, Recorder, RecorderEnded, RecordingProgress } from './recorderPort.js';

export interface RecorderNews {
  progress(progress: RecordingProgress): void;
  ended(ended: RecorderEnded): void;
  /** With everything that it recorded. */
  died(recorder: Recorder): void;
}

export class RecorderPool {
  readonly #recorders = new Map<number, Promise<Recorder>>();
  #closed = false;

  constructor(
    private readonly launch: LaunchRecorder,
    private readonly directory: string,
    private readonly news: RecorderNews,
    private readonly log: Logger,
  ) {}

  /** Rejects when the process does not start; the next call tries again. */
  of(worker: number): Promise<Recorder> {
    const present = this.#recorders.get(worker);
    if (present) return present;
    const launching = this.#launch(worker);
    this.#recorders.set(worker, launching);
    launching.catch(() => this.#forget(worker, launching));
    return launching;
  }

  async #launch(worker: number): Promise<Recorder> {
    const recorder = await this.launch({ directory: this.directory });
    if (this.#closed) {
      await recorder.close();
      throw new Error('the server is stopping');
    }
    this.log.info({ worker, pid: recorder.pid, port: recorder.address.port }, 'recorder process started');
    recorder.on('progress', (progress) => this.news.progress(progress));
    recorder.on('ended', (ended) => this.news.ended(ended));
    recorder.on('died', () => {
      if (this.#closed) return;
      this.log.error({ worker, pid: recorder.pid }, 'recorder process died');
      const current = this.#recorders.get(worker);
      if (current) this.#forget(worker, current);
      this.news.died(recorder);
    });
    return recorder;
  }

  #forget(worker: number, recorder: Promise<Recorder>): void {
    if (this.#recorders.get(worker) === recorder) this.#recorders.delete(worker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#recorders.values()];
    this.#recorders.clear();
    await Promise.allSettled(all.map(async (launching) => (await launching).close()));
  }
}
