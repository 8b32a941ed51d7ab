/**
 * Errors that the application sees, in mediasoup's classes, each with a stable code for programs; and how they cross the
 * channel between the processes.
 */
import type { ChannelError } from './messages.js';

/** An error with a stable `code`. */
export class SfuError extends Error {
  override readonly name: string = 'Error';

  constructor(
    message: string,
    readonly code: string = 'INTERNAL',
  ) {
    super(message);
  }
}

/** The entity is closed, or something else is in the way at present. */
export class InvalidStateError extends SfuError {
  override readonly name = 'InvalidStateError';

  constructor(message: string, code = 'INVALID_STATE') {
    super(message, code);
  }
}

/** Asked for what this version or this configuration does not have. */
export class UnsupportedError extends SfuError {
  override readonly name = 'UnsupportedError';

  constructor(message: string, code = 'UNSUPPORTED') {
    super(message, code);
  }
}

/** TypeError with a code: which option is wrong is in the message. */
export class OptionError extends TypeError {
  readonly code: string;

  constructor(message: string, code = 'BAD_OPTION') {
    super(message);
    this.code = code;
  }
}

export function errorToChannel(error: unknown): ChannelError {
  if (!(error instanceof Error)) return { name: 'Error', code: 'INTERNAL', message: String(error) };
  const code =
    'code' in error && typeof error.code === 'string'
      ? error.code
      : error instanceof TypeError
        ? 'BAD_OPTION'
        : 'INTERNAL';
  const name =
    error instanceof TypeError
      ? 'TypeError'
      : error instanceof InvalidStateError
        ? 'InvalidStateError'
        : error instanceof UnsupportedError
          ? 'UnsupportedError'
          : 'Error';
  return { name, code, message: error.message };
}

export function errorFromChannel({ name, code, message }: ChannelError): Error {
  switch (name) {
    case 'TypeError':
      return new OptionError(message, code);
    case 'InvalidStateError':
      return new InvalidStateError(message, code);
    case 'UnsupportedError':
      return new UnsupportedError(message, code);
    case 'Error':
      return new SfuError(message, code);
  }
}
