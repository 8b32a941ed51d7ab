/** What an application sees of a call: its options, states, events and the shapes in them. */
import type { CallError } from './errors.js';
import type { AudioOption } from './microphone.js';
import type { Participant, ParticipantsChange } from './participants.js';

export type CallState = 'connecting' | 'connected' | 'reconnecting' | 'ended';
/** `connection-lost`, or the server's reason: `left`, `removed`, `replaced`, `room-closed`, … */
export type EndReason = 'left' | 'removed' | 'replaced' | 'room-closed' | 'connection-lost' | (string & {});

export interface AudioSlot {
  readonly index: number;
  readonly mid: string | null;
  /** Another track after a new session; the event `audioslots` says so. */
  readonly track: MediaStreamTrack;
  readonly stream: MediaStream;
  readonly csrc: number | undefined;
  readonly participant: Participant | undefined;
  /** The loudest of the room is heard here. */
  readonly loudest: boolean;
  /** Whether words come now, with the pauses between them bridged. */
  readonly speaking: boolean;
  /** Linear amplitude, 0…1; undefined where the browser gives none. */
  readonly level: number | undefined;
}

export interface ChatMessage {
  readonly from: string;
  readonly displayName: string;
  readonly text: string;
  readonly sentAtMs: number;
  readonly self: boolean;
}

export type CallEvents = {
  state: [state: CallState];
  participants: [participants: readonly Participant[], change: ParticipantsChange];
  /** A slot has another speaker, or somebody began or stopped to speak. */
  speakers: [slots: readonly AudioSlot[]];
  /** New tracks: play `audioSlots[].stream` again if you play them yourself. */
  audioslots: [slots: readonly AudioSlot[]];
  /** `byServer`: a moderator did it, or the microphone was lost. */
  muted: [muted: boolean, byServer: boolean];
  message: [message: ChatMessage];
  /** The browser plays no sound before a click; call `resumePlayback()` in one. */
  playbackblocked: [];
  ended: [reason: EndReason, error: CallError | undefined];
  /** Something went wrong and the call goes on. */
  error: [error: CallError];
};

export interface CallOptions {
  displayName: string;
  audio: AudioOption;
  audioSlots: number;
  muted: boolean;
}
