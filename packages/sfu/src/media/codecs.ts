/** What RTP parameters say about codecs: which carry media, which repair them, what feedback was agreed on. */
import type { RtpCodecParameters, RtpParameters } from '@tertulia/wire';

/** Codec numbers of an engine entry. */
const CODECS_MAX = 8;
const NO_MEDIA = /\/(rtx|red|ulpfec|flexfec-03|cn|telephone-event)$/i;
const RTX = /\/rtx$/i;

/** Without RTX, FEC and their like. The order is the entries' codec numbers; eight are what an entry holds. */
export function mediaCodecs(rtpParameters: RtpParameters): RtpCodecParameters[] {
  return rtpParameters.codecs.filter(({ mimeType }) => !NO_MEDIA.test(mimeType)).slice(0, CODECS_MAX);
}

/** By codec number: payload type of its retransmissions, undefined where there are none. RFC 4588 §8.6. */
export function rtxPayloadTypes(rtpParameters: RtpParameters): (number | undefined)[] {
  return mediaCodecs(rtpParameters).map(
    ({ payloadType }) =>
      rtpParameters.codecs.find(
        ({ mimeType, parameters }) => RTX.test(mimeType) && parameters?.['apt'] === payloadType,
      )?.payloadType,
  );
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
