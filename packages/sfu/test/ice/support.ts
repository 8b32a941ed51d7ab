/** The other end of ICE for tests: writes checks as a browser does and reads what comes back. */
import { createHmac } from 'node:crypto';
import { toAddress } from '@tertulia/engine';
import { parseStun, verifyStunIntegrity, writeBindingRequest } from '@tertulia/wire';
import type { StunMessage } from '@tertulia/wire';
import { IceLite, toTuple } from '../../src/media/ice/index.js';
import type { IceOutput, Tuple } from '../../src/media/ice/index.js';

export const hmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac('sha1', key).update(bytes).digest();
export const ms = (value: number): number => value * 1000;
export const seconds = (value: number): number => value * 1_000_000;

export const PASSWORD = 'a-password-of-24-letters';
export const HOME = toTuple(0, toAddress('192.0.2.1', 5000));
export const PHONE = toTuple(0, toAddress('198.51.100.7', 40_000));
export const SIX = toTuple(1, toAddress('2001:db8::7', 40_001));
export const many = (count: number): Tuple[] =>
  Array.from({ length: count }, (_, i) => toTuple(0, toAddress('203.0.113.1', 1000 + i)));

let transactions = 0;
export function newTransaction(): Uint8Array {
  const id = new Uint8Array(12);
  new DataView(id.buffer).setUint32(4, ++transactions);
  return id;
}

export interface CheckOptions {
  nominates?: boolean;
  transactionId?: Uint8Array;
  username?: string;
  password?: string;
  controlled?: boolean;
}
export function check(options: CheckOptions = {}): Uint8Array {
  return writeBindingRequest({
    transactionId: options.transactionId ?? newTransaction(),
    username: options.username ?? 'ours:theirs',
    priority: 1_845_501_695,
    useCandidate: options.nominates ?? false,
    ...(options.controlled ? { iceControlled: 7n } : { iceControlling: 7n }),
    key: new TextEncoder().encode(options.password ?? PASSWORD),
    hmac,
  });
}
export const nomination = (options: CheckOptions = {}): Uint8Array => check({ ...options, nominates: true });

export function newIce(): IceLite {
  return new IceLite({ usernameFragment: 'ours', password: PASSWORD, hmac, nowMicros: 0 });
}

/** The reply, which must be authentic. */
export function reply(output: IceOutput, password = PASSWORD): StunMessage {
  if (!output.reply) throw new Error('no reply');
  const message = parseStun(output.reply);
  if (!message.ok) throw new Error(message.why);
  if (!verifyStunIntegrity(output.reply, message.value, new TextEncoder().encode(password), hmac))
    throw new Error('reply is not authentic');
  return message.value;
}

/** Writes attributes that a well-behaved writer would not, with a right MESSAGE-INTEGRITY and no FINGERPRINT. */
export function oddCheck(
  attributes: readonly [type: number, value: Uint8Array][],
  password = PASSWORD,
): Uint8Array {
  const body = attributes.flatMap(([type, value]) => [
    type >>> 8,
    type & 0xff,
    value.length >>> 8,
    value.length & 0xff,
    ...value,
    ...new Array<number>((4 - (value.length % 4)) % 4).fill(0),
  ]);
  const header = (length: number): number[] => [0, 1, length >>> 8, length & 0xff, 0x21, 0x12, 0xa4, 0x42];
  const id = [...newTransaction()];
  const covered = Uint8Array.from([...header(body.length + 24), ...id, ...body]);
  const integrity = hmac(new TextEncoder().encode(password), covered);
  return Uint8Array.from([...covered, 0, 8, 0, 20, ...integrity]);
}
