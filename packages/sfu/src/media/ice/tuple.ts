/**
 * A way on which a peer can be reached: one of our sockets and an address of theirs, in the engine's 20-byte form.
 * Knows how to name one and how to say it in STUN's form; nothing of checks or choice.
 * Elsewhere: the address form → @tertulia/engine address.ts
 */
import { addressIp, addressPort } from '@tertulia/engine';
import type { SocketAddress } from '@tertulia/wire';

export interface Tuple {
  readonly socket: number;
  /** ADDRESS_BYTES bytes; a copy that nobody writes. */
  readonly address: Uint8Array;
  /** Equal exactly when socket and address are equal. */
  readonly key: string;
}

/** Copies `address`, which may lie in the engine's rows. */
export function toTuple(socket: number, address: Uint8Array): Tuple {
  return { socket, address: address.slice(), key: tupleKey(socket, address) };
}

/** Byte 1, the local address that the peer asked on, is part of it: another one is another path. */
export function tupleKey(socket: number, address: Uint8Array): string {
  let key = String.fromCharCode(socket & 0xffff);
  for (let at = 0; at < address.length; at += 2)
    key += String.fromCharCode((address[at]! << 8) | (address[at + 1] ?? 0));
  return key;
}

export function tupleAddress(tuple: Tuple): SocketAddress {
  const family = tuple.address[0] === 6 ? 6 : 4;
  return { family, ip: addressIp(tuple.address), port: addressPort(tuple.address) };
}
