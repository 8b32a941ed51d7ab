/**
 * The envelope that all channels share. Client → server: `{"request": {"requestId": N, <one payload>}}`; server →
 * client: any of `response`, `resources`, `deletedResources`. One JSON object a message.
 * Reads requests with their limits (size, repeated ids, rate) and writes messages without `null`.
 * Spec: Media API data channels; int64 ids are JSON numbers here, since that is what both reference clients send.
 */
import { parseJson } from '../json.js';
import { LIMITS } from '../limits.js';
import { STATUS, type StatusCode } from './machine.js';

export interface Status {
  readonly code: StatusCode;
  readonly message: string;
  readonly details: readonly never[];
}

export const okStatus: Status = { code: STATUS.ok, message: '', details: [] };
export const status = (code: StatusCode, message: string): Status => ({ code, message, details: [] });

export interface Message {
  response?: Record<string, unknown>;
  resources?: readonly object[];
  deletedResources?: readonly object[];
}

export const encode = (message: Message): string => JSON.stringify(message);

export interface Request {
  readonly requestId: number;
  /** Name of the payload, e.g. `leave`; undefined when the request has none. */
  readonly name: string | undefined;
  readonly payload: unknown;
}

export type RequestResult =
  | { readonly ok: true; readonly request: Request }
  | {
      readonly ok: false;
      readonly why: string;
      readonly requestId: number | undefined;
      readonly status: Status;
    };

/** Reads the requests of one channel. Holds the ids that it has seen and the rate. */
export class RequestReader {
  readonly #seen = new Set<number>();
  #tokens: number = LIMITS.channelRequestBurst;
  #filledAtMs: number | undefined;

  read(data: string | Uint8Array, nowMs: number): RequestResult {
    if (!this.#take(nowMs))
      return refuse('rate', this.#idOf(data), STATUS.resourceExhausted, 'Too many requests.');
    if (typeof data !== 'string')
      return refuse('binary', undefined, STATUS.invalidArgument, 'Messages are text.');
    const parsed = parseJson(data, LIMITS.channelMessageBytes);
    if (!parsed.ok)
      return refuse(parsed.why, undefined, STATUS.invalidArgument, `Not acceptable JSON: ${parsed.why}.`);
    const request = member(parsed.value, 'request');
    if (!isObject(request))
      return refuse('no-request', undefined, STATUS.invalidArgument, 'There is no request object.');
    const requestId = request['requestId'];
    if (typeof requestId !== 'number' || !Number.isSafeInteger(requestId) || requestId === 0)
      return refuse(
        'request-id',
        undefined,
        STATUS.invalidArgument,
        'requestId must be an integer other than 0.',
      );
    if (this.#seen.has(requestId))
      return refuse('repeated-id', requestId, STATUS.invalidArgument, 'This requestId has been used.');
    this.#remember(requestId);
    const names = Object.keys(request).filter((key) => key !== 'requestId');
    if (names.length > 1)
      return refuse('several-payloads', requestId, STATUS.invalidArgument, 'A request has one payload only.');
    const name = names[0];
    return {
      ok: true,
      request: { requestId, name, payload: name === undefined ? undefined : request[name] },
    };
  }

  /** Whose request is refused unread. Only small ones are looked at: reading costs, and it is the cost that is limited. */
  #idOf(data: string | Uint8Array): number | undefined {
    if (typeof data !== 'string' || data.length > LIMITS.throttledRequestCharacters) return undefined;
    const parsed = parseJson(data, LIMITS.throttledRequestCharacters);
    const requestId = parsed.ok ? member(member(parsed.value, 'request'), 'requestId') : undefined;
    const isFresh = typeof requestId === 'number' && Number.isSafeInteger(requestId) && requestId !== 0;
    if (!isFresh || this.#seen.has(requestId)) return undefined;
    this.#remember(requestId);
    return requestId;
  }

  #take(nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#filledAtMs ?? nowMs));
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(
      LIMITS.channelRequestBurst,
      this.#tokens + (elapsedMs * LIMITS.channelRequestsPerSecond) / 1_000,
    );
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #remember(requestId: number): void {
    this.#seen.add(requestId);
    if (this.#seen.size <= LIMITS.rememberedRequestIds) return;
    // A Set keeps insertion order, so the first is the oldest.
    for (const oldest of this.#seen) {
      this.#seen.delete(oldest);
      break;
    }
  }
}

function refuse(
  why: string,
  requestId: number | undefined,
  code: StatusCode,
  message: string,
): RequestResult {
  return { ok: false, why, requestId, status: status(code, message) };
}

/** The answer to a request: its id, a status and, beside it, the payload's name with an empty object. */
export function respond(requestId: number | undefined, of: Status, name?: string): Record<string, unknown> {
  return {
    ...(requestId === undefined ? {} : { requestId }),
    status: of,
    ...(name === undefined ? {} : { [name]: {} }),
  };
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const member = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;

/** Counts by reason. */
export class Tally {
  readonly counts = new Map<string, number>();
  add(reason: string): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }
}

/** Lists of resources in messages of bounded size: each message is a list of snapshots, so it may be cut anywhere. */
export function* batches<T>(
  items: readonly T[],
  size: number = LIMITS.resourcesPerMessage,
): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
