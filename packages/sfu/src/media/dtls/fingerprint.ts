/**
 * Whether the certificate that the other side has proven to hold is the one that signalling announced.
 * Spec: RFC 8122 §5 (several fingerprints: the strongest hash that both know decides), RFC 8827 §6.5.
 */
import type { DtlsFingerprint, FingerprintAlgorithm } from './types.js';

/** Strongest first. */
const BY_STRENGTH: readonly FingerprintAlgorithm[] = ['sha-512', 'sha-384', 'sha-256', 'sha-224', 'sha-1'];

export type FingerprintVerdict = 'match' | 'mismatch' | 'unusable';

/**
 * @param actual of the other side's certificate, by algorithm; undefined when there is none.
 * 'unusable': nothing was announced in an algorithm that we know, so nothing can match.
 */
export function judgeFingerprints(
  announced: readonly DtlsFingerprint[],
  actual: (algorithm: FingerprintAlgorithm) => string | undefined,
): FingerprintVerdict {
  for (const algorithm of BY_STRENGTH) {
    const values = announced.filter((fingerprint) => fingerprint.algorithm.toLowerCase() === algorithm);
    if (values.length === 0) continue;
    const ours = actual(algorithm)?.toUpperCase();
    const equal =
      ours !== undefined && values.some((fingerprint) => fingerprint.value.toUpperCase() === ours);
    return equal ? 'match' : 'mismatch';
  }
  return 'unusable';
}
