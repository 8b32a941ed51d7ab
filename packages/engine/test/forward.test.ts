/** Lists and commands: what each receiver gets, judged by the independent implementation. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench, PROFILES, Remote } from './support/bench.js';
import { Chance, hex, rtp } from './support/packets.js';

interface SetUp {
  bench: Bench;
  remote: Remote;
  list: number;
  entry: number;
}

function setUp(constants: Partial<L.EntryConstants> = {}, profile?: L.SrtpProfile): SetUp {
  const bench = new Bench();
  const remote = new Remote(bench.engine, 1, profile);
  const list = bench.engine.createList();
  const entry = addEntry(bench, remote, list, constants);
  return { bench, remote, list, entry };
}

function addEntry(
  bench: Bench,
  remote: Remote,
  list: number,
  constants: Partial<L.EntryConstants> = {},
): number {
  const entry = bench.engine.createEntry();
  L.writeEntry(bench.engine.entries, entry, {
    peer: remote.peer,
    ssrc: 0xcafe,
    payloadTypes: [111],
    enabled: true,
    ...constants,
  });
  bench.engine.listAdd(list, entry);
  return entry;
}

/** Puts bytes into the scratch. @returns their absolute offset */
function scratch(bench: Bench, at: number, bytes: Uint8Array): number {
  bench.engine.scratch.set(bytes, at);
  return bench.engine.scratchOffset + at;
}

const VOICE = Buffer.from('a voice that nobody else may hear');

/** Fills one command and flushes it. @returns how many packets were refused */
function forward(bench: Bench, command: Partial<L.ForwardCommand>, payload: Uint8Array = VOICE): number {
  const payloadOffset = scratch(bench, 0, payload);
  const filled = { payloadOffset, payloadLength: payload.length, index: 100, timestamp: 960, ...command };
  L.writeCommand(bench.engine.commands, 0, filled);
  return bench.engine.flush(1);
}

/** The only packet that went out, opened. */
function only(bench: Bench, remote: Remote, roc = 0): Buffer {
  const sent = bench.engine.takeSent();
  expect(sent).toHaveLength(1);
  expect(sent[0]!.to).toEqual(remote.address);
  const plain = remote.receiver.unprotectRtp(sent[0]!.bytes, roc);
  if (!plain) throw new Error('the receiver cannot open it');
  return Buffer.from(plain);
}

describe.each(PROFILES)('one packet to one entry, %s', (profile) => {
  test('has the entry’s numbers, the command’s CSRCs and the payload', () => {
    const { bench, remote, list } = setUp(
      { deltaIndex: 90, deltaTimestamp: 40, payloadTypes: [96, 97] },
      profile,
    );
    expect(forward(bench, { list, index: 100, codec: 1, marker: true, csrcs: [7, 42] })).toBe(0);
    expect(only(bench, remote)).toEqual(
      rtp({
        payloadType: 97,
        marker: true,
        sequence: 10,
        timestamp: 1000,
        ssrc: 0xcafe,
        csrcs: [7, 42],
        payload: VOICE,
      }),
    );
  });

  test('numbers wrap, and the roll-over counter goes along', () => {
    const { bench, remote, list } = setUp(
      { deltaIndex: 0xffff0000, firstIndex: 0xffff0000, deltaTimestamp: 0xffffffff },
      profile,
    );
    for (const [index, sequence, roc] of [
      [0xffff7ffe, 0x7ffe, 0],
      [0xffffffff, 0xffff, 0],
      [0, 0, 1],
      [0x00012345, 0x2345, 2],
    ] as const) {
      forward(bench, { list, index, timestamp: 5 });
      const plain = only(bench, remote, roc);
      expect(plain.readUInt16BE(2)).toBe(sequence);
      expect(plain.readUInt32BE(4)).toBe(4);
    }
  });

  test('every payload length from 0 to 300', () => {
    const { bench, remote, list } = setUp({}, profile);
    const chance = new Chance(4);
    for (let length = 0; length <= 300; length++) {
      const payload = chance.bytes(length);
      forward(bench, { list, index: 1 + length }, payload);
      expect(only(bench, remote).subarray(12).equals(payload)).toBe(true);
    }
  });
});

