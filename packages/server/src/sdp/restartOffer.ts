/**
 * Whether an offer is the earlier one with new ICE credentials. What was negotiated stays: certificate, sections, and the
 * numbers of codecs and header extensions that packets already carry. Pure.
 */
import type { SdpFingerprint, SdpOffer } from '@tertulia/wire';
import { AUDIO_EXTENSIONS } from './mediaRequest.js';
import { isOpus, type MediaSection, type SessionPlan } from './sessionPlan.js';

/** @returns the plan with the sections of the new offer, or undefined when it is another session's. */
export function planRestart(plan: SessionPlan, offer: SdpOffer): SessionPlan | undefined {
  const before = plan.offer;
  if (printOf(before.dtls.fingerprints) !== printOf(offer.dtls.fingerprints)) return undefined;
  if (before.sections.length !== offer.sections.length) return undefined;
  const sections = [];
  for (const [at, planned] of plan.sections.entries()) {
    const [old, section] = [before.sections[at], offer.sections[at]];
    if (
      !old ||
      !section ||
      old.kind !== section.kind ||
      old.mid !== section.mid ||
      old.rejected !== section.rejected
    )
      return undefined;
    if (!('section' in planned)) sections.push(planned);
    else if ('codecs' in section && keepsNumbers(planned.section, section))
      sections.push({ ...planned, section });
    else return undefined;
  }
  return { offer, sections };
}

const printOf = (fingerprints: readonly SdpFingerprint[]): string =>
  fingerprints
    .map(({ algorithm, value }) => `${algorithm} ${value}`)
    .sort()
    .join();

function keepsNumbers(old: MediaSection, section: MediaSection): boolean {
  const opus = old.codecs.find(isOpus);
  return (
    (!opus || section.codecs.some((codec) => isOpus(codec) && codec.payloadType === opus.payloadType)) &&
    old.headerExtensions
      .filter(({ uri }) => AUDIO_EXTENSIONS.includes(uri))
      .every(({ id, uri }) => section.headerExtensions.some((each) => each.id === id && each.uri === uri))
  );
}
