/** Numbers inside payloads and extensions that every receiver sees shifted by its own delta. */
import { describe, expect, test } from 'vitest';
import * as L from '../src/index.js';
import type { PacketPatch } from '../src/index.js';
import { Bench } from './support/bench.js';
import { Chance } from './support/packets.js';
import { RTX_SSRC, VideoBench } from './support/video.js';

const payload = (length = 40): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + 128) & 0xff));
const patch = (of: Partial<PacketPatch>): PacketPatch => ({
  target: 'payload',
  bits: 16,
  offset: 4,
  value: 0,
  delta: 0,
  ...of,
});

describe('a patch in the payload', () => {
  test.each([
    { bits: 8, value: 250, delta: 10, before: 'ff', after: '04' },
    { bits: 7, value: 120, delta: 10, before: '80', after: '82' },
    { bits: 7, value: 120, delta: 10, before: '7f', after: '02' },
    { bits: 15, value: 0x7ffe, delta: 3, before: '8000', after: '8001' },
    { bits: 15, value: 0x7ffe, delta: 3, before: '0000', after: '0001' },
    { bits: 16, value: 0xfffe, delta: 3, before: '1234', after: '0001' },
    { bits: 16, value: 5, delta: 0xfffb, before: '1234', after: '0000' },
  ] as const)(
    '$bits bits: $value + $delta over $before gives $after',
    ({ bits, value, delta, before, after }) => {
      const video = new VideoBench({ patchDeltas: [0, 0, 0, delta] });
      const bytes = payload();
      Buffer.from(before, 'hex').copy(bytes, 4);
      video.forward(1, bytes, { patches: [patch({ bits, value, delta: 3 })] });
      const wanted = Buffer.from(bytes);
      Buffer.from(after, 'hex').copy(wanted, 4);
      expect(video.take()[0]!.payload.toString('hex')).toBe(wanted.toString('hex'));
    },
  );

  test('three at once, each with its own delta', () => {
    const video = new VideoBench({ patchDeltas: [1, 2, 3, 4] });
    const patches = [
      patch({ bits: 15, offset: 0, value: 10, delta: 0 }),
      patch({ bits: 8, offset: 2, value: 10, delta: 1 }),
      patch({ bits: 16, offset: 3, value: 10, delta: 2 }),
    ];
    video.forward(1, Buffer.alloc(6), { patches });
    expect(video.take()[0]!.payload.toString('hex')).toBe('000b0c000d00');
  });

  test('each receiver of a list has its own numbers, whatever the order; the received bytes stay', () => {
    const bench = new Bench();
    const chance = new Chance(5);
    const receivers = Array.from({ length: 40 }, (_, i) => {
      const delta = chance.below(3) * 1000; // neighbours with the same delta and with others
      return { delta, video: new VideoBench({ patchDeltas: [delta] }, i, bench) };
    });
    const list = bench.engine.createList();
    for (const { video } of receivers) bench.engine.listAdd(list, video.entry);
    const bytes = payload(300);
    const { video } = receivers[0]!;
    video.forward(1, bytes, { list, patches: [patch({ value: 7 })] });
    const sent = bench.engine.takeSent();
    for (const { delta, video: receiver } of receivers) {
      const wanted = Buffer.from(bytes);
      wanted.writeUInt16BE(delta + 7, 4);
      expect(receiver.open(sent)[0]!.payload.equals(wanted)).toBe(true);
    }
    expect(Buffer.from(bench.engine.scratch.subarray(1024, 1324)).equals(bytes)).toBe(true);
  });
});

describe('a patch in an extension', () => {
  const KIND = 3;
  const at = 5000;

  test('two receivers that share a header but for their deltas', () => {
    const bench = new Bench();
    const videos = [0, 500, 500, 0].map(
      (delta, i) => new VideoBench({ patchDeltas: [delta], extensionIds: { [KIND]: 9 } }, i, bench),
    );
    const list = bench.engine.createList();
    for (const video of videos) bench.engine.listAdd(list, video.entry);
    bench.engine.scratch.set([1, 2, 3, 4, 5], at);
    videos[0]!.forward(1, payload(), {
      list,
      extensions: [{ kind: KIND, offset: bench.engine.scratchOffset + at, length: 5 }],
      patches: [patch({ target: KIND, offset: 1, value: 258 })],
    });
    const sent = bench.engine.takeSent();
    const values = videos.map((video) => video.open(sent)[0]!.extensions.get(9)!.toString('hex'));
    expect(values).toEqual(['0101020405', '0102f60405', '0102f60405', '0101020405']);
    expect([...bench.engine.scratch.subarray(at, at + 5)]).toEqual([1, 2, 3, 4, 5]);
  });

  test('applies to a retransmission in the RTX stream, too', () => {
    const video = new VideoBench({ patchDeltas: [9], rtxSsrc: RTX_SSRC });
    video.forward(1, payload(), { patches: [patch({ value: 1 })] });
    video.resend(1, payload(), { patches: [patch({ value: 1 })] });
    const [first, again] = video.take();
    expect(again!.payload.subarray(2).equals(first!.payload)).toBe(true);
  });
});

describe('a patch that does not fit is a refused command', () => {
  test.each<[string, Partial<PacketPatch>]>([
    ['behind the payload', { offset: 40, bits: 8 }],
    ['half behind the payload', { offset: 39, bits: 16 }],
    ['in an extension that the packet has not', { target: 2, offset: 0 }],
  ])('%s', (_, of) => {
    const video = new VideoBench();
    expect(video.forward(1, payload(), { patches: [patch(of)] })).toBe(1);
    expect(video.bench.drops).toEqual({ 'command-invalid': 1 });
  });

  test('too many, an unknown width, a payload longer than a slot', () => {
    const video = new VideoBench();
    const { commands } = video.engine;
    const attempt = (count: number, descriptor: number, length = 40): void => {
      video.forward(1, payload(length));
      commands[L.COMMAND_INDEX] = 1000 + video.counters().packets;
      commands[L.COMMAND_PATCH_COUNT] = count;
      commands[L.COMMAND_PATCHES] = descriptor;
      expect(video.engine.flush(1)).toBe(1);
    };
    attempt(4, 0);
    attempt(0xffffffff, 0);
    attempt(1, 4 << 4);
    attempt(1, 1 << 10);
    attempt(1, 0, 3000);
    expect(video.bench.drops['command-invalid']).toBe(5);
  });
});
