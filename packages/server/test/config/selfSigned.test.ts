/** The certificate for trials, judged by Node's own parser and by a real handshake. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { selfSigned } from '../../src/tls/selfSigned.js';

const NOW = Date.UTC(2026, 10, 21);

test('is valid now, for localhost and the given names and addresses, and signed by its own key', () => {
  const { key, cert } = selfSigned(['192.168.7.9', 'call.lan', 'fd00::7:1', '::ffff:1'], NOW);
  const certificate = new X509Certificate(cert);
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(NOW);
  expect(Date.parse(certificate.validTo) - NOW).toBe(90 * 24 * 3_600_000);
  for (const name of ['localhost', 'call.lan']) expect(certificate.checkHost(name)).toBe(name);
  for (const ip of ['127.0.0.1', '::1', '192.168.7.9', 'fd00::7:1'])
    expect(certificate.checkIP(ip), ip).toBeDefined();
  expect(certificate.checkIP('192.168.7.10')).toBeUndefined();
});

test('a TLS client that trusts it connects', async () => {
  const material = selfSigned([], Date.now());
  const server = createServer(material, (socket) => socket.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', ca: material.cert, servername: 'localhost' });
  const [data] = (await once(socket, 'data')) as [Buffer];
  expect(data.toString()).toBe('hello');
  socket.destroy();
  server.close();
});
