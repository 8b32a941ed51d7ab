/** A stream's parameters in the form of mediasoup's dumps. */
import type { RtpParameters } from '@tertulia/wire';
import type { RtpStreamParametersDump } from '../types.js';
import { layerCounts, mediaCodecs, offersFeedback, offersNack, rtxPayloadType } from './codecs.js';

export function streamParameters(
  rtpParameters: RtpParameters,
  encodingIdx: number,
  ssrc: number,
  rtxSsrc: number | undefined,
): RtpStreamParametersDump {
  const codec = mediaCodecs(rtpParameters)[0];
  const encoding = rtpParameters.encodings?.[encodingIdx];
  const payloadType = codec?.payloadType ?? 0;
  const rtx = rtxPayloadType(rtpParameters, payloadType);
  const layers = layerCounts(encoding?.scalabilityMode);
  return {
    encodingIdx,
    ssrc,
    payloadType,
    mimeType: codec?.mimeType ?? '',
    clockRate: codec?.clockRate ?? 0,
    ...(encoding?.rid === undefined ? {} : { rid: encoding.rid }),
    cname: rtpParameters.rtcp?.cname ?? '',
    ...(rtxSsrc === undefined ? {} : { rtxSsrc }),
    ...(rtxSsrc === undefined || rtx === undefined ? {} : { rtxPayloadType: rtx }),
    useNack: offersNack(rtpParameters),
    usePli: offersFeedback(rtpParameters, 'nack', 'pli'),
    useFir: offersFeedback(rtpParameters, 'ccm', 'fir'),
    useInBandFec: codec?.parameters?.['useinbandfec'] === 1,
    useDtx: codec?.parameters?.['usedtx'] === 1,
    spatialLayers: layers.spatial,
    temporalLayers: layers.temporal,
  };
}
