/** How frames are put together, by section of the specifications: vectors/frames.json, limits, layers and hostile senders. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FRAME_LIMITS, FrameAssembler, type AssembledFrame, type FrameCodec } from '../src/index.js';
import { splitIntoPackets } from './support/av1Packets.js';
import { writeDependencyDescriptor, type StructureText } from './support/dependencyDescriptor.js';
import { assemble, readStreams, packetsOf } from './support/streams.js';
import { hex, plain, readVectors, toHex, type Vector } from './support/vectors.js';

interface FrameVector extends Vector {
  codec: FrameCodec;
  packets: [sequenceNumber: number, timestamp: number, marker: 0 | 1, payload: string][];
  expect: Record<string, unknown>[];
}

/** A frame's fields and `intact` side by side, bytes as hex. */
const flat = (each: AssembledFrame): unknown =>
  plain(each.ok ? { ...each.frame, intact: each.intact } : { why: each.why });

const KEY_FRAME = hex('10 100f00 9d012a 8002 e001 00');

describe('vectors/frames.json', () => {
  test.each(readVectors('frames') as FrameVector[])('$name ($spec)', ({ codec, packets, expect: wanted }) => {
    const answers = assemble(
      codec,
      packets.map(([sequenceNumber, timestamp, marker, payload]) => ({
        sequenceNumber,
        timestamp,
        marker: marker === 1,
        payload: hex(payload),
      })),
    );
    const asText = wanted.map((each) =>
      typeof each['data'] === 'string' ? { ...each, data: each['data'].replace(/\s/g, '') } : each,
    );
    expect(answers.map(flat)).toMatchObject(asText);
  });
});

const fromChromium = readStreams().find(({ name }) => name === 'av1-chromium-plain')!;
const av1Frames = assemble('av1', packetsOf(fromChromium)).flatMap((each) => (each.ok ? [each.frame] : []));