describe('header extensions', () => {
  const extensionIds = { 0: 1, 2: 9, 3: 14 };
  const value = (length: number): Buffer => Buffer.alloc(length, 0xa0 + length);

  test('one-byte form: the receiver’s ids, only what it negotiated, filled up to words', () => {
    const { bench, remote, list } = setUp({ extensionIds, midId: 4, mid: 'v1', sendMid: true });
    const offset = scratch(bench, 2000, Buffer.concat([value(1), value(3), value(5)]));
    const extensions = [
      { kind: 0, offset, length: 1 },
      { kind: 1, offset, length: 1 },
      { kind: 2, offset: offset + 1, length: 3 },
    ];
    forward(bench, { list, extensions });
    const plain = only(bench, remote);
    expect(plain[0]).toBe(0x90);
    expect(plain.subarray(12, 12 + 16).toString('hex')).toBe(
      'bede0003' + '10a1' + '92a3a3a3' + '417631' + '000000',
    );
    expect(plain.subarray(28)).toEqual(VOICE);
  });

  test.each([
    { name: 'an id above 14', ids: { 0: 15 }, length: 1, want: '10000001' + '0f01a100' },
    {
      name: 'a value of 17 bytes',
      ids: { 0: 1 },
      length: 17,
      want: '10000005' + '0111' + 'b1'.repeat(17) + '00',
    },
    { name: 'an empty value', ids: { 0: 1 }, length: 0, want: '10000001' + '01000000' },
  ])('two-byte form for $name', ({ ids, length, want }) => {
    const { bench, remote, list } = setUp({ extensionIds: ids });
    const offset = scratch(bench, 2000, value(length));
    forward(bench, { list, extensions: [{ kind: 0, offset, length }] });
    expect(
      only(bench, remote)
        .subarray(12, 12 + want.length / 2)
        .toString('hex'),
    ).toBe(want);
  });

  test('none at all when the receiver negotiated none', () => {
    const { bench, remote, list } = setUp();
    forward(bench, { list, extensions: [{ kind: 0, offset: 0, length: 1 }] });
    expect(only(bench, remote)[0]).toBe(0x80);
  });

  test('the entry’s own playout delay, instead of the source’s', () => {
    const { bench, remote, list, entry } = setUp({ extensionIds });
    const offset = scratch(bench, 2000, value(3));
    const extensions = [{ kind: 3, offset, length: 3 }];
    forward(bench, { list, index: 1, extensions });
    expect(only(bench, remote).subarray(16, 20).toString('hex')).toBe('e2a3a3a3');
    L.writeEntry(bench.engine.entries, entry, { playoutDelay: { minMs: 520, maxMs: 40_950 } });
    forward(bench, { list, index: 2, extensions });
    expect(only(bench, remote).subarray(12, 20).toString('hex')).toBe('bede0001' + 'e2034fff');
    // Nothing is a delay as well: the receiver keeps the last one that it was told.
    L.writeEntry(bench.engine.entries, entry, { playoutDelay: { minMs: 0, maxMs: 40_950 } });
    forward(bench, { list, index: 3 });
    expect(only(bench, remote).subarray(16, 20).toString('hex')).toBe('e2000fff');
    L.writeEntry(bench.engine.entries, entry, { extensionIds: {} });
    forward(bench, { list, index: 4, extensions });
    expect(only(bench, remote)[0]).toBe(0x80);
    const tooLong = { playoutDelay: { minMs: 0, maxMs: 40_960 } };
    expect(() => L.writeEntry(bench.engine.entries, entry, tooLong)).toThrow(RangeError);
  });

  test('MID while it is wanted', () => {
    const { bench, remote, list, entry } = setUp({ midId: 3, mid: '0123456789abcdef', sendMid: true });
    forward(bench, { list, index: 1 });
    expect(only(bench, remote).subarray(16, 33).toString('latin1')).toBe('\x3f0123456789abcdef');
    L.writeEntry(bench.engine.entries, entry, { sendMid: false });
    forward(bench, { list, index: 2 });
    expect(only(bench, remote)[0]).toBe(0x80);
  });

  test('abs-send-time and the transport-wide number, which counts per peer over its entries', () => {
    const { bench, remote, list } = setUp({ absSendTimeId: 2, transportWideCcId: 5 });
    addEntry(bench, remote, list, { ssrc: 2, transportWideCcId: 5 });
    bench.engine.setNow(2_500_000); // 2.5 s = 0x0a0000 with 18 bits behind the point
    forward(bench, { list, index: 1 });
    bench.engine.setNow(66_500_000); // 64 s later: the same 24 bits
    forward(bench, { list, index: 2 });
    const headers = bench.engine
      .takeSent()
      .map(({ bytes }) => Buffer.from(bytes.subarray(12, 24)).toString('hex'));
    expect(headers).toEqual([
      'bede0002' + '220a0000' + '510000' + '00',
      'bede0001' + '510001' + '00' + Buffer.from(headers[1]!.slice(16), 'hex').toString('hex'),
      'bede0002' + '220a0000' + '510002' + '00',
      'bede0001' + '510003' + '00' + headers[3]!.slice(16),
    ]);
  });
});

