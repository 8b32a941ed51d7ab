/** Errors of the engine: a stable code for programs, one sentence for people. Wire input never causes one. */

export const ENGINE_ERROR_CODES = [
  'ADDRESS_IN_USE',
  'ADDRESS_NOT_AVAILABLE',
  'PERMISSION',
  'BAD_ADDRESS',
  'TOO_MANY_OPEN_FILES',
  'SOCKET_FAILED',
  'NOT_SUPPORTED',
  'PEERS_EXHAUSTED',
  'ENTRIES_EXHAUSTED',
  'SLOT_NOT_RETAINED',
  'BAD_CERTIFICATE',
  'BAD_KEYS',
  'BAD_HANDLE',
  'NO_SRTP_PROFILE',
  'NOT_MEMORY_MODE',
  'ALREADY_STARTED',
  'IN_BATCH',
  'CLOSED',
  'NOT_BUILT',
  'STALE_BUILD',
] as const;
export type EngineErrorCode = (typeof ENGINE_ERROR_CODES)[number];

export class EngineError extends Error {
  override readonly name = 'EngineError';
  constructor(
    readonly code: EngineErrorCode,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }
}

const isCode = (code: unknown): code is EngineErrorCode =>
  typeof code === 'string' && (ENGINE_ERROR_CODES as readonly string[]).includes(code);

/** The add-on throws plain Errors with `code` and message; this gives them their class. */
export function asEngineError(error: unknown): unknown {
  if (error instanceof Error && 'code' in error && isCode(error.code)) {
    return new EngineError(error.code, error.message, { cause: error });
  }
  return error;
}
