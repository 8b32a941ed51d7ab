/** What a router can: the application's choice among the supported codecs, with payload types given out. */
import { UnsupportedError, OptionError } from '../../channel/errors.js';
import type { RouterRtpCodecCapability, RtpCapabilities, RtpCodecCapability } from '../../types.js';
import { getSupportedRtpCapabilities } from '../supportedRtpCapabilities.js';
import { isRtx, matchesCodec } from './codecs.js';
import { validateCodecCapability, validateRtpCapabilities } from './validate.js';

/** RFC 3551 §6, in the order in which mediasoup v3 gives them out. */
const DYNAMIC_PAYLOAD_TYPES = Array.from({ length: 28 }, (_, i) => 100 + i).concat([96, 97, 98, 99]);

/**
 * Every video codec gets an RTX codec behind it.
 * @throws TypeError for malformed codecs and payload types given twice, UnsupportedError for codecs that are not supported.
 */
export function generateRouterRtpCapabilities(
  mediaCodecs: readonly RouterRtpCodecCapability[] = [],
): RtpCapabilities {
  if (!Array.isArray(mediaCodecs)) throw new OptionError('mediaCodecs: not an array');
  const supported = getSupportedRtpCapabilities();
  validateRtpCapabilities(supported as RtpCapabilities);
  const free = [...DYNAMIC_PAYLOAD_TYPES];
  const taken = new Set<number>();
  const codecs: RtpCodecCapability[] = [];
  const take = (wanted: number | undefined, where: string): number => {
    const payloadType = wanted ?? free[0];
    if (payloadType === undefined)
      throw new UnsupportedError('cannot allocate more dynamic payload types', 'NO_PAYLOAD_TYPE');
    if (taken.has(payloadType)) throw new OptionError(`${where}.preferredPayloadType: ${payloadType} twice`);
    taken.add(payloadType);
    const at = free.indexOf(payloadType);
    if (at >= 0) free.splice(at, 1);
    return payloadType;
  };
  structuredClone(mediaCodecs as RouterRtpCodecCapability[]).forEach((wanted, i) => {
    const where = `mediaCodecs[${i}]`;
    validateCodecCapability(wanted, where);
    const match = isRtx(wanted) ? undefined : supported.codecs?.find((codec) => matchesCodec(wanted, codec));
    if (!match) throw new UnsupportedError(`media codec not supported [mimeType:${wanted.mimeType}]`);
    const preferredPayloadType = take(wanted.preferredPayloadType ?? match.preferredPayloadType, where);
    codecs.push({
      ...structuredClone(match),
      preferredPayloadType,
      parameters: { ...match.parameters, ...wanted.parameters },
    });
    if (match.kind !== 'video') return;
    codecs.push({
      kind: 'video',
      mimeType: 'video/rtx',
      preferredPayloadType: take(undefined, where),
      clockRate: match.clockRate,
      parameters: { apt: preferredPayloadType },
      rtcpFeedback: [],
    });
  });
  return { codecs, headerExtensions: supported.headerExtensions ?? [] };
}
