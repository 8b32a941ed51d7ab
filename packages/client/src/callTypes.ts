/** What an application sees of a call: its options, states, events and the shapes in them. */
import type { CallError } from './errors.js';
import type { VideoOption } from './camera.js';
import type { Skew } from './lipSync.js';
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

export interface VideoSlot {
  readonly index: number;
  readonly mid: string | null;
  /** Another track after a new session; the event `videoslots` says so. */
  readonly track: MediaStreamTrack;
  /** The same for as long as the track: a video element keeps it over all changes of who is seen. */
  readonly stream: MediaStream;
  /** What the packets say. undefined: nobody. */
  readonly csrc: number | undefined;
  readonly participant: Participant | undefined;
  /** A shared screen, not a camera. */
  readonly screenshare: boolean;
}

/** Room for one picture. */
export interface Canvas {
  /** From 1, unique in the layout. */
  readonly id: number;
  /** Device pixels (CSS pixels × devicePixelRatio), 1 to 16,384: how large a picture is worth sending. */
  readonly width: number;
  readonly height: number;
  /** The server chooses, or somebody's camera, or their shared screen. Never the own one. */
  readonly mode: 'relevant' | { readonly participantId: string; readonly screenshare?: boolean };
}

export interface LayoutOptions {
  /** No picture larger or faster than this is sent, whatever the canvases' size. */
  maxResolution?: { width: number; height: number; frameRate?: number } | undefined;
}

/** What a canvas shows. Canvases that nobody is for are not listed. */
export interface VideoAssignment {
  readonly canvasId: number;
  readonly participant: Participant | undefined;
  readonly screenshare: boolean;
  /** undefined: the one who was asked for sends no picture now. */
  readonly slot: number | undefined;
  /** Their picture arrives now. False while it is being fetched and when the bandwidth holds not even the smallest. */
  readonly active: boolean;
  /** That of the slot, for `srcObject`. */
  readonly stream: MediaStream | undefined;
}

/** How much later somebody's picture is played than the sound that belongs to it; negative: earlier. */
export type LipSyncReading = Skew;

/** `participants`: a file per participant; `sources`: one per microphone, camera, screen; `room`: one as a listener has it. */
export type RecordingMode = 'participants' | 'sources' | 'room' | (string & {});

/** The server records the call. Of several recordings, that which began first. */
export interface CallRecording {
  /** Unix time, by the server's clock. */
  readonly sinceMs: number;
  readonly mode: RecordingMode;
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
  /** New tracks, or the packets of a slot are somebody else's. */
  videoslots: [slots: readonly VideoSlot[]];
  /** What the canvases of the last layout show; the whole list each time. */
  assignments: [assignments: readonly VideoAssignment[]];
  /** `byServer`: a moderator did it, or the camera was lost. */
  camera: [on: boolean, byServer: boolean];
  /** `byServer`: not by `shareScreen` or `stopScreen`, but by a moderator or the browser's own "stop sharing". */
  screen: [on: boolean, byServer: boolean];
  message: [message: ChatMessage];
  /** The server began to record, or stopped: undefined. Told before anything of yours is recorded. */
  recording: [recording: CallRecording | undefined];
  /** The browser plays no sound before a click; call `resumePlayback()` in one. */
  playbackblocked: [];
  ended: [reason: EndReason, error: CallError | undefined];
  /** Something went wrong and the call goes on. */
  error: [error: CallError];
};

export interface CallOptions {
  displayName: string;
  audio: AudioOption;
  video: VideoOption;
  audioSlots: number;
  videoSlots: number;
  muted: boolean;
}
