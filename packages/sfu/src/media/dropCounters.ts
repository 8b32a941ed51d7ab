/**
 * Why something went no further after the engine had let it pass; counted, never silent. The engine's own reasons are in
 * its stats. One counter set per transport and one for the process, which every count also reaches.
 */
import type { IceDropReason } from './ice/index.js';

/** Order is the order in dumps; append only. */
export const MEDIA_DROP = [
  'stun-no-username', // a check that names nobody
  'stun-unknown-user', // a local user name fragment that is not ours, or no longer
  'stun-wrong-socket', // ours, but of a transport that does not listen there
  'dtls-before-connect', // the application has not given the fingerprints yet
  'dtls-refused', // datagram after the session's end
  'rtp-no-stream', // neither the SSRC nor a MID belongs to a producer
  'rtp-stream-limit', // more new SSRCs than a transport may bring
  'rtp-payload-type', // not one that the producer announced
  'rtp-duplicate', // seen before
  'rtp-superseded', // of an SSRC that another one of the same MID has replaced
  'rtp-paused', // of a paused producer
  'rtp-extension-malformed', // header extensions end early; the packet goes on with those before
  'rtcp-malformed', // the compound ends early; what was before counts
  'rtcp-foreign-ssrc', // feedback for a stream that this transport does not have
  'rtcp-not-negotiated', // feedback that this stream's parameters do not offer
  'nack-unanswerable', // NACK for what is no longer kept
  'cache-full', // too few slots are free to keep a packet
  'dtls-queue-full', // more handshakes at once than can be spread; DTLS repeats its flights
  'ice-bind-refused', // the address belongs to another transport
  'rtp-payload-malformed', // a payload descriptor that ends early or contradicts itself
  'rtx-on-media-ssrc', // a retransmission's payload type on an SSRC of media
  'rtx-no-stream', // a retransmission of a stream that has sent nothing itself
  'rtx-not-missing', // a retransmission of a packet that is there, or of none
  'key-frame-no-source', // a request for a key frame of a stream that carries nothing now
  'dtls-not-expected', // DTLS to a transport without it
  'sctp-not-expected', // SCTP without DTLS to a transport that has it in DTLS, or not at all
  'rtp-direct-refused', // what the application sent is not RTP, or came while nobody can take it
  'rtp-wrong-socket', // RTP to the socket that is for RTCP
  'rtcp-wrong-socket', // RTCP to the socket that is for RTP
  'connection-not-expected', // the end of a TCP connection, at a transport without any
  'nack-behind', // NACK while the pacer is behind: what is new goes first
  'rtp-late', // of before the sender was muted or began anew: it has no number any more
] as const;
export type MediaDropReason = (typeof MEDIA_DROP)[number];

export class DropCounters {
  readonly #counts = new Map<string, number>();
  readonly #parent: DropCounters | undefined;

  constructor(parent?: DropCounters) {
    this.#parent = parent;
  }

  /** ICE keeps a table of its own. */
  count(reason: MediaDropReason | IceDropReason, by = 1): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + by);
    this.#parent?.count(reason, by);
  }

  toObject(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
