/**
 * The dependency descriptor, an RTP header extension: which frame a packet belongs to, on which frames that one depends and
 * for which qualities it is needed. AV1 RTP specification, appendix A; made for AV1, sent by browsers for VP8, VP9 and H.264 too.
 *    | start (1) | end (1) | template id (6) | frame number (16) |          always; and, where there are more than 3 bytes:
 *    | structure? | active targets? | own indications? | own frame diffs? | own chain diffs? | … bits, see each function
 * The structure comes with key frames and holds for all that follows, so a reader belongs to one stream. Which frames are
 * sent to whom: elsewhere.
 */
import { BitReader } from './bitReader.js';
import { readStructure, type DependencyStructure } from './dependencyStructure.js';

export const DEPENDENCY_DESCRIPTOR_LIMITS = {
  /** AV1 keeps eight reference pictures (AV1 §7.20); a frame cannot depend on more than twice that many. */
  frameDependencies: 16,
  /** Five bits hold the number of targets less one (A.8.2). */
  decodeTargets: 32,
} as const;

export interface DependencyDescriptor {
  startOfFrame: boolean;
  endOfFrame: boolean;
  templateId: number;
  /** 16 bits, counts frames of all layers; two bytes from offset 1 of the element. */
  frameNumber: number;
  spatialLayer: number;
  temporalLayer: number;
  /** The packet brings a structure: it belongs to a key frame. */
  hasStructure: boolean;
  /** The one by which this packet was read; shared, not to be written. */
  structure: DependencyStructure | undefined;
  /** One for each decode target: see DECODE_TARGET_INDICATION. The first `decodeTargetCount` hold. */
  decodeTargetIndications: Uint8Array;
  decodeTargetCount: number;
  /** How many frames back lie those on which this one depends. The first `frameDependencyCount` hold. */
  frameDependencies: Uint16Array;
  frameDependencyCount: number;
  /** How many frames back lies the one before in each chain, 0 = here it begins. The first `chainCount` hold. */
  chainDiffs: Uint8Array;
  chainCount: number;
  /** Bit i: decode target i is being produced. −1: this packet does not say, what was said last still holds. */
  activeDecodeTargetsBitmask: number;
  /** First bit of the mask from the start of the element; −1: not written there (but maybe implied by a structure). */
  activeDecodeTargetsBit: number;
  /** Of the layer's picture, when the structure says so; else 0. */
  width: number;
  height: number;
}

export type DependencyDescriptorRefusal =
  | 'dd-length'
  | 'dd-structure-missing'
  | 'dd-structure-layers'
  | 'dd-structure-templates'
  | 'dd-template-unknown'
  | 'dd-frame-diffs';

export const emptyDependencyDescriptor = (): DependencyDescriptor => ({
  startOfFrame: false,
  endOfFrame: false,
  templateId: 0,
  frameNumber: 0,
  spatialLayer: 0,
  temporalLayer: 0,
  hasStructure: false,
  structure: undefined,
  decodeTargetIndications: new Uint8Array(DEPENDENCY_DESCRIPTOR_LIMITS.decodeTargets),
  decodeTargetCount: 0,
  frameDependencies: new Uint16Array(DEPENDENCY_DESCRIPTOR_LIMITS.frameDependencies),
  frameDependencyCount: 0,
  chainDiffs: new Uint8Array(DEPENDENCY_DESCRIPTOR_LIMITS.decodeTargets),
  chainCount: 0,
  activeDecodeTargetsBitmask: -1,
  activeDecodeTargetsBit: -1,
  width: 0,
  height: 0,
});

const MANDATORY_BYTES = 3;

export class DependencyDescriptorReader {
  readonly #bits = new BitReader();
  #structure: DependencyStructure | undefined;
  /** Packets from before a key frame may come behind it. Template ids of two structures in a row do not meet (A.8.3). */
  #before: DependencyStructure | undefined;

  /** The structure of the last key frame. */
  get structure(): DependencyStructure | undefined {
    return this.#structure;
  }

