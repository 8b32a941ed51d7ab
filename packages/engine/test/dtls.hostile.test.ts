/** Hostile inputs, group 2 (DTLS). Nothing here may crash, grow without bound or touch a live association. */
import { describe, expect, test } from 'vitest';
import { Dtls, DtlsContext } from '../src/index.js';
import { fragments, makePair, messageLength, records, shuttle } from './support/dtls.js';
import type { Pair } from './support/dtls.js';
import { Chance, hex } from './support/packets.js';

const contexts = { client: new DtlsContext(), server: new DtlsContext() };
const firstHello = (): Buffer => Buffer.from(new Dtls(contexts.client, { role: 'client' }).takeOutput()[0]!);

function livePair(): Pair {
  const pair = makePair(contexts);
  shuttle(pair);
  expect([pair.client.state, pair.server.state]).toEqual(['connected', 'connected']);
  return pair;
}

function expectAlive(pair: Pair): void {
  pair.client.send(Buffer.from('still here'));
  pair.server.send(Buffer.from('me, too'));
  shuttle(pair);
  expect(pair.server.takeApplicationData().map((data) => Buffer.from(data).toString())).toEqual([
    'still here',
  ]);
  expect(pair.client.takeApplicationData().map((data) => Buffer.from(data).toString())).toEqual(['me, too']);
}

describe('H2.2 fragments', () => {
  const complete = (parts: Buffer[]): string => {
    const server = new Dtls(contexts.server, { role: 'server' });
    for (const part of parts) server.input(part);
    const [answer] = server.takeOutput();
    return answer?.[0] === 22 ? 'answered' : server.state; // a handshake record, not an alert
  };
  const record = records(firstHello())[0]!;
  const length = messageLength(record);

  test('of length zero are harmless', () => {
    const zeros = Array.from({ length: 100 }, () => ({ offset: 0, length: 0 }));
    expect(complete(fragments(record, [...zeros, { offset: 0, length }]))).toBe('answered');
    expect(complete(fragments(record, [{ offset: length, length: 0 }]))).toBe('connecting');
  });

  test('that overlap give the same message or none', () => {
    const pieces = [
      { offset: 0, length: 80 },
      { offset: 40, length: 80 },
      { offset: 60, length: length - 60 },
    ];
    expect(['answered', 'connecting']).toContain(complete(fragments(record, pieces)));
  });

  test('that reach over the end, or claim another total, are refused', () => {
    const [part] = fragments(record, [{ offset: 10, length: 20 }]);
    part!.writeUIntBE(length - 5, 13 + 6, 3); // offset + length > total
    expect(complete([part!])).not.toBe('answered');
    const [first, second] = fragments(record, [
      { offset: 0, length: 50 },
      { offset: 50, length: length - 50 },
    ]);
    second!.writeUIntBE(length + 40, 13 + 1, 3);
    expect(complete([first!, second!])).not.toBe('answered');
  });

  test('a message of 16 MiB is refused', () => {
    const [part] = fragments(record, [{ offset: 0, length: 50 }]);
    part!.writeUIntBE(0xffffff, 13 + 1, 3);
    expect(complete([part!])).not.toBe('answered');
  });

  test('a million of them: the association fails at its limit, memory stays', () => {
    const server = new Dtls(contexts.server, { role: 'server' });
    const before = process.memoryUsage().rss;
    const [part] = fragments(record, [{ offset: 3, length: 1 }]);
    for (let i = 0; i < 1_000_000; i++) {
      part!.writeUIntBE(i, 5, 6);
      part!.writeUInt16BE(i % 9, 13 + 4); // message numbers ahead are buffered by OpenSSL
      server.input(part!);
    }
    expect(server.state).toBe('failed');
    expect(server.failure).toBe('the handshake is too long');
    expect(process.memoryUsage().rss - before).toBeLessThan(30e6);
  });
});

