/**
 * What callers hold in their hands besides `Engine` and `Dtls`: options, results, counters.
 * Knows nothing of the add-on.
 */
import type { DropReason } from './layout.js';

/** SRTP protection profiles, IANA names without the "SRTP_" prefix of the DTLS registry. RFC 3711, RFC 7714. */
export type SrtpProfile =
  'AEAD_AES_128_GCM' | 'AEAD_AES_256_GCM' | 'AES_CM_128_HMAC_SHA1_80' | 'AES_CM_128_HMAC_SHA1_32';

/** Bytes of master key and master salt per profile. RFC 3711 §8.2, RFC 7714 §12. */
export const SRTP_KEY_LENGTHS: Readonly<
  Record<SrtpProfile, { readonly key: number; readonly salt: number }>
> = {
  AEAD_AES_128_GCM: { key: 16, salt: 12 },
  AEAD_AES_256_GCM: { key: 32, salt: 12 },
  AES_CM_128_HMAC_SHA1_80: { key: 16, salt: 14 },
  AES_CM_128_HMAC_SHA1_32: { key: 16, salt: 14 },
};

/** Master keys and salts of both directions, seen from here. */
export interface SrtpKeys {
  receiveKey: Uint8Array;
  receiveSalt: Uint8Array;
  sendKey: Uint8Array;
  sendSalt: Uint8Array;
}

export interface EngineOptions {
  /** No sockets and no clock: datagrams come from `inject`, go to `takeSent`, time is what `inject` says. Default false. */
  memory?: boolean;
  /** Datagrams that can be held at once, 2048 B each; memory is touched when used. Default 16384. */
  slots?: number;
  /** Outgoing streams. Default 65536. */
  entries?: number;
  /** Commands between two flushes. Default 8192. */
  commands?: number;
  /** Default 16384. */
  maxPeers?: number;
}

export interface BindOptions {
  /** Bytes asked of the kernel; default 4 MiB. What was granted is in `Bound`. */
  sendBuffer?: number;
  /** Bytes asked of the kernel; default 4 MiB. What was granted is in `Bound`. */
  receiveBuffer?: number;
  /** `::` takes no IPv4; otherwise IPv4 peers have addresses ::ffff:a.b.c.d. Default true. */
  ipv6Only?: boolean;
  /** UDP: other sockets that say so too may have the same port. Default false. */
  reusePort?: boolean;
  /**
   * UDP on Linux: datagrams that were sent together are read together (UDP GRO), which is cheaper where the sender is on the same
   * machine. Takes 1 MiB. Elsewhere, and before Linux 5.0, they come one by one. Default false.
   */
  coalesce?: boolean;
}

export interface BindTcpOptions extends Omit<BindOptions, 'reusePort' | 'coalesce'> {
  /** How long a connection may send checks before its address is a peer's. Default 10,000. */
  unverifiedMs?: number;
}

export interface Bound {
  socket: number;
  ip: string;
  /** The real one, also when 0 was asked for. */
  port: number;
  /** Usable bytes that the kernel granted. Less than asked: net.core.wmem_max is lower. */
  sendBuffer: number;
  /** Usable bytes that the kernel granted. Less than asked: net.core.rmem_max is lower. */
  receiveBuffer: number;
}

/**
 * @param rowCount rows filled in `engine.rows`
 * @param nowMicros when the batch was read, `engine.now()` clock
 * @returns commands filled in `engine.commands`; they are executed right after the return
 */
export type OnBatch = (rowCount: number, nowMicros: number) => number;

export interface StartOptions {
  /**
   * Sockets are read so often, in ms, for who forwards nothing and has time: fewer wake-ups, larger batches. The kernel's
   * buffer has to hold what comes meanwhile. `onBatch` is called at each reading, with 0 rows when nothing came, so that
   * what is due can be done in the same wake-up. After a second without any datagram the readings end until the next one.
   * 0, the default: at once, each 2 ms when there is much.
   */
  readEveryMs?: number;
}

export interface EngineStats {
  /** Datagrams read, dropped ones included. */
  received: number;
  receivedBytes: number;
  /** Datagrams that the kernel took. */
  sent: number;
  sentBytes: number;
  /** Calls of onBatch. */
  batches: number;
  receiveCalls: number;
  sendCalls: number;
  /** Times that a send call was refused for another reason than a full buffer. */
  sendErrors: number;
  /** Times that the kernel's send buffer was full. */
  sendFull: number;
  /** Bytes waiting for the kernel's send buffer now. */
  queuedBytes: number;
  /** Wake-ups by the socket; the rest of the reading was done from the timer. */
  wakeups: number;
  /** STUN checks answered without TypeScript. */
  checksAnswered: number;
  /** TCP connections since the start, and now. */
  tcpAccepted: number;
  tcpConnections: number;
  /** Bytes waiting for slow TCP connections now. */
  tcpQueuedBytes: number;
  peers: number;
  entries: number;
  lists: number;
  freeSlots: number;
  /** Which AES-GCM code encrypts outgoing packets. */
  cipher: 'evp' | 'aes-ni' | 'vaes';
  drops: Record<DropReason, number>;
}

export interface Fingerprint {
  algorithm: FingerprintAlgorithm;
  /** 'AB:CD:…', upper case, as in SDP (RFC 8122). */
  value: string;
}
export type FingerprintAlgorithm = 'sha-1' | 'sha-224' | 'sha-256' | 'sha-384' | 'sha-512';

