/** Real sockets on loopback. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as L from '../src/index.js';
import { bindingRequest, rtp } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

const engines: L.Engine[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
  for (const socket of sockets.splice(0)) socket.close();
});

function makeEngine(): L.Engine {
  const engine = new L.Engine({ slots: 1024, entries: 1024 });
  engines.push(engine);
  return engine;
}

async function client(ip = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4').bind(0, ip);
  sockets.push(socket);
  await once(socket, 'listening');
  return socket;
}

const rowAddress = (engine: L.Engine, row: number): Uint8Array => {
  const at = engine.rows.byteOffset + (row * L.ROW_WORDS + L.ROW_ADDRESS) * 4;
  return new Uint8Array(engine.rows.buffer, at, L.ADDRESS_BYTES).slice();
};

/** Answers every STUN datagram with the same bytes. */
function echo(engine: L.Engine): { addresses: string[] } {
  const seen = { addresses: [] as string[] };
  engine.start((count) => {
    for (let i = 0; i < count; i++) {
      const at = i * L.ROW_WORDS;
      const from = rowAddress(engine, i);
      seen.addresses.push(L.addressText(from));
      const offset = engine.rows[at + L.ROW_OFFSET]!;
      const bytes = engine.slab.subarray(offset, offset + engine.rows[at + L.ROW_LENGTH]!);
      engine.sendTo(engine.rows[at + L.ROW_SOCKET]!, from, bytes);
    }
    return 0;
  });
  return seen;
}

describe('binding', () => {
  test('gives the real port and what the kernel granted', () => {
    const bound = makeEngine().bind('127.0.0.1', 0, { sendBuffer: 100_000, receiveBuffer: 200_000 });
    expect(bound.port).toBeGreaterThan(0);
    expect(bound.ip).toBe('127.0.0.1');
    expect(bound.sendBuffer).toBe(100_000);
    expect(bound.receiveBuffer).toBe(200_000);
  });

  test('a buffer that is not granted is reported as it is', () => {
    const bound = makeEngine().bind('127.0.0.1', 0, { sendBuffer: 1 << 30, receiveBuffer: 1 << 30 });
    expect(bound.sendBuffer).toBeLessThan(1 << 30);
    expect(bound.receiveBuffer).toBeGreaterThan(0);
  });

  test.each([
    { name: 'no address', ip: 'example', code: 'BAD_ADDRESS' },
    { name: 'empty', ip: '', code: 'BAD_ADDRESS' },
    { name: 'another machine’s', ip: '192.0.2.1', code: 'ADDRESS_NOT_AVAILABLE' },
    { name: 'another machine’s, IPv6', ip: '2001:db8::1', code: 'ADDRESS_NOT_AVAILABLE' },
  ])('$name: $code', ({ ip, code }) => {
    const engine = makeEngine();
    expect(() => engine.bind(ip, 0)).toThrow(expect.objectContaining({ name: 'EngineError', code }));
  });

  test('a port in use: ADDRESS_IN_USE, free again after unbind', () => {
    const engine = makeEngine();
    const { port, socket } = engine.bind('127.0.0.1', 0);
    const other = makeEngine();
    expect(() => other.bind('127.0.0.1', port)).toThrow(/ADDRESS_IN_USE: 127.0.0.1 port \d+ is in use/);
    engine.unbind(socket);
    expect(other.bind('127.0.0.1', port).port).toBe(port);
    expect(() => other.bind('127.0.0.1', 70_000)).toThrow(RangeError);
  });
});

describe('an IPv6 socket for all addresses', () => {
  test('takes IPv4 when it is asked to; the peer has an IPv4 address then', async () => {
    const engine = makeEngine();
    const { port } = engine.bind('::', 0, { ipv6Only: false });
    const seen = echo(engine);
    const peer = await client();
    const answered = once(peer, 'message');
    peer.send(bindingRequest(), port, '127.3.2.1');
    const [bytes, from] = (await answered) as [Buffer, { address: string; port: number }];
    expect(bytes).toEqual(bindingRequest());
    expect(from).toMatchObject({ address: '127.3.2.1', port });
    expect(seen.addresses).toEqual([`127.0.0.1:${peer.address().port}`]);
  });

  test('leaves IPv4 to others by default', () => {
    const { port } = makeEngine().bind('::', 0);
    expect(makeEngine().bind('0.0.0.0', port).port).toBe(port);
  });
});

