/** ICE-TCP over real connections on loopback: RFC 4571 frames as datagrams, and who may stay. Limits as socket_tcp.h has them. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as L from '../src/index.js';
import { bindingRequest, Chance, rtp } from './support/packets.js';
import { SrtpReference } from './support/srtp.js';

/** What another thread or process does may take its time where many tests run at once. */
const soon = <Value>(
  check: () => Value | Promise<Value>,
  options: { interval?: number; timeout?: number } = {},
) => vi.waitFor(check, { timeout: 10_000, interval: 10, ...options });

const QUEUE_BYTES_MAX = 256 * 1024;
const UNVERIFIED_FRAMES_MAX = 64;
const UNVERIFIED_MAX = 512;

const engines: L.Engine[] = [];
const connections: Socket[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const connection of connections.splice(0)) connection.destroy();
  for (const engine of engines.splice(0)) engine.close();
});

interface Row {
  kind: number;
  peer: number;
  socket: number;
  address: Uint8Array;
  bytes: Buffer;
}

interface Server {
  engine: L.Engine;
  socket: number;
  port: number;
  rows: Row[];
  /** Called for each row, inside the batch. */
  onRow: (row: Row) => void;
}

function serve(ip = '127.0.0.1', options: L.BindTcpOptions = {}): Server {
  const engine = new L.Engine({ slots: 1024, entries: 64 });
  engines.push(engine);
  const { socket, port } = engine.bindTcp(ip, 0, options);
  const server: Server = { engine, socket, port, rows: [], onRow: () => {} };
  engine.start((count) => {
    for (let i = 0; i < count; i++) {
      const at = i * L.ROW_WORDS;
      const word = (which: number): number => engine.rows[at + which]!;
      const begin = engine.rows.byteOffset + (at + L.ROW_ADDRESS) * 4;
      const row: Row = {
        kind: word(L.ROW_KIND),
        peer: word(L.ROW_PEER),
        socket: word(L.ROW_SOCKET),
        address: new Uint8Array(engine.rows.buffer, begin, L.ADDRESS_BYTES).slice(),
        bytes: Buffer.from(engine.slab.slice(word(L.ROW_OFFSET), word(L.ROW_OFFSET) + word(L.ROW_LENGTH))),
      };
      server.rows.push(row);
      server.onRow(row);
    }
    return 0;
  });
  return server;
}

async function dial({ port }: { port: number }, ip = '127.0.0.1', localPort?: number): Promise<Socket> {
  const from = localPort === undefined ? {} : { localAddress: ip, localPort };
  const connection = connect({ port, host: ip, noDelay: true, ...from });
  connections.push(connection);
  connection.on('error', () => {}); // a reset is an end like any other
  await once(connection, 'connect');
  return connection;
}

/** Ended by the other side, by a goodbye or a reset. */
const ended = (connection: Socket): Promise<unknown> =>
  new Promise((resolve) => connection.resume().once('close', resolve));

function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bytes.length);
  return Buffer.concat([head, bytes]);
}

/** Whole frames that came up to now. */
function listen(connection: Socket): Buffer[] {
  const frames: Buffer[] = [];
  let bytes = Buffer.alloc(0);
  connection.on('data', (more: Buffer) => {
    bytes = Buffer.concat([bytes, more]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      frames.push(bytes.subarray(2, 2 + bytes.readUInt16BE(0)));
      bytes = bytes.subarray(2 + bytes.readUInt16BE(0));
    }
  });
  return frames;
}

const check = (n: number): Buffer => {
  const id = Buffer.alloc(12);
  id.writeUInt32BE(n, 8);
  return bindingRequest(id);
};

/** A verified connection: the first row's address is bound to a new peer and chosen. */
async function verified(
  server: Server,
  localPort?: number,
): Promise<{ connection: Socket; peer: number; address: Uint8Array }> {
  const connection = await dial(server, '127.0.0.1', localPort);
  const peer = server.engine.createPeer();
  const before = server.rows.length;
  const { onRow } = server;
  let address: Uint8Array | undefined;
  server.onRow = (row) => {
    address ??= row.address;
    expect(server.engine.bindAddress(peer, row.socket, row.address)).toBe(true);
    server.engine.selectAddress(peer, row.socket, row.address);
    server.onRow = onRow;
  };
  connection.write(frame(check(1)));
  await soon(() => expect(server.rows.length).toBe(before + 1), { interval: 1 });
  return { connection, peer, address: address! };
}

