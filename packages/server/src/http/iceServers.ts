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
