/** What the handlers share, and the steps that nearly all of them begin with. */
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ANY_ROOM, type Grants, type Role } from '../auth/grants.js';
import type { TokenVerifier } from '../auth/tokens.js';
import type { Config } from '../config.js';
import { ServerError } from '../errors.js';
import { parseJson } from '../json.js';
import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import { isRoomName } from '../names.js';
import type { Recordings } from '../recording/recordings.js';
import type { Conference } from '../rooms/conference.js';
import type { Scheduler } from '../scheduler.js';
import type { RateLimiter } from './rateLimiter.js';

export interface AppContext {
  readonly config: Config;
  readonly conference: Conference;
  readonly recordings: Recordings;
  readonly tokens: TokenVerifier;
  readonly scheduler: Scheduler;
  readonly metrics: Metrics;
  readonly joins: RateLimiter;
  readonly log: Logger;
  readonly version: string;
  readonly random32: () => number;
}

export function pathParameter(request: FastifyRequest, name: string): string {
  const value = (request.params as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : '';
}

export function roomName(request: FastifyRequest): string {
  const name = pathParameter(request, 'room');
  if (!isRoomName(name))
    throw new ServerError(
      'ROOM_NAME_INVALID',
      'A room name has 1 to 64 characters, of A-Z a-z 0-9 - . _ ~ only.',
    );
  return name;
}

/** @throws ServerError TOKEN_… unless the token gives one of the roles in this room. */
export async function authorize(
  context: AppContext,
  request: FastifyRequest,
  room: string,
  roles: readonly Role[],
): Promise<Grants> {
  const grants = await context.tokens.verify(request.headers.authorization, context.scheduler.nowMs());
  if (!roles.some((role) => grants.roles.has(role)))
    throw new ServerError('TOKEN_FORBIDDEN', `The token lacks the role "${roles[0]}".`);
  if (!grantsRoom(context, grants, room))
    throw new ServerError('TOKEN_FORBIDDEN', 'The token is for another room.');
  return grants;
}

export function grantsRoom({ conference }: AppContext, grants: Grants, room: string): boolean {
  return (
    grants.room === ANY_ROOM || conference.rooms.canonical(grants.room) === conference.rooms.canonical(room)
  );
}

/** The body is JSON whatever its content type says: browsers send text/plain when nothing is set. */
export function jsonBody(request: FastifyRequest): unknown {
  const bytes = request.body;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0)
    throw new ServerError('BODY_NOT_JSON', 'The body is empty.');
  const parsed = parseJson(bytes);
  if (!parsed.ok) throw new ServerError('BODY_NOT_JSON', `The body was refused: ${parsed.why}.`);
  return parsed.value;
}

export function checkedBody<Schema extends z.ZodType>(
  request: FastifyRequest,
  schema: Schema,
): z.infer<Schema> {
  const read = schema.safeParse(jsonBody(request));
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new ServerError(
    'BODY_INVALID',
    `${issue?.path.join('.') || 'The body'}: ${issue?.message ?? 'not valid'}.`,
  );
}

/** What stands behind the question mark; unknown names are refused, so that a slip is noticed. */
export function checkedQuery<Schema extends z.ZodType>(
  request: FastifyRequest,
  schema: Schema,
): z.infer<Schema> {
  const read = schema.safeParse(request.query);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  throw new ServerError(
    'QUERY_INVALID',
    `${issue?.path.join('.') || 'The query'}: ${issue?.message ?? 'not valid'}.`,
  );
}

export function limitJoins(context: AppContext, request: FastifyRequest): void {
  if (!context.joins.take(request.ip, context.scheduler.nowMs()))
    throw new ServerError('RATE_LIMITED', 'This address starts sessions too fast; wait a moment.');
}
