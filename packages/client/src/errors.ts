/**
 * The errors that this SDK makes itself, and the class that carries them and the server's.
 * The server's own codes (`ROOM_FULL`, `TOKEN_EXPIRED`, …) are passed through as they came.
 */

/** Code → what it means, in a sentence for a log. Text for people belongs to the page. */
export const CLIENT_ERRORS = {
  MICROPHONE_DENIED: 'The browser or the person refused the microphone.',
  MICROPHONE_MISSING: 'There is no microphone, or the one that was used is gone.',
  MICROPHONE_FAILED: 'The microphone is there but could not be started.',
  CAMERA_DENIED: 'The browser or the person refused the camera.',
  CAMERA_MISSING: 'There is no camera, or the one that was used is gone.',
  CAMERA_FAILED: 'The camera is there but could not be started; another program may be using it.',
  SCREEN_DENIED: 'The person chose no screen, or the browser may not show one.',
  SCREEN_FAILED: 'The screen could not be captured.',
  INSECURE_ORIGIN: 'Browsers give no microphone or camera over plain http except on localhost.',
  WEBRTC_MISSING: 'This browser has no WebRTC.',
  SERVER_UNREACHABLE: 'The server did not answer over HTTP.',
  ANSWER_MALFORMED: 'The server answered with something that is not a session.',
  CONNECTION_FAILED: 'The server answered, but no media path to it came up.',
  CONNECTION_LOST: 'The connection was lost and could not be restored.',
  NOT_CONNECTED: 'This needs a connection, and there is none now.',
  CALL_ENDED: 'The call has ended.',
  REQUEST_REFUSED: 'The server refused the request on the data channel.',
  REQUEST_TIMED_OUT: 'The server did not answer the request on the data channel.',
  NOT_SUPPORTED: 'This is not supported yet.',
} as const satisfies Record<string, string>;

export type ClientErrorCode = keyof typeof CLIENT_ERRORS;
/** A code of ours or one of the server's, which this package does not list. */
export type CallErrorCode = ClientErrorCode | (string & {});

export class CallError extends Error {
  override readonly name = 'CallError';
  /** HTTP status, when the error came from the server over HTTP. */
  readonly status: number | undefined;

  constructor(
    readonly code: CallErrorCode,
    detail?: string,
    options: { cause?: unknown; status?: number } = {},
  ) {
    const known = (CLIENT_ERRORS as Record<string, string>)[code];
    super(detail ?? known ?? code, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = options.status;
  }
}

/** What `getUserMedia` or `getDisplayMedia` threw, as one of our codes. Names: W3C mediacapture-main, "getUserMedia()". */
const mediaError =
  (device: 'MICROPHONE' | 'CAMERA' | 'SCREEN') =>
  (cause: unknown): CallError => {
    if (cause instanceof CallError) return cause;
    const name = typeof cause === 'object' && cause !== null && 'name' in cause ? String(cause.name) : '';
    const code = (): ClientErrorCode => {
      if (name === 'NotAllowedError' || name === 'SecurityError') return `${device}_DENIED`;
      if (device !== 'SCREEN' && (name === 'NotFoundError' || name === 'OverconstrainedError'))
        return `${device}_MISSING`;
      return `${device}_FAILED`;
    };
    return new CallError(code(), undefined, { cause });
  };

export const microphoneError = mediaError('MICROPHONE');
export const cameraError = mediaError('CAMERA');
export const screenError = mediaError('SCREEN');
