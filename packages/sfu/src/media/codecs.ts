/** What RTP parameters say about codecs: which carry media, which repair them, what feedback was agreed on. */
import type { RtpCodecParameters, RtpParameters } from '@tertulia/wire';
import type { RtpMapping } from '../types.js';

/** Codec numbers of an engine entry. */
const CODECS_MAX = 8;
const REPAIRS = /^(video\/red|[^/]+\/(rtx|ulpfec|flexfec-03))$/i;
/** Audio that goes beside a voice codec, never instead of it. */
const BESIDE = /\/(red|cn|telephone-event)$/i;
const RTX = /\/rtx$/i;

/**
 * Without RTX, FEC and their like; what only goes beside others comes last. The order is the entries' codec numbers; eight
 * are what an entry holds.
 */
export function mediaCodecs(rtpParameters: RtpParameters): RtpCodecParameters[] {
  const codecs = rtpParameters.codecs.filter(({ mimeType }) => !REPAIRS.test(mimeType));
  const first = codecs.filter(({ mimeType }) => !BESIDE.test(mimeType));
  const last = codecs.filter(({ mimeType }) => BESIDE.test(mimeType));
  return [...first, ...last].slice(0, CODECS_MAX);
}

/** What tells codecs of one name apart. RFC 6184 §8.1, RFC 9628 §7, AV1 RTP §7.2. */
const TELLING = ['packetization-mode', 'profile-level-id', 'profile-id', 'profile'] as const;

function alike(a: RtpCodecParameters, b: RtpCodecParameters): boolean {
  return (
    a.mimeType.toLowerCase() === b.mimeType.toLowerCase() &&
    a.clockRate === b.clockRate &&
    (a.channels ?? 1) === (b.channels ?? 1)
  );
}

/**
 * By codec number of the producer: what the consumer calls it, undefined where it has no such codec.
 * @param mapping payload types of the producer → those that consumers were told
 */
export function consumerCodecs(
  producer: RtpParameters,
  consumer: RtpParameters,
  mapping?: RtpMapping,
): (RtpCodecParameters | undefined)[] {
  const theirs = mediaCodecs(consumer);
  return mediaCodecs(producer).map((codec) => {
    const mapped = mapping?.codecs.find(({ payloadType }) => payloadType === codec.payloadType);
    const byNumber = theirs.find(({ payloadType }) => payloadType === mapped?.mappedPayloadType);
    if (byNumber && alike(byNumber, codec)) return byNumber;
    const candidates = theirs.filter((each) => alike(each, codec));
    const exact = candidates.find(({ parameters = {} }) =>
      TELLING.every((name) => (parameters[name] ?? 0) === (codec.parameters?.[name] ?? 0)),
    );
    return exact ?? candidates[0];
  });
}

/** Payload type of a codec's retransmissions, undefined where there are none. RFC 4588 §8.6. */
export function rtxPayloadType(rtpParameters: RtpParameters, payloadType: number): number | undefined {
  return rtpParameters.codecs.find(
    ({ mimeType, parameters }) => RTX.test(mimeType) && parameters?.['apt'] === payloadType,
  )?.payloadType;
}

export function isRtx(rtpParameters: RtpParameters, payloadType: number): boolean {
  return rtpParameters.codecs.some((codec) => codec.payloadType === payloadType && RTX.test(codec.mimeType));
}

/** @param parameter '' for the plain form, as in `nack` beside `nack pli` */
export function offersFeedback(rtpParameters: RtpParameters, type: string, parameter = ''): boolean {
  return mediaCodecs(rtpParameters).some(({ rtcpFeedback = [] }) =>
    rtcpFeedback.some((each) => each.type === type && (each.parameter ?? '') === parameter),
  );
}

export const offersNack = (rtpParameters: RtpParameters): boolean => offersFeedback(rtpParameters, 'nack');

export interface LayerCounts {
  readonly spatial: number;
  readonly temporal: number;
  /** K-SVC: layers depend on each other at key pictures only. */
  readonly keyOnly: boolean;
}

/** 'L3T3_KEY', 'S2T1', …: https://www.w3.org/TR/webrtc-svc/#scalabilitymodes* */
export function layerCounts(scalabilityMode: string | undefined): LayerCounts {
  const found = /^[LS]([1-9]\d?)T([1-9]\d?)(_KEY)?/.exec(scalabilityMode ?? '');
  if (!found) return { spatial: 1, temporal: 1, keyOnly: false };
  return { spatial: Number(found[1]), temporal: Number(found[2]), keyOnly: found[3] !== undefined };
}

/** Codecs whose spatial layers go over one SSRC. */
export const canSvc = (mimeType: string): boolean => /^video\/(vp9|av1|h264-svc)$/i.test(mimeType);
