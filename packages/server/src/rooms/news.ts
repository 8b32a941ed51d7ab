/**
 * What a room tells its sessions, and what they may ask of it. Types only: the border between rooms and protocols.
 * Order is part of it: a participant is told before its media entries, entries are gone before their participant.
 */

export type SourceName = 'microphone' | 'screenSound';

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
  readonly source: SourceName;
  /** 32 bits, unique in the room, constant from join to leave. */
  readonly audioCsrc: number;
  /** Kept free for the picture that belongs to this sound; unique like the other. */
  readonly videoCsrc: number;
  readonly audioMuted: boolean;
  readonly screenshare: boolean;
}

export interface ChatMessage {
  readonly from: string;
  readonly displayName: string;
  readonly text: string;
  readonly sentAtMs: number;
}

export interface RoomSnapshot {
  readonly participants: readonly ParticipantView[];
  readonly entries: readonly MediaEntryView[];
}

export type RoomNews =
  | { readonly t: 'participant'; readonly participant: ParticipantView }
  | { readonly t: 'entry'; readonly entry: MediaEntryView }
  | { readonly t: 'entryGone'; readonly id: number }
  | { readonly t: 'participantGone'; readonly id: number }
  | { readonly t: 'chat'; readonly message: ChatMessage };

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
