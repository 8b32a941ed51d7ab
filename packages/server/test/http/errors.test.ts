/** Refusals outside the Meet endpoint: every one is a problem in JSON with a stable code. */
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.js';
import { TestServer, type Answer } from '../support/testServer.js';
import { clientOffer, makeOffer } from '../support/offers.js';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

const expectProblem = (answer: Answer, code: ErrorCode): void => {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  const { http, title } = ERRORS[code];
  expect(answer.body).toMatchObject({ type: `urn:tertulia:error:${code}`, title, status: http, code });
  expect(answer.status).toBe(http);
  expect(answer.body['detail']).toMatch(/\.$/);
};

const SESSIONS = '/v1/rooms/tea/sessions';

describe('offers', () => {
  test.each<[string, string, ErrorCode]>([
    ['no SDP', 'hello', 'OFFER_MALFORMED'],
    ['a cut offer', clientOffer().slice(0, 400), 'OFFER_MALFORMED'],
    ['no fingerprint', clientOffer().replaceAll(/a=fingerprint.*\r\n/g, ''), 'OFFER_MALFORMED'],
    ['no rtcp-mux', clientOffer().replaceAll('a=rtcp-mux\r\n', ''), 'OFFER_MALFORMED'],
    ['no bundle', clientOffer().replace(/a=group:BUNDLE.*\r\n/, ''), 'OFFER_MALFORMED'],
    ['H8.8 a duplicate MID', clientOffer().replace('a=mid:1', 'a=mid:0'), 'OFFER_MALFORMED'],
    [
      'H8.9 a payload type of two codecs',
      clientOffer().replace('a=rtpmap:0 PCMU/8000', 'a=rtpmap:0 PCMU/8000\r\na=rtpmap:111 G722/8000'),
      'OFFER_MALFORMED',
    ],
    [
      'no Opus',
      makeOffer([{ kind: 'audio', direction: 'sendonly', opus: undefined }, { kind: 'application' }]),
      'OFFER_WITHOUT_OPUS',
    ],
    ['the passive role', clientOffer({ setup: 'passive' }), 'OFFER_REFUSED'],
    [
      'H8.7 41 sections',
      makeOffer(Array.from({ length: 41 }, () => ({ kind: 'audio' as const }))),
      'OFFER_TOO_MANY_SECTIONS',
    ],
    [
      'H8.7 5,000 m-lines',
      `v=0\r\n${'m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n'.repeat(5_000)}`,
      'OFFER_TOO_MANY_SECTIONS',
    ],
    [
      'H8.10 1,000 codecs',
      clientOffer().replace(
        'a=rtpmap:0 PCMU/8000',
        Array.from({ length: 1_000 }, (_, at) => `a=rtpmap:${at} codec${at}/8000`).join('\r\n'),
      ),
      'OFFER_MALFORMED',
    ],
  ])('%s', async (_name, offer, code) => {
    expectProblem(await server.request('POST', SESSIONS, { body: { offer } }), code);
    expect(server.media.sessions).toHaveLength(0);
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });

  test('every cut of an offer at a line’s end is answered or refused, never a mistake of the server', async () => {
    const lines = clientOffer().split('\r\n');
    for (let count = 0; count < lines.length; count++) {
      const answer = await server.request('POST', SESSIONS, {
        body: { offer: `${lines.slice(0, count).join('\r\n')}\r\n` },
      });
      expect([201, 400], lines[count]).toContain(answer.status);
    }
  });
});

