/** Whether a producer sends one stream, several of one source, or one with layers inside. */
import type { ProducerType, RtpParameters } from '../types.js';
import { isRtx } from './ortc/codecs.js';
import { parseScalabilityMode } from './scalabilityModes.js';

/** Codecs whose spatial layers share an SSRC. The others' temporal layers are served as of a simulcast of one. */
const SVC_MIME_TYPES = ['video/vp9', 'video/av1'];

export function producerType({ codecs, encodings = [] }: RtpParameters): ProducerType {
  if (encodings.length > 1) return 'simulcast';
  const encoding = encodings[0];
  const { spatialLayers, temporalLayers } = parseScalabilityMode(encoding?.scalabilityMode);
  if (spatialLayers === 1 && temporalLayers === 1) return 'simple';
  const codec =
    codecs.find(({ payloadType }) => payloadType === encoding?.codecPayloadType) ??
    codecs.find((each) => !isRtx(each));
  const mimeType = codec?.mimeType.toLowerCase() ?? '';
  if (SVC_MIME_TYPES.includes(mimeType)) return 'svc';
  return mimeType.startsWith('video/') ? 'simulcast' : 'simple';
}
