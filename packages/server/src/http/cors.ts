/**
 * Which web pages may use the API (Fetch standard, "CORS protocol"). No cookies are used, so `*` gives a page nothing
 * that its own token would not give. Without keys only pages of this machine may: others could listen in.
 */
import { isLoopbackHost, isOpen, type Config } from '../config.js';
import { SDP, SDP_FRAGMENT } from './mediaTypes.js';

export type OriginRule = (origin: string) => string | undefined;

/** @returns a function: origin → value of Access-Control-Allow-Origin, or undefined when it is not allowed. */
export function originRule(config: Config): OriginRule {
  const listed = (config.corsOrigin ?? '')
    .split(',')
    .map((origin) => origin.trim().replace(/\/$/, ''))
    .filter((origin) => origin !== '');
  if (listed.includes('*')) return () => '*';
  if (listed.length > 0) return (origin) => (listed.includes(origin) ? origin : undefined);
  if (!isOpen(config)) return () => '*';
  return (origin) => (isLoopbackOrigin(origin) ? origin : undefined);
}

function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname);
}

export const usesCors = (url: string): boolean => /^\/*(v1|v2beta|whip|whep)(\/|\?|$)/.test(url);

export function corsHeaders(allowed: string): Record<string, string> {
  return {
    'access-control-allow-origin': allowed,
    'access-control-expose-headers': 'Location, ETag, Link',
    ...(allowed === '*' ? {} : { vary: 'Origin' }),
  };
}

export function preflightHeaders(privateNetwork: boolean): Record<string, string> {
  return {
    'access-control-allow-methods': 'GET, POST, PATCH, DELETE, OPTIONS',
    'access-control-allow-headers': 'authorization, content-type, if-match',
    'access-control-max-age': '600',
    ...(privateNetwork ? { 'access-control-allow-private-network': 'true' } : {}),
  };
}

/** What OPTIONS says of a WHIP or WHEP path besides. RFC 9725 §4.2 (Accept-Post), RFC 5789 §3.1 (Accept-Patch). */
export function mediaAbilities(url: string): Record<string, string> | undefined {
  const [, session] = /^\/*wh[ie]p\/+[^/?]+(\/+[^/?]+)?\/*(?:\?|$)/.exec(url) ?? [undefined, undefined];
  if (!/^\/*wh[ie]p(\/|\?|$)/.test(url)) return undefined;
  return session === undefined
    ? { allow: 'GET, POST, HEAD, OPTIONS', 'accept-post': SDP }
    : { allow: 'GET, PATCH, DELETE, HEAD, OPTIONS', 'accept-patch': SDP_FRAGMENT };
}
