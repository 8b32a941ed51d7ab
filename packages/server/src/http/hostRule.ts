/**
 * While every room is open to this machine, "this machine" must mean it: a web page elsewhere can make its own name point
 * to 127.0.0.1 (DNS rebinding) and would then count as the same origin. Its name still stands in the Host header.
 * With keys, behind a trusted proxy or with --insecure the header is not looked at.
 */
import { isLoopbackHost, isOpen, type Config } from '../config.js';

/** Only this machine is meant. */
export const isForThisMachine = (config: Config): boolean =>
  isOpen(config) && !config.insecure && !config.trustProxy;

/** @returns a function: Host header → whether the request may go on. */
export function hostRule(config: Config): (host: string | undefined) => boolean {
  if (!isForThisMachine(config)) return () => true;
  return (host) => host === undefined || isLoopbackHost(host.replace(/:\d+$/, ''));
}
