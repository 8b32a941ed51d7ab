/** What the writer of an answer is told: one transport, and for each section of the offer what becomes of it. */
import type { SdpCodec, SdpFingerprint } from './offer.js';

export interface SdpAnswerInput {
  /** `o=` line: digits, the same in all answers of a session. */
  sessionId: string;
  ice: { usernameFragment: string; password: string; lite: true; candidates: readonly SdpIceCandidate[] };
  dtls: { setup: 'passive' | 'active'; fingerprints: readonly SdpFingerprint[] };
  /** One per section of the offer, in its order. */
  sections: readonly SdpAnswerSection[];
  endOfCandidates: true;
}

/** Host candidates; in mediasoup's names. */
export interface SdpIceCandidate {
  foundation: string;
  priority: number;
  address: string;
  protocol: 'udp' | 'tcp';
  port: number;
  /** Of TCP; passive when absent. */
  tcpType?: 'passive';
}

export type SdpAnswerSection = SdpRejectedAnswer | SdpApplicationAnswer | SdpMediaAnswer;

export interface SdpRejectedAnswer {
  accept: false;
}

export interface SdpApplicationAnswer {
  accept: true;
  kind: 'application';
  sctpPort: number;
  /** Largest message that we take, bytes. */
  maxMessageSize: number;
}

export interface SdpMediaAnswer {
  accept: true;
  kind: 'audio' | 'video';
  direction: 'sendonly' | 'recvonly' | 'inactive';
  /** With payload types of the offer; parameters and feedback as they shall stand in the answer. */
  codecs: readonly SdpCodec[];
  /** With ids of the offer. */
  headerExtensions: readonly { readonly id: number; readonly uri: string }[];
  /** What we send. */
  ssrc?: number;
  rtxSsrc?: number;
  cname?: string;
  msid?: { stream: string; track: string };
  /** RIDs that we receive, as simulcast when there are several. */
  rids?: readonly string[];
}
