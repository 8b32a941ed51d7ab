/**
 * How a command line talks to a running server: address and rights by flag or environment, what goes wrong as one sentence.
 * With key and secret it signs a token of one minute for each request, so that none is longer valid than it is needed.
 * Elsewhere: tokens for people → token.ts · codes of refusals → docs/errors.md
 */
import { ANY_ROOM, type Role } from '../auth/grants.js';
import { makeToken } from '../auth/tokens.js';
import { CommandError } from '../errors.js';
import { isRoomName } from '../names.js';

export const DEFAULT_URL = 'http://localhost:3000';

/** Enough for a request on its way and clocks that differ by some seconds. A stream that began goes on after it. */
const TOKEN_SECONDS = 60;

/** For `parseArgs`; `connectionFlags` reads what it gives. */
export const SERVER_OPTIONS = {
  url: { type: 'string' },
  token: { type: 'string' },
  'api-key': { type: 'string' },
  'api-secret': { type: 'string' },
} as const;

/** Lines for the help of a command that takes SERVER_OPTIONS. */
export const SERVER_HELP = `  --url URL             Where the server is [${DEFAULT_URL}].
  --api-key K           Name of the key (TERTULIA_API_KEY); with the secret it signs a token of one minute.
  --api-secret S        Its secret (TERTULIA_API_SECRET).
  --token T             A token in place of key and secret. A server without keys needs none of them.
`;

export interface ServerFlags {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly 'api-key'?: string | undefined;
  readonly 'api-secret'?: string | undefined;
}

export interface ConnectionRequest {
  readonly url?: string | undefined;
  readonly key?: string | undefined;
  readonly secret?: string | undefined;
  /** Goes before key and secret. */
  readonly token?: string | undefined;
  /** What the signed token allows. */
  readonly roles: readonly Role[];
  /** A room's name, or `*`. */
  readonly room: string;
}

/** What a test puts in place of the real thing. */
export interface ConnectionMeans {
  readonly fetch?: typeof fetch;
  readonly nowMs?: () => number;
}

export interface RequestOptions {
  /** Default: JSON when there is a body. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface ServerConnection {
  /** Without a slash at its end. */
  readonly url: string;
  /**
   * @param path from the root, `/v1/rooms/…`; its parts are encoded by the caller.
   * @param body an object becomes JSON; text goes as it is.
   * @returns an answer in the affirmative, its body not yet read.
   * @throws CommandError in one sentence, for refusals with `status` and `code`.
   */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Response>;
}

/** Flags go before the environment; a token goes before both kinds of keys. */
export function connectionFlags(
  flags: ServerFlags,
  env: Readonly<Record<string, string | undefined>>,
): Pick<ConnectionRequest, 'url' | 'key' | 'secret' | 'token'> {
  return {
    url: flags.url,
    token: flags.token,
    key: flags['api-key'] ?? env['TERTULIA_API_KEY'],
    secret: flags['api-secret'] ?? env['TERTULIA_API_SECRET'],
  };
}

/** Sends nothing yet. @throws CommandError when address, room or keys cannot be used. */
export function connectToServer(request: ConnectionRequest, means: ConnectionMeans = {}): ServerConnection {
  const { token, key, secret, room, roles } = request;
  const url = readUrl(request.url ?? DEFAULT_URL);
  if (room !== ANY_ROOM && !isRoomName(room))
    throw new CommandError('Give --room with 1 to 64 of the characters A-Z a-z 0-9 . _ ~ -.');
  if (token === undefined && (key === undefined) !== (secret === undefined))
    throw new CommandError('Give --api-key and --api-secret both, or --token.');
  const send = means.fetch ?? fetch;
  const nowMs = means.nowMs ?? Date.now;

  const authorization = async (): Promise<Record<string, string>> => {
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    if (key === undefined || secret === undefined) return {};
    const lifetimeSeconds = TOKEN_SECONDS;
    const made = await makeToken(
      { apiKey: key, secret, room, identity: 'command line', roles, lifetimeSeconds },
      nowMs(),
    );
    return { authorization: `Bearer ${made}` };
  };

  return {
    url,
    request: async (method, path, body, { contentType = 'application/json', signal } = {}) => {
      const headers = {
        ...(await authorization()),
        ...(body === undefined ? {} : { 'content-type': contentType }),
      };
      let response: Response;
      try {
        response = await send(`${url}${path}`, {
          method,
          headers,
          // Elsewhere than where the address says a token must not go.
          redirect: 'error',
          ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
          ...(signal ? { signal } : {}),
        });
      } catch (error) {
        if (signal?.aborted) throw new CommandError('Stopped.', { cause: error });
        throw new CommandError(explainUnreachable(url, error), { cause: error });
      }
      if (response.ok) return response;
      throw await refusal(response, { url, room, roles, signed: token !== undefined || key !== undefined });
    },
  };
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '' || url.hash !== '')
    throw new CommandError(`--url must be like ${DEFAULT_URL}, not "${text}".`);
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function explainUnreachable(url: string, error: unknown): string {
  const code = causeCode(error);
  switch (code) {
    case 'ECONNREFUSED':
      return `Nothing answers at ${url}; is the server running there? --url says where it is.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The name in ${url} is not known; check --url.`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `The certificate of ${url} is not one that this machine trusts; give it by NODE_EXTRA_CA_CERTS=FILE.`;
    default:
      return `${url} cannot be reached (${code ?? (error instanceof Error ? error.message : String(error))}).`;
  }
}

/** `fetch` wraps what went wrong, and a name with several addresses wraps once more. */
function causeCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 4; depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return undefined;
}

interface Asked {
  readonly url: string;
  readonly room: string;
  readonly roles: readonly Role[];
  /** Whether any token was sent. */
  readonly signed: boolean;
}

async function refusal(response: Response, asked: Asked): Promise<CommandError> {
  const problem = await readProblem(response);
  const refused = { status: response.status, ...(problem.code === undefined ? {} : { code: problem.code }) };
  return new CommandError(explainRefusal(response.status, problem, asked), refused);
}

interface Problem {
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

/** RFC 9457; anything else has neither code nor detail. */
async function readProblem(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => undefined);
  const read = (key: string): string | undefined => {
    const value =
      typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[key] : undefined;
    return typeof value === 'string' ? value : undefined;
  };
  return { code: read('code'), detail: read('detail') };
}

function explainRefusal(
  status: number,
  { code, detail }: Problem,
  { url, room, roles, signed }: Asked,
): string {
  if (status === 401 && !signed)
    return `The server at ${url} wants a token: give --api-key and --api-secret as the server has them, or --token.`;
  if (status === 401)
    return `The server at ${url} does not take the token: ${detail ?? 'wrong key or secret'}`;
  if (code === 'TOKEN_FORBIDDEN')
    return `The token does not allow this; it needs the role ${roles.join(' or ')} for the room "${room}".`;
  if (status === 403) return `The server at ${url} refuses: ${detail ?? 'it gives no reason'}`;
  if (code === 'ROOM_NOT_FOUND') return `Nobody is in the room "${room}" at ${url}.`;
  if (status === 404 && code === undefined)
    return `What answers at ${url} is no Tertulia server, or one of another version.`;
  return `${detail ?? `The server at ${url} answers ${status}.`}`;
}