const KEYS = { key: new Uint8Array(16).fill(1), salt: new Uint8Array(12).fill(2) };
function setKeys(engine: L.Engine, peer: number): SrtpReference {
  const { key, salt } = KEYS;
  engine.setKeys(peer, 'AEAD_AES_128_GCM', {
    receiveKey: key,
    receiveSalt: salt,
    sendKey: key,
    sendSalt: salt,
  });
  return new SrtpReference('AEAD_AES_128_GCM', key, salt);
}

describe('frames', () => {
  test.each([
    { name: 'IPv4', ip: '127.0.0.1' },
    { name: 'IPv6', ip: '::1' },
  ])('$name: a check comes up with the address of its connection, and is answered there', async ({ ip }) => {
    const server = serve(ip);
    server.onRow = ({ socket, address, bytes }) => {
      expect(server.engine.sendTo(socket, address, bytes)).toBe(true);
    };
    const connection = await dial(server, ip);
    const frames = listen(connection);
    connection.write(frame(check(1)));
    await soon(() => expect(frames).toEqual([check(1)]));
    const [row] = server.rows;
    expect(row).toMatchObject({ kind: L.KIND_STUN, socket: server.socket, peer: L.NO_PEER });
    expect(L.addressIp(row!.address)).toBe(ip);
    expect(L.addressPort(row!.address)).toBe(connection.localPort);
    expect(server.engine.stats()).toMatchObject({ tcpAccepted: 1, tcpConnections: 1, sent: 1, received: 1 });
  });

  test('an IPv6 socket for all addresses takes IPv4 when asked to', async () => {
    const server = serve('::', { ipv6Only: false });
    const connection = await dial(server);
    connection.write(frame(check(1)));
    await soon(() => expect(server.rows).toHaveLength(1));
    expect(L.addressIp(server.rows[0]!.address)).toBe('127.0.0.1');
  });

  test('split at every byte, and all at once', async () => {
    const server = serve();
    const { connection } = await verified(server);
    const three = Buffer.concat([frame(check(1)), frame(new Uint8Array()), frame(check(2)), frame(check(3))]);
    for (let at = 0; at <= three.length; at++) {
      server.rows.length = 0;
      const { receiveCalls } = server.engine.stats();
      connection.write(three.subarray(0, at));
      // The first part has been read before the second is written.
      const reads = (): number => server.engine.stats().receiveCalls - receiveCalls;
      if (at > 0) await soon(() => expect(reads()).toBeGreaterThan(0), { interval: 1 });
      connection.write(three.subarray(at));
      await soon(() => expect(server.rows).toHaveLength(3), { interval: 1 });
      expect(server.rows.map(({ bytes }) => bytes)).toEqual([check(1), check(2), check(3)]);
    }
    expect(server.engine.stats()).toMatchObject({ tcpAccepted: 1, tcpConnections: 1 });
  });

  test('more frames in one piece than a batch has rows: none is lost, in order', async () => {
    const COUNT = 3000;
    const server = serve();
    const { connection } = await verified(server);
    server.rows.length = 0;
    connection.write(Buffer.concat(Array.from({ length: COUNT }, (_, i) => frame(check(i)))));
    await soon(() => expect(server.rows).toHaveLength(COUNT));
    expect(server.rows.every(({ bytes }, i) => bytes.equals(check(i)))).toBe(true);
    expect(server.engine.freeSlots).toBeGreaterThanOrEqual(1024 - 64);
  });

  test('random streams end their connections and nothing else', async () => {
    const server = serve();
    const { connection: good } = await verified(server);
    const chance = new Chance(5);
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => chance.u32() & 0xff));
    for (let i = 0; i < 100; i++) {
      const { connection } = await verified(server);
      const closed = ended(connection);
      // Whole frames of nonsense first, then none at all.
      for (let k = 0; k < 10; k++) connection.write(frame(bytes(chance.u32() % 200)));
      for (let k = 0; k < 10; k++) connection.write(bytes(chance.u32() % 5000));
      await closed;
    }
    await soon(() => expect(server.engine.stats().tcpConnections).toBe(1));
    const before = server.rows.length;
    good.write(frame(check(5)));
    await soon(() => expect(server.rows.length).toBe(before + 1), { interval: 1 });
  });

  test('SRTP both ways on a verified connection', async () => {
    const server = serve();
    const { connection, peer } = await verified(server);
    const frames = listen(connection);
    const reference = setKeys(server.engine, peer);
    const plain = rtp({ sequence: 7, ssrc: 9, payload: Buffer.alloc(1000, 3) });
    connection.write(frame(reference.protectRtp(plain, 0)));
    await soon(() => expect(server.rows).toHaveLength(2));
    expect(server.rows[1]).toMatchObject({ kind: L.KIND_RTP, peer });
    expect(server.rows[1]!.bytes).toEqual(plain);
    const report = Buffer.from('80c9000100000009', 'hex');
    expect(server.engine.sendRtcp(peer, report)).toBe(true);
    await soon(() => expect(frames).toHaveLength(1));
    expect(Buffer.from(reference.unprotectRtcp(frames[0]!)!.plain)).toEqual(report);
  });
});

