/**
 * What a Router can handle: a row a codec, a row a header extension. Ids and feedback as in mediasoup v3, so that a client
 * made for it finds what it expects; H.265 and RED for audio (RFC 2198) are additions.
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type {
  MediaKind,
  RtcpFeedback,
  RouterRtpCapabilities,
  RouterRtpCodecCapability,
  RtpHeaderExtension,
} from '../types.js';

const TRANSPORT_CC: RtcpFeedback[] = [{ type: 'transport-cc' }];
const OPUS_FEEDBACK: RtcpFeedback[] = [{ type: 'nack' }, ...TRANSPORT_CC];
const VIDEO_FEEDBACK: RtcpFeedback[] = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'ccm', parameter: 'fir' },
  { type: 'goog-remb' },
  ...TRANSPORT_CC,
];

const audio = (
  name: string,
  clockRate: number,
  rest: Partial<RouterRtpCodecCapability> = {},
): RouterRtpCodecCapability => ({
  kind: 'audio',
  mimeType: `audio/${name}`,
  clockRate,
  rtcpFeedback: TRANSPORT_CC,
  ...rest,
});

/** Beside a voice: nobody has anything to say back. */
const signal = (
  name: string,
  clockRate: number,
  rest: Partial<RouterRtpCodecCapability> = {},
): RouterRtpCodecCapability => ({ kind: 'audio', mimeType: `audio/${name}`, clockRate, ...rest });

/** More than two channels in one Opus stream, as libwebrtc packs them: RFC 7845 §5.1.1. */
const multiopus = (
  channels: number,
  channel_mapping: string,
  num_streams: number,
  coupled_streams: number,
): RouterRtpCodecCapability =>
  audio('multiopus', 48_000, {
    channels,
    parameters: { channel_mapping, num_streams, coupled_streams },
    rtcpFeedback: OPUS_FEEDBACK,
  });

const video = (
  name: string,
  parameters?: RouterRtpCodecCapability['parameters'],
): RouterRtpCodecCapability => ({
  kind: 'video',
  mimeType: `video/${name}`,
  clockRate: 90_000,
  ...(parameters ? { parameters } : {}),
  rtcpFeedback: VIDEO_FEEDBACK,
});

/** Fixed payload types are those of RFC 3551 §6. */
const CODECS: RouterRtpCodecCapability[] = [
  audio('opus', 48_000, { channels: 2, rtcpFeedback: OPUS_FEEDBACK }),
  multiopus(4, '0,1,2,3', 2, 2),
  multiopus(6, '0,4,1,2,3,5', 4, 2),
  multiopus(8, '0,6,1,2,3,4,5,7', 5, 3),
  audio('PCMU', 8_000, { preferredPayloadType: 0 }),
  audio('PCMA', 8_000, { preferredPayloadType: 8 }),
  audio('ISAC', 32_000),
  audio('ISAC', 16_000),
  audio('G722', 8_000, { preferredPayloadType: 9 }),
  audio('iLBC', 8_000),
  ...[24_000, 16_000, 12_000, 8_000].map((clockRate) => audio('SILK', clockRate)),
  ...[32_000, 16_000, 8_000].map((clockRate) => signal('CN', clockRate, { preferredPayloadType: 13 })),
  ...[48_000, 32_000, 16_000, 8_000].map((clockRate) => signal('telephone-event', clockRate)),
  audio('red', 48_000, { channels: 2 }),
  video('VP8'),
  video('VP9'),
  video('H264', { 'level-asymmetry-allowed': 1 }),
  video('AV1', {}),
  video('H265'),
];

type Direction = NonNullable<RtpHeaderExtension['direction']>;
type ExtensionName = Exclude<
  keyof typeof HEADER_EXTENSION_URIS,
  'colorSpace' | 'videoContentType' | 'videoTiming'
>;

/** Ids are the same for both kinds. A direction is the router's: 'recvonly' goes in and not out again. */
const EXTENSIONS: readonly (readonly [
  id: number,
  name: ExtensionName,
  Partial<Record<MediaKind, Direction>>,
])[] = [
  [1, 'mid', { audio: 'sendrecv', video: 'sendrecv' }],
  [2, 'rid', { video: 'recvonly' }],
  [3, 'repairedRid', { video: 'recvonly' }],
  [4, 'absSendTime', { audio: 'sendrecv', video: 'sendrecv' }],
  // Audio counts in what senders are told; towards receivers only video's rate is controlled.
  [5, 'transportWideCc', { audio: 'recvonly', video: 'sendrecv' }],
  [8, 'dependencyDescriptor', { video: 'recvonly' }],
  [10, 'audioLevel', { audio: 'sendrecv' }],
  [11, 'videoOrientation', { video: 'sendrecv' }],
  [12, 'toffset', { video: 'sendrecv' }],
  [13, 'absCaptureTime', { audio: 'sendrecv', video: 'sendrecv' }],
  [14, 'playoutDelay', { audio: 'sendrecv', video: 'sendrecv' }],
];

const headerExtensions = EXTENSIONS.flatMap(([preferredId, name, directions]) =>
  (['audio', 'video'] as const).flatMap((kind): RtpHeaderExtension[] => {
    const direction = directions[kind];
    return direction
      ? [{ kind, uri: HEADER_EXTENSION_URIS[name], preferredId, preferredEncrypt: false, direction }]
      : [];
  }),
);

/** A copy: change it as you like. */
export const getSupportedRtpCapabilities = (): RouterRtpCapabilities =>
  structuredClone({ codecs: CODECS, headerExtensions });