test('a port can be shared by sockets that say so, and by no other', () => {
  const { port } = makeEngine().bind('127.0.0.1', 0, { reusePort: true });
  expect(makeEngine().bind('127.0.0.1', port, { reusePort: true }).port).toBe(port);
  expect(() => makeEngine().bind('127.0.0.1', port)).toThrow(/ADDRESS_IN_USE/);
});

describe.each([
  { name: 'IPv4', ip: '127.0.0.1', to: '127.0.0.1' },
  { name: 'IPv6', ip: '::1', to: '::1' },
  { name: 'all IPv4 addresses, asked on another one', ip: '0.0.0.0', to: '127.3.2.1' },
  { name: 'all IPv6 addresses', ip: '::', to: '::1' },
])('$name', ({ ip, to }) => {
  test('a datagram is answered from the address that it was sent to', async () => {
    const engine = makeEngine();
    const { port } = engine.bind(ip, 0);
    const seen = echo(engine);
    const peer = await client(to.includes(':') ? '::1' : '127.0.0.1');
    const answered = once(peer, 'message');
    peer.send(bindingRequest(), port, to);
    const [bytes, from] = (await answered) as [Buffer, { address: string; port: number }];
    expect(bytes).toEqual(bindingRequest());
    expect(from).toMatchObject({ address: to, port });
    const own = peer.address();
    expect(seen.addresses).toEqual([to.includes(':') ? `[::1]:${own.port}` : `127.0.0.1:${own.port}`]);
  });
});

test('thousands of datagrams at once come in batches, none is lost, all are answered', async () => {
  const COUNT = 3000;
  const engine = makeEngine();
  const { port } = engine.bind('127.0.0.1', 0);
  const seen = echo(engine);
  const peer = await client();
  peer.setRecvBufferSize(4 << 20);
  let answers = 0;
  const done = new Promise<void>((resolve) => {
    peer.on('message', () => {
      if (++answers === COUNT) resolve();
    });
  });
  for (let i = 0; i < COUNT; i++) peer.send(bindingRequest(), port, '127.0.0.1');
  await done;
  const stats = engine.stats();
  expect(seen.addresses).toHaveLength(COUNT);
  expect(stats.received).toBe(COUNT);
  expect(stats.sent).toBe(COUNT);
  expect(stats.batches).toBeLessThan(COUNT);
  expect(stats.freeSlots).toBeGreaterThanOrEqual(1024 - 64);
});

test('a fan-out to 300 receivers over sockets, in one flush', async () => {
  const RECEIVERS = 300;
  const engine = makeEngine();
  const bound = engine.bind('127.0.0.1', 0);
  engine.start(() => 0);
  const sink = await client();
  sink.setRecvBufferSize(4 << 20);
  const list = engine.createList();
  const keys = { receiveKey: new Uint8Array(16), receiveSalt: new Uint8Array(12) };
  for (let i = 0; i < RECEIVERS; i++) {
    const peer = engine.createPeer();
    engine.selectAddress(peer, bound.socket, L.toAddress('127.0.0.1', sink.address().port));
    engine.setKeys(peer, 'AEAD_AES_128_GCM', {
      ...keys,
      sendKey: Buffer.alloc(16, i),
      sendSalt: new Uint8Array(12),
    });
    const entry = engine.createEntry();
    L.writeEntry(engine.entries, entry, { peer, ssrc: i, payloadTypes: [111], enabled: true });
    engine.listAdd(list, entry);
  }
  const received: Buffer[] = [];
  const done = new Promise<void>((resolve) => {
    sink.on('message', (bytes) => {
      received.push(bytes);
      if (received.length === RECEIVERS) resolve();
    });
  });
  engine.scratch.set(Buffer.from('hello'));
  const payload = { payloadOffset: engine.scratchOffset, payloadLength: 5 };
  L.writeCommand(engine.commands, 0, { list, ...payload, index: 9, timestamp: 960 });
  expect(engine.flush(1)).toBe(0);
  await done;
  for (const bytes of received) {
    const ssrc = bytes.readUInt32BE(8);
    const reference = new SrtpReference('AEAD_AES_128_GCM', Buffer.alloc(16, ssrc), new Uint8Array(12));
    const want = rtp({ ssrc, sequence: 9, timestamp: 960, payload: Buffer.from('hello') });
    expect(reference.unprotectRtp(bytes, 0)).toEqual(want);
  }
  expect(engine.stats().sendCalls).toBeLessThan(10);
});

