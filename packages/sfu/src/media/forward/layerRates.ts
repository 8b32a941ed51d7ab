/**
 * Bits per second of each layer of a stream, sampled from its counters. Pure: time is an argument.
 * Elsewhere: counting → sourceStream.ts · who gets what of it → ../congestion/bitrateAllocator.ts
 */
import { LAYERS_MAX } from './layers.js';
import type { SpatialLayering } from './layers.js';

export const LAYER_RATES = {
  /** Between samples: long enough for a few frames of a layer that has seven per second. */
  sampleMicros: 500_000,
  /** The first samples of a layer that has begun: an encoder starts low, and is followed upwards at once. Ours: two seconds. */
  firstSamples: 4,
  /** Share of a new sample: a scene change is followed within two seconds, one big key frame is not. */
  weight: 0.4,
  /**
   * Bytes beside the payload of a packet as it leaves, which the estimate and the pacer count: header and CSRC 16, extensions 12, tag
   * 16. Of a small layer that is a twentieth. Left out, the pacer's queue would never drain.
   */
  packetBytes: 44,
} as const;

const CELLS = LAYERS_MAX.spatial * LAYERS_MAX.temporal;

export class LayerRates {
  readonly #octets: Float64Array;
  readonly #before = new Float64Array(CELLS);
  readonly #rates = new Float64Array(CELLS).fill(-1);
  /** Samples since the layer began. */
  readonly #samples = new Uint8Array(CELLS);
  #sampledMicros: number | undefined;

  /** @param octets the stream's counters, by spatial layer × LAYERS_MAX.temporal + temporal layer */
  constructor(octets: Float64Array) {
    this.#octets = octets;
  }

  sample(nowMicros: number): void {
    if (this.#sampledMicros === undefined) {
      this.#sampledMicros = nowMicros;
      this.#before.set(this.#octets);
      return;
    }
    const elapsed = nowMicros - this.#sampledMicros;
    if (elapsed < LAYER_RATES.sampleMicros) return;
    for (let cell = 0; cell < CELLS; cell++) {
      const rate = ((this.#octets[cell]! - this.#before[cell]!) * 8e6) / elapsed;
      const known = this.#rates[cell]!;
      // What has stopped is gone at once; what begins counts in full.
      const begins = this.#samples[cell]! < LAYER_RATES.firstSamples && rate > known;
      this.#rates[cell] =
        known <= 0 || rate === 0 || begins ? rate : known + (rate - known) * LAYER_RATES.weight;
      this.#samples[cell] = rate === 0 ? 0 : Math.min(LAYER_RATES.firstSamples, this.#samples[cell]! + 1);
      this.#before[cell] = this.#octets[cell]!;
    }
    this.#sampledMicros = nowMicros;
  }

  /** Of these layers with all that they need; 0 while nothing of the highest comes, or nothing is known yet. */
  bitrate(spatial: number, temporal: number, layering: SpatialLayering): number {
    let sum = 0;
    const lowest = layering === 'full' ? 0 : spatial;
    for (let s = lowest; s <= spatial && s < LAYERS_MAX.spatial; s++) {
      let own = 0;
      for (let t = 0; t <= temporal && t < LAYERS_MAX.temporal; t++)
        own += Math.max(0, this.#rates[s * LAYERS_MAX.temporal + t]!);
      if (s === spatial && own === 0) return 0;
      sum += own;
    }
    return sum;
  }
}
