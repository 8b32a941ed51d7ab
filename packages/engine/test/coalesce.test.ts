/** A socket that reads datagrams together which the kernel got together: what comes out is what was sent, one by one, in order. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as L from '../src/index.js';
import { bindingRequest, Chance, rtp } from './support/packets.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Heard {
  readonly peer: number;
  readonly number: number;
  readonly payload: string;
}

/** Collects the RTP of peers without SRTP. */
function listen(ip: string, readEveryMs: number) {
  const engine = new L.Engine({ slots: 4096, entries: 16, commands: 64 });
  closers.push(() => engine.close());
  const { socket, port } = engine.bind(ip, 0, { coalesce: true });
  const heard: Heard[] = [];
  engine.start(
    (count) => {
      const { rows, slab } = engine;
      for (let at = 0; at < count * L.ROW_WORDS; at += L.ROW_WORDS) {
        const offset = rows[at + L.ROW_OFFSET]!;
        const from = offset + rows[at + L.ROW_HEADER_LENGTH]!;
        heard.push({
          peer: rows[at + L.ROW_PEER]!,
          number: rows[at + L.ROW_SEQUENCE]!,
          payload: Buffer.from(slab.subarray(from, offset + rows[at + L.ROW_LENGTH]!)).toString('hex'),
        });
      }
      return 0;
    },
    { readEveryMs },
  );
  const know = (fromIp: string, fromPort: number): number => {
    const peer = engine.createPeer();
    engine.setPlain(peer);
    engine.setRateLimit(peer, 1e6, 1e6, 4);
    const address = L.toAddress(fromIp, fromPort);
    if (!engine.bindAddress(peer, socket, address)) throw new Error('address is taken');
    return peer;
  };
  return { engine, port, heard, know };
}

/** An engine whose list has one stream, to there: what it sends in one flush leaves as few messages. */
function sender(fromIp: string, toIp: string, toPort: number) {
  const engine = new L.Engine({ slots: 256, entries: 16, commands: 128 });
  closers.push(() => engine.close());
  const { socket, port } = engine.bind(fromIp, 0);
  const peer = engine.createPeer();
  engine.setPlain(peer);
  const to = L.toAddress(toIp, toPort);
  engine.bindAddress(peer, socket, to);
  engine.selectAddress(peer, socket, to);
  const list = engine.createList();
  const entry = engine.createEntry();
  L.writeEntry(engine.entries, entry, { peer, ssrc: 7, payloadTypes: [96], enabled: true });
  engine.listAdd(list, entry);
  let index = 0;
  const send = (lengths: readonly number[]): string[] => {
    let at = 0;
    const sent = lengths.map((length, i) => {
      engine.scratch.fill((index * 31 + i) & 0xff, at, at + length);
      const bytes = Buffer.from(engine.scratch.subarray(at, at + length)).toString('hex');
      L.writeCommand(engine.commands, i, {
        list,
        payloadOffset: engine.scratchOffset + at,
        payloadLength: length,
        index: index++,
        timestamp: 0,
      });
      at += length;
      return bytes;
    });
    expect(engine.flush(lengths.length)).toBe(0);
    return sent;
  };
  return { port, send };
}

const arrived = (heard: readonly unknown[], count: number): Promise<void> =>
  vi.waitFor(() => expect(heard.length).toBe(count), { timeout: 5_000, interval: 5 });

const ADDRESSES = [
  { name: 'IPv4', ip: '127.0.0.1' },
  { name: 'IPv6', ip: '::1' },
];
const LENGTHS = [
  { what: 'equal lengths', lengths: Array.from({ length: 8 }, () => 1_000) },
  { what: 'the last one shorter', lengths: [900, 900, 900, 20] },
  { what: 'shorter, then longer', lengths: [900, 20, 20, 900, 900, 901, 1] },
  { what: 'more than one message takes', lengths: Array.from({ length: 46 }, () => 1_400) },
  { what: 'by chance', lengths: Array.from({ length: 60 }, (_, i) => 1 + (new Chance(i).below(3) >> 1)) },
];

