/** Two engines and a call between them over real sockets: handshake, then paced video, on both kinds of addresses. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as L from '../src/index.js';

const engines: L.Engine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

interface Received {
  ssrc: number;
  sequence: number;
  micros: number;
  padding: number;
}

/** One end: a socket, a peer for the other end, an association. */
class End {
  readonly engine = new L.Engine({ slots: 1024, entries: 16, commands: 64 });
  readonly socket: number;
  readonly port: number;
  readonly peer: number;
  readonly dtls: L.Dtls;
  readonly received: Received[] = [];
  #other: Uint8Array | undefined;
  #keyed = false;

  constructor(
    readonly ip: string,
    role: 'client' | 'server',
  ) {
    const { engine } = this;
    engines.push(engine);
    ({ socket: this.socket, port: this.port } = engine.bind(ip, 0));
    this.peer = engine.createPeer();
    this.dtls = engine.createDtls(engine.createDtlsContext(), { role });
    engine.start((count, nowMicros) => {
      for (let row = 0; row < count; row++) this.#read(row * L.ROW_WORDS, nowMicros);
      return 0;
    });
  }

  connect(port: number): void {
    this.#other = L.toAddress(this.ip, port);
    this.engine.bindAddress(this.peer, this.socket, this.#other);
    this.engine.selectAddress(this.peer, this.socket, this.#other);
    this.#answer();
  }

  get ready(): boolean {
    return this.#keyed;
  }

  #read(at: number, nowMicros: number): void {
    const { rows, slab } = this.engine;
    if (rows[at + L.ROW_KIND] === L.KIND_RTP) {
      this.received.push({
        ssrc: rows[at + L.ROW_SSRC]!,
        sequence: rows[at + L.ROW_SEQUENCE]!,
        padding: rows[at + L.ROW_PADDING]!,
        micros: nowMicros,
      });
    }
    if (rows[at + L.ROW_KIND] !== L.KIND_DTLS) return;
    const offset = rows[at + L.ROW_OFFSET]!;
    this.dtls.input(slab.slice(offset, offset + rows[at + L.ROW_LENGTH]!));
    this.#answer();
  }

  #answer(): void {
    for (const datagram of this.dtls.takeOutput()) this.engine.sendTo(this.socket, this.#other!, datagram);
    if (this.#keyed || this.dtls.state !== 'connected') return;
    this.engine.setKeysFromDtls(this.peer, this.dtls);
    this.#keyed = true;
  }
}

describe.each(['127.0.0.1', '::1'])('on %s', (ip) => {
  test('the engine is the DTLS client; video leaves at its rate without anybody asking', async () => {
    const [client, server] = [new End(ip, 'client'), new End(ip, 'server')];
    server.connect(client.port);
    client.connect(server.port);
    await vi.waitFor(() => expect([client.ready, server.ready]).toEqual([true, true]), { timeout: 5000 });
    expect(client.dtls.remoteFingerprint('sha-256')).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);

    const { engine, peer } = client;
    const entry = engine.createEntry();
    L.writeEntry(engine.entries, entry, {
      peer,
      ssrc: 0x1000,
      rtxSsrc: 0x2000,
      payloadTypes: [96],
      rtxPayloadTypes: [97],
      transportWideCcId: 4,
      enabled: true,
      paced: true,
    });
    engine.setPacing(peer, 4_000_000);
    for (let i = 0; i < 50; i++) {
      L.writeCommand(engine.commands, i, {
        entry,
        payloadOffset: engine.scratchOffset,
        payloadLength: 1000,
        index: i,
        timestamp: 0,
      });
    }
    expect(engine.flush(50)).toBe(0);
    expect(engine.pacerQueue(peer).packets).toBeGreaterThan(40);
    await vi.waitFor(() => expect(server.received.length).toBe(50), { timeout: 5000, interval: 5 });
    expect(server.received.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    const took = server.received.at(-1)!.micros - server.received[0]!.micros;
    expect(took).toBeGreaterThan(80_000); // 52 kB at 4 Mbit/s are 103 ms; a slow machine only makes it longer

    expect(engine.probe(peer, entry, { clusterId: 1, bitsPerSecond: 2_000_000, bytes: 3000 })).toBe(true);
    await vi.waitFor(() => expect(server.received.length).toBe(61), { timeout: 5000, interval: 5 });
    expect(server.received.slice(50).every(({ ssrc, padding }) => ssrc === 0x2000 && padding === 255)).toBe(
      true,
    );
    expect(engine.poll()).toBeUndefined();
    expect(Object.values(server.engine.stats().drops).every((count) => count === 0)).toBe(true);
  });
});

test('an engine that is closed while packets wait ends quietly', async () => {
  const [client, server] = [new End('127.0.0.1', 'client'), new End('127.0.0.1', 'server')];
  server.connect(client.port);
  client.connect(server.port);
  await vi.waitFor(() => expect(client.ready).toBe(true), { timeout: 5000 });
  const { engine, peer } = client;
  const entry = engine.createEntry();
  L.writeEntry(engine.entries, entry, { peer, ssrc: 1, payloadTypes: [96], enabled: true, paced: true });
  engine.setPacing(peer, 10_000);
  for (let i = 0; i < 20; i++) {
    L.writeCommand(engine.commands, i, {
      entry,
      payloadOffset: 0,
      payloadLength: 500,
      index: i,
      timestamp: 0,
    });
  }
  engine.flush(20);
  expect(engine.pacerQueue(peer).packets).toBeGreaterThan(10);
  engine.close();
  expect(engine.pacerQueue(peer)).toEqual({ packets: 0, bytes: 0, oldestMicros: 0 });
  expect(engine.poll()).toBeUndefined();
  expect(() => engine.setPacing(peer, 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});
