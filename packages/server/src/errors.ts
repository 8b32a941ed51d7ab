/**
 * Every error that a program outside can meet, in one table: code, HTTP status, the canonical name that the Meet
 * endpoint uses for it, and whether trying again can help. docs/errors.md lists the same; a test compares the two.
 * Codes are never reused for something else.
 * Elsewhere: how an error becomes an HTTP response → http/errorResponses.ts
 */

/** Canonical status names of Google's error object; clients map them to numbers, so the spelling is fixed. */
export type CanonicalStatus =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE';

interface ErrorRow {
  readonly http: number;
  readonly status: CanonicalStatus;
  readonly retry: boolean;
  readonly title: string;
}

export const ERRORS = {
  BODY_NOT_JSON: row(400, 'INVALID_ARGUMENT', false, 'The body is not acceptable JSON'),
  BODY_INVALID: row(400, 'INVALID_ARGUMENT', false, 'The body lacks something or has a wrong type'),
  BODY_TOO_LARGE: row(413, 'INVALID_ARGUMENT', false, 'The body is larger than 256 KiB'),
  REQUEST_MALFORMED: row(400, 'INVALID_ARGUMENT', false, 'The request is not well-formed HTTP'),
  QUERY_INVALID: row(400, 'INVALID_ARGUMENT', false, 'A parameter behind the question mark is wrong'),
  ROOM_NAME_INVALID: row(400, 'INVALID_ARGUMENT', false, 'The room name is not allowed'),
  OFFER_MALFORMED: row(400, 'INVALID_ARGUMENT', false, 'The offer is not SDP that we can answer'),
  OFFER_WITHOUT_OPUS: row(400, 'INVALID_ARGUMENT', false, 'An audio section of the offer lacks Opus'),
  OFFER_TOO_MANY_SECTIONS: row(400, 'INVALID_ARGUMENT', false, 'The offer has too many sections'),
  OFFER_REFUSED: row(400, 'INVALID_ARGUMENT', false, 'The offer asks for what this endpoint does not do'),
  OFFER_UNPROCESSABLE: row(422, 'INVALID_ARGUMENT', false, 'The offer cannot be answered as a whole'),
  FRAGMENT_MALFORMED: row(400, 'INVALID_ARGUMENT', false, 'The body is not an SDP fragment'),
  FRAGMENT_UNPROCESSABLE: row(422, 'INVALID_ARGUMENT', false, 'The SDP fragment is not about this session'),
  PARAMETER_INVALID: row(400, 'INVALID_ARGUMENT', false, 'A parameter of the URL is not allowed'),
  MEDIA_TYPE_UNSUPPORTED: row(415, 'INVALID_ARGUMENT', false, 'The body has a type that is not taken here'),
  NOT_ACCEPTABLE: row(
    406,
    'INVALID_ARGUMENT',
    false,
    'The answer has a type that the request does not accept',
  ),
  PRECONDITION_REQUIRED: row(428, 'FAILED_PRECONDITION', false, 'The request needs If-Match'),
  PRECONDITION_FAILED: row(412, 'FAILED_PRECONDITION', false, 'If-Match names an ICE session that is over'),
  TOKEN_MISSING: row(401, 'UNAUTHENTICATED', false, 'A bearer token is needed'),
  TOKEN_INVALID: row(401, 'UNAUTHENTICATED', false, 'The token cannot be trusted'),
  TOKEN_EXPIRED: row(401, 'UNAUTHENTICATED', false, 'The token is no longer or not yet valid'),
  TOKEN_FORBIDDEN: row(403, 'PERMISSION_DENIED', false, 'The token does not allow this'),
  HOST_NOT_ALLOWED: row(403, 'PERMISSION_DENIED', false, 'The server does not answer to this name'),
  ORIGIN_NOT_ALLOWED: row(403, 'PERMISSION_DENIED', false, 'The server does not serve pages of this origin'),
  NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is nothing here'),
  ROOM_NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is no such room'),
  SESSION_NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is no such session'),
  PARTICIPANT_NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is no such participant'),
  RECORDING_NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is no such recording'),
  RTP_NOT_FOUND: row(404, 'NOT_FOUND', false, 'There is no such RTP output or input'),
  METHOD_NOT_ALLOWED: row(405, 'UNIMPLEMENTED', false, 'The path does not know this method'),
  ROOM_FULL: row(409, 'RESOURCE_EXHAUSTED', true, 'The room is full'),
  TOO_MANY_ROOMS: row(409, 'RESOURCE_EXHAUSTED', true, 'The server has as many rooms as it may'),
  TOO_MANY_STREAMS: row(409, 'RESOURCE_EXHAUSTED', true, 'The session has as many event streams as it may'),
  CAPTURE_RUNNING: row(409, 'RESOURCE_EXHAUSTED', true, 'Packets of the room are being captured already'),
  RECORDING_OFF: row(409, 'FAILED_PRECONDITION', false, 'The server has no directory for recordings'),
  TOO_MANY_RECORDINGS: row(409, 'RESOURCE_EXHAUSTED', true, 'As many recordings run as may'),
  TOO_MANY_RTP: row(409, 'RESOURCE_EXHAUSTED', true, 'There are as many RTP outputs and inputs as may be'),
  RTP_PORT_IN_USE: row(409, 'FAILED_PRECONDITION', true, 'The port is in use'),
  RATE_LIMITED: row(429, 'RESOURCE_EXHAUSTED', true, 'Too many requests from this address'),
  INTERNAL: row(500, 'INTERNAL', true, 'The server made a mistake'),
  DRAINING: row(503, 'UNAVAILABLE', true, 'The server is about to stop'),
  MEDIA_UNAVAILABLE: row(503, 'UNAVAILABLE', true, 'The media process is not there'),
  RECORDING_FAILED: row(503, 'UNAVAILABLE', true, 'The recording could not be started'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

function row(http: number, status: CanonicalStatus, retry: boolean, title: string): ErrorRow {
  return { http, status, retry, title };
}

/**
 * Reasons that only the Meet endpoint gives. They stand in `details[].reason` and in the message.
 * Names and pairing with HTTP status: the Media API's troubleshooting pages.
 */
export const MEET_REASONS = {
  INVALID_OFFER: { http: 400, status: 'INVALID_ARGUMENT' },
  NO_ACTIVE_CONFERENCE: { http: 400, status: 'FAILED_PRECONDITION' },
  CONNECTIONS_EXHAUSTED: { http: 400, status: 'FAILED_PRECONDITION' },
} as const satisfies Record<string, { http: number; status: CanonicalStatus }>;

export type MeetReason = keyof typeof MEET_REASONS;

/** An answer in the negative that is meant for the client. `detail` may be shown to people; it holds no secrets. */
export class ServerError extends Error {
  override readonly name: string = 'ServerError';
  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${detail}`, options);
  }
}

/** A refusal with a reason of the Media API. Only thrown behind the Meet endpoint. */
export class MeetError extends Error {
  override readonly name: string = 'MeetError';
  constructor(
    readonly reason: MeetReason,
    readonly detail: string,
  ) {
    super(`${reason}: ${detail}`);
  }
}

/** The server cannot start. `message` is one sentence that says what is wrong and what to do. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}

/** A command cannot do what it was asked for. `message` is one sentence that says why and what to do. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  /** Of a server's refusal. */
  readonly status: number | undefined;
  /** Of a server's refusal: a key of ERRORS, as far as this version knows it. */
  readonly code: string | undefined;

  constructor(message: string, about: { status?: number; code?: string; cause?: unknown } = {}) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.status = about.status;
    this.code = about.code;
  }
}
