/**
 * How an estimate becomes layers that stay: down at once, up with room to spare, and the more patiently the more often an
 * upgrade did not hold. Pure: time is an argument. Elsewhere: what fits → bitrateAllocator.ts · the estimate → sendSideEstimator.ts
 */
import { allocateBitrate } from './bitrateAllocator.js';
import type { AllocationRequest } from './bitrateAllocator.js';

export const LAYER_SHARING = {
  /** An upgrade needs so much more than it takes: a target that trembles must not switch layers to and fro. Ours. */
  headroom: 1.1,
  /** After layers were taken because of the estimate, none is given for this long. */
  calmMicros: 2_000_000,
  /** Layers that were given so shortly before did not hold: the next ones wait twice as long, up to the most. Ours. */
  failedMicros: 10_000_000,
  calmMostMicros: 30_000_000,
  /** So much more than before layers were taken is another way, which a probe has shown: no need to wait. Ours. */
  widerFactor: 1.8,
  /** Nothing was taken for this long: the way is another one, and patience begins anew. Ours. */
  forgetMicros: 60_000_000,
} as const;

/** A request of somebody who may have something already. */
export interface SharingRequest extends AllocationRequest {
  /** Index into `bitrates` that it has now, -1: nothing; undefined: not limited so far. */
  readonly allowed: number | undefined;
}

export interface Shared {
  /** By id: index into `bitrates`, -1: nothing. */
  readonly choices: ReadonlyMap<string, number>;
  /** What everybody would take, if there were enough. */
  readonly desiredBitrate: number;
}

export class LayerSharing {
  #calmMicros: number = LAYER_SHARING.calmMicros;
  #takenMicros = -Infinity;
  /** What there was before layers were taken, or was thought to be. */
  #takenBitrate = 0;
  /** At the last call. */
  #availableBitrate = 0;
  #givenMicros = -Infinity;

  share(requests: readonly SharingRequest[], availableBitrate: number, nowMicros: number): Shared {
    const { choices: most, desiredBitrate } = allocateBitrate(requests, availableBitrate);
    const { choices: safe } = allocateBitrate(requests, availableBitrate / LAYER_SHARING.headroom);
    if (nowMicros - this.#takenMicros >= LAYER_SHARING.forgetMicros)
      this.#calmMicros = LAYER_SHARING.calmMicros;
    const calm =
      nowMicros - this.#takenMicros >= this.#calmMicros ||
      availableBitrate >= this.#takenBitrate * LAYER_SHARING.widerFactor;
    const choices = new Map<string, number>();
    let taken = false;
    let given = false;
    for (const { id, allowed, wanted } of requests) {
      const fits = most.get(id) ?? -1;
      // Unlimited so far: what fits, fits.
      const before = allowed ?? fits;
      const choice = fits <= before ? fits : calm ? Math.max(before, safe.get(id) ?? -1) : before;
      if (allowed !== undefined && choice < allowed && choice < wanted) taken = true;
      if (choice > before) given = true;
      choices.set(id, choice);
    }
    if (taken) this.#take(availableBitrate, nowMicros);
    if (given) this.#givenMicros = nowMicros;
    this.#availableBitrate = availableBitrate;
    return { choices, desiredBitrate };
  }

  #take(availableBitrate: number, nowMicros: number): void {
    this.#takenMicros = nowMicros;
    this.#takenBitrate = Math.max(availableBitrate, this.#availableBitrate);
    if (nowMicros - this.#givenMicros > LAYER_SHARING.failedMicros) return;
    this.#givenMicros = -Infinity; // one upgrade fails once
    this.#calmMicros = Math.min(LAYER_SHARING.calmMostMicros, this.#calmMicros * 2);
  }
}
