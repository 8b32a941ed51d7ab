/**
 * From RTP parameters of what is sent to the constants of an engine entry. Spec: virtual streams R6 (ids by URI).
 * Knows no engine call. Elsewhere: words of an entry → engine entries.ts
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { MediaKind, RtpCodecParameters, RtpParameters } from '@tertulia/wire';
import { consumerCodecs, mediaCodecs, rtxPayloadType } from './codecs.js';
import type { EntryCodecs } from './forward/variantMember.js';
import type { RtpMapping } from '../types.js';
import type { CarriedKind, EntryConstants } from './packet.js';
import { carriedKind } from './packetReader.js';

/** Of a consumer's stream. @param position of its encoding */
export function consumerEntryConstants(
  peer: number,
  producer: {
    readonly rtpParameters: RtpParameters;
    readonly rtpMapping: RtpMapping | undefined;
    kind: MediaKind;
  },
  rtpParameters: RtpParameters,
  position: number,
): EntryConstants {
  const { ssrc = 0, rtx } = rtpParameters.encodings?.[position] ?? {};
  const { payloadTypes, rtxPayloadTypes } = slotCodecs(producer, rtpParameters);
  return {
    ...entryConstants(peer, ssrc, rtpParameters),
    payloadTypes,
    paced: producer.kind === 'video',
    patchDeltas: [0, 0, 0, 0],
    ...(rtx === undefined ? {} : { rtxSsrc: rtx.ssrc, rtxPayloadTypes }),
  };
}

/** Everything but the deltas: those are decided when the entry begins to send. */
export function entryConstants(peer: number, ssrc: number, rtpParameters: RtpParameters): EntryConstants {
  const extensionIds: Partial<Record<CarriedKind, number>> = {};
  let midId = 0;
  let absSendTimeId = 0;
  let transportWideCcId = 0;
  for (const { uri, id } of rtpParameters.headerExtensions ?? []) {
    const kind = carriedKind(uri);
    if (kind !== undefined) extensionIds[kind] = id;
    else if (uri === HEADER_EXTENSION_URIS.mid) midId = id;
    else if (uri === HEADER_EXTENSION_URIS.absSendTime) absSendTimeId = id;
    else if (uri === HEADER_EXTENSION_URIS.transportWideCc) transportWideCcId = id;
  }
  const { mid = '' } = rtpParameters;
  return {
    peer,
    ssrc,
    payloadTypes: mediaCodecs(rtpParameters).map(({ payloadType }) => payloadType),
    deltaIndex: 0,
    deltaTimestamp: 0,
    firstIndex: 0,
    extensionIds,
    midId: mid === '' ? 0 : midId,
    mid,
    sendMid: mid !== '' && midId !== 0,
    absSendTimeId,
    transportWideCcId,
    enabled: true,
  };
}

/** Of a virtual video stream. Its payload types change with the source. */
export function slotEntryConstants(peer: number, rtpParameters: RtpParameters): EntryConstants {
  const { ssrc = 0, rtx } = rtpParameters.encodings?.[0] ?? {};
  const rtxPayloadTypes = rtxTypes(mediaCodecs(rtpParameters), rtpParameters);
  return {
    ...entryConstants(peer, ssrc, rtpParameters),
    paced: true,
    patchDeltas: [0, 0, 0, 0],
    ...(rtx === undefined ? {} : { rtxSsrc: rtx.ssrc, rtxPayloadTypes }),
  };
}

/** What a producer's codecs are called in an outgoing stream, by its codec numbers. */
export function slotCodecs(
  producer: { readonly rtpParameters: RtpParameters; readonly rtpMapping: RtpMapping | undefined },
  rtpParameters: RtpParameters,
): Required<EntryCodecs> {
  const codecs = consumerCodecs(producer.rtpParameters, rtpParameters, producer.rtpMapping);
  return {
    payloadTypes: codecs.map((codec) => codec?.payloadType),
    rtxPayloadTypes: rtxTypes(codecs, rtpParameters),
  };
}

const rtxTypes = (
  codecs: readonly (RtpCodecParameters | undefined)[],
  rtpParameters: RtpParameters,
): (number | undefined)[] => codecs.map((codec) => codec && rtxPayloadType(rtpParameters, codec.payloadType));
