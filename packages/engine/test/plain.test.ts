/** Peers without ICE: no SRTP, sockets of their own, SCTP without DTLS, and peers without an address at all. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench } from './support/bench.js';
import { Chance, receiverReport, rtp } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

const REMOTE = L.toAddress('192.0.2.1', 5004);
const STRANGER = L.toAddress('203.0.113.9', 4000);
const SSRC = 0x11223344;
const SOCKET = 0;

const packet = (sequence: number): Buffer => rtp({ ssrc: SSRC, sequence, payload: Buffer.from('voice') });
/** Ports 5000 and 5000, a verification tag and a checksum: all that is looked at here. */
const sctp = Buffer.from('138813880000000012345678', 'hex');

function setUp({ latch = false, plain = true } = {}): { bench: Bench; peer: number } {
  const bench = new Bench();
  const peer = bench.engine.createPeer();
  if (plain) bench.engine.setPlain(peer);
  bench.engine.ownSocket(peer, SOCKET, latch);
  return { bench, peer };
}

function given(): { bench: Bench; peer: number } {
  const made = setUp();
  made.bench.engine.bindAddress(made.peer, SOCKET, REMOTE);
  made.bench.engine.selectAddress(made.peer, SOCKET, REMOTE);
  return made;
}

const addressOf = (row: number[]): string =>
  L.addressText(new Uint8Array(Uint32Array.from(row.slice(L.ROW_ADDRESS, L.ROW_ADDRESS + 5)).buffer));

describe('without SRTP', () => {
  test('RTP and RTCP are rows as they came', () => {
    const { bench, peer } = given();
    const report = receiverReport(SSRC);
    const rows = bench.inject(REMOTE, packet(7), report);
    expect(rows.map((row) => [row[L.ROW_KIND], row[L.ROW_PEER], row[L.ROW_SSRC]])).toEqual([
      [L.KIND_RTP, peer, SSRC],
      [L.KIND_RTCP, peer, SSRC],
    ]);
    const at = rows[0]![L.ROW_OFFSET]!;
    expect(Buffer.from(bench.engine.slab.subarray(at, at + rows[0]![L.ROW_LENGTH]!))).toEqual(packet(7));
    expect(rows[1]![L.ROW_LENGTH]).toBe(report.length);
  });

  test('numbers are extended over the turn, late and repeated packets pass', () => {
    const { bench } = given();
    const sequences = [2, 65_535, 65_535, 3, 30_000, 60_000, 5, 5, 59_999];
    const rows = bench.inject(REMOTE, ...sequences.map(packet));
    const numbers = rows.map((row) => row[L.ROW_ROC]! * 65_536 + row[L.ROW_SEQUENCE]!);
    const first = numbers[0]!;
    expect(numbers.map((number) => number - first)).toEqual([
      0, -3, -3, 1, 29_998, 59_998, 65_539, 65_539, 59_997,
    ]);
    expect(bench.drops).toEqual({});
  });

  test('of more sources than may be, all pass, and those that go on keep their numbers', () => {
    const { bench, peer } = given();
    bench.engine.setRateLimit(peer, 1e6, 1e6, 4);
    for (let ssrc = 1; ssrc <= 100; ssrc++)
      expect(bench.inject(REMOTE, rtp({ ssrc, sequence: 1, payload: Buffer.from('x') }))).toHaveLength(1);
  });

  test('what is sent is not encrypted', () => {
    const { bench, peer } = given();
    const report = receiverReport(SSRC);
    bench.engine.sendRtcp(peer, report);
    bench.engine.setNow(2_000_000);
    bench.engine.flush(0);
    const [sent] = bench.engine.takeSent();
    expect(Buffer.from(sent!.bytes)).toEqual(report);
    expect(L.addressText(sent!.to)).toBe('192.0.2.1:5004');
  });

  test('malformed packets are refused', () => {
    const { bench } = given();
    const broken = packet(1);
    broken[0] = 0x8f; // fifteen CSRCs that are not there
    expect(bench.inject(REMOTE, broken.subarray(0, 20))).toEqual([]);
    expect(bench.drops).toEqual({ 'rtp-malformed': 1 });
  });
});

