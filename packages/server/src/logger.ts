/**
 * Log lines: JSON on standard error, object first, constant text. Standard output stays free for the one line that
 * says where the server listens. Secrets are cut out by path; addresses are wrapped in pii() and shown shortened.
 */
import { pino, type Logger as PinoLogger } from 'pino';
import type { Config } from './config.js';

export type Logger = PinoLogger;

export function createLogger(level: Config['logLevel']): Logger {
  return pino(
    {
      level,
      base: {},
      redact: {
        paths: ['req.headers.authorization', '*.sessionId', 'sessionId', '*.password', '*.token'],
        censor: '…',
      },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}

/** An address of a person, cut to its network part: enough to see a pattern, not enough to find somebody. */
export function pii(address: string): string {
  const v4 = /(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/.exec(address);
  if (v4) return `${v4[1]}.x`;
  return address.includes(':') ? `${address.split(':').slice(0, 3).join(':')}:x` : address;
}
