/**
 * A plan → what the media side is asked for: RTP parameters of the sources, capabilities of the slots. Only codecs that
 * rooms have and header extensions that we use are let through; the media side never sees SDP.
 */
import {
  HEADER_EXTENSION_URIS,
  sectionToRtpCapabilities,
  sectionToRtpParameters,
  type MediaKind,
  type RtpCapabilities,
  type RtpCodecCapability,
  type RtpHeaderExtension,
  type RtpParameters,
  type SdpCodec,
} from '@tertulia/wire';
import type { MediaReceiverRequest, MediaSourceRequest } from '../media/mediaPort.js';
import { ServerError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';
import {
  isOpus,
  slotsOf,
  sourcesOf,
  videoCodecRank,
  videoSectionsOf,
  type MediaSection,
  type PlannedSource,
  type PreferredVideoCodec,
  type SessionPlan,
} from './sessionPlan.js';

/**
 * Towards us: the level ranks speakers, the MID binds SSRCs. Towards the client: level and MID. Both ways the time of
 * capture, which browsers offer only where a page asks for it. Transport-wide
 * numbers are not negotiated for audio: there is nothing to estimate at 3 × 50 packets a second.
 */
const AUDIO_EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.audioLevel,
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.absCaptureTime,
];
/** What is carried to receivers (virtual streams R6), what binds SSRCs to encodings, and what estimates bandwidth. */
const VIDEO_EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.rid,
  HEADER_EXTENSION_URIS.repairedRid,
  HEADER_EXTENSION_URIS.absSendTime,
  HEADER_EXTENSION_URIS.transportWideCc,
  HEADER_EXTENSION_URIS.videoOrientation,
  HEADER_EXTENSION_URIS.playoutDelay,
  HEADER_EXTENSION_URIS.dependencyDescriptor,
  HEADER_EXTENSION_URIS.colorSpace,
  HEADER_EXTENSION_URIS.videoContentType,
  HEADER_EXTENSION_URIS.absCaptureTime,
];
const EXTENSIONS = { audio: AUDIO_EXTENSIONS, video: VIDEO_EXTENSIONS } as const;
const FEEDBACK: Readonly<Record<MediaKind, readonly string[]>> = {
  audio: ['nack'],
  video: ['nack', 'ccm', 'transport-cc', 'goog-remb'],
};
/** What browsers send in each encoding of VP8 simulcast, though nothing in SDP says so. */
const VP8_SIMULCAST_MODE = 'L1T3';

/** One codec, so that nobody has to guess which one comes, and its retransmission. */
export function sourceParameters({ section, preferred }: PlannedSource): RtpParameters {
  const parameters = sectionToRtpParameters(section);
  const chosen = section.kind === 'audio' ? section.codecs.find(isOpus) : bestVideoCodec(section, preferred);
  const numbers = [chosen?.payloadType, chosen?.rtxPayloadType];
  const isVp8 = chosen?.mimeType.toLowerCase() === 'video/vp8';
  const encodings = parameters.encodings ?? [];
  return {
    ...parameters,
    codecs: parameters.codecs
      .filter(({ payloadType }) => numbers.includes(payloadType))
      .map((codec) => withFeedback(codec, section.kind)),
    headerExtensions: (parameters.headerExtensions ?? []).filter(({ uri }) =>
      EXTENSIONS[section.kind].includes(uri),
    ),
    encodings:
      isVp8 && encodings.length > 1
        ? encodings.map((encoding) => ({ ...encoding, scalabilityMode: VP8_SIMULCAST_MODE }))
        : encodings,
  };
}

function bestVideoCodec(
  { codecs }: MediaSection,
  preferred: PreferredVideoCodec | undefined,
): SdpCodec | undefined {
  let best: { codec: SdpCodec; rank: number } | undefined;
  for (const codec of codecs) {
    const known = videoCodecRank(codec);
    if (known === undefined) continue;
    const rank = codec.mimeType.toLowerCase() === `video/${preferred}` ? -1 : known;
    if (!best || rank < best.rank) best = { codec, rank };
  }
  return best?.codec;
}

