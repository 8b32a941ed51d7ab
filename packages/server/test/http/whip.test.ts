/**
 * WHIP: every status code and header of RFC 9725, offers of real publishers, and what becomes of them in the room.
 * Ids are those of the hostile inputs, group 8.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.js';
import { KEYS, TestServer, type Answer } from '../support/testServer.js';
import { clientOffer, makeOffer, realOffer, type OfferSpec, type SectionSpec } from '../support/offers.js';

const AUDIO: SectionSpec = { kind: 'audio', direction: 'sendonly' };
const VIDEO: SectionSpec = { kind: 'video', direction: 'sendonly' };
const offerOf = (offer: OfferSpec = {}): string => makeOffer([AUDIO, VIDEO], offer);

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

interface More {
  token?: string;
  headers?: Record<string, string>;
}
const post = (url: string, body: string | Buffer = offerOf(), { token, headers = {} }: More = {}) =>
  server.request('POST', url, {
    body,
    headers: { 'content-type': 'application/sdp', ...headers },
    ...(token === undefined ? {} : { token }),
  });
const fragment = (usernameFragment = 'abcd', password = 'abcdefghijklmnopqrstuvwx', ...more: string[]) =>
  [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
    'a=mid:0',
    `a=ice-ufrag:${usernameFragment}`,
    `a=ice-pwd:${password}`,
    ...more,
  ]
    .map((line) => `${line}\r\n`)
    .join('');
const patch = (url: string, body: string | Buffer = fragment(), headers: Record<string, string> = {}) =>
  server.request('PATCH', url, {
    body,
    headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...headers },
  });
const expectProblem = (answer: Answer, code: ErrorCode): void => {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({ code, status: ERRORS[code].http });
  expect(answer.status).toBe(ERRORS[code].http);
};
interface Person {
  participantId: string;
  displayName: string;
  audioMuted: boolean;
  videoMuted: boolean;
  connected: boolean;
  sources: { source: string }[];
}
const people = async (room = 'tea', token?: string): Promise<Person[]> => {
  const more = token === undefined ? {} : { token };
  const { body } = await server.request('GET', `/v1/rooms/${room}/participants`, more);
  return (body['participants'] as Person[] | undefined) ?? [];
};

describe('beginning', () => {
  test('201 with the answer, and where the session is', async () => {
    const answer = await post('/whip/tea');
    expect(answer.status).toBe(201);
    expect(answer.headers['content-type']).toBe('application/sdp');
    expect(answer.headers['location']).toMatch(/^\/whip\/tea\/[A-Za-z0-9_-]{22}$/);
    expect(answer.headers['etag']).toMatch(/^"[A-Za-z0-9_-]{12}"$/);
    expect(answer.headers['accept-patch']).toBe('application/trickle-ice-sdpfrag');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers).not.toHaveProperty('link');
    expect(answer.text).toMatch(/^v=0\r\n/);
    expect(answer.text.match(/^a=(recvonly|sendonly|sendrecv|inactive)/gm)).toEqual([
      'a=recvonly',
      'a=recvonly',
    ]);
    for (const line of [
      'a=ice-lite',
      'a=ice-options:trickle',
      'a=setup:passive',
      'a=rtcp-mux-only',
      'a=end-of-candidates',
    ])
      expect(answer.text.split('\r\n')).toContain(line);
    expect(answer.text).toMatch(/^a=candidate:/m);
  });

  test('two sessions have nothing in common', async () => {
    const [first, second] = [await post('/whip/tea'), await post('/whip/tea')];
    for (const header of ['location', 'etag']) expect(first.headers[header]).not.toBe(second.headers[header]);
  });

  test('sendrecv is answered recvonly', async () => {
    const { text } = await post('/whip/tea', makeOffer([{ ...AUDIO, direction: 'sendrecv' }]));
    expect(text).toMatch(/^a=recvonly/m);
  });

  test('ICE servers stand in Link headers, with credentials for an hour', async () => {
    const turn = await TestServer.start({
      turnUrl: 'turn:turn.example:3478?transport=udp, turns:turn.example:5349',
      turnSecret: 'between us',
    });
    const { headers } = await turn.request('POST', '/whip/tea', {
      body: offerOf(),
      headers: { 'content-type': 'application/sdp' },
    });
    const links = String(headers['link']).split(', ');
    expect(links).toHaveLength(2);
    const attributes =
      /; rel="ice-server"; username="\d+:p_[\w-]{12}"; credential="[\w+/]{27}="; credential-type="password"$/;
    expect(links[0]).toMatch(/^<turn:turn.example:3478\?transport=udp>/);
    expect(links[1]).toMatch(/^<turns:turn.example:5349>/);
    for (const link of links) expect(link).toMatch(attributes);
    await turn.close();
  });

  test('types with parameters, and in capitals', async () => {
    const headers = {
      'content-type': 'Application/SDP; charset=utf-8',
      accept: 'text/html, application/*;q=0.5',
    };
    expect((await post('/whip/tea', offerOf(), { headers })).status).toBe(201);
  });
});

describe('offers of real publishers', () => {
  test('OBS: transport above the sections, known SSRCs, H264, no header extension', async () => {
    const answer = await post('/whip/tea', realOffer('obs'));
    expect(answer.status).toBe(201);
    expect(answer.text).toMatch(/^a=rtpmap:96 H264\/90000/m);
    expect(answer.text).not.toMatch(/extmap/);
    const { sources, dataChannels } = server.media.last.request;
    expect(dataChannels).toBe(false);
    expect(sources.map(({ name, rtpParameters }) => [name, rtpParameters.encodings])).toEqual([
      ['microphone', [{ ssrc: 1_822_446_093 }]],
      ['camera', [{ ssrc: 1_822_446_094 }]],
    ]);
  });

  test('GStreamer: max-bundle gives the second section port 0, and no answer may', async () => {
    const answer = await post('/whip/tea', realOffer('gstreamer'));
    expect(answer.status).toBe(201);
    expect(answer.text.match(/^m=\w+ (\d+)/gm)).toEqual(['m=audio 40000', 'm=video 9']);
    expect(answer.text).toMatch(/^a=mid:audio0\r\n/m);
  });

  test('simulcast by RIDs is received in as many layers', async () => {
    const rids = ['h', 'm', 'l'];
    const extra = [
      'a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
      ...rids.map((rid) => `a=rid:${rid} send`),
      `a=simulcast:send ${rids.join(';')}`,
    ];
    const answer = await post('/whip/tea', makeOffer([AUDIO, { ...VIDEO, extra }]));
    expect(answer.text).toMatch(/^a=simulcast:recv h;m;l/m);
    expect(server.media.last.request.sources[1]?.rtpParameters.encodings?.map(({ rid }) => rid)).toEqual(
      rids,
    );
  });
});

describe('refusals of POST', () => {
  test.each<[string, string | Buffer, ErrorCode, More?]>([
    ['no type', offerOf(), 'MEDIA_TYPE_UNSUPPORTED', { headers: { 'content-type': '' } }],
    ['JSON', '{}', 'MEDIA_TYPE_UNSUPPORTED', { headers: { 'content-type': 'application/json' } }],
    [
      'a fragment',
      fragment(),
      'MEDIA_TYPE_UNSUPPORTED',
      { headers: { 'content-type': 'application/trickle-ice-sdpfrag' } },
    ],
    ['Accept without SDP', offerOf(), 'NOT_ACCEPTABLE', { headers: { accept: 'application/json' } }],
    [
      'Accept that rules it out',
      offerOf(),
      'NOT_ACCEPTABLE',
      { headers: { accept: 'application/sdp;q=0, */*' } },
    ],
    ['an empty body', '', 'OFFER_MALFORMED'],
    ['no SDP', 'hello', 'OFFER_MALFORMED'],
    [
      'H8.11 invalid UTF-8',
      Buffer.concat([Buffer.from(offerOf()), Buffer.from([0xff, 0xfe])]),
      'OFFER_MALFORMED',
    ],
    ['a cut offer', offerOf().slice(0, 300), 'OFFER_MALFORMED'],
    ['no fingerprint', offerOf().replaceAll(/a=fingerprint.*\r\n/g, ''), 'OFFER_MALFORMED'],
    ['no bundle', offerOf().replace(/a=group:BUNDLE.*\r\n/, ''), 'OFFER_MALFORMED'],
    [
      'H8.7 5,000 m-lines',
      `v=0\r\n${'m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n'.repeat(5_000)}`,
      'OFFER_TOO_MANY_SECTIONS',
    ],
    ['H8.8 a duplicate MID', offerOf().replace('a=mid:1', 'a=mid:0'), 'OFFER_MALFORMED'],
    ['H8.1 300 kB', 'v=0\r\n'.padEnd(300_000, 'x'), 'BODY_TOO_LARGE'],
    ['two audio sections', makeOffer([AUDIO, AUDIO]), 'OFFER_UNPROCESSABLE'],
    ['two video sections', makeOffer([AUDIO, VIDEO, VIDEO]), 'OFFER_UNPROCESSABLE'],
    [
      'a section that receives',
      makeOffer([AUDIO, { ...VIDEO, direction: 'recvonly' }]),
      'OFFER_UNPROCESSABLE',
    ],
    ['an inactive section', makeOffer([{ ...AUDIO, direction: 'inactive' }]), 'OFFER_UNPROCESSABLE'],
    ['a data channel', makeOffer([AUDIO, { kind: 'application' }]), 'OFFER_UNPROCESSABLE'],
    ['the offer of our own client', clientOffer(), 'OFFER_UNPROCESSABLE'],
    ['no Opus', makeOffer([{ ...AUDIO, opus: undefined }]), 'OFFER_UNPROCESSABLE'],
    ['no video codec of ours', offerOf().replace('VP8/90000', 'H265/90000'), 'OFFER_UNPROCESSABLE'],
    ['the passive role', offerOf({ setup: 'passive' }), 'OFFER_UNPROCESSABLE'],
    [
      'nothing but a rejected section',
      makeOffer([AUDIO]).replace('m=audio 9', 'm=audio 0'),
      'OFFER_MALFORMED',
    ],
  ])('%s', async (_name, body, code, more) => {
    expectProblem(await post('/whip/tea', body, more), code);
    expect(server.media.sessions).toHaveLength(0);
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });

  test.each<[string, string, ErrorCode]>([
    ['a name that is none', '/whip/a%2Fb', 'ROOM_NAME_INVALID'],
    ['a path as a room', '/whip/..%2f..%2fetc', 'ROOM_NAME_INVALID'],
    ['a display name twice', '/whip/tea?name=a&name=b', 'PARAMETER_INVALID'],
    ['an empty one', '/whip/tea?name=', 'PARAMETER_INVALID'],
    ['no room', '/whip/', 'ROOM_NAME_INVALID'],
    ['no room and no slash', '/whip', 'NOT_FOUND'],
  ])('%s', async (_name, url, code) => expectProblem(await post(url), code));

  test('every cut of an offer at a line’s end is answered or refused', async () => {
    const lines = realOffer('obs').split('\r\n');
    for (let count = 0; count < lines.length; count++) {
      const { status } = await post('/whip/tea', `${lines.slice(0, count).join('\r\n')}\r\n`);
      expect([201, 400, 422], lines[count]).toContain(status);
    }
  });

  test('503 with Retry-After while it stops, and while there is no media process', async () => {
    server.media.available = false;
    const starting = await post('/whip/tea');
    expectProblem(starting, 'MEDIA_UNAVAILABLE');
    expect(starting.headers['retry-after']).toBe('1');
    server.media.available = true;
    await server.conference.drain(0);
    const draining = await post('/whip/tea');
    expectProblem(draining, 'DRAINING');
    expect(draining.headers['retry-after']).toBe('1');
  });

  test('a media process that refuses leaves nothing behind', async () => {
    server.media.failing = true;
    expectProblem(await post('/whip/tea'), 'MEDIA_UNAVAILABLE');
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });

  test('429 when an address begins too many, 409 when the room is full', async () => {
    const small = await TestServer.start({ joinBurst: 2, maxParticipants: 1 });
    const begin = () =>
      small.request('POST', '/whip/tea', { body: offerOf(), headers: { 'content-type': 'application/sdp' } });
    expect((await begin()).status).toBe(201);
    expectProblem(await begin(), 'ROOM_FULL');
    const late = await begin();
    expectProblem(late, 'RATE_LIMITED');
    expect(late.headers['retry-after']).toBe('1');
    await small.close();
  });
});

