export { join, type JoinOptions } from './join.js';
export { Call } from './call.js';
export type {
  AudioSlot,
  CallEvents,
  CallRecording,
  CallState,
  Canvas,
  ChatMessage,
  EndReason,
  LayoutOptions,
  LipSyncReading,
  RecordingMode,
  VideoAssignment,
  VideoSlot,
} from './callTypes.js';
export { CallError, CLIENT_ERRORS, type CallErrorCode, type ClientErrorCode } from './errors.js';
export type { Participant, ParticipantsChange } from './participants.js';
export { SPEECH_CONSTRAINTS, type AudioOption } from './microphone.js';
export { CAMERA_CONSTRAINTS, type VideoOption } from './camera.js';
export type { LevelMeter } from './platform.js';
export { openCamera, openMicrophone } from './browserPlatform.js';
export { createLevelMeter } from './levelMeter.js';
