/**
 * One DTLS association as the media process sees it: drives the engine's `Dtls`, and lets neither keys nor data
 * through before the other side's certificate is the announced one. Pure: datagrams and times in, datagrams out.
 * Spec: RFC 6347 (DTLS 1.2), RFC 5764 (use_srtp), RFC 8122 §5 and RFC 8827 §6.5 (fingerprints, in both roles).
 * Elsewhere: the handshake → engine · from which addresses DTLS is taken at all → ../ice · keys into peers → the caller
 */
import { judgeFingerprints } from './fingerprint.js';
import { DTLS_LIMITS } from './types.js';
import type { DtlsEnd, DtlsFingerprint, DtlsPort, DtlsState } from './types.js';

export interface DtlsSessionOptions {
  dtls: DtlsPort;
  role: 'server' | 'client';
  /** A session that carries data channels only may do without. Default true. */
  requireSrtp?: boolean;
  nowMicros: number;
}

export class DtlsSession {
  readonly role: 'server' | 'client';
  readonly #dtls: DtlsPort;
  readonly #requireSrtp: boolean;
  #state: DtlsState = 'new';
  #end: DtlsEnd | undefined;
  #failure: string | undefined;
  #fingerprints: readonly DtlsFingerprint[] | undefined;
  /** What came before the fingerprints were known. */
  #held: Uint8Array[] = [];
  #heldDropped = 0;
  #startedMicros: number | undefined;
  #timerMicros: number | undefined;
  #output: Uint8Array[] = [];
  #data: Uint8Array[] = [];

  constructor(options: DtlsSessionOptions) {
    this.role = options.role;
    this.#dtls = options.dtls;
    this.#requireSrtp = options.requireSrtp ?? true;
  }

  get state(): DtlsState {
    return this.#state;
  }
  /** True while media keys may be taken from the engine's `Dtls`: connected, certificate right, profile negotiated. */
  get srtpReady(): boolean {
    return this.#state === 'connected' && this.#dtls.srtpProfile !== undefined;
  }
  /** Stable word for why it is 'failed' or 'closed'. */
  get end(): DtlsEnd | undefined {
    return this.#end;
  }
  /** The same in words for people. */
  get failure(): string | undefined {
    return this.#failure;
  }
  get remoteFingerprints(): readonly DtlsFingerprint[] | undefined {
    return this.#fingerprints;
  }

  /** Starts the session: datagrams that came earlier are handled now, and a client sends its first flight. Once only. */
  setRemoteFingerprints(fingerprints: readonly DtlsFingerprint[], nowMicros: number): void {
    if (this.#fingerprints || this.#over) return;
    this.#fingerprints = fingerprints.map((fingerprint) => ({ ...fingerprint }));
    if (this.role === 'client') this.#start(nowMicros);
    const held = this.#held;
    this.#held = [];
    for (const datagram of held) this.handleDatagram(datagram, nowMicros);
  }

  /** `bytes` are read during the call only. */
  handleDatagram(bytes: Uint8Array, nowMicros: number): void {
    if (this.#over || bytes.length === 0) return;
    if (!this.#fingerprints) {
      if (this.#held.length < DTLS_LIMITS.heldDatagrams) this.#held.push(bytes.slice());
      else this.#heldDropped++;
      return;
    }
    this.#start(nowMicros);
    this.#dtls.input(bytes);
    this.#look(nowMicros);
  }

  poll(nowMicros: number): void {
    if (this.#over || this.#startedMicros === undefined) return;
    if (this.#state === 'connecting' && nowMicros >= this.#startedMicros + DTLS_LIMITS.handshakeMicros) {
      this.#fail('handshake-timeout', 'the DTLS handshake was not finished within 30 s');
      return;
    }
    if (this.#timerMicros !== undefined && nowMicros >= this.#timerMicros) {
      this.#dtls.handleTimeout();
      this.#look(nowMicros);
    }
  }

  nextDeadline(): number | undefined {
    if (this.#over) return undefined;
    if (this.#state !== 'connecting' || this.#startedMicros === undefined) return this.#timerMicros;
    const end = this.#startedMicros + DTLS_LIMITS.handshakeMicros;
    return this.#timerMicros === undefined ? end : Math.min(this.#timerMicros, end);
  }

  /** @returns false when not connected or when `data` does not fit into a record. */
  send(data: Uint8Array, nowMicros: number): boolean {
    if (this.#state !== 'connected' || data.length > DTLS_LIMITS.outboundRecordBytes) return false;
    const sent = this.#dtls.send(data);
    this.#look(nowMicros);
    return sent;
  }

  /** Says goodbye to a connected peer. The goodbye is in `takeOutput()` afterwards. */
  close(_nowMicros: number): void {
    if (this.#over) return;
    this.#finish('closed', 'self', undefined);
  }

  /** Datagrams to send to the selected tuple, each as one. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Decrypted application records, one element each: SCTP packets. */
  takeData(): Uint8Array[] {
    const data = this.#data;
    this.#data = [];
    return data;
  }

  stats(): { heldDropped: number } {
    return { heldDropped: this.#heldDropped };
  }

  get #over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  #start(nowMicros: number): void {
    if (this.#startedMicros !== undefined) return;
    this.#startedMicros = nowMicros;
    this.#state = 'connecting';
    this.#look(nowMicros);
  }

  /** After every call into the engine: what it wants to send, what it says, when it wants to be called. */
  #look(nowMicros: number): void {
    if (this.#state === 'connecting' && this.#dtls.state === 'connected' && !this.#admit()) return;
    this.#output.push(...this.#dtls.takeOutput());
    if (this.#state === 'connected') this.#data.push(...this.#dtls.takeApplicationData());
    if (this.#dtls.state === 'failed') {
      this.#fail('handshake-failed', this.#dtls.failure ?? 'the DTLS handshake failed');
      return;
    }
    if (this.#dtls.state === 'closed') {
      this.#finish('closed', 'peer-closed', undefined);
      return;
    }
    const timeoutMs = this.#dtls.timeoutMs();
    // A timer that has run out and still says 0 is asked again a millisecond later, not at once and for ever.
    this.#timerMicros = timeoutMs === undefined ? undefined : nowMicros + Math.max(1, timeoutMs) * 1000;
  }

  /** The handshake is done: is it with whom signalling said? Nothing of the peer is used before this says yes. */
  #admit(): boolean {
    const verdict = judgeFingerprints(this.#fingerprints ?? [], (algorithm) =>
      this.#dtls.remoteFingerprint(algorithm),
    );
    if (verdict === 'mismatch') {
      this.#fail('fingerprint-mismatch', 'the peer has another certificate than the announced one');
      return false;
    }
    if (verdict === 'unusable') {
      this.#fail('fingerprint-unusable', 'no announced fingerprint is in an algorithm known here');
      return false;
    }
    if (this.#requireSrtp && this.#dtls.srtpProfile === undefined) {
      this.#fail('no-srtp-profile', 'the peer offered no SRTP profile known here');
      return false;
    }
    this.#state = 'connected';
    return true;
  }

  #fail(end: DtlsEnd, failure: string): void {
    this.#finish('failed', end, failure);
  }

  #finish(state: 'failed' | 'closed', end: DtlsEnd, failure: string | undefined): void {
    this.#state = state;
    this.#end = end;
    this.#failure = failure;
    this.#timerMicros = undefined;
    this.#held = [];
    if (state === 'failed') this.#data = [];
    this.#dtls.close();
    this.#output.push(...this.#dtls.takeOutput());
    this.#dtls.free();
  }
}