describe('tokens', () => {
  beforeEach(async () => {
    await server.close();
    server = await TestServer.start({}, KEYS);
  });

  test('publish is enough, and the name is that of the token', async () => {
    const token = await server.token({ roles: ['publish'], identity: 'studio', name: 'Studio 1' });
    expect((await post('/whip/tea', offerOf(), { token })).status).toBe(201);
    expect((await post('/whip/tea?name=Roof', offerOf(), { token })).status).toBe(201);
    const admin = await server.token({ roles: ['admin'] });
    expect((await people('tea', admin)).map(({ displayName }) => displayName)).toEqual(['Studio 1', 'Roof']);
  });

  test('401 and 403', async () => {
    const missing = await post('/whip/tea');
    expectProblem(missing, 'TOKEN_MISSING');
    expect(missing.headers['www-authenticate']).toBe('Bearer');
    expectProblem(await post('/whip/tea', offerOf(), { token: 'nonsense' }), 'TOKEN_INVALID');
    const listener = await server.token({ roles: ['join', 'subscribe'] });
    expectProblem(await post('/whip/tea', offerOf(), { token: listener }), 'TOKEN_FORBIDDEN');
    const elsewhere = await server.token({ room: 'milk', roles: ['publish'] });
    expectProblem(await post('/whip/tea', offerOf(), { token: elsewhere }), 'TOKEN_FORBIDDEN');
    const old = await server.token({ roles: ['publish'], lifetimeSeconds: -60 });
    expectProblem(await post('/whip/tea', offerOf(), { token: old }), 'TOKEN_EXPIRED');
  });

  test('the address of the session is the authority over it, a token is not asked for', async () => {
    const token = await server.token({ roles: ['publish'] });
    const { headers } = await post('/whip/tea', offerOf(), { token });
    expect((await server.request('DELETE', String(headers['location']))).status).toBe(200);
  });

  test('single: an encoder that comes back takes the place of the one before', async () => {
    const token = await server.token({ roles: ['publish'], identity: 'studio', single: true });
    const first = await post('/whip/tea', offerOf(), { token });
    await post('/whip/tea', offerOf(), { token });
    expect((await server.request('GET', String(first.headers['location']))).status).toBe(404);
    expect(await people('tea', await server.token({ roles: ['admin'] }))).toHaveLength(1);
  });
});

