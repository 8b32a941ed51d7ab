/**
 * Rubbish, truncated and foreign datagrams against the media port of a running server: nothing comes back, each is counted
 * by its reason, and a session that is being set up does not notice.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { parseStun, writeBindingRequest } from '@tertulia/wire';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, startServer, type ServerProcess } from '../browser/support/serverProcess.js';

/** On loopback an answer takes well under a millisecond; this long without one means that there is none. */
const QUIET_MS = 300;
const hmac = (key: Uint8Array, bytes: Uint8Array): Uint8Array =>
  createHmac('sha1', key).update(bytes).digest();

let server: ServerProcess;
let socket: Socket;
let mediaPort: number;
let usernameFragment: string;
let password: string;
const replies: Buffer[] = [];

beforeAll(async () => {
  mediaPort = await freePort();
  server = await startServer([], { mediaPort });
  const offer = await readFile(new URL('../offers/meet-3a0v.sdp', import.meta.url), 'utf8');
  const response = await fetch(`${server.url}/v1/rooms/hostile/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ offer, displayName: 'Ada' }),
  });
  expect(response.status).toBe(201);
  const { answer } = (await response.json()) as { answer: string };
  usernameFragment = /a=ice-ufrag:(\S+)/.exec(answer)?.[1] ?? '';
  password = /a=ice-pwd:(\S+)/.exec(answer)?.[1] ?? '';
  socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  socket.on('message', (message) => replies.push(message));
});
afterAll(async () => {
  socket?.close();
  await server?.stop();
});

const send = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.send(bytes, mediaPort, '127.0.0.1', () => resolve()));

async function repliesTo(datagrams: Uint8Array[]): Promise<Buffer[]> {
  replies.length = 0;
  for (const datagram of datagrams) await send(datagram);
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  return [...replies];
}

const request = (fields: { username?: string; key?: string }): Uint8Array =>
  writeBindingRequest({
    transactionId: randomBytes(12),
    username: fields.username ?? `${usernameFragment}:1rV7`,
    priority: 1_845_501_695,
    useCandidate: true,
    iceControlling: 1n,
    key: Buffer.from(fields.key ?? password),
    hmac,
  });

async function counters(): Promise<Map<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return new Map(
    [...text.matchAll(/^tertulia_media\{counter="([^"]+)"\} (\S+)$/gm)].map(([, name = '', value]) => [
      name,
      Number(value),
    ]),
  );
}

const increase = (before: Map<string, number>, after: Map<string, number>, part: RegExp): number =>
  [...after]
    .filter(([name]) => part.test(name))
    .reduce((sum, [name, value]) => sum + value - (before.get(name) ?? 0), 0);

test('rubbish of every class and length is answered by nothing and counted', async () => {
  const before = await counters();
  const datagrams: Uint8Array[] = [];
  for (const first of [0, 1, 19, 20, 22, 63, 64, 79, 80, 127, 128, 144, 191, 192, 255])
    for (const length of [1, 11, 12, 20, 100, 1_200, 1_500]) {
      const bytes = randomBytes(length);
      bytes[0] = first;
      datagrams.push(bytes);
    }
  expect(await repliesTo(datagrams)).toEqual([]);
  const after = await counters();
  expect(increase(before, after, /drop/)).toBeGreaterThanOrEqual(datagrams.length);
});

test('every truncation of a good check is answered by nothing', async () => {
  const whole = request({});
  const cuts = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length));
  expect(await repliesTo(cuts)).toEqual([]);
});

test('checks for nobody, or without the password, are answered by nothing', async () => {
  const before = await counters();
  expect(
    await repliesTo([
      request({ username: 'nobody:1rV7' }),
      request({ key: 'not the password at all' }),
      request({ username: `${'x'.repeat(500)}:1rV7` }),
    ]),
  ).toEqual([]);
  expect(increase(before, await counters(), /stun|ice|integrity/)).toBeGreaterThanOrEqual(2);
});

test('a ClientHello from an address that no check has verified is answered by nothing', async () => {
  const before = await counters();
  const hello = Buffer.concat([
    Buffer.from('16fefd0000000000000000', 'hex'),
    Buffer.from([0, 100]),
    randomBytes(100),
  ]);
  expect(await repliesTo([hello])).toEqual([]);
  expect(increase(before, await counters(), /dtls_unverified_address/)).toBe(1);
});

test('after all that a good check is answered, with no more bytes than it had', async () => {
  const check = request({});
  const [reply] = await repliesTo([check]);
  expect(reply).toBeDefined();
  expect(reply?.length).toBeLessThanOrEqual(check.length);
  const parsed = parseStun(reply ?? new Uint8Array());
  expect(parsed.ok && parsed.value.class).toBe('success');
});

test('a bad ClientHello from a verified address ends nothing and is not amplified', async () => {
  const hello = Buffer.concat([
    Buffer.from('16fefd0000000000000000', 'hex'),
    Buffer.from([0, 100]),
    randomBytes(100),
  ]);
  const answers = await repliesTo([hello]);
  const bytes = answers.reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(hello.length);
  const [reply] = await repliesTo([request({})]);
  expect(reply).toBeDefined();
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});
