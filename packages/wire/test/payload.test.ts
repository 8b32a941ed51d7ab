/** Payload formats: every vector, everything it turns into when damaged, and what a reused `out` must not remember. */
import { describe, expect, test } from 'vitest';
import { emptyVp8Descriptor, readVp8Descriptor } from '../src/index.js';
import { damaged, hex, plain, readVectors } from './support/vectors.js';

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
  ): Format['reader'] =>
  () => {
    const out = empty();
    return (bytes, offset, end) => {
      const why = read(bytes, offset, end, out);
      return why === undefined ? plain(out) : { why };
    };
  };

const FORMATS: Format[] = [{ file: 'vp8', reader: into(emptyVp8Descriptor, readVp8Descriptor) }];

describe.each(FORMATS)('vectors/$file.json', ({ file, reader }) => {
  const vectors = readVectors(file);

  test.each(vectors)('$name ($spec)', ({ hex: text, expect: wanted }) => {
    const bytes = hex(text);
    expect(reader()(bytes, 0, bytes.length)).toEqual(wanted);
  });

  test('a payload inside a packet is read the same, whatever lies around it', () => {
    for (const { hex: text, expect: wanted } of vectors) {
      const payload = hex(text);
      const packet = new Uint8Array(payload.length + 40).fill(0xff);
      packet.set(payload, 20);
      expect(reader()(packet, 20, 20 + payload.length)).toEqual(wanted);
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