describe('what is not sent is counted by reason, at the entry as well', () => {
  const cases: {
    name: string;
    constants?: Partial<L.EntryConstants>;
    command?: Partial<L.ForwardCommand>;
    why: L.DropReason;
    entryDrops?: number;
  }[] = [
    { name: 'switched off', constants: { enabled: false }, why: 'entry-disabled', entryDrops: 0 },
    { name: 'a codec without payload type', command: { codec: 3 }, why: 'entry-no-codec' },
    { name: 'before the first index', constants: { firstIndex: 101 }, why: 'entry-before-first' },
    {
      name: 'the same over the wrap',
      constants: { firstIndex: 5 },
      command: { index: 0xfffffff0 },
      why: 'entry-before-first',
    },
    { name: 'a peer that never was', constants: { peer: 77 }, why: 'entry-invalid' },
    { name: 'no peer', constants: { peer: L.NO_PEER }, why: 'entry-invalid' },
  ];
  test.each(cases)('$name', ({ constants, command, why, entryDrops = 1 }) => {
    const { bench, list, entry } = setUp(constants);
    expect(forward(bench, { list, ...command })).toBe(1);
    expect(bench.engine.takeSent()).toEqual([]);
    expect(bench.drops).toEqual({ [why]: 1 });
    expect(L.readEntryCounters(bench.engine.entries, entry)).toMatchObject({ packets: 0, drops: entryDrops });
  });

  test('a peer without keys, without address, and one that is closed', () => {
    const { bench, remote, list } = setUp();
    const bare = bench.engine.createPeer();
    const entry = bench.engine.createEntry();
    L.writeEntry(bench.engine.entries, entry, { peer: bare, payloadTypes: [0], enabled: true });
    bench.engine.listAdd(list, entry);
    expect(forward(bench, { list, index: 1 })).toBe(1);
    bench.engine.selectAddress(bare, 0, remote.address);
    expect(forward(bench, { list, index: 2 })).toBe(1);
    bench.engine.closePeer(remote.peer);
    expect(forward(bench, { list, index: 3 })).toBe(2);
    expect(bench.drops).toEqual({ 'peer-no-address': 1, 'peer-no-keys': 2, 'entry-invalid': 1 });
  });

  test('a packet longer than a slot', () => {
    const { bench, list } = setUp();
    expect(forward(bench, { list }, Buffer.alloc(2048 - 12 - 15))).toBe(1);
    expect(bench.drops).toEqual({ mtu: 1 });
    expect(forward(bench, { list }, Buffer.alloc(2048 - 12 - 16))).toBe(0);
  });
});

describe('one number is never encrypted twice with different bytes', () => {
  test('the second packet of a number is refused, late ones in between are not', () => {
    const { bench, list } = setUp();
    const indexes = [10, 12, 12, 11, 10, 74, 10, 11, 73, 73, 9, 5000, 4936, 4937];
    const sent = indexes.filter((index) => forward(bench, { list, index }) === 0);
    expect(sent).toEqual([10, 12, 11, 74, 73, 5000, 4937]); // 64 behind the highest is too old to tell
    expect(bench.drops).toEqual({ 'entry-index-reuse': 7 });
  });

  test('a retransmission has the very same bytes', () => {
    const { bench, list, entry } = setUp({
      midId: 3,
      mid: 'a',
      sendMid: true,
      absSendTimeId: 2,
      transportWideCcId: 5,
    });
    const first: Uint8Array[] = [];
    for (let index = 1; index <= 6; index++) {
      bench.engine.setNow(1_000_000 + index * 20_000);
      if (index === 4) L.writeEntry(bench.engine.entries, entry, { sendMid: false });
      forward(bench, { list, index });
      first.push(bench.engine.takeSent()[0]!.bytes);
    }
    expect(first[2]![0]! & 0x10).toBe(0x10);
    bench.engine.setNow(9_000_000);
    for (let index = 1; index <= 6; index++) {
      expect(forward(bench, { entry, index, retransmission: true })).toBe(0);
      expect(bench.engine.takeSent()[0]!.bytes).toEqual(first[index - 1]);
    }
  });

  test('MID off and on again: each packet stays as it was', () => {
    const { bench, list, entry } = setUp({ midId: 3, mid: 'a', sendMid: false });
    const first = new Map<number, Uint8Array>();
    const send = (index: number): void => {
      forward(bench, { list, index });
      first.set(index, bench.engine.takeSent()[0]!.bytes);
    };
    send(1);
    L.writeEntry(bench.engine.entries, entry, { sendMid: true });
    send(3);
    send(2); // late: from before the change
    L.writeEntry(bench.engine.entries, entry, { sendMid: false });
    send(6);
    send(5);
    for (const [index, bytes] of first) {
      forward(bench, { entry, index, retransmission: true });
      expect(bench.engine.takeSent()[0]!.bytes).toEqual(bytes);
    }
    expect([...first.values()].map((bytes) => (bytes[0]! & 0x10) >> 4)).toEqual([0, 1, 0, 0, 1]);
  });

  test('what cannot be repeated exactly is refused', () => {
    const { bench, list, entry } = setUp({ absSendTimeId: 2 });
    for (let index = 1; index <= 300; index++) forward(bench, { list, index });
    expect(forward(bench, { entry, index: 173, retransmission: true })).toBe(0);
    expect(forward(bench, { entry, index: 172, retransmission: true })).toBe(1);
    expect(bench.drops).toEqual({ 'retransmission-forgotten': 1 });
  });
});

