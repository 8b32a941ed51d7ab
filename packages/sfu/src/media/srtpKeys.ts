/**
 * SRTP keys that no handshake made: the application carries them from one side to the other. Each side protects with its own.
 * Spec: RFC 4568 §6.1 (master key and salt, one after the other, base64), lengths RFC 3711 §8.2 and RFC 7714 §12.
 */
import { SRTP_KEY_LENGTHS } from '@tertulia/engine';
import type { Engine } from '@tertulia/engine';
import type { SrtpCryptoSuite, SrtpParameters } from '../types.js';

/** @param secretBytes so many, unguessable */
export function newSrtpParameters(
  cryptoSuite: SrtpCryptoSuite,
  secretBytes: (length: number) => Uint8Array,
): SrtpParameters {
  const { key, salt } = SRTP_KEY_LENGTHS[cryptoSuite];
  return { cryptoSuite, keyBase64: Buffer.from(secretBytes(key + salt)).toString('base64') };
}

/** Both of one suite, and of its length. @throws EngineError `BAD_KEYS` otherwise. */
export function setSrtpKeys(engine: Engine, peer: number, own: SrtpParameters, other: SrtpParameters): void {
  const { key } = SRTP_KEY_LENGTHS[own.cryptoSuite];
  const [sent, received] = [own, other].map(({ keyBase64 }) => Buffer.from(keyBase64, 'base64'));
  engine.setKeys(peer, own.cryptoSuite, {
    receiveKey: received!.subarray(0, key),
    receiveSalt: received!.subarray(key),
    sendKey: sent!.subarray(0, key),
    sendSalt: sent!.subarray(key),
  });
}
