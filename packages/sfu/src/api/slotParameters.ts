/**
 * What one slot of a receiver carries: a codec of the router in the receiver's own dialect. Pure.
 * Spec: virtual streams R6 (which extensions go out). The rest of negotiation → ortc/
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import { OptionError, UnsupportedError } from '../channel/errors.js';
import type {
  RtcpFeedback,
  RtpCapabilities,
  RtpCodecParameters,
  RtpHeaderExtensionParameters,
  RtpParameters,
} from '../types.js';
import { matchesCodecStrictly } from './ortc/codecs.js';
import { validateRtpCapabilities } from './ortc/index.js';

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

/** A slot speaks the receiver's own dialect: its payload types, its extension ids. */
export function slotRtpParameters(
  receiver: RtpCapabilities,
  router: RtpCapabilities,
  slot: { mid: string; ssrc: number; cname: string },
): RtpParameters {
  const wanted = structuredClone(receiver);
  validateRtpCapabilities(wanted);
  const codecs = (wanted.codecs ?? []).flatMap((codec): RtpCodecParameters[] => {
    const match = router.codecs?.find((each) => each.kind === 'audio' && matchesCodecStrictly(each, codec));
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
  const headerExtensions = (wanted.headerExtensions ?? [])
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
  return ours
    .filter(
      ({ type, parameter = '' }) =>
        AUDIO_FEEDBACK_TO_RECEIVERS.includes(type) &&
        theirs.some((each) => each.type === type && (each.parameter ?? '') === parameter),
    )
    .map(({ type, parameter }) => (parameter ? { type, parameter } : { type }));
}
