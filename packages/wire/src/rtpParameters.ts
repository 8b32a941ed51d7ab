/**
 * RTP parameters and capabilities in the form of mediasoup v3, so that an application's objects pass unchanged.
 * Types only; which combinations make sense is decided where they are used.
 */
export type MediaKind = 'audio' | 'video';

export type RtpHeaderExtensionDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

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
  preferredPayloadType?: number;
  clockRate: number;
  /** Audio only; 1 when absent. */
  channels?: number;
  /** `fmtp` of SDP. */
  parameters?: RtpCodecSpecificParameters;
  rtcpFeedback?: RtcpFeedback[];
}

/** Values of `fmtp`: numbers where SDP has digits, else text. */
export type RtpCodecSpecificParameters = Record<string, string | number | boolean | null | undefined>;

export interface RtpHeaderExtension {
  kind: MediaKind;
  uri: string;
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
  uri: string;
  id: number;
  encrypt?: boolean;
  parameters?: RtpCodecSpecificParameters;
}

export interface RtcpParameters {
  cname?: string;
  /** RFC 5506 */
  reducedSize?: boolean;
}
