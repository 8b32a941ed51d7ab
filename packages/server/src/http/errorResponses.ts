/**
 * Errors on the wire: RFC 9457 problems, or Google's error object below /v2beta. Whatever was thrown becomes one of
 * the two, and nothing of the inside goes out: unknown errors are INTERNAL and logged.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  ERRORS,
  MEET_REASONS,
  MeetError,
  ServerError,
  type CanonicalStatus,
  type ErrorCode,
} from '../errors.js';

export const isMeetPath = (url: string): boolean => /^\/*v2beta(\/|$)/.test(url);

export function problem(error: ServerError): object {
  const { http, title } = ERRORS[error.code];
  return {
    type: `urn:tertulia:error:${error.code}`,
    title,
    status: http,
    code: error.code,
    detail: error.detail,
  };
}

const DOMAIN = 'meet.tertulia';

/** The reason stands in `details` and in the message, since clients look at either. */
export function googleError(error: ServerError | MeetError): { http: number; body: object } {
  const { http, status, reason } = describe(error);
  const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: DOMAIN }];
  return { http, body: { error: { code: http, message: `${reason}: ${error.detail}`, status, details } } };
}

function describe(error: ServerError | MeetError): { http: number; status: CanonicalStatus; reason: string } {
  if (error instanceof MeetError) return { ...MEET_REASONS[error.reason], reason: error.reason };
  const { http, status } = ERRORS[error.code];
  const aboutOffer = /^(OFFER|BODY)_/.test(error.code);
  return { http, status, reason: aboutOffer ? 'INVALID_OFFER' : error.code };
}

/** Fastify's own refusals, by its codes. */
const FRAMEWORK: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'REQUEST_MALFORMED',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'BODY_NOT_JSON',
  FST_ERR_BAD_URL: 'REQUEST_MALFORMED',
  FST_ERR_ASYNC_CONSTRAINT: 'REQUEST_MALFORMED',
  FST_ERR_MAX_PARAM_LENGTH: 'NOT_FOUND',
};

/** @param url of the request: paths that take SDP only have a code of their own for a body without a type. */
export function toKnown(error: unknown, url = ''): ServerError | MeetError {
  if (error instanceof ServerError || error instanceof MeetError) return error;
  const { code, statusCode } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown;
    statusCode?: unknown;
  };
  const known = typeof code === 'string' ? FRAMEWORK[code] : undefined;
  if (known === 'BODY_NOT_JSON' && /^\/*wh[ie]p\//.test(url))
    return new ServerError('MEDIA_TYPE_UNSUPPORTED', 'The Content-Type is missing or malformed.', {
      cause: error,
    });
  if (known === 'BODY_TOO_LARGE')
    return new ServerError(known, 'The body may have 256 KiB.', { cause: error });
  if (known) return new ServerError(known, 'The request was refused.', { cause: error });
  if (statusCode === 404)
    return new ServerError('NOT_FOUND', 'There is nothing at this path.', { cause: error });
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new ServerError('REQUEST_MALFORMED', 'The request was refused.', { cause: error });
  return new ServerError('INTERNAL', 'The server made a mistake; it is in the log.', { cause: error });
}

export function sendError(request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = toKnown(thrown, request.url);
  if (error instanceof ServerError && error.code === 'INTERNAL')
    request.log.error({ err: error.cause }, 'request failed');
  if (error instanceof ServerError && error.code === 'MEDIA_UNAVAILABLE' && error.cause)
    request.log.warn({ err: error.cause }, 'media side refused');
  if (isMeetPath(request.url)) {
    const { http, body } = googleError(error);
    return reply.code(http).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body);
  }
  const known = error instanceof ServerError ? error : new ServerError('OFFER_REFUSED', error.detail);
  const { http } = ERRORS[known.code];
  if (http === 401) reply.header('www-authenticate', 'Bearer');
  if (http === 429 || http === 503) reply.header('retry-after', '1');
  return reply
    .code(http)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(problem(known));
}

/** A whole HTTP/1.1 response for a socket whose bytes were no request. */
export function rawBadRequest(): string {
  const body = JSON.stringify(
    problem(new ServerError('REQUEST_MALFORMED', 'The bytes are not an HTTP request.')),
  );
  return (
    'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/problem+json; charset=utf-8\r\n' +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
