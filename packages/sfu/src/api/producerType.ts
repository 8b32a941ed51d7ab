/**
 * Whether a producer sends one stream, several of one source, or one with layers inside.
 * Spec: scalability modes as in W3C webrtc-svc §6 (`L2T3`, `S3T3`, `L3T3_KEY`).
 */
import type { ProducerType, RtpParameters } from '../types.js';

const SCALABILITY_MODE = /^[LS]([1-9]\d?)T([1-9]\d?)/;
/** Codecs whose spatial layers share an SSRC. The others' temporal layers are served as of a simulcast of one. */
const SVC_MIME_TYPES = ['video/vp9', 'video/av1'];

export function producerType({ codecs, encodings = [] }: RtpParameters): ProducerType {
  if (encodings.length > 1) return 'simulcast';
  const encoding = encodings[0];
  const [, spatialLayers = '1', temporalLayers = '1'] =
    SCALABILITY_MODE.exec(encoding?.scalabilityMode ?? '') ?? [];
  if (Number(spatialLayers) === 1 && Number(temporalLayers) === 1) return 'simple';
  const codec =
    codecs.find(({ payloadType }) => payloadType === encoding?.codecPayloadType) ??
    codecs.find(({ mimeType }) => !/\/rtx$/i.test(mimeType));
  const mimeType = codec?.mimeType.toLowerCase() ?? '';
  if (SVC_MIME_TYPES.includes(mimeType)) return 'svc';
  return mimeType.startsWith('video/') ? 'simulcast' : 'simple';
}
