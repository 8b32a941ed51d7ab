/** 100,000 datagrams of rubbish and of nearly right things, from strangers and from peers. */
import { expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench, PROFILES, Remote } from './support/bench.js';
import { bindingRequest, Chance, receiverReport, rtp } from './support/packets.js';

const DATAGRAMS = 100_000;

test(`${DATAGRAMS} datagrams: each is a row or a counted drop, and peers still get through`, () => {
  const bench = new Bench();
  const chance = new Chance(41);
  const remotes = PROFILES.map((profile, i) => new Remote(bench.engine, i, profile));
  for (const remote of remotes) bench.engine.setRateLimit(remote.peer, 1e9, 1e9);
  const genuine = remotes.map(({ sender }) => [
    sender.protectRtp(rtp({ sequence: 500, payload: chance.bytes(40) }), 0),
    sender.protectRtp(
      rtp({ sequence: 500, csrcs: [1], extension: { profile: 0xbede, bytes: chance.bytes(8) } }),
      0,
    ),
    sender.protectRtcp(receiverReport(5), 7),
    bindingRequest(),
  ]);
  let rows = 0;
  for (let done = 0; done < DATAGRAMS; done += 500) {
    const datagrams = Array.from({ length: 500 }, () => {
      const from = chance.below(5);
      return { from: remotes[from]?.address ?? L.toAddress('9.9.9.9', 9), bytes: datagram(from & 3) };
    });
    bench.rows = [];
    bench.engine.inject(datagrams, (bench.nowMicros += 1000));
    rows += bench.rows.length;
    for (const row of bench.rows) expectSane(row);
  }
  const stats = bench.engine.stats();
  const dropped = Object.values(stats.drops).reduce((sum, count) => sum + count, 0);
  expect(rows + dropped).toBe(DATAGRAMS);
  expect(rows).toBeGreaterThan(0);
  expect(stats.freeSlots).toBeGreaterThanOrEqual(1024 - 64);
  for (const reason of [
    'too-short',
    'unknown-class',
    'no-peer',
    'srtp-auth',
    'srtp-replay',
    'rtp-malformed',
  ] as const) {
    expect(stats.drops[reason]).toBeGreaterThan(0);
  }
  for (const remote of remotes) {
    const packet = remote.sender.protectRtp(rtp({ sequence: 600, ssrc: 77 }), 0);
    expect(bench.inject(remote.address, packet)).toHaveLength(1);
  }

  function datagram(remote: number): Uint8Array {
    const choice = chance.below(10);
    if (choice < 4) {
      const bytes = chance.bytes(chance.below(chance.below(4) ? 80 : 2100));
      if (bytes.length > 1 && choice < 2) bytes[0] = 0x80 | (bytes[0]! & 0x3f);
      return bytes;
    }
    const bytes = Buffer.from(genuine[remote]![chance.below(4)]!);
    if (choice < 6) return bytes.subarray(0, chance.below(bytes.length + 1));
    if (choice < 7) return Buffer.concat([bytes, chance.bytes(chance.below(40))]);
    for (let i = 0; i <= chance.below(4); i++) bytes[chance.below(bytes.length)]! = chance.below(256);
    return bytes;
  }

  function expectSane(row: number[]): void {
    const offset = row[L.ROW_OFFSET]!;
    const length = row[L.ROW_LENGTH]!;
    const isRtp = row[L.ROW_KIND] === L.KIND_RTP;
    const headerLength = row[L.ROW_HEADER_LENGTH]!;
    const extensionEnd = row[L.ROW_EXTENSION_OFFSET]! + row[L.ROW_EXTENSION_LENGTH]!;
    const sane =
      offset === row[L.ROW_SLOT]! * L.SLOT_BYTES &&
      length <= L.SLOT_BYTES &&
      (isRtp ? headerLength >= 12 && headerLength <= length : headerLength === 0) &&
      extensionEnd <= (isRtp ? offset + headerLength : 0);
    if (!sane) expect.fail(`row ${row.join()}`);
  }
});