  /**
   * @param offset of the element's data
   * @param out every field is written when nothing is returned. With 'dd-structure-missing' and 'dd-template-unknown' the
   *   three bytes that always come hold as well: start, end, template id and frame number.
   */
  read(
    bytes: Uint8Array,
    offset: number,
    length: number,
    out: DependencyDescriptor,
  ): DependencyDescriptorRefusal | undefined {
    if (length < MANDATORY_BYTES || offset + length > bytes.length) return 'dd-length';
    const bits = this.#bits;
    bits.start(bytes, offset, offset + length);
    out.startOfFrame = bits.flag();
    out.endOfFrame = bits.flag();
    out.templateId = bits.bits(6);
    out.frameNumber = bits.bits(16);

    const extended = length > MANDATORY_BYTES ? bits.bits(5) : 0;
    let fresh: DependencyStructure | undefined;
    if (extended & 0x10) {
      const read = readStructure(bits);
      if (typeof read === 'string') return read;
      fresh = read;
    }
    const structure = fresh ?? this.#structureOf(out.templateId);
    if (structure === undefined)
      return this.#structure === undefined ? 'dd-structure-missing' : 'dd-template-unknown';

    out.hasStructure = fresh !== undefined;
    out.structure = structure;
    const targets = structure.decodeTargets.length;
    out.activeDecodeTargetsBitmask = fresh === undefined ? -1 : allOf(targets);
    out.activeDecodeTargetsBit = -1;
    if (extended & 0x08) {
      out.activeDecodeTargetsBit = bits.position;
      out.activeDecodeTargetsBitmask = bits.bits(targets);
    }
    const refusal = readFrame(bits, structure, extended, out);
    if (refusal !== undefined) return refusal;
    if (fresh !== undefined) {
      this.#before = this.#structure;
      this.#structure = fresh;
    }
    return undefined;
  }

  #structureOf(templateId: number): DependencyStructure | undefined {
    if (this.#structure !== undefined && hasTemplate(this.#structure, templateId)) return this.#structure;
    if (this.#before !== undefined && hasTemplate(this.#before, templateId)) return this.#before;
    return undefined;
  }
}

const templateIndex = (structure: DependencyStructure, templateId: number): number =>
  (templateId + 64 - structure.templateIdOffset) % 64;

const hasTemplate = (structure: DependencyStructure, templateId: number): boolean =>
  templateIndex(structure, templateId) < structure.templates.length;

const allOf = (count: number): number => 2 ** count - 1;

/** frame_dependency_definition(): the template's values, or the packet's own where a flag says so. */
function readFrame(
  bits: BitReader,
  structure: DependencyStructure,
  extended: number,
  out: DependencyDescriptor,
): DependencyDescriptorRefusal | undefined {
  const template = structure.templates[templateIndex(structure, out.templateId)];
  if (template === undefined) return 'dd-template-unknown';
  out.spatialLayer = template.spatialLayer;
  out.temporalLayer = template.temporalLayer;

  out.decodeTargetCount = structure.decodeTargets.length;
  if (extended & 0x04)
    for (let i = 0; i < out.decodeTargetCount; i++) out.decodeTargetIndications[i] = bits.bits(2);
  else out.decodeTargetIndications.set(template.decodeTargetIndications);

  if (extended & 0x02) {
    out.frameDependencyCount = 0;
    for (let size = bits.bits(2); size !== 0; size = bits.bits(2)) {
      if (out.frameDependencyCount === DEPENDENCY_DESCRIPTOR_LIMITS.frameDependencies)
        return 'dd-frame-diffs';
      out.frameDependencies[out.frameDependencyCount++] = bits.bits(4 * size) + 1;
    }
  } else {
    out.frameDependencyCount = template.frameDependencies.length;
    for (let i = 0; i < out.frameDependencyCount; i++)
      out.frameDependencies[i] = template.frameDependencies[i]!;
  }

  out.chainCount = structure.chainCount;
  if (extended & 0x01) for (let i = 0; i < out.chainCount; i++) out.chainDiffs[i] = bits.bits(8);
  else out.chainDiffs.set(template.chainDiffs);

  const resolution = structure.resolutions[template.spatialLayer];
  out.width = resolution === undefined ? 0 : resolution.width;
  out.height = resolution === undefined ? 0 : resolution.height;
  return bits.overrun ? 'dd-length' : undefined;
}
