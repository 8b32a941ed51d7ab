export { DtlsSession } from './dtlsSession.js';
export type { DtlsSessionOptions } from './dtlsSession.js';
export { judgeFingerprints } from './fingerprint.js';
export { DTLS_LIMITS } from './types.js';
export type {
  DtlsEnd,
  DtlsFingerprint,
  DtlsParameters,
  DtlsPort,
  DtlsRole,
  DtlsState,
  FingerprintAlgorithm,
} from './types.js';
