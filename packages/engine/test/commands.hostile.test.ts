/** Shared memory is only memory: no word in it may crash the engine or make it read elsewhere. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import { Bench, Remote } from './support/bench.js';
import { Chance } from './support/packets.js';

function setUp(): { bench: Bench; remote: Remote; list: number; entry: number } {
  const bench = new Bench();
  const remote = new Remote(bench.engine, 1);
  const list = bench.engine.createList();
  const entry = bench.engine.createEntry();
  L.writeEntry(bench.engine.entries, entry, { peer: remote.peer, payloadTypes: [0], enabled: true });
  bench.engine.listAdd(list, entry);
  return { bench, remote, list, entry };
}

describe('a wrong word is a counted drop', () => {
  const END = 1024 * L.SLOT_BYTES + L.SCRATCH_BYTES;
  test.each([
    { name: 'type 0', word: L.COMMAND_TYPE, value: 0, why: 'command-invalid' },
    { name: 'type 99', word: L.COMMAND_TYPE, value: 99, why: 'command-invalid' },
    { name: 'an unknown list', word: L.COMMAND_TARGET, value: 7, why: 'list-invalid' },
    { name: 'list 2^32 - 1', word: L.COMMAND_TARGET, value: 0xffffffff, why: 'list-invalid' },
    { name: 'a payload behind the end', word: L.COMMAND_PAYLOAD_OFFSET, value: END, why: 'command-invalid' },
    {
      name: 'a payload that reaches over the end',
      word: L.COMMAND_PAYLOAD_OFFSET,
      value: END - 9,
      why: 'command-invalid',
    },
    { name: 'offset 2^32 - 1', word: L.COMMAND_PAYLOAD_OFFSET, value: 0xffffffff, why: 'command-invalid' },
    { name: 'a payload of 4 GiB', word: L.COMMAND_PAYLOAD_LENGTH, value: 0xffffffff, why: 'command-invalid' },
    { name: 'a payload of 3 KiB', word: L.COMMAND_PAYLOAD_LENGTH, value: 3000, why: 'mtu' },
    { name: '3 CSRCs', word: L.COMMAND_CSRC_COUNT, value: 3, why: 'command-invalid' },
    { name: '7 extensions', word: L.COMMAND_EXTENSION_COUNT, value: 7, why: 'command-invalid' },
    {
      name: '2^32 - 1 extensions',
      word: L.COMMAND_EXTENSION_COUNT,
      value: 0xffffffff,
      why: 'command-invalid',
    },
  ] as const)('$name', ({ word, value, why }) => {
    const { bench, list } = setUp();
    L.writeCommand(bench.engine.commands, 0, {
      list,
      payloadOffset: 0,
      payloadLength: 10,
      index: 1,
      timestamp: 1,
    });
    bench.engine.commands[word] = value;
    expect(bench.engine.flush(1)).toBe(1);
    expect(bench.drops).toEqual({ [why]: 1 });
    expect(bench.engine.takeSent()).toEqual([]);
  });

  test.each([
    { name: 'kind 16', head: 16 | (1 << 8), offset: 0 },
    { name: 'a length of 256', head: 256 << 8, offset: 0 },
    { name: 'an offset behind the end', head: 5 << 8, offset: END - 4 },
  ])('an extension of $name', ({ head, offset }) => {
    const { bench, list } = setUp();
    L.writeCommand(bench.engine.commands, 0, {
      list,
      payloadOffset: 0,
      payloadLength: 10,
      index: 1,
      timestamp: 1,
    });
    bench.engine.commands[L.COMMAND_EXTENSION_COUNT] = 1;
    bench.engine.commands[L.COMMAND_EXTENSIONS] = head;
    bench.engine.commands[L.COMMAND_EXTENSIONS + 1] = offset;
    expect(bench.engine.flush(1)).toBe(1);
    expect(bench.drops).toEqual({ 'command-invalid': 1 });
  });

  test('more commands than there are: none of them', () => {
    const { bench, list } = setUp();
    L.writeCommand(bench.engine.commands, 0, {
      list,
      payloadOffset: 0,
      payloadLength: 10,
      index: 1,
      timestamp: 1,
    });
    expect(bench.engine.flush(1025)).toBe(1);
    expect(bench.engine.flush(0xffffffff)).toBe(1);
    expect(bench.engine.flush(-1)).toBe(1);
    expect(bench.engine.takeSent()).toEqual([]);
    expect(bench.drops).toEqual({ 'command-invalid': 3 });
    expect(bench.engine.flush(0)).toBe(0);
  });

  test('a mid longer than its room is left out', () => {
    const { bench, list, entry, remote } = setUp();
    L.writeEntry(bench.engine.entries, entry, { midId: 1, mid: 'a', sendMid: true });
    new Uint8Array(bench.engine.entries.buffer)[entry * 128 + 4 * L.ENTRY_SEND_EXTENSIONS + 1] = 200;
    L.writeCommand(bench.engine.commands, 0, {
      list,
      payloadOffset: 0,
      payloadLength: 10,
      index: 1,
      timestamp: 1,
    });
    expect(bench.engine.flush(1)).toBe(0);
    expect(remote.receiver.unprotectRtp(bench.engine.takeSent()[0]!.bytes, 0)).toHaveLength(22);
  });
});

test('random commands and entries: 60,000 of them, nothing but packets and counted drops', () => {
  const { bench, list, entry, remote } = setUp();
  const chance = new Chance(23);
  const { commands, entries } = bench.engine;
  let sent = 0;
  let refused = 0;
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 1000; i++) {
      const at = i * L.COMMAND_WORDS;
      for (let word = 0; word < L.COMMAND_WORDS; word++) {
        const kind = chance.below(4);
        commands[at + word] = kind === 0 ? chance.u32() : kind === 1 ? chance.below(4000) : chance.below(3);
      }
      if (chance.below(4) === 0) continue; // rubbish stays rubbish; the rest is wrong in a word or two
      commands[at] = 1 + chance.below(2);
      commands[at + L.COMMAND_TARGET] = commands[at] === 1 ? list : entry;
      commands[at + L.COMMAND_INDEX] = round * 1000 + i;
      if (chance.below(4)) commands[at + L.COMMAND_PAYLOAD_LENGTH] = chance.below(1500);
      if (chance.below(4)) commands[at + L.COMMAND_CSRC_COUNT] = chance.below(3);
      if (chance.below(4)) commands[at + L.COMMAND_EXTENSION_COUNT] = chance.below(7);
      for (let e = 0; e < 6; e++) {
        if (chance.below(40))
          commands[at + L.COMMAND_EXTENSIONS + 2 * e] = chance.below(16) | (chance.below(30) << 8);
        if (chance.below(40)) commands[at + L.COMMAND_EXTENSIONS + 2 * e + 1] = chance.below(2_000_000);
      }
    }
    for (let word = 0; word < L.ENTRY_WORDS; word++) {
      if (chance.below(3) === 0) entries[entry * L.ENTRY_WORDS + word] = chance.u32();
    }
    L.writeEntry(entries, entry, {
      peer: remote.peer,
      enabled: true,
      payloadTypes: [0, 1, 2, 3, 4, 5, 6, 7],
      firstIndex: 0,
      deltaIndex: 0,
    });
    refused += bench.engine.flush(1000);
    sent += bench.engine.takeSent().length;
  }
  expect(sent + refused).toBeGreaterThanOrEqual(60_000);
  expect(sent).toBeGreaterThan(1000);
  const counted = Object.values(bench.drops).reduce((sum, count) => sum + count, 0);
  expect(counted).toBe(refused);
});