describe('AV1 from an encoder, in packets of any size', () => {
  test('comes out as it went in', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 12, max: 1400 }),
        fc.boolean(),
        fc.boolean(),
        (size, counted, delimiters) => {
          const packets = splitIntoPackets(av1Frames, { size, counted, delimiters });
          for (const packet of packets) expect(packet.payload.length).toBeLessThanOrEqual(size);
          const answers = assemble('av1', packets);
          expect(answers.map((each) => each.ok && toHex(each.frame.data))).toEqual(
            av1Frames.map(({ data }) => toHex(data)),
          );
          expect(answers[0]).toMatchObject({
            intact: true,
            frame: { keyFrame: true, width: 320, height: 180 },
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('the dependency descriptor', () => {
  // Two temporal layers; template 0 key frame, 1 base layer, 2 upper layer.
  const structure: StructureText = {
    templateIdOffset: 0,
    protectedBy: [0, 0],
    templates: [
      { layer: [0, 0], targets: 'SS', diffs: [], chains: [0] },
      { layer: [0, 0], targets: 'SS', diffs: [2], chains: [2] },
      { layer: [0, 1], targets: '-D', diffs: [1], chains: [1] },
    ],
  };
  // Two elements: the sequence header, which has its size, and the head of a key frame.
  const header = av1Frames[0]!.codecPrivate!.subarray(4);
  const keyFrame = Uint8Array.of(0x28, header.length, ...header, ...hex('30 10aa'));
  const packet = (number: number, frameNumber: number, templateId: number) => ({
    sequenceNumber: number,
    timestamp: frameNumber * 3000,
    marker: true,
    payload: templateId === 0 ? keyFrame : hex('10 30 20aa'),
    dependencyDescriptor: writeDependencyDescriptor(
      { templateId, frameNumber, ...(templateId === 0 ? { structure } : {}) },
      structure,
    ),
  });
  const run = (packets: ReturnType<typeof packet>[]) =>
    assemble('av1', packets).map((each) => each.ok && [each.intact, each.frame.discardable]);

  test('a lost frame that nobody refers to spoils nothing; one of the base layer does', () => {
    const all = [0, 1, 2, 3, 4, 5, 6].map((n) => packet(n, n, n === 0 ? 0 : n % 2 === 1 ? 2 : 1));
    expect(run(all)).toEqual(all.map((_, n) => [true, n % 2 === 1]));
    expect(run(all.filter((_, n) => n !== 3))).toEqual([0, 1, 2, 4, 5, 6].map((n) => [true, n % 2 === 1]));
    expect(run(all.filter((_, n) => n !== 2)).map((each) => each && each[0])).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('hostile: frames', () => {
  test('a frame without end keeps no more than the limit, and the next one is well', () => {
    const assembler = new FrameAssembler('vp8');
    const part = new Uint8Array(1200);
    part[0] = 0x10;
    let number = 0;
    for (let bytes = 0; bytes <= FRAME_LIMITS.frameBytes + 2400; bytes += 1199) {
      expect(
        assembler.push({ sequenceNumber: number++, timestamp: 0, marker: false, payload: part }),
      ).toEqual([]);
      part[0] = 0;
    }
    const answers = assembler.push({
      sequenceNumber: number,
      timestamp: 1,
      marker: true,
      payload: KEY_FRAME,
    });
    expect(answers.map(flat)).toMatchObject([{ why: 'frame-too-long' }, { intact: true }]);
  });

  test('a frame of countless packets is refused', () => {
    const assembler = new FrameAssembler('vp8');
    const tiny = hex('00 00');
    for (let number = 0; number <= FRAME_LIMITS.framePackets; number++)
      assembler.push({
        sequenceNumber: number,
        timestamp: 0,
        marker: false,
        payload: number === 0 ? KEY_FRAME : tiny,
      });
    const answers = assembler.push({
      sequenceNumber: FRAME_LIMITS.framePackets + 1,
      timestamp: 0,
      marker: true,
      payload: tiny,
    });
    expect(answers.map(flat)).toEqual([{ why: 'frame-too-many-packets' }]);
  });

  test('frames of every size, one after the other, are whole; where a packet lies does not matter', () => {
    const assembler = new FrameAssembler('vp8');
    let count = 0;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 20, max: 90_000 }), { maxLength: 12 }), (sizes) => {
        for (const size of sizes) {
          const from = size % 3;
          const memory = new Uint8Array(from + size + 7).fill(count & 0xff);
          memory.set(KEY_FRAME, from);
          const [answer] = assembler.push({
            ...{ sequenceNumber: count, timestamp: count, marker: true },
            ...{ payload: memory, from, to: from + size },
          });
          const data = answer?.ok === true ? toHex(answer.frame.data) : '';
          expect(data === toHex(memory.subarray(from + 1, from + size))).toBe(true);
          count++;
        }
      }),
      { numRuns: 8 },
    );
    expect(count).toBeGreaterThan(0);
  });

  test('a frame that the next one ends, and that one, in one packet: both are whole', () => {
    const assembler = new FrameAssembler('vp8');
    const packet = (sequenceNumber: number, fill: number, marker: boolean): AssembledFrame[] => {
      const payload = new Uint8Array(40_000).fill(fill);
      payload.set(KEY_FRAME);
      return [...assembler.push({ sequenceNumber, timestamp: sequenceNumber, marker, payload })];
    };
    expect(packet(1, 1, false)).toEqual([]);
    const [first, second] = packet(2, 2, true);
    expect(first?.ok === true && first.frame.data.at(-1)).toBe(1);
    expect(second?.ok === true && second.frame.data.at(-1)).toBe(2);
  });

  test('packets of noise: nothing is thrown', () => {
    const codecs: FrameCodec[] = ['opus', 'red', 'vp8', 'vp9', 'h264', 'av1'];
    for (const codec of codecs)
      fc.assert(
        fc.property(
          fc.array(
            fc.record({
              step: fc.integer({ min: -2, max: 4 }),
              timestamp: fc.integer({ min: 0, max: 3 }),
              marker: fc.boolean(),
              payload: fc.uint8Array({ maxLength: 60 }),
              dependencyDescriptor: fc.uint8Array({ maxLength: 12 }),
            }),
            { maxLength: 20 },
          ),
          (packets) => {
            let sequenceNumber = 0;
            const answers = assemble(
              codec,
              packets.map(({ step, ...each }) => ({ ...each, sequenceNumber: (sequenceNumber += step) })),
            );
            for (const each of answers) if (!each.ok) expect(each.why).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
          },
        ),
        { numRuns: 150 },
      );
  });
});
