/** Handshakes between our own two roles, with loss, reordering and everything that belongs before and after. */
import { X509Certificate, createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Dtls, DtlsContext, Engine, FINGERPRINT_ALGORITHMS, toAddress } from '../src/index.js';
import * as L from '../src/index.js';
import { loadNative } from '../src/native.js';
import { makeCertificate } from './support/certificate.js';
import { expire, fragments, makePair, messageLength, records, shuttle } from './support/dtls.js';
import type { Pair } from './support/dtls.js';

const contexts = { client: new DtlsContext(), server: new DtlsContext() };

function expectConnected({ client, server }: Pair): void {
  expect({ client: client.failure, server: server.failure }).toEqual({
    client: undefined,
    server: undefined,
  });
  expect([client.state, server.state]).toEqual(['connected', 'connected']);
}

describe('a handshake', () => {
  test('connects, agrees on AES-GCM 128, and each side knows the other’s certificate', () => {
    const pair = makePair(contexts);
    expect(pair.server.state).toBe('connecting');
    expect(pair.server.remoteFingerprint('sha-256')).toBeUndefined();
    expect(pair.server.srtpProfile).toBeUndefined();
    shuttle(pair);
    expectConnected(pair);
    expect(pair.server.srtpProfile).toBe('AEAD_AES_128_GCM');
    expect(pair.client.srtpProfile).toBe('AEAD_AES_128_GCM');
    for (const { algorithm, value } of contexts.client.fingerprints) {
      expect(pair.server.remoteFingerprint(algorithm)).toBe(value);
    }
    expect(pair.client.remoteFingerprint('sha-512')).toBe(contexts.server.fingerprints[4]!.value);
    expect(pair.server.timeoutMs()).toBeUndefined();
  });

  test('both sides derive the same SRTP keys, in the right direction', () => {
    const pair = makePair(contexts);
    shuttle(pair);
    const engine = new Engine({ memory: true, slots: 256, entries: 2 });
    const address = toAddress('127.0.0.1', 9);
    const [asServer, asClient] = [pair.server, pair.client].map((dtls) => {
      const peer = engine.createPeer();
      engine.setKeysFromDtls(peer, dtls);
      return peer;
    });
    const report = Buffer.from('80c9000100000007', 'hex');
    const received: number[] = [];
    engine.start((count) => {
      for (let i = 0; i < count; i++) received.push(engine.rows[i * L.ROW_WORDS + L.ROW_PEER]!);
      return 0;
    });
    for (const [from, to] of [
      [asServer!, asClient!],
      [asClient!, asServer!],
    ] as const) {
      engine.selectAddress(from, 0, address);
      engine.sendRtcp(from, report);
      engine.bindAddress(to, 0, address);
      engine.inject([{ from: address, bytes: engine.takeSent()[0]!.bytes }], 1);
      engine.unbindAddress(to, 0, address);
    }
    expect(received).toEqual([asClient, asServer]);
    engine.close();
  });

  test('keys are refused before the handshake is done', () => {
    const engine = new Engine({ memory: true, slots: 256, entries: 2 });
    const { server } = makePair(contexts);
    expect(() => engine.setKeysFromDtls(engine.createPeer(), server)).toThrow(/NO_SRTP_PROFILE/);
    engine.close();
  });

  test('application data both ways, records kept apart', () => {
    const pair = makePair(contexts);
    shuttle(pair);
    expect(pair.client.send(Buffer.from('one'))).toBe(true);
    expect(pair.client.send(Buffer.alloc(1100, 7))).toBe(true);
    expect(pair.server.send(Buffer.from('back'))).toBe(true);
    shuttle(pair);
    expect(pair.server.takeApplicationData().map((bytes) => bytes.length)).toEqual([3, 1100]);
    expect(Buffer.from(pair.client.takeApplicationData()[0]!).toString()).toBe('back');
    expect(pair.server.takeApplicationData()).toEqual([]);
    expect(pair.client.send(new Uint8Array(0))).toBe(false);
    expect(pair.client.send(new Uint8Array(20_000))).toBe(false);
  });

  test('close is heard by the other side; free ends everything', () => {
    const pair = makePair(contexts);
    shuttle(pair);
    pair.client.close();
    expect(pair.client.state).toBe('closed');
    shuttle(pair);
    expect(pair.server.state).toBe('closed');
    expect(pair.server.send(Buffer.from('x'))).toBe(false);
    pair.server.free();
    pair.server.free();
    pair.server.input(Buffer.alloc(100));
    pair.server.handleTimeout();
    expect([pair.server.state, pair.server.takeOutput(), pair.server.timeoutMs()]).toEqual([
      'closed',
      [],
      undefined,
    ]);
  });

  test.each([256, 600, 1200])('no datagram is longer than an MTU of %i', (mtu) => {
    const pair = makePair(contexts, { mtu });
    const lengths: number[] = [];
    shuttle(pair, (datagrams) => {
      lengths.push(...datagrams.map((datagram) => datagram.length));
      return datagrams;
    });
    expectConnected(pair);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(mtu);
  });
});

