/** How commands reach a running server: what it takes from flags and environment, and what people read when it fails. */
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TokenVerifier } from '../../src/auth/tokens.js';
import { connectionFlags, connectToServer, type ConnectionRequest } from '../../src/commands/serverClient.js';
import { CommandError } from '../../src/errors.js';
import { KEYS, TestServer } from '../support/testServer.js';

let server: TestServer | undefined;
afterEach(() => server?.close());

const key = { key: KEYS.apiKey, secret: KEYS.secret };

/** A client of a server that listens for real, on the test's clock. */
async function listening(request: Partial<ConnectionRequest>, keys?: typeof KEYS) {
  server = await TestServer.start({}, keys);
  const { scheduler } = server;
  const url = await server.listen();
  const client = connectToServer(
    { url, room: 'tea', roles: ['admin'], ...request },
    { nowMs: () => scheduler.nowMs() },
  );
  return { server, client, url };
}

test('key and secret sign a token that the server takes; it ends after a minute and is for that room only', async () => {
  const { server, client } = await listening(key, KEYS);
  await server.join('tea', 'Ada', { token: await server.token() });
  await server.join('milk', 'Ben', { token: await server.token({ room: 'milk' }) });
  expect(await (await client.request('GET', '/v1/rooms/tea')).json()).toMatchObject({ participants: 1 });
  await expect(client.request('GET', '/v1/rooms/milk')).rejects.toThrow(/does not allow/);

  let sent = '';
  const listen = (_url: unknown, init?: RequestInit): Promise<Response> => {
    sent = new Headers(init?.headers).get('authorization') ?? '';
    return Promise.resolve(new Response('{}'));
  };
  const spied = connectToServer({ ...key, room: 'tea', roles: ['admin'] }, { fetch: listen, nowMs: () => 0 });
  await spied.request('GET', '/');
  const verifier = new TokenVerifier(KEYS);
  expect((await verifier.verify(sent, 59_000)).roles).toEqual(new Set(['admin']));
  await expect(verifier.verify(sent, 71_000)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
});

test('an open server needs no token; a body arrives as JSON', async () => {
  const { server, client } = await listening({});
  const { participantId } = await server.enter('tea', 'Ada');
  const path = `/v1/rooms/tea/participants/${participantId}`;
  expect(await (await client.request('PATCH', path, { audioMuted: true })).json()).toMatchObject({
    audioMuted: true,
  });
});

test.each([
  { name: 'no token', request: {}, sentence: /wants a token.*--api-key/, status: 401 },
  {
    name: 'wrong secret',
    request: { ...key, secret: 'another secret than it' },
    sentence: /does not take/,
    status: 401,
  },
  {
    name: 'no rights',
    request: { ...key, roles: ['join'] as const },
    sentence: /needs the role join/,
    status: 403,
  },
  { name: 'nobody there', request: key, sentence: /Nobody is in the room "tea"/, status: 404 },
])('$name is one sentence', async ({ request, sentence, status }) => {
  const { client } = await listening(request, KEYS);
  const refused = client.request('GET', '/v1/rooms/tea');
  await expect(refused).rejects.toThrow(sentence);
  await expect(refused).rejects.toBeInstanceOf(CommandError);
  await expect(refused).rejects.toMatchObject({ status });
});

test('nothing listens there', async () => {
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const client = connectToServer({ url: `http://127.0.0.1:${port}`, room: 'tea', roles: ['admin'] });
  await expect(client.request('GET', '/v1/rooms')).rejects.toThrow(/Nothing answers at .* --url/);
});

test.each([
  { request: { url: 'localhost:3000' }, sentence: /--url must be like/ },
  { request: { url: 'ftp://localhost' }, sentence: /--url must be like/ },
  { request: { room: 'a/b' }, sentence: /--room/ },
  { request: { key: 'key' }, sentence: /--api-key and --api-secret both/ },
])('$request is refused before anything is sent', ({ request, sentence }) => {
  expect(() => connectToServer({ room: 'tea', roles: ['admin'], ...request })).toThrow(sentence);
});

test('flags go before the environment', () => {
  const env = { TERTULIA_API_KEY: 'a', TERTULIA_API_SECRET: 'b' };
  expect(connectionFlags({ 'api-key': 'c', url: 'http://x' }, env)).toEqual({
    url: 'http://x',
    token: undefined,
    key: 'c',
    secret: 'b',
  });
});
