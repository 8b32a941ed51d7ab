/**
 * VP9: a picture is the frames of its spatial layers, one timestamp, each from a packet with B to one with E. RFC 9628 §4.2,
 * §4.4. More than one of them become a superframe: the frames, then an index of their sizes (VP9 bitstream, annex B), which is
 * what decoders and files take for one picture.
 */
import { emptyVp9Descriptor, readVp9Descriptor, VP9_LIMITS } from '../payload/vp9.js';
import type { FrameFacts, FrameRefusal, FrameStart } from './frame.js';
import type { FrameBuffer } from './frameBuffer.js';
import type { FrameFormat } from './format.js';
import { emptyVp9Size, readVp9Size } from './vp9Header.js';

export class Vp9Frames implements FrameFormat {
  readonly #descriptor = emptyVp9Descriptor();
  readonly #sizeOfFrame = emptyVp9Size();
  /** Where each layer's frame begins in the picture's data. */
  readonly #begins = new Uint32Array(VP9_LIMITS.spatialLayers + 1);
  readonly #references = new Uint32Array(4);
  #frames = 0;
  #open = false;
  #packets = 0;
  // Of the picture's first packet.
  #key = false;
  #start: FrameStart = 'no';
  #pictureId = -1;
  #pictureIdBits = 0;
  #temporalLayer = -1;
  #tl0PictureIndex = -1;
  #switchingUp = false;
  /** The picture names its references. */
  #exact = false;
  #lastSpatialLayer = -1;

  begin(): void {
    this.#frames = 0;
    this.#open = false;
    this.#packets = 0;
    this.#references.fill(0);
    this.#lastSpatialLayer = -1;
  }

  add(payload: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined {
    const descriptor = this.#descriptor;
    const why = readVp9Descriptor(payload, from, to, descriptor);
    if (why !== undefined) return why;
    if (this.#packets++ === 0) this.#notePicture();
    const border = descriptor.startOfFrame ? this.#beginLayer(into.length) : undefined;
    if (border !== undefined) return border;
    if (!this.#open) return this.#packets === 1 ? undefined : 'vp9-layer-start';
    if (!into.append(payload, from + descriptor.headerLength, to)) return 'frame-too-long';
    if (descriptor.endOfFrame) this.#open = false;
    return undefined;
  }

  start(): FrameStart {
    return this.#start;
  }

  end(into: FrameBuffer, out: FrameFacts): FrameRefusal | undefined {
    if (this.#open) return 'vp9-layer-end';
    this.#begins[this.#frames] = into.length;
    const size = this.#sizeOfFrame;
    readVp9Size(into.view(0, into.length), 0, this.#begins[1]!, size);
    // P of the descriptor is the sender's word, and is 0 for frames that are only intra, too.
    out.keyFrame = this.#key && size.keyFrame;
    if (out.keyFrame) this.#noteSize(into, out);
    out.temporalLayer = this.#temporalLayer;
    out.tl0PictureIndex = this.#tl0PictureIndex;
    out.switchingUp = this.#switchingUp;
    out.pictureId = this.#pictureId;
    out.pictureIdBits = this.#pictureIdBits;
    out.exactReferences = this.#exact;
    if (this.#exact) out.references.set(this.#references);
    return this.#frames > 1 && !this.#writeIndex(into) ? 'frame-too-long' : undefined;
  }

  #notePicture(): void {
    const descriptor = this.#descriptor;
    this.#key = descriptor.startOfFrame && !descriptor.interPicturePredicted;
    // A frame that needs the layer below in this picture is not the first one.
    const first =
      descriptor.startOfFrame && !(descriptor.spatialLayer > 0 && descriptor.interLayerDependency);
    this.#start = first ? 'yes' : 'no';
    this.#pictureId = descriptor.pictureId;
    this.#pictureIdBits = descriptor.pictureIdBits;
    this.#temporalLayer = descriptor.hasLayers ? descriptor.temporalLayer : -1;
    this.#tl0PictureIndex = descriptor.tl0PictureIndex;
    this.#switchingUp = descriptor.switchingUp;
    this.#exact = descriptor.flexible && descriptor.interPicturePredicted && descriptor.pictureId >= 0;
  }

  #beginLayer(at: number): FrameRefusal | undefined {
    const descriptor = this.#descriptor;
    if (this.#open) return 'vp9-layer-end';
    if (this.#frames === VP9_LIMITS.spatialLayers || descriptor.spatialLayer <= this.#lastSpatialLayer)
      return 'vp9-layer-order';
    this.#lastSpatialLayer = descriptor.spatialLayer;
    this.#begins[this.#frames++] = at;
    this.#open = true;
    for (let i = 0; i < descriptor.referenceCount; i++) {
      const back = descriptor.references[i]!;
      this.#references[back >> 5]! |= 1 << (back & 31);
    }
    return undefined;
  }

  /** The size of the highest layer, which is what is shown; layers above the first one are no key frames by themselves. */
  #noteSize(into: FrameBuffer, out: FrameFacts): void {
    const size = this.#sizeOfFrame;
    out.width = size.width;
    out.height = size.height;
    if (this.#frames < 2) return;
    const view = into.view(0, into.length);
    readVp9Size(view, this.#begins[this.#frames - 1]!, view.length, size);
    if (size.width === 0) return;
    out.width = size.width;
    out.height = size.height;
  }

  /** |1 1 0| bytes of each size − 1 (2) | frames − 1 (3) |, the sizes with the lowest byte first, the first byte again. */
  #writeIndex(into: FrameBuffer): boolean {
    let longest = 0;
    for (let i = 0; i < this.#frames; i++)
      longest = Math.max(longest, this.#begins[i + 1]! - this.#begins[i]!);
    const bytes = longest < 0x100 ? 1 : longest < 0x1_0000 ? 2 : longest < 0x100_0000 ? 3 : 4;
    const marker = 0xc0 | ((bytes - 1) << 3) | (this.#frames - 1);
    let fits = into.byte(marker);
    for (let i = 0; i < this.#frames; i++) {
      const size = this.#begins[i + 1]! - this.#begins[i]!;
      for (let j = 0; j < bytes; j++) fits &&= into.byte((size >>> (8 * j)) & 0xff);
    }
    return fits && into.byte(marker);
  }
}
