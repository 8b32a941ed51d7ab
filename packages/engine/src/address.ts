/**
 * The 20-byte form in which addresses travel between the engine and TypeScript, and its text form.
 * Byte 0: family (4 or 6). Byte 1: number of the local address to answer from (0 = as the kernel likes), given by
 * the engine for sockets bound to all addresses. Bytes 2–3: port, big endian. Bytes 4–19: the address, IPv4 in the first four.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { ADDRESS_BYTES } from './layout.js';

/** @throws TypeError when `ip` is not an address or `port` not 0…65535. */
export function toAddress(ip: string, port: number): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new TypeError(`port ${port} is not 0…65535`);
  const address = new Uint8Array(ADDRESS_BYTES);
  address[2] = port >>> 8;
  address[3] = port & 0xff;
  if (isIPv4(ip)) {
    address[0] = 4;
    ip.split('.').forEach((part, i) => (address[4 + i] = Number(part)));
  } else if (isIPv6(ip)) {
    address[0] = 6;
    address.set(ipv6Bytes(ip), 4);
  } else {
    throw new TypeError(`'${ip}' is not an IP address`);
  }
  return address;
}

export function addressPort(address: Uint8Array): number {
  return ((address[2] ?? 0) << 8) | (address[3] ?? 0);
}

/** IPv6 in full groups without leading zeros, longest run of zero groups shortened (RFC 5952). */
export function addressIp(address: Uint8Array): string {
  if (address[0] === 4) return address.subarray(4, 8).join('.');
  const groups = Array.from(
    { length: 8 },
    (_, i) => ((address[4 + 2 * i] ?? 0) << 8) | (address[5 + 2 * i] ?? 0),
  );
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > bestLength) [bestAt, bestLength] = [at, length];
  }
  const text = groups.map((group) => group.toString(16));
  if (bestAt < 0) return text.join(':');
  return `${text.slice(0, bestAt).join(':')}::${text.slice(bestAt + bestLength).join(':')}`;
}

/** '192.0.2.1:5000' or '[2001:db8::1]:5000'. */
export function addressText(address: Uint8Array): string {
  const ip = addressIp(address);
  return address[0] === 4 ? `${ip}:${addressPort(address)}` : `[${ip}]:${addressPort(address)}`;
}

function ipv6Bytes(ip: string): Uint8Array {
  const plain = ip.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => {
    const hex = (high: string, low: string): string => ((Number(high) << 8) | Number(low)).toString(16);
    return `${hex(a, b)}:${hex(c, d)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groupsOf = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const bytes = new Uint8Array(16);
  const put = (groups: number[], at: number): void =>
    groups.forEach((group, i) => {
      bytes[2 * (at + i)] = group >>> 8;
      bytes[2 * (at + i) + 1] = group & 0xff;
    });
  put(front, 0);
  put(back, 8 - back.length);
  return bytes;
}
