/**
 * Whether an offer is the earlier one with new ICE credentials. What was negotiated stays: certificate, sections, and the
 * numbers of codecs and header extensions that packets already carry. Pure.
 */
import type { RtpParameters, SdpFingerprint, SdpOffer } from '@tertulia/wire';
import type { MediaSession } from '../media/mediaPort.js';
import { sourceParameters } from './mediaRequest.js';
import type { MediaSection, PlannedSection, SessionPlan } from './sessionPlan.js';

type Slots = Pick<MediaSession, 'audioSlots' | 'videoSlots'>;

/** @returns the plan with the sections of the new offer, or undefined when it is another session's. */
export function planRestart(plan: SessionPlan, offer: SdpOffer, slots: Slots): SessionPlan | undefined {
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
    else if ('codecs' in section && keepsNumbers(planned, section, slots))
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

/** Browsers leave out of a later offer what the answer did not take up, so only what is in use must be there again. */
function keepsNumbers(
  planned: Extract<PlannedSection, { section: MediaSection }>,
  section: MediaSection,
  slots: Slots,
): boolean {
  const used = usedParameters(planned, slots);
  if (!used) return true;
  const { codecs, headerExtensions = [] } = used;
  return (
    codecs.every(({ payloadType, mimeType }) =>
      section.codecs.some(
        (codec) =>
          codec.payloadType === payloadType && codec.mimeType.toLowerCase() === mimeType.toLowerCase(),
      ),
    ) &&
    headerExtensions.every(({ id, uri }) =>
      section.headerExtensions.some((each) => each.id === id && each.uri === uri),
    )
  );
}

function usedParameters(
  planned: Extract<PlannedSection, { section: MediaSection }>,
  { audioSlots, videoSlots }: Slots,
): RtpParameters | undefined {
  const { mid } = planned.section;
  if (planned.t === 'source') return sourceParameters(planned);
  if (planned.t === 'slot') return audioSlots.find((slot) => slot.mid === mid)?.rtpParameters;
  if (planned.t === 'video') return videoSlots.find((slot) => slot.mid === mid)?.rtpParameters;
  return undefined;
}
