/**
 * From what consumers of a producer start from to what one of them gets: only what the receiver takes, one stream (or all,
 * through a pipe), with SSRCs of its own.
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { UnsupportedError } from '../../channel/errors.js';
import type {
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecParameters,
  RtpEncodingParameters,
  RtpParameters,
} from '../../types.js';
import { parseScalabilityMode } from '../scalabilityModes.js';
import { isRed, isRtx, matchesCodecStrictly } from './codecs.js';
import { randomSsrcs } from './producer.js';
import { validateRtpCapabilities } from './validate.js';

const { mid: MID, absSendTime: ABS_SEND_TIME, transportWideCc: TRANSPORT_WIDE_CC } = HEADER_EXTENSION_URIS;

/** @throws TypeError for malformed capabilities. */
export function canConsume(consumable: RtpParameters, receiver: RtpCapabilities): boolean {
  validateRtpCapabilities(receiver);
  const first = consumable.codecs.find((codec) =>
    receiver.codecs?.some((each) => matchesCodecStrictly(each, codec)),
  );
  return first !== undefined && !isRtx(first) && takesRed(consumable, receiver);
}

/** Who sends RED first sends it always; nothing is taken out of it for receivers that do not know it. */
function takesRed({ codecs: [first] }: RtpParameters, receiver: RtpCapabilities): boolean {
  if (first === undefined || !isRed(first)) return true;
  return receiver.codecs?.some((each) => matchesCodecStrictly(each, first)) ?? false;
}

/** @throws UnsupportedError when the receiver takes none of the codecs. */
export function getConsumerRtpParameters({
  consumableRtpParameters: consumable,
  remoteRtpCapabilities: receiver,
  pipe,
  enableRtx,
}: {
  consumableRtpParameters: RtpParameters;
  remoteRtpCapabilities: RtpCapabilities;
  pipe: boolean;
  enableRtx: boolean;
}): RtpParameters {
  const taken = consumable.codecs.flatMap((codec): RtpCodecParameters[] => {
    if (!enableRtx && isRtx(codec)) return [];
    const match = receiver.codecs?.find((each) => matchesCodecStrictly(each, codec));
    if (!match) return [];
    const rtcpFeedback = (match.rtcpFeedback ?? []).filter((each) => enableRtx || !isPlainNack(each));
    return [{ ...structuredClone(codec), rtcpFeedback: structuredClone(rtcpFeedback) }];
  });
  const codecs = taken.filter(
    (codec) => !isRtx(codec) || taken.some(({ payloadType }) => payloadType === codec.parameters?.['apt']),
  );
  const [first] = codecs;
  if (!first || isRtx(first) || !takesRed(consumable, receiver))
    throw new UnsupportedError('rtpCapabilities: none of the codecs of the producer', 'NO_COMMON_CODEC');

  const headerExtensions = (consumable.headerExtensions ?? []).filter(({ id, uri }) =>
    receiver.headerExtensions?.some((each) => each.uri === uri && each.preferredId === id),
  );
  const has = (uri: string): boolean => headerExtensions.some((each) => each.uri === uri);
  // One way to tell the bandwidth: transport-wide feedback if it can be had, else REMB, else none.
  const dropped = has(TRANSPORT_WIDE_CC)
    ? ['goog-remb']
    : has(ABS_SEND_TIME)
      ? ['transport-cc']
      : ['transport-cc', 'goog-remb'];
  for (const codec of codecs)
    codec.rtcpFeedback = (codec.rtcpFeedback ?? []).filter(({ type }) => !dropped.includes(type));

  const withRtx = codecs.some(isRtx);
  return {
    codecs,
    headerExtensions: structuredClone(headerExtensions),
    encodings: pipe ? pipeEncodings(consumable, withRtx) : [singleEncoding(consumable, withRtx)],
    rtcp: { ...consumable.rtcp },
  };
}

/** What a pipe carries: all encodings, no feedback on bandwidth, and NACK and RTX only where asked for. */
export function getPipeConsumerRtpParameters({
  consumableRtpParameters: consumable,
  enableRtx,
}: {
  consumableRtpParameters: RtpParameters;
  enableRtx: boolean;
}): RtpParameters {
  const codecs = structuredClone(consumable.codecs).filter((codec) => enableRtx || !isRtx(codec));
  for (const codec of codecs) {
    codec.rtcpFeedback = (codec.rtcpFeedback ?? []).filter(
      (feedback) =>
        (feedback.type === 'nack' && feedback.parameter === 'pli') ||
        (feedback.type === 'ccm' && feedback.parameter === 'fir') ||
        (enableRtx && isPlainNack(feedback)),
    );
  }
  const unused: readonly string[] = [MID, ABS_SEND_TIME, TRANSPORT_WIDE_CC];
  const headerExtensions = (consumable.headerExtensions ?? []).filter(({ uri }) => !unused.includes(uri));
  return {
    codecs,
    headerExtensions: structuredClone(headerExtensions),
    encodings: pipeEncodings(consumable, enableRtx),
    rtcp: { ...consumable.rtcp },
  };
}

const isPlainNack = ({ type, parameter }: RtcpFeedback): boolean => type === 'nack' && !parameter;

/** One stream, whatever the producer sends; its layers are those of all encodings together. */
function singleEncoding({ encodings = [] }: RtpParameters, withRtx: boolean): RtpEncodingParameters {
  const ssrc = randomSsrcs(2);
  const mode = encodings.find((encoding) => encoding.scalabilityMode)?.scalabilityMode;
  const scalabilityMode =
    encodings.length > 1 ? `L${encodings.length}T${parseScalabilityMode(mode).temporalLayers}` : mode;
  const maxBitrate = Math.max(0, ...encodings.map((encoding) => encoding.maxBitrate ?? 0));
  return {
    ssrc,
    ...(withRtx ? { rtx: { ssrc: ssrc + 1 } } : {}),
    ...(scalabilityMode ? { scalabilityMode } : {}),
    ...(maxBitrate > 0 ? { maxBitrate } : {}),
  };
}

function pipeEncodings({ encodings = [] }: RtpParameters, withRtx: boolean): RtpEncodingParameters[] {
  const first = randomSsrcs(2 * encodings.length);
  return encodings.map(({ rtx: _rtx, ...encoding }, i) => ({
    ...structuredClone(encoding),
    ssrc: first + i,
    ...(withRtx ? { rtx: { ssrc: first + encodings.length + i } } : {}),
  }));
}
