/**
 * Whether SRTP parameters of an application can be used: the suite is known and the key has its length.
 * Spec: RFC 3711 §8.2, RFC 7714 §12 (master key and salt: 16 + 14, 16 + 12 and 32 + 12 bytes).
 */
import { OptionError } from '../channel/errors.js';
import type { SrtpCryptoSuite, SrtpParameters } from '../types.js';

const KEY_AND_SALT_BYTES: Record<SrtpCryptoSuite, number> = {
  AEAD_AES_256_GCM: 44,
  AEAD_AES_128_GCM: 28,
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
};

export function checkSrtpCryptoSuite(name: string, suite: unknown): asserts suite is SrtpCryptoSuite {
  if (typeof suite !== 'string' || !Object.hasOwn(KEY_AND_SALT_BYTES, suite))
    throw new OptionError(`${name}: none of ${Object.keys(KEY_AND_SALT_BYTES).join(', ')}`);
}

/** @param enabled whether the transport was made with SRTP: then they are needed, else they must be absent. */
export function checkSrtpParameters(parameters: SrtpParameters | undefined, enabled: boolean): void {
  if (!enabled) {
    if (parameters !== undefined)
      throw new OptionError('srtpParameters: the transport was made without enableSrtp');
    return;
  }
  if (typeof parameters !== 'object' || parameters === null) throw new OptionError('srtpParameters: missing');
  const { cryptoSuite, keyBase64 } = parameters;
  checkSrtpCryptoSuite('srtpParameters.cryptoSuite', cryptoSuite);
  const bytes = typeof keyBase64 === 'string' ? Buffer.from(keyBase64, 'base64').length : 0;
  if (bytes !== KEY_AND_SALT_BYTES[cryptoSuite])
    throw new OptionError(
      `srtpParameters.keyBase64: not ${KEY_AND_SALT_BYTES[cryptoSuite]} bytes, which ${cryptoSuite} needs`,
    );
}

const PORT_MAX = 65_535;

export function checkPort(name: string, port: unknown): void {
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > PORT_MAX)
    throw new OptionError(`${name}: not an integer of 1…${PORT_MAX}`);
}
