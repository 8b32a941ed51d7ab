/**
 * The web server: joins routes, CORS, limits and error responses. Listens nowhere by itself.
 * Elsewhere: the paths → api.ts · start and stop → ../commands/serve.ts
 */
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { ServerError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { adminRoutes } from './admin.js';
import { captureRoutes } from './capture.js';
import type { AppContext } from './context.js';
import { corsHeaders, mediaAbilities, originRule, preflightHeaders, usesCors } from './cors.js';
import { rawBadRequest, sendError, toKnown } from './errorResponses.js';
import { healthRoutes } from './health.js';
import { hostRule, isForThisMachine } from './hostRule.js';
import { meetRoutes } from './meet.js';
import { findWebRoot, pageForWrongLink, pageRoutes } from './page.js';
import { plainRtpRoutes } from './plainRtp.js';
import { recordingRoutes } from './recordings.js';
import { defineRefusals } from './routes.js';
import { sessionRoutes } from './sessions.js';
import { whipRoutes } from './whip.js';

export interface TlsMaterial {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

/** A request must be whole within this time; a session's offer is 20 kB. Idle sockets end after the other. */
const REQUEST_TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 30_000;

export async function createApp(context: AppContext, tls?: TlsMaterial): Promise<FastifyInstance> {
  const webRoot = findWebRoot(context.config.webRoot);
  const refuse = (request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply => {
    const error = toKnown(thrown, request.url);
    return pageForWrongLink(webRoot, request, reply, error) ?? sendError(request, reply, error);
  };
  const app = fastify({
    loggerInstance: context.log.child({ mod: 'http' }),
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: context.config.trustProxy,
    bodyLimit: LIMITS.bodyBytes,
    forceCloseConnections: true,
    routerOptions: { ignoreDuplicateSlashes: true, maxParamLength: 512 },
    frameworkErrors: (error, request, reply) => void refuse(request, reply, error),
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(rawBadRequest());
      else socket.destroy();
    },
    serverFactory: (handler) => listener(handler, tls),
  }) as unknown as FastifyInstance;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => refuse(request, reply, error));
  app.setNotFoundHandler((request, reply) =>
    refuse(request, reply, new ServerError('NOT_FOUND', 'There is nothing at this path.')),
  );
  addHostRule(app, context);
  addCors(app, context);
  app.addHook('onResponse', (request, reply, done) => {
    context.metrics.requestDone(
      request.method,
      request.routeOptions.url ?? 'none',
      reply.statusCode,
      reply.elapsedTime,
    );
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('x-content-type-options', 'nosniff');
    done(null, payload);
  });

  sessionRoutes(app, context);
  meetRoutes(app, context);
  whipRoutes(app, context);
  adminRoutes(app, context);
  captureRoutes(app, context);
  recordingRoutes(app, context);
  plainRtpRoutes(app, context);
  healthRoutes(app, context);
  defineRefusals(app);
  await pageRoutes(app, webRoot);
  return app;
}

function listener(handler: (request: never, response: never) => void, tls: TlsMaterial | undefined): Server {
  const handle = handler as Parameters<typeof createHttpServer>[1];
  const server = tls ? (createHttpsServer(tls, handle) as unknown as Server) : createHttpServer(handle);
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = LIMITS.httpConnections;
  return server;
}

function addHostRule(app: FastifyInstance, { config }: AppContext): void {
  const allowed = hostRule(config);
  app.addHook('onRequest', async (request) => {
    if (!allowed(request.headers.host))
      throw new ServerError(
        'HOST_NOT_ALLOWED',
        'Without keys the server answers only to the name localhost.',
      );
  });
}

function addCors(app: FastifyInstance, context: AppContext): void {
  const allow = originRule(context.config);
  const guarded = isForThisMachine(context.config);
  app.addHook('onRequest', async (request, reply) => {
    if (!usesCors(request.url)) return;
    const { origin } = request.headers;
    const allowed = origin === undefined ? undefined : allow(origin);
    if (allowed !== undefined) reply.headers(corsHeaders(allowed));
    // Any page may send a POST that looks like a form's without asking, and need not read the answer: what it begins has begun.
    if (guarded && request.method === 'POST' && origin !== undefined && allowed === undefined)
      throw new ServerError(
        'ORIGIN_NOT_ALLOWED',
        'Without keys the server serves only pages of this machine.',
      );
    if (request.method !== 'OPTIONS') return;
    const privateNetwork = request.headers['access-control-request-private-network'] === 'true';
    if (allowed !== undefined) reply.headers(preflightHeaders(privateNetwork));
    const abilities = mediaAbilities(request.url);
    return abilities ? reply.code(200).headers(abilities).send() : reply.code(204).send();
  });
}
