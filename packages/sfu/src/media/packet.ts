/**
 * What the parts of the media process hand to each other about one RTP packet, and what the pure parts need of the engine.
 * Types and the carried kinds only; nothing here runs.
 * Spec: virtual streams R6 (which header extensions are carried), RFC 3550 §5.1.
 * Elsewhere: rows and commands of the engine → enginePort.ts · who decides what is forwarded → virtual/, consumer.ts
 */
import type { EntryConstants as EngineEntryConstants, EntryCounters } from '@tertulia/engine';

export type { EntryCounters };

/** What only video needs may be absent. */
export type EntryConstants = EngineEntryConstants & {
  readonly patchDeltas?: readonly number[];
  readonly rtxSsrc?: number;
  readonly rtxPayloadTypes?: readonly (number | undefined)[];
  readonly paced?: boolean;
};

/**
 * Header extensions that go from a source to its receivers, with the receiver's id: unchanged, but for the time of capture in
 * virtual streams. Append only.
 */
export const CarriedKind = {
  audioLevel: 0,
  videoOrientation: 1,
  dependencyDescriptor: 2,
  playoutDelay: 3,
  colorSpace: 4,
  videoContentType: 5,
  absCaptureTime: 6,
} as const;
export type CarriedKind = (typeof CarriedKind)[keyof typeof CarriedKind];
export const CARRIED_KINDS = 7;

/** By kind: where the value lies. `lengths[kind]` is 0 when the packet has none. */
export interface CarriedExtensions {
  /** Absolute in the slab or the scratch behind it. */
  readonly offsets: Uint32Array;
  /** Bytes, 1…255. */
  readonly lengths: Uint8Array;
}

/**
 * One received RTP packet. The object is reused: it is valid during the call only, `ForwardPort.retain` makes one that
 * lasts. Offsets are absolute in the engine's slab; the bytes are never written.
 */
export interface ReceivedPacket {
  readonly slot: number;
  readonly payloadOffset: number;
  readonly payloadLength: number;
  /** Per SSRC: roll-over counter << 16 | sequence number, as the engine estimated it. */
  readonly extendedSequence: number;
  /** u32. */
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payloadType: number;
  /** Which of an entry's payload types it goes out with, 0…7. Audio: 0, Opus. */
  readonly codec: number;
  readonly ssrc: number;
  readonly arrivalMicros: number;
  /** RFC 6464: 0 is the loudest, 127 silence, -1 absent. */
  readonly audioLevel: number;
  /** RFC 6464's V bit. */
  readonly voice: boolean;
  /** When it was captured, by its sender's clock: Unix µs. Absent or NaN: the packet does not say. */
  readonly senderCaptureMicros?: number;
  readonly extensions: CarriedExtensions;
}

/**
 * Numbers inside a packet that the copy for each receiver gets anew: written value = (value + the entry's delta) in the
 * field's width. Descriptors as in the engine's command. The object is reused: good until the next packet.
 */
export interface PacketPatches {
  count: number;
  readonly descriptors: Uint32Array;
  readonly values: Uint32Array;
}

/** In the place of a time of capture: nothing is said of it. What a source says is of another clock. */
export const CAPTURE_UNTOLD = -1;

/** A packet whose slot is kept until `ForwardPort.release`. */
export interface CachedPacket extends ReceivedPacket {
  readonly cached: true;
}

/** What the pure parts need of the engine. Implemented over Engine in enginePort.ts, and by fakes in tests. */
export interface ForwardPort {
  createList(): number;
  /** Its entries stay, in no list. */
  freeList(list: number): void;
  /** An entry is in at most one list: it leaves the one that it was in. */
  listAdd(list: number, entry: number): void;
  listRemove(entry: number): void;
  createEntry(constants: EntryConstants): number;
  updateEntry(entry: number, change: Partial<EntryConstants>): void;
  freeEntry(entry: number): void;
  /** Read straight out of shared memory: what has really been sent. */
  entryCounters(entry: number): EntryCounters;
  /**
   * The packet to every entry of the list. One command, whatever the number of entries.
   * @param index extended sequence number in the list's own numbering, u32
   * @param timestamp on the list's own line, u32
   * @param csrcs at most two
   * @param captureMicros what the packet says of its capture, µs of the engine's clock, or CAPTURE_UNTOLD; undefined: what
   * its source says
   */
  forward(
    list: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void;
  /** As `forward`, to one entry: of a list that it has just come into, what came before that. */
  forwardTo(
    entry: number,
    packet: ReceivedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void;
  /** The same packet to one entry once more, with the numbers of then. */
  resend(
    entry: number,
    packet: CachedPacket,
    index: number,
    timestamp: number,
    marker: boolean,
    csrcs: readonly number[],
    patches?: PacketPatches,
    captureMicros?: number,
  ): void;
  /** Keeps a packet's bytes beyond the call. undefined when the engine has too few slots left; counted. */
  retain(packet: ReceivedPacket): CachedPacket | undefined;
  release(packet: CachedPacket): void;
}
