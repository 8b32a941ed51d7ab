export { join, type JoinOptions } from './join.js';
export { Call } from './call.js';
export type { AudioSlot, CallEvents, CallState, ChatMessage, EndReason } from './callTypes.js';
export { CallError, CLIENT_ERRORS, type CallErrorCode, type ClientErrorCode } from './errors.js';
export type { Participant, ParticipantsChange } from './participants.js';
export { SPEECH_CONSTRAINTS, type AudioOption } from './microphone.js';
export type { LevelMeter } from './platform.js';
export { openMicrophone } from './browserPlatform.js';
export { createLevelMeter } from './levelMeter.js';
