/** What an entry of the table of paths says. Elsewhere: the table → api.ts */
import type { z } from 'zod';
import type { ErrorCode } from '../errors.js';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface ApiRoute<Body extends z.ZodType = z.ZodType> {
  readonly method: Method;
  /** OpenAPI form, `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  /** Which role a token needs; `session`: the session id in the path is the authority; `none`: nobody is asked. */
  readonly needs: 'none' | 'session' | 'join' | 'publish' | 'subscribe' | 'moderate' | 'record' | 'admin';
  readonly body?: Body;
  /** Of the body. Default: JSON. */
  readonly bodyType?: string;
  /** Name → description of the parameters behind the path. */
  readonly query?: Readonly<Record<string, string>>;
  readonly success: {
    readonly status: number;
    readonly description: string;
    readonly schema?: z.ZodType;
    readonly contentType?: string;
  };
  /** Another success, with the same content. */
  readonly otherwise?: { readonly status: number; readonly description: string };
  readonly errors: readonly ErrorCode[];
}

export const TOKEN_ERRORS = ['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED', 'TOKEN_FORBIDDEN'] as const;
export const START_ERRORS = ['RATE_LIMITED', 'DRAINING', 'MEDIA_UNAVAILABLE'] as const;
/** 204. */
export const done = (description: string) => ({ status: 204, description });
