/**
 * Which layers a receiver should get: what it prefers, of what is there, of what its bandwidth bears. Pure.
 * Elsewhere: how it gets there → variantMember.ts · how much the bandwidth bears → ../congestion/
 */

export interface Layers {
  readonly spatial: number;
  readonly temporal: number;
}

export interface SpatialLayerState {
  /** Packets come. */
  readonly active: boolean;
  /** 0…10 */
  readonly score: number;
}

export const LAYER_LIMITS = {
  /** A layer that arrives worse than this is replaced by the one above it when that is the preferred one or below. */
  goodScore: 7,
} as const;

/**
 * The highest active layer up to the preferred one; a higher one only when none of those is there, because something is
 * better than nothing. @returns undefined when nothing comes at all
 */
export function selectSpatialLayer(
  states: readonly SpatialLayerState[],
  preferred: number,
): number | undefined {
  let selected: number | undefined;
  for (let spatial = 0; spatial < states.length; spatial++) {
    const { active, score } = states[spatial]!;
    if (!active) continue;
    if (selected !== undefined && spatial > preferred) break;
    // A bad stream is no gain over a good one below it.
    if (selected === undefined || score >= LAYER_LIMITS.goodScore || score >= states[selected]!.score)
      selected = spatial;
    if (spatial >= preferred) break;
  }
  return selected;
}

export const sameLayers = (a: Layers | undefined, b: Layers | undefined): boolean =>
  a?.spatial === b?.spatial && a?.temporal === b?.temporal;

/** The lower of two in the order in which layers are given: spatial first. */
export function lowerLayers(a: Layers, b: Layers): Layers {
  if (a.spatial !== b.spatial) return a.spatial < b.spatial ? a : b;
  return a.temporal < b.temporal ? a : b;
}
