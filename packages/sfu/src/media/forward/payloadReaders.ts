/**
 * From a packet's payload (or its dependency descriptor) to a Frame, codec by codec. A reader belongs to one stream: some
 * codecs explain their structure in key frames only.
 * Elsewhere: the bits → @tertulia/wire · the meaning for receivers → variantList.ts
 */
import {
  DECODE_TARGET_INDICATION,
  DependencyDescriptorReader,
  emptyAv1Payload,
  emptyDependencyDescriptor,
  emptyH264Payload,
  emptyH265Payload,
  emptyVp8Descriptor,
  emptyVp9Descriptor,
  readAv1Payload,
  readH264Payload,
  readH265Payload,
  readVp8Descriptor,
  readVp9Descriptor,
} from '@tertulia/wire';
import { CarriedKind } from '../packet.js';
import type { ReceivedPacket } from '../packet.js';
import type { Frame } from './frame.js';

/** TOC byte alone, or with a frame of one byte: nothing was encoded. RFC 6716 §2.1.9. */
const OPUS_DTX_BYTES = 2;

export interface PayloadReader {
  /** A receiver can begin only where the payload says so. */
  readonly hasKeyFrames: boolean;
  /** VP8: a receiver takes a hole in the picture ids for loss. VP9 and AV1 refer to pictures by distance instead. */
  readonly compactsPictures?: boolean;
  /** Of the structure that the last key frame told, -1 = none for these layers. */
  decodeTarget?(spatial: number, temporal: number): number;
  /**
   * Every field of `frame` is written, unless a reason is returned.
   * @param newPicture nothing of its picture has come before @param isNext nothing is missing right before it
   */
  read(
    slab: Uint8Array,
    packet: ReceivedPacket,
    newPicture: boolean,
    frame: Frame,
    isNext: boolean,
  ): string | undefined;
}

/** The one that knows this codec; undefined for audio and whatever else needs no key frames. */
export function payloadReader(mimeType: string): PayloadReader | undefined {
  switch (mimeType.toLowerCase()) {
    case 'video/vp8':
      return new Vp8Reader();
    case 'video/vp9':
      return new Vp9Reader();
    case 'video/h264':
    case 'video/h264-svc':
      return new DescribedReader(readH264);
    case 'video/h265':
      return new DescribedReader(readH265);
    case 'video/av1':
      return new DescribedReader(readAv1);
    case 'audio/opus':
      return new OpusReader();
    default:
      return undefined;
  }
}

/** What is not said in the payload. */
function reset(frame: Frame, packet: ReceivedPacket, newPicture: boolean): void {
  frame.startOfFrame = newPicture;
  frame.startOfPicture = newPicture;
  frame.endOfFrame = packet.marker;
  frame.keyFrame = false;
  frame.inKeyFrame = false;
  frame.spatialLayer = 0;
  frame.temporalLayer = 0;
  frame.layersUnknown = false;
  frame.switchingPoint = false;
  frame.switchingPointAbove = false;
  frame.interPicturePredicted = true;
  frame.pictureId = -1;
  frame.pictureIdOffset = -1;
  frame.pictureIdBits = 0;
  frame.tl0PictureIndex = -1;
  frame.tl0PictureIndexOffset = -1;
  frame.frameNumber = -1;
  frame.decodeTargets = 0;
  frame.presentInTargets = 0;
  frame.switchTargets = 0;
  frame.width = 0;
  frame.height = 0;
}

/** Silence is told apart as a layer of its own, which a receiver may go without. RFC 6716 §2.1.9. */
class OpusReader implements PayloadReader {
  readonly hasKeyFrames = false;

  read(_slab: Uint8Array, { payloadLength }: ReceivedPacket, _newPicture: boolean, frame: Frame): undefined {
    frame.temporalLayer = payloadLength <= OPUS_DTX_BYTES ? 1 : 0;
  }
}

/** RFC 7741. */
class Vp8Reader implements PayloadReader {
  readonly hasKeyFrames = true;
  readonly compactsPictures = true;
  readonly #descriptor = emptyVp8Descriptor();

