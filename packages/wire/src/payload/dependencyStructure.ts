/**
 * template_dependency_structure() of the dependency descriptor, AV1 RTP specification A.8.2: what a key frame says of the
 * frames that will follow it. In this order, in bits:
 *    | template id offset (6) | decode targets − 1 (5) |
 *    layers:       for each template | next layer (2) |: 0 same, 1 next temporal, 2 next spatial, 3 that was the last
 *    indications:  for each template and decode target (2)
 *    frame diffs:  for each template | 1 | diff − 1 (4) | … | 0 |
 *    chains:       | count ns(targets + 1) |, for each target its chain ns(count), for each template and chain | diff (4) |
 *    resolutions:  | 1 | for each spatial layer width − 1 (16), height − 1 (16) |   or   | 0 |
 */
import type { BitReader } from './bitReader.js';

/** What a frame is to a decode target, A.4. */
export const DECODE_TARGET_INDICATION = {
  notPresent: 0,
  /** Needed by it, but by no later frame of it. */
  discardable: 1,
  /** All that follows of this target can be decoded once it was received. */
  switch: 2,
  required: 3,
} as const;

export const DEPENDENCY_STRUCTURE_LIMITS = {
  templates: 64, // ids are of six bits
  spatialLayers: 4, // spatial_id 0…3, AV1 §6.2.3
  temporalLayers: 8, // temporal_id 0…7, the same section
  frameDependencies: 16, // twice AV1's reference pictures
} as const;

export interface DependencyTemplate {
  spatialLayer: number;
  temporalLayer: number;
  decodeTargetIndications: Uint8Array;
  frameDependencies: number[];
  chainDiffs: Uint8Array;
}

export interface DependencyDecodeTarget {
  /** The highest layers that belong to it. */
  spatialLayer: number;
  temporalLayer: number;
  /** Its chain; −1: there are no chains. */
  protectedBy: number;
}

export interface DependencyStructure {
  templateIdOffset: number;
  templates: DependencyTemplate[];
  decodeTargets: DependencyDecodeTarget[];
  chainCount: number;
  /** By spatial layer; empty: not said. */
  resolutions: { width: number; height: number }[];
  /** Highest of all templates. */
  spatialLayer: number;
  temporalLayer: number;
}

export type DependencyStructureRefusal =
  'dd-length' | 'dd-structure-layers' | 'dd-structure-templates' | 'dd-frame-diffs';

export function readStructure(bits: BitReader): DependencyStructure | DependencyStructureRefusal {
  const templateIdOffset = bits.bits(6);
  const targetCount = bits.bits(5) + 1;
  const templates = readLayers(bits, targetCount);
  if (typeof templates === 'string') return templates;
  for (const { decodeTargetIndications } of templates)
    for (let i = 0; i < targetCount; i++) decodeTargetIndications[i] = bits.bits(2);
  for (const { frameDependencies } of templates)
    while (bits.flag()) {
      if (frameDependencies.length === DEPENDENCY_STRUCTURE_LIMITS.frameDependencies) return 'dd-frame-diffs';
      frameDependencies.push(bits.bits(4) + 1);
    }
  const decodeTargets = targetsOf(templates, targetCount);
  const chainCount = readChains(bits, templates, decodeTargets);
  const spatialLayer = templates[templates.length - 1]!.spatialLayer;
  const resolutions: { width: number; height: number }[] = [];
  if (bits.flag())
    for (let i = 0; i <= spatialLayer; i++)
      resolutions.push({ width: bits.bits(16) + 1, height: bits.bits(16) + 1 });
  if (bits.overrun) return 'dd-length';
  return {
    templateIdOffset,
    templates,
    decodeTargets,
    chainCount,
    resolutions,
    spatialLayer,
    temporalLayer: templates.reduce((highest, each) => Math.max(highest, each.temporalLayer), 0),
  };
}

function readLayers(bits: BitReader, targetCount: number): DependencyTemplate[] | DependencyStructureRefusal {
  const templates: DependencyTemplate[] = [];
  let spatialLayer = 0;
  let temporalLayer = 0;
  for (;;) {
    if (templates.length === DEPENDENCY_STRUCTURE_LIMITS.templates) return 'dd-structure-templates';
    templates.push({
      spatialLayer,
      temporalLayer,
      decodeTargetIndications: new Uint8Array(targetCount),
      frameDependencies: [],
      chainDiffs: NO_CHAINS,
    });
    const next = bits.bits(2);
    if (bits.overrun) return 'dd-length';
    if (next === 3) return templates;
    if (next === 1) temporalLayer++;
    if (next === 2) {
      spatialLayer++;
      temporalLayer = 0;
    }
    if (
      spatialLayer >= DEPENDENCY_STRUCTURE_LIMITS.spatialLayers ||
      temporalLayer >= DEPENDENCY_STRUCTURE_LIMITS.temporalLayers
    )
      return 'dd-structure-layers';
  }
}

const NO_CHAINS = new Uint8Array(0);

function readChains(
  bits: BitReader,
  templates: DependencyTemplate[],
  decodeTargets: DependencyDecodeTarget[],
): number {
  const count = bits.nonSymmetric(decodeTargets.length + 1);
  if (count === 0) return 0;
  for (const target of decodeTargets) target.protectedBy = bits.nonSymmetric(count);
  for (const template of templates) {
    template.chainDiffs = new Uint8Array(count);
    for (let i = 0; i < count; i++) template.chainDiffs[i] = bits.bits(4);
  }
  return count;
}

/** decode_target_layers(): a target reaches as high as the highest template that is present in it. */
function targetsOf(templates: readonly DependencyTemplate[], count: number): DependencyDecodeTarget[] {
  return Array.from({ length: count }, (_, target) => {
    let spatialLayer = 0;
    let temporalLayer = 0;
    for (const template of templates) {
      if (template.decodeTargetIndications[target] === DECODE_TARGET_INDICATION.notPresent) continue;
      spatialLayer = Math.max(spatialLayer, template.spatialLayer);
      temporalLayer = Math.max(temporalLayer, template.temporalLayer);
    }
    return { spatialLayer, temporalLayer, protectedBy: -1 };
  });
}
