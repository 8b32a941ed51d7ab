/** Every vector through its parser, and everything that a vector turns into when it is cut or a byte of it is changed. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  classifyDatagram,
  parseOpus,
  parseRtcp,
  parseRtp,
  parseStun,
  verifyStunIntegrity,
  visitHeaderExtensions,
  writeRtcp,
  type Parsed,
} from '../src/index.js';
import { damaged, hex, plain, readVectors, toHex, type Vector } from './support/vectors.js';

const hmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac('sha1', key).update(bytes).digest();

/** A value, or a reason of a few words in lower case. */
function expectAnswer(answer: Parsed<unknown>): void {
  if (!answer.ok) expect(answer.why).toMatch(/^[a-z]+(-[a-z]+)+$/);
}

const answerOf = (answer: Parsed<unknown>): unknown =>
  answer.ok ? plain(answer.value) : { why: answer.why };

function elementsOf(bytes: Uint8Array, profile: number): { elements: [number, string][]; why?: string } {
  const elements: [number, string][] = [];
  const why = visitHeaderExtensions(bytes, profile, 0, bytes.length, (id, offset, length) => {
    elements.push([id, toHex(bytes.subarray(offset, offset + length))]);
  });
  return why === undefined ? { elements } : { elements, why };
}

interface Suite {
  file: string;
  read: (bytes: Uint8Array, vector: Vector) => unknown;
  /** For damaged bytes: anything that is no throw and no nonsense. */
  survive: (bytes: Uint8Array, vector: Vector) => void;
}

const SUITES: Suite[] = [
  {
    file: 'classify',
    read: (bytes) => classifyDatagram(bytes),
    survive: (bytes) =>
      expect(['stun', 'dtls', 'rtp', 'rtcp', 'turn-channel', 'unknown']).toContain(classifyDatagram(bytes)),
  },
  {
    file: 'stun',
    read: (bytes) => answerOf(parseStun(bytes)),
    survive: (bytes) => {
      const answer = parseStun(bytes);
      expectAnswer(answer);
      if (answer.ok) verifyStunIntegrity(bytes, answer.value, new Uint8Array(3), hmac);
    },
  },
  {
    file: 'rtp',
    read: (bytes) => answerOf(parseRtp(bytes)),
    survive: (bytes) => {
      const answer = parseRtp(bytes);
      expectAnswer(answer);
      if (!answer.ok) return;
      const { payloadOffset, payloadLength, paddingLength, extension } = answer.value;
      expect(payloadLength).toBeGreaterThanOrEqual(0);
      expect(payloadOffset + payloadLength + paddingLength).toBe(bytes.length);
      if (extension !== undefined)
        expect(extension.offset + extension.length).toBeLessThanOrEqual(payloadOffset);
    },
  },
  {
    file: 'header-extensions',
    read: (bytes, { profile = 0 }) => elementsOf(bytes, profile),
    survive: (bytes, { profile = 0 }) => {
      for (const each of [profile, 0xbede, 0x1000]) {
        const { elements } = elementsOf(bytes, each);
        const carried = elements.reduce((sum, [, data]) => sum + data.length / 2, 0);
        expect(carried).toBeLessThanOrEqual(bytes.length);
      }
    },
  },
  {
    file: 'rtcp',
    read: (bytes) => plain(parseRtcp(bytes)),
    survive: (bytes) => {
      const { packets, why } = parseRtcp(bytes);
      if (why !== undefined) expect(why).toMatch(/^[a-z]+(-[a-z]+)+$/);
      // What was understood can be said again and is understood the same.
      expect(plain(parseRtcp(writeRtcp(writable(packets))).packets)).toEqual(plain(writable(packets)));
    },
  },
  {
    file: 'opus',
    read: (bytes) => answerOf(parseOpus(bytes)),
    survive: (bytes) => {
      const answer = parseOpus(bytes);
      expectAnswer(answer);
      if (answer.ok) expect(answer.value.samples).toBeLessThanOrEqual(5760);
    },
  },
];

/** Without texts of broken UTF-8: their replacement characters may be longer than the 255 bytes of a field. */
const writable = (packets: ReturnType<typeof parseRtcp>['packets']): typeof packets =>
  packets.filter(
    (packet) =>
      !JSON.stringify(packet, (_key, value: unknown) => (typeof value === 'bigint' ? 0 : value)).includes(
        '\ufffd',
      ),
  );

describe.each(SUITES)('vectors/$file.json', ({ file, read, survive }) => {
  test.each(readVectors(file))('$name ($spec)', (vector) => {
    expect(read(hex(vector.hex), vector)).toEqual(vector.expect);
  });

  test('every cut and every flip is read or refused with a reason', () => {
    for (const vector of readVectors(file))
      for (const bytes of damaged(hex(vector.hex))) survive(bytes, vector);
  });
});

test.each(readVectors('stun').filter(({ key }) => key !== undefined))(
  'MESSAGE-INTEGRITY of "$name" holds under its password, and under no other',
  ({ hex: text, key = '' }) => {
    const bytes = hex(text);
    const message = parseStun(bytes);
    if (!message.ok) throw new Error(message.why);
    expect(verifyStunIntegrity(bytes, message.value, Buffer.from(key), hmac)).toBe(true);
    expect(verifyStunIntegrity(bytes, message.value, Buffer.from(`${key}x`), hmac)).toBe(false);
  },
);
