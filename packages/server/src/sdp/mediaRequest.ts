/**
 * A plan → what the media side is asked for: RTP parameters of the sources, capabilities of the slots. Only Opus and
 * only header extensions that we use are let through; the media side never sees SDP.
 */
import {
  HEADER_EXTENSION_URIS,
  sectionToRtpCapabilities,
  sectionToRtpParameters,
  type RtpCapabilities,
  type RtpParameters,
} from '@tertulia/wire';
import type { MediaSlotRequest, MediaSourceRequest } from '../media/mediaPort.js';
import type { SourceName } from '../rooms/news.js';
import { isOpus, slotsOf, sourcesOf, type MediaSection, type SessionPlan } from './sessionPlan.js';

/**
 * Towards us: the level ranks speakers, the MID binds SSRCs. Towards the client: level and MID. Transport-wide
 * numbers are not negotiated for audio: there is nothing to estimate at 3 × 50 packets a second.
 */
const AUDIO_EXTENSIONS: readonly string[] = [
  HEADER_EXTENSION_URIS.audioLevel,
  HEADER_EXTENSION_URIS.mid,
  HEADER_EXTENSION_URIS.absCaptureTime,
];

export function sourceParameters(section: MediaSection): RtpParameters {
  const parameters = sectionToRtpParameters(section);
  return {
    ...parameters,
    codecs: parameters.codecs.filter(isOpus).slice(0, 1).map(withoutTransportFeedback),
    headerExtensions: (parameters.headerExtensions ?? []).filter(({ uri }) => AUDIO_EXTENSIONS.includes(uri)),
  };
}

export function slotCapabilities(section: MediaSection): RtpCapabilities {
  const capabilities = sectionToRtpCapabilities(section);
  return {
    ...capabilities,
    codecs: (capabilities.codecs ?? []).filter(isOpus).slice(0, 1).map(withoutTransportFeedback),
    headerExtensions: (capabilities.headerExtensions ?? []).filter(({ uri }) =>
      AUDIO_EXTENSIONS.includes(uri),
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

export const slotRequests = (plan: SessionPlan): MediaSlotRequest[] =>
  slotsOf(plan).map((section) => ({ mid: section.mid, rtpCapabilities: slotCapabilities(section) }));
