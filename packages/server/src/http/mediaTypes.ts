/** Types of bodies, both ways. RFC 9110 §8.3 (Content-Type), §12.5.1 (Accept). Elsewhere: who asks → whip.ts */
import type { FastifyRequest } from 'fastify';
import { ServerError } from '../errors.js';

export const JSON_TYPE = 'application/json';
export const SDP = 'application/sdp';
export const SDP_FRAGMENT = 'application/trickle-ice-sdpfrag';

/**
 * A page of another origin may send a body of JSON without asking only when it calls it text: Fetch, "CORS-safelisted
 * request-header". So this keeps pages of strangers from what an open server on their reader's machine would do.
 * @throws ServerError MEDIA_TYPE_UNSUPPORTED
 */
export function requireType(request: FastifyRequest, type: string): void {
  const given = request.headers['content-type'] ?? '';
  if (essence(given) !== type)
    throw new ServerError('MEDIA_TYPE_UNSUPPORTED', `The Content-Type must be ${type}.`);
}

/** The body as text, of this type only. Parameters of the type are not looked at: SDP is UTF-8 (RFC 8866 §5). */
export function textBody(request: FastifyRequest, type: string): string {
  requireType(request, type);
  const bytes = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ServerError(type === SDP ? 'OFFER_MALFORMED' : 'FRAGMENT_MALFORMED', 'The body is not UTF-8.', {
      cause,
    });
  }
}

/** @throws ServerError NOT_ACCEPTABLE when the header is there and leaves this type out. */
export function requireAccepted(request: FastifyRequest, type: string): void {
  const { accept } = request.headers;
  if (accept !== undefined && !accepts(accept, type))
    throw new ServerError('NOT_ACCEPTABLE', `The answer is ${type}; Accept leaves it out.`);
}

/** The most specific range that fits decides; weight 0 means no. */
export function accepts(header: string, type: string): boolean {
  const weights = new Map<string, number>();
  for (const range of header.split(',')) {
    const weight = /;\s*q=\s*([\d.]+)/i.exec(range)?.[1];
    weights.set(essence(range), weight === undefined ? 1 : Number(weight));
  }
  const group = `${type.slice(0, type.indexOf('/'))}/*`;
  const weight = weights.get(type) ?? weights.get(group) ?? weights.get('*/*') ?? 0;
  // A header without any range says nothing.
  return weight > 0 || header.trim() === '';
}

const essence = (value: string): string => (value.split(';')[0] ?? '').trim().toLowerCase();
