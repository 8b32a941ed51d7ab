/** Payload formats: every vector, everything it turns into when damaged, and what a reused `out` must not remember. */
import { describe, expect, test } from 'vitest';
import {
  emptyAv1Payload,
  emptyH264Payload,
  emptyH265Payload,
  emptyRedPayload,
  emptyVp8Descriptor,
  emptyVp9Descriptor,
  readAv1Payload,
  readH264Payload,
  readH265Payload,
  readRed,
  readVp8Descriptor,
  readVp9Descriptor,
} from '../src/index.js';
import { damaged, hex, plain, readVectors } from './support/vectors.js';

/** Of RED itself, in vectors/red.json. */
const RED_PAYLOAD_TYPE = 63;

interface Format {
  file: string;
  /** A fresh reader over one `out`, as a stream would have it. */
  reader: () => (bytes: Uint8Array, offset: number, end: number) => unknown;
}

/** The way most readers go: all fields of `out`, or the reason. */
const into =
  <T>(
    empty: () => T,
    read: (bytes: Uint8Array, offset: number, end: number, out: T) => string | undefined,
    /** What of `out` holds. */
    valid: (out: T) => unknown = (each) => each,
  ): Format['reader'] =>
  () => {
    const out = empty();
    return (bytes, offset, end) => {
      const why = read(bytes, offset, end, out);
      return why === undefined ? plain(valid(out)) : { why };
    };
  };

const FORMATS: Format[] = [
  { file: 'vp8', reader: into(emptyVp8Descriptor, readVp8Descriptor) },
  {
    file: 'vp9',
    reader: into(emptyVp9Descriptor, readVp9Descriptor, (out) => ({
      ...out,
      references: Array.from(out.references.subarray(0, out.referenceCount)),
      widths: out.hasSizes ? Array.from(out.widths.subarray(0, out.spatialLayerCount)) : [],
      heights: out.hasSizes ? Array.from(out.heights.subarray(0, out.spatialLayerCount)) : [],
    })),
  },
  { file: 'h264', reader: into(emptyH264Payload, readH264Payload) },
  { file: 'h265', reader: into(emptyH265Payload, readH265Payload) },
  { file: 'av1', reader: into(emptyAv1Payload, readAv1Payload) },
  {
    file: 'red',
    reader: into(
      emptyRedPayload,
      (bytes, offset, end, out) => readRed(bytes, offset, end, out, RED_PAYLOAD_TYPE),
      (out) => ({ ...out, redundant: out.redundant.slice(0, out.redundantCount) }),
    ),
  },
];

describe.each(FORMATS)('vectors/$file.json', ({ file, reader }) => {
  const vectors = readVectors(file);

  test.each(vectors)('$name ($spec)', ({ hex: text, expect: wanted }) => {
    const bytes = hex(text);
    expect(reader()(bytes, 0, bytes.length)).toMatchObject(wanted as object);
  });

  test('a payload inside a packet is read the same, whatever lies around it', () => {
    for (const { hex: text, expect: wanted } of vectors) {
      const payload = hex(text);
      const packet = new Uint8Array(payload.length + 40).fill(0xff);
      packet.set(payload, 20);
      expect(reader()(packet, 20, 20 + payload.length)).toMatchObject(wanted as object);
    }
  });

  test('an end behind the bytes is refused', () => {
    for (const { hex: text } of vectors) {
      const bytes = hex(text);
      expect(reader()(bytes, 0, bytes.length + 1)).toMatchObject({ why: expect.any(String) as string });
    }
  });

  test('every cut and every flip is read or refused with a reason, and remembers nothing of the one before', () => {
    const reused = reader();
    for (const { hex: text } of vectors)
      for (const bytes of damaged(hex(text))) {
        const answer = reused(bytes, 0, bytes.length);
        expect(answer).toEqual(reader()(bytes, 0, bytes.length));
        const { why } = answer as { why?: string };
        if (why !== undefined) expect(why).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
      }
  });
});

describe('hostile: payload formats', () => {
  test('H6.2 VP9 structure of eight layers and a group of 255 pictures with three references each', () => {
    const bytes = new Uint8Array(1200).fill(0x0c);
    bytes.set([0x0a, 0xf8]);
    bytes[2 + 32] = 255;
    const out = emptyVp9Descriptor();
    const read = (end: number): string | undefined => readVp9Descriptor(bytes, 0, end, out);
    expect(read(1200)).toBeUndefined();
    expect(out).toMatchObject({ spatialLayerCount: 8, pictureGroupSize: 255, headerLength: 35 + 255 * 4 });
    expect(read(1000)).toBe('vp9-structure-length');
  });

  test('H6.5 STAP-A of nothing but units without bytes', () => {
    const bytes = new Uint8Array(1200);
    bytes[0] = 0x78;
    expect(readH264Payload(bytes, 0, bytes.length, emptyH264Payload())).toBe('h264-unit-empty');
  });

  test('H6.7 RED headers up to the end of the packet', () => {
    const bytes = new Uint8Array(1200);
    for (let at = 0; at < bytes.length; at += 4) bytes[at] = 0xef;
    expect(readRed(bytes, 0, bytes.length, emptyRedPayload())).toBe('red-block-count');
  });
});
