/**
 * Who can send what to whom: pure functions from capabilities and parameters to parameters. No state, no channel.
 * mediasoup calls this ortc. Spec: RFC 7587 (Opus), RFC 8285 (ids), virtual streams R6 (which extensions go out).
 * Refuses with a TypeError that names the field.
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type {
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecCapability,
  RtpCodecParameters,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from '../types.js';
import { getSupportedRtpCapabilities } from './supportedRtpCapabilities.js';

/** Dynamic payload types (RFC 3551 §6) in the order in which a Router gives them out, as in mediasoup v3. */
const DYNAMIC_PAYLOAD_TYPES = Array.from({ length: 28 }, (_, i) => 100 + i).concat([96, 97, 98, 99]);
/** One-byte header extensions have ids 1…14; two-byte ones up to 255. */
const EXTENSION_ID_MAX = 255;
const AUDIO_FEEDBACK_TO_RECEIVERS = ['nack'];

/**
 * Extensions that packets to a receiver may carry, when it negotiated them (virtual streams R6). Not abs-capture-time: its
 * clock is the sender's, and a receiver would take it for the server's.
 */
const OUTGOING_EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.audioLevel,
  HEADER_EXTENSION_URIS.absSendTime,
];

type Codec = Pick<RtpCodecCapability, 'mimeType' | 'clockRate' | 'channels'>;

const sameCodec = (left: Codec, right: Codec): boolean =>
  left.mimeType.toLowerCase() === right.mimeType.toLowerCase() &&
  left.clockRate === right.clockRate &&
  (left.channels ?? 1) === (right.channels ?? 1);

/** @throws UnsupportedError for a codec that this version does not have; TypeError for one that is malformed. */
export function routerRtpCapabilities(mediaCodecs: readonly RtpCodecCapability[]): RtpCapabilities {
  const supported = getSupportedRtpCapabilities();
  const taken = new Set<number>();
  const codecs = mediaCodecs.map((codec, i): RtpCodecCapability => {
    checkCodec(codec, `mediaCodecs[${i}]`);
    const match = supported.codecs?.find((each) => sameCodec(each, codec));
    if (!match) throw new UnsupportedError(`media codec not supported [mimeType:${codec.mimeType}]`);
    const wanted = codec.preferredPayloadType;
    const payloadType = wanted ?? DYNAMIC_PAYLOAD_TYPES.find((each) => !taken.has(each));
    if (payloadType === undefined) throw new UnsupportedError('no dynamic payload type is left');
    if (taken.has(payloadType))
      throw new OptionError(`mediaCodecs[${i}].preferredPayloadType: ${payloadType} twice`);
    taken.add(payloadType);
    return { ...match, preferredPayloadType: payloadType, parameters: { ...codec.parameters } };
  });
  return { codecs, headerExtensions: supported.headerExtensions ?? [] };
}

/** Checks what a client says that it sends. @throws TypeError, UnsupportedError. */
export function checkProducerParameters(
  kind: string,
  rtpParameters: RtpParameters,
  router: RtpCapabilities,
): void {
  if (kind !== 'audio' && kind !== 'video')
    throw new OptionError(`kind: '${kind}' is neither 'audio' nor 'video'`);
  if (kind === 'video')
    throw new UnsupportedError("kind: 'video' is not supported yet", 'VIDEO_NOT_SUPPORTED');
  checkRtpParameters(rtpParameters);
  const known = rtpParameters.codecs.filter((codec) => router.codecs?.some((each) => sameCodec(each, codec)));
  if (known.length === 0)
    throw new UnsupportedError(
      `rtpParameters.codecs: none of ${rtpParameters.codecs.map(({ mimeType }) => mimeType).join(', ')} is a codec of the router`,
      'NO_COMMON_CODEC',
    );
}

/** What the client sends, without the codecs that the router does not have. */
export function producerRtpParameters(rtpParameters: RtpParameters, router: RtpCapabilities): RtpParameters {
  return {
    ...rtpParameters,
    codecs: rtpParameters.codecs.filter((codec) => router.codecs?.some((each) => sameCodec(each, codec))),
    headerExtensions: rtpParameters.headerExtensions ?? [],
    encodings: rtpParameters.encodings ?? [{}],
    rtcp: rtpParameters.rtcp ?? { reducedSize: true },
  };
}

