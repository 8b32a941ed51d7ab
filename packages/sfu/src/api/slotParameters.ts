/**
 * What one slot of a receiver carries: codecs of the router in the receiver's own dialect. Pure.
 * Spec: virtual streams R6 (which extensions go out), V7 (a video slot may change its codec). The rest of negotiation → ortc/
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type {
  MediaKind,
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecCapability,
  RtpCodecParameters,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from '../types.js';
import { isRtx, matchesCodecStrictly } from './ortc/codecs.js';
import { validateRtpCapabilities } from './ortc/index.js';

const { transportWideCc: TRANSPORT_WIDE_CC, absSendTime: ABS_SEND_TIME } = HEADER_EXTENSION_URIS;

/** Receiving audio sections are answered without transport-cc: their rate is not controlled. */
const AUDIO_FEEDBACK = ['nack'];
const VIDEO_FEEDBACK = ['nack', 'ccm', 'transport-cc', 'goog-remb'];

/** Extensions that packets to a receiver may carry, when it negotiated them (virtual streams R6). */
const OUTGOING_EXTENSIONS: Readonly<Record<MediaKind, readonly string[]>> = {
  audio: [
    HEADER_EXTENSION_URIS.mid,
    HEADER_EXTENSION_URIS.audioLevel,
    ABS_SEND_TIME,
    HEADER_EXTENSION_URIS.absCaptureTime,
  ],
  video: [
    HEADER_EXTENSION_URIS.mid,
    ABS_SEND_TIME,
    TRANSPORT_WIDE_CC,
    HEADER_EXTENSION_URIS.videoOrientation,
    HEADER_EXTENSION_URIS.playoutDelay,
    HEADER_EXTENSION_URIS.dependencyDescriptor,
    HEADER_EXTENSION_URIS.colorSpace,
    HEADER_EXTENSION_URIS.videoContentType,
    HEADER_EXTENSION_URIS.absCaptureTime,
  ],
};

export interface SlotIdentity {
  readonly mid: string;
  readonly ssrc: number;
  readonly cname: string;
}

/** One codec, Opus. @throws UnsupportedError NO_COMMON_CODEC */
export function audioSlotParameters(
  receiver: RtpCapabilities,
  router: RtpCapabilities,
  slot: SlotIdentity,
): RtpParameters {
  const wanted = checked(receiver);
  const codecs = mediaCodecs('audio', wanted, router, AUDIO_FEEDBACK).slice(0, 1);
  return slotParameters(slot, codecs, extensionsOf('audio', wanted), { ssrc: slot.ssrc });
}

/**
 * All codecs that both have, since the slot's sources may have any of them, with their RTX.
 * @throws UnsupportedError NO_COMMON_CODEC
 */
export function videoSlotParameters(
  receiver: RtpCapabilities,
  router: RtpCapabilities,
  slot: SlotIdentity & { readonly rtxSsrc: number },
): RtpParameters {
  const wanted = checked(receiver);
  const headerExtensions = extensionsOf('video', wanted);
  const has = (uri: string): boolean => headerExtensions.some((each) => each.uri === uri);
  // One way to tell the bandwidth: transport-wide feedback if it can be had, else REMB, else none.
  const unused = has(TRANSPORT_WIDE_CC)
    ? ['goog-remb']
    : has(ABS_SEND_TIME)
      ? ['transport-cc']
      : ['transport-cc', 'goog-remb'];
  const feedback = VIDEO_FEEDBACK.filter((type) => !unused.includes(type));
  const media = mediaCodecs('video', wanted, router, feedback);
  const repairs = router.codecs?.some(isRtx) ? media.flatMap((codec) => rtxOf(wanted, codec)) : [];
  const encoding = { ssrc: slot.ssrc, ...(repairs.length > 0 ? { rtx: { ssrc: slot.rtxSsrc } } : {}) };
  return slotParameters(slot, [...media, ...repairs], headerExtensions, encoding);
}

function checked(receiver: RtpCapabilities): RtpCapabilities {
  const wanted = structuredClone(receiver);
  validateRtpCapabilities(wanted);
  return wanted;
}

function slotParameters(
  { mid, cname }: SlotIdentity,
  codecs: RtpCodecParameters[],
  headerExtensions: RtpHeaderExtensionParameters[],
  encoding: NonNullable<RtpParameters['encodings']>[number],
): RtpParameters {
  return { mid, codecs, headerExtensions, encodings: [encoding], rtcp: { cname, reducedSize: true } };
}

/** In the receiver's order; of several that mean the same codec of the router, the first. */
function mediaCodecs(
  kind: MediaKind,
  receiver: RtpCapabilities,
  router: RtpCapabilities,
  feedback: readonly string[],
): RtpCodecParameters[] {
  const used = new Set<RtpCodecCapability>();
  const codecs = (receiver.codecs ?? []).flatMap((codec): RtpCodecParameters[] => {
    if (isRtx(codec)) return [];
    const match = router.codecs?.find((each) => each.kind === kind && matchesCodecStrictly(each, codec));
    if (!match || used.has(match)) return [];
    used.add(match);
    return [
      {
        mimeType: match.mimeType,
        payloadType: payloadTypeOf(codec),
        clockRate: match.clockRate,
        ...(match.channels === undefined ? {} : { channels: match.channels }),
        parameters: { ...codec.parameters },
        rtcpFeedback: commonFeedback(match.rtcpFeedback, codec.rtcpFeedback, feedback),
      },
    ];
  });
  if (codecs.length === 0)
    throw new UnsupportedError(
      'rtpCapabilities.codecs: none of them is a codec of the router',
      'NO_COMMON_CODEC',
    );
  return codecs;
}

function rtxOf(
  { codecs = [] }: RtpCapabilities,
  { payloadType, clockRate }: RtpCodecParameters,
): RtpCodecParameters[] {
  const rtx = codecs.find((codec) => isRtx(codec) && codec.parameters?.['apt'] === payloadType);
  if (!rtx) return [];
  const parameters = { apt: payloadType };
  return [
    { mimeType: rtx.mimeType, payloadType: payloadTypeOf(rtx), clockRate, parameters, rtcpFeedback: [] },
  ];
}

function payloadTypeOf({ mimeType, preferredPayloadType }: RtpCodecCapability): number {
  if (preferredPayloadType === undefined)
    throw new OptionError(`rtpCapabilities.codecs: ${mimeType} has no preferredPayloadType`);
  return preferredPayloadType;
}

function extensionsOf(kind: MediaKind, receiver: RtpCapabilities): RtpHeaderExtensionParameters[] {
  return (receiver.headerExtensions ?? [])
    .filter((each) => each.kind === kind && OUTGOING_EXTENSIONS[kind].includes(each.uri))
    .map(({ uri, preferredId }) => ({ uri, id: preferredId, encrypt: false, parameters: {} }));
}

/** What both sides named, of what is used here. */
function commonFeedback(
  ours: RtcpFeedback[] = [],
  theirs: RtcpFeedback[] = [],
  used: readonly string[],
): RtcpFeedback[] {
  return ours
    .filter(
      ({ type, parameter = '' }) =>
        used.includes(type) &&
        theirs.some((each) => each.type === type && (each.parameter ?? '') === parameter),
    )
    .map(({ type, parameter }) => (parameter ? { type, parameter } : { type }));
}
