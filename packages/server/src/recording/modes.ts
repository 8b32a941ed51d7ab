/** What becomes of a recorded room. */
export const RECORDING_MODES = ['sources', 'participants', 'room'] as const;
/** A file per source, a file per participant with sound and picture, or one of what a receiver would see and hear. */
export type RecordingMode = (typeof RECORDING_MODES)[number];
