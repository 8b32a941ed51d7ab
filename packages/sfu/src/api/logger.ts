/**
 * Where the library's own words go: to the application's listeners, and to the console for whoever asks by the environment
 * variable DEBUG. Names as in mediasoup v3, with `tertulia` in front: `tertulia:Worker`, `tertulia:WARN:Worker`,
 * `tertulia:ERROR:Worker`. Patterns that were written for mediasoup (`DEBUG=mediasoup:WARN*`) mean the same here.
 */
export interface LogEventListeners {
  ondebug?: (namespace: string, log: string) => void;
  onwarn?: (namespace: string, log: string) => void;
  onerror?: (namespace: string, log: string, error?: Error) => void;
}

const APPLICATION = 'tertulia';
const COMPATIBLE_APPLICATION = 'mediasoup';

let listeners: LogEventListeners = {};

/**
 * Replaces all listeners; those that are absent, or undefined, hear nothing more. What a listener throws is dropped.
 * @example setLogEventListeners({ onwarn: (namespace, log) => pino.warn({ namespace }, log) });
 */
export function setLogEventListeners(replacement?: LogEventListeners): void {
  listeners = { ...replacement };
}

/** @param patterns as in DEBUG: names with `*`, separated by commas or blanks; `-` in front excludes. */
export function debugFilter(patterns: string): (namespace: string) => boolean {
  const included: RegExp[] = [];
  const excluded: RegExp[] = [];
  for (const pattern of patterns.split(/[\s,]+/).filter(Boolean)) {
    const name = pattern.replace(/^-/, '');
    const literal = name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
    (pattern.startsWith('-') ? excluded : included).push(new RegExp(`^${literal}$`));
  }
  const isIn = (list: readonly RegExp[], namespace: string): boolean =>
    list.some(
      (pattern) =>
        pattern.test(namespace) || pattern.test(namespace.replace(APPLICATION, COMPATIBLE_APPLICATION)),
    );
  return (namespace) => isIn(included, namespace) && !isIn(excluded, namespace);
}

const isAsked = debugFilter(process.env['DEBUG'] ?? '');

/** What a listener throws is its own affair: logging never changes what the library does. */
function tell(listen: () => void): void {
  try {
    listen();
  } catch {
    // Nobody is left to tell.
  }
}

/** One for each class. */
export class Logger {
  readonly #debug: string;
  readonly #warn: string;
  readonly #error: string;
  readonly #asked: { readonly debug: boolean; readonly warn: boolean; readonly error: boolean };

  constructor(name: string) {
    this.#debug = `${APPLICATION}:${name}`;
    this.#warn = `${APPLICATION}:WARN:${name}`;
    this.#error = `${APPLICATION}:ERROR:${name}`;
    this.#asked = { debug: isAsked(this.#debug), warn: isAsked(this.#warn), error: isAsked(this.#error) };
  }

  /** Whether somebody reads it: long lines need not be made for nobody. */
  get hasDebug(): boolean {
    return this.#asked.debug || listeners.ondebug !== undefined;
  }

  debug(log: string): void {
    if (this.#asked.debug) console.info(`${this.#debug} ${log}`);
    tell(() => listeners.ondebug?.(this.#debug, log));
  }

  warn(log: string): void {
    if (this.#asked.warn) console.warn(`${this.#warn} ${log}`);
    tell(() => listeners.onwarn?.(this.#warn, log));
  }

  error(log: string, error?: Error): void {
    if (this.#asked.error) console.error(`${this.#error} ${log}`, ...(error ? [error] : []));
    tell(() => listeners.onerror?.(this.#error, log, error));
  }
}
