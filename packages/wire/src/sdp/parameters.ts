/**
 * A section of an offer in the terms of mediasoup: what the client will send in it, and what it can receive in it.
 * Payload types and extension ids are the offer's own, so nothing is renumbered on the way.
 */
import type {
  MediaKind,
  RtcpFeedback,
  RtpCapabilities,
  RtpEncodingParameters,
  RtpHeaderExtensionUri,
  RtpParameters,
} from '../rtpParameters.js';
import type { SdpCodec, SdpHeaderExtension, SdpMediaSection } from './offer.js';

/** What the client sends: all codecs offered, and one encoding for each RID or each SSRC that is not retransmission. */
export function sectionToRtpParameters(section: SdpMediaSection): RtpParameters {
  const cname = section.ssrcs.find((each) => each.cname !== undefined)?.cname;
  return {
    mid: section.mid,
    codecs: section.codecs.map((codec) => ({
      mimeType: codec.mimeType,
      payloadType: codec.payloadType,
      clockRate: codec.clockRate,
      ...channelsOf(codec),
      parameters: { ...codec.parameters },
      rtcpFeedback: feedbackOf(codec),
    })),
    headerExtensions: section.headerExtensions
      .filter((extension) => usable(extension, 'sendonly'))
      .map(({ id, uri }) => ({ uri: known(uri), id, encrypt: false, parameters: {} })),
    encodings: encodingsOf(section),
    rtcp: { ...(cname === undefined ? {} : { cname }), reducedSize: section.rtcpReducedSize },
  };
}

/** What the client can receive. */
export function sectionToRtpCapabilities(section: SdpMediaSection): RtpCapabilities {
  const kind: MediaKind = section.kind;
  return {
    codecs: section.codecs.map((codec) => ({
      kind,
      mimeType: codec.mimeType,
      preferredPayloadType: codec.payloadType,
      clockRate: codec.clockRate,
      ...channelsOf(codec),
      parameters: { ...codec.parameters },
      rtcpFeedback: feedbackOf(codec),
    })),
    headerExtensions: section.headerExtensions
      .filter((extension) => usable(extension, 'recvonly'))
      .map(({ id, uri }) => ({
        kind,
        uri: known(uri),
        preferredId: id,
        preferredEncrypt: false,
        direction: 'sendrecv',
      })),
  };
}

/** SDP may name any: those that are none of ours pass, and are found nowhere later. */
const known = (uri: string): RtpHeaderExtensionUri => uri as RtpHeaderExtensionUri;

/** An extension that the client only receives is none that it sends, and the other way round. */
const usable = ({ direction = 'sendrecv' }: SdpHeaderExtension, needed: 'sendonly' | 'recvonly'): boolean =>
  direction === 'sendrecv' || direction === needed;

const channelsOf = ({ channels }: SdpCodec): { channels?: number } =>
  channels === undefined ? {} : { channels };

const feedbackOf = ({ rtcpFeedback }: SdpCodec): RtcpFeedback[] =>
  rtcpFeedback.map(({ type, parameter }) => ({ type, parameter: parameter ?? '' }));

/** With neither RIDs nor SSRCs one encoding without a name: its SSRC is learnt from the MID on its packets. */
function encodingsOf(section: SdpMediaSection): RtpEncodingParameters[] {
  const sent = section.rids.filter(({ direction }) => direction === 'send');
  if (sent.length > 0) return sent.map(({ id }) => ({ rid: id }));
  const rtxOf = new Map<number, number>();
  for (const { semantics, ssrcs } of section.ssrcGroups) {
    const [primary, rtx] = ssrcs;
    if (semantics === 'FID' && primary !== undefined && rtx !== undefined) rtxOf.set(primary, rtx);
  }
  const repairs = new Set(rtxOf.values());
  for (const { semantics, ssrcs } of section.ssrcGroups)
    if (semantics === 'FEC-FR' && ssrcs[1] !== undefined) repairs.add(ssrcs[1]);
  const encodings = section.ssrcs
    .filter(({ ssrc }) => !repairs.has(ssrc))
    .map(({ ssrc }): RtpEncodingParameters => {
      const rtx = rtxOf.get(ssrc);
      return rtx === undefined ? { ssrc } : { ssrc, rtx: { ssrc: rtx } };
    });
  return encodings.length > 0 ? encodings : [{}];
}
