/** Where the library's own words go: nowhere, until the application sets listeners. Names as in mediasoup v3. */
export interface LogEventListeners {
  ondebug?: ((namespace: string, log: string) => void) | undefined;
  onwarn?: ((namespace: string, log: string) => void) | undefined;
  onerror?: ((namespace: string, log: string, error?: Error) => void) | undefined;
}

let listeners: LogEventListeners = {};

/** Replaces the listeners; undefined removes them. */
export function setLogEventListeners(replacement?: LogEventListeners): void {
  listeners = replacement ?? {};
}

export const logger = {
  log(level: 'debug' | 'warn' | 'error', namespace: string, message: string): void {
    if (level === 'debug') listeners.ondebug?.(namespace, message);
    else if (level === 'warn') listeners.onwarn?.(namespace, message);
    else listeners.onerror?.(namespace, message);
  },
};
