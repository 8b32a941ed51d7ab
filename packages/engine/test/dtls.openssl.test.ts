/** Handshakes with the openssl program, both roles, over loopback: an implementation that we did not set up. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Dtls, DtlsContext, Engine, SRTP_KEY_LENGTHS, SRTP_PROFILES, toAddress } from '../src/index.js';
import type { SrtpProfile } from '../src/index.js';
import { makeCertificate } from './support/certificate.js';
import { SrtpReference } from './support/srtp.js';

const folder = mkdtempSync(join(tmpdir(), 'tertulia-dtls-'));
const files = { certificate: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
const rsaFiles = { certificate: join(folder, 'rsa.pem'), key: join(folder, 'rsa-key.pem') };
const context = new DtlsContext();
/** Names that the openssl program uses. */
const OPENSSL_NAMES: Record<SrtpProfile, string> = {
  AEAD_AES_128_GCM: 'SRTP_AEAD_AES_128_GCM',
  AEAD_AES_256_GCM: 'SRTP_AEAD_AES_256_GCM',
  AES_CM_128_HMAC_SHA1_80: 'SRTP_AES128_CM_SHA1_80',
  AES_CM_128_HMAC_SHA1_32: 'SRTP_AES128_CM_SHA1_32',
};

beforeAll(() => {
  for (const [target, key] of [
    [files, undefined],
    [rsaFiles, 'rsa:2048'],
  ] as const) {
    const made = makeCertificate(key);
    writeFileSync(target.certificate, made.certificatePem);
    writeFileSync(target.key, made.privateKeyPem);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const running: { child: ChildProcess; socket: Socket }[] = [];
afterEach(async () => {
  for (const { child, socket } of running.splice(0)) {
    socket.close();
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
});

/** One association of ours on a loopback socket with the openssl program at the other end. */
class Session {
  output = '';
  readonly data: string[] = [];
  readonly dtls: Dtls;
  readonly child: ChildProcess;
  readonly #socket: Socket;
  #remote: { port: number; address: string } | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket, dtls: Dtls, args: string[], remotePort?: number) {
    this.#socket = socket;
    this.dtls = dtls;
    if (remotePort !== undefined) this.#remote = { port: remotePort, address: '127.0.0.1' };
    this.child = spawn('openssl', args, { stdio: 'pipe' });
    running.push({ child: this.child, socket });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        this.output += chunk.toString('latin1');
        this.#wake();
      });
    }
    this.child.on('exit', () => this.#wake());
    socket.on('message', (datagram, remote) => {
      this.#remote = remote;
      dtls.input(datagram);
      this.flush();
    });
  }

  flush(): void {
    for (const data of this.dtls.takeApplicationData()) this.data.push(Buffer.from(data).toString());
    for (const datagram of this.dtls.takeOutput()) {
      if (this.#remote) this.#socket.send(datagram, this.#remote.port, this.#remote.address);
    }
    this.#wake();
  }

  /** Until `reached`, or the openssl program has ended; the test's own time limit is the guard. */
  async until(reached: () => boolean): Promise<void> {
    while (!reached() && this.child.exitCode === null) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  keyingMaterial(): Buffer {
    const [, text] = /Keying material: ([0-9A-F]+)/.exec(this.output) ?? [];
    return Buffer.from(text ?? '', 'hex');
  }
}

async function accept(args: string[]): Promise<Session> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const common = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${socket.address().port}`];
  return new Session(socket, new Dtls(context, { role: 'server' }), [...common, ...args]);
}

const withCertificate = (target = files): string[] => ['-cert', target.certificate, '-key', target.key];
const exporting = (profile: SrtpProfile): string[] => {
  const { key, salt } = SRTP_KEY_LENGTHS[profile];
  const length = String(2 * (key + salt));
  return [
    '-use_srtp',
    OPENSSL_NAMES[profile],
    '-keymatexport',
    'EXTRACTOR-dtls_srtp',
    '-keymatexportlen',
    length,
  ];
};

describe.each(SRTP_PROFILES)('openssl s_client with %s', (profile) => {
  test('the keys that it exports open what the engine sends', async () => {
    const session = await accept([...withCertificate(), ...exporting(profile)]);
    await session.until(() => session.keyingMaterial().length > 0);
    expect(session.dtls.failure).toBeUndefined();
    expect(session.dtls.state).toBe('connected');
    expect(session.dtls.srtpProfile).toBe(profile);
    const { key, salt } = SRTP_KEY_LENGTHS[profile];
    const material = session.keyingMaterial();
    const serverKey = material.subarray(key, 2 * key); // RFC 5764 §4.2
    const serverSalt = material.subarray(2 * key + salt, 2 * (key + salt));

    const engine = new Engine({ memory: true, slots: 256, entries: 2 });
    const peer = engine.createPeer();
    engine.selectAddress(peer, 0, toAddress('127.0.0.1', 5));
    engine.setKeysFromDtls(peer, session.dtls);
    const report = Buffer.from('80c9000100000007', 'hex');
    engine.sendRtcp(peer, report);
    const opened = new SrtpReference(profile, serverKey, serverSalt).unprotectRtcp(
      engine.takeSent()[0]!.bytes,
    );
    expect(opened).toEqual({ plain: report, index: 1 });
    engine.close();
  });
});

describe('openssl s_client', () => {
  test('with an RSA certificate, data both ways, then its close', async () => {
    const session = await accept(withCertificate(rsaFiles));
    await session.until(() => session.dtls.state === 'connected');
    session.child.stdin!.write('from outside\n');
    await session.until(() => session.data.length > 0);
    expect(session.data).toEqual(['from outside\n']);
    session.dtls.send(Buffer.from('from the engine\n'));
    session.flush();
    await session.until(() => session.output.includes('from the engine'));
    session.child.stdin!.write('Q\n'); // s_client's command for closing
    await session.until(() => session.dtls.state === 'closed');
    expect(session.dtls.state).toBe('closed');
  });

  test('H2.8 without use_srtp: connected for data, no SRTP keys', async () => {
    const session = await accept(withCertificate());
    await session.until(() => session.dtls.state === 'connected');
    expect(session.dtls.srtpProfile).toBeUndefined();
    const engine = new Engine({ memory: true, slots: 256, entries: 2 });
    expect(() => engine.setKeysFromDtls(engine.createPeer(), session.dtls)).toThrow(/NO_SRTP_PROFILE/);
    engine.close();
  });

  test('H2.5 renegotiation is refused; s_client then ends the association with an alert', async () => {
    const session = await accept(withCertificate());
    await session.until(() => session.output.includes('Verify return code'));
    session.child.stdin!.write('R\n'); // s_client's command for it
    await session.until(
      () => session.output.includes('no renegotiation') || session.output.includes('RENEGOTIATING'),
    );
    await session.until(() => session.child.exitCode !== null);
    expect(session.dtls.failure).toMatch(/alert handshake failure/); // its alert, in a protected record
    expect(session.output).toMatch(/no.renegotiation/);
  });

  test.each([
    { name: 'H2.4 NULL cipher', args: ['-cipher', 'eNULL:@SECLEVEL=0'] },
    { name: 'H2.4 anonymous cipher', args: ['-cipher', 'aNULL:@SECLEVEL=0'] },
    { name: 'static RSA key exchange', args: ['-cipher', 'AES128-GCM-SHA256:@SECLEVEL=0'] },
    { name: 'CBC', args: ['-cipher', 'ECDHE-ECDSA-AES128-SHA'] },
  ])('$name is refused', async ({ args }) => {
    const session = await accept([...withCertificate(), ...args]);
    await session.until(() => session.dtls.state === 'failed');
    await session.until(() => session.child.exitCode !== null);
    expect(session.dtls.failure).toMatch(/no shared cipher/);
    expect(session.child.exitCode).not.toBe(0);
  });

  test('without a certificate is refused', async () => {
    const session = await accept([]);
    await session.until(() => session.dtls.state === 'failed');
    expect(session.dtls.failure).toMatch(/did not return a certificate/);
  });

  test('DTLS 1.0 is refused', async () => {
    const session = await accept(
      [...withCertificate(), '-dtls1', '-cipher', 'ALL:@SECLEVEL=0'].filter(Boolean),
    );
    await session.until(() => session.dtls.state === 'failed' || session.child.exitCode !== null);
    expect(session.dtls.state).not.toBe('connected');
  });
});

test('openssl s_server: our client role, its certificate known afterwards', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const dtls = new Dtls(context, { role: 'client' });
  const args = ['s_server', '-dtls1_2', '-accept', `127.0.0.1:${port}`, '-Verify', '1', '-quiet'];
  const session = new Session(
    socket,
    dtls,
    [...args, ...withCertificate(), ...exporting('AEAD_AES_256_GCM')],
    port,
  );
  const retry = setInterval(() => {
    dtls.handleTimeout();
    session.flush();
  }, 100);
  session.flush();
  await session.until(() => dtls.state !== 'connecting');
  clearInterval(retry);
  expect(dtls.failure).toBeUndefined();
  expect(dtls.srtpProfile).toBe('AEAD_AES_256_GCM');
  expect(dtls.remoteFingerprint('sha-256')).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
});