  read(slab: Uint8Array, packet: ReceivedPacket, newPicture: boolean, frame: Frame): string | undefined {
    const d = this.#descriptor;
    const { payloadOffset } = packet;
    const why = readVp8Descriptor(slab, payloadOffset, payloadOffset + packet.payloadLength, d);
    if (why !== undefined) return why;
    reset(frame, packet, newPicture);
    frame.startOfFrame = frame.startOfPicture = d.startOfPartition && d.partition === 0;
    frame.keyFrame = d.keyFrame;
    frame.interPicturePredicted = !d.keyFrame;
    frame.temporalLayer = Math.max(0, d.temporalLayer);
    frame.switchingPoint = d.layerSync && d.temporalLayer > 0;
    frame.frameNumber = frameNumberOf(slab, packet);
    frame.pictureId = d.pictureId;
    frame.pictureIdOffset = d.pictureIdOffset;
    frame.pictureIdBits = d.pictureIdBits;
    frame.tl0PictureIndex = d.tl0PictureIndex;
    frame.tl0PictureIndexOffset = d.tl0PictureIndexOffset;
    frame.width = d.width;
    frame.height = d.height;
    return undefined;
  }
}

/** RFC 9628. Pictures refer to others by distance, so none is renumbered over one that was left out. */
class Vp9Reader implements PayloadReader {
  readonly hasKeyFrames = true;
  readonly #descriptor = emptyVp9Descriptor();

  read(slab: Uint8Array, packet: ReceivedPacket, newPicture: boolean, frame: Frame): string | undefined {
    const d = this.#descriptor;
    const { payloadOffset } = packet;
    const why = readVp9Descriptor(slab, payloadOffset, payloadOffset + packet.payloadLength, d);
    if (why !== undefined) return why;
    reset(frame, packet, newPicture);
    frame.startOfFrame = d.startOfFrame;
    frame.startOfPicture = d.startOfFrame && newPicture;
    frame.endOfFrame = d.endOfFrame;
    frame.keyFrame = d.keyFrame;
    frame.inKeyFrame = !d.interPicturePredicted && d.spatialLayer === 0;
    frame.interPicturePredicted = d.interPicturePredicted;
    frame.spatialLayer = d.spatialLayer;
    frame.temporalLayer = d.temporalLayer;
    frame.switchingPoint = d.switchingUp && d.temporalLayer > 0;
    frame.switchingPointAbove = d.switchingUp;
    frame.pictureId = d.pictureId;
    frame.pictureIdOffset = d.pictureIdOffset;
    frame.pictureIdBits = d.pictureIdBits;
    frame.tl0PictureIndex = d.tl0PictureIndex;
    frame.tl0PictureIndexOffset = d.tl0PictureIndexOffset;
    frame.frameNumber = frameNumberOf(slab, packet);
    if (d.hasSizes && d.spatialLayerCount > 0) {
      frame.width = d.widths[d.spatialLayerCount - 1]!;
      frame.height = d.heights[d.spatialLayerCount - 1]!;
    }
    return undefined;
  }
}

/**
 * What the payload alone says: `frame` has its first values.
 * @param isFirst surely the picture's first packet: a later one may look like a beginning, but who begins there never gets
 * what came before it
 */
type PlainReader = (
  slab: Uint8Array,
  offset: number,
  end: number,
  frame: Frame,
  isFirst: boolean,
) => string | undefined;

const h264 = emptyH264Payload();
/** RFC 6184. */
const readH264: PlainReader = (slab, offset, end, frame, isFirst) => {
  const why = readH264Payload(slab, offset, end, h264);
  if (why === undefined) frame.keyFrame = h264.keyFrame && (isFirst || h264.sequenceParameterSet);
  return why;
};

const h265 = emptyH265Payload();
/** RFC 7798. */
const readH265: PlainReader = (slab, offset, end, frame, isFirst) => {
  const why = readH265Payload(slab, offset, end, h265);
  if (why !== undefined) return why;
  frame.keyFrame = h265.keyFrame && (isFirst || h265.videoParameterSet || h265.sequenceParameterSet);
  frame.temporalLayer = h265.temporalLayer;
  frame.switchingPoint = h265.layerSync;
  return undefined;
};

