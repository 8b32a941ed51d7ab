/** Which addresses of this machine media is received on. Pure: the list of interfaces comes in. */
import { isLoopbackHost, type Config } from './config.js';

export interface InterfaceAddress {
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
  readonly internal: boolean;
}

export interface MediaListen {
  readonly ip: string;
  readonly announcedAddress?: string;
}

/**
 * The one of `mediaIp`, else all; loopback among them only when the web server itself is on loopback. With an
 * announced address one socket is enough: what clients are told does not depend on where it is bound.
 */
export function mediaAddresses(config: Config, interfaces: readonly InterfaceAddress[]): MediaListen[] {
  const announced =
    config.announcedAddress === undefined ? {} : { announcedAddress: config.announcedAddress };
  if (config.mediaIp !== undefined) return [{ ip: config.mediaIp, ...announced }];
  if (config.announcedAddress !== undefined) return [{ ip: '0.0.0.0', ...announced }];
  const usable = interfaces.filter(({ address, internal }) => !internal && !isLinkLocal(address));
  const loopback = interfaces.filter(({ address }) => address === '127.0.0.1');
  const chosen = isLoopbackHost(config.host) || usable.length === 0 ? [...usable, ...loopback] : usable;
  // IPv4 first: an address that nobody can route is more often an IPv6 one.
  return chosen.toSorted((a, b) => a.family.localeCompare(b.family)).map(({ address }) => ({ ip: address }));
}

/** fe80::/10 needs a zone that the other side cannot know; 169.254/16 means that no address was given. */
const isLinkLocal = (address: string): boolean => /^(fe[89ab]|169\.254\.)/i.test(address);