describe('counters', () => {
  test('packets, payload octets, last timestamp and number', () => {
    const { bench, list, entry } = setUp({ deltaTimestamp: 1000, deltaIndex: 3 });
    const counters = (): L.EntryCounters => L.readEntryCounters(bench.engine.entries, entry);
    bench.engine.setNow(0x1_0000_0005);
    forward(bench, { list, index: 10, timestamp: 1 }, Buffer.alloc(100));
    forward(bench, { list, index: 12, timestamp: 5 }, Buffer.alloc(50));
    expect(counters()).toEqual({
      packets: 2,
      octets: 150,
      lastTimestamp: 1005,
      lastIndex: 9,
      lastSentMicrosLow: 5,
      drops: 0,
      rtxPackets: 0,
      rtxOctets: 0,
      rtxLastIndex: 0,
    });
    forward(bench, { list, index: 11, timestamp: 3 }, Buffer.alloc(1)); // late: the newest stays
    forward(bench, { entry, index: 10, timestamp: 1, retransmission: true }, Buffer.alloc(100));
    forward(bench, { entry, index: 13, timestamp: 99, retransmission: true }, Buffer.alloc(1)); // a probe
    expect(counters()).toMatchObject({ packets: 5, octets: 252, lastTimestamp: 1005, lastIndex: 10 });
  });

  test('a new entry starts from zero', () => {
    const { bench, list, entry } = setUp();
    forward(bench, { list });
    bench.engine.freeEntry(entry);
    expect(bench.engine.listSize(list)).toBe(0);
    expect(bench.engine.createEntry()).toBe(entry);
    expect([...bench.engine.entries.subarray(entry * 32, entry * 32 + 32)]).toEqual(Array(32).fill(0));
  });
});

