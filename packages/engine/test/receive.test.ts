/** From datagram to row: who it is from, what is in it, and what never gets that far. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench, PROFILES, Remote } from './support/bench.js';
import { bindingRequest, Chance, hex, receiverReport, rtp } from './support/packets.js';

const STRANGER = L.toAddress('203.0.113.9', 4000);
const SSRC = 0x11223344;

function setUp(profile: L.SrtpProfile = 'AEAD_AES_128_GCM'): { bench: Bench; remote: Remote } {
  const bench = new Bench();
  return { bench, remote: new Remote(bench.engine, 1, profile) };
}

describe('a row says what a packet is', () => {
  test('STUN from anybody, with the address to answer to', () => {
    const { bench } = setUp();
    const [row, ...rest] = bench.inject(STRANGER, bindingRequest());
    expect(rest).toEqual([]);
    expect(row![L.ROW_KIND]).toBe(L.KIND_STUN);
    expect(row![L.ROW_PEER]).toBe(L.NO_PEER);
    expect(row![L.ROW_LENGTH]).toBe(20);
    expect(row![L.ROW_SOCKET]).toBe(0);
    const address = new Uint8Array(Uint32Array.from(row!.slice(L.ROW_ADDRESS, L.ROW_ADDRESS + 5)).buffer);
    expect(L.addressText(address)).toBe('203.0.113.9:4000');
    const bytes = bench.engine.slab.subarray(row![L.ROW_OFFSET]!, row![L.ROW_OFFSET]! + 20);
    expect(Buffer.from(bytes)).toEqual(bindingRequest());
  });

  test.each(PROFILES)('RTP with everything in its header, %s', (profile) => {
    const { bench, remote } = setUp(profile);
    const plain = rtp({
      payloadType: 96,
      marker: true,
      sequence: 65_000,
      timestamp: 0xfffffff0,
      ssrc: 0xdeadbeef,
      csrcs: [1, 2],
      extension: { profile: 0xbede, bytes: hex('10aa0000') },
      payload: Buffer.from('voice'),
      padding: 4,
    });
    const [row] = bench.inject(remote.address, remote.sender.protectRtp(plain, 0));
    const value = (word: number): number => row![word]!;
    expect({
      kind: value(L.ROW_KIND),
      peer: value(L.ROW_PEER),
      ssrc: value(L.ROW_SSRC),
      sequence: value(L.ROW_SEQUENCE),
      roc: value(L.ROW_ROC),
      timestamp: value(L.ROW_TIMESTAMP),
      payloadType: value(L.ROW_PAYLOAD_TYPE),
      marker: value(L.ROW_MARKER),
      headerLength: value(L.ROW_HEADER_LENGTH),
      length: value(L.ROW_LENGTH),
      padding: value(L.ROW_PADDING),
      extensionProfile: value(L.ROW_EXTENSION_PROFILE),
      extensionAt: value(L.ROW_EXTENSION_OFFSET) - value(L.ROW_OFFSET),
      extensionLength: value(L.ROW_EXTENSION_LENGTH),
      csrcs: value(L.ROW_CSRC_COUNT),
    }).toEqual({
      kind: 2,
      peer: remote.peer,
      ssrc: 0xdeadbeef,
      sequence: 65_000,
      roc: 0,
      timestamp: 0xfffffff0,
      payloadType: 96,
      marker: 1,
      headerLength: 28,
      length: 33,
      padding: 4,
      extensionProfile: 0xbede,
      extensionAt: 24,
      extensionLength: 4,
      csrcs: 2,
    });
    const at = value(L.ROW_OFFSET);
    expect(Buffer.from(bench.engine.slab.subarray(at, at + 33))).toEqual(plain.subarray(0, 33));
  });

  test.each(PROFILES)('RTCP as a plain compound, %s', (profile) => {
    const { bench, remote } = setUp(profile);
    const plain = Buffer.concat([receiverReport(7), receiverReport(8)]);
    const [row] = bench.inject(remote.address, remote.sender.protectRtcp(plain, 1));
    expect(row![L.ROW_KIND]).toBe(L.KIND_RTCP);
    expect(row![L.ROW_SSRC]).toBe(7);
    const at = row![L.ROW_OFFSET]!;
    expect(Buffer.from(bench.engine.slab.subarray(at, at + row![L.ROW_LENGTH]!))).toEqual(plain);
  });

  test('DTLS from a bound address only', () => {
    const { bench, remote } = setUp();
    const record = hex('16fefd0000000000000000000100');
    expect(bench.inject(remote.address, record)[0]![L.ROW_KIND]).toBe(L.KIND_DTLS);
    expect(bench.inject(STRANGER, record)).toEqual([]);
    expect(bench.drops).toEqual({ 'dtls-unverified-address': 1 });
  });
});

describe('what is dropped is counted by reason and seen by nobody', () => {
  const good = rtp({});
  const cases: {
    name: string;
    bytes: (remote: Remote) => Uint8Array;
    from?: Uint8Array;
    why: L.DropReason;
  }[] = [
    { name: 'nothing', bytes: () => hex(''), why: 'too-short' },
    { name: 'one byte', bytes: () => hex('80'), why: 'too-short' },
    { name: 'STUN head cut', bytes: () => bindingRequest().subarray(0, 19), why: 'too-short' },
    {
      name: 'STUN length too large',
      bytes: () => hex('000100082112a442' + '00'.repeat(12)),
      why: 'stun-malformed',
    },
    {
      name: 'STUN without cookie',
      bytes: () => hex('0001000000000000' + '00'.repeat(12)),
      why: 'stun-malformed',
    },
    {
      name: 'a DTLS record head cut',
      bytes: () => hex('16fefd00000000000000000000'.slice(0, 24)),
      why: 'too-short',
    },
    { name: 'ZRTP', bytes: () => hex('10' + '00'.repeat(20)), why: 'unknown-class' },
    { name: 'a TURN channel', bytes: () => hex('40' + '00'.repeat(20)), why: 'unknown-class' },
    { name: '0xff', bytes: () => hex('ff'.repeat(20)), why: 'unknown-class' },
    {
      name: 'RTP from a stranger',
      bytes: (r) => r.sender.protectRtp(good, 0),
      from: STRANGER,
      why: 'no-peer',
    },
    { name: 'plain RTP', bytes: () => rtp({ payload: Buffer.alloc(50) }), why: 'srtp-auth' },
    { name: 'H3.8 shorter than its tag', bytes: () => good.subarray(0, 20), why: 'too-short' },
    {
      name: 'SRTCP shorter than tag and index',
      bytes: () => hex('80c90001' + '00'.repeat(23)),
      why: 'too-short',
    },
    { name: 'H4.1 CSRCs beyond the bytes', bytes: () => hex('8f6f' + '00'.repeat(40)), why: 'rtp-malformed' },
    {
      name: 'H4.2 an extension longer than the packet',
      bytes: () => hex('906f0001 00000000 00000001 bede00ff' + '00'.repeat(40)),
      why: 'rtp-malformed',
    },
    {
      name: 'H4.2 an extension head where the packet ends',
      bytes: () => hex('906f0001 00000000 00000001' + '00'.repeat(18)),
      why: 'rtp-malformed',
    },
    {
      name: 'H4.4 padding 0',
      bytes: (r) =>
        r.sender.protectRtp(Buffer.concat([hex('a06f0001 00000000 00000001'), Buffer.alloc(5)]), 0),
      why: 'rtp-malformed',
    },
    {
      name: 'H4.4 more padding than payload',
      bytes: (r) => r.sender.protectRtp(hex('a06f0001 00000000 00000001 0000000006'), 0),
      why: 'rtp-malformed',
    },
    {
      name: 'H4.4 padding without payload',
      bytes: (r) => r.sender.protectRtp(hex('a06f0001 00000000 00000001'), 0),
      why: 'rtp-malformed',
    },
    { name: 'H4.6 longer than a slot', bytes: () => Buffer.alloc(2049, 0x80), why: 'too-long' },
    { name: 'H4.7 version 1', bytes: () => hex('406f' + '00'.repeat(40)), why: 'unknown-class' },
    { name: 'H4.7 version 3', bytes: () => hex('c06f' + '00'.repeat(40)), why: 'unknown-class' },
    {
      name: 'SRTCP that is not encrypted',
      bytes: (r) => r.sender.protectRtcp(receiverReport(5), 1, false),
      why: 'srtcp-unencrypted',
    },
  ];
  test.each(cases)('$name', ({ bytes, from, why }) => {
    const { bench, remote } = setUp();
    expect(bench.inject(from ?? remote.address, bytes(remote))).toEqual([]);
    expect(bench.drops).toEqual({ [why]: 1 });
    expect(bench.engine.stats().batches).toBe(0);
    // Nobody else notices.
    expect(bench.inject(remote.address, remote.sender.protectRtp(rtp({ sequence: 3 }), 0))).toHaveLength(1);
  });

  test('H4.5 an empty payload, and one that is all padding, are packets', () => {
    const { bench, remote } = setUp();
    const empty = remote.sender.protectRtp(rtp({ sequence: 1, payload: Buffer.alloc(0) }), 0);
    const allPadding = remote.sender.protectRtp(
      rtp({ sequence: 2, payload: Buffer.alloc(0), padding: 255 }),
      0,
    );
    const rows = bench.inject(remote.address, empty, allPadding);
    expect(rows.map((row) => row[L.ROW_LENGTH]! - row[L.ROW_HEADER_LENGTH]!)).toEqual([0, 0]);
  });

  test('H4.3 extension forms are not judged here: the bytes are handed on', () => {
    const { bench, remote } = setUp();
    const extension = { profile: 0xbede, bytes: hex('f0001234') };
    const [row] = bench.inject(remote.address, remote.sender.protectRtp(rtp({ extension }), 0));
    expect(row![L.ROW_EXTENSION_LENGTH]).toBe(4);
  });

  test('before there are keys', () => {
    const bench = new Bench();
    const peer = bench.engine.createPeer();
    bench.engine.bindAddress(peer, 0, STRANGER);
    expect(bench.inject(STRANGER, rtp({}), Buffer.concat([receiverReport(1), Buffer.alloc(30)]))).toEqual([]);
    expect(bench.drops).toEqual({ 'srtp-no-keys': 2 });
  });
});

describe('addresses of a peer', () => {
  test('at most 8, and one address belongs to one peer', () => {
    const { engine } = new Bench();
    const [one, two] = [engine.createPeer(), engine.createPeer()];
    const address = (i: number): Uint8Array => L.toAddress('192.0.2.1', 1000 + i);
    for (let i = 0; i < 8; i++) expect(engine.bindAddress(one, 0, address(i))).toBe(true);
    expect(engine.bindAddress(one, 0, address(8))).toBe(false);
    expect(engine.bindAddress(one, 0, address(3))).toBe(true); // again is no change
    expect(engine.bindAddress(two, 0, address(3))).toBe(false);
    engine.unbindAddress(one, 0, address(3));
    expect(engine.bindAddress(two, 0, address(3))).toBe(true);
    expect(engine.bindAddress(one, 0, address(8))).toBe(true);
  });

  test('the selected one, when it is unbound, is sent to no more; another one that is unbound changes nothing', () => {
    const bench = new Bench();
    const { engine } = bench;
    const { peer, address } = new Remote(engine, 1);
    const other = L.toAddress('192.0.2.1', 1000);
    engine.bindAddress(peer, 0, other);
    engine.unbindAddress(peer, 0, other);
    expect(engine.sendRtcp(peer, receiverReport(1))).toBe(true);
    engine.unbindAddress(peer, 0, address);
    expect(engine.sendRtcp(peer, receiverReport(1))).toBe(false);
    expect(bench.drops).toEqual({ 'peer-no-address': 1 });
    engine.bindAddress(peer, 0, other);
    engine.selectAddress(peer, 0, other);
    expect(engine.sendRtcp(peer, receiverReport(1))).toBe(true);
  });

  test('the same remote address on another socket is another one', () => {
    const { bench, remote } = setUp();
    const bytes = remote.sender.protectRtp(rtp({}), 0);
    bench.engine.inject([{ socket: 1, from: remote.address, bytes }], 5);
    expect(bench.rows).toEqual([]);
    expect(bench.drops).toEqual({ 'no-peer': 1 });
  });

  test('a thousand peers with all their addresses come and go', () => {
    const bench = new Bench();
    const chance = new Chance(5);
    const live = new Map<string, number>();
    const owned = new Map<number, string[]>();
    for (let round = 0; round < 3000; round++) {
      if (owned.size > 300 || (owned.size > 0 && chance.below(3) === 0)) {
        const peer = [...owned.keys()][chance.below(owned.size)]!;
        bench.engine.closePeer(peer);
        for (const key of owned.get(peer)!) live.delete(key);
        owned.delete(peer);
        continue;
      }
      const peer = bench.engine.createPeer();
      owned.set(peer, []);
      for (let i = 0; i <= chance.below(8); i++) {
        const [low, port] = [chance.below(200), 1 + chance.below(5)];
        const key = `${low}:${port}`;
        const free = !live.has(key) || live.get(key) === peer;
        expect(bench.engine.bindAddress(peer, 0, L.toAddress(`10.1.1.${low}`, port))).toBe(free);
        if (!free || live.has(key)) continue;
        live.set(key, peer);
        owned.get(peer)!.push(key);
      }
    }
    for (let low = 0; low < 200; low++) {
      for (let port = 1; port <= 5; port++) {
        const [row] = bench.inject(L.toAddress(`10.1.1.${low}`, port), bindingRequest());
        expect(row![L.ROW_PEER]).toBe(live.get(`${low}:${port}`) ?? L.NO_PEER);
      }
    }
    expect(bench.engine.stats().peers).toBe(owned.size);
  });

  test('the number of a closed peer is never given again soon, and means nothing', () => {
    const { engine } = new Bench({ maxPeers: 1 });
    const seen = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      const peer = engine.createPeer();
      expect(seen.has(peer)).toBe(false);
      seen.add(peer);
      engine.closePeer(peer);
      engine.closePeer(peer);
      expect(() => engine.bindAddress(peer, 0, STRANGER)).toThrow(/BAD_HANDLE/);
    }
    engine.createPeer();
    expect(() => engine.createPeer()).toThrow(/PEERS_EXHAUSTED/);
  });
});

describe('slots', () => {
  test('a retained slot keeps its bytes, others are used again', () => {
    const { bench, remote } = setUp();
    const before = bench.engine.freeSlots;
    const kept: number[] = [];
    bench.onBatch = (count) => {
      for (let i = 0; i < count; i++) {
        const slot = bench.engine.rows[i * L.ROW_WORDS + L.ROW_SLOT]!;
        if (i === 0) {
          expect(bench.engine.retain(slot)).toBe(true);
          kept.push(slot);
        }
      }
      return 0;
    };
    for (let i = 0; i < 100; i++) {
      const packet = (n: number): Uint8Array =>
        remote.sender.protectRtp(
          rtp({ sequence: 3 * i + n, payload: Buffer.from(`${3 * i + n}`.padStart(4)) }),
          0,
        );
      bench.inject(remote.address, packet(0), packet(1), packet(2));
    }
    kept.forEach((slot, i) => {
      const text = Buffer.from(bench.engine.slab.subarray(slot * 2048 + 12, slot * 2048 + 16)).toString();
      expect(parseInt(text)).toBe(3 * i);
    });
    expect(before - bench.engine.freeSlots).toBeGreaterThanOrEqual(100);
    for (const slot of kept) bench.engine.release(slot);
    expect(bench.engine.freeSlots).toBeGreaterThanOrEqual(1024 - 64);
    expect(() => bench.engine.release(kept[0]!)).toThrow(/SLOT_NOT_RETAINED/);
    expect(() => bench.engine.retain(999_999)).toThrow(/SLOT_NOT_RETAINED/);
  });

  test('whoever keeps everything is refused before receiving stops', () => {
    const { bench, remote } = setUp();
    bench.engine.setRateLimit(remote.peer, 1e6, 1e6);
    let refused = 0;
    bench.onBatch = (count) => {
      for (let i = 0; i < count; i++) {
        if (!bench.engine.retain(bench.engine.rows[i * L.ROW_WORDS + L.ROW_SLOT]!)) refused++;
      }
      return 0;
    };
    for (let i = 0; i < 2000; i++)
      bench.inject(remote.address, remote.sender.protectRtp(rtp({ sequence: i }), 0));
    expect(refused).toBeGreaterThan(1000);
    expect(bench.drops).toEqual({});
  });

  test('words that TypeScript spoils are not used as slots', () => {
    const { bench, remote } = setUp();
    bench.onBatch = () => {
      bench.engine.rows.fill(0xffffffff);
      return 0;
    };
    for (let i = 0; i < 200; i++)
      bench.inject(remote.address, remote.sender.protectRtp(rtp({ sequence: i }), 0));
    expect(bench.drops).toEqual({});
  });
});

test('a batch larger than the rows comes in several', () => {
  const bench = new Bench();
  const sizes: number[] = [];
  bench.onBatch = (count) => {
    sizes.push(count);
    return 0;
  };
  bench.inject(STRANGER, ...Array.from({ length: 600 }, () => bindingRequest()));
  expect(sizes).toEqual([256, 256, 88]);
});

test('an exception of onBatch comes out of inject and leaves nothing behind', () => {
  const { bench } = setUp();
  let fail = true;
  bench.onBatch = () => {
    if (fail) throw new Error('mine');
    return 0;
  };
  const free = (): number => bench.engine.freeSlots;
  bench.engine.inject([], 1);
  expect(() => bench.inject(STRANGER, bindingRequest())).toThrow('mine');
  const after = free();
  for (let i = 0; i < 50; i++) expect(() => bench.inject(STRANGER, bindingRequest())).toThrow('mine');
  expect(free()).toBe(after);
  fail = false;
  expect(bench.inject(STRANGER, bindingRequest())).toHaveLength(1);
});

test('H4.10 10,000 packets per second from one peer: its limit, before decryption, nobody else', () => {
  const bench = new Bench();
  const [loud, quiet] = [new Remote(bench.engine, 1), new Remote(bench.engine, 2)];
  let passed = 0;
  for (let ms = 0; ms < 1000; ms++) {
    const bytes = Array.from({ length: 10 }, (_, i) =>
      loud.sender.protectRtp(rtp({ ssrc: SSRC, sequence: ms * 10 + i, payload: Buffer.alloc(1) }), 0),
    );
    passed += bench.inject(loud.address, ...bytes).length;
  }
  expect(passed).toBeGreaterThan(5900);
  expect(passed).toBeLessThan(6100); // 5,000/s and a burst of 1,000
  expect(bench.drops).toEqual({ 'rate-limit': 10_000 - passed });
  expect(bench.inject(quiet.address, quiet.sender.protectRtp(rtp({}), 0))).toHaveLength(1);
});
