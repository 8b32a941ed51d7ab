/** OpenAPI 3.1 of the whole HTTP API, made from the table that the routes are made from. */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from './errors.js';
import { API, type ApiRoute } from './http/api.js';

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): object => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

const isMeet = (route: ApiRoute): boolean => route.path.startsWith('/v2beta/');

export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, route] of Object.entries(API) as [string, ApiRoute][])
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(operationId, route);
  return {
    openapi: '3.1.0',
    info: { title: 'Tertulia', version, description: 'Conference server. Errors: docs/errors.md.' },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: PROBLEM, GoogleError: GOOGLE_ERROR },
    },
  };
}

function operation(operationId: string, route: ApiRoute): object {
  const { summary, needs, body, bodyType = 'application/json', query = {}, success, otherwise } = route;
  const schema = { type: 'string' };
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema,
    })),
    ...Object.entries(query).map(([name, description]) => ({ name, in: 'query', description, schema })),
  ];
  const contentType = success.contentType ?? 'application/json';
  const content = success.schema
    ? { content: { [contentType]: { schema: jsonSchema(success.schema, 'output') } } }
    : success.contentType
      ? { content: { [contentType]: {} } }
      : {};
  return {
    operationId,
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(needs === 'none' || needs === 'session' ? {} : { security: [{ token: [] }] }),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: { [bodyType]: { schema: jsonSchema(body, 'input') } },
          },
        }
      : {}),
    responses: {
      [success.status]: { description: success.description, ...content },
      ...(otherwise ? { [otherwise.status]: { description: otherwise.description, ...content } } : {}),
      ...errorResponses(route),
    },
  };
}

function errorResponses(route: ApiRoute): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of route.errors)
    byStatus.set(ERRORS[code].http, [...(byStatus.get(ERRORS[code].http) ?? []), code]);
  const [type, name] = isMeet(route)
    ? ['application/json', 'GoogleError']
    : ['application/problem+json', 'Problem'];
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.join(', '),
        content: { [type]: { schema: { $ref: `#/components/schemas/${name}` } } },
      },
    ]),
  );
}

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    detail: { type: 'string' },
  },
};

const GOOGLE_ERROR = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'status'],
      properties: {
        code: { type: 'integer' },
        message: { type: 'string' },
        status: { type: 'string' },
        details: { type: 'array', items: { type: 'object' } },
      },
    },
  },
};
