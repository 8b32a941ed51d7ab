/**
 * What a Media API client may offer: three receiving audio sections or none, up to three of video, one data section,
 * kinds not interleaved, DTLS roles active or actpass. `extensions` lifts the numbers and the grouping. Pure.
 * Spec: Media API guides, offer requirements. Refusals carry the reason INVALID_OFFER.
 */
import type { SdpOffer } from '@tertulia/wire';
import { MeetError } from '../errors.js';
import { isOpus, receives, type MediaSection, type PlannedSection, type SessionPlan } from './sessionPlan.js';

const STRICT_AUDIO_SECTIONS = [0, 3];
const STRICT_VIDEO_SECTIONS = 3;
/** With extensions: as many as a session of our own may have. */
const MOST_SECTIONS = 16;

/** @throws MeetError INVALID_OFFER */
export function planMeetSession(offer: SdpOffer, options: { readonly extensions: boolean }): SessionPlan {
  const media = offer.sections.filter(
    (section): section is MediaSection => 'codecs' in section && !section.rejected,
  );
  const audio = media.filter(({ kind }) => kind === 'audio');
  const video = media.filter(({ kind }) => kind === 'video');
  const channels = offer.sections.filter((section) => section.kind === 'application' && !section.rejected);

  if (offer.dtls.setup === 'passive') refuse('The DTLS role of the offer must be active or actpass.');
  if (channels.length !== 1) refuse('The offer must have exactly one data section.');
  if (media.some((section) => !receives(section))) refuse('Media sections must be recvonly.');
  if (audio.some((section) => !section.codecs.some(isOpus))) refuse('Each audio section must offer Opus.');
  if (options.extensions) {
    if (audio.length > MOST_SECTIONS || video.length > MOST_SECTIONS)
      refuse(`At most ${MOST_SECTIONS} audio and ${MOST_SECTIONS} video sections are answered.`);
  } else {
    if (!STRICT_AUDIO_SECTIONS.includes(audio.length))
      refuse('The offer must have three audio sections or none.');
    if (video.length > STRICT_VIDEO_SECTIONS) refuse('The offer must have at most three video sections.');
    if (isInterleaved(media)) refuse('Audio and video sections must not be interleaved.');
  }

  const sections = offer.sections.map((section): PlannedSection => {
    if (section.kind === 'application') return section.rejected ? { t: 'reject' } : { t: 'channel' };
    if (section.kind === 'unknown' || section.rejected) return { t: 'reject' };
    return { t: section.kind === 'audio' ? 'slot' : 'video', section };
  });
  return { offer, sections };
}

/** True when a kind comes back after another: audio, video, audio. */
function isInterleaved(media: readonly MediaSection[]): boolean {
  const changes = media.filter(({ kind }, at) => at > 0 && media[at - 1]?.kind !== kind).length;
  return changes > 1;
}

function refuse(detail: string): never {
  throw new MeetError('INVALID_OFFER', detail);
}
