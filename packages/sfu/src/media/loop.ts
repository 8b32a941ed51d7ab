/**
 * The one real timer of a media process: calls the core when its next deadline has come. The engine calls it for packets.
 * The named exception to "time is an argument": here time becomes one.
 */
import type { Engine } from '@tertulia/engine';
import type { MediaCore } from './core.js';

/** setTimeout's own resolution; shorter waits would spin. */
const LEAST_WAIT_MS = 1;
/** So that a deadline that came nearer unnoticed is late by this at most. */
const MOST_WAIT_MS = 1_000;

export class Loop {
  readonly #engine: Engine;
  readonly #core: MediaCore;
  #timer: NodeJS.Timeout | undefined;
  #timerMicros = Infinity;
  #stopped = false;

  constructor(engine: Engine, core: MediaCore) {
    this.#engine = engine;
    this.#core = core;
  }

  start(): void {
    this.#engine.start((rowCount, nowMicros) => {
      const commands = this.#core.handleBatch(rowCount, nowMicros);
      this.schedule();
      return commands;
    });
    this.schedule();
  }

  /** After anything that may have brought a deadline nearer. Cheap when it has not. */
  schedule(): void {
    if (this.#stopped) return;
    const deadline = this.#core.nextDeadline() ?? Infinity;
    if (this.#timer !== undefined && deadline >= this.#timerMicros) return;
    clearTimeout(this.#timer);
    const waitMs = Math.ceil((deadline - this.#engine.now()) / 1000);
    const bounded = Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, waitMs));
    this.#timerMicros = deadline;
    this.#timer = setTimeout(this.#run, bounded);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  readonly #run = (): void => {
    this.#timer = undefined;
    this.#timerMicros = Infinity;
    this.#core.poll(this.#engine.now());
    this.schedule();
  };
}
