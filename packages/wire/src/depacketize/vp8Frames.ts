/**
 * VP8: a frame is what stands behind the descriptors of its packets. RFC 7741 §4.2, §4.4. The first packet has S and partition 0,
 * the last one the marker.
 */
import { emptyVp8Descriptor, readVp8Descriptor } from '../payload/vp8.js';
import type { FrameFacts, FrameRefusal, FrameStart } from './frame.js';
import type { FrameBuffer } from './frameBuffer.js';
import type { FrameFormat } from './format.js';

export class Vp8Frames implements FrameFormat {
  readonly #first = emptyVp8Descriptor();
  readonly #later = emptyVp8Descriptor();
  #packets = 0;

  begin(): void {
    this.#packets = 0;
  }

  add(payload: Uint8Array, from: number, to: number, into: FrameBuffer): FrameRefusal | undefined {
    const descriptor = this.#packets++ === 0 ? this.#first : this.#later;
    const why = readVp8Descriptor(payload, from, to, descriptor);
    if (why !== undefined) return why;
    if (this.#packets > 1 && descriptor.startOfPartition && descriptor.partition === 0)
      return 'vp8-second-start';
    return into.append(payload, from + descriptor.headerLength, to) ? undefined : 'frame-too-long';
  }

  start(): FrameStart {
    return this.#first.startOfPartition && this.#first.partition === 0 ? 'yes' : 'no';
  }

  end(_into: FrameBuffer, out: FrameFacts): FrameRefusal | undefined {
    const first = this.#first;
    out.keyFrame = first.keyFrame;
    if (first.keyFrame) {
      // RFC 6386 §9.1: a key frame says its size in its first ten bytes.
      if (first.width === 0 || first.height === 0) return 'vp8-key-frame-header';
      out.width = first.width;
      out.height = first.height;
    }
    out.discardable = first.notReference;
    out.temporalLayer = first.temporalLayer;
    out.tl0PictureIndex = first.tl0PictureIndex;
    out.layerSync = first.layerSync;
    return undefined;
  }
}
