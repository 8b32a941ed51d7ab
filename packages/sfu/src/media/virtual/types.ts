/**
 * What goes into a virtual room and what comes out of it, besides packets. Types only.
 * Units: µs and ms of the engine's clock; ticks of the RTP clock.
 */
import type { SourceOptions } from './audioSource.js';
import type { VirtualDropReason } from './counters.js';
import type { CsrcAllocator } from './csrcAllocator.js';
import type { SlotConstants } from './receiverSlot.js';

export interface VirtualRoomOptions {
  /** Ticks per second of the line. Default 48,000, Opus. */
  clockRate?: number;
  /** Most slots that a receiver may have, 0…16. */
  audioSlots: number;
  /** 0 ≤ x < 1. */
  rng: () => number;
  /** Shared with the pictures of the same room. Default: its own. */
  csrcs?: CsrcAllocator;
  /** How long packets are kept for NACKs. Default 1 s. */
  cacheMicros?: number;
}

export interface AddSourceOptions extends SourceOptions {
  /** Keeps this CSRC; a source that has it now is replaced, in its slot. */
  csrc?: number;
}

export interface AddReceiverOptions {
  id: string;
  participantId?: string;
  slots: readonly SlotConstants[];
  /** Default: what the slots' constants say. False until the transport has keys: numbers that nobody can see must not be used up (R9). */
  enabled?: boolean;
}

/** What a slot carries, and an anchor: the sound with `rtpTimestamp` was captured at `captureTimeMs` (R5). */
export interface SlotEvent {
  type: 'slot';
  receiverId: string;
  slot: number;
  ssrc: number;
  /** 0: nothing. */
  csrc: number;
  producerId: string | undefined;
  loudest: boolean;
  /** Counts the sources of this slot. */
  epoch: number;
  rtpTimestamp: number;
  /** ms of the engine's clock. */
  captureTimeMs: number;
}
export interface LoudestEvent {
  type: 'loudest';
  producerId: string | undefined;
}
export type VirtualEvent = SlotEvent | LoudestEvent;

export interface SlotReport {
  ssrc: number;
  /** Where the counters are counted. */
  entry: number;
  /** The line of every slot of the room is clock rate × server time; this is what is added. */
  baseTimestamp: number;
  clockRate: number;
  /** Of now, on the slot's one line (R2, R5). */
  rtpTimestamp: number;
  packetCount: number;
  octetCount: number;
  /** It sent something, ever: only then it has anything to report. */
  active: boolean;
}

export interface VirtualRoomStats {
  sources: number;
  receivers: number;
  /** Slot tables. */
  views: number;
  /** Sources put into slots, over all views. */
  switches: number;
  /** Receivers' changes of view. */
  moves: number;
  /** Packets sent again. */
  resent: number;
  cachedPackets: number;
  drops: Readonly<Record<VirtualDropReason, number>>;
}