describe('a socket of one peer', () => {
  test('takes packets from its remote address whatever local address they came to', () => {
    const { bench, peer } = given();
    const elsewhere = REMOTE.slice();
    elsewhere[1] = 3; // the third local address
    expect(bench.inject(elsewhere, packet(1))[0]![L.ROW_PEER]).toBe(peer);
  });

  test('takes none from others, and none before an address is known', () => {
    const { bench } = given();
    expect(bench.inject(STRANGER, packet(1), receiverReport(SSRC))).toEqual([]);
    const { bench: early } = setUp();
    expect(early.inject(REMOTE, packet(1))).toEqual([]);
    expect([bench.drops, early.drops]).toEqual([{ 'no-peer': 2 }, { 'no-peer': 1 }]);
  });

  test('latches once: who comes later moves nothing', () => {
    const { bench, peer } = setUp({ latch: true });
    const [row] = bench.inject(REMOTE, packet(1));
    expect([row![L.ROW_PEER], addressOf(row!)]).toEqual([peer, '192.0.2.1:5004']);
    expect(bench.inject(STRANGER, packet(2), receiverReport(SSRC))).toEqual([]);
    expect(bench.inject(REMOTE, packet(3))).toHaveLength(1);
    bench.engine.sendRtcp(peer, receiverReport(1));
    bench.engine.flush(0);
    expect(bench.engine.takeSent().map(({ to }) => L.addressText(to))).toEqual(['192.0.2.1:5004']);
    expect(bench.drops).toEqual({ 'no-peer': 2 });
  });

  test('does not latch to what is not RTP or RTCP', () => {
    const { bench } = setUp({ latch: true });
    const dtls = Buffer.from('16fefd000000000000000000000000', 'hex');
    const broken = packet(1).subarray(0, 12);
    broken[0] = 0x8f;
    expect(bench.inject(STRANGER, dtls, broken, sctp)).toEqual([]);
    expect(bench.inject(REMOTE, packet(1))).toHaveLength(1);
  });

  test('with SRTP, latches to the first packet that its keys open', () => {
    const { bench, peer } = setUp({ latch: true, plain: false });
    expect(bench.inject(REMOTE, packet(1))).toEqual([]);
    const chance = new Chance(1);
    const [receiveKey, receiveSalt] = [chance.bytes(16), chance.bytes(12)];
    const keys = { receiveKey, receiveSalt, sendKey: chance.bytes(16), sendSalt: chance.bytes(12) };
    bench.engine.setKeys(peer, 'AEAD_AES_128_GCM', keys);
    bench.engine.acceptSctp(peer);
    const forged = Buffer.concat([packet(1), Buffer.alloc(16)]);
    expect(bench.inject(STRANGER, forged, sctp)).toEqual([]);
    const sealed = new SrtpReference('AEAD_AES_128_GCM', receiveKey, receiveSalt).protectRtp(packet(1), 0);
    expect(bench.inject(REMOTE, sealed)).toHaveLength(1);
    expect(bench.drops).toEqual({ 'srtp-no-keys': 1, 'srtp-auth': 1, 'no-peer': 1 });
  });

  test('belongs to nobody once it is closed', () => {
    const { bench, peer } = given();
    bench.engine.closePeer(peer);
    expect(bench.inject(REMOTE, packet(1))).toEqual([]);
    expect(bench.drops).toEqual({ 'no-peer': 1 });
  });
});

describe('SCTP without DTLS', () => {
  test('is a row of who takes it, and of nobody else', () => {
    const { bench, peer } = given();
    expect(bench.inject(REMOTE, sctp)).toEqual([]);
    bench.engine.acceptSctp(peer);
    const [row] = bench.inject(REMOTE, sctp);
    expect([row![L.ROW_KIND], row![L.ROW_PEER], row![L.ROW_LENGTH]]).toEqual([L.KIND_SCTP, peer, 12]);
    expect(bench.inject(STRANGER, sctp)).toEqual([]);
    expect(bench.drops).toEqual({ 'unknown-class': 1, 'no-peer': 1 });
  });
});

