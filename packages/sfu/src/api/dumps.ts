/** How RTP parameters look in dumps: what is implied is said, and what is empty is not. */
import type { RtpParameters } from '../types.js';
import { isRtx } from './ortc/codecs.js';
import { getSupportedRtpCapabilities } from './supportedRtpCapabilities.js';

/** By lower case, as the router writes them. */
const MIME_TYPES = new Map(
  (getSupportedRtpCapabilities().codecs ?? []).map(({ mimeType }) => [mimeType.toLowerCase(), mimeType]),
);

/** Codecs are written as the router does; every encoding names its codec; feedback without a parameter has none. As in mediasoup v3. */
export function dumpedRtpParameters(parameters: RtpParameters): RtpParameters {
  const mediaType = parameters.codecs.find((codec) => !isRtx(codec))?.payloadType;
  return {
    ...parameters,
    codecs: parameters.codecs.map((codec) => ({
      ...codec,
      mimeType: MIME_TYPES.get(codec.mimeType.toLowerCase()) ?? codec.mimeType,
      rtcpFeedback: (codec.rtcpFeedback ?? []).map(({ type, parameter }) =>
        parameter ? { type, parameter } : { type },
      ),
    })),
    encodings: (parameters.encodings ?? []).map((encoding) => {
      const codecPayloadType = encoding.codecPayloadType ?? mediaType;
      return codecPayloadType === undefined ? encoding : { codecPayloadType, ...encoding };
    }),
  };
}