describe('bodies', () => {
  test.each<[string, unknown, ErrorCode]>([
    ['nothing', '', 'BODY_NOT_JSON'],
    ['no JSON', '{', 'BODY_NOT_JSON'],
    ['H8.2 deep nesting', '['.repeat(50_000) + ']'.repeat(50_000), 'BODY_NOT_JSON'],
    ['H8.3 __proto__', '{"__proto__":{"offer":"v=0"}}', 'BODY_NOT_JSON'],
    ['H8.11 invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'BODY_NOT_JSON'],
    ['a list', [], 'BODY_INVALID'],
    ['no offer', {}, 'BODY_INVALID'],
    ['a wrong type', { offer: ['v=0'] }, 'BODY_INVALID'],
    ['a displayName that is no text', { offer: clientOffer(), displayName: { toString: 1 } }, 'BODY_INVALID'],
    ['H8.1 300 kB', { offer: 'x'.repeat(300_000) }, 'BODY_TOO_LARGE'],
  ])('%s', async (_name, body, code) => {
    expectProblem(await server.request('POST', SESSIONS, { body }), code);
  });

  test('H8.1 10 MB over a real connection: the answer can be read', async () => {
    const url = await server.listen();
    for (const path of [SESSIONS, '/v2beta/spaces/tea:connectActiveConference', '/v1/rooms', '/nowhere']) {
      const response = await fetch(`${url}${path}`, { method: 'POST', body: 'x'.repeat(10_000_000) });
      const body = (await response.json()) as Record<string, unknown>;
      expect(body['code'] ?? body['error'], path).toBeDefined();
      expect([413, 405, 404]).toContain(response.status);
    }
  });
});

describe('paths', () => {
  test.each<[string, string, ErrorCode]>([
    ['GET', '/v1/nothing', 'NOT_FOUND'],
    ['GET', '/', 'NOT_FOUND'],
    ['GET', '/r/tea', 'NOT_FOUND'],
    ['GET', '/%E0%A4%A', 'REQUEST_MALFORMED'],
    ['GET', '/r/..%2f..%2fetc', 'ROOM_NAME_INVALID'],
    ['POST', '/v1/rooms/a%2Fb/sessions', 'ROOM_NAME_INVALID'],
    ['POST', '/v1/rooms/%00/sessions', 'ROOM_NAME_INVALID'],
    ['POST', `/v1/rooms/${'x'.repeat(65)}/sessions`, 'ROOM_NAME_INVALID'],
    ['POST', `/v1/rooms/${'x'.repeat(2_000)}/sessions`, 'NOT_FOUND'],
    ['DELETE', '/v1/rooms/tea/sessions/unknown', 'SESSION_NOT_FOUND'],
    ['GET', '/v1/rooms/tea/sessions/unknown/events', 'SESSION_NOT_FOUND'],
    ['GET', '/v1/rooms/tea', 'ROOM_NOT_FOUND'],
    ['GET', '/v1/rooms/tea/stats', 'ROOM_NOT_FOUND'],
    ['DELETE', '/v1/rooms/tea/participants/p_x', 'ROOM_NOT_FOUND'],
    ['PUT', SESSIONS, 'METHOD_NOT_ALLOWED'],
    ['GET', SESSIONS, 'METHOD_NOT_ALLOWED'],
    ['POST', '/healthz', 'METHOD_NOT_ALLOWED'],
    ['DELETE', '/v1/rooms', 'METHOD_NOT_ALLOWED'],
  ])('%s %s is %s', async (method, url, code) => {
    expectProblem(
      await server.request(method, url, method === 'POST' ? { body: { offer: clientOffer() } } : {}),
      code,
    );
  });

  test('405 names the methods that there are', async () => {
    expect((await server.request('PUT', '/v1/rooms/tea/participants/p_x')).headers['allow']).toBe(
      'PATCH, DELETE, OPTIONS',
    );
  });
});

describe('raw connections', () => {
  const open = async (): Promise<Socket> => {
    await server.listen();
    const socket = connect((server.app.server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const readAll = async (socket: Socket): Promise<string> => {
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    return text;
  };

  test.each([
    ['rubbish', '\u0000\u0001\u0002rubbish\r\n\r\n'],
    ['a header without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`],
    [
      'two lengths',
      'POST /v1/rooms/tea/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!',
    ],
    [
      'a bad chunk',
      'POST /v1/rooms/tea/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    ],
  ])('%s gets a problem in JSON, and the next client is served', async (_name, bytes) => {
    const socket = await open();
    socket.write(bytes);
    const [head = '', body = ''] = (await readAll(socket)).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'REQUEST_MALFORMED' });
    expect((await server.request('GET', '/healthz')).status).toBe(200);
  });

  test('H8.12 an upgrade to a WebSocket, with fragments after it, is refused like any other unknown path', async () => {
    const socket = await open();
    socket.write(
      'GET /v1/socket HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    socket.write(Buffer.alloc(100_000, 0));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
    socket.destroy();
    expect((await server.request('GET', '/healthz')).status).toBe(200);
  });

  test('H8.13 300 idle sockets, and one that sends a byte at a time, keep nobody waiting; the number is bounded', async () => {
    const first = await open();
    const { port } = server.app.server.address() as AddressInfo;
    const idle = [first, ...Array.from({ length: 299 }, () => connect(port, '127.0.0.1'))];
    await Promise.all(idle.slice(1).map((socket) => once(socket, 'connect')));
    first.write('G');
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    expect(server.app.server.maxConnections).toBe(10_000);
    expect(server.app.server.headersTimeout).toBeLessThanOrEqual(15_000);
    for (const socket of idle) socket.destroy();
  });

  test('a body that stops half way costs nothing but its socket', async () => {
    const socket = await open();
    socket.write('POST /v1/rooms/tea/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"offer":');
    socket.destroy();
    expect((await server.request('GET', '/healthz')).status).toBe(200);
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });
});

test('too many at once from one address, until time has passed; other requests are not limited', async () => {
  const strict = await TestServer.start({ joinBurst: 2, joinsPerSecond: 1 });
  const join = (): Promise<Answer> => strict.request('POST', SESSIONS, { body: { offer: clientOffer() } });
  expect([(await join()).status, (await join()).status]).toEqual([201, 201]);
  expectProblem(await join(), 'RATE_LIMITED');
  expect((await strict.request('GET', '/healthz')).status).toBe(200);
  strict.scheduler.advance(1_000);
  expect((await join()).status).toBe(201);
  await strict.close();
});

test('a room holds so many, the server so many rooms', async () => {
  const small = await TestServer.start({ maxParticipants: 2, maxRooms: 1 });
  const ada = await small.join('tea', 'Ada');
  await small.join('tea', 'Ben');
  expectProblem(await small.request('POST', SESSIONS, { body: { offer: clientOffer() } }), 'ROOM_FULL');
  expectProblem(
    await small.request('POST', '/v1/rooms/milk/sessions', { body: { offer: clientOffer() } }),
    'TOO_MANY_ROOMS',
  );
  // Coming back is no new participant.
  await small.join('tea', 'Ada', { replaces: ada.sessionId });
  await small.close();
});
