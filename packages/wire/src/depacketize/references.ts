/**
 * Whether all frames that a frame may refer to were given out. Without layers each frame may refer to all since the last key
 * frame. With temporal layers that are numbered (TL0PICIDX) a loss in an upper layer leaves the base whole. VP9's flexible mode
 * names its references, and so does the dependency descriptor (dependencies.ts).
 * Spec: RFC 7741 §4.2 (TL0PICIDX, TID, Y), RFC 9628 §4.2 (the same, U, P_DIFF).
 */
import type { Dependencies } from './dependencies.js';
import { MAX_REFERENCE, type FrameFacts } from './frame.js';

/** TL0PICIDX is a byte: a hole with as many packets might hide a whole turn of it. */
const TL0_TURN = 256;
/** Pictures that are remembered for flexible mode: the furthest reference, and a power of two. */
const REMEMBERED = MAX_REFERENCE + 1;

export class ReferenceTracker {
  /** Nothing since the last key frame was lost. */
  #whole = false;
  /** The base layer's chain is whole up to `#tl0`. */
  #baseWhole = false;
  #tl0 = -1;
  /** Bit i: in temporal layer i something is missing that frames there may refer to. */
  #missingLayers = 0xff;
  /** Picture ids that were given out, intact; −1: none. */
  readonly #given = new Int32Array(REMEMBERED).fill(-1);

  /** @param packets that are missing between two frames or inside of one */
  lost(packets: number): void {
    this.#whole = false;
    this.#missingLayers = 0xff;
    if (packets >= TL0_TURN) this.#baseWhole = false;
  }

  /** A frame came that could not be put together. */
  refused(): void {
    this.#whole = false;
    this.#missingLayers = 0xff;
  }

  /** A frame is whole by itself. @returns whether it may be shown */
  given(facts: FrameFacts, dependencies: Dependencies): boolean {
    const exact = dependencies.known && !facts.keyFrame;
    const intact = exact ? dependencies.satisfied : this.#judge(facts);
    dependencies.given(intact, facts.keyFrame);
    if (facts.pictureId >= 0) this.#remember(facts.pictureId, intact);
    return intact;
  }

  #judge(facts: FrameFacts): boolean {
    const { temporalLayer, tl0PictureIndex } = facts;
    if (facts.keyFrame) {
      this.#whole = facts.decodable;
      this.#baseWhole = facts.decodable;
      this.#tl0 = tl0PictureIndex;
      this.#missingLayers = facts.decodable ? 0 : 0xff;
      this.#given.fill(-1);
      return facts.decodable;
    }
    if (facts.exactReferences) return this.#exact(facts);
    if (tl0PictureIndex < 0 || temporalLayer < 0 || this.#tl0 < 0) return this.#whole;
    return temporalLayer === 0 ? this.#base(facts) : this.#upper(facts);
  }

  #base(facts: FrameFacts): boolean {
    const next = facts.tl0PictureIndex === ((this.#tl0 + 1) & 0xff);
    this.#tl0 = facts.tl0PictureIndex;
    if (!next) this.#baseWhole = false;
    if (this.#baseWhole && facts.switchingUp) this.#missingLayers = 0;
    return this.#baseWhole;
  }

  #upper(facts: FrameFacts): boolean {
    const { temporalLayer } = facts;
    if (!this.#baseWhole || facts.tl0PictureIndex !== this.#tl0) return false;
    // Bits 1…temporalLayer: what lies between the base and this frame.
    const between = (2 << temporalLayer) - 2;
    if (!facts.layerSync && (this.#missingLayers & between) !== 0) return false;
    if (facts.layerSync) this.#missingLayers &= ~(1 << temporalLayer);
    if (facts.switchingUp) this.#missingLayers &= (2 << temporalLayer) - 1;
    return true;
  }

  #exact(facts: FrameFacts): boolean {
    const mask = facts.pictureIdBits === 15 ? 0x7fff : 0x7f;
    for (let back = 1; back <= MAX_REFERENCE; back++) {
      if ((facts.references[back >> 5]! & (1 << (back & 31))) === 0) continue;
      const id = (facts.pictureId - back) & mask;
      if (this.#given[id & (REMEMBERED - 1)] !== id) return false;
    }
    return true;
  }

  #remember(pictureId: number, intact: boolean): void {
    this.#given[pictureId & (REMEMBERED - 1)] = intact ? pictureId : -1;
  }
}
