/**
 * Credentials for a coturn server by its REST scheme (draft-uberti-behave-turn-rest): user name = time of expiry and
 * an id, password = HMAC-SHA1 of it with the shared secret. One hour, per session.
 */
import { createHmac } from 'node:crypto';
import type { Config } from '../config.js';

const LIFETIME_SECONDS = 3_600;

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export function iceServers(config: Config, participantId: string, nowMs: number): IceServer[] {
  if (config.turnUrl === undefined || config.turnSecret === undefined) return [];
  const urls = config.turnUrl.split(',').map((url) => url.trim());
  const username = `${Math.floor(nowMs / 1_000) + LIFETIME_SECONDS}:${participantId}`;
  const credential = createHmac('sha1', config.turnSecret).update(username).digest('base64');
  return [{ urls, username, credential }];
}

/** The same in a header, one link for each URL. RFC 9725 §4.6; empty when there is none. */
export function linkHeader(servers: readonly IceServer[]): string {
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
  return servers
    .flatMap(({ urls, username, credential }) =>
      urls.map((url) => {
        const link = `<${url}>; rel="ice-server"`;
        if (username === undefined || credential === undefined) return link;
        return `${link}; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`;
      }),
    )
    .join(', ');
}
