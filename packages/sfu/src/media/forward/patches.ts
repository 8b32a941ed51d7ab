/**
 * Numbers inside a packet that each receiver gets anew: where they lie and what they are in a variant's numbering. Pure.
 * Elsewhere: what is added for a receiver → variantMember.ts · how it is written → engine layout.ts
 */
import { CarriedKind } from '../packet.js';
import type { PacketPatches } from '../packet.js';
import { PATCH_SLOT } from './frame.js';

/** Fields of a patch, as the engine has them. */
const FIELD = { byte: 0, lowSevenBits: 1, lowFifteenBits: 2, word: 3 } as const;
const PAYLOAD_TARGET = 0;
const DESCRIPTOR_TARGET = CarriedKind.dependencyDescriptor + 1;
/** Of the frame number in a dependency descriptor: behind start, end and template id. */
const FRAME_NUMBER_OFFSET = 1;

const patch = (target: number, field: number, slot: number, offset: number): number =>
  (target | (field << 4) | (slot << 8) | (offset << 16)) >>> 0;

/** Where in a packet numbers lie that are not the header's. */
export interface PatchPlaces {
  readonly pictureIdOffset: number;
  readonly pictureIdBits: number;
  readonly tl0PictureIndexOffset: number;
  readonly frameNumber: number;
}

/** @returns `patches`, filled, or undefined when there is nothing to patch */
export function fillPatches(
  patches: PacketPatches,
  places: PatchPlaces,
  picture: number,
  tl0PictureIndex: number,
  frameNumber: number,
): PacketPatches | undefined {
  const { descriptors, values } = patches;
  let count = 0;
  if (places.pictureIdOffset >= 0) {
    const field = places.pictureIdBits === 7 ? FIELD.lowSevenBits : FIELD.lowFifteenBits;
    descriptors[count] = patch(PAYLOAD_TARGET, field, PATCH_SLOT.pictureId, places.pictureIdOffset);
    values[count++] = picture & 0xffff;
  }
  if (places.tl0PictureIndexOffset >= 0) {
    const { tl0PictureIndexOffset: offset } = places;
    descriptors[count] = patch(PAYLOAD_TARGET, FIELD.byte, PATCH_SLOT.tl0PictureIndex, offset);
    values[count++] = tl0PictureIndex;
  }
  if (places.frameNumber >= 0) {
    descriptors[count] = patch(DESCRIPTOR_TARGET, FIELD.word, PATCH_SLOT.frameNumber, FRAME_NUMBER_OFFSET);
    values[count++] = frameNumber;
  }
  patches.count = count;
  return count === 0 ? undefined : patches;
}