/**
 * What all receiving sections of a kind have in common: a slot may carry any source, so one set of numbers must fit them
 * all. A bundle numbers codecs and extensions alike in every section, so nothing is lost with real clients.
 * @throws ServerError OFFER_REFUSED
 */
export function commonCapabilities(sections: readonly MediaSection[]): RtpCapabilities {
  const kinds: readonly MediaKind[] = ['audio', 'video'];
  const common = kinds.map((kind) =>
    commonOfKind(
      kind,
      sections.filter((section) => section.kind === kind),
    ),
  );
  return {
    codecs: common.flatMap(({ codecs = [] }) => codecs),
    headerExtensions: common.flatMap(({ headerExtensions = [] }) => headerExtensions),
  };
}

function commonOfKind(kind: MediaKind, sections: readonly MediaSection[]): RtpCapabilities {
  const [first, ...others] = sections;
  if (!first) return {};
  const known = kind === 'audio' ? first.codecs.filter(isOpus) : first.codecs.filter(isVideo);
  const codecs = known.filter((codec) =>
    others.every((other) => other.codecs.some((each) => isSameCodec(each, codec))),
  );
  if (codecs.length === 0)
    throw new ServerError(
      'OFFER_REFUSED',
      `The receiving ${kind} sections must share one payload type for each codec.`,
    );
  const used = kind === 'audio' ? codecs.slice(0, 1) : codecs;
  const numbers = new Set(used.flatMap(({ payloadType, rtxPayloadType }) => [payloadType, rtxPayloadType]));
  const [capabilities, ...rest] = sections.map((section) => sectionToRtpCapabilities(section));
  const everywhere = ({ uri, preferredId }: RtpHeaderExtension): boolean =>
    rest.every((other) =>
      (other.headerExtensions ?? []).some((each) => each.uri === uri && each.preferredId === preferredId),
    );
  return {
    codecs: (capabilities?.codecs ?? [])
      .filter(({ preferredPayloadType }: RtpCodecCapability) => numbers.has(preferredPayloadType))
      .map((codec) => withFeedback(codec, kind)),
    headerExtensions: (capabilities?.headerExtensions ?? []).filter(
      (extension) => EXTENSIONS[kind].includes(extension.uri) && everywhere(extension),
    ),
  };
}

/** Retransmission included: a slot that moves has one number for it as well. */
const isSameCodec = (a: SdpCodec, b: SdpCodec): boolean =>
  a.payloadType === b.payloadType &&
  a.rtxPayloadType === b.rtxPayloadType &&
  a.mimeType.toLowerCase() === b.mimeType.toLowerCase();

const isVideo = (codec: SdpCodec): boolean => videoCodecRank(codec) !== undefined;

function withFeedback<T extends { rtcpFeedback?: { type: string }[] }>(codec: T, kind: MediaKind): T {
  const rtcpFeedback = (codec.rtcpFeedback ?? []).filter(({ type }) => FEEDBACK[kind].includes(type));
  return { ...codec, rtcpFeedback };
}

export function sourceRequests(
  plan: SessionPlan,
  state: (name: SourceName) => { paused: boolean; csrc: number | undefined },
): MediaSourceRequest[] {
  return sourcesOf(plan).map((source) => ({
    name: source.name,
    rtpParameters: sourceParameters(source),
    ...state(source.name),
  }));
}

/** @throws ServerError OFFER_REFUSED */
export function receiverRequest(plan: SessionPlan): MediaReceiverRequest | undefined {
  const [audio, video] = [slotsOf(plan), videoSectionsOf(plan)];
  if (audio.length + video.length === 0) return undefined;
  const mids = { audio: audio.map(({ mid }) => mid), video: video.map(({ mid }) => mid) };
  return { mids, rtpCapabilities: commonCapabilities([...audio, ...video]) };
}
