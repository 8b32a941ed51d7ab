import { describe, expect, test } from 'vitest';
import {
  DependencyDescriptorReader,
  emptyDependencyDescriptor,
  type DependencyDescriptor,
} from '../src/index.js';
import { L1T3, L2T1, writeDependencyDescriptor, type StructureText } from './support/dependencyDescriptor.js';
import { damaged, hex, readVectors } from './support/vectors.js';

/** The fields that hold, as short text. */
const summary = (out: DependencyDescriptor): unknown => ({
  frame: [
    ...(out.startOfFrame ? ['start'] : []),
    ...(out.endOfFrame ? ['end'] : []),
    `template ${out.templateId} number ${out.frameNumber} S${out.spatialLayer}T${out.temporalLayer}`,
  ].join(' '),
  structure: out.hasStructure,
  targets: [...out.decodeTargetIndications.subarray(0, out.decodeTargetCount)]
    .map((each) => '-DSR'[each])
    .join(''),
  diffs: [...out.frameDependencies.subarray(0, out.frameDependencyCount)],
  chains: [...out.chainDiffs.subarray(0, out.chainCount)],
  active: out.activeDecodeTargetsBitmask,
  activeBit: out.activeDecodeTargetsBit,
  size: `${out.width}x${out.height}`,
});

function answerOf(
  reader: DependencyDescriptorReader,
  bytes: Uint8Array,
  out: DependencyDescriptor = emptyDependencyDescriptor(),
): unknown {
  const why = reader.read(bytes, 0, bytes.length, out);
  return why === undefined ? summary(out) : { why };
}

function readerAfter(text: string | undefined): DependencyDescriptorReader {
  const reader = new DependencyDescriptorReader();
  if (text !== undefined) expect(answerOf(reader, hex(text))).toMatchObject({ structure: true });
  return reader;
}

describe('vectors/dependency-descriptor.json', () => {
  const vectors = readVectors('dependency-descriptor');

  test.each(vectors)('$name ($spec)', ({ hex: text, after, expect: wanted }) => {
    expect(answerOf(readerAfter(after), hex(text))).toEqual(wanted);
  });

  test('every cut and every flip is read or refused with a reason, and remembers nothing of the one before', () => {
    const reused = emptyDependencyDescriptor();
    for (const { hex: text, after } of vectors)
      for (const bytes of damaged(hex(text))) {
        const answer = answerOf(readerAfter(after), bytes, reused);
        expect(answer).toEqual(answerOf(readerAfter(after), bytes));
        const { why } = answer as { why?: string };
        if (why !== undefined) expect(why).toMatch(/^dd(-[a-z]+)+$/);
      }
  });
});

const key = (structure: StructureText, templateId: number, frameNumber = 1): Uint8Array =>
  writeDependencyDescriptor({ templateId, frameNumber, structure });

test('the structure says what each decode target holds and which chain protects it', () => {
  const reader = new DependencyDescriptorReader();
  answerOf(reader, key(L1T3, 0));
  expect(reader.structure?.decodeTargets).toEqual([
    { spatialLayer: 0, temporalLayer: 0, protectedBy: 0 },
    { spatialLayer: 0, temporalLayer: 1, protectedBy: 0 },
    { spatialLayer: 0, temporalLayer: 2, protectedBy: 0 },
  ]);
  answerOf(reader, key(L2T1, 61));
  expect(reader.structure).toMatchObject({ spatialLayer: 1, temporalLayer: 0, chainCount: 2 });
  expect(reader.structure?.decodeTargets.map(({ protectedBy }) => protectedBy)).toEqual([0, 1]);
});

test('a packet from before the last key frame is still read by the structure of then', () => {
  const reader = new DependencyDescriptorReader();
  answerOf(reader, key(L2T1, 61, 10));
  answerOf(reader, key(L1T3, 0, 20));
  const late = writeDependencyDescriptor({ templateId: 62, frameNumber: 11 });
  expect(answerOf(reader, late)).toMatchObject({ frame: 'start end template 62 number 11 S1T0' });
  expect(reader.structure?.templateIdOffset).toBe(0);
});

test('a structure that is not whole leaves the one in force alone', () => {
  const reader = new DependencyDescriptorReader();
  answerOf(reader, key(L1T3, 0));
  const next = key(L2T1, 61);
  for (let length = 4; length < next.length; length++)
    expect(answerOf(reader, next.subarray(0, length))).toEqual({ why: 'dd-length' });
  expect(reader.structure?.templateIdOffset).toBe(0);
});

test('without its structure a frame still says start, end and number', () => {
  const out = emptyDependencyDescriptor();
  expect(new DependencyDescriptorReader().read(hex('85 1234'), 0, 3, out)).toBe('dd-structure-missing');
  expect(out).toMatchObject({ startOfFrame: true, endOfFrame: false, templateId: 5, frameNumber: 0x1234 });
});

test('an element inside other bytes is read by offset and length', () => {
  const element = key(L2T1, 61);
  const bytes = new Uint8Array(element.length + 8).fill(0xff);
  bytes.set(element, 3);
  const out = emptyDependencyDescriptor();
  expect(new DependencyDescriptorReader().read(bytes, 3, element.length, out)).toBeUndefined();
  expect(out.structure?.templates).toHaveLength(4);
  expect(new DependencyDescriptorReader().read(bytes, 3, bytes.length, out)).toBe('dd-length');
});

describe('hostile: dependency descriptor', () => {
  test('H6.4 32 decode targets in 64 templates fit no element and are refused, not waited for', () => {
    const bytes = new Uint8Array(255).fill(0xff);
    bytes.set([0xc0, 0, 1, 0x80, 0x3e]);
    bytes.fill(0, 5, 21);
    expect(answerOf(new DependencyDescriptorReader(), bytes)).toHaveProperty('why');
  });

  test('H6.4 frame diffs that follow one another for ever', () => {
    const bytes = new Uint8Array(255).fill(0xff);
    bytes.set([0xc0, 0, 1, 0x80, 0x00]);
    expect(answerOf(new DependencyDescriptorReader(), bytes)).toEqual({ why: 'dd-frame-diffs' });
  });
});
