/** Recording of RTP into Matroska and WebM, without transcoding, in a process of its own. */
export { RecorderError, RECORDER_ERRORS, type RecorderErrorCode } from './errors.js';
export { launchRecorder, Recorder, type RecorderEvents, type RecorderOptions } from './recorder.js';
export type { RecorderUsage, TransportStart } from './process/messages.js';
export type * from './types.js';