describe('without an address', () => {
  test('what is delivered is a batch, and what cannot be is counted', () => {
    const bench = new Bench();
    const peer = bench.engine.createPeer();
    bench.engine.setPlain(peer);
    expect(bench.engine.deliver(peer, packet(1))).toBe(true);
    expect(bench.rows.map((row) => [row[L.ROW_KIND], row[L.ROW_PEER], row[L.ROW_SEQUENCE]])).toEqual([
      [L.KIND_RTP, peer, 1],
    ]);
    expect(bench.engine.deliver(peer, receiverReport(SSRC))).toBe(false);
    expect(bench.engine.deliver(peer, Buffer.alloc(0))).toBe(false);
    expect(bench.engine.deliver(peer, Buffer.alloc(3000, 0x80))).toBe(false);
    expect(bench.engine.deliver(peer + 1, packet(1))).toBe(false);
    expect(bench.drops).toEqual({ 'unknown-class': 1, 'too-short': 1, 'too-long': 1 });
    const free = bench.engine.freeSlots;
    for (let i = 0; i < 100; i++) bench.engine.deliver(peer, packet(i));
    expect(bench.engine.freeSlots).toBe(free);
  });

  test('not inside a batch', () => {
    const bench = new Bench();
    const peer = bench.engine.createPeer();
    bench.engine.setPlain(peer);
    bench.engine.ownSocket(peer, SOCKET, true);
    bench.onBatch = () => {
      expect(() => bench.engine.deliver(peer, packet(2))).toThrow('deliver inside onBatch');
      return 0;
    };
    expect(bench.inject(REMOTE, packet(1))).toHaveLength(1);
  });
});

test('50,000 nearly right datagrams: each is a sane row or a counted drop', () => {
  const { bench, peer } = given();
  bench.engine.acceptSctp(peer);
  bench.engine.setRateLimit(peer, 1e9, 1e9, 16);
  const chance = new Chance(43);
  const genuine = [
    rtp({ ssrc: SSRC, sequence: 9, csrcs: [1, 2], extension: { profile: 0xbede, bytes: chance.bytes(8) } }),
    rtp({ ssrc: SSRC, sequence: 10, payload: chance.bytes(60), padding: 4 }),
    receiverReport(SSRC),
    sctp,
  ];
  const mutated = (): Uint8Array => {
    const bytes = Buffer.from(genuine[chance.below(4)]!);
    if (chance.below(3) === 0) return bytes.subarray(0, chance.below(bytes.length + 1));
    for (let i = 0; i <= chance.below(4); i++) bytes[chance.below(bytes.length)]! = chance.below(256);
    return bytes;
  };
  let rows = 0;
  const datagrams = 50_000;
  for (let done = 0; done < datagrams; done += 250) {
    for (const row of bench.inject(REMOTE, ...Array.from({ length: 250 }, mutated))) {
      const end = row[L.ROW_OFFSET]! + row[L.ROW_LENGTH]!;
      const headerEnd = row[L.ROW_OFFSET]! + row[L.ROW_HEADER_LENGTH]!;
      const extensionEnd = row[L.ROW_EXTENSION_OFFSET]! + row[L.ROW_EXTENSION_LENGTH]!;
      if (headerEnd > end || extensionEnd > headerEnd || row[L.ROW_LENGTH]! > L.SLOT_BYTES)
        expect.fail(`row ${row.join()}`);
      rows++;
    }
  }
  const dropped = Object.values(bench.drops).reduce((sum, count) => sum + count, 0);
  expect(rows + dropped).toBe(datagrams);
  expect(bench.inject(REMOTE, packet(1))).toHaveLength(1);
});
