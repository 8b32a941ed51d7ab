/** SRTP receive state: roll-over counter, replay lists, bad tags, re-keying. RFC 3711 §3.3.1, §3.3.2. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench, PROFILES, Remote } from './support/bench.js';
import { Chance, receiverReport, rtp } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

function setUp(profile: L.SrtpProfile = 'AEAD_AES_128_GCM'): {
  bench: Bench;
  remote: Remote;
  send: (...extendedSequences: number[]) => number[];
} {
  const bench = new Bench();
  const remote = new Remote(bench.engine, 1, profile);
  bench.engine.setRateLimit(remote.peer, 1e9, 1e9);
  /** @returns the extended sequence numbers that came out */
  const send = (...extended: number[]): number[] =>
    bench
      .inject(
        remote.address,
        ...extended.map((e) =>
          remote.sender.protectRtp(rtp({ sequence: e & 0xffff }), Math.floor(e / 65_536)),
        ),
      )
      .map((row) => row[L.ROW_ROC]! * 65_536 + row[L.ROW_SEQUENCE]!);
  return { bench, remote, send };
}

describe('roll-over counter', () => {
  test.each(PROFILES)('H3.4 counts over wraps with loss across them, %s', (profile) => {
    const { send } = setUp(profile);
    const chance = new Chance(3);
    let at = 30_000;
    for (let i = 0; i < 300; i++) {
      expect(send(at)).toEqual([at]);
      at += 1 + chance.below(3000); // up to 3,000 lost in a row, again and again over a wrap
    }
    expect(at).toBeGreaterThan(65_536 * 4);
  });

  test('late packets from before a wrap still have the old counter', () => {
    const { send } = setUp();
    expect(send(65_530, 65_537, 65_534, 65_536, 65_531)).toEqual([65_530, 65_537, 65_534, 65_536, 65_531]);
  });

  test('joining 5 packets before the wrap and losing the first 10 fails, as RFC 3711 has it: senders start low', () => {
    // The sender's packet 65,531 is lost; the first seen is number 5 after the wrap, and its counter is taken for 0.
    const { bench, send } = setUp();
    expect(send(65_536 + 5)).toEqual([]);
    expect(bench.drops).toEqual({ 'srtp-auth': 1 });
    // A stream that starts below 32,768 is safe.
    const safe = setUp();
    expect(safe.send(32_767 + 10, 65_536 + 3)).toEqual([32_777, 65_539]);
  });

  test('H3.3 a jump of more than half the circle does not authenticate and changes nothing', () => {
    const { bench, send } = setUp();
    expect(send(100)).toEqual([100]);
    expect(send(100 + 32_769)).toEqual([]); // taken for a packet before the stream's beginning
    expect(send(100 + 32_768)).toEqual([100 + 32_768]);
    expect(send(101, 102)).toEqual([]); // older than the window by now
    expect(bench.drops).toEqual({ 'srtp-replay': 3 });
  });

  test('H3.3 jumps backwards by half the circle are old or unauthentic, never accepted', () => {
    const { bench, send } = setUp();
    expect(send(200_000)).toEqual([]); // counter 3 cannot be guessed
    expect(send(40_000, 70_000, 130_000)).toEqual([40_000, 70_000]);
    expect(send(70_000 - 32_768, 70_000 - 32_767)).toEqual([]);
    expect(send(70_001)).toEqual([70_001]);
    expect(bench.drops['srtp-auth']).toBe(2);
    expect(bench.drops['srtp-replay']).toBe(2);
  });
});

describe('replay', () => {
  test.each(PROFILES)('H3.2 each packet passes once, also in the wrong order, %s', (profile) => {
    const { bench, send } = setUp(profile);
    const order = [10, 12, 11, 12, 10, 500, 499, 10, 11, 1400, 377, 376, 1400];
    expect(send(...order)).toEqual([10, 12, 11, 500, 499, 1400, 377]); // 376 lies 1,024 behind 1,400
    expect(bench.drops).toEqual({ 'srtp-replay': 6 });
  });

  test('any order of 3,000 packets over a wrap: each at most once, all that are not too old', () => {
    const { send } = setUp();
    const chance = new Chance(11);
    const seen = new Set<number>();
    let highest = 64_000;
    send(highest);
    seen.add(highest);
    for (let i = 0; i < 3000; i++) {
      const e = highest - 1200 + chance.below(1260);
      const fresh = e > highest || (highest - e < 1024 && !seen.has(e));
      expect(send(e)).toEqual(fresh ? [e] : []);
      if (!fresh) continue;
      seen.add(e);
      highest = Math.max(highest, e);
    }
    expect(highest).toBeGreaterThan(66_000);
  });

  test.each(PROFILES)('H3.7 SRTCP indexes, too, %s', (profile) => {
    const { bench, remote } = setUp(profile);
    const report = (index: number, ssrc = 5): Uint8Array =>
      remote.sender.protectRtcp(receiverReport(ssrc), index);
    const rows = bench.inject(
      remote.address,
      ...[1, 2, 1, 2, 2000, 977, 976, 0x7fffffff].map((i) => report(i)),
    );
    expect(rows).toHaveLength(5);
    expect(bench.drops).toEqual({ 'srtp-replay': 3 });
    expect(bench.inject(remote.address, report(1, 6))).toHaveLength(1); // another SSRC counts for itself
  });
});