describe('lists', () => {
  test('one command reaches every entry, each with its own key, numbers and address', () => {
    const bench = new Bench();
    const list = bench.engine.createList();
    const remotes = Array.from({ length: 300 }, (_, i) => new Remote(bench.engine, i, PROFILES[i % 4]!));
    remotes.forEach((remote, i) =>
      addEntry(bench, remote, list, { ssrc: 1000 + i, deltaIndex: i, deltaTimestamp: i }),
    );
    expect(forward(bench, { list, index: 65_800, timestamp: 0 })).toBe(0);
    const sent = bench.engine.takeSent();
    expect(sent).toHaveLength(300);
    sent.forEach(({ to, bytes }, i) => {
      const out = 65_800 - i;
      expect(to).toEqual(remotes[i]!.address);
      const plain = remotes[i]!.receiver.unprotectRtp(bytes, out >> 16);
      expect(plain).toEqual(rtp({ sequence: out, timestamp: i, ssrc: 1000 + i, payload: VOICE }));
    });
  });

  test('an entry is in one list; moving, leaving and freeing in any order keep the books right', () => {
    const bench = new Bench();
    const { engine } = bench;
    const chance = new Chance(8);
    const remote = new Remote(engine, 1);
    const lists = Array.from({ length: 5 }, () => engine.createList());
    const where = new Map<number, number | undefined>();
    for (let step = 0; step < 4000; step++) {
      const entries = [...where.keys()];
      const entry = entries[chance.below(Math.max(1, entries.length))];
      const action = chance.below(10);
      if (action < 3 || entry === undefined) {
        const made = engine.createEntry();
        L.writeEntry(engine.entries, made, {
          peer: remote.peer,
          ssrc: made,
          payloadTypes: [0],
          enabled: true,
        });
        where.set(made, undefined);
      } else if (action < 7) {
        const list = lists[chance.below(5)]!;
        engine.listAdd(list, entry);
        where.set(entry, list);
      } else if (action < 8) {
        engine.listRemove(entry);
        where.set(entry, undefined);
      } else if (action < 9) {
        engine.freeEntry(entry);
        where.delete(entry);
      } else if (chance.below(20) === 0) {
        const at = chance.below(5);
        engine.freeList(lists[at]!);
        for (const [e, l] of where) if (l === lists[at]) where.set(e, undefined);
        lists[at] = engine.createList();
      }
    }
    lists.forEach((list, i) => {
      const members = [...where].filter(([, l]) => l === list).map(([entry]) => entry);
      expect(engine.listSize(list)).toBe(members.length);
      forward(bench, { list, index: 1000 + i });
      const ssrcs = engine.takeSent().map(({ bytes }) => Buffer.from(bytes).readUInt32BE(8));
      expect(ssrcs.sort((a, b) => a - b)).toEqual(members.sort((a, b) => a - b));
    });
    expect(engine.stats().entries).toBe(where.size);
    expect(engine.stats().lists).toBe(5);
  });

  test('what does not exist is refused', () => {
    const { bench, entry, list } = setUp();
    expect(() => bench.engine.listAdd(99, entry)).toThrow(/BAD_HANDLE/);
    expect(() => bench.engine.listAdd(list, 99)).toThrow(/BAD_HANDLE/);
    bench.engine.freeList(list);
    bench.engine.freeList(list);
    bench.engine.freeEntry(entry);
    bench.engine.freeEntry(entry);
    expect(() => bench.engine.listAdd(list, entry)).toThrow(/BAD_HANDLE/);
    expect(bench.engine.stats()).toMatchObject({ entries: 0, lists: 0 });
    const small = new Bench({ entries: 2 });
    small.engine.createEntry();
    small.engine.createEntry();
    expect(() => small.engine.createEntry()).toThrow(/ENTRIES_EXHAUSTED/);
  });
});

describe('from one batch to the next', () => {
  test('commands returned by onBatch go out at once, straight from the received packet', () => {
    const { bench, remote, list } = setUp();
    const talker = new Remote(bench.engine, 2);
    bench.onBatch = (count) => {
      const { rows, commands } = bench.engine;
      for (let i = 0; i < count; i++) {
        const at = i * L.ROW_WORDS;
        const headerLength = rows[at + L.ROW_HEADER_LENGTH]!;
        L.writeCommand(commands, i, {
          list,
          payloadOffset: rows[at + L.ROW_OFFSET]! + headerLength,
          payloadLength: rows[at + L.ROW_LENGTH]! - headerLength,
          index: rows[at + L.ROW_SEQUENCE]!,
          timestamp: rows[at + L.ROW_TIMESTAMP]!,
          csrcs: [rows[at + L.ROW_SSRC]!],
        });
      }
      return count;
    };
    const packets = [1, 2, 3].map((n) =>
      rtp({ sequence: n, timestamp: n * 960, ssrc: 5, payload: Buffer.from(`${n}`) }),
    );
    bench.inject(talker.address, ...packets.map((packet) => talker.sender.protectRtp(packet, 0)));
    const heard = bench.engine.takeSent().map(({ bytes }) => remote.receiver.unprotectRtp(bytes, 0));
    expect(heard).toEqual(
      [1, 2, 3].map((n) =>
        rtp({ sequence: n, timestamp: n * 960, ssrc: 0xcafe, csrcs: [5], payload: Buffer.from(`${n}`) }),
      ),
    );
  });

  test('RTCP: alone, inside a batch and as a command, with a rising index', () => {
    const { bench, remote } = setUp();
    const report = hex('80c8000600000009' + '00'.repeat(20));
    bench.engine.sendRtcp(remote.peer, report);
    bench.onBatch = () => {
      bench.engine.sendRtcp(remote.peer, report);
      const offset = scratch(bench, 100, report);
      L.writeRtcpCommand(bench.engine.commands, 0, remote.peer, offset, report.length);
      return 1;
    };
    bench.inject(remote.address, remote.sender.protectRtp(rtp({}), 0));
    const opened = bench.engine.takeSent().map(({ bytes }) => remote.receiver.unprotectRtcp(bytes));
    expect(opened).toEqual([1, 2, 3].map((index) => ({ plain: report, index })));
    expect(bench.engine.sendRtcp(remote.peer, report.subarray(0, 7))).toBe(false);
    expect(bench.engine.sendRtcp(12345, report)).toBe(false);
  });
});
