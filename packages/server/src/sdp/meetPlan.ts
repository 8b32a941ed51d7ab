/**
 * What a Media API client may offer: three receiving audio sections or none, up to three of video, one data section,
 * kinds not interleaved, DTLS roles active or actpass. `extensions` lifts the numbers and the grouping, and allows
 * sections that send: a bot that speaks. Pure.
 * Spec: Media API guides, offer requirements. Refusals carry the reason INVALID_OFFER.
 */
import type { SdpOffer } from '@tertulia/wire';
import { MeetError } from '../errors.js';
import type { SourceName } from '../rooms/news.js';
import {
  hasVideoCodec,
  isOpus,
  receives,
  type MediaSection,
  type PlannedSection,
  type SessionPlan,
} from './sessionPlan.js';

const STRICT_AUDIO_SECTIONS = [0, 3];
const STRICT_VIDEO_SECTIONS = 3;
/** With extensions: as many as a session of our own may have. */
const MOST_SECTIONS = 16;
/** What its sending sections are, in their order. */
const SOURCES: Readonly<Record<'audio' | 'video', readonly SourceName[]>> = {
  audio: ['microphone', 'screenSound'],
  video: ['camera', 'screen'],
};

/** @throws MeetError INVALID_OFFER */
export function planMeetSession(offer: SdpOffer, options: { readonly extensions: boolean }): SessionPlan {
  const media = offer.sections.filter(
    (section): section is MediaSection => 'codecs' in section && !section.rejected,
  );
  const slots = options.extensions ? media.filter((section) => !isSource(section)) : media;
  const audio = slots.filter(({ kind }) => kind === 'audio');
  const video = slots.filter(({ kind }) => kind === 'video');
  const channels = offer.sections.filter((section) => section.kind === 'application' && !section.rejected);

  if (offer.dtls.setup === 'passive') refuse('The DTLS role of the offer must be active or actpass.');
  if (channels.length !== 1) refuse('The offer must have exactly one data section.');
  if (slots.some((section) => !receives(section))) refuse('Media sections must be recvonly.');
  if (media.some(({ kind, codecs }) => kind === 'audio' && !codecs.some(isOpus)))
    refuse('Each audio section must offer Opus.');
  if (media.some((section) => section.kind === 'video' && !hasVideoCodec(section)))
    refuse('Each video section must offer VP8, VP9, H264 or AV1.');
  if (options.extensions) {
    if (audio.length > MOST_SECTIONS || video.length > MOST_SECTIONS)
      refuse(`At most ${MOST_SECTIONS} audio and ${MOST_SECTIONS} video sections are answered.`);
  } else {
    if (!STRICT_AUDIO_SECTIONS.includes(audio.length))
      refuse('The offer must have three audio sections or none.');
    if (video.length > STRICT_VIDEO_SECTIONS) refuse('The offer must have at most three video sections.');
    if (isInterleaved(media)) refuse('Audio and video sections must not be interleaved.');
  }

  const sources = { audio: [...SOURCES.audio], video: [...SOURCES.video] };
  const sections = offer.sections.map((section): PlannedSection => {
    if (section.kind === 'application') return section.rejected ? { t: 'reject' } : { t: 'channel' };
    if (section.kind === 'unknown' || section.rejected) return { t: 'reject' };
    const { kind } = section;
    if (!options.extensions || !isSource(section)) return { t: kind === 'audio' ? 'slot' : 'video', section };
    const name = sources[kind].shift();
    return name === undefined
      ? refuse(`At most ${SOURCES[kind].length} ${kind} sections may send.`)
      : { t: 'source', name, section };
  });
  return { offer, sections };
}

/** Chromium refuses an answer that receives where it offered both ways, so only what cannot receive is a source. */
const isSource = ({ direction }: MediaSection): boolean => direction === 'sendonly';

/** True when a kind comes back after another: audio, video, audio. */
function isInterleaved(media: readonly MediaSection[]): boolean {
  const changes = media.filter(({ kind }, at) => at > 0 && media[at - 1]?.kind !== kind).length;
  return changes > 1;
}

function refuse(detail: string): never {
  throw new MeetError('INVALID_OFFER', detail);
}