describe.each(ADDRESSES)('over $name', ({ ip }) => {
  test.each(LENGTHS)('$what', async ({ lengths }) => {
    const receiver = listen(ip, 0);
    const from = sender(ip, ip, receiver.port);
    const peer = receiver.know(ip, from.port);
    const sent = [...from.send(lengths), ...from.send(lengths)];
    await arrived(receiver.heard, sent.length);
    expect(receiver.heard).toEqual(sent.map((payload, number) => ({ peer, number, payload })));
    expect(Object.values(receiver.engine.stats().drops).every((count) => count === 0)).toBe(true);
  });
});

test('two senders in turns: each datagram is its own sender’s', async () => {
  const receiver = listen('127.0.0.1', 20);
  const senders = [0, 1].map(() => sender('127.0.0.1', '127.0.0.1', receiver.port));
  const peers = senders.map(({ port }) => receiver.know('127.0.0.1', port));
  const sent: string[][] = [[], []];
  for (let round = 0; round < 20; round++)
    for (const [i, { send }] of senders.entries()) sent[i]!.push(...send([700, 700, 700, 30 + i]));
  await arrived(receiver.heard, 160);
  for (const [i, peer] of peers.entries()) {
    const own = receiver.heard.filter((each) => each.peer === peer);
    expect(own.map(({ payload }) => payload)).toEqual(sent[i]);
    expect(own.map(({ number }) => number)).toEqual(sent[i]!.map((_, number) => number));
  }
});

test.each([0, 40])(
  'more than one wake-up handles, read each %i ms: all come, and nobody needs to send once more',
  async (readEveryMs) => {
    const receiver = listen('127.0.0.1', readEveryMs);
    const from = sender('127.0.0.1', '127.0.0.1', receiver.port);
    receiver.know('127.0.0.1', from.port);
    const sent: string[] = [];
    for (let i = 0; i < 50; i++) sent.push(...from.send(Array.from({ length: 60 }, () => 300)));
    await arrived(receiver.heard, sent.length);
    expect(receiver.heard.map(({ payload }) => payload)).toEqual(sent);
    // 3,000 datagrams in some fifty messages.
    expect(receiver.engine.stats().receiveCalls).toBeLessThan(200);
  },
);

test('what a program sends one by one: empty, too long, and fitting ones', async () => {
  const receiver = listen('127.0.0.1', 0);
  const socket = createSocket('udp4');
  closers.push(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  receiver.know('127.0.0.1', socket.address().port);
  const packet = (sequence: number, length: number): Buffer =>
    rtp({ ssrc: 5, sequence, payload: Buffer.alloc(length, sequence) });
  const datagrams = [
    packet(1, 10),
    Buffer.alloc(0),
    packet(2, 5_000),
    packet(3, 1_200),
    packet(4, 60_000),
    packet(5, 1),
  ];
  for (const bytes of datagrams) socket.send(bytes, receiver.port, '127.0.0.1');
  await arrived(receiver.heard, 3);
  expect(receiver.heard.map(({ number, payload }) => [number, payload.length / 2])).toEqual([
    [1, 10],
    [3, 1_200],
    [5, 1],
  ]);
  await vi.waitFor(() => expect(receiver.engine.stats().received).toBe(datagrams.length));
  expect(receiver.engine.stats().drops).toMatchObject({ 'too-long': 2 });
});

test('bound to all addresses it still answers from the one that was asked', async () => {
  const engine = new L.Engine({ slots: 256, entries: 16, commands: 64 });
  closers.push(() => engine.close());
  const { socket, port } = engine.bind('0.0.0.0', 0, { coalesce: true });
  engine.start((count) => {
    for (let at = 0; at < count * L.ROW_WORDS; at += L.ROW_WORDS) {
      const address = new Uint8Array(engine.rows.slice(at + L.ROW_ADDRESS, at + L.ROW_ADDRESS + 5).buffer);
      engine.sendTo(socket, address, Buffer.from('here'));
    }
    return 0;
  });
  const program = createSocket('udp4');
  closers.push(() => program.close());
  const answer = once(program, 'message');
  program.send(bindingRequest(), port, '127.3.2.1');
  const [bytes, from] = (await answer) as [Buffer, { address: string }];
  expect([bytes.toString(), from.address]).toEqual(['here', '127.3.2.1']);
});
