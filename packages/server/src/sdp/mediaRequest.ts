/**
 * A plan → what the media side is asked for: RTP parameters of the sources, capabilities of the slots. Only Opus and
 * only header extensions that we use are let through; the media side never sees SDP.
 */
import {
  HEADER_EXTENSION_URIS,
  sectionToRtpCapabilities,
  sectionToRtpParameters,
  type RtpCapabilities,
  type RtpHeaderExtension,
  type RtpParameters,
} from '@tertulia/wire';
import type { MediaReceiverRequest, MediaSourceRequest } from '../media/mediaPort.js';
import { ServerError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';
import { isOpus, slotsOf, sourcesOf, type MediaSection, type SessionPlan } from './sessionPlan.js';

/**
 * Towards us: the level ranks speakers, the MID binds SSRCs. Towards the client: level and MID. Transport-wide
 * numbers are not negotiated for audio: there is nothing to estimate at 3 × 50 packets a second.
 */
const AUDIO_EXTENSIONS: readonly string[] = [HEADER_EXTENSION_URIS.audioLevel, HEADER_EXTENSION_URIS.mid];

export function sourceParameters(section: MediaSection): RtpParameters {
  const parameters = sectionToRtpParameters(section);
  return {
    ...parameters,
    codecs: parameters.codecs.filter(isOpus).slice(0, 1).map(withoutTransportFeedback),
    headerExtensions: (parameters.headerExtensions ?? []).filter(({ uri }) => AUDIO_EXTENSIONS.includes(uri)),
  };
}

/**
 * What all receiving sections have in common: a slot may carry any source, so one set of numbers must fit them all. A
 * bundle numbers codecs and extensions alike in every section, so nothing is lost with real clients.
 */
export function commonCapabilities(sections: readonly MediaSection[]): RtpCapabilities {
  const [first, ...others] = sections.map((section) => sectionToRtpCapabilities(section));
  const codecs = (first?.codecs ?? [])
    .filter(isOpus)
    .filter((codec) =>
      others.every((other) =>
        (other.codecs ?? []).some(
          (each) => isOpus(each) && each.preferredPayloadType === codec.preferredPayloadType,
        ),
      ),
    );
  if (codecs.length === 0)
    throw new ServerError(
      'OFFER_REFUSED',
      'The receiving audio sections must share one payload type for Opus.',
    );
  const everywhere = ({ uri, preferredId }: RtpHeaderExtension): boolean =>
    others.every((other) =>
      (other.headerExtensions ?? []).some((each) => each.uri === uri && each.preferredId === preferredId),
    );
  return {
    codecs: codecs.slice(0, 1).map(withoutTransportFeedback),
    headerExtensions: (first?.headerExtensions ?? []).filter(
      (extension) => AUDIO_EXTENSIONS.includes(extension.uri) && everywhere(extension),
    ),
  };
}

function withoutTransportFeedback<T extends { rtcpFeedback?: { type: string }[] }>(codec: T): T {
  return { ...codec, rtcpFeedback: (codec.rtcpFeedback ?? []).filter(({ type }) => type === 'nack') };
}

export function sourceRequests(
  plan: SessionPlan,
  state: (name: SourceName) => { paused: boolean; csrc: number | undefined },
): MediaSourceRequest[] {
  return sourcesOf(plan).map(({ name, section }) => ({
    name,
    rtpParameters: sourceParameters(section),
    ...state(name),
  }));
}

/** @throws ServerError OFFER_REFUSED */
export function receiverRequest(plan: SessionPlan): MediaReceiverRequest | undefined {
  const sections = slotsOf(plan);
  if (sections.length === 0) return undefined;
  const mids = { audio: sections.map(({ mid }) => mid), video: [] };
  return { mids, rtpCapabilities: commonCapabilities(sections) };
}