describe('a live association hears only protected records', () => {
  test('H2.6 a plaintext alert, fatal or close_notify', () => {
    const pair = livePair();
    for (const alert of ['0228', '0100', '0214']) {
      for (const epoch of ['0000', '0001', '0002']) {
        const forged = hex(`15fefd${epoch}0000000000ff0002${alert}`);
        pair.server.input(forged);
        pair.client.input(forged);
      }
    }
    expectAlive(pair);
  });

  test('H2.2 a second hello, the same and another', () => {
    const client = new Dtls(contexts.client, { role: 'client' });
    const hello = client.takeOutput()[0]!;
    const server = new Dtls(contexts.server, { role: 'server' });
    server.input(hello);
    const pair = { client, server };
    shuttle(pair);
    server.takeOutput();
    for (let i = 0; i < 50; i++) server.input(hello);
    for (let i = 0; i < 50; i++) server.input(firstHello());
    expect(server.takeOutput()).toEqual([]);
    expectAlive(pair);
  });

  test('records too short for their cipher, of every length and type', () => {
    const pair = livePair();
    for (let length = 0; length < 60; length++) {
      for (let type = 20; type < 24; type++) {
        const forged = Buffer.alloc(13 + length, 1);
        Buffer.from([type, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 1, length, 0, length]).copy(forged);
        pair.server.input(forged);
        pair.client.input(forged);
      }
    }
    expectAlive(pair);
  });

  test('the same records before the handshake is done', () => {
    const pair = makePair(contexts);
    shuttle(pair, (datagrams) => {
      const forged = Array.from({ length: 40 }, (_, length) =>
        Buffer.concat([
          Buffer.from([22, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 99, length, 0, length]),
          Buffer.alloc(length),
        ]),
      );
      return [...forged, ...datagrams, ...forged];
    });
    expectAlive(pair);
  });

  test('records that are damaged, replayed or of the future', () => {
    const pair = livePair();
    pair.client.send(Buffer.from('once'));
    const [record] = pair.client.takeOutput();
    for (let i = 0; i < record!.length; i++) {
      const damaged = Uint8Array.from(record!);
      damaged[i]! ^= 0x40;
      pair.server.input(damaged);
    }
    expect(pair.server.takeApplicationData()).toEqual([]);
    for (let i = 0; i < 10; i++) pair.server.input(record!);
    expect(pair.server.takeApplicationData()).toHaveLength(1);
    expect(pair.server.state).toBe('connected');
    expectAlive(pair);
  });

  test('application data in plain text, before and after', () => {
    const early = new Dtls(contexts.server, { role: 'server' });
    early.input(hex('17fefd000000000000000000056576696c21'));
    expect(early.takeApplicationData()).toEqual([]);
    expect(early.state).toBe('connecting');
    const pair = livePair();
    pair.server.input(hex('17fefd000000000000000000056576696c21'));
    expect(pair.server.takeApplicationData()).toEqual([]);
    expectAlive(pair);
  });
});

test('H2.7 a late retransmission of Finished is answered, not taken for something new', () => {
  const pair = makePair(contexts);
  let finalFlight: Uint8Array[] = [];
  shuttle(pair, (datagrams, from, round) => {
    if (from === 'client' && round === 1) finalFlight = datagrams;
    return datagrams;
  });
  expect(pair.server.state).toBe('connected');
  for (let i = 0; i < 20; i++) for (const datagram of finalFlight) pair.server.input(datagram);
  expect(pair.server.state).toBe('connected');
  pair.server.takeOutput();
  expectAlive(pair);
});

test('H2.9 a hello that offers only unknown SRTP profiles gets an answer without one', () => {
  // use_srtp: type 14, length, list length, four profiles, empty MKI. RFC 5764 §4.1.1
  const hello = firstHello();
  const at = hello.indexOf(hex('000e000b0008'));
  expect(at).toBeGreaterThan(0);
  const answerHasSrtp = (bytes: Buffer): boolean => {
    const server = new Dtls(contexts.server, { role: 'server' });
    server.input(bytes);
    const [serverHello] = records(server.takeOutput()[0]!);
    return serverHello!.includes(hex('000e00050002'));
  };
  expect(answerHasSrtp(hello)).toBe(true);
  hex('0005 0006 0003 0004').copy(hello, at + 6); // NULL with SHA1, and reserved numbers
  expect(answerHasSrtp(hello)).toBe(false);
});

describe('rubbish', () => {
  test('every prefix and every flipped byte of the first two flights', () => {
    const hello = firstHello();
    const answers = (): Uint8Array[] => {
      const server = new Dtls(contexts.server, { role: 'server' });
      server.input(hello);
      return server.takeOutput();
    };
    for (let i = 0; i < hello.length; i++) {
      new Dtls(contexts.server, { role: 'server' }).input(hello.subarray(0, i));
      const damaged = Buffer.from(hello);
      damaged[i]! ^= 0xff;
      const server = new Dtls(contexts.server, { role: 'server' });
      server.input(damaged);
      expect(['connecting', 'failed']).toContain(server.state);
      server.free();
    }
    for (const answer of answers()) {
      for (let i = 0; i < answer.length; i++) {
        const client = new Dtls(contexts.client, { role: 'client' });
        const damaged = Uint8Array.from(answer);
        damaged[i]! ^= 0xff;
        client.input(damaged);
        client.input(answer.subarray(0, i));
        expect(['connecting', 'failed']).toContain(client.state);
        client.free();
      }
    }
  });

  test('20,000 random datagrams with DTLS heads', () => {
    const chance = new Chance(31);
    let server = new Dtls(contexts.server, { role: 'server' });
    for (let i = 0; i < 20_000; i++) {
      const bytes = chance.bytes(13 + chance.below(200));
      bytes[0] = 20 + chance.below(5);
      bytes.writeUInt16BE(chance.below(4) ? 0xfefd : 0xfeff, 1);
      if (chance.below(4)) bytes.fill(0, 3, 11);
      if (chance.below(4)) bytes.writeUInt16BE(bytes.length - 13, 11);
      if (chance.below(2)) bytes[13] = chance.below(25);
      server.input(bytes);
      if (server.state !== 'connecting') {
        server.free();
        server = new Dtls(contexts.server, { role: 'server' });
      }
    }
    expect(server.state).toBe('connecting');
  });
});
