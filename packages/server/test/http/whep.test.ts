/** WHEP: what a player is offered, one participant or the room, and who may play how much. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ERRORS, type ErrorCode } from '../../src/errors.js';
import { KEYS, TestServer, type Answer } from '../support/testServer.js';
import { makeOffer, type SectionSpec } from '../support/offers.js';
import type { FakeSession } from '../support/fakeMedia.js';

const HEARS: SectionSpec = { kind: 'audio' };
const SEES: SectionSpec = { kind: 'video' };
const SENDS: SectionSpec[] = [
  { kind: 'audio', direction: 'sendonly' },
  { kind: 'video', direction: 'sendonly' },
];

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

interface More {
  token?: string;
  headers?: Record<string, string>;
}
const post = (url: string, body: string, { token, headers = {} }: More = {}): Promise<Answer> =>
  server.request('POST', url, {
    body,
    headers: { 'content-type': 'application/sdp', ...headers },
    ...(token === undefined ? {} : { token }),
  });
interface Begun {
  answer: Answer;
  url: string;
  media: FakeSession;
}
const begin = async (path: string, specs: SectionSpec[], token?: string): Promise<Begun> => {
  const answer = await post(path, makeOffer(specs), token === undefined ? {} : { token });
  expect(answer.status, answer.text).toBe(201);
  return { answer, url: String(answer.headers['location']), media: server.media.last.connect() };
};
const play = (query = '', specs: SectionSpec[] = [HEARS, SEES], token?: string) =>
  begin(`/whep/tea${query}`, specs, token);
const publish = (query = '?name=Studio', token?: string) => begin(`/whip/tea${query}`, SENDS, token);
const end = (session: { url: string }) => server.request('DELETE', session.url);
const stage = () => server.media.rooms[0]?.stages.at(-1);
const expectProblem = (answer: Answer, code: ErrorCode): void => {
  expect(answer.body).toMatchObject({ code, status: ERRORS[code].http });
  expect(answer.status).toBe(ERRORS[code].http);
};
const room = async () => (await server.request('GET', '/v1/rooms/tea')).body;

describe('playing the room', () => {
  test('sections are answered sendonly, as one stream; the session is a receiver that is nobody', async () => {
    const { answer, url, media } = await play();
    expect(url).toMatch(/^\/whep\/tea\/[\w-]{22}$/);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/sdp',
      etag: expect.stringMatching(/^"/),
    });
    expect(answer.text.match(/^a=(recvonly|sendonly|inactive)/gm)).toEqual(['a=sendonly', 'a=sendonly']);
    expect(answer.text.match(/^a=msid:\S+/gm)).toEqual(['a=msid:tertulia', 'a=msid:tertulia']);
    expect(media.request).toMatchObject({ participantId: undefined, sources: [], dataChannels: false });
    expect(media.request.receiver).toMatchObject({ mids: { audio: ['0'], video: ['1'] } });
    expect(media.request.receiver?.stage).toBeUndefined();
  });

  test('a layout is made for it as soon as it is connected: each section one canvas', async () => {
    await post('/whep/tea', makeOffer([HEARS, SEES, SEES]));
    const media = server.media.last;
    expect(media.layouts).toEqual([]);
    media.connect();
    const canvas = { width: 1920, height: 1080, mode: 'relevant' };
    expect(media.layouts.map(({ canvases }) => canvases)).toEqual([
      [
        { id: 1, ...canvas },
        { id: 2, ...canvas },
      ],
    ]);
  });

  test('only sound: no layout', async () => expect((await play('', [HEARS])).media.layouts).toEqual([]));

  test('further sections of a kind are streams of their own; those beyond the slots are inactive', async () => {
    await server.close();
    server = await TestServer.start({ audioSlots: 2, videoSlots: 1 });
    const { answer } = await play('', [HEARS, HEARS, HEARS, SEES, SEES]);
    expect(answer.text.match(/^a=(sendonly|inactive)/gm)?.map((line) => line.slice(2))).toEqual([
      'sendonly',
      'sendonly',
      'inactive',
      'sendonly',
      'inactive',
    ]);
    expect(answer.text.match(/^a=msid:\S+/gm)).toEqual([
      'a=msid:tertulia',
      'a=msid:virtual-1',
      'a=msid:tertulia',
    ]);
  });

  test('sendrecv is answered sendonly, a data section is left out', async () => {
    const { answer } = await play('', [{ ...HEARS, direction: 'sendrecv' }, { kind: 'application' }]);
    expect(answer.text).toMatch(/^a=sendonly/m);
    expect(answer.text).toMatch(/^m=application 0 /m);
  });

  test.each<[string, SectionSpec[]]>([
    ['a section that sends', [HEARS, { ...SEES, direction: 'sendonly' }]],
    ['an inactive section', [{ ...HEARS, direction: 'inactive' }]],
    ['no Opus', [{ ...HEARS, opus: undefined }]],
    ['nothing to receive', [{ kind: 'application' }]],
    ['sections that number Opus differently', [HEARS, { ...HEARS, opus: 112 }]],
  ])('422: %s', async (_name, specs) => {
    expectProblem(await post('/whep/tea', makeOffer(specs)), 'OFFER_UNPROCESSABLE');
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });
});

describe('playing one participant', () => {
  test('its microphone and its camera, on one slot each', async () => {
    const ada = await server.enter('tea', 'Ada');
    const { answer, media } = await play(`?participant=${ada.participantId}`, [HEARS, HEARS, SEES, SEES]);
    expect(answer.text.match(/^a=(sendonly|inactive)/gm)).toEqual([
      'a=sendonly',
      'a=inactive',
      'a=sendonly',
      'a=inactive',
    ]);
    expect(media.request.receiver?.stage).toBe(stage());
    expect(stage()?.now).toBe(ada.media);
  });

  test('all players of one share a stage; it closes after the last', async () => {
    const ada = await server.enter('tea', 'Ada');
    const [first, second] = [
      await play(`?participant=${ada.participantId}`),
      await play(`?participant=${ada.participantId}`),
    ];
    expect(server.media.rooms[0]?.stages).toHaveLength(1);
    await end(first);
    expect(stage()?.closed).toBe(false);
    await end(second);
    expect(stage()?.closed).toBe(true);
  });

  test('one that is not there yet is waited for; who leaves is followed by who comes with the same identity', async () => {
    await server.close();
    server = await TestServer.start({}, KEYS);
    const viewer = await server.token({ roles: ['subscribe'], identity: 'viewer' });
    const studio = await server.token({ roles: ['publish'], identity: 'studio' });
    const guest = await server.token({ roles: ['publish'], identity: 'guest' });
    await play('?participant=studio', [HEARS, SEES], viewer);
    expect(stage()?.now).toBeUndefined();

    await publish('', guest);
    expect(stage()?.now).toBeUndefined();
    const first = await publish('', studio);
    expect(stage()?.now).toBe(first.media);
    // The encoder lost its network and comes again before the server knows: the newer one is played.
    const second = await publish('', studio);
    expect(stage()?.now).toBe(second.media);
    first.media.events.lost('consent-lost');
    expect(stage()?.now).toBe(second.media);
    await end(second);
    expect(stage()?.now).toBeUndefined();
    const third = await publish('', studio);
    expect(stage()?.now).toBe(third.media);
  });

  test('who has not connected yet takes nobody’s place', async () => {
    await server.close();
    server = await TestServer.start({}, KEYS);
    const viewer = await server.token({ roles: ['subscribe'], identity: 'viewer' });
    const studio = await server.token({ roles: ['publish'], identity: 'studio' });
    const first = await publish('', studio);
    await play('?participant=studio', [HEARS], viewer);
    await post('/whip/tea', makeOffer(SENDS), { token: studio });
    expect(stage()?.now).toBe(first.media);
  });

  test('a session that replaces another is played on', async () => {
    const ada = await server.enter('tea', 'Ada');
    await play(`?participant=${ada.participantId}`);
    const again = await server.join('tea', 'Ada', { replaces: ada.sessionId });
    expect(again.participantId).toBe(ada.participantId);
    again.media.connect();
    await Promise.resolve(); // the stage is a promise
    expect(stage()?.now).toBe(again.media);
  });

  test.each(['?participant=', '?participant=a&participant=b', `?participant=${'x'.repeat(257)}`])(
    '400: %s',
    async (query) => expectProblem(await post(`/whep/tea${query}`, makeOffer([HEARS])), 'PARAMETER_INVALID'),
  );

  test('a name out of the language is only a name nobody has', async () => {
    for (const name of ['__proto__', 'constructor', '..%2f..%2fetc', '%00'])
      expect((await post(`/whep/tea?participant=${name}`, makeOffer([HEARS]))).status).toBe(201);
  });

  test('a stage that cannot be had refuses the player and leaves nothing', async () => {
    const ada = await server.enter('tea', 'Ada');
    server.media.failing = true;
    const url = `/whep/tea?participant=${ada.participantId}`;
    expectProblem(await post(url, makeOffer([HEARS])), 'MEDIA_UNAVAILABLE');
    expect(await room()).toMatchObject({ participants: 1, players: 0 });
    server.media.failing = false;
    expect((await post(url, makeOffer([HEARS]))).status).toBe(201);
  });

  test('after the media process died, a new player gets a new stage', async () => {
    const ada = await server.enter('tea', 'Ada');
    const player = await play(`?participant=${ada.participantId}`);
    server.media.die();
    expect((await server.request('GET', player.url)).status).toBe(404);
    const again = await server.join('tea', 'Ada', { replaces: ada.sessionId });
    again.media.connect();
    await play(`?participant=${ada.participantId}`);
    const after = server.media.rooms.at(-1)?.stages;
    expect(after).toHaveLength(1);
    expect(after?.[0]?.now).toBe(again.media);
  });
});

describe('a player is nobody in the room', () => {
  test('it is counted, and listed nowhere', async () => {
    const ada = await server.enter('tea', 'Ada');
    const told = ada.media.log.length;
    await play();
    expect(await room()).toMatchObject({ participants: 1, players: 1 });
    const { body } = await server.request('GET', '/v1/rooms/tea/participants');
    expect(body['participants']).toHaveLength(1);
    expect(ada.media.log).toHaveLength(told);
    const { text } = await server.request('GET', '/metrics');
    for (const line of ['tertulia_sessions_started_total{kind="whep"} 1', 'tertulia_players 1'])
      expect(text.split('\n')).toContain(line);
  });

  test('it comes before the others and stays after them; the last player ends the room', async () => {
    const player = await play();
    expect(await room()).toMatchObject({ participants: 0, players: 1 });
    const studio = await publish();
    await end(studio);
    expect(player.media.closed).toBe(false);
    expect(await room()).toMatchObject({ participants: 0, players: 1 });
    await publish();
    expect(server.media.rooms).toHaveLength(1);
    await end(player);
    expect(await room()).toMatchObject({ participants: 1, players: 0 });
  });

  test('with the last of those who only play the room is gone', async () => {
    const player = await play();
    await end(player);
    expect((await server.request('GET', '/v1/rooms/tea')).status).toBe(404);
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });

  test('a listener of the Meet endpoint goes with the last person although players stay', async () => {
    const ada = await server.enter('tea', 'Ada');
    const player = await play();
    expect((await server.postMeet('tea')).status).toBe(200);
    const meet = server.media.last;
    await server.request('DELETE', ada.path);
    expect(meet.mediaStopped).toBe(true);
    expect(player.media.closed).toBe(false);
    // Nobody is there: the Meet endpoint knows no conference.
    expect((await server.postMeet('tea')).status).not.toBe(200);
  });

  test('409 beyond --max-players; one that goes makes room', async () => {
    await server.close();
    server = await TestServer.start({ maxPlayers: 2 });
    const first = await play();
    await play();
    expectProblem(await post('/whep/tea', makeOffer([HEARS])), 'ROOM_FULL');
    await end(first);
    expect((await post('/whep/tea', makeOffer([HEARS]))).status).toBe(201);
  });

  test('players that never connect are freed after 30 s, and those whose consent ends at once', async () => {
    const player = await play();
    await post('/whep/tea', makeOffer([HEARS]));
    player.media.events.lost('consent-lost');
    expect((await server.request('GET', player.url)).status).toBe(404);
    expect(await room()).toMatchObject({ players: 1 });
    server.scheduler.advance(30_000);
    expect([...server.conference.rooms.all]).toHaveLength(0);
  });

  test('draining ends players and publishers', async () => {
    const [studio, player] = [await publish(), await play()];
    void server.conference.drain(0);
    expect([studio.media.closed, player.media.closed]).toEqual([true, true]);
  });
});

test('tokens: subscribe is enough and is needed; its slots are the most', async () => {
  await server.close();
  server = await TestServer.start({}, KEYS);
  const token = await server.token({ roles: ['subscribe'], videoSlots: 0 });
  const { answer } = await play('', [HEARS, SEES], token);
  expect(answer.text.match(/^a=(sendonly|inactive)/gm)).toEqual(['a=sendonly', 'a=inactive']);
  expectProblem(await post('/whep/tea', makeOffer([SEES]), { token }), 'OFFER_UNPROCESSABLE');
  const publisher = await server.token({ roles: ['join', 'publish'] });
  expectProblem(await post('/whep/tea', makeOffer([HEARS]), { token: publisher }), 'TOKEN_FORBIDDEN');
  expectProblem(await post('/whep/tea', makeOffer([HEARS])), 'TOKEN_MISSING');
});

test('PATCH and OPTIONS are those of WHIP', async () => {
  const { answer, url } = await play();
  const body = ['a=ice-ufrag:efgh', `a=ice-pwd:${'x'.repeat(24)}`, ''].join('\r\n');
  const headers = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' };
  const restarted = await server.request('PATCH', url, { body, headers });
  expect(restarted.status).toBe(200);
  expect(restarted.headers['etag']).not.toBe(answer.headers['etag']);
  const stale = { ...headers, 'if-match': String(answer.headers['etag']) };
  expectProblem(await server.request('PATCH', url, { body, headers: stale }), 'PRECONDITION_FAILED');
  expect((await server.request('OPTIONS', '/whep/tea')).headers['accept-post']).toBe('application/sdp');
  expect((await server.request('OPTIONS', url)).headers['accept-patch']).toBe(
    'application/trickle-ice-sdpfrag',
  );
});
