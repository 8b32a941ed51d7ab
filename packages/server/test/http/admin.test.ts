/** Looking at rooms, moderation, rights by token. Ids are those of the hostile inputs, group 9. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEYS, TestServer } from '../support/testServer.js';
import { clientOffer } from '../support/offers.js';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start({ rooms: [{ code: 'abc-mnop-xyz', id: 'jQCFfuBOdN5z' }] }, KEYS);
});
afterEach(() => server.close());

const admin = (room = '*'): Promise<string> => server.token({ identity: 'root', room, roles: ['admin'] });
const moderator = (room = 'tea'): Promise<string> =>
  server.token({ identity: 'mod', room, roles: ['moderate'] });
const enter = async (name: string, room = 'tea', more = {}) => {
  const joined = await server.join(room, name, {
    token: await server.token({ room, identity: name, ...more }),
  });
  joined.media.connect().open('tertulia');
  return joined;
};

describe('looking', () => {
  test('rooms appear with the first participant and vanish after the last; configured ones too', async () => {
    const token = await admin();
    const names = async (): Promise<unknown[]> =>
      ((await server.request('GET', '/v1/rooms', { token })).body['rooms'] as { room: string }[]).map(
        ({ room }) => room,
      );
    expect(await names()).toEqual([]);
    const ada = await enter('Ada');
    await enter('Ben', 'jQCFfuBOdN5z');
    expect(await names()).toEqual(['tea', 'abc-mnop-xyz']);
    expect((await server.request('GET', '/v1/rooms/abc-mnop-xyz', { token })).body).toMatchObject({
      participants: 1,
      meetClients: 0,
    });
    await server.request('DELETE', ada.path);
    expect(await names()).toEqual(['abc-mnop-xyz']);
    expect((await server.request('GET', '/v1/rooms/tea', { token })).status).toBe(404);
  });

  test('participants and statistics of a room', async () => {
    const ada = await enter('Ada');
    await server.join('tea', 'Ben', { token: await server.token({ identity: 'ben' }) });
    const token = await admin();
    const { body } = await server.request('GET', '/v1/rooms/tea/participants', { token });
    expect(body['participants']).toMatchObject([
      {
        participantId: ada.participantId,
        displayName: 'Ada',
        identity: 'Ada',
        connected: true,
        audioMuted: false,
        sources: [{ source: 'microphone', muted: false }],
      },
      { displayName: 'Ben', connected: false },
    ]);
    expect(JSON.stringify(body)).not.toContain(ada.sessionId);
    const stats = await server.request('GET', '/v1/rooms/tea/stats', { token });
    expect(stats.body['sessions']).toMatchObject([
      { participantId: ada.participantId, kind: 'tertulia', media: { id: 'media-1' } },
      {},
    ]);
  });

  test('an admin token of one room sees that room only', async () => {
    await enter('Ada');
    await enter('Ben', 'milk');
    const token = await admin('milk');
    expect((await server.request('GET', '/v1/rooms', { token })).body['rooms']).toMatchObject([
      { room: 'milk' },
    ]);
    expect((await server.request('GET', '/v1/rooms/tea', { token })).body['code']).toBe('TOKEN_FORBIDDEN');
  });
});

describe('moderating', () => {
  test('a mute: paused, everybody sees it; undone by the moderator or by the person', async () => {
    const ada = await enter('Ada');
    const token = await moderator();
    const patch = (audioMuted: boolean) =>
      server.request('PATCH', `/v1/rooms/tea/participants/${ada.participantId}`, {
        token,
        body: { audioMuted },
      });
    expect((await patch(true)).body).toMatchObject({ audioMuted: true });
    expect(ada.media.paused.get('microphone')).toBe(true);
    expect(ada.media.log.at(-1)?.message).toMatchObject({
      resources: [{ mediaEntry: { audioMuted: true } }],
    });
    expect((await patch(false)).body).toMatchObject({ audioMuted: false });
    await patch(true);
    ada.media.channels[0]?.receive({
      request: { requestId: 1, setMuted: { source: 'microphone', muted: false } },
    });
    expect(ada.media.paused.get('microphone')).toBe(false);
  });

  test('a moderator cannot open a microphone that its owner closed', async () => {
    const ada = await enter('Ada');
    ada.media.channels[0]?.receive({
      request: { requestId: 1, setMuted: { source: 'microphone', muted: true } },
    });
    const answer = await server.request('PATCH', `/v1/rooms/tea/participants/${ada.participantId}`, {
      token: await moderator(),
      body: { audioMuted: false },
    });
    expect(answer.body).toMatchObject({ audioMuted: true });
    expect(ada.media.paused.get('microphone')).toBe(true);
  });

  test('a listener is muted, cannot undo it, and is told; a speaker can again', async () => {
    const ada = await enter('Ada');
    const channel = ada.media.channels[0];
    const token = await moderator();
    const role = (name: string) =>
      server.request('PATCH', `/v1/rooms/tea/participants/${ada.participantId}`, {
        token,
        body: { role: name },
      });
    expect((await role('listener')).body).toMatchObject({ audioMuted: true, roles: ['join', 'subscribe'] });
    expect(ada.media.log.at(-1)?.message).toMatchObject({ resources: [{ session: { canPublish: false } }] });
    channel?.receive({ request: { requestId: 1, setMuted: { source: 'microphone', muted: false } } });
    expect(ada.media.log.at(-1)?.message).toMatchObject({ response: { status: { code: 7 } } });
    await role('speaker');
    channel?.receive({ request: { requestId: 2, setMuted: { source: 'microphone', muted: false } } });
    expect(ada.media.paused.get('microphone')).toBe(false);
  });

  test('remove: told, gone; a second time 404', async () => {
    const ada = await enter('Ada');
    const ben = await enter('Ben');
    const token = await moderator();
    const path = `/v1/rooms/tea/participants/${ada.participantId}`;
    expect((await server.request('DELETE', path, { token })).status).toBe(204);
    expect(ada.media.log.at(-1)?.message).toEqual({
      resources: [{ sessionStatus: { state: 'ended', reason: 'removed' } }],
    });
    expect(ben.media.log.at(-1)?.message).toMatchObject({ deletedResources: [{ participant: true }] });
    expect((await server.request('DELETE', path, { token })).body['code']).toBe('PARTICIPANT_NOT_FOUND');
  });

  test.each([{}, { audioMuted: 'yes' }, { role: 'king' }, { audioMuted: true, admin: true }])(
    '%j is refused',
    async (body) => {
      const ada = await enter('Ada');
      const answer = await server.request('PATCH', `/v1/rooms/tea/participants/${ada.participantId}`, {
        token: await moderator(),
        body,
      });
      expect(answer.body['code']).toBe('BODY_INVALID');
    },
  );
});

describe('rights', () => {
  const post = (room: string, token: string | undefined, body: object = {}) =>
    server.request('POST', `/v1/rooms/${room}/sessions`, {
      body: { offer: clientOffer(), ...body },
      ...(token === undefined ? {} : { token }),
    });

  test('without a token 401 with a challenge, without the role 403', async () => {
    const none = await post('tea', undefined);
    expect([none.status, none.body['code'], none.headers['www-authenticate']]).toEqual([
      401,
      'TOKEN_MISSING',
      'Bearer',
    ]);
    expect((await post('tea', await server.token({ roles: ['publish'] }))).body['code']).toBe(
      'TOKEN_FORBIDDEN',
    );
    for (const url of ['/v1/rooms', '/v1/rooms/tea', '/v1/rooms/tea/participants', '/v1/rooms/tea/stats'])
      expect((await server.request('GET', url, { token: await server.token() })).body['code'], url).toBe(
        'TOKEN_FORBIDDEN',
      );
    expect((await server.request('GET', '/v1/rooms')).body['code']).toBe('TOKEN_MISSING');
  });

  test('H9.7 a token of one room opens no other; either name of a configured room is one', async () => {
    expect((await post('milk', await server.token({ room: 'tea' }))).body['code']).toBe('TOKEN_FORBIDDEN');
    expect((await post('abc-mnop-xyz', await server.token({ room: 'jQCFfuBOdN5z' }))).status).toBe(201);
  });

  test('without publish nothing is sent, without subscribe nothing is received; slots as the token says', async () => {
    await post('tea', await server.token({ roles: ['join', 'subscribe'] }));
    expect([server.media.last.request.sources.length, server.media.last.audioSlots.length]).toEqual([0, 3]);
    await post('tea', await server.token({ roles: ['join', 'publish'] }));
    expect([server.media.last.request.sources.length, server.media.last.audioSlots.length]).toEqual([1, 0]);
    await post('tea', await server.token({ audioSlots: 1 }));
    expect(server.media.last.audioSlots).toHaveLength(1);
  });

  test('H9.8 joining again does not add rights: they are those of the new token', async () => {
    const ada = await enter('Ada', 'tea', { roles: ['join', 'publish', 'subscribe', 'moderate'] });
    await post('tea', await server.token({ identity: 'Ada', roles: ['join', 'subscribe'] }), {
      replaces: ada.sessionId,
    });
    const { body } = await server.request('GET', '/v1/rooms/tea/participants', { token: await admin() });
    expect(body['participants']).toMatchObject([
      { participantId: ada.participantId, roles: ['join', 'subscribe'], sources: [] },
    ]);
  });

  test('H9.9 the same identity twice is two participants, unless the token says single: then the older leaves', async () => {
    const first = await enter('Ada');
    await enter('Ada');
    expect(server.conference.rooms.find('tea')?.participants.size).toBe(2);
    await enter('Ada', 'tea', { single: true });
    expect(server.conference.rooms.find('tea')?.participants.size).toBe(1);
    expect(first.media.log.at(-1)?.message).toMatchObject({
      resources: [{ sessionStatus: { reason: 'replaced' } }],
    });
  });

  test('the name in the token is used when the client gives none', async () => {
    await post('tea', await server.token({ name: 'Ada L.' }));
    await post('tea', await server.token({ name: 'Ada L.' }), { displayName: 'A.' });
    await post('tea', await server.token());
    const { body } = await server.request('GET', '/v1/rooms/tea/participants', { token: await admin() });
    expect((body['participants'] as { displayName: string }[]).map(({ displayName }) => displayName)).toEqual(
      ['Ada L.', 'A.', 'Guest'],
    );
  });
});
