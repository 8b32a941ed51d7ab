/**
 * From a packet's payload (or its dependency descriptor) to a Frame, codec by codec. A reader belongs to one stream: some
 * codecs explain their structure in key frames only.
 * Elsewhere: the bits → @tertulia/wire · the meaning for receivers → variantList.ts
 */
import { emptyVp8Descriptor, readVp8Descriptor } from '@tertulia/wire';
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
  /** Every field of `frame` is written, unless a reason is returned. */
  read(slab: Uint8Array, packet: ReceivedPacket, newPicture: boolean, frame: Frame): string | undefined;
}

/** The one that knows this codec; undefined for audio and whatever else needs no key frames. */
export function payloadReader(mimeType: string): PayloadReader | undefined {
  switch (mimeType.toLowerCase()) {
    case 'video/vp8':
      return new Vp8Reader();
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
  frame.spatialLayer = 0;
  frame.temporalLayer = 0;
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
    frame.switchingPoint = d.layerSync;
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
