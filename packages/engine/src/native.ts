/**
 * The add-on as TypeScript sees it, and loading it. Nothing outside this package imports it.
 * Every id and length crosses as a number; what happens per packet goes through the shared arrays instead.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from './errors.js';

export interface NativeArrays {
  /** Slab and scratch in one. */
  slab: ArrayBuffer;
  rows: ArrayBuffer;
  commands: ArrayBuffer;
  entries: ArrayBuffer;
  /** Word 0: number of free slots, then the stack of them. */
  freeSlots: ArrayBuffer;
  /** Holders per slot: 1 while its batch lasts, 1 per `retain`. */
  slotHolders: ArrayBuffer;
}

export interface NativeBound {
  socket: number;
  ip: string;
  port: number;
  sendBuffer: number;
  receiveBuffer: number;
}

/** Methods of a closed engine do nothing and give undefined. */
export interface NativeEngine {
  arrays(): NativeArrays;
  bind(
    ip: string,
    port: number,
    sendBuffer: number,
    receiveBuffer: number,
    ipv6Only: boolean,
    reusePort: boolean,
    coalesce: boolean,
  ): NativeBound;
  bindTcp(
    ip: string,
    port: number,
    sendBuffer: number,
    receiveBuffer: number,
    ipv6Only: boolean,
    reusePort: boolean,
    unverifiedMs: number,
  ): NativeBound;
  unbind(socket: number): void;
  start(onBatch: (rowCount: number, nowMicros: number) => number, readEveryMs: number): void;
  read(): number | undefined;
  flush(commandCount: number): number | undefined;
  now(): number | undefined;
  sendTo(socket: number, address: Uint8Array, bytes: Uint8Array): boolean | undefined;
  createPeer(): number;
  closePeer(peer: number): void;
  bindAddress(peer: number, socket: number, address: Uint8Array): boolean;
  unbindAddress(peer: number, socket: number, address: Uint8Array): void;
  selectAddress(peer: number, socket: number, address: Uint8Array): void;
  setKeys(
    peer: number,
    profile: number,
    receiveKey: Uint8Array,
    receiveSalt: Uint8Array,
    sendKey: Uint8Array,
    sendSalt: Uint8Array,
  ): void;
  setKeysFromDtls(peer: number, dtls: NativeDtls): void;
  setPlain(peer: number): void;
  acceptSctp(peer: number): void;
  ownSocket(peer: number, socket: number, latch: boolean): void;
  deliver(peer: number, bytes: Uint8Array): boolean | undefined;
  answerChecks(peer: number, fragment: string, password: Uint8Array, refreshMicros: number): boolean;
  setReport(peer: number, bytes: Uint8Array, places: Uint32Array): boolean;
  setRateLimit(peer: number, packetsPerSecond: number, burst: number, sources: number): void;
  sendRtcp(peer: number, bytes: Uint8Array): boolean | undefined;
  poll(): number | undefined;
  setPacing(peer: number, bitsPerSecond: number, burstMicros: number): void;
  pacerQueue(peer: number, into: Float64Array): void;
  probe(peer: number, entry: number, clusterId: number, bitsPerSecond: number, bytes: number): boolean;
  readTransportFeedback(peer: number, bytes: Uint8Array, nowMicros: number, into: Float64Array): number;
  setCapture(peer: number, capture: number): void;
  setCaptureRoom(bytes: number): void;
  takeCapture(): Uint8Array | undefined;
  captureLost(peer: number, into: Float64Array): void;
  createEntry(): number;
  freeEntry(entry: number): void;
  createList(): number;
  freeList(list: number): void;
  listAdd(list: number, entry: number): void;
  listRemove(entry: number): void;
  listSize(list: number): number | undefined;
  stats(into: Float64Array): void;
  inject(packed: Uint8Array, count: number, nowMicros: number): void;
  setNow(nowMicros: number): void;
  takeSent(): ArrayBuffer;
  setCipher(name: string): boolean | undefined;
  cipher(): string | undefined;
  close(): void;
}

export interface NativeDtlsContext {
  fingerprint(algorithm: string): string;
}

export interface NativeDtls {
  input(datagram: Uint8Array): void;
  handleTimeout(): void;
  timeoutMs(): number;
  takeOutput(): Uint8Array[];
  takeApplicationData(): Uint8Array[];
  send(data: Uint8Array): boolean;
  state(): number;
  failure(): string;
  remoteFingerprint(algorithm: string): string;
  remoteCertificatePem(): string;
  srtpProfile(): number;
  close(): void;
  free(): void;
}

export interface NativeModule {
  layout: Record<string, number>;
  drops: string[];
  counters: string[];
  opensslVersion: string;
  Engine: new (
    memory: boolean,
    slots: number,
    entries: number,
    commands: number,
    maxPeers: number,
  ) => NativeEngine;
  DtlsContext: new (certificatePem: string, privateKeyPem: string) => NativeDtlsContext;
  Dtls: new (context: NativeDtlsContext, server: boolean, mtu: number) => NativeDtls;
  /** For tests: one packet through the very code that sends and receives. */
  testProtect(
    profile: number,
    key: Uint8Array,
    salt: Uint8Array,
    packet: Uint8Array,
    index: number,
    rtcp: boolean,
    cipher: string,
    areSessionKeys?: boolean,
  ): Uint8Array;
  testUnprotect(
    profile: number,
    key: Uint8Array,
    salt: Uint8Array,
    packet: Uint8Array,
    index: number,
    rtcp: boolean,
    areSessionKeys?: boolean,
  ): Uint8Array | undefined;
  /** For tests: RFC 3711 §4.3 key derivation, key derivation rate 0. */
  testDerive(key: Uint8Array, salt: Uint8Array, label: number, length: number): Uint8Array;
  /** For tests: own AES-GCM against EVP on random messages; the number of differences. */
  testCompareCiphers(cipher: string, messages: number, seed: number): number;
  /** Which ciphers this machine can run. */
  testCiphers(): string[];
}

let loaded: NativeModule | undefined;

/** @throws EngineError (`NOT_BUILT`) that says what to do. */
export function loadNative(): NativeModule {
  if (loaded) return loaded;
  const root = dirname(dirname(fileURLToPath(import.meta.url))); // src/ and dist/ lie in it
  const require = createRequire(import.meta.url);
  try {
    const nodeGypBuild = require('node-gyp-build') as (directory: string) => NativeModule;
    loaded = nodeGypBuild(root);
    return loaded;
  } catch (error) {
    // Only a checkout has the scripts; a package has binaries of some platforms, and the sources for the others.
    const isCheckout = existsSync(join(root, 'scripts'));
    const command = isCheckout ? 'npm run build' : `npx node-gyp rebuild --directory "${root}"`;
    throw new EngineError(
      'NOT_BUILT',
      `${root} has no native add-on that ${process.platform}-${process.arch} can load; build it with ${command} ` +
        '(needs a C++ compiler, make and Python 3)',
      { cause: error },
    );
  }
}
