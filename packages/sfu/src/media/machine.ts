/** What a real machine gives to a MediaCore, where nothing else is given: secrets, HMAC, the wall clock. */
import { createHmac, randomBytes, randomInt } from 'node:crypto';

/** ice-char without '+' and '/', RFC 8839 §5.4: 62 of them. */
const ICE_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function secretText(length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += ICE_ALPHABET[randomInt(ICE_ALPHABET.length)];
  return text;
}

export const secretBytes = (length: number): Uint8Array => randomBytes(length);

/** Measured: 2 µs for a check's 100 bytes; one in TypeScript with the key's blocks kept took 1.4 µs, which is not worth it. */
export const hmacSha1 = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac('sha1', key).update(bytes).digest();

/** The only look at the wall clock: the server's NTP time is this plus the engine's time. */
export const unixMicrosAtZero = (nowMicros: number): number => Date.now() * 1000 - nowMicros;
