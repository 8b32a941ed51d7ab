/**
 * What goes into and comes out of the assembly of frames, for all codecs, and the limits that hold for each frame.
 * Elsewhere: sequence numbers, holes and borders of frames → frameAssembler.ts · what each codec's payloads mean → *Frames.ts
 */
export type FrameCodec = 'opus' | 'red' | 'vp8' | 'vp9' | 'h264' | 'av1';

export const FRAME_LIMITS = {
  /** A key frame of 4K at the best quality of browsers' encoders stays below 2 MiB. Ours. */
  frameBytes: 4 * 1024 * 1024,
  /** As many as fill `frameBytes` with payloads of 512 bytes; a sender of smaller ones gains nothing. Ours. */
  framePackets: 8192,
} as const;

/** One RTP packet without its header. */
export interface RtpPayload {
  /** Unwrapped, in order. A number that is left out is a packet that was lost. */
  sequenceNumber: number;
  /** 32 bits, as it was sent. */
  timestamp: number;
  marker: boolean;
  /** Borrowed for the call, without padding; empty for a packet of nothing but padding. */
  payload: Uint8Array;
  /** Where in `payload` it lies, when that is memory of many packets: a view for each costs more than reading it. Default: all. */
  from?: number;
  to?: number;
  /** The header extension, when the packet carries one. */
  dependencyDescriptor?: Uint8Array;
  /** Of this packet, in a stream that has both: senders with RED leave it out of some packets. Default: the assembler's codec. */
  codec?: 'opus' | 'red';
}

export interface EncodedFrame {
  /**
   * One access unit, temporal unit or Opus packet, in the form that files take. H.264: each NAL unit behind its length in four
   * bytes. AV1: open bitstream units with sizes, without temporal delimiters. VP9: several layers as a superframe.
   * A part of a buffer that is used again: good until the next packet is pushed. Whoever keeps it copies it.
   */
  data: Uint8Array;
  timestamp: number;
  keyFrame: boolean;
  firstSequenceNumber: number;
  lastSequenceNumber: number;
  packets: number;
  /** In pixels, of key frames, as the bitstream says. */
  width?: number;
  height?: number;
  /** Key frames: avcC of H.264, av1C of AV1. The same object as long as nothing changed. */
  codecPrivate?: Uint8Array;
  /** No other frame refers to it: it may be left out without harm to the picture. */
  discardable: boolean;
}

/** Why there is no frame: of the packets (names of the codec's parser), or of their order. */
export type FrameRefusal = string;

export interface RefusedFrame {
  ok: false;
  why: FrameRefusal;
  timestamp: number;
  firstSequenceNumber: number;
  lastSequenceNumber: number;
  packets: number;
}

export type AssembledFrame =
  | {
      ok: true;
      frame: EncodedFrame;
      /** Every frame that it may refer to was given out, whole. */
      intact: boolean;
    }
  | RefusedFrame;

/** What a codec says of a frame that has ended; one object is used for all frames of a stream. */
export interface FrameFacts {
  keyFrame: boolean;
  /** Of a key frame: it brought all that a decoder needs. */
  decodable: boolean;
  width: number;
  height: number;
  codecPrivate: Uint8Array | undefined;
  discardable: boolean;
  /** −1: not known. */
  temporalLayer: number;
  /** TL0PICIDX; −1: not known. */
  tl0PictureIndex: number;
  /** Refers to nothing of its temporal layer and those between it and the base (VP8's Y). */
  layerSync: boolean;
  /** From here on higher layers refer to nothing of them from before (VP9's U). */
  switchingUp: boolean;
  /** −1: not known. */
  pictureId: number;
  pictureIdBits: number;
  /** How many pictures back, when the codec says so exactly: bit i is i pictures back, in words of 32. */
  references: Uint32Array;
  exactReferences: boolean;
}

/** Furthest back that a reference of VP9's flexible mode may lie: P_DIFF is seven bits. RFC 9628 §4.2. */
export const MAX_REFERENCE = 127;

export const emptyFrameFacts = (): FrameFacts => ({
  keyFrame: false,
  decodable: true,
  width: 0,
  height: 0,
  codecPrivate: undefined,
  discardable: false,
  temporalLayer: -1,
  tl0PictureIndex: -1,
  layerSync: false,
  switchingUp: false,
  pictureId: -1,
  pictureIdBits: 0,
  references: new Uint32Array(4),
  exactReferences: false,
});

export function clearFrameFacts(facts: FrameFacts): void {
  facts.keyFrame = false;
  facts.decodable = true;
  facts.width = 0;
  facts.height = 0;
  facts.codecPrivate = undefined;
  facts.discardable = false;
  facts.temporalLayer = -1;
  facts.tl0PictureIndex = -1;
  facts.layerSync = false;
  facts.switchingUp = false;
  facts.pictureId = -1;
  facts.pictureIdBits = 0;
  // Only VP9's flexible mode writes them, and to clear them costs more than the rest.
  if (facts.exactReferences) facts.references.fill(0);
  facts.exactReferences = false;
}

/** Whether a frame begins in a packet, as far as the codec can tell. */
export type FrameStart = 'yes' | 'no' | 'maybe';
