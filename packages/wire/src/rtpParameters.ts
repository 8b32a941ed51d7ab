/**
 * RTP parameters and capabilities in the form of mediasoup v3, so that an application's objects pass unchanged.
 * Types only; which combinations make sense is decided where they are used.
 */
export type MediaKind = 'audio' | 'video';

export type RtpHeaderExtensionDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** Those that a router handles; others are left out of what it hands out. */
export type RtpHeaderExtensionUri =
  | 'urn:ietf:params:rtp-hdrext:sdes:mid'
  | 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id'
  | 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id'
  | 'urn:ietf:params:rtp-hdrext:ssrc-audio-level'
  | 'urn:3gpp:video-orientation'
  | 'urn:ietf:params:rtp-hdrext:toffset'
  | 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01'
  | 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time'
  | 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time'
  | 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay'
  | 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';

export interface RtcpFeedback {
  type: string;
  parameter?: string;
}

/** What one side can receive, or a router can handle. */
export interface RtpCapabilities {
  codecs?: RtpCodecCapability[];
  headerExtensions?: RtpHeaderExtension[];
}

export interface RtpCodecCapability {
  kind: MediaKind;
  /** Media and codec, as 'audio/opus'; compared without regard to case. */
  mimeType: string;
  preferredPayloadType: number;
  clockRate: number;
  /** Audio only; 1 when absent. */
  channels?: number;
  /** `fmtp` of SDP. */
  parameters?: RtpCodecSpecificParameters;
  rtcpFeedback?: RtcpFeedback[];
}

/** What an application asks a router for: which payload type is left to the router, unless it says so. */
export type RouterRtpCodecCapability = Omit<RtpCodecCapability, 'preferredPayloadType'> & {
  preferredPayloadType?: number;
};
/** What a router could do. */
export type RouterRtpCapabilities = Omit<RtpCapabilities, 'codecs'> & { codecs?: RouterRtpCodecCapability[] };

/** Values of `fmtp`: numbers where SDP has digits, else text. */
export type RtpCodecSpecificParameters = Record<string, unknown>;

export interface RtpHeaderExtension {
  kind: MediaKind;
  uri: RtpHeaderExtensionUri;
  preferredId: number;
  preferredEncrypt?: boolean;
  direction?: RtpHeaderExtensionDirection;
}

/** What one stream of packets carries. */
export interface RtpParameters {
  mid?: string;
  codecs: RtpCodecParameters[];
  headerExtensions?: RtpHeaderExtensionParameters[];
  encodings?: RtpEncodingParameters[];
  rtcp?: RtcpParameters;
}

export interface RtpCodecParameters {
  mimeType: string;
  payloadType: number;
  clockRate: number;
  channels?: number;
  parameters?: RtpCodecSpecificParameters;
  rtcpFeedback?: RtcpFeedback[];
}

export interface RtpEncodingParameters {
  ssrc?: number;
  rid?: string;
  /** Which of `codecs`; the first media codec when absent. */
  codecPayloadType?: number;
  rtx?: { ssrc: number };
  dtx?: boolean;
  scalabilityMode?: string;
  scaleResolutionDownBy?: number;
  /** bit/s */
  maxBitrate?: number;
}

export interface RtpHeaderExtensionParameters {
  uri: RtpHeaderExtensionUri;
  id: number;
  encrypt?: boolean;
  parameters?: RtpCodecSpecificParameters;
}

export interface RtcpParameters {
  cname?: string;
  /** RFC 5506 */
  reducedSize?: boolean;
}
