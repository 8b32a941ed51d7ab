/**
 * The call page: `/`, `/r/{room}` and `/r/{room}/stats` are its one HTML file, everything else of it has a hash in its name and never
 * changes. Served with a policy that lets it talk to this server only. A wrong link gets the same file with the status of its error:
 * the page says what is wrong, by the address alone.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ERRORS, ServerError, type ErrorCode } from '../errors.js';
import { roomName } from './context.js';
import { usesCors } from './cors.js';
import { accepts } from './mediaTypes.js';

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "media-src 'self' blob:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy': POLICY,
  'permissions-policy': 'microphone=(self), camera=(self), display-capture=(self)',
  'referrer-policy': 'no-referrer',
};

const ASSET_AGE_MS = 365 * 24 * 3_600_000;

/** Where the built page lies: beside the package @tertulia/web, or in the workspace. */
export function findWebRoot(configured: string | undefined): string | undefined {
  const candidates = configured === undefined ? [webPackage(), workspace()] : [resolve(configured)];
  return candidates.find((folder) => folder !== undefined && existsSync(join(folder, 'index.html')));
}

function webPackage(): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('@tertulia/web/package.json')), 'dist');
  } catch {
    return undefined;
  }
}

const workspace = (): string => fileURLToPath(new URL('../../../web/dist', import.meta.url));

/** What an address can be wrong by. */
const WRONG_LINK: readonly ErrorCode[] = ['NOT_FOUND', 'ROOM_NAME_INVALID', 'REQUEST_MALFORMED'];

/**
 * The page in place of an error, for a person who followed a wrong link. A browser that opens an address names HTML in its Accept;
 * programs and scripts of a page do not and get the JSON, as does everybody on the paths of the API.
 * @returns undefined when the error is to be sent as such
 */
export function pageForWrongLink(
  root: string | undefined,
  { method, url, headers: { accept = '' } }: FastifyRequest,
  reply: FastifyReply,
  error: Error,
): FastifyReply | undefined {
  if (root === undefined || !['GET', 'HEAD'].includes(method) || usesCors(url)) return undefined;
  if (!/text\/html/i.test(accept) || !accepts(accept, 'text/html')) return undefined;
  if (!(error instanceof ServerError) || !WRONG_LINK.includes(error.code)) return undefined;
  // Not `sendFile`: it would answer "not modified" to who has seen the page, and malformed addresses get a reply that lacks it.
  return reply
    .code(ERRORS[error.code].http)
    .headers({ ...HEADERS, vary: 'Accept', 'x-content-type-options': 'nosniff' })
    .type('text/html; charset=utf-8')
    .send(createReadStream(join(root, 'index.html')));
}

export async function pageRoutes(app: FastifyInstance, root: string | undefined): Promise<void> {
  if (root !== undefined) await app.register(fastifyStatic, { root, serve: false });

  const page = (reply: FastifyReply): FastifyReply => {
    if (root === undefined)
      throw new ServerError(
        'NOT_FOUND',
        'The call page has not been built; "npm start" builds it, the API works without it.',
      );
    return reply.headers(HEADERS).sendFile('index.html', { cacheControl: false });
  };
  app.get('/', (_request, reply) => page(reply));
  for (const path of ['/r/:room', '/r/:room/stats'])
    app.get(path, (request, reply) => {
      roomName(request);
      return page(reply);
    });
  if (root === undefined) return;
  app.get('/assets/*', (request, reply) =>
    reply.sendFile(`assets/${(request.params as { '*': string })['*']}`, {
      maxAge: ASSET_AGE_MS,
      immutable: true,
    }),
  );
  app.get('/:file', (request, reply) =>
    reply.sendFile((request.params as { file: string }).file, { maxAge: 3_600_000, immutable: false }),
  );
}
