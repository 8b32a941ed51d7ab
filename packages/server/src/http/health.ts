/** For machines that watch: liveness, readiness, metrics, and the description of the API. */
import type { FastifyInstance } from 'fastify';
import { ServerError } from '../errors.js';
import { openApiDocument } from '../openapi.js';
import { API } from './api.js';
import type { AppContext } from './context.js';
import { define } from './routes.js';

export function healthRoutes(app: FastifyInstance, context: AppContext): void {
  const { conference, metrics, version } = context;
  const description = JSON.stringify(openApiDocument(version));

  define(app, API.health, () => ({ status: 'ok' }));

  define(app, API.ready, () => {
    if (conference.draining) throw new ServerError('DRAINING', 'The server is stopping.');
    if (!conference.ready) throw new ServerError('MEDIA_UNAVAILABLE', 'The media process is not there.');
    return { status: 'ready' };
  });

  define(app, API.metrics, async (_request, reply) => {
    reply.header('cache-control', 'no-store').type(metrics.contentType);
    return metrics.text();
  });

  define(app, API.openapi, (_request, reply) => {
    reply.type('application/json; charset=utf-8');
    return description;
  });
}
