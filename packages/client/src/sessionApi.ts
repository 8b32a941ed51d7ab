/**
 * The server's `/v1` over HTTP: a session is made, restarted and ended. Knows paths, bodies and error documents
 * (RFC 9457); knows nothing of WebRTC. `fetch` is given, so that tests need no network.
 */
import { CallError } from './errors.js';

export interface SessionAnswer {
  answer: string;
  sessionId: string;
  participantId: string;
  iceServers: RTCIceServer[];
}

/** Codes that no retry will change. Everything else may be gone in a moment. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_FORBIDDEN',
  'ROOM_NAME_INVALID',
  'OFFER_MALFORMED',
  'OFFER_WITHOUT_OPUS',
  'OFFER_TOO_MANY_SECTIONS',
]);
export const isFinal = (error: CallError): boolean => FINAL_CODES.has(error.code);

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export class SessionApi {
  constructor(
    readonly fetch: Fetch,
    /** Origin, or origin and prefix, without a slash at the end. */
    readonly url: string,
    readonly room: string,
    readonly token: string | undefined,
  ) {}

  at(url: string): SessionApi {
    return new SessionApi(this.fetch, url.replace(/\/+$/, ''), this.room, this.token);
  }

  eventsUrl(sessionId: string): string {
    return `${this.#sessions(sessionId)}/events`;
  }

  async create(
    body: { offer: string; displayName: string; replaces?: string | undefined },
    signal: AbortSignal,
  ): Promise<SessionAnswer> {
    const answer = await this.#post(this.#sessions(), body, signal);
    if (
      typeof answer.answer !== 'string' ||
      typeof answer.sessionId !== 'string' ||
      typeof answer.participantId !== 'string'
    )
      throw new CallError('ANSWER_MALFORMED');
    return {
      answer: answer.answer,
      sessionId: answer.sessionId,
      participantId: answer.participantId,
      iceServers: Array.isArray(answer.iceServers) ? (answer.iceServers as RTCIceServer[]) : [],
    };
  }

  /** @returns the SDP answer to an offer with `iceRestart` */
  async restart(sessionId: string, offer: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#post(`${this.#sessions(sessionId)}/restart`, { offer }, signal);
    if (typeof answer.answer !== 'string') throw new CallError('ANSWER_MALFORMED');
    return answer.answer;
  }

  /** Never rejects: a session that cannot be ended now ends by itself. */
  async remove(sessionId: string): Promise<void> {
    try {
      // keepalive: the request outlives the page that is being closed.
      await this.fetch(this.#sessions(sessionId), {
        method: 'DELETE',
        headers: this.#headers(),
        keepalive: true,
      });
    } catch {
      // Unreachable; the server frees it when the checks stop.
    }
  }

  #sessions(sessionId?: string): string {
    const path = `${this.url}/v1/rooms/${encodeURIComponent(this.room)}/sessions`;
    return sessionId === undefined ? path : `${path}/${encodeURIComponent(sessionId)}`;
  }

  #headers(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  async #post(url: string, body: object, signal: AbortSignal): Promise<Record<string, unknown>> {
    let response: Response;
    try {
      response = await this.fetch(url, {
        method: 'POST',
        headers: { ...this.#headers(), 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      });
    } catch (cause) {
      throw new CallError('SERVER_UNREACHABLE', undefined, { cause });
    }
    let document: unknown;
    try {
      document = await response.json();
    } catch (cause) {
      // A proxy in front of a server that is gone answers with a page.
      throw new CallError(response.ok ? 'ANSWER_MALFORMED' : 'SERVER_UNREACHABLE', undefined, {
        cause,
        status: response.status,
      });
    }
    const fields = typeof document === 'object' && document !== null ? document : {};
    if (response.ok) return fields as Record<string, unknown>;
    const { code, detail, title } = fields as Record<string, unknown>;
    throw new CallError(
      typeof code === 'string' ? code : 'SERVER_UNREACHABLE',
      [detail, title].find((text): text is string => typeof text === 'string'),
      { status: response.status },
    );
  }
}
