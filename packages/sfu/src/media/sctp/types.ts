/**
 * What the channel table needs of an SCTP association, and the limits of both.
 */
export type AssociationState = 'connecting' | 'connected' | 'closed';

/** Why an association ended. Append only. */
export type AssociationEnd =
  'self' | 'peer-aborted' | 'peer-shutdown' | 'timeout' | 'receive-window-exceeded' | 'stream-out-of-range';

/** Why a packet, or a part of it, was not handled. Append only. */
export const SCTP_DROP = [
  'sctp-short',
  'sctp-checksum',
  'sctp-chunk-length',
  'sctp-chunk-value',
  'sctp-chunk-order',
  'sctp-unknown-chunk',
  'sctp-not-connected',
  'sctp-already-connected',
  'sctp-acknowledges-unsent',
  'sctp-tsn-window',
  'sctp-reset-sequence',
  'sctp-queue-full',
  'sctp-refused',
  'sctp-closed',
] as const;
export type SctpDropReason = (typeof SCTP_DROP)[number];

export interface AssociationEvents {
  /** May be followed by messages within the same call. */
  connected(): void;
  closed(why: AssociationEnd): void;
  /** `bytes` are the receiver's to keep. */
  message(streamId: number, payloadProtocol: number, bytes: Uint8Array): void;
  /** A message on this stream has more bytes or fragments than allowed; it is thrown away as it comes. */
  oversized(streamId: number): void;
  /** The peer sends no more on these; what it sends next is a new beginning. */
  incomingReset(streamIds: readonly number[]): void;
  /** The peer knows that we send no more on these. */
  outgoingReset(streamIds: readonly number[]): void;
  /** Something went out or was acknowledged: `unsentBytes` may be smaller, `hasOutstanding` may have ended. */
  drained(): void;
}

export interface SendOptions {
  ordered: boolean;
  /** Given up after so many repetitions; 0 = sent once. RFC 7496 §3.4.2 has the name. Default: never. */
  maxRetransmits?: number;
  /** ms after which it is not repeated any more. RFC 3758 §4.1. Default: never. */
  maxPacketLifeTimeMs?: number;
}

export interface Association {
  readonly state: AssociationState;
  /** One packet as DTLS gave it. What it causes may come somewhat later, never after `close`. */
  handlePacket(bytes: Uint8Array): void;
  /** Reliable unless the options say otherwise. Empty messages are not possible in SCTP. @returns false when not connected. */
  send(streamId: number, payloadProtocol: number, bytes: Uint8Array, options: SendOptions): boolean;
  /** Of user data, given to `send` and not sent a first time yet. */
  readonly unsentBytes: number;
  /** Whether there is user data for this stream that the peer has not acknowledged. */
  hasOutstanding(streamId: number): boolean;
  resetOutgoing(streamId: number): void;
  close(): void;
  on: AssociationEvents | undefined;
  stats(): AssociationStats;
}

export interface AssociationStats {
  packetsReceived: number;
  packetsSent: number;
  drops: Partial<Record<SctpDropReason, number>>;
}

export const SCTP_LIMITS = {
  packetBytes: 1_160, // within DTLS records of 1200 bytes: 13 of header, 8 of nonce, 16 of tag, and some to spare
  streams: 1_024, // unless more are asked for: what Chromium offers as well; a stream costs memory on both sides
  streamsMax: 65_535, // what the field in INIT holds, RFC 9260 §3.3.2
  windowBytes: 1_048_576, // what the peer may have sent without our having a whole message of it
  windowSlackBytes: 65_536, // a peer may probe a closed window; who sends more than this beyond it does not keep to it
  tsnAhead: 2_048, // chunks accepted ahead of the first missing one: the window in chunks of 512 bytes
  messageBytes: 262_144, // unless more is asked for; browsers learn it as max-message-size and keep to it themselves
  messageBytesMax: 1_000_000, // a whole message has to fit into the window
  messageFragments: 4_096, // 64 bytes each at the least; a million one-byte fragments would cost 200 MiB
  queuedPackets: 1_024, // received, waiting for their turn; a batch of the engine is far smaller
} as const;
