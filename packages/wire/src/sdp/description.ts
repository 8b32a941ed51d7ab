/**
 * Session descriptions as plain objects, in the shapes that npm's sdp-transform parses to and writes from. Only what is
 * read or written here is declared, so this package needs neither that module nor its types. RFC 8866 names the lines.
 */

/** sdp-transform turns text of digits into numbers, also where digits are only a name. */
export type SdpText = string | number;

/** What `readOffer` takes. Everything may be missing: it comes from strangers. */
export interface SdpSessionInput extends SdpSharedInput {
  groups?: { type: SdpText; mids: SdpText }[];
  media?: SdpMediaInput[];
}

export interface SdpSharedInput {
  direction?: SdpText;
  iceUfrag?: SdpText;
  icePwd?: SdpText;
  iceOptions?: SdpText;
  setup?: SdpText;
  fingerprint?: { type: SdpText; hash: SdpText };
  extmapAllowMixed?: SdpText;
  ext?: { value: number; direction?: SdpText; 'encrypt-uri'?: SdpText; uri: SdpText }[];
}

export interface SdpMediaInput extends SdpSharedInput {
  type?: SdpText;
  port?: number;
  protocol?: SdpText;
  payloads?: SdpText;
  mid?: SdpText;
  bundleOnly?: SdpText;
  rtcpMux?: SdpText;
  rtcpRsize?: SdpText;
  rtp?: { payload: number; codec: SdpText; rate?: number; encoding?: SdpText }[];
  fmtp?: { payload: number; config: SdpText }[];
  rtcpFb?: { payload: SdpText; type: SdpText; subtype?: SdpText }[];
  ssrcs?: { id: SdpText; attribute: SdpText; value?: SdpText }[];
  ssrcGroups?: { semantics: SdpText; ssrcs: SdpText }[];
  msid?: { id: SdpText; appdata?: SdpText }[];
  rids?: { id: SdpText; direction: SdpText; params?: SdpText }[];
  simulcast?: { dir1: SdpText; list1: SdpText; dir2?: SdpText; list2?: SdpText };
  sctpPort?: number;
  maxMessageSize?: number;
  sctpmap?: { sctpmapNumber: SdpText; app: SdpText };
}

/** What `writeAnswer` gives. */
export interface SdpSessionOutput {
  version: number;
  origin: {
    username: string;
    sessionId: string;
    sessionVersion: number;
    netType: string;
    ipVer: number;
    address: string;
  };
  name: string;
  timing: { start: number; stop: number };
  icelite: 'ice-lite';
  groups?: { type: string; mids: string }[];
  extmapAllowMixed?: 'extmap-allow-mixed';
  msidSemantic: { semantic: string; token: string };
  media: SdpMediaOutput[];
}

export interface SdpCandidateOutput {
  foundation: string;
  component: number;
  transport: string;
  priority: number;
  ip: string;
  port: number;
  type: string;
  tcptype?: string;
}

export interface SdpMediaOutput {
  type: string;
  port: number;
  protocol: string;
  payloads: string;
  connection: { version: number; ip: string };
  mid: string;
  rtp: { payload: number; codec: string; rate: number; encoding?: number }[];
  fmtp: { payload: number; config: string }[];
  direction?: 'sendonly' | 'recvonly' | 'inactive';
  iceUfrag?: string;
  icePwd?: string;
  fingerprint?: { type: string; hash: string };
  setup?: string;
  candidates?: SdpCandidateOutput[];
  endOfCandidates?: 'end-of-candidates';
  rtcpMux?: 'rtcp-mux';
  rtcpRsize?: 'rtcp-rsize';
  rtcpFb?: { payload: number; type: string; subtype?: string }[];
  ext?: { value: number; uri: string }[];
  msid?: { id: string; appdata: string }[];
  ssrcs?: { id: number; attribute: string; value: string }[];
  ssrcGroups?: { semantics: string; ssrcs: string }[];
  rids?: { id: string; direction: string }[];
  simulcast?: { dir1: 'recv'; list1: string };
  sctpPort?: number;
  maxMessageSize?: number;
  sctpmap?: { sctpmapNumber: number; app: string; maxMessageSize: number };
}