describe('who may stay', () => {
  test.each([
    { name: 'a frame longer than any datagram', bytes: Buffer.from('0801', 'hex') },
    { name: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
    { name: 'TLS', bytes: Buffer.from('1603010200010001fc0303', 'hex') },
    { name: 'RTP before any check', bytes: frame(rtp({})) },
    { name: 'STUN without its cookie', bytes: frame(Buffer.alloc(20)) },
  ])('$name ends a connection that nobody has verified', async ({ bytes }) => {
    const server = serve();
    const connection = await dial(server);
    connection.write(bytes);
    await ended(connection);
    expect(server.rows).toEqual([]);
    expect(server.engine.stats()).toMatchObject({ tcpConnections: 0, drops: { 'tcp-garbage': 1 } });
  });

  test('a verified one may be wrong about a frame, but not about framing', async () => {
    const server = serve();
    const { connection, peer, address } = await verified(server);
    connection.write(frame(Buffer.from('garbage')));
    await soon(() => expect(server.engine.stats().drops['unknown-class']).toBe(1));
    connection.write(Buffer.from('ffff', 'hex'));
    await ended(connection);
    await soon(() => expect(server.rows.at(-1)).toMatchObject({ kind: L.KIND_CLOSED, peer, address }));
    expect(server.engine.stats().drops['tcp-garbage']).toBe(1);
  });

  test('checks that verify nobody: some, then no more', async () => {
    const server = serve();
    const connection = await dial(server);
    for (let i = 0; i < 2 * UNVERIFIED_FRAMES_MAX; i++) connection.write(frame(check(i)));
    await ended(connection);
    expect(server.rows.length).toBeLessThanOrEqual(UNVERIFIED_FRAMES_MAX + 1);
    expect(server.engine.stats().drops['tcp-unverified']).toBe(1);
  });

  test('silence ends a connection after its time; a verified one may be silent', async () => {
    const server = serve('127.0.0.1', { unverifiedMs: 50 });
    const { connection: good } = await verified(server);
    const silent = await dial(server);
    await ended(silent);
    expect(server.engine.stats()).toMatchObject({ tcpConnections: 1, drops: { 'tcp-unverified': 1 } });
    expect(good.destroyed).toBe(false);
  });

  test('unbinding the address makes it unverified again', async () => {
    const server = serve('127.0.0.1', { unverifiedMs: 50 });
    const { connection, peer, address } = await verified(server);
    server.engine.unbindAddress(peer, server.socket, address);
    await ended(connection);
    expect(server.rows).toHaveLength(1);
    expect(server.engine.stats().drops['tcp-unverified']).toBe(1);
  });

  test('one too many makes the oldest that nobody verified go', async () => {
    const server = serve();
    const { connection: good } = await verified(server);
    const oldest = await dial(server);
    const gone = ended(oldest);
    for (let i = 0; i < UNVERIFIED_MAX; i++) await dial(server);
    await gone;
    await soon(() => expect(server.engine.stats().tcpConnections).toBe(UNVERIFIED_MAX + 1));
    expect(good.destroyed).toBe(false);
    expect(server.engine.stats().drops['tcp-unverified']).toBe(1);
  });
});

describe('the end of a connection', () => {
  test.each([
    { name: 'said goodbye', leave: (connection: Socket) => connection.end() },
    { name: 'reset', leave: (connection: Socket) => connection.resetAndDestroy() },
  ])('$name: a row tells whose it was, its address is nobody’s', async ({ leave }) => {
    const server = serve();
    const { connection, peer, address } = await verified(server);
    leave(connection);
    await soon(() => expect(server.rows).toHaveLength(2));
    expect(server.rows[1]).toEqual({
      kind: L.KIND_CLOSED,
      peer,
      socket: server.socket,
      address,
      bytes: Buffer.alloc(0),
    });
    expect(server.engine.bindAddress(peer, server.socket, address)).toBe(false);
    expect(server.engine.sendTo(server.socket, address, check(2))).toBe(true);
    expect(server.engine.stats()).toMatchObject({ tcpConnections: 0, drops: { 'socket-closed': 1 } });
  });

  test('the next one from the same port is another one', async () => {
    const server = serve();
    // Below the ports that the kernel gives out by itself: nobody else takes it in between.
    const localPort = 20_000 + (process.pid % 10_000);
    const { connection, address } = await verified(server, localPort);
    const gone = ended(connection);
    connection.resetAndDestroy();
    await gone;
    await soon(() => expect(server.engine.stats().tcpConnections).toBe(0));
    const again = await dial(server, '127.0.0.1', localPort);
    again.write(frame(check(2)));
    await soon(() => expect(server.rows).toHaveLength(3));
    const row = server.rows[2]!;
    expect(row.peer).toBe(L.NO_PEER);
    expect(L.addressText(row.address)).toBe(L.addressText(address));
    expect(row.address).not.toEqual(address);
  });

  test('closing the peer ends its connections, after its last words', async () => {
    const server = serve();
    const { connection, peer, address } = await verified(server);
    const frames = listen(connection);
    const closed = ended(connection);
    server.engine.sendTo(server.socket, address, check(99));
    server.engine.closePeer(peer);
    await closed;
    expect(frames).toEqual([check(99)]);
    expect(server.rows).toHaveLength(1);
    expect(server.engine.stats().tcpConnections).toBe(0);
  });

  test('closing the listener or the engine ends all; the port is free again', async () => {
    const server = serve();
    const { connection } = await verified(server);
    const other = await dial(server);
    const both = Promise.all([ended(connection), ended(other)]);
    server.engine.unbind(server.socket);
    await both;
    const again = server.engine.bindTcp('127.0.0.1', server.port);
    expect(again.port).toBe(server.port);
    const third = await dial({ port: again.port });
    const closed = ended(third);
    server.engine.close();
    await closed;
  });

  test('a port in use: ADDRESS_IN_USE', () => {
    const { engine, port } = serve();
    expect(() => engine.bindTcp('127.0.0.1', port)).toThrow(/ADDRESS_IN_USE/);
  });
});

describe('a slow reader', () => {
  test('gets whole frames in order, the rest is dropped and counted; others are not held up', async () => {
    const COUNT = 4000;
    const server = serve();
    const { connection, address } = await verified(server);
    const fast = await verified(server);
    const fastFrames = listen(fast.connection);
    connection.pause();
    const numbered = (i: number): Buffer => {
      const bytes = Buffer.alloc(1200);
      bytes.writeUInt32BE(i);
      return bytes;
    };
    // More than kernel buffers on both sides and the queue hold.
    let sent = 0;
    await soon(
      () => {
        for (let i = 0; i < COUNT; i++) server.engine.sendTo(server.socket, address, numbered(sent++));
        expect(server.engine.stats().drops['tcp-full']).toBeGreaterThan(0);
      },
      { timeout: 5_000, interval: 1 },
    );
    const { drops, tcpQueuedBytes } = server.engine.stats();
    expect(tcpQueuedBytes).toBeGreaterThan(QUEUE_BYTES_MAX - 2000);
    expect(tcpQueuedBytes).toBeLessThanOrEqual(QUEUE_BYTES_MAX);
    server.engine.sendTo(server.socket, fast.address, numbered(1));
    await soon(() => expect(fastFrames).toEqual([numbered(1)]));
    const frames = listen(connection);
    connection.resume();
    await soon(() => expect(frames).toHaveLength(sent - drops['tcp-full']), { timeout: 5_000 });
    const numbers = frames.map((bytes) => bytes.readUInt32BE());
    expect(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!)).toBe(true);
    expect(frames.every((bytes) => bytes.length === 1200)).toBe(true);
    expect(server.engine.stats().tcpQueuedBytes).toBe(0);
  });
});
