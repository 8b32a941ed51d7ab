/** The engine against the independent implementation on random packets: 4 profiles × 5,500, both directions. */
import { describe, expect, test } from 'vitest';
import { SRTP_PROFILES } from '../src/dtls.js';
import { loadNative } from '../src/native.js';
import { SRTP_KEY_LENGTHS } from '../src/types.js';
import { PROFILES } from './support/bench.js';
import { Chance, rtp } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

const native = loadNative();
const PACKETS = 5_500;

describe.each(PROFILES)('%s', (profile) => {
  const number = SRTP_PROFILES.indexOf(profile) + 1;
  const { key, salt } = SRTP_KEY_LENGTHS[profile];

  test(`${PACKETS} packets are sealed alike and opened alike`, () => {
    const chance = new Chance(number * 7919);
    const ciphers = profile.startsWith('AEAD') ? native.testCiphers() : ['evp'];
    let masterKey = chance.bytes(key);
    let masterSalt = chance.bytes(salt);
    let reference = new SrtpReference(profile, masterKey, masterSalt);
    for (let i = 0; i < PACKETS; i++) {
      if (i % 50 === 0) {
        masterKey = chance.bytes(key);
        masterSalt = chance.bytes(salt);
        reference = new SrtpReference(profile, masterKey, masterSalt);
      }
      const isRtcp = chance.below(4) === 0;
      const cipher = ciphers[i % ciphers.length]!;
      const index = isRtcp ? chance.u32() & 0x7fffffff : chance.below(3) ? chance.below(4) : chance.u32();
      const plain = isRtcp ? randomRtcp(chance) : randomRtp(chance);
      const want = Buffer.from(
        isRtcp ? reference.protectRtcp(plain, index) : reference.protectRtp(plain, index),
      );
      const sealed = Buffer.from(
        native.testProtect(number, masterKey, masterSalt, plain, index, isRtcp, cipher),
      );
      // Comparing buffers with equals(): expect() on 22,000 of them takes minutes.
      if (!sealed.equals(want)) expect(sealed.toString('hex')).toBe(want.toString('hex'));
      const opened = native.testUnprotect(number, masterKey, masterSalt, want, index, isRtcp);
      if (!opened || !plain.equals(opened)) expect(opened).toEqual(plain);
      want[chance.below(want.length)]! ^= 1 << chance.below(8);
      if (native.testUnprotect(number, masterKey, masterSalt, want, index, isRtcp)) {
        expect.fail(`packet ${i}: a damaged packet was opened`);
      }
    }
  });
});

function randomRtp(chance: Chance): Buffer {
  return rtp({
    payloadType: chance.below(128),
    marker: chance.below(2) === 1,
    sequence: chance.below(65_536),
    timestamp: chance.u32(),
    ssrc: chance.u32(),
    csrcs: Array.from({ length: chance.below(16) }, () => chance.u32()),
    ...(chance.below(2) ? { extension: { profile: 0xbede, bytes: chance.bytes(4 * chance.below(8)) } } : {}),
    payload: chance.bytes(chance.below(3) ? chance.below(160) : chance.below(1400)),
  });
}

function randomRtcp(chance: Chance): Buffer {
  const packet = Buffer.concat([Buffer.from('81c90007', 'hex'), chance.bytes(4 + 4 * chance.below(60))]);
  packet.writeUInt16BE(packet.length / 4 - 1, 2);
  return packet;
}