describe('certificates', () => {
  test('fingerprints are those of the certificate, one for each algorithm', () => {
    const pem = makeCertificate();
    const context = new DtlsContext(pem);
    const { raw } = new X509Certificate(pem.certificatePem);
    expect(context.fingerprints.map(({ algorithm }) => algorithm)).toEqual([...FINGERPRINT_ALGORITHMS]);
    for (const { algorithm, value } of context.fingerprints) {
      const digest = createHash(algorithm.replace('-', '')).update(raw).digest('hex').toUpperCase();
      expect(value).toBe(digest.match(/../g)!.join(':'));
    }
    const pair = makePair({ client: context, server: contexts.server });
    expect(pair.server.remoteCertificatePem).toBeUndefined();
    shuttle(pair);
    expectConnected(pair);
    expect(pair.server.remoteCertificatePem).toBe(pem.certificatePem);
    expect(new X509Certificate(pair.client.remoteCertificatePem!).fingerprint256).toBe(
      contexts.server.fingerprints[2]!.value,
    );
    pair.server.free();
    expect(pair.server.remoteCertificatePem).toBeUndefined();
  });

  test('what is unreadable or does not belong together is refused in words', () => {
    const { certificatePem, privateKeyPem } = makeCertificate();
    const other = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }).privateKey;
    expect(() => new DtlsContext({ certificatePem: 'x', privateKeyPem })).toThrow(
      /BAD_CERTIFICATE: the certificate/,
    );
    expect(() => new DtlsContext({ certificatePem, privateKeyPem: 'x' })).toThrow(
      /BAD_CERTIFICATE: the private key/,
    );
    expect(() => new DtlsContext({ certificatePem, privateKeyPem: other })).toThrow(/does not belong/);
    expect(() => new DtlsContext({ certificatePem })).toThrow(/must come together/);
    expect(() => new Dtls(contexts.server, { role: 'server', mtu: 20 })).toThrow(RangeError);
  });
});

describe('browsers’ first flight', () => {
  const hello = (client: Dtls): Buffer => records(client.takeOutput()[0]!)[0]!;
  const halves = (record: Buffer): Buffer[] => {
    const length = messageLength(record);
    return fragments(record, [
      { offset: 0, length: 100 },
      { offset: 100, length: length - 100 },
    ]);
  };
  test.each([
    { name: 'in order', order: [0, 1] },
    { name: 'the second first', order: [1, 0] },
    { name: 'each twice', order: [1, 1, 0, 0] },
    { name: 'the first twice, then the second', order: [0, 0, 1] },
  ])('a hello in two datagrams: $name', ({ order }) => {
    const pair = makePair(contexts);
    const parts = halves(hello(pair.client));
    for (const part of order) pair.server.input(parts[part]!);
    shuttle(pair);
    expectConnected(pair);
  });

  test('a hello in single bytes, from the end', () => {
    const pair = makePair(contexts);
    const record = hello(pair.client);
    const pieces = Array.from({ length: messageLength(record) }, (_, offset) => ({
      offset,
      length: 1,
    })).reverse();
    for (const part of fragments(record, pieces)) pair.server.input(part);
    expect(pair.server.takeOutput()).not.toEqual([]);
  });

  test('both halves in one datagram', () => {
    const pair = makePair(contexts);
    pair.server.input(Buffer.concat(halves(hello(pair.client))));
    shuttle(pair);
    expectConnected(pair);
  });
});

describe('loss', () => {
  // Flights: client hello, server hello … done, client certificate … finished, server finished.
  test.each([
    { name: 'client’s hello', from: 'client', round: 0 },
    { name: 'server’s hello', from: 'server', round: 0 },
    { name: 'client’s certificate and Finished', from: 'client', round: 1 },
    { name: 'server’s Finished', from: 'server', round: 1 },
  ] as const)('of the $name: the timer repairs it', async ({ from, round }) => {
    const pair = makePair(contexts);
    let lost = 0;
    shuttle(pair, (datagrams, sender, now) => {
      if (sender !== from || now !== round) return datagrams;
      lost += datagrams.length;
      return [];
    });
    expect(lost).toBeGreaterThan(0);
    expect([pair.client.state, pair.server.state]).not.toEqual(['connected', 'connected']);
    for (let i = 0; i < 3 && pair.client.state !== 'connected'; i++) {
      for (const side of [pair.client, pair.server]) {
        await expire(side);
        side.handleTimeout();
      }
      shuttle(pair);
    }
    expectConnected(pair);
  });

  test('datagrams of each flight in the opposite order, as often as it takes', async () => {
    const pair = makePair(contexts, { mtu: 256 });
    for (let i = 0; i < 4; i++) {
      shuttle(pair, (datagrams) => [...datagrams].reverse());
      for (const side of [pair.client, pair.server]) {
        await expire(side); // at once where no timer runs
        side.handleTimeout();
      }
    }
    expectConnected(pair);
  });

  test('every datagram three times', () => {
    const pair = makePair(contexts, { mtu: 300 });
    shuttle(pair, (datagrams, _, round) => (round < 10 ? datagrams.flatMap((d) => [d, d, d]) : []));
    expectConnected(pair);
  });

  test('the timer says when it wants to be called, and does nothing before', () => {
    const pair = makePair(contexts);
    pair.client.takeOutput();
    const left = pair.client.timeoutMs()!;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(250);
    pair.client.handleTimeout();
    expect(pair.client.takeOutput()).toEqual([]);
    expect(pair.server.timeoutMs()).toBeUndefined(); // a server waits for a hello as long as its owner lets it
  });
});

test('2,000 handshakes leave no memory behind', () => {
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const pair = makePair(contexts);
      shuttle(pair);
      expect(pair.server.state).toBe('connected');
      pair.client.free();
      pair.server.free();
    }
  };
  run(300); // caches of OpenSSL and V8 fill up
  const before = process.memoryUsage().rss;
  run(2_000);
  expect((process.memoryUsage().rss - before) / 1024 / 2_000).toBeLessThan(8); // KiB each; one association has 60
});

test('OpenSSL is the one inside Node', () => {
  expect(loadNative().opensslVersion).toContain(process.versions.openssl.replace(/\+.*/, ''));
});
