import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  classifyDatagram,
  findHeaderExtension,
  HEADER_EXTENSION_URIS,
  absCaptureTimeAt,
  captureUnixMicros,
  parseAbsCaptureTime,
  parseAbsSendTime,
  parseAudioLevel,
  parseMid,
  parseRid,
  parseRtp,
  parseTransportWideCc,
  seqDelta,
  timestampDelta,
  toAbsSendTime,
  visitHeaderExtensions,
  writeAbsCaptureTime,
  writeAbsSendTime,
  writeAudioLevel,
  writeMid,
  writeRid,
  writeRtp,
  writeTransportWideCc,
} from '../src/index.js';
import { hex } from './support/vectors.js';

const uint32 = fc.nat(0xffffffff);
const element = (id: fc.Arbitrary<number>, least: number, most: number) =>
  fc.record({ id, bytes: fc.uint8Array({ minLength: least, maxLength: most }) });
const elements = fc.oneof(
  fc.uniqueArray(element(fc.integer({ min: 1, max: 14 }), 1, 16), {
    maxLength: 14,
    selector: ({ id }) => id,
  }),
  fc.uniqueArray(element(fc.integer({ min: 1, max: 255 }), 0, 255), {
    maxLength: 20,
    selector: ({ id }) => id,
  }),
);

test('what writeRtp writes, parseRtp and visitHeaderExtensions read', () => {
  const fields = fc.record({
    payloadType: fc.nat(127),
    marker: fc.boolean(),
    sequenceNumber: fc.nat(0xffff),
    timestamp: uint32,
    ssrc: uint32,
    csrcs: fc.array(uint32, { maxLength: 15 }),
    extensions: elements,
    payload: fc.uint8Array({ maxLength: 300 }),
    padding: fc.nat(255),
  });
  fc.assert(
    fc.property(fields, ({ extensions, payload, padding, ...header }) => {
      const bytes = writeRtp({ ...header, extensions, payload, padding });
      const packet = parseRtp(bytes);
      if (!packet.ok) throw new Error(packet.why);
      const { payloadOffset, payloadLength, extension } = packet.value;
      expect(packet.value).toMatchObject({ ...header, paddingLength: padding });
      expect(bytes.slice(payloadOffset, payloadOffset + payloadLength)).toEqual(payload);
      const seen: { id: number; bytes: Uint8Array }[] = [];
      if (extension !== undefined) {
        const { profile, offset, length } = extension;
        const why = visitHeaderExtensions(bytes, profile, offset, length, (id, at, size) => {
          seen.push({ id, bytes: bytes.slice(at, at + size) });
        });
        expect(why).toBeUndefined();
      }
      expect(seen).toEqual(extensions);
    }),
  );
});

test('the one-byte form is used whenever it can be', () => {
  const base = { payloadType: 111, sequenceNumber: 1, timestamp: 2, ssrc: 3, payload: new Uint8Array(1) };
  const profileOf = (id: number, size: number): number | undefined => {
    const packet = parseRtp(writeRtp({ ...base, extensions: [{ id, bytes: new Uint8Array(size) }] }));
    return packet.ok ? packet.value.extension?.profile : undefined;
  };
  expect(profileOf(14, 16)).toBe(0xbede);
  expect(profileOf(15, 16)).toBe(0x1000);
  expect(profileOf(14, 17)).toBe(0x1000);
  expect(profileOf(14, 0)).toBe(0x1000);
});

test.each([
  ['16 CSRCs', { csrcs: new Array<number>(16).fill(1) }],
  ['256 bytes of padding', { padding: 256 }],
  ['extension id 0', { extensions: [{ id: 0, bytes: new Uint8Array(1) }] }],
  ['an extension of 256 bytes', { extensions: [{ id: 1, bytes: new Uint8Array(256) }] }],
])('writeRtp refuses %s', (_name, wrong) => {
  const base = { payloadType: 111, sequenceNumber: 1, timestamp: 2, ssrc: 3, payload: new Uint8Array(1) };
  expect(() => writeRtp({ ...base, ...wrong })).toThrow(TypeError);
});

test('the first element of an id is found, also before a malformed place', () => {
  const bytes = hex('10b0 10b1 2faa');
  const extension = { profile: 0xbede, offset: 0, length: bytes.length };
  expect(findHeaderExtension(bytes, extension, 1)).toEqual({ offset: 1, length: 1 });
  expect(findHeaderExtension(bytes, extension, 2)).toBeUndefined();
});

