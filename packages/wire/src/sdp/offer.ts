/**
 * What an offer says, once read: the types, the limits and the reasons for a refusal. RFC 8829 (JSEP), RFC 8843 (BUNDLE),
 * RFC 8839 (ICE in SDP), RFC 8842 (DTLS in SDP), RFC 8841 (SCTP in SDP), RFC 8853 (simulcast), RFC 8285 (extmap).
 */
export const SDP_LIMITS = {
  sections: 128, // RFC sets none; a browser's offer for a large call has tens
  codecs: 128, // there are no more payload types than that (7 bits)
  headerExtensions: 32, // Chromium offers at most 17 in a section
  feedback: 16, // per codec; Chromium offers 5
  ssrcs: 64, // per section; three simulcast layers with RTX have 6
  rids: 16, // per section; browsers send at most 3
  midCharacters: 64, // browsers use one to three; the two-byte header extension holds 255
} as const;

export type OfferRefusal =
  | 'no-sections'
  | 'too-many-sections'
  | 'section-malformed'
  | 'mid-missing'
  | 'mid-malformed'
  | 'mid-duplicate'
  | 'not-bundled'
  | 'bundle-unknown-mid'
  | 'ice-missing'
  | 'ice-malformed'
  | 'fingerprint-missing'
  | 'fingerprint-malformed'
  | 'setup-missing'
  | 'setup-malformed'
  | 'setup-conflict'
  | 'transport-not-secure'
  | 'rtcp-mux-missing'
  | 'too-many-codecs'
  | 'codec-malformed'
  | 'payload-type-malformed'
  | 'payload-type-duplicate'
  | 'payload-type-conflict'
  | 'too-much-feedback'
  | 'too-many-header-extensions'
  | 'header-extension-malformed'
  | 'header-extension-duplicate'
  | 'header-extension-conflict'
  | 'too-many-ssrcs'
  | 'ssrc-malformed'
  | 'too-many-rids'
  | 'rid-malformed'
  | 'sctp-malformed';

export interface SdpFingerprint {
  /** Lower case, as 'sha-256'. */
  algorithm: string;
  /** Upper case, bytes divided by colons. */
  value: string;
}

export type SdpSetup = 'actpass' | 'active' | 'passive';
export type SdpDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export interface SdpOffer {
  /** Of the bundle's first section, which gives the transport (RFC 8843 §7.2). */
  ice: { usernameFragment: string; password: string; options: string[] };
  dtls: { setup: SdpSetup; fingerprints: SdpFingerprint[] };
  /** MIDs of the one transport, in the order of the group. */
  bundle: string[];
  extmapAllowMixed: boolean;
  sections: SdpOfferSection[];
}

export type SdpOfferSection = SdpMediaSection | SdpApplicationSection | SdpUnknownSection;

interface SdpSectionBase {
  mid: string;
  /** Port 0 without `bundle-only`: must be answered with port 0. */
  rejected: boolean;
  /** Of the m-line; the answer repeats both. */
  protocol: string;
  formats: string[];
}

export interface SdpMediaSection extends SdpSectionBase {
  kind: 'audio' | 'video';
  direction: SdpDirection;
  /** In the order of the m-line, retransmission and redundancy included. */
  codecs: SdpCodec[];
  headerExtensions: SdpHeaderExtension[];
  rtcpMux: boolean;
  rtcpReducedSize: boolean;
  ssrcs: { ssrc: number; cname?: string }[];
  ssrcGroups: { semantics: string; ssrcs: number[] }[];
  msid?: { stream: string; track: string };
  rids: SdpRid[];
  simulcast?: { send?: SdpSimulcastStream[][]; receive?: SdpSimulcastStream[][] };
}

export interface SdpApplicationSection extends SdpSectionBase {
  kind: 'application';
  format: 'webrtc-datachannel';
  sctpPort: number;
  /** Largest message that the offerer takes, bytes; 0 = any. */
  maxMessageSize: number;
}

/** Of a media type or transport that is not known here; answered with port 0. */
export interface SdpUnknownSection extends SdpSectionBase {
  kind: 'unknown';
  media: string;
}

export interface SdpCodec {
  payloadType: number;
  /** Kind and codec as written: 'audio/opus', 'video/VP8'. */
  mimeType: string;
  clockRate: number;
  /** Audio only. */
  channels?: number;
  /** Of `fmtp`; a parameter without a value has ''. */
  parameters: Record<string, string | number>;
  rtcpFeedback: { type: string; parameter?: string }[];
  /** Payload type of the RTX codec whose `apt` is this one (RFC 4588 §8.1). */
  rtxPayloadType?: number;
}

export interface SdpHeaderExtension {
  id: number;
  uri: string;
  /** From the offerer's side; sendrecv when absent. */
  direction?: SdpDirection;
}

export interface SdpRid {
  id: string;
  direction: 'send' | 'recv';
  parameters: Record<string, string | number>;
}

export interface SdpSimulcastStream {
  rid: string;
  paused: boolean;
}

/** Carries a reason out of nested reading to `readOffer`, which alone catches it. Never leaves this folder. */
export class OfferRefused extends Error {
  constructor(readonly why: OfferRefusal) {
    super(why);
  }
}
