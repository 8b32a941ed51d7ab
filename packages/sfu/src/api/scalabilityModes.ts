/** How many layers a scalability mode names. Spec: W3C webrtc-svc §6 (`L2T3`, `S3T3`, `L3T3_KEY`). */
export interface ScalabilityMode {
  spatialLayers: number;
  temporalLayers: number;
  /** Spatial layers depend on each other in key frames only. */
  ksvc: boolean;
}

const SCALABILITY_MODE = /^[LS]([1-9]\d?)T([1-9]\d?)(_KEY)?/;

/** What is no scalability mode has one layer of each. */
export function parseScalabilityMode(scalabilityMode?: string): ScalabilityMode {
  const match = SCALABILITY_MODE.exec(scalabilityMode ?? '');
  return {
    spatialLayers: Number(match?.[1] ?? 1),
    temporalLayers: Number(match?.[2] ?? 1),
    ksvc: match?.[3] !== undefined,
  };
}
