/**
 * Words of the DTLS session that others use, in mediasoup's form, and the narrow piece of the engine that it drives.
 */
export type FingerprintAlgorithm = 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';
export interface DtlsFingerprint {
  algorithm: FingerprintAlgorithm;
  /** 'AB:CD:…', either case. */
  value: string;
}
export type DtlsRole = 'auto' | 'client' | 'server';
export interface DtlsParameters {
  role?: DtlsRole;
  fingerprints: DtlsFingerprint[];
}
export type DtlsState = 'new' | 'connecting' | 'connected' | 'failed' | 'closed';

/** What a session needs of the engine's `Dtls`, which fits as it is. */
export interface DtlsPort {
  input(datagram: Uint8Array): void;
  handleTimeout(): void;
  timeoutMs(): number | undefined;
  takeOutput(): Uint8Array[];
  takeApplicationData(): Uint8Array[];
  send(data: Uint8Array): boolean;
  readonly state: 'connecting' | 'connected' | 'failed' | 'closed';
  readonly failure?: string | undefined;
  remoteFingerprint(algorithm: FingerprintAlgorithm): string | undefined;
  readonly srtpProfile: string | undefined;
  close(): void;
  free(): void;
}

/** Why a session is 'failed' or 'closed'. Append only. */
export type DtlsEnd =
  | 'fingerprint-mismatch'
  | 'fingerprint-unusable'
  | 'no-srtp-profile'
  | 'handshake-timeout'
  | 'handshake-failed'
  | 'peer-closed'
  | 'self';

export const DTLS_LIMITS = {
  handshakeMicros: 30_000_000, // a browser gives up after about 30 s; OpenSSL alone would wait for minutes
  heldDatagrams: 8, // a browser's first flight is 2 datagrams; it is repeated each second until somebody answers
  outboundRecordBytes: 16_384, // RFC 6347 §4.1: the most that one record carries
} as const;
