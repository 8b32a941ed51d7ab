import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseStun,
  STUN_LIMITS,
  verifyStunIntegrity,
  writeBindingError,
  writeBindingRequest,
  writeBindingSuccess,
  type StunMessage,
} from '../src/index.js';
import { hex, readVectors } from './support/vectors.js';

const hmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac('sha1', key).update(bytes).digest();
const key = Buffer.from('a password of 22 chars');
const transactionId = hex('000102030405060708090a0b');

function read(bytes: Uint8Array): StunMessage {
  const message = parseStun(bytes);
  if (!message.ok) throw new Error(message.why);
  return message.value;
}

describe('what is written is read', () => {
  const transactionIds = fc.uint8Array({ minLength: 12, maxLength: 12 });

  test('binding request', () => {
    const fields = fc.record({
      transactionId: transactionIds,
      username: fc.string({ unit: 'grapheme', maxLength: 60 }),
      priority: fc.nat(0xffffffff),
      useCandidate: fc.boolean(),
      role: fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
      controlling: fc.boolean(),
    });
    fc.assert(
      fc.property(fields, ({ role, controlling, ...rest }) => {
        const side = controlling ? { iceControlling: role } : { iceControlled: role };
        const bytes = writeBindingRequest({ ...rest, ...side, key, hmac });
        const message = read(bytes);
        expect(message).toMatchObject({ class: 'request', method: 1, fingerprint: true, ...rest, ...side });
        expect(verifyStunIntegrity(bytes, message, key, hmac)).toBe(true);
      }),
    );
  });

  test.each(['192.0.2.1', '0.0.0.0', '255.255.255.255'])('success with %s', (ip) => {
    const bytes = writeBindingSuccess({ transactionId, mapped: { family: 4, ip, port: 65_535 }, key, hmac });
    expect(read(bytes).xorMappedAddress).toEqual({ family: 4, ip, port: 65_535 });
    expect(verifyStunIntegrity(bytes, read(bytes), key, hmac)).toBe(true);
  });

  test.each([
    ['::1', '::1'],
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::', 'fe80::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('success with %s reads back as %s (RFC 5952)', (ip, want) => {
    const bytes = writeBindingSuccess({ transactionId, mapped: { family: 6, ip, port: 1 }, key, hmac });
    expect(read(bytes).xorMappedAddress).toEqual({ family: 6, ip: want, port: 1 });
  });

  test.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1::2::3',
    ':1',
    '1:2:3:4:5:6:7',
    '12345::',
    '::1%eth0',
  ])('an answer to "%s", which is no address, is a mistake of ours', (ip) => {
    const write = () => writeBindingSuccess({ transactionId, mapped: { family: 4, ip, port: 1 }, key, hmac });
    expect(write).toThrow(TypeError);
  });

  test('error with and without a key', () => {
    const signed = writeBindingError({ transactionId, code: 487, reason: 'Role Conflict', key, hmac });
    expect(read(signed)).toMatchObject({ class: 'error', errorCode: { code: 487, reason: 'Role Conflict' } });
    expect(verifyStunIntegrity(signed, read(signed), key, hmac)).toBe(true);
    const bare = writeBindingError({ transactionId, code: 420, reason: 'x', unknownAttributes: [0x77] });
    expect(read(bare)).toMatchObject({ errorCode: { code: 420, reason: 'x' }, fingerprint: true });
    expect(verifyStunIntegrity(bare, read(bare), key, hmac)).toBe(false);
  });
});