describe('a publisher is a participant', () => {
  test('others hear of it when it is connected: sound and picture on from the start', async () => {
    const ada = await server.enter('tea', 'Ada');
    await post('/whip/tea?name=Studio');
    const media = server.media.last;
    expect([...media.paused.values()]).toEqual([true, true]);
    media.connect();
    expect([...media.paused.values()]).toEqual([false, false]);
    const told = JSON.stringify(ada.media.log.map(({ message }) => message));
    expect(told).toContain('"displayName":"Studio"');
    expect(told).toMatch(/"audioMuted":false,"videoMuted":false/);
  });

  test('it is listed, muted and removed like anybody', async () => {
    const { headers } = await post('/whip/tea?name=Studio');
    const media = server.media.last.connect();
    const [studio] = await people();
    expect(studio).toMatchObject({
      displayName: 'Studio',
      connected: true,
      audioMuted: false,
      videoMuted: false,
    });
    expect(studio?.sources.map(({ source }) => source)).toEqual(['microphone', 'camera']);
    const path = `/v1/rooms/tea/participants/${studio?.participantId}`;
    await server.request('PATCH', path, { body: { audioMuted: true, videoMuted: true } });
    expect([...media.paused.values()]).toEqual([true, true]);
    expect((await server.request('DELETE', path)).status).toBe(204);
    expect(media.closed).toBe(true);
    expect((await server.request('DELETE', String(headers['location']))).status).toBe(404);
  });

  test('a room where only an encoder is goes on, and ends with it', async () => {
    const { headers } = await post('/whip/tea');
    server.media.last.connect();
    expect((await server.request('GET', '/v1/rooms/tea')).status).toBe(200);
    await server.request('DELETE', String(headers['location']));
    expect((await server.request('GET', '/v1/rooms/tea')).status).toBe(404);
  });

  test('one that never connects is freed after 30 s', async () => {
    const { headers } = await post('/whip/tea');
    server.scheduler.advance(30_000);
    expect((await server.request('GET', String(headers['location']))).status).toBe(404);
    expect(server.conference.sessionCount).toBe(0);
  });

  test.each(['consent-lost', 'peer-closed', 'process-died'] as const)(
    '%s ends the session',
    async (cause) => {
      const { headers } = await post('/whip/tea');
      server.media.last.connect().events.lost(cause);
      const url = String(headers['location']);
      expect((await server.request('GET', url)).status).toBe(404);
      expectProblem(
        await patch(url, fragment(), { 'if-match': String(headers['etag']) }),
        'SESSION_NOT_FOUND',
      );
      expectProblem(await server.request('DELETE', url), 'SESSION_NOT_FOUND');
      expect(await people()).toEqual([]);
    },
  );

  test('a data channel that it opens against the answer is closed', async () => {
    await post('/whip/tea');
    expect(server.media.last.connect().open('tertulia').closed).toBe(true);
  });
});

