/** Writes dependency descriptors, AV1 RTP specification A.8.2, and holds the structures that tests use. */
import { BitWriter } from './bitWriter.js';

const INDICATIONS = '-DSR';

export interface TemplateText {
  /** Spatial and temporal layer. */
  layer: readonly [number, number];
  /** One of - D S R for each decode target, as in the tables of the specification. */
  targets: string;
  diffs: readonly number[];
  chains: readonly number[];
}

export interface StructureText {
  templateIdOffset: number;
  templates: readonly TemplateText[];
  /** The chain of each decode target; empty: no chains. */
  protectedBy: readonly number[];
  resolutions?: readonly (readonly [number, number])[];
}

export interface DescriptorText {
  start?: boolean;
  end?: boolean;
  templateId: number;
  frameNumber: number;
  structure?: StructureText;
  activeTargets?: number;
  targets?: string;
  diffs?: readonly number[];
  chains?: readonly number[];
}

/** @param current by which the packet is read when it brings no structure of its own */
export function writeDependencyDescriptor(text: DescriptorText, current?: StructureText): Uint8Array {
  const { start = true, end = true, structure, activeTargets, targets, diffs, chains } = text;
  const writer = new BitWriter()
    .bits(Number(start), 1)
    .bits(Number(end), 1)
    .bits(text.templateId, 6)
    .bits(text.frameNumber, 16);
  const own = [structure, activeTargets, targets, diffs, chains];
  if (own.every((each) => each === undefined)) return writer.finish();
  for (const each of own) writer.bits(Number(each !== undefined), 1);
  if (structure !== undefined) writeStructure(writer, structure);
  const targetCount = (structure ?? current)?.templates[0]?.targets.length ?? 0;
  if (activeTargets !== undefined) writer.bits(activeTargets, targetCount);
  if (targets !== undefined) for (const each of targets) writer.bits(INDICATIONS.indexOf(each), 2);
  if (diffs !== undefined) {
    for (const diff of diffs) {
      const size = diff <= 16 ? 1 : diff <= 256 ? 2 : 3;
      writer.bits(size, 2).bits(diff - 1, 4 * size);
    }
    writer.bits(0, 2);
  }
  if (chains !== undefined) for (const each of chains) writer.bits(each, 8);
  return writer.finish();
}

function writeStructure(writer: BitWriter, structure: StructureText): void {
  const { templates, protectedBy, resolutions } = structure;
  const targetCount = templates[0]?.targets.length ?? 0;
  const chainCount = protectedBy.length === 0 ? 0 : Math.max(...protectedBy) + 1;
  writer.bits(structure.templateIdOffset, 6).bits(targetCount - 1, 5);
  templates.forEach(({ layer }, at) => {
    const next = templates[at + 1]?.layer;
    if (next === undefined) writer.bits(3, 2);
    else if (next[0] > layer[0]) writer.bits(2, 2);
    else writer.bits(next[1] > layer[1] ? 1 : 0, 2);
  });
  for (const { targets } of templates) for (const each of targets) writer.bits(INDICATIONS.indexOf(each), 2);
  for (const { diffs } of templates) {
    for (const diff of diffs) writer.bits(1, 1).bits(diff - 1, 4);
    writer.bits(0, 1);
  }
  writer.nonSymmetric(chainCount, targetCount + 1);
  if (chainCount > 0) {
    for (const chain of protectedBy) writer.nonSymmetric(chain, chainCount);
    for (const { chains } of templates) for (const each of chains) writer.bits(each, 4);
  }
  writer.bits(Number(resolutions !== undefined), 1);
  for (const [width, height] of resolutions ?? []) writer.bits(width - 1, 16).bits(height - 1, 16);
}

/** One picture size, three frame rates: AV1 RTP specification A.10 "L1T3", with a period of four frames. */
export const L1T3: StructureText = {
  templateIdOffset: 0,
  templates: [
    { layer: [0, 0], targets: 'SSS', diffs: [], chains: [0] },
    { layer: [0, 0], targets: 'SSS', diffs: [4], chains: [4] },
    { layer: [0, 1], targets: '-DS', diffs: [2], chains: [2] },
    { layer: [0, 2], targets: '--D', diffs: [1], chains: [1] },
    { layer: [0, 2], targets: '--D', diffs: [1], chains: [3] },
  ],
  protectedBy: [0, 0, 0],
  resolutions: [[640, 360]],
};

/** Two sizes of one frame rate, no resolutions: "L2T1". */
export const L2T1: StructureText = {
  templateIdOffset: 60,
  templates: [
    { layer: [0, 0], targets: 'SR', diffs: [2], chains: [2, 1] },
    { layer: [0, 0], targets: 'SS', diffs: [], chains: [0, 0] },
    { layer: [1, 0], targets: '-S', diffs: [2, 1], chains: [1, 1] },
    { layer: [1, 0], targets: '-S', diffs: [1], chains: [1, 1] },
  ],
  protectedBy: [0, 1],
};
