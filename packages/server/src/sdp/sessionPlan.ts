/**
 * Offer and rights → what each section becomes. One entry per section of the offer, in its order. Pure.
 * The plan of the project's own sessions is here, that of the Meet endpoint in meetPlan.ts.
 */
import type { SdpCodec, SdpMediaSection, SdpOffer } from '@tertulia/wire';
import { ServerError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';

export type MediaSection = SdpMediaSection;

export interface PlannedSource {
  readonly t: 'source';
  readonly name: SourceName;
  readonly section: MediaSection;
  /** Taken before all others where it is offered. */
  readonly preferred?: PreferredVideoCodec;
}

export type PlannedSection =
  | PlannedSource
  | { readonly t: 'slot'; readonly section: MediaSection }
  /** A video slot: answered with codecs and an SSRC. */
  | { readonly t: 'video'; readonly section: MediaSection }
  | { readonly t: 'channel' }
  | { readonly t: 'inactive'; readonly section: MediaSection }
  | { readonly t: 'reject' };

export interface SessionPlan {
  readonly offer: SdpOffer;
  readonly sections: readonly PlannedSection[];
}

export interface SessionRights {
  readonly publish: boolean;
  readonly subscribe: boolean;
  readonly audioSlots: number;
  readonly videoSlots: number;
  /** What cameras and screens are asked to send, where the client has it. Default: the rooms' own order. */
  readonly videoCodec?: PreferredVideoCodec;
}

/** In the order in which a client's sending sections mean something. */
const SOURCES = {
  audio: ['microphone', 'screenSound'],
  video: ['camera', 'screen'],
} as const satisfies Record<string, readonly SourceName[]>;

export const isOpus = (codec: { readonly mimeType: string }): boolean =>
  codec.mimeType.toLowerCase() === 'audio/opus';

/** Codecs of pictures that rooms have, best first for whoever sends: everybody decodes VP8, and its simulcast is cheap. */
const VIDEO_CODECS = ['video/vp8', 'video/vp9', 'video/h264', 'video/av1'] as const;

/**
 * What an operator may prefer: the two of which every browser sends several sizes at once by RIDs. Chromium takes three RIDs of
 * VP9 and AV1 for spatial layers of one stream unless the client names a scalability mode.
 */
export const PREFERRED_VIDEO_CODECS = ['vp8', 'h264'] as const;
export type PreferredVideoCodec = (typeof PREFERRED_VIDEO_CODECS)[number];

/** Of several that a client would send, the lowest is taken; undefined: none of the rooms'. */
export function videoCodecRank({ mimeType, parameters }: SdpCodec): number | undefined {
  const rank = VIDEO_CODECS.findIndex((name) => name === mimeType.toLowerCase());
  switch (VIDEO_CODECS[rank]) {
    case undefined:
      return undefined;
    case 'video/vp9':
      return Number(parameters['profile-id'] ?? 0) === 0 ? rank : undefined;
    case 'video/av1':
      return Number(parameters['profile'] ?? 0) === 0 ? rank : undefined;
    case 'video/h264':
      // Constrained baseline, in packets of any size: what every browser has. RFC 7742 §6.2.
      return Number(parameters['packetization-mode'] ?? 0) === 1 &&
        /^42[ce]0/i.test(String(parameters['profile-level-id'] ?? ''))
        ? rank
        : undefined;
    default:
      return rank;
  }
}

export const hasVideoCodec = ({ codecs }: MediaSection): boolean =>
  codecs.some((codec) => videoCodecRank(codec) !== undefined);

export const sends = (section: MediaSection): boolean => /^send/.test(section.direction);
export const receives = (section: MediaSection): boolean => /recv/.test(section.direction);

/** @throws ServerError OFFER_WITHOUT_OPUS, OFFER_REFUSED */
export function planSession(offer: SdpOffer, rights: SessionRights): SessionPlan {
  if (offer.dtls.setup === 'passive')
    throw new ServerError('OFFER_REFUSED', 'The DTLS role of the offer must be active or actpass.');
  const sources = { audio: 0, video: 0 };
  const slots = { audio: 0, video: 0 };
  const most = { audio: rights.audioSlots, video: rights.videoSlots };
  let channels = 0;
  const sections = offer.sections.map((section): PlannedSection => {
    if (section.kind === 'application') {
      const usable = !section.rejected && section.format === 'webrtc-datachannel' && channels === 0;
      if (usable) channels++;
      return usable ? { t: 'channel' } : { t: 'reject' };
    }
    if (section.kind === 'unknown') return { t: 'reject' };
    if (section.rejected) return { t: 'reject' };
    const { kind } = section;
    if (kind === 'audio') requireOpus(section);
    else if (!hasVideoCodec(section)) return { t: 'inactive', section };
    if (sends(section)) {
      const name = rights.publish ? SOURCES[kind][sources[kind]++] : undefined;
      return name === undefined
        ? { t: 'inactive', section }
        : { t: 'source', name, section, ...preference(rights.videoCodec) };
    }
    if (receives(section) && rights.subscribe && slots[kind] < most[kind]) {
      slots[kind]++;
      return { t: kind === 'audio' ? 'slot' : 'video', section };
    }
    return { t: 'inactive', section };
  });
  return { offer, sections };
}

export const preference = (videoCodec: PreferredVideoCodec | undefined): Pick<PlannedSource, 'preferred'> =>
  videoCodec === undefined ? {} : { preferred: videoCodec };

export function requireOpus(section: MediaSection): void {
  if (!section.codecs.some(isOpus))
    throw new ServerError(
      'OFFER_WITHOUT_OPUS',
      `The audio section "${section.mid}" of the offer has no Opus.`,
    );
}

export const slotsOf = (plan: SessionPlan): MediaSection[] =>
  plan.sections.flatMap((planned) => (planned.t === 'slot' ? [planned.section] : []));
export const sourcesOf = (plan: SessionPlan): PlannedSource[] =>
  plan.sections.flatMap((planned) => (planned.t === 'source' ? [planned] : []));
export const hasChannel = (plan: SessionPlan): boolean => plan.sections.some(({ t }) => t === 'channel');
export const videoSectionsOf = (plan: SessionPlan): MediaSection[] =>
  plan.sections.flatMap((planned) => (planned.t === 'video' ? [planned.section] : []));
export const videoSlotsOf = (plan: SessionPlan): number => videoSectionsOf(plan).length;