describe('hostile: STUN', () => {
  const sample = hex(readVectors('stun')[0]!.hex);
  const sampleKey = Buffer.from(readVectors('stun')[0]!.key!);

  test('H1.1 a header cut anywhere is refused as short', () => {
    for (let length = 0; length < 20; length++)
      expect(parseStun(sample.subarray(0, length))).toEqual({ ok: false, why: 'stun-short' });
  });

  test('H1.2 an attribute longer than the packet is refused', () => {
    for (const length of [13, 0x7fff, 0xffff]) {
      const bytes = sample.slice();
      bytes[22] = length >> 8;
      bytes[23] = length & 0xff;
      expect(parseStun(bytes).ok).toBe(false);
    }
  });

  test('H1.3 a username of 65,532 bytes is refused', () => {
    const bytes = new Uint8Array(20 + 65_532);
    bytes.set(hex('0001fffc2112a442000102030405060708090a0b0006fff8'));
    expect(parseStun(bytes)).toEqual({ ok: false, why: 'stun-attribute-value' });
  });

  test('H1.3 a packet of nothing but empty attributes is refused after a bounded number', () => {
    const bytes = new Uint8Array(20 + 4 * 300);
    bytes.set(hex('000104b02112a442000102030405060708090a0b'));
    expect(parseStun(bytes)).toEqual({ ok: false, why: 'stun-too-many-attributes' });
  });

  test('H1.4 no flipped byte before MESSAGE-INTEGRITY keeps it right, and no message without it is', () => {
    for (let at = 4; at < 76; at++) {
      const bytes = sample.slice();
      bytes[at]! ^= 0x10;
      // FINGERPRINT would catch it first: cut it off, as an attacker who cannot forge would.
      const bare = bytes.slice(0, bytes.length - 8);
      bare[3] = bare.length - 20;
      const message = parseStun(bare);
      if (message.ok) expect(verifyStunIntegrity(bare, message.value, sampleKey, hmac)).toBe(false);
    }
    const without = hex('000100002112a442000102030405060708090a0b');
    expect(verifyStunIntegrity(without, read(without), sampleKey, hmac)).toBe(false);
  });

  test('H1.4 integrity is judged by the HMAC of the whole key: a hash of another length is never right', () => {
    const short = () => new Uint8Array(0);
    expect(verifyStunIntegrity(sample, read(sample), sampleKey, short)).toBe(false);
  });

  test('H1.5 each wrong bit of FINGERPRINT is a refusal, and so is anything behind it', () => {
    for (let bit = 0; bit < 32; bit++) {
      const bytes = sample.slice();
      bytes[bytes.length - 4 + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(parseStun(bytes)).toEqual({ ok: false, why: 'stun-fingerprint' });
    }
    const longer = new Uint8Array([...sample, 0x80, 0x22, 0, 0]);
    longer[3]! += 4;
    // The checksum covers the length field, so the honest one no longer fits either.
    expect(parseStun(longer).ok).toBe(false);
  });

  test('H1.7 USE-CANDIDATE smuggled in behind MESSAGE-INTEGRITY has no effect', () => {
    const signed = writeBindingRequest({ transactionId, username: 'a:b', priority: 1, key, hmac });
    const bytes = new Uint8Array([...signed.subarray(0, signed.length - 8), 0x00, 0x25, 0, 0]);
    bytes[3] = bytes.length - 20;
    const message = read(bytes);
    expect(verifyStunIntegrity(bytes, message, key, hmac)).toBe(true);
    expect(message.useCandidate).toBe(false);
  });

  test('H1.10 unknown required attributes are listed up to a limit, so that the answer stays small', () => {
    const bytes = new Uint8Array(20 + 4 * 60);
    bytes.set(hex('000100f02112a442000102030405060708090a0b'));
    for (let i = 0; i < 60; i++) bytes.set([0x01, i, 0, 0], 20 + 4 * i);
    const { unknownRequired } = read(bytes);
    expect(unknownRequired).toHaveLength(STUN_LIMITS.unknownReported);
    const answer = writeBindingError({
      transactionId,
      code: 420,
      reason: 'Unknown Attribute',
      unknownAttributes: unknownRequired,
      key,
      hmac,
    });
    expect(answer.length).toBeLessThanOrEqual(bytes.length);
  });

  test('any bytes at all are read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = new Uint8Array([...hex('00010000 2112a442 000102030405060708090a0b'), ...tail]);
        bytes[2] = tail.length >> 8;
        bytes[3] = tail.length & 0xff;
        expect(typeof parseStun(bytes).ok).toBe('boolean');
      }),
    );
  });
});