export interface DtlsContextOptions {
  /** Must come with `privateKeyPem`; without both a self-signed P-256 certificate is made. */
  certificatePem?: string;
  privateKeyPem?: string;
}
export interface DtlsOptions {
  role: 'server' | 'client';
  /** Longest datagram to write, in bytes. Default 1200. */
  mtu?: number;
}
export type DtlsState = 'connecting' | 'connected' | 'failed' | 'closed';

/** A datagram for memory mode. */
export interface InjectedDatagram {
  /** Default 0. */
  socket?: number;
  from: Uint8Array;
  bytes: Uint8Array;
}
export interface SentDatagram {
  socket: number;
  to: Uint8Array;
  bytes: Uint8Array;
}

/** What waits for a peer's pacer. */
export interface PacerQueue {
  packets: number;
  /** Headers and payloads, not encrypted yet. */
  bytes: number;
  /** How long the oldest has waited. */
  oldestMicros: number;
}

/** RTX padding at a rate of its own, beside the media. */
export interface Probe {
  /** 1…65535; comes back in the feedback. */
  clusterId: number;
  bitsPerSecond: number;
  bytes: number;
}

/** Packets of one probe, and those sent between its first and last one, that a feedback is the first to report. */
export interface ProbeReport {
  clusterId: number;
  bytes: number;
  packets: number;
  firstSend: number;
  lastSend: number;
  firstArrival: number;
  lastArrival: number;
}

/**
 * One transport-wide feedback, matched with what was sent. Bytes are those of SRTP packets. Times are microseconds: of
 * sending by `Engine.now()`, of arrival by the receiver's clock, which has another zero.
 */
export interface Feedback {
  /** Of packets that it is the first to report received. */
  ackedBytes: number;
  /** Newly lost, less those that were reported lost before and came after all. */
  lostPackets: number;
  receivedPackets: number;
  /** Latest and earliest sending among the packets newly received; 0 when there are none. */
  lastSendMicros: number;
  oldestSendMicros: number;
  /** Of the last packet newly received. */
  lastArrivalMicros: number;
  /** Sent later than everything that was reported up to now. */
  inFlightBytes: number;
  /** Triples: since the group before, microseconds sent and arrived; bytes of the group. A group is sent within 5 ms. */
  groups: Float64Array;
  probes: ProbeReport[];
}

/** What TypeScript decides about one outgoing stream. */
export interface EntryConstants {
  peer: number;
  ssrc: number;
  /** By codec number, at most 8; undefined or absent = not negotiated. */
  payloadTypes: readonly (number | undefined)[];
  /** Outgoing extended sequence number = index - deltaIndex. */
  deltaIndex: number;
  /** Outgoing timestamp = timestamp + deltaTimestamp. */
  deltaTimestamp: number;
  /** Indexes before it (signed 32-bit distance) are not sent. */
  firstIndex: number;
  /** Receiver's extension id by carried kind (0…15); 0 or absent = not negotiated. */
  extensionIds: Readonly<Partial<Record<number, number>>>;
  /** 0 = not negotiated. */
  midId: number;
  mid: string;
  sendMid: boolean;
  /** 0 = not negotiated. */
  absSendTimeId: number;
  /** 0 = not negotiated. */
  transportWideCcId: number;
  enabled: boolean;
  /** What patches of a command add to their value, by delta slot, at most 4, modulo 2^16. Absent: 0. */
  patchDeltas?: readonly number[];
  /** 0 or absent = none: a retransmission repeats the packet as it was. */
  rtxSsrc?: number;
  /** By codec number of the original, at most 8. */
  rtxPayloadTypes?: readonly (number | undefined)[];
  /** Wait for `Engine.setPacing`'s budget. */
  paced?: boolean;
  /**
   * How long the receiver is asked to wait before it shows a picture, ms, 0…40,950 in steps of 10; sent instead of what the
   * source says, where `extensionIds` has PLAYOUT_DELAY_EXTENSION. Absent: nothing is asked. An entry that repeats packets
   * as they were (no `rtxSsrc`) must not change it: the same number would be encrypted twice with different headers.
   */
  playoutDelay?: { readonly minMs: number; readonly maxMs: number };
}
export interface EntryCounters {
  packets: number;
  /** Payload bytes, wraps at 2^32. */
  octets: number;
  lastTimestamp: number;
  /** Highest outgoing extended sequence number. */
  lastIndex: number;
  lastSentMicrosLow: number;
  drops: number;
  rtxPackets: number;
  /** Payload bytes with the two of the original number, wraps at 2^32. */
  rtxOctets: number;
  /** Highest extended sequence number of the RTX stream. */
  rtxLastIndex: number;
}

/** One packet for `writeCommand`. */
export interface ForwardCommand {
  list?: number;
  entry?: number;
  payloadOffset: number;
  payloadLength: number;
  index: number;
  timestamp: number;
  marker?: boolean;
  retransmission?: boolean;
  codec?: number;
  csrcs?: readonly number[];
  extensions?: readonly { kind: number; offset: number; length: number }[];
  /** At most 3. */
  patches?: readonly PacketPatch[];
}

/** A number in payload or extension that becomes (value + the entry's delta) modulo its width; other bits stay. */
export interface PacketPatch {
  /** 'payload', or the kind of a carried extension. */
  target: 'payload' | number;
  /** 8: a byte; 7: its lower bits; 15: the lower bits of two bytes; 16: two bytes, big endian. */
  bits: 7 | 8 | 15 | 16;
  /** Bytes from the target's first one. */
  offset: number;
  value: number;
  /** Which of `EntryConstants.patchDeltas`, 0…3. */
  delta: number;
}
