/**
 * The one real timer of a media process: calls the core when its next deadline has come. The engine calls it for packets.
 * The named exception to "time is an argument": here time becomes one.
 */
import type { Engine } from '@tertulia/engine';
import type { MediaCore } from './core.js';

/** setTimeout's own resolution; shorter waits would spin. */
const LEAST_WAIT_MS = 1;
/** setTimeout takes no more than 2^31 ms; waking up once a minute for nothing costs nothing. */
const MOST_WAIT_MS = 60_000;

export class Loop {
  readonly #engine: Engine;
  readonly #core: MediaCore;
  #timer: NodeJS.Timeout | undefined;
  #timerMicros = Infinity;
  /** Within a poll deadlines come and go; the timer is set once, at its end. */
  #polling = false;
  #stopped = false;

  constructor(core: MediaCore) {
    this.#engine = core.context.engine;
    this.#core = core;
  }

  start(): void {
    this.#core.onNearerDeadline = () => this.#schedule();
    this.#engine.start(this.#core.handleBatch);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#stopped || this.#polling) return;
    const deadline = this.#core.nextDeadline();
    if (deadline === undefined || (this.#timer !== undefined && deadline >= this.#timerMicros)) return;
    clearTimeout(this.#timer);
    this.#timerMicros = deadline;
    const waitMs = Math.ceil((deadline - this.#engine.now()) / 1000);
    this.#timer = setTimeout(this.#run, Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, waitMs)));
  }

  readonly #run = (): void => {
    this.#timer = undefined;
    this.#timerMicros = Infinity;
    this.#polling = true;
    try {
      this.#core.poll(this.#engine.now());
    } finally {
      this.#polling = false;
      this.#schedule();
    }
  };
}

/** The core's packets and deadlines from now on, until `stop`. */
export function runLoop(core: MediaCore): Loop {
  const loop = new Loop(core);
  loop.start();
  return loop;
}
