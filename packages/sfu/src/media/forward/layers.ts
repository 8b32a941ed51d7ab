/** Words for layers that several files need. Which layer a receiver gets: layerSelection.ts. */

/** How the spatial layers of one SSRC depend on each other: none, at every picture, at key pictures only (K-SVC). */
export type SpatialLayering = 'none' | 'full' | 'key';

/** "All layers": above any that a codec has. */
export const ALL_LAYERS = 15;
/** What is told apart in counters: as many as VP9 and AV1 are used with, rounded up. */
export const LAYERS_MAX = { spatial: 4, temporal: 4 } as const;
