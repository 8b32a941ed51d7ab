/**
 * What the forwarder wants to know of a video packet's payload, in one form for all codecs. One object, used again for
 * each packet. Which bits mean that: payloadReaders.ts · what is done with it: variantList.ts
 */

/** Patch deltas of an engine entry, by slot. */
export const PATCH_SLOT = { pictureId: 0, tl0PictureIndex: 1, frameNumber: 2 } as const;

export interface Frame {
  /** This packet begins a frame (with spatial layers: the frame of one layer). */
  startOfFrame: boolean;
  /** This packet ends it. */
  endOfFrame: boolean;
  /** First packet of a picture: of the lowest spatial layer's frame. */
  startOfPicture: boolean;
  /** A receiver that has had nothing before can begin with this packet. */
  keyFrame: boolean;
  /** Of a key frame's lowest layer, maybe not its first packet. */
  inKeyFrame: boolean;
  spatialLayer: number;
  temporalLayer: number;
  /** The key frame's packet that explains the layers is still on its way. */
  layersUnknown: boolean;
  /** Refers to no frame of its own temporal layer: who had only the layers below may take this one up from here. */
  switchingPoint: boolean;
  /** Nothing above its temporal layer refers back beyond it: who had its layer may have all above from here. */
  switchingPointAbove: boolean;
  /** Refers to an earlier picture (VP9's P); false in layers that refer to the picture's own lower layer only. */
  interPicturePredicted: boolean;
  /** −1 = not carried. Offsets are from the start of the payload. */
  pictureId: number;
  pictureIdOffset: number;
  /** 7 or 15. */
  pictureIdBits: number;
  tl0PictureIndex: number;
  tl0PictureIndexOffset: number;
  /** Of the dependency descriptor, −1 = not carried. */
  frameNumber: number;
  /** By decode target (bit): the frame is needed for it; meaningful with `decodeTargets` > 0. */
  decodeTargets: number;
  presentInTargets: number;
  switchTargets: number;
  /** Pixels of a key frame, 0 = not told. */
  width: number;
  height: number;
}

export const emptyFrame = (): Frame => ({
  startOfFrame: true,
  endOfFrame: true,
  startOfPicture: true,
  keyFrame: true,
  inKeyFrame: true,
  spatialLayer: 0,
  temporalLayer: 0,
  layersUnknown: false,
  switchingPoint: false,
  switchingPointAbove: false,
  interPicturePredicted: false,
  pictureId: -1,
  pictureIdOffset: -1,
  pictureIdBits: 0,
  tl0PictureIndex: -1,
  tl0PictureIndexOffset: -1,
  frameNumber: -1,
  decodeTargets: 0,
  presentInTargets: 0,
  switchTargets: 0,
  width: 0,
  height: 0,
});