test.each([2, 4, 7])(
  'sources that each go to receivers of %d sockets: a call per socket, not per packet',
  async (count) => {
    const SOURCES = 40;
    const engine = makeEngine();
    engine.start(() => 0);
    const lists = Array.from({ length: SOURCES }, () => engine.createList());
    const sinks = [];
    for (let i = 0; i < count; i++) {
      const bound = engine.bind('127.0.0.1', 0);
      const sink = await client();
      const peer = engine.createPeer();
      engine.selectAddress(peer, bound.socket, L.toAddress('127.0.0.1', sink.address().port));
      engine.setKeys(peer, 'AEAD_AES_128_GCM', {
        receiveKey: new Uint8Array(16),
        receiveSalt: new Uint8Array(12),
        sendKey: new Uint8Array(16),
        sendSalt: new Uint8Array(12),
      });
      lists.forEach((list, ssrc) => {
        const entry = engine.createEntry();
        L.writeEntry(engine.entries, entry, { peer, ssrc, payloadTypes: [111], enabled: true });
        engine.listAdd(list, entry);
      });
      const got: { ssrc: number; port: number }[] = [];
      sink.on('message', (bytes, { port }) => got.push({ ssrc: bytes.readUInt32BE(8), port }));
      sinks.push({ got, port: bound.port });
    }
    const payload = { payloadOffset: engine.scratchOffset, payloadLength: 8 };
    lists.forEach((list, i) =>
      L.writeCommand(engine.commands, i, { list, ...payload, index: 1, timestamp: 0 }),
    );
    expect(engine.flush(SOURCES)).toBe(0);
    for (const { got, port } of sinks) {
      await vi.waitFor(() => expect(got).toHaveLength(SOURCES), { timeout: 5000, interval: 5 });
      expect(got).toEqual(lists.map((_, ssrc) => ({ ssrc, port })));
    }
    // Four sockets have a stage each; with more they take turns, and nothing but the number of calls changes.
    if (count <= 4) expect(engine.stats().sendCalls).toBe(count);
  },
);

test('a full kernel buffer: what fits the queue waits and goes out, the rest is counted', async () => {
  const engine = makeEngine();
  const bound = engine.bind('127.0.0.1', 0, { sendBuffer: 8192 });
  engine.start(() => 0);
  // Loopback empties a send buffer at once, so this only shows that nothing is lost or counted twice.
  const sink = await client();
  sink.setRecvBufferSize(4 << 20);
  let got = 0;
  sink.on('message', () => got++);
  const address = L.toAddress('127.0.0.1', sink.address().port);
  for (let i = 0; i < 1000; i++)
    expect(engine.sendTo(bound.socket, address, new Uint8Array(1000))).toBe(true);
  await vi.waitUntil(() => got === 1000);
  const { sent, sentBytes, queuedBytes, drops } = engine.stats();
  expect({ sent, sentBytes, queuedBytes, full: drops['send-full'] }).toEqual({
    sent: 1000,
    sentBytes: 1_000_000,
    queuedBytes: 0,
    full: 0,
  });
});

describe('what cannot be sent is counted', () => {
  test('to port 0, to a closed socket, longer than the path takes', () => {
    const engine = makeEngine();
    const { socket } = engine.bind('127.0.0.1', 0);
    const drop = (): Record<string, number> =>
      Object.fromEntries(Object.entries(engine.stats().drops).filter(([, count]) => count > 0));
    expect(engine.sendTo(socket, L.toAddress('127.0.0.1', 0), bindingRequest())).toBe(false);
    engine.sendTo(99, L.toAddress('127.0.0.1', 5), bindingRequest());
    expect(engine.sendTo(socket, L.toAddress('127.0.0.1', 5), new Uint8Array(3000))).toBe(false);
    expect(drop()).toEqual({ 'peer-no-address': 1, 'socket-closed': 1, mtu: 1 });
    engine.sendTo(socket, L.toAddress('::1', 5), bindingRequest()); // another family
    engine.sendTo(socket, L.toAddress('127.0.0.1', 5), bindingRequest());
    expect(drop()).toMatchObject({ 'send-error': 1 });
    expect(engine.stats().sent).toBe(1);
    expect(engine.stats().sendErrors).toBe(1);
  });
});