describe('bad tags', () => {
  test.each(PROFILES)('H3.1 100,000 of them change nothing, %s', (profile) => {
    const { bench, remote, send } = setUp(profile);
    expect(send(100)).toEqual([100]);
    const chance = new Chance(17);
    const genuine = Buffer.from(remote.sender.protectRtp(rtp({ sequence: 101 }), 0));
    for (let round = 0; round < 250; round++) {
      const flood = Array.from({ length: 400 }, () => {
        const forged = Buffer.from(genuine);
        forged.writeUInt16BE(chance.below(65_536), 2);
        forged[forged.length - 1 - chance.below(4)]! ^= 1 + chance.below(255);
        return forged;
      });
      expect(bench.inject(remote.address, ...flood)).toEqual([]);
    }
    const drops = bench.drops;
    expect(drops['srtp-auth']! + (drops['srtp-replay'] ?? 0)).toBe(100_000);
    expect(send(101, 102)).toEqual([101, 102]);
  });

  test('H3.6 an MKI that nobody negotiated is a wrong tag', () => {
    const { bench, remote } = setUp();
    const packet = Buffer.concat([remote.sender.protectRtp(rtp({}), 0), Buffer.from([0, 0, 0, 1])]);
    expect(bench.inject(remote.address, packet)).toEqual([]);
    expect(bench.drops).toEqual({ 'srtp-auth': 1 });
  });

  test('an unauthentic packet opens no source', () => {
    const { bench, remote, send } = setUp();
    for (let ssrc = 0; ssrc < 200; ssrc++) {
      const forged = Buffer.from(remote.sender.protectRtp(rtp({ ssrc }), 0));
      forged[forged.length - 1]! ^= 1;
      bench.inject(remote.address, forged);
    }
    expect(bench.drops).toEqual({ 'srtp-auth': 200 });
    expect(send(1)).toEqual([1]);
  });
});

describe('sources', () => {
  test('H4.9 the 65th SSRC of a peer is refused, the others go on', () => {
    const { bench, remote } = setUp();
    const packet = (ssrc: number, sequence: number): Uint8Array =>
      remote.sender.protectRtp(rtp({ ssrc, sequence }), 0);
    const rows = bench.inject(remote.address, ...Array.from({ length: 100 }, (_, ssrc) => packet(ssrc, 1)));
    expect(rows).toHaveLength(64);
    expect(bench.drops).toEqual({ 'ssrc-limit': 36 });
    expect(bench.inject(remote.address, packet(0, 2), packet(63, 2))).toHaveLength(2);
  });

  test('the same for SRTCP senders', () => {
    const { bench, remote } = setUp();
    const reports = Array.from({ length: 70 }, (_, ssrc) =>
      remote.sender.protectRtcp(receiverReport(ssrc), 1),
    );
    expect(bench.inject(remote.address, ...reports)).toHaveLength(64);
    expect(bench.drops).toEqual({ 'ssrc-limit': 6 });
  });

  test('H4.10 one SSRC from two peers: each has its own state', () => {
    const bench = new Bench();
    const [one, two] = [new Remote(bench.engine, 1), new Remote(bench.engine, 2)];
    const packet = rtp({ ssrc: 9, sequence: 50 });
    expect(bench.inject(one.address, one.sender.protectRtp(packet, 0))[0]![L.ROW_PEER]).toBe(one.peer);
    expect(bench.inject(two.address, two.sender.protectRtp(packet, 0))[0]![L.ROW_PEER]).toBe(two.peer);
    expect(bench.inject(one.address, two.sender.protectRtp(packet, 0))).toEqual([]);
  });
});

test('H3.5 new keys: packets of the old ones are refused, early ones of the new as well, then all is new', () => {
  const { bench, remote, send } = setUp();
  expect(send(10)).toEqual([10]);
  const chance = new Chance(99);
  const keys = {
    receiveKey: chance.bytes(16),
    receiveSalt: chance.bytes(12),
    sendKey: chance.bytes(16),
    sendSalt: chance.bytes(12),
  };
  const next = new SrtpReference('AEAD_AES_128_GCM', keys.receiveKey, keys.receiveSalt);
  expect(bench.inject(remote.address, next.protectRtp(rtp({ sequence: 11 }), 0))).toEqual([]);
  bench.engine.setKeys(remote.peer, 'AEAD_AES_128_GCM', keys);
  expect(send(12)).toEqual([]);
  expect(bench.inject(remote.address, next.protectRtp(rtp({ sequence: 10 }), 0))).toHaveLength(1);
  expect(bench.drops).toEqual({ 'srtp-auth': 2 });
});

test('keys of the wrong length are refused with what would be right', () => {
  const { bench, remote } = setUp();
  const keys = {
    receiveKey: new Uint8Array(16),
    receiveSalt: new Uint8Array(14),
    sendKey: new Uint8Array(16),
    sendSalt: new Uint8Array(14),
  };
  expect(() => bench.engine.setKeys(remote.peer, 'AEAD_AES_128_GCM', keys)).toThrow(
    /BAD_KEYS.*salts of 12 bytes/,
  );
  bench.engine.setKeys(remote.peer, 'AES_CM_128_HMAC_SHA1_80', keys);
});