describe('elements', () => {
  test.each([
    [true, 0, '80'],
    [false, 127, '7f'],
    [true, 30, '9e'],
  ])('audio level: voice %s, %i (RFC 6464 §3)', (voice, level, written) => {
    expect(writeAudioLevel(voice, level)).toEqual(hex(written));
    expect(parseAudioLevel(hex(`ffff${written}`), 2, 1)).toEqual({ ok: true, value: { voice, level } });
  });

  test('abs-send-time: 6.18 fixed point, wraps after 64 s', () => {
    expect(toAbsSendTime(0)).toBe(0);
    expect(toAbsSendTime(1_000_000)).toBe(0x040000);
    expect(toAbsSendTime(63_999_999)).toBe(0xffffff);
    expect(toAbsSendTime(64_000_000)).toBe(0);
    expect(parseAbsSendTime(writeAbsSendTime(0xabcdef), 0, 3)).toEqual({ ok: true, value: 0xabcdef });
  });

  test('transport-wide number, also with the flags of its second version', () => {
    expect(parseTransportWideCc(writeTransportWideCc(0xfffe), 0, 2)).toEqual({ ok: true, value: 0xfffe });
    expect(parseTransportWideCc(hex('12340001'), 0, 4)).toEqual({ ok: true, value: 0x1234 });
  });

  test.each([undefined, 0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'abs-capture-time with clock offset %s',
    (offset) => {
      const time = {
        ntpSeconds: 0xe0000000,
        ntpFraction: 5,
        ...(offset === undefined ? {} : { clockOffset: offset }),
      };
      const bytes = writeAbsCaptureTime(time);
      expect(bytes.length).toBe(offset === undefined ? 8 : 16);
      expect(parseAbsCaptureTime(bytes, 0, bytes.length)).toEqual({ ok: true, value: time });
    },
  );

  test.each([
    // 2023-11-14 22:13:20 UTC is Unix 1,700,000,000 and 3,908,988,800 since 1900.
    ['the sender is the capturer', 'e8fe6f80 80000000', 1_700_000_000_500_000],
    ['its clock is the capturer’s', 'e8fe6f80 80000000 00000000 00000000', 1_700_000_000_500_000],
    ['the capturer is 2.25 s ahead', 'e8fe6f80 80000000 00000002 40000000', 1_699_999_998_250_000],
    ['the capturer is 0.5 s behind', 'e8fe6f80 80000000 ffffffff 80000000', 1_700_000_001_000_000],
    ['seven weeks after the wrap of 2036', '00400000 00000000', 2_090_172_800_000_000],
  ])('time of capture by the sender’s clock: %s (webrtc.org abs-capture-time)', (_name, bytes, micros) => {
    const read = hex(bytes);
    const parsed = parseAbsCaptureTime(read, 0, read.length);
    expect(parsed.ok && captureUnixMicros(parsed.value)).toBe(micros);
    if (read.length === 16) expect(parsed.ok && writeAbsCaptureTime(parsed.value)).toEqual(read);
    if (!bytes.endsWith(' 00000000 00000000')) return;
    expect(writeAbsCaptureTime(absCaptureTimeAt(micros))).toEqual(read);
  });

  test('abs-capture-time: every prefix is refused but the short form, every byte may be any other', () => {
    const bytes = hex('e8fe6f80 80000000 ffffffff 80000000');
    for (let length = 0; length < bytes.length; length++)
      expect(parseAbsCaptureTime(bytes.slice(0, length), 0, length).ok).toBe(length === 8);
    for (let at = 0; at < bytes.length; at++) {
      for (let value = 0; value < 256; value++) {
        const flipped = bytes.slice();
        flipped[at] = value;
        const read = parseAbsCaptureTime(flipped, 0, flipped.length);
        expect(read.ok && Number.isFinite(captureUnixMicros(read.value))).toBe(true);
        expect(read.ok && writeAbsCaptureTime(read.value)).toEqual(flipped);
      }
    }
  });

  test('MID and RID are text of the characters that SDP allows', () => {
    expect(parseMid(writeMid('audio-1'), 0, 7)).toEqual({ ok: true, value: 'audio-1' });
    expect(parseRid(writeRid('hi_2'), 0, 4)).toEqual({ ok: true, value: 'hi_2' });
    for (const wrong of ['', '00', '61 00', '61 20', 'c3 a9', 'ff', '61 0d 0a']) {
      const bytes = hex(wrong);
      expect(parseMid(bytes, 0, bytes.length)).toEqual({ ok: false, why: 'mid-malformed' });
      expect(parseRid(bytes, 0, bytes.length)).toEqual({ ok: false, why: 'rid-malformed' });
    }
    expect(parseMid(hex('61'), 0, 2).ok).toBe(false);
  });

  test('a wrong length, and one past the end of the bytes, is refused', () => {
    const bytes = new Uint8Array(16);
    for (const parse of [parseAudioLevel, parseAbsSendTime, parseTransportWideCc, parseAbsCaptureTime]) {
      for (const length of [0, 5, 17]) expect(parse(bytes, 0, length).ok).toBe(false);
      for (const length of [1, 2, 3, 4, 8, 16]) expect(parse(bytes, 16, length).ok).toBe(false);
    }
  });

  test('no two URIs are the same', () => {
    const uris = Object.values(HEADER_EXTENSION_URIS);
    expect(new Set(uris).size).toBe(uris.length);
  });
});

describe('distances on the circle', () => {
  test.each([
    [65_535, 0, 1],
    [0, 65_535, -1],
    [0, 32_767, 32_767],
    [0, 32_768, -32_768],
    [65_000, 500, 1036],
    [7, 7, 0],
  ])('sequence numbers %i → %i: %i', (from, to, want) => expect(seqDelta(from, to)).toBe(want));

  test.each([
    [4_294_967_295, 0, 1],
    [0, 4_294_967_295, -1],
    [0, 2_147_483_648, -2_147_483_648],
    [4_294_967_000, 664, 960],
  ])('timestamps %i → %i: %i', (from, to, want) => expect(timestampDelta(from, to)).toBe(want));
});

describe('hostile: RTP', () => {
  const header = (first: string) => `${first}6f0001 00000002 00000003`;
  const whyOf = (text: string): string | undefined => {
    const packet = parseRtp(hex(text));
    return packet.ok ? undefined : packet.why;
  };

  test('H4.1 every CSRC count that claims more than there is', () => {
    for (let count = 1; count <= 15; count++) {
      const bytes = new Uint8Array(12 + 4 * count - 1);
      bytes.set(hex(header('80')));
      bytes[0] = 0x80 | count;
      expect(parseRtp(bytes)).toEqual({ ok: false, why: 'rtp-csrcs-length' });
    }
  });

  test('H4.2 an extension whose length lies', () => {
    expect(whyOf(`${header('90')} bede0002 10b00000`)).toBe('rtp-extension-length');
    expect(whyOf(`${header('90')} bedeffff`)).toBe('rtp-extension-length');
    expect(whyOf(`${header('90')} be`)).toBe('rtp-extension-length');
  });

  test('H4.3 one-byte id 15 ends the reading; two-byte elements under the one-byte profile do no harm', () => {
    const seen: number[] = [];
    const bytes = hex('10b0 f0aa 20cc 0000');
    expect(visitHeaderExtensions(bytes, 0xbede, 0, bytes.length, (id) => seen.push(id))).toBeUndefined();
    expect(seen).toEqual([1]);
    const mixed = hex('1003aabbcc 0101b0');
    visitHeaderExtensions(mixed, 0xbede, 0, mixed.length, (_id, offset, length) =>
      expect(offset + length).toBeLessThanOrEqual(mixed.length),
    );
  });

  test('H4.4 padding of 0 and padding beyond the payload', () => {
    expect(whyOf(`${header('a0')} 787900`)).toBe('rtp-padding-zero');
    expect(whyOf(`${header('a0')} 7879ff`)).toBe('rtp-padding-length');
    expect(whyOf(header('a0'))).toBe('rtp-padding-length');
    // Padding may not reach back into the extension.
    expect(whyOf(`${header('b0')} bede0001 10b00006 78`)).toBe('rtp-padding-length');
  });

  test('H4.5 an empty payload is a packet', () => {
    expect(parseRtp(hex(header('80')))).toMatchObject({ ok: true, value: { payloadLength: 0 } });
  });

  test('H4.6 a packet of 65,535 bytes is read in place', () => {
    const bytes = new Uint8Array(65_535);
    bytes.set(hex(header('80')));
    expect(parseRtp(bytes)).toMatchObject({ ok: true, value: { payloadLength: 65_523 } });
  });

  test('H4.7 versions other than 2 are refused, and not even taken for RTP', () => {
    for (const first of ['00', '40', 'c0']) {
      expect(whyOf(header(first))).toBe('rtp-version');
      expect(classifyDatagram(hex(header(first)))).not.toBe('rtp');
    }
  });

  test('any bytes at all are read or refused, extension included', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const packet = parseRtp(bytes);
        if (!packet.ok || packet.value.extension === undefined) return;
        const { profile, offset, length } = packet.value.extension;
        for (const each of [profile, 0xbede, 0x1000])
          visitHeaderExtensions(bytes, each, offset, length, (_id, at, size) =>
            expect(at + size).toBeLessThanOrEqual(offset + length),
          );
      }),
      { numRuns: 500 },
    );
  });
});