describe('life', () => {
  test('close twice, close inside a batch, and everything after it is harmless', async () => {
    const engine = makeEngine();
    const { port, socket } = engine.bind('127.0.0.1', 0);
    const peer = await client();
    const closed = new Promise<void>((resolve) => {
      engine.start((count) => {
        expect(count).toBeGreaterThan(0);
        engine.close();
        engine.close();
        resolve();
        return 5;
      });
    });
    peer.send(bindingRequest(), port, '127.0.0.1');
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.closed).toBe(true);
    expect(engine.flush(1)).toBe(1);
    expect(engine.sendTo(socket, L.toAddress('127.0.0.1', 1), bindingRequest())).toBe(false);
    expect(engine.stats().received).toBe(0);
    expect(engine.freeSlots).toBeGreaterThan(0);
    expect(() => engine.createPeer()).toThrow(/CLOSED/);
    expect(() => engine.bind('127.0.0.1', 0)).toThrow(/CLOSED/);
    engine.closePeer(0);
    engine.unbind(socket);
  });

  test('start twice is refused; sockets bound later join in, sockets unbound fall silent', async () => {
    const engine = makeEngine();
    const seen = echo(engine);
    expect(() => engine.start(() => 0)).toThrow(/ALREADY_STARTED/);
    const one = engine.bind('127.0.0.1', 0);
    const two = engine.bind('127.0.0.1', 0);
    const peer = await client();
    const answer = async (port: number): Promise<void> => {
      const answered = once(peer, 'message');
      peer.send(bindingRequest(), port, '127.0.0.1');
      await answered;
    };
    await answer(one.port);
    await answer(two.port);
    engine.unbind(one.socket);
    const again = engine.bind('127.0.0.1', 0);
    expect(again.socket).toBe(one.socket);
    await answer(again.port);
    await answer(two.port);
    expect(seen.addresses).toHaveLength(4);
  });

  test('memory mode’s methods are refused with sockets', () => {
    const engine = makeEngine();
    expect(() => engine.inject([], 1)).toThrow(/NOT_MEMORY_MODE/);
    expect(() => engine.setNow(1)).toThrow(/NOT_MEMORY_MODE/);
    expect(engine.now()).toBeGreaterThan(0);
    expect(() => new L.Engine({ slots: 1 })).toThrow(/slots 1 is not 256/);
  });
});

test('what the sockets hold can be read at once', async () => {
  const engine = makeEngine();
  const { port } = engine.bind('127.0.0.1', 0);
  expect(engine.read()).toBe(0);
  let rows = 0;
  let failure: unknown;
  engine.start(
    (count) => {
      rows += count;
      try {
        engine.read();
      } catch (error) {
        failure = error;
      }
      return 0;
    },
    { readEveryMs: 60_000 },
  );
  const socket = await client();
  const sent: Promise<unknown>[] = [];
  for (let i = 0; i < 600; i++)
    sent.push(new Promise((resolve) => socket.send(bindingRequest(), port, '127.0.0.1', resolve)));
  await Promise.all(sent);
  // On loopback what was sent has arrived. The first one started a timer that nobody waits for.
  expect(engine.read()).toBe(600);
  expect(rows).toBe(600);
  expect(engine.read()).toBe(0);
  expect(failure).toMatchObject({ code: 'IN_BATCH' });
});

test('an exception of onBatch comes out of read', async () => {
  const engine = makeEngine();
  const { port } = engine.bind('127.0.0.1', 0);
  engine.start(
    () => {
      throw new Error('of onBatch');
    },
    { readEveryMs: 60_000 },
  );
  const socket = await client();
  await new Promise((resolve) => socket.send(bindingRequest(), port, '127.0.0.1', resolve));
  expect(() => engine.read()).toThrow('of onBatch');
  expect(engine.read()).toBe(0);
});

test('who has time gets everything of an interval at once, and is told of each until a second was quiet', async () => {
  const engine = makeEngine();
  const { port } = engine.bind('127.0.0.1', 0);
  const batches: number[] = [];
  engine.start(
    (count) => {
      batches.push(count);
      return 0;
    },
    { readEveryMs: 100 },
  );
  const socket = await client();
  for (let i = 0; i < 2; i++) {
    for (let sent = 0; sent < 20; sent++) {
      socket.send(bindingRequest(), port, '127.0.0.1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(
      () => expect(batches.filter((count) => count > 0)).toEqual(new Array(i + 1).fill(20)),
      5_000,
    );
    expect(engine.stats().wakeups).toBe(1);
  }
  const quiet = (): number => batches.length - batches.lastIndexOf(20) - 1;
  await vi.waitFor(() => expect(quiet()).toBe(10), 5_000);
  socket.send(bindingRequest(), port, '127.0.0.1');
  await vi.waitFor(() => expect(batches).toContain(1), 5_000);
  expect(engine.stats().wakeups).toBe(2);
  // Ten readings of 100 ms, and none in between.
  expect(batches.slice(batches.lastIndexOf(20) + 1)).toEqual([...new Array<number>(10).fill(0), 1]);
});
