/**
 * Which frames a picture refers to, where its packets carry the dependency descriptor: AV1 RTP specification A.4, A.8.2. A picture
 * is one frame for each of its spatial layers; their numbers count on through all layers. Exact, so a loss spoils only what really
 * depends on it.
 */
import { DependencyDescriptorReader, emptyDependencyDescriptor } from '../payload/dependencyDescriptor.js';
import { DECODE_TARGET_INDICATION } from '../payload/dependencyStructure.js';

/** Frames that are remembered, a power of two. Encoders of calls refer at most some tens of frames back. Ours. */
const REMEMBERED = 1024;
/** Frames of one picture: AV1 has four spatial layers, other codecs no more. */
const MAX_FRAMES = 4;

export class Dependencies {
  readonly #reader = new DependencyDescriptorReader();
  readonly #descriptor = emptyDependencyDescriptor();
  /** Frame numbers that were given out, intact; −1: none. */
  readonly #given = new Int32Array(REMEMBERED).fill(-1);
  // The picture that has begun.
  readonly #numbers = new Uint16Array(MAX_FRAMES);
  #frames = 0;
  #known = false;
  #satisfied = true;
  #discardable = true;
  #starts = false;

  begin(): void {
    this.#frames = 0;
    this.#known = true;
    this.#satisfied = true;
    this.#discardable = true;
    this.#starts = false;
  }

  /** Of each packet of the picture, in order. */
  add(element: Uint8Array | undefined): void {
    if (element === undefined || !this.#known) {
      this.#known = false;
      return;
    }
    const descriptor = this.#descriptor;
    if (this.#reader.read(element, 0, element.length, descriptor) !== undefined) {
      this.#known = false;
      return;
    }
    const { frameNumber } = descriptor;
    if (this.#frames === 0) this.#starts = descriptor.startOfFrame;
    else if (this.#numbers[this.#frames - 1] === frameNumber) return;
    if (this.#frames === MAX_FRAMES) {
      this.#known = false;
      return;
    }
    this.#numbers[this.#frames++] = frameNumber;
    for (let i = 0; i < descriptor.frameDependencyCount; i++)
      if (!this.#has((frameNumber - descriptor.frameDependencies[i]!) & 0xffff)) this.#satisfied = false;
    for (let i = 0; i < descriptor.decodeTargetCount; i++)
      if (descriptor.decodeTargetIndications[i]! > DECODE_TARGET_INDICATION.discardable)
        this.#discardable = false;
  }

  /** All packets of the picture so far could be read. */
  get known(): boolean {
    return this.#known && this.#frames > 0;
  }

  /** Of the picture's first packet, when `known`: a frame begins in it. */
  get starts(): boolean {
    return this.#starts;
  }

  /** All that the picture refers to was given out. */
  get satisfied(): boolean {
    return this.#satisfied;
  }

  /** No later frame refers to any of the picture's. */
  get discardable(): boolean {
    return this.#discardable;
  }

  /** The picture is given out. @param key nothing from before is referred to any more */
  given(intact: boolean, key: boolean): void {
    if (key) this.#given.fill(-1);
    for (let i = 0; i < this.#frames; i++) {
      const number = this.#numbers[i]!;
      this.#given[number & (REMEMBERED - 1)] = intact ? number : -1;
    }
  }

  #has(frameNumber: number): boolean {
    if (this.#given[frameNumber & (REMEMBERED - 1)] === frameNumber) return true;
    return this.#numbers.subarray(0, this.#frames).includes(frameNumber);
  }
}
