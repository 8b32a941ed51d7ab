/**
 * Offer and rights → what each section becomes. One entry per section of the offer, in its order. Pure.
 * The plan of the project's own sessions is here, that of the Meet endpoint in meetPlan.ts.
 */
import type { SdpMediaSection, SdpOffer } from '@tertulia/wire';
import { ServerError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';

export type MediaSection = SdpMediaSection;

export type PlannedSection =
  | { readonly t: 'source'; readonly name: SourceName; readonly section: MediaSection }
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
}

/** In the order in which a client's sending audio sections mean something. */
const SOURCES: readonly SourceName[] = ['microphone', 'screenSound'];

export const isOpus = (codec: { readonly mimeType: string }): boolean =>
  codec.mimeType.toLowerCase() === 'audio/opus';

export const sends = (section: MediaSection): boolean => /^send/.test(section.direction);
export const receives = (section: MediaSection): boolean => /recv/.test(section.direction);

/** @throws ServerError OFFER_WITHOUT_OPUS, OFFER_REFUSED */
export function planSession(offer: SdpOffer, rights: SessionRights): SessionPlan {
  if (offer.dtls.setup === 'passive')
    throw new ServerError('OFFER_REFUSED', 'The DTLS role of the offer must be active or actpass.');
  let sources = 0;
  let slots = 0;
  let channels = 0;
  const sections = offer.sections.map((section): PlannedSection => {
    if (section.kind === 'application') {
      const usable = !section.rejected && section.format === 'webrtc-datachannel' && channels === 0;
      if (usable) channels++;
      return usable ? { t: 'channel' } : { t: 'reject' };
    }
    if (section.kind === 'unknown') return { t: 'reject' };
    if (section.rejected) return { t: 'reject' };
    if (section.kind === 'video') return { t: 'inactive', section };
    requireOpus(section);
    if (sends(section)) {
      const name = rights.publish ? SOURCES[sources++] : undefined;
      return name === undefined ? { t: 'inactive', section } : { t: 'source', name, section };
    }
    if (receives(section) && rights.subscribe && slots < rights.audioSlots) {
      slots++;
      return { t: 'slot', section };
    }
    return { t: 'inactive', section };
  });
  return { offer, sections };
}

export function requireOpus(section: MediaSection): void {
  if (!section.codecs.some(isOpus))
    throw new ServerError(
      'OFFER_WITHOUT_OPUS',
      `The audio section "${section.mid}" of the offer has no Opus.`,
    );
}

export const slotsOf = (plan: SessionPlan): MediaSection[] =>
  plan.sections.flatMap((planned) => (planned.t === 'slot' ? [planned.section] : []));
export const sourcesOf = (plan: SessionPlan): { name: SourceName; section: MediaSection }[] =>
  plan.sections.flatMap((planned) =>
    planned.t === 'source' ? [{ name: planned.name, section: planned.section }] : [],
  );
export const hasChannel = (plan: SessionPlan): boolean => plan.sections.some(({ t }) => t === 'channel');
export const videoSlotsOf = (plan: SessionPlan): number =>
  plan.sections.filter(({ t }) => t === 'video').length;
