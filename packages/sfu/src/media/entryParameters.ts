/**
 * From RTP parameters of what is sent to the constants of an engine entry. Spec: virtual streams R6 (ids by URI).
 * Knows no engine call. Elsewhere: words of an entry → engine entries.ts
 */
import { HEADER_EXTENSION_URIS } from '@tertulia/wire';
import type { MediaKind, RtpParameters } from '@tertulia/wire';
import { mediaCodecs, rtxPayloadTypes } from './codecs.js';
import type { CarriedKind, EntryConstants } from './packet.js';
import { carriedKind } from './packetReader.js';

/**
 * Everything but the deltas: those are decided when the entry begins to send.
 * @param position of the encoding
 */
export function entryConstants(
  peer: number,
  ssrc: number,
  rtpParameters: RtpParameters,
  kind: MediaKind = 'audio',
  position = 0,
): EntryConstants {
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
  const rtxSsrc = rtpParameters.encodings?.[position]?.rtx?.ssrc;
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
    paced: kind === 'video',
    patchDeltas: [0, 0, 0, 0],
    ...(rtxSsrc === undefined ? {} : { rtxSsrc, rtxPayloadTypes: rtxPayloadTypes(rtpParameters) }),
  };
}
