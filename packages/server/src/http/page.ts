/**
 * The call page: `/`, `/r/{room}` and `/r/{room}/stats` are its one HTML file, everything else of it has a hash in its name and never
 * changes. Served with a policy that lets it talk to this server only.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { ServerError } from '../errors.js';
import { roomName } from './context.js';

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

export async function pageRoutes(app: FastifyInstance, configured: string | undefined): Promise<void> {
  const root = findWebRoot(configured);
  if (root !== undefined) await app.register(fastifyStatic, { root, serve: false });

  const page = (reply: FastifyReply): FastifyReply => {
    if (root === undefined)
      throw new ServerError(
        'NOT_FOUND',
        'The call page has not been built; "npm start" builds it, the API works without it.',
      );
    reply.headers({
      'content-security-policy': POLICY,
      'permissions-policy': 'microphone=(self), camera=(self), display-capture=(self)',
      'referrer-policy': 'no-referrer',
    });
    return reply.sendFile('index.html', { cacheControl: false });
  };
  app.get('/', (_request, reply) => page(reply.header('cache-control', 'no-cache')));
  app.get('/r/:room', (request, reply) => {
    roomName(request);
    return page(reply.header('cache-control', 'no-cache'));
  });
  app.get('/r/:room/stats', (request, reply) => {
    roomName(request);
    return page(reply.header('cache-control', 'no-cache'));
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
