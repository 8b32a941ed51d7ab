/** Published vectors, both for the engine and for the independent implementation that the other tests judge it by. */
import { describe, expect, test } from 'vitest';
import { SRTP_PROFILES } from '../src/dtls.js';
import { loadNative } from '../src/native.js';
import { hex } from './support/packets.js';
import { derive, keystream, SrtpReference } from './support/srtp.js';
import type { ReferenceProfile } from './support/srtp.js';

const native = loadNative();

describe('RFC 3711 B.3, key derivation', () => {
  const key = hex('E1F97A0D3E018BE0D64FA32C06DE4139');
  const salt = hex('0EC675AD498AFEEBB6960B3AABE6');
  test.each([
    { name: 'cipher key', label: 0, want: 'C61E7A93744F39EE10734AFE3FF7A087' },
    { name: 'authentication key', label: 1, want: 'CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4' },
    { name: 'salt', label: 2, want: '30CBBC08863D8C85D49DB34A9AE1' },
  ])('$name', ({ label, want }) => {
    const bytes = hex(want);
    expect(derive(key, salt, label, bytes.length)).toEqual(bytes);
    expect(Buffer.from(native.testDerive(key, salt, label, bytes.length))).toEqual(bytes);
  });
});

test('RFC 3711 B.2, AES-CM key stream', () => {
  const stream = keystream(
    hex('2B7E151628AED2A6ABF7158809CF4F3C'),
    hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000'),
    0xff02 * 16,
  );
  expect(stream.subarray(0, 32)).toEqual(
    hex('E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB'),
  );
  expect(stream.subarray(0xfeff * 16)).toEqual(
    hex('EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44'),
  );
});

const SALT = hex('517569642070726f2071756f');
const KEY_128 = hex('000102030405060708090a0b0c0d0e0f');
const KEY_256 = Buffer.concat([KEY_128, hex('101112131415161718191a1b1c1d1e1f')]);
const RTP = hex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973
  20646976 69736120 696e2070 61727465 73207472 6573`);
const RTCP = hex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930
  4c756e61 deadbeef deadbeef deadbeef deadbeef deadbeef`);
const RTCP_INDEX = 0x5d4;

/** RFC 7714 gives session keys. */
const VECTORS: { name: string; profile: ReferenceProfile; key: Buffer; rtcp: boolean; want: Buffer }[] = [
  {
    name: '§16.1.1 RTP, AES-128',
    profile: 'AEAD_AES_128_GCM',
    key: KEY_128,
    rtcp: false,
    want: hex(`8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca
      be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`),
  },
  {
    name: '§16.2.1 RTP, AES-256',
    profile: 'AEAD_AES_256_GCM',
    key: KEY_256,
    rtcp: false,
    want: hex(`8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa
      b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`),
  },
  {
    name: '§17.1 RTCP, AES-128',
    profile: 'AEAD_AES_128_GCM',
    key: KEY_128,
    rtcp: true,
    want: hex(`81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7
      6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`),
  },
  {
    name: '§17.3 RTCP, AES-256',
    profile: 'AEAD_AES_256_GCM',
    key: KEY_256,
    rtcp: true,
    want: hex(`81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d
      bffe0a50 a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4`),
  },
];

describe.each(VECTORS)('RFC 7714 $name', ({ profile, key, rtcp, want }) => {
  const number = SRTP_PROFILES.indexOf(profile) + 1;
  const plain = rtcp ? RTCP : RTP;
  const index = rtcp ? RTCP_INDEX : 0;

  test('the independent implementation', () => {
    const reference = new SrtpReference(profile, key, SALT, { areSessionKeys: true });
    const sealed = rtcp ? reference.protectRtcp(plain, index) : reference.protectRtp(plain, 0);
    expect(sealed).toEqual(want);
    expect(rtcp ? reference.unprotectRtcp(want)?.plain : reference.unprotectRtp(want, 0)).toEqual(plain);
  });

  test.each(native.testCiphers())('the engine seals with %s', (cipher) => {
    const sealed = native.testProtect(number, key, SALT, plain, index, rtcp, cipher, true);
    expect(Buffer.from(sealed)).toEqual(want);
  });

  test('the engine opens', () => {
    const opened = native.testUnprotect(number, key, SALT, want, index, rtcp, true);
    expect(opened && Buffer.from(opened)).toEqual(plain);
  });

  test('the engine refuses every single flipped bit', () => {
    for (let bit = 0; bit < want.length * 8; bit++) {
      const damaged = Buffer.from(want);
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      expect(native.testUnprotect(number, key, SALT, damaged, index, rtcp, true)).toBeUndefined();
    }
  });
});