/** What every consumer of a producer starts from: the router's payload types and extension ids. */
export function consumableRtpParameters(
  rtpParameters: RtpParameters,
  router: RtpCapabilities,
): RtpParameters {
  const codecs = rtpParameters.codecs.flatMap((codec): RtpCodecParameters[] => {
    const match = router.codecs?.find((each) => sameCodec(each, codec));
    if (match?.preferredPayloadType === undefined) return [];
    return [
      {
        mimeType: match.mimeType,
        payloadType: match.preferredPayloadType,
        clockRate: match.clockRate,
        ...(match.channels === undefined ? {} : { channels: match.channels }),
        parameters: { ...codec.parameters },
        rtcpFeedback: match.rtcpFeedback ?? [],
      },
    ];
  });
  const headerExtensions = (router.headerExtensions ?? [])
    .filter(({ uri }) => OUTGOING_EXTENSIONS.includes(uri))
    .map(({ uri, preferredId }) => ({ uri, id: preferredId, encrypt: false, parameters: {} }));
  return {
    codecs,
    headerExtensions,
    encodings: [],
    rtcp: { reducedSize: true, cname: rtpParameters.rtcp?.cname ?? '' },
  };
}

export const canConsume = (consumable: RtpParameters, receiver: RtpCapabilities): boolean =>
  consumable.codecs.some((codec) => receiver.codecs?.some((each) => sameCodec(each, codec)));

/** @throws UnsupportedError when the receiver takes none of the codecs. */
export function consumerRtpParameters(
  consumable: RtpParameters,
  receiver: RtpCapabilities,
  ssrc: number,
  mid: string,
): RtpParameters {
  checkRtpCapabilities(receiver);
  const codecs = consumable.codecs.flatMap((codec): RtpCodecParameters[] => {
    const match = receiver.codecs?.find((each) => sameCodec(each, codec));
    return match ? [{ ...codec, rtcpFeedback: commonFeedback(codec.rtcpFeedback, match.rtcpFeedback) }] : [];
  });
  if (codecs.length === 0) throw new UnsupportedError('no compatible media codecs', 'NO_COMMON_CODEC');
  const headerExtensions = (consumable.headerExtensions ?? []).filter(({ id, uri }) =>
    receiver.headerExtensions?.some((each) => each.uri === uri && each.preferredId === id),
  );
  return { mid, codecs, headerExtensions, encodings: [{ ssrc }], rtcp: consumable.rtcp ?? {} };
}

/** A slot speaks the receiver's own dialect: its payload types, its extension ids. */
export function slotRtpParameters(
  receiver: RtpCapabilities,
  router: RtpCapabilities,
  slot: { mid: string; ssrc: number; cname: string },
): RtpParameters {
  checkRtpCapabilities(receiver);
  const codecs = (receiver.codecs ?? []).flatMap((codec): RtpCodecParameters[] => {
    const match = router.codecs?.find((each) => each.kind === 'audio' && sameCodec(each, codec));
    if (!match) return [];
    const payloadType = codec.preferredPayloadType;
    if (payloadType === undefined)
      throw new OptionError(`rtpCapabilities.codecs: ${codec.mimeType} has no preferredPayloadType`);
    return [
      {
        mimeType: match.mimeType,
        payloadType,
        clockRate: match.clockRate,
        ...(match.channels === undefined ? {} : { channels: match.channels }),
        parameters: { ...codec.parameters },
        rtcpFeedback: commonFeedback(match.rtcpFeedback, codec.rtcpFeedback),
      },
    ];
  });
  const [codec] = codecs;
  if (!codec)
    throw new UnsupportedError(
      'rtpCapabilities.codecs: none of them is a codec of the router',
      'NO_COMMON_CODEC',
    );
  const headerExtensions = (receiver.headerExtensions ?? [])
    .filter(({ kind, uri }) => kind === 'audio' && OUTGOING_EXTENSIONS.includes(uri))
    .map(({ uri, preferredId }): RtpHeaderExtensionParameters => ({
      uri,
      id: preferredId,
      encrypt: false,
      parameters: {},
    }));
  return {
    mid: slot.mid,
    codecs: [codec],
    headerExtensions,
    encodings: [{ ssrc: slot.ssrc }],
    rtcp: { cname: slot.cname, reducedSize: true },
  };
}

