/**
 * What a room tells its sessions, and what they may ask of it. Types only: the border between rooms and protocols.
 * Order is part of it: a participant is told before its media entries, entries are gone before their participant.
 */

import type { RecordingMode } from '../recording/modes.js';

/** What a participant sends. Camera and microphone are one media entry, the screen and its sound another. */
export type SourceName = 'microphone' | 'screenSound' | 'camera' | 'screen';

export interface ParticipantView {
  /** Resource id in the room, 1 … 2³¹−1, never used twice. */
  readonly id: number;
  /** Public name for ever, `p_…`. */
  readonly participantId: string;
  readonly displayName: string;
  /** Unix time. */
  readonly joinedAtMs: number;
  /** `sub` of the token, if there was one. */
  readonly identity: string | undefined;
}

export interface MediaEntryView {
  readonly id: number;
  /** Resource id of the participant whose it is. */
  readonly owner: number;
  readonly participantId: string;
  /** The shared screen and its sound: there while one of them is sent. Otherwise microphone and camera. */
  readonly screenshare: boolean;
  /** 32 bits, unique in the room, constant from join to leave. undefined: it has no sound. */
  readonly audioCsrc: number | undefined;
  /** Unique like the other. Where there is no picture, a number that is kept free for one. */
  readonly videoCsrc: number;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
}

export interface ChatMessage {
  readonly from: string;
  readonly displayName: string;
  readonly text: string;
  readonly sentAtMs: number;
}

/** The room is recorded now. Of several recordings, that which began first. */
export interface RecordingView {
  /** Unix time. */
  readonly sinceMs: number;
  readonly mode: RecordingMode;
}

export interface RoomSnapshot {
  readonly participants: readonly ParticipantView[];
  readonly entries: readonly MediaEntryView[];
  /** undefined: nobody records. */
  readonly recording?: RecordingView | undefined;
}

export type RoomNews =
  | { readonly t: 'participant'; readonly participant: ParticipantView }
  | { readonly t: 'entry'; readonly entry: MediaEntryView }
  | { readonly t: 'entryGone'; readonly id: number }
  | { readonly t: 'participantGone'; readonly id: number }
  | { readonly t: 'chat'; readonly message: ChatMessage }
  | { readonly t: 'recording'; readonly recording: RecordingView | undefined };

/** Why a session ends. Each protocol has its own words for it. */
export type EndReason = 'left' | 'removed' | 'replaced' | 'draining' | 'media-lost' | 'room-closed';

/** One slot of one receiver now carries something else, or the loudest mark moved. */
export interface SlotChange {
  readonly slot: number;
  /** 0: nothing. */
  readonly csrc: number;
  readonly loudest: boolean;
  /** Counts the slot's assignments. */
  readonly epoch: number;
  /** The slot's RTP time at `captureTimeMs` of the server's clock. */
  readonly rtpTimestamp: number;
  readonly captureTimeMs: number;
}

/** One video slot of one receiver now carries something else. */
export interface VideoSlotChange {
  readonly slot: number;
  /** 0: nothing. */
  readonly csrc: number;
  readonly epoch: number;
  /** The slot's RTP time, 90 kHz, at `captureTimeMs` of the server's clock. */
  readonly rtpTimestamp: number;
  readonly captureTimeMs: number;
}

/** What a receiver has room for: one picture. */
export interface Canvas {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  /** The server chooses, or a participant's camera (else screen), or the source with this CSRC. */
  readonly mode: 'relevant' | { readonly participantId: string } | { readonly csrc: number };
}

export interface MaxResolution {
  readonly width: number;
  readonly height: number;
  readonly frameRate?: number;
}

/** What a canvas shows. */
export interface VideoAssignment {
  readonly canvasId: number;
  /** undefined: they send no picture now. */
  readonly slot: number | undefined;
  readonly ssrc: number | undefined;
  readonly csrc: number;
  readonly participantId: string;
  /** Its packets go out now. */
  readonly active: boolean;
}

export type LayoutResult =
  | { readonly ok: true; readonly assignments: readonly VideoAssignment[] }
  | {
      readonly ok: false;
      readonly code: 'INVALID_CANVAS' | 'TOO_MANY_CANVASES' | 'OWN_SOURCE' | 'UNAVAILABLE';
      readonly message: string;
    };