const av1 = emptyAv1Payload();
/** AV1 RTP specification §4.4. */
const readAv1: PlainReader = (slab, offset, end, frame, isFirst) => {
  const why = readAv1Payload(slab, offset, end, av1);
  if (why === undefined) frame.keyFrame = av1.keyFrame && (isFirst || av1.sequenceHeader);
  return why;
};

/** Codecs whose layers are told in a dependency descriptor, when they are; the payload says where one can begin. */
class DescribedReader implements PayloadReader {
  readonly hasKeyFrames = true;
  readonly #plain: PlainReader;
  readonly #reader = new DependencyDescriptorReader();
  readonly #descriptor = emptyDependencyDescriptor();

  constructor(plain: PlainReader) {
    this.#plain = plain;
  }

  decodeTarget(spatial: number, temporal: number): number {
    const { structure } = this.#reader;
    if (!structure) return -1;
    const highest = Math.min(spatial, structure.spatialLayer);
    const fastest = Math.min(temporal, structure.temporalLayer);
    return structure.decodeTargets.findIndex(
      ({ spatialLayer, temporalLayer }) => spatialLayer === highest && temporalLayer === fastest,
    );
  }

  read(
    slab: Uint8Array,
    packet: ReceivedPacket,
    newPicture: boolean,
    frame: Frame,
    isNext: boolean,
  ): string | undefined {
    reset(frame, packet, newPicture);
    const { payloadOffset, payloadLength } = packet;
    const why = this.#plain(slab, payloadOffset, payloadOffset + payloadLength, frame, newPicture && isNext);
    if (why !== undefined) return why;
    frame.frameNumber = frameNumberOf(slab, packet);
    if (frame.frameNumber < 0) return undefined;
    const d = this.#descriptor;
    const { offsets, lengths } = packet.extensions;
    const kind = CarriedKind.dependencyDescriptor;
    const refusal = this.#reader.read(slab, offsets[kind]!, lengths[kind]!, d);
    // The packet that explains it was lost and will be repeated: by then a frame that was left out would be out of reach.
    frame.layersUnknown = refusal === 'dd-structure-missing' || refusal === 'dd-template-unknown';
    if (frame.layersUnknown) return undefined;
    if (refusal !== undefined) return refusal;
    this.#describe(frame);
    return undefined;
  }

  #describe(frame: Frame): void {
    const d = this.#descriptor;
    frame.startOfFrame = d.startOfFrame;
    frame.startOfPicture &&= d.startOfFrame;
    frame.endOfFrame = d.endOfFrame;
    frame.inKeyFrame = d.spatialLayer === 0 && d.frameDependencyCount === 0;
    frame.keyFrame = d.hasStructure && d.startOfFrame && d.frameDependencyCount === 0;
    frame.interPicturePredicted = !frame.keyFrame;
    frame.spatialLayer = d.spatialLayer;
    frame.temporalLayer = d.temporalLayer;
    frame.decodeTargets = d.decodeTargetCount;
    for (let target = 0; target < d.decodeTargetCount; target++) {
      const indication = d.decodeTargetIndications[target]!;
      if (indication !== DECODE_TARGET_INDICATION.notPresent) frame.presentInTargets |= 1 << target;
      if (indication === DECODE_TARGET_INDICATION.switch) frame.switchTargets |= 1 << target;
    }
    frame.width = d.width;
    frame.height = d.height;
  }
}

/** What always comes first in a dependency descriptor: start, end, template (8 bits together), frame number (16). */
const FRAME_NUMBER = { offset: 1, end: 3 } as const;

function frameNumberOf(slab: Uint8Array, { extensions }: ReceivedPacket): number {
  const kind = CarriedKind.dependencyDescriptor;
  if (extensions.lengths[kind]! < FRAME_NUMBER.end) return -1;
  const at = extensions.offsets[kind]! + FRAME_NUMBER.offset;
  return (slab[at]! << 8) | slab[at + 1]!;
}
