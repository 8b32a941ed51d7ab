/** Where plain RTP is sent from and received on: on loopback when the other side is there, else where media is anyway. */
import { isIPv6 } from 'node:net';
import type { MediaListen } from '../addresses.js';

export const isLoopbackIp = (ip: string): boolean => ip.startsWith('127.') || ip === '::1';

/** No address of this machine fits. `message` is one sentence for the one who gave it. */
export class UnreachableError extends Error {
  override readonly name: string = 'UnreachableError';
}

/** @throws UnreachableError when this machine has no address of the family. */
export function listenFor(ip: string, listen: readonly MediaListen[]): MediaListen {
  if (isLoopbackIp(ip)) return { ip: isIPv6(ip) ? '::1' : '127.0.0.1' };
  const found = listen.find((each) => isIPv6(each.ip) === isIPv6(ip) && !isLoopbackIp(each.ip));
  if (!found) throw new UnreachableError(`ip: no address that this server takes media on reaches ${ip}.`);
  return found;
}
