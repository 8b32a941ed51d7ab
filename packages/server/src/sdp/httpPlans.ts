/**
 * What may be offered by WHIP and by WHEP: one audio and one video section that send, or sections that receive. An offer is
 * answered whole or refused (RFC 9725 §4.4.3): half a publication would mislead whoever watches it. Pure.
 * Elsewhere: the project's own sessions → sessionPlan.ts
 */
import type { SdpOffer } from '@tertulia/wire';
import { ServerError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';
import { receiverRequest } from './mediaRequest.js';
import {
  hasVideoCodec,
  isOpus,
  preference,
  receives,
  sends,
  slotsOf,
  sourcesOf,
  videoSectionsOf,
  type MediaSection,
  type PlannedSection,
  type PreferredVideoCodec,
  type SessionPlan,
} from './sessionPlan.js';

const SOURCES = { audio: 'microphone', video: 'camera' } as const satisfies Record<string, SourceName>;

/**
 * A publisher's offer. `sendrecv` is taken as well and answered `recvonly` (RFC 9725 §4.2).
 * @throws ServerError OFFER_UNPROCESSABLE
 */
export function planPublisher(offer: SdpOffer, videoCodec?: PreferredVideoCodec): SessionPlan {
  requireActiveRole(offer);
  const seen = new Set<string>();
  const sections = offer.sections.map((section): PlannedSection => {
    if (section.rejected) return { t: 'reject' };
    if (section.kind === 'application' || section.kind === 'unknown')
      return refuse('A publisher offers sound and pictures and nothing else.');
    const { kind } = section;
    requireCodec(section);
    if (!sends(section)) return refuse(`The ${kind} section must be sendonly or sendrecv.`);
    if (seen.has(kind)) return refuse(`A publisher offers one ${kind} section.`);
    seen.add(kind);
    return { t: 'source', name: SOURCES[kind], section, ...preference(videoCodec) };
  });
  const plan = { offer, sections };
  if (sourcesOf(plan).length === 0) refuse('The offer sends nothing.');
  return plan;
}

/**
 * A player's offer. `sendrecv` is taken as well and answered `sendonly` (WHEP §4.2); sections beyond the slots are inactive.
 * @throws ServerError OFFER_UNPROCESSABLE
 */
export function planPlayer(
  offer: SdpOffer,
  most: { readonly audioSlots: number; readonly videoSlots: number },
): SessionPlan {
  requireActiveRole(offer);
  const free = { audio: most.audioSlots, video: most.videoSlots };
  const sections = offer.sections.map((section): PlannedSection => {
    if (section.rejected || section.kind === 'application' || section.kind === 'unknown')
      return { t: 'reject' };
    const { kind } = section;
    requireCodec(section);
    if (!receives(section)) return refuse(`The ${kind} section must be recvonly or sendrecv.`);
    if (free[kind]-- <= 0) return { t: 'inactive', section };
    return { t: kind === 'audio' ? 'slot' : 'video', section };
  });
  const plan = { offer, sections };
  if (slotsOf(plan).length + videoSectionsOf(plan).length === 0)
    refuse('The offer asks for nothing that this token may receive.');
  try {
    receiverRequest(plan);
  } catch (error) {
    if (error instanceof ServerError) refuse(error.detail);
    throw error;
  }
  return plan;
}

/** An ICE-lite side lets the other begin the handshake. RFC 9725 §4.4.4 asks clients for actpass. */
function requireActiveRole(offer: SdpOffer): void {
  if (offer.dtls.setup === 'passive') refuse('The DTLS role of the offer must be active or actpass.');
}

function requireCodec(section: MediaSection): void {
  if (section.kind === 'audio' && !section.codecs.some(isOpus)) refuse('The audio section must offer Opus.');
  if (section.kind === 'video' && !hasVideoCodec(section))
    refuse('The video section must offer VP8, VP9, AV1, or H264 with constrained baseline profile.');
}

function refuse(detail: string): never {
  throw new ServerError('OFFER_UNPROCESSABLE', detail);
}
