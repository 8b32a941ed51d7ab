/** The Meet endpoint over HTTP. Names bear the ids of docs/meet.md. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OPEN_GRANTS } from '../../src/auth/grants.js';
import { planMeetSession } from '../../src/sdp/meetPlan.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { errorOf, expectReason } from '../support/googleErrors.js';
import { KEYS, TestServer } from '../support/testServer.js';
import { makeOffer, meetOffer } from '../support/offers.js';

const CODE = 'abc-mnop-xyz';
const SPACE = 'jQCFfuBOdN5z';
const CONFIG = { rooms: [{ code: CODE, id: SPACE }] };

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start(CONFIG);
});
afterEach(() => server.close());

const path = (room: string): string => `/v2beta/spaces/${room}:connectActiveConference`;

describe('request and response', () => {
  test('H01 H14 an offer in JSON is answered 200 with an answer and a trace id, and no error', async () => {
    await server.enter(CODE, 'Ada');
    const answer = await server.postMeet(CODE, { token: 'any' });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['answer', 'traceId']);
    expect(answer.body['answer']).toMatch(/^v=0\r\n/);
    expect(answer.body['traceId']).toMatch(/./);
  });

  test('H02 the same body as text/plain', async () => {
    await server.enter(CODE, 'Ada');
    const body = JSON.stringify({ offer: meetOffer() });
    const answer = await server.request('POST', path(CODE), {
      body,
      headers: { 'content-type': 'text/plain;charset=UTF-8' },
    });
    expect(answer.status).toBe(200);
  });

  test('H03 a preflight allows the origin, POST and the authorization header', async () => {
    const headers = {
      origin: 'http://localhost:5173',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const answer = await server.request('OPTIONS', path(CODE), { headers });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe('http://localhost:5173');
    expect(answer.headers['access-control-allow-methods']).toContain('POST');
    expect(answer.headers['access-control-allow-headers']).toContain('authorization');
  });

  test('H04 H05 meeting code and space id reach one conference; with one slash or two; colon plain or encoded', async () => {
    const open = await TestServer.start({ ...CONFIG, meet: { extensions: true } });
    await open.enter(CODE, 'Ada');
    for (const url of [
      path(CODE),
      path(SPACE),
      `/v2beta//spaces/${CODE}:connectActiveConference`,
      `/v2beta/spaces/${CODE}%3AconnectActiveConference`,
    ]) {
      const answer = await open.request('POST', url, { body: { offer: meetOffer() } });
      expect(answer.status, url).toBe(200);
    }
    expect(open.media.rooms).toHaveLength(1);
    await open.close();
  });

  test('H06 H07 no token, a wrong one, one without the right, one for another room; with CORS headers', async () => {
    const guarded = await TestServer.start(CONFIG, KEYS);
    const headers = { origin: 'https://app.example' };
    for (const token of [undefined, 'wrong']) {
      const answer = await guarded.postMeet(CODE, { headers, ...(token === undefined ? {} : { token }) });
      expect(errorOf(answer).status).toBe('UNAUTHENTICATED');
      expect(answer.status).toBe(401);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
    }
    for (const more of [{ roles: ['join', 'publish'] as const }, { room: 'other' }]) {
      const answer = await guarded.postMeet(CODE, {
        headers,
        token: await guarded.token({ room: CODE, ...more }),
      });
      expect([answer.status, errorOf(answer).status]).toEqual([403, 'PERMISSION_DENIED']);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
    }
    // The token may name the room by either name.
    for (const room of [CODE, SPACE])
      expectReason(
        await guarded.postMeet(CODE, { token: await guarded.token({ room }) }),
        400,
        'FAILED_PRECONDITION',
        'NO_ACTIVE_CONFERENCE',
      );
    await guarded.close();
  });

  test('H08 an unknown space is 404, whatever its name looks like', async () => {
    for (const room of ['nowhere', 'a%2Fb', 'x'.repeat(100), '%00', '..']) {
      const answer = await server.postMeet(room);
      expect([answer.status, errorOf(answer).status], room).toEqual([404, 'NOT_FOUND']);
    }
  });

  test('H09 a configured room that nobody is in: the reason is in details and message, and no room begins', async () => {
    expectReason(await server.postMeet(SPACE), 400, 'FAILED_PRECONDITION', 'NO_ACTIVE_CONFERENCE');
    expect(server.media.rooms).toHaveLength(0);
  });

  test.each<[string, unknown]>([
    ['no JSON', '{"offer":'],
    ['nothing', ''],
    ['a list', []],
    ['no offer', {}],
    ['a number', { offer: 7 }],
    ['null', { offer: null }],
    ['empty', { offer: '' }],
    ['no SDP', { offer: 'hello' }],
    ['SDP without sections', { offer: 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n' }],
    ['H8.3 __proto__', '{"__proto__":{},"offer":"v=0"}'],
    ['H8.11 invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ])('H10 a body with %s is INVALID_OFFER', async (_name, body) => {
    await server.enter(CODE, 'Ada');
    expectReason(
      await server.request('POST', path(CODE), { body }),
      400,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
  });

  test('H11 a second client is refused; with extensions it is not', async () => {
    await server.enter(CODE, 'Ada');
    expect((await server.postMeet(CODE)).status).toBe(200);
    expectReason(await server.postMeet(CODE), 400, 'FAILED_PRECONDITION', 'CONNECTIONS_EXHAUSTED');
    const open = await TestServer.start({ ...CONFIG, meet: { extensions: true } });
    await open.enter(CODE, 'Ada');
    for (let count = 0; count < 3; count++) expect((await open.postMeet(CODE)).status).toBe(200);
    await open.close();
  });

  test('H11 two clients that ask at once do not both get in', async () => {
    await server.enter(CODE, 'Ada');
    const answers = await Promise.all([server.postMeet(CODE), server.postMeet(CODE), server.postMeet(CODE)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
  });

  test('H12 L01 L02 after a client that vanished, never connected, left, or was refused by media, the place is free', async () => {
    await server.enter(CODE, 'Ada');
    const accepted = async (): Promise<void> => expect((await server.postMeet(CODE)).status).toBe(200);
    await accepted();
    server.media.last.connect().events.lost('consent-lost');
    await accepted();
    server.scheduler.advance(30_000);
    await accepted();
    server.media.last
      .connect()
      .open('session-control')
      .receive({ request: { requestId: 1, leave: {} } });
    server.media.failing = true;
    expectReason(await server.postMeet(CODE), 503, 'UNAVAILABLE', 'MEDIA_UNAVAILABLE');
    server.media.failing = false;
    await accepted();
  });

  test('H13 every refusal is JSON with an error object: size, rate, method, path, draining', async () => {
    const strict = await TestServer.start({ ...CONFIG, joinBurst: 1, joinsPerSecond: 0.001 });
    expectReason(
      await strict.request('POST', path(CODE), { body: 'x'.repeat(300_000) }),
      413,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
    await strict.postMeet(CODE);
    expectReason(await strict.postMeet(CODE), 429, 'RESOURCE_EXHAUSTED', 'RATE_LIMITED');
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH'])
      expectReason(await strict.request(method, path(CODE)), 405, 'UNIMPLEMENTED', 'METHOD_NOT_ALLOWED');
    expectReason(
      await strict.request('POST', '/v2beta/spaces/x:other', { body: {} }),
      404,
      'NOT_FOUND',
      'NOT_FOUND',
    );
    expectReason(await strict.request('POST', '/v2beta/else', { body: {} }), 404, 'NOT_FOUND', 'NOT_FOUND');
    expectReason(
      await strict.request('POST', '/v2beta/spaces/%E0%A4%A', { body: {} }),
      400,
      'INVALID_ARGUMENT',
      'REQUEST_MALFORMED',
    );
    void strict.conference.drain(0);
    await strict.close();
    void server.conference.drain(0);
    expectReason(await server.postMeet(CODE), 503, 'UNAVAILABLE', 'DRAINING');
  });
});

describe('in the room', () => {
  const LABELS = ['session-control', 'media-stats', 'media-entries', 'participants'];
  const enterMeet = async () => {
    expect((await server.postMeet(CODE)).status).toBe(200);
    const media = server.media.last.connect();
    for (const label of LABELS) media.open(label);
    server.scheduler.advance(300);
    return media;
  };
  const on = (media: { log: { label: string; message: Record<string, unknown> }[] }, label: string) =>
    media.log.filter((one) => one.label === label).map(({ message }) => message);

  test('a client sees the people and is seen by nobody; it is no participant', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const before = ada.media.log.length;
    const bot = await enterMeet();
    expect(on(bot, 'participants')).toMatchObject([
      { resources: [{ participant: { anonymousUser: { displayName: 'Ada' } } }] },
    ]);
    expect(on(bot, 'session-control')).toHaveLength(2);
    expect(ada.media.log).toHaveLength(before);
    expect(bot.request.participantId).toBeUndefined();
    expect(bot.request.sources).toEqual([]);
  });

  test('D08 D09 D10 D12 join, mute, rename and leave of a person, in order', async () => {
    await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    const start = bot.log.length;
    const ben = await server.enter(CODE, 'Ben');
    const channel = ben.media.channels[0];
    channel?.receive({ request: { requestId: 1, setMuted: { source: 'microphone', muted: true } } });
    channel?.receive({ request: { requestId: 2, setMuted: { source: 'microphone', muted: false } } });
    channel?.receive({ request: { requestId: 3, rename: { displayName: 'Benno' } } });
    channel?.receive({ request: { requestId: 4, leave: {} } });
    const news = bot.log.slice(start);
    expect(news.map(({ label, message }) => `${label} ${Object.keys(message).join()}`)).toEqual([
      'participants resources',
      'media-entries resources',
      'media-entries resources',
      'media-entries resources',
      'participants resources',
      'media-entries resources',
      'media-entries deletedResources',
      'participants deletedResources',
    ]);
    const entries = news
      .flatMap(
        ({ message }) =>
          (message['resources'] ?? []) as {
            id: number;
            mediaEntry?: { audioCsrc: number; audioMuted: boolean };
          }[],
      )
      .filter(({ mediaEntry }) => mediaEntry);
    expect(new Set(entries.map(({ id, mediaEntry }) => `${id} ${mediaEntry?.audioCsrc}`)).size).toBe(1);
    expect(entries.map(({ mediaEntry }) => mediaEntry?.audioMuted)).toEqual([false, true, false, false]);
  });

  test('D11 screen sound is an entry of its own, with the same participant key', async () => {
    await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    const ben = await server.join(CODE, 'Ben', {
      offer: makeOffer([
        { kind: 'audio', direction: 'sendonly' },
        { kind: 'audio', direction: 'sendonly' },
        { kind: 'application' },
      ]),
    });
    ben.media.connect();
    const channel = ben.media.open('tertulia');
    channel.receive({ request: { requestId: 1, setMuted: { source: 'screenSound', muted: false } } });
    const entries = on(bot, 'media-entries')
      .flatMap((message) => message['resources'] as { id: number; mediaEntry: Record<string, unknown> }[])
      .slice(-2);
    expect(entries.map(({ mediaEntry }) => mediaEntry['screenshare'])).toEqual([false, true]);
    expect(new Set(entries.map(({ mediaEntry }) => mediaEntry['participantKey'])).size).toBe(1);
    for (const key of ['sessionName', 'audioCsrc'])
      expect(new Set(entries.map(({ mediaEntry }) => mediaEntry[key])).size, key).toBe(2);
    channel.receive({ request: { requestId: 2, setMuted: { source: 'screenSound', muted: true } } });
    expect(on(bot, 'media-entries').at(-1)).toEqual({
      deletedResources: [{ id: entries[1]?.id, mediaEntry: true }],
    });
  });

  test('D17 L03 when the last person leaves: CONFERENCE_ENDED, media stops at once, then the teardown and nothing after it', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    ada.media.channels[0]?.receive({ request: { requestId: 1, leave: {} } });
    expect(on(bot, 'session-control').at(-1)).toEqual({
      resources: [
        {
          sessionStatus: {
            connectionState: 'STATE_DISCONNECTED',
            disconnectReason: 'REASON_CONFERENCE_ENDED',
          },
        },
      ],
    });
    expect([bot.mediaStopped, bot.closed]).toEqual([true, false]);
    const count = bot.log.length;
    server.scheduler.advance(1_000);
    expect(bot.closed).toBe(true);
    bot.slots({ csrc: 5 });
    bot.channels[0]?.receive({ request: { requestId: 9, leave: {} } });
    expect(bot.log).toHaveLength(count);
  });

  test('a media process that dies ends the client at once: its place is free', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    server.media.die();
    expect(bot.closed).toBe(true);
    await server.join(CODE, 'Ada', { replaces: ada.sessionId });
    expect((await server.postMeet(CODE)).status).toBe(200);
  });

  test('a client that comes while the last person leaves is refused, and leaves nothing behind', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const coming = server.conference.joinMeet(CODE, OPEN_GRANTS, () => {
      void Promise.resolve().then(() => server.conference.session(CODE, ada.sessionId).session.end('left'));
      return planMeetSession(readOfferText(meetOffer()), { extensions: false });
    });
    await expect(coming).rejects.toMatchObject({ reason: 'NO_ACTIVE_CONFERENCE' });
    server.scheduler.advance(2_000);
    expect(server.media.sessions.every(({ closed }) => closed)).toBe(true);
    expect(server.conference.sessionCount).toBe(0);
  });

  test('L05 a token that expires during the session changes nothing', async () => {
    const guarded = await TestServer.start(CONFIG, KEYS);
    const ada = await guarded.join(CODE, 'Ada', { token: await guarded.token({ room: CODE }) });
    ada.media.connect().open('tertulia');
    expect(
      (await guarded.postMeet(CODE, { token: await guarded.token({ room: SPACE, identity: 'bot' }) })).status,
    ).toBe(200);
    const bot = guarded.media.last.connect();
    bot.open('session-control');
    guarded.scheduler.advance(3_600_000);
    expect([bot.closed, ada.media.closed]).toEqual([false, false]);
    await guarded.close();
  });

  test('D23 a client that never uploads statistics stays, however long', async () => {
    await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    const count = bot.log.length;
    for (let intervals = 0; intervals < 50; intervals++) server.scheduler.advance(10_000);
    expect([bot.closed, bot.log.length]).toEqual([false, count]);
    expect(server.conference.sessionCount).toBe(2);
  });

  test('D01 a channel with an unknown label, or a second one of a label, is closed; the server opens none', async () => {
    await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    expect(bot.open('tertulia').closed).toBe(true);
    expect(bot.open('participants').closed).toBe(true);
    expect(bot.channels.slice(0, 4).every(({ closed }) => !closed)).toBe(true);
  });

  test('a person in several sections of the sheet: entries go out again when a voice enters a slot', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const bot = await enterMeet();
    const csrc = ada.media.sources[0]?.csrc ?? 0;
    const before = on(bot, 'media-entries').length;
    bot.slots({ slot: 1, csrc });
    expect(on(bot, 'media-entries')).toHaveLength(before + 1);
  });
});
