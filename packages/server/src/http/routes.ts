/** Puts a route of the table api.ts into the web server. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServerError } from '../errors.js';
import { API, type ApiRoute, type Method } from './api.js';

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

const METHODS: readonly Method[] = ['GET', 'POST', 'PATCH', 'DELETE'];
/** Refused everywhere. */
const OTHER_METHODS = ['PUT'] as const;

/** `/v1/rooms/{room}` → `/v1/rooms/:room`. The Meet path has a colon within a segment, which the router takes for a parameter. */
export function routerPath(path: string): string {
  return path.startsWith('/v2beta/') ? '/v2beta/spaces/*' : path.replaceAll(/\{(\w+)\}/g, ':$1');
}

export function define(app: FastifyInstance, route: ApiRoute, handler: Handler): void {
  app.route({
    method: route.method,
    url: routerPath(route.path),
    // A HEAD of an event stream would open one.
    exposeHeadRoute: route.method === 'GET' && route.success.contentType !== 'text/event-stream',
    handler: async (request, reply) => {
      reply.code(route.success.status);
      const result = await handler(request, reply);
      if (reply.sent || result === reply) return reply;
      return reply.send(result);
    },
  });
}

/** For each path of the table the methods that it does not have: 405 with `Allow`. */
export function defineRefusals(app: FastifyInstance): void {
  const byPath = new Map<string, Set<Method>>();
  for (const { path, method } of Object.values(API) as ApiRoute[]) {
    const url = routerPath(path);
    byPath.set(url, (byPath.get(url) ?? new Set()).add(method));
  }
  for (const [url, methods] of byPath) {
    const allow = [...methods, ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    app.route({
      method: [...METHODS.filter((method) => !methods.has(method)), ...OTHER_METHODS],
      url,
      // The body is not looked at.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      onRequest: async (_request, reply) => {
        reply.header('allow', allow);
        throw new ServerError('METHOD_NOT_ALLOWED', `This path knows ${allow}.`);
      },
      handler: () => undefined,
    });
  }
}
