/**
 * From what a producer sends to what consumers of it start from: the router's payload types and extension ids, SSRCs of
 * the server's own, no RIDs.
 */
import { randomInt } from 'node:crypto';
import { OptionError, UnsupportedError } from '../../channel/errors.js';
import type {
  MediaKind,
  RtpCapabilities,
  RtpCodecParameters,
  RtpMapping,
  RtpParameters,
} from '../../types.js';
import { isRed, isRtx, matchesCodecStrictly, settleCodec } from './codecs.js';

/** Room for `count` SSRCs one after the other. */
export const randomSsrcs = (count: number): number => randomInt(1, 2 ** 32 - count);

/**
 * How the producer's payload types and encodings are called on the consumers' side. Settles H.264's level in `parameters`.
 * @throws UnsupportedError for a codec that the router does not have; TypeError for RTX of no codec.
 */
export function getProducerRtpParametersMapping(
  parameters: RtpParameters,
  router: RtpCapabilities,
): RtpMapping {
  const routerCodecs = router.codecs ?? [];
  const payloadTypes = new Map<number, number>();
  for (const codec of parameters.codecs) {
    if (isRtx(codec)) continue;
    const match = routerCodecs.find((each) => matchesCodecStrictly(codec, each));
    if (match?.preferredPayloadType === undefined)
      throw new UnsupportedError(
        `rtpParameters.codecs: ${codec.mimeType} (payload type ${codec.payloadType}) is none of the router's`,
        'NO_COMMON_CODEC',
      );
    settleCodec(codec, match);
    payloadTypes.set(codec.payloadType, match.preferredPayloadType);
  }
  for (const codec of parameters.codecs) {
    if (!isRtx(codec)) continue;
    const mediaType = payloadTypes.get(Number(codec.parameters?.['apt']));
    if (mediaType === undefined)
      throw new OptionError(
        `rtpParameters.codecs: RTX of payload type ${codec.payloadType} belongs to no codec (apt)`,
      );
    const match = routerCodecs.find((each) => isRtx(each) && each.parameters?.['apt'] === mediaType);
    if (match?.preferredPayloadType === undefined)
      throw new UnsupportedError(`no RTX for payload type ${mediaType} of the router`, 'NO_COMMON_CODEC');
    payloadTypes.set(codec.payloadType, match.preferredPayloadType);
  }
  checkRed(parameters, payloadTypes);
  const encodings = parameters.encodings ?? [];
  const firstSsrc = randomSsrcs(encodings.length);
  return {
    codecs: [...payloadTypes].map(([payloadType, mappedPayloadType]) => ({ payloadType, mappedPayloadType })),
    encodings: encodings.map(({ ssrc, rid, scalabilityMode }, i) => ({
      ...(ssrc === undefined ? {} : { ssrc }),
      ...(rid === undefined ? {} : { rid }),
      ...(scalabilityMode === undefined ? {} : { scalabilityMode }),
      mappedSsrc: firstSsrc + i,
    })),
  };
}

/** The blocks within a RED packet name the sender's payload types, and go out as they came. */
function checkRed({ codecs }: RtpParameters, payloadTypes: ReadonlyMap<number, number>): void {
  if (!codecs.some(isRed)) return;
  const moved = codecs.find(
    (codec) => !isRtx(codec) && !isRed(codec) && payloadTypes.get(codec.payloadType) !== codec.payloadType,
  );
  if (moved)
    throw new UnsupportedError(
      `rtpParameters.codecs: beside audio/red the router must call ${moved.mimeType} ${moved.payloadType}, as the sender ` +
        `does (preferredPayloadType in mediaCodecs), not ${payloadTypes.get(moved.payloadType)}`,
      'RED_PAYLOAD_TYPE',
    );
}

export function getConsumableRtpParameters(
  kind: MediaKind,
  parameters: RtpParameters,
  router: RtpCapabilities,
  mapping: RtpMapping,
): RtpParameters {
  const routerCodecs = router.codecs ?? [];
  const mapped = new Map(mapping.codecs.map((codec) => [codec.payloadType, codec.mappedPayloadType]));
  const codecs = parameters.codecs.flatMap((codec): RtpCodecParameters[] => {
    if (isRtx(codec)) return [];
    const payloadType = mapped.get(codec.payloadType);
    const match = routerCodecs.find((each) => each.preferredPayloadType === payloadType);
    if (!match || payloadType === undefined) return [];
    const rtx = routerCodecs.find((each) => isRtx(each) && each.parameters?.['apt'] === payloadType);
    return [
      {
        mimeType: match.mimeType,
        payloadType,
        clockRate: match.clockRate,
        ...(match.channels === undefined ? {} : { channels: match.channels }),
        parameters: structuredClone(codec.parameters ?? {}),
        rtcpFeedback: structuredClone(match.rtcpFeedback ?? []),
      },
      ...(rtx?.preferredPayloadType === undefined
        ? []
        : [
            {
              mimeType: rtx.mimeType,
              payloadType: rtx.preferredPayloadType,
              clockRate: rtx.clockRate,
              parameters: { ...rtx.parameters },
              rtcpFeedback: [],
            },
          ]),
    ];
  });
  const headerExtensions = (router.headerExtensions ?? [])
    .filter((each) => each.kind === kind && (each.direction === 'sendrecv' || each.direction === 'sendonly'))
    .map(({ uri, preferredId, preferredEncrypt = false }) => ({
      uri,
      id: preferredId,
      encrypt: preferredEncrypt,
      parameters: {},
    }));
  const encodings = (parameters.encodings ?? []).map(
    ({ rid: _rid, rtx: _rtx, codecPayloadType: _payloadType, ssrc: _ssrc, ...rest }, i) => {
      const ssrc = mapping.encodings[i]?.mappedSsrc;
      return ssrc === undefined ? rest : { ...rest, ssrc };
    },
  );
  const cname = parameters.rtcp?.cname;
  return {
    codecs,
    headerExtensions,
    encodings,
    rtcp: { ...(cname === undefined ? {} : { cname }), reducedSize: true },
  };
}