/** What both sides named. Receiving audio sections are answered without transport-cc: their rate is not controlled. */
function commonFeedback(ours: RtcpFeedback[] = [], theirs: RtcpFeedback[] = []): RtcpFeedback[] {
  return ours.filter(
    ({ type, parameter = '' }) =>
      AUDIO_FEEDBACK_TO_RECEIVERS.includes(type) &&
      theirs.some((each) => each.type === type && (each.parameter ?? '') === parameter),
  );
}

export function checkRtpCapabilities(capabilities: RtpCapabilities): void {
  if (typeof capabilities !== 'object' || capabilities === null)
    throw new OptionError('rtpCapabilities: not an object');
  if (capabilities.codecs !== undefined && !Array.isArray(capabilities.codecs))
    throw new OptionError('rtpCapabilities.codecs: not an array');
  capabilities.codecs?.forEach((codec, i) => checkCodec(codec, `rtpCapabilities.codecs[${i}]`));
  capabilities.headerExtensions?.forEach(({ uri, preferredId }, i) =>
    checkExtension(uri, preferredId, `rtpCapabilities.headerExtensions[${i}]`),
  );
}

function checkRtpParameters(parameters: RtpParameters): void {
  if (typeof parameters !== 'object' || parameters === null)
    throw new OptionError('rtpParameters: not an object');
  if (!Array.isArray(parameters.codecs) || parameters.codecs.length === 0)
    throw new OptionError('rtpParameters.codecs: not an array of codecs');
  if (parameters.mid !== undefined && (typeof parameters.mid !== 'string' || parameters.mid === ''))
    throw new OptionError('rtpParameters.mid: not a non-empty string');
  parameters.codecs.forEach((codec, i) => {
    checkCodec(codec, `rtpParameters.codecs[${i}]`);
    if (!Number.isInteger(codec.payloadType) || codec.payloadType < 0 || codec.payloadType > 127)
      throw new OptionError(`rtpParameters.codecs[${i}].payloadType: not an integer of 0…127`);
  });
  parameters.headerExtensions?.forEach(({ uri, id }, i) =>
    checkExtension(uri, id, `rtpParameters.headerExtensions[${i}]`),
  );
  parameters.encodings?.forEach(({ ssrc }, i) => {
    if (ssrc !== undefined && (!Number.isInteger(ssrc) || ssrc < 0 || ssrc > 0xffffffff))
      throw new OptionError(`rtpParameters.encodings[${i}].ssrc: not an unsigned 32-bit integer`);
  });
  if (parameters.mid === undefined && !parameters.encodings?.some(({ ssrc }) => ssrc !== undefined))
    throw new OptionError(
      'rtpParameters: neither mid nor an ssrc in encodings, so its packets could not be told',
    );
}

function checkCodec(codec: Codec, where: string): void {
  if (typeof codec !== 'object' || codec === null) throw new OptionError(`${where}: not an object`);
  if (typeof codec.mimeType !== 'string' || !/^(audio|video)\/[^/\s]+$/i.test(codec.mimeType))
    throw new OptionError(`${where}.mimeType: not of the form audio/… or video/…`);
  if (!Number.isInteger(codec.clockRate) || codec.clockRate <= 0)
    throw new OptionError(`${where}.clockRate: not a positive integer`);
}

function checkExtension(uri: string, id: number, where: string): void {
  if (typeof uri !== 'string' || uri === '') throw new OptionError(`${where}.uri: not a non-empty string`);
  if (!Number.isInteger(id) || id < 1 || id > EXTENSION_ID_MAX)
    throw new OptionError(`${where}: id ${id} is not an integer of 1…${EXTENSION_ID_MAX}`);
}
