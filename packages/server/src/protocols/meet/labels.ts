/** The five channels of the Media API. All are opened by the client, in any order, ordered and reliable. */
export const SESSION_CONTROL = 'session-control';
export const MEDIA_STATS = 'media-stats';
export const VIDEO_ASSIGNMENT = 'video-assignment';
export const MEDIA_ENTRIES = 'media-entries';
export const PARTICIPANTS = 'participants';

export const MEET_LABELS: readonly string[] = [
  SESSION_CONTROL,
  MEDIA_STATS,
  VIDEO_ASSIGNMENT,
  MEDIA_ENTRIES,
  PARTICIPANTS,
];
