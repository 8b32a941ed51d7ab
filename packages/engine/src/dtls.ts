/**
 * One DTLS association: datagrams in, datagrams out, SRTP keys for a peer. OpenSSL inside Node does the work.
 * It does not judge the other side's certificate: the caller compares `remoteFingerprint` before it lets
 * `Engine.setKeysFromDtls` or application data happen. Spec: RFC 6347, RFC 5764, RFC 8827 §6.5.
 */
import { asEngineError, EngineError } from './errors.js';
import { loadNative } from './native.js';
import type { NativeDtls, NativeDtlsContext } from './native.js';
import type {
  DtlsContextOptions,
  DtlsOptions,
  DtlsState,
  Fingerprint,
  FingerprintAlgorithm,
  SrtpProfile,
} from './types.js';

/** Order is the add-on's; 0 means none. */
export const SRTP_PROFILES: readonly SrtpProfile[] = [
  'AEAD_AES_128_GCM',
  'AEAD_AES_256_GCM',
  'AES_CM_128_HMAC_SHA1_80',
  'AES_CM_128_HMAC_SHA1_32',
];
export const FINGERPRINT_ALGORITHMS: readonly FingerprintAlgorithm[] = [
  'sha-1',
  'sha-224',
  'sha-256',
  'sha-384',
  'sha-512',
];
const STATES: readonly DtlsState[] = ['connecting', 'connected', 'failed', 'closed'];
/** IPv6's minimum path MTU is 1280; 1200 leaves room for tunnels. Below 256 no handshake message fits sensibly. */
const MTU_BYTES = { default: 1200, least: 256, most: 1500 };

/** A certificate with its key. Many associations may share one. */
export class DtlsContext {
  readonly #native: NativeDtlsContext;
  readonly fingerprints: readonly Fingerprint[];

  /** @throws EngineError (`BAD_CERTIFICATE`) when the PEM texts are unreadable or do not belong together. */
  constructor(options: DtlsContextOptions = {}) {
    const { certificatePem = '', privateKeyPem = '' } = options;
    if ((certificatePem === '') !== (privateKeyPem === '')) {
      throw new EngineError('BAD_CERTIFICATE', 'certificatePem and privateKeyPem must come together');
    }
    const { DtlsContext: Native } = loadNative();
    this.#native = guarded(() => new Native(certificatePem, privateKeyPem));
    this.fingerprints = FINGERPRINT_ALGORITHMS.map((algorithm) => ({
      algorithm,
      value: this.#native.fingerprint(algorithm),
    }));
  }

  /** Not for callers: what the add-on needs. */
  get native(): NativeDtlsContext {
    return this.#native;
  }
}

export class Dtls {
  readonly #native: NativeDtls;

  /** A client has its first flight in `takeOutput()` at once. */
  constructor(context: DtlsContext, options: DtlsOptions) {
    const { mtu = MTU_BYTES.default } = options;
    if (!Number.isInteger(mtu) || mtu < MTU_BYTES.least || mtu > MTU_BYTES.most) {
      throw new RangeError(`mtu ${mtu} is not ${MTU_BYTES.least}…${MTU_BYTES.most}`);
    }
    const { Dtls: Native } = loadNative();
    this.#native = guarded(() => new Native(context.native, options.role === 'server', mtu));
  }

  /** One datagram as it came. Never throws for what is in it; look at `state` afterwards. */
  input(datagram: Uint8Array): void {
    this.#native.input(datagram);
  }

  /** Call when `timeoutMs()` has passed: the last flight goes out again, or the handshake has failed. */
  handleTimeout(): void {
    this.#native.handleTimeout();
  }

  /** Milliseconds until `handleTimeout` wants to be called; undefined when nothing waits for an answer. */
  timeoutMs(): number | undefined {
    const timeout = this.#native.timeoutMs();
    return timeout < 0 ? undefined : timeout;
  }

  /** Datagrams to send, each as one. Empty afterwards. */
  takeOutput(): Uint8Array[] {
    return this.#native.takeOutput();
  }

  /** Decrypted application records since the last call, one element each. */
  takeApplicationData(): Uint8Array[] {
    return this.#native.takeApplicationData();
  }

  /** @returns false when not connected, or when `data` is empty or does not fit into one record. */
  send(data: Uint8Array): boolean {
    return this.#native.send(data);
  }

  get state(): DtlsState {
    return STATES[this.#native.state()] ?? 'closed';
  }

  /** Why the state is 'failed', in words for people. */
  get failure(): string | undefined {
    return this.#native.failure() || undefined;
  }

  /** Of the certificate that the other side has proven to hold; undefined before the handshake is done. */
  remoteFingerprint(algorithm: FingerprintAlgorithm): string | undefined {
    return this.#native.remoteFingerprint(algorithm) || undefined;
  }

  /** The same certificate as PEM text; undefined before the handshake is done. */
  get remoteCertificatePem(): string | undefined {
    return this.#native.remoteCertificatePem() || undefined;
  }

  /** undefined before the handshake is done and when none was negotiated. */
  get srtpProfile(): SrtpProfile | undefined {
    return SRTP_PROFILES[this.#native.srtpProfile() - 1];
  }

  /** Writes close_notify into the output. */
  close(): void {
    this.#native.close();
  }

  /** Gives the memory back at once instead of at garbage collection. Everything after it finds state 'closed'. */
  free(): void {
    this.#native.free();
  }

  /** Not for callers: what the add-on needs. */
  get native(): NativeDtls {
    return this.#native;
  }
}

function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asEngineError(error);
  }
}