describe('methods', () => {
  test('GET and HEAD of both paths: 204 and nothing', async () => {
    const { headers } = await post('/whip/tea');
    for (const url of ['/whip/tea', String(headers['location'])])
      for (const method of ['GET', 'HEAD']) {
        const answer = await server.request(method, url);
        expect([answer.status, answer.text], `${method} ${url}`).toEqual([204, '']);
      }
    expect((await server.request('GET', '/whip/tea/unknown')).status).toBe(404);
  });

  test('405 with Allow for all others', async () => {
    for (const [method, url, allow] of [
      ['PUT', '/whip/tea', 'GET, POST, HEAD, OPTIONS'],
      ['DELETE', '/whip/tea', 'GET, POST, HEAD, OPTIONS'],
      ['PATCH', '/whip/tea', 'GET, POST, HEAD, OPTIONS'],
      ['POST', '/whip/tea/x', 'GET, PATCH, DELETE, HEAD, OPTIONS'],
      ['PUT', '/whip/tea/x', 'GET, PATCH, DELETE, HEAD, OPTIONS'],
    ] as const) {
      const answer = await server.request(method, url);
      expectProblem(answer, 'METHOD_NOT_ALLOWED');
      expect(answer.headers['allow'], `${method} ${url}`).toBe(allow);
    }
  });

  test('OPTIONS: 200 with what can be sent; CORS for pages that may, no token asked for', async () => {
    const origin = 'http://localhost:5173';
    const preflight = { origin, 'access-control-request-method': 'POST' };
    const endpoint = await server.request('OPTIONS', '/whip/tea?name=x', { headers: preflight });
    expect(endpoint.status).toBe(200);
    expect(endpoint.headers).toMatchObject({
      'accept-post': 'application/sdp',
      allow: 'GET, POST, HEAD, OPTIONS',
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers': 'authorization, content-type, if-match',
      'access-control-expose-headers': 'Location, ETag, Link',
    });
    const session = await server.request('OPTIONS', '/whip/tea/x');
    expect(session.status).toBe(200);
    expect(session.headers['accept-patch']).toBe('application/trickle-ice-sdpfrag');
    expect(session.headers).not.toHaveProperty('accept-post');
    const other = await server.request('OPTIONS', '/whip/tea', {
      headers: { ...preflight, origin: 'https://e.example' },
    });
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });

  test('DELETE: 200 once, whatever If-Match says, then 404', async () => {
    const { headers } = await post('/whip/tea');
    const url = String(headers['location']);
    const ended = await server.request('DELETE', url, { headers: { 'if-match': '"other"' } });
    expect([ended.status, ended.text]).toEqual([200, '']);
    expect(server.media.last.closed).toBe(true);
    expectProblem(await server.request('DELETE', url), 'SESSION_NOT_FOUND');
  });

  test('a session is found in its room and by its own protocol only', async () => {
    const { headers } = await post('/whip/tea');
    const id = String(headers['location']).split('/').at(-1);
    for (const url of [`/whep/tea/${id}`, `/whip/milk/${id}`])
      expectProblem(await server.request('DELETE', url), 'SESSION_NOT_FOUND');
    const ada = await server.join('tea', 'Ada');
    expectProblem(await server.request('DELETE', `/whip/tea/${ada.sessionId}`), 'SESSION_NOT_FOUND');
  });
});

describe('PATCH', () => {
  let url: string;
  let etag: string;
  beforeEach(async () => {
    const { headers } = await post('/whip/tea');
    [url, etag] = [String(headers['location']), String(headers['etag'])];
  });
  const CANDIDATE = 'a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host';

  test('trickle: 204 without a body and without an ETag', async () => {
    for (const match of [etag, '*', `"other", ${etag}`]) {
      const body = fragment(undefined, undefined, CANDIDATE, 'a=end-of-candidates');
      const answer = await patch(url, body, { 'if-match': match });
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(answer.headers).not.toHaveProperty('etag');
    }
    expect(server.media.last.restarts).toBe(0);
  });

  test.each(['*', '"*"'])(
    'If-Match %s with new credentials restarts ICE: 200, our new side, a new ETag',
    async (match) => {
      const answer = await patch(url, fragment('efgh', 'x'.repeat(24)), { 'if-match': match });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('application/trickle-ice-sdpfrag');
      expect(answer.headers['etag']).toMatch(/^"[\w-]{12}"$/);
      expect(answer.headers['etag']).not.toBe(etag);
      const { usernameFragment, password } = server.media.last.ice;
      expect(server.media.last.restarts).toBe(1);
      for (const line of [
        `a=ice-ufrag:${usernameFragment}`,
        `a=ice-pwd:${password}`,
        'a=ice-lite',
        'a=mid:0',
      ])
        expect(answer.text.split('\r\n')).toContain(line);
      expect(answer.text).toMatch(/^a=candidate:/m);

      // What was sent for the ICE session of before must not touch this one.
      expectProblem(await patch(url, fragment(), { 'if-match': etag }), 'PRECONDITION_FAILED');
      const trickled = await patch(url, fragment('efgh', 'x'.repeat(24), CANDIDATE), {
        'if-match': String(answer.headers['etag']),
      });
      expect(trickled.status).toBe(204);
      expect(server.media.last.restarts).toBe(1);
    },
  );

  test('a restart that the media process refuses leaves the session and its ETag as they are', async () => {
    server.media.last.restartIce = () => Promise.reject(new Error('busy'));
    expectProblem(
      await patch(url, fragment('efgh', 'x'.repeat(24)), { 'if-match': '*' }),
      'MEDIA_UNAVAILABLE',
    );
    expect((await patch(url, fragment(), { 'if-match': etag })).status).toBe(204);
  });

  test.each<[string, string | Buffer, Record<string, string>, ErrorCode]>([
    ['no If-Match', fragment(), {}, 'PRECONDITION_REQUIRED'],
    ['no If-Match at a restart', fragment('efgh', 'x'.repeat(24)), {}, 'PRECONDITION_REQUIRED'],
    ['another ETag', fragment(), { 'if-match': '"other"' }, 'PRECONDITION_FAILED'],
    ['a weak ETag', fragment(), { 'if-match': 'W/"other"' }, 'PRECONDITION_FAILED'],
    [
      'another type',
      fragment(),
      { 'if-match': '*', 'content-type': 'application/sdp' },
      'MEDIA_TYPE_UNSUPPORTED',
    ],
    ['no type', fragment(), { 'if-match': '*', 'content-type': '' }, 'MEDIA_TYPE_UNSUPPORTED'],
    ['nothing', '', { 'if-match': '*' }, 'FRAGMENT_MALFORMED'],
    [
      'a bad candidate',
      fragment(undefined, undefined, 'a=candidate:x'),
      { 'if-match': '*' },
      'FRAGMENT_MALFORMED',
    ],
    ['H8.11 invalid UTF-8', Buffer.from([0x61, 0x3d, 0xff]), { 'if-match': '*' }, 'FRAGMENT_MALFORMED'],
    ['H8.1 40 kB', 'a=x\r\n'.repeat(8_000), { 'if-match': '*' }, 'FRAGMENT_MALFORMED'],
    [
      'a section that was not offered',
      fragment().replace('mid:0', 'mid:7'),
      { 'if-match': '*' },
      'FRAGMENT_UNPROCESSABLE',
    ],
    [
      'Accept without fragments',
      fragment('efgh', 'x'.repeat(24)),
      { 'if-match': '*', accept: 'text/html' },
      'NOT_ACCEPTABLE',
    ],
  ])('%s', async (_name, body, headers, code) => {
    expectProblem(await patch(url, body, headers), code);
    expect(server.media.last.restarts).toBe(0);
    expect((await patch(url, fragment(), { 'if-match': etag })).status).toBe(204);
  });

  test('an unknown session is 404, whatever is sent', async () => {
    expectProblem(
      await patch('/whip/tea/unknown', 'rubbish', { 'content-type': 'text/plain' }),
      'SESSION_NOT_FOUND',
    );
  });
});
