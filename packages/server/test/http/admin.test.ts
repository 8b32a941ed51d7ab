/** Looking at rooms, moderation, rights by token. Ids are those of the hostile inputs, group 9. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StatsBody } from '../../src/http/statsBody.js';
import { KEYS, TestServer } from '../support/testServer.js';
import { clientOffer, makeOffer } from '../support/offers.js';

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

  test('statistics have names and figures beside what the media library counted, as the description says', async () => {
    const ada = await enter('Ada');
    ada.media.figures = {
      transport: {
        protocol: 'udp',
        receivedBitsPerSecond: 1,
        sentBitsPerSecond: 2,
        drops: { 'srtp-auth': 3 },
      },
      sources: [{ source: 'microphone', csrc: 7, muted: false, codec: 'opus', layers: [] }],
      slots: [],
    };
    const token = await admin();
    const get = () => server.request('GET', '/v1/rooms/tea/stats', { token });
    const { body } = await get();
    expect(StatsBody.parse(body)).toEqual(body);
    expect(body).toMatchObject({
      room: 'tea',
      atMs: server.scheduler.nowMs(),
      sessions: [
        {
          participantId: ada.participantId,
          displayName: 'Ada',
          kind: 'tertulia',
          connected: true,
          transport: { drops: { 'srtp-auth': 3 } },
          sources: [{ csrc: 7, codec: 'opus' }],
          slots: [],
          media: { id: ada.media.id },
        },
      ],
    });
    expect(JSON.stringify(body)).not.toContain(ada.sessionId);
    // Several lookers ask the media process once.
    server.scheduler.advance(400);
    await get();
    expect(ada.media.statsAsked).toBe(1);
    server.scheduler.advance(200);
    expect((await get()).body['atMs']).toBe(server.scheduler.nowMs());
    expect(ada.media.statsAsked).toBe(2);
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

describe('pictures', () => {
  const offer = makeOffer([
    { kind: 'audio', direction: 'sendonly' },
    { kind: 'audio', direction: 'sendonly' },
    { kind: 'video', direction: 'sendonly' },
    { kind: 'video', direction: 'sendonly' },
    { kind: 'video' },
    { kind: 'application' },
  ]);
  const show = async (name: string) => {
    const token = await server.token({ room: 'tea', identity: name });
    const joined = await server.join('tea', name, { token, offer });
    const channel = joined.media.connect().open('tertulia');
    let requestId = 0;
    const setMuted = (source: string, muted: boolean): unknown => {
      channel.receive({ request: { requestId: ++requestId, setMuted: { source, muted } } });
      return channel.messages.find(
        ({ response }) => (response as { requestId?: number } | undefined)?.requestId === requestId,
      )?.['response'];
    };
    const entries = (): Record<string, unknown>[] => {
      const resources = channel.messages.flatMap(
        (message) => (message['resources'] ?? []) as { mediaEntry?: Record<string, unknown> }[],
      );
      return resources.flatMap(({ mediaEntry }) => (mediaEntry ? [mediaEntry] : []));
    };
    return { ...joined, channel, setMuted, entries };
  };
  const patch = async (participantId: string, body: object, role = 'moderate') =>
    server.request('PATCH', `/v1/rooms/tea/participants/${participantId}`, {
      token: await server.token({ identity: 'mod', room: 'tea', roles: [role as 'moderate'] }),
      body,
    });

  test('camera and screen begin off; the list says who shows what, with the CSRCs', async () => {
    const ada = await show('Ada');
    const listed = async (): Promise<unknown> => {
      const token = await admin();
      return (await server.request('GET', '/v1/rooms/tea/participants', { token })).body['participants'];
    };
    expect(await listed()).toMatchObject([
      {
        videoMuted: true,
        cameraOn: false,
        screenOn: false,
        pinned: false,
        sources: [
          { source: 'microphone', muted: false },
          { source: 'screenSound', muted: true },
          { source: 'camera', muted: true, csrc: ada.media.sources[2]?.csrc },
          { source: 'screen', muted: true },
        ],
      },
    ]);
    ada.setMuted('screen', false);
    expect(await listed()).toMatchObject([{ videoMuted: false, cameraOn: false, screenOn: true }]);
  });

  test('a moderator mutes camera and screen; undoing it opens only what the moderator closed', async () => {
    const ada = await show('Ada');
    ada.setMuted('camera', false);
    expect((await patch(ada.participantId, { videoMuted: true })).body).toMatchObject({ cameraOn: false });
    expect(ada.media.paused.get('camera')).toBe(true);
    expect(ada.media.paused.get('microphone')).toBe(false);
    expect(ada.entries().at(-1)).toMatchObject({ screenshare: false, videoMuted: true, audioMuted: false });
    expect((await patch(ada.participantId, { videoMuted: false })).body).toMatchObject({
      cameraOn: true,
      screenOn: false,
    });
    expect([ada.media.paused.get('camera'), ada.media.paused.get('screen')]).toEqual([false, true]);
  });

  test('nobody but the person opens a camera that the person closed, or never opened', async () => {
    const ada = await show('Ada');
    expect((await patch(ada.participantId, { videoMuted: false })).body).toMatchObject({ cameraOn: false });
    ada.setMuted('camera', false);
    ada.setMuted('camera', true);
    expect((await patch(ada.participantId, { videoMuted: false })).body).toMatchObject({ cameraOn: false });
    expect(ada.media.paused.get('camera')).toBe(true);
  });

  test('a muted screen is no entry any more; unmuted it is another one with the CSRCs of before', async () => {
    const ada = await show('Ada');
    const ben = await show('Ben');
    ada.setMuted('screen', false);
    const first = ben.entries().at(-1);
    expect(first).toMatchObject({ screenshare: true, audioMuted: true, videoMuted: false });
    await patch(ada.participantId, { videoMuted: true });
    const gone = ben.channel.messages.at(-1) as { deletedResources: { id: number }[] };
    expect(gone.deletedResources).toMatchObject([{ mediaEntry: true }]);
    await patch(ada.participantId, { videoMuted: false });
    const again = ben.channel.messages.at(-1) as { resources: { id: number; mediaEntry: object }[] };
    expect(again.resources[0]?.mediaEntry).toEqual(first);
    expect(again.resources[0]?.id).not.toBe(gone.deletedResources[0]?.id);
  });

  test('a pinned camera: the media side is told, now and for each session of the person', async () => {
    const ada = await show('Ada');
    expect((await patch(ada.participantId, { pinned: true })).body).toMatchObject({ pinned: true });
    expect(ada.media.pinned).toEqual(new Map([['camera', true]]));
    const again = await server.join('tea', 'Ada', {
      token: await server.token({ room: 'tea', identity: 'Ada' }),
      offer,
      replaces: ada.sessionId,
    });
    again.media.connect();
    expect(again.media.pinned).toEqual(new Map([['camera', true]]));
    expect((await patch(ada.participantId, { pinned: false })).body).toMatchObject({ pinned: false });
    expect(again.media.pinned.get('camera')).toBe(false);
  });

  test('a session that replaces another keeps the CSRCs of all four sources, what is muted, and its entries', async () => {
    const ada = await show('Ada');
    const ben = await show('Ben');
    ada.setMuted('camera', false);
    ada.setMuted('screen', false);
    const csrcs = ada.media.sources;
    expect(new Set(csrcs.map(({ csrc }) => csrc)).size).toBe(4);
    const count = ben.channel.messages.length;
    const again = await server.join('tea', 'Ada', {
      token: await server.token({ room: 'tea', identity: 'Ada' }),
      offer,
      replaces: ada.sessionId,
    });
    expect(again.participantId).toBe(ada.participantId);
    again.media.connect();
    expect(again.media.sources).toEqual(csrcs);
    expect([...again.media.paused]).toEqual([
      ['microphone', false],
      ['screenSound', true],
      ['camera', false],
      ['screen', false],
    ]);
    expect(ben.channel.messages).toHaveLength(count);
  });

  test('a listener shows nothing either, and cannot undo it', async () => {
    const ada = await show('Ada');
    ada.setMuted('camera', false);
    expect((await patch(ada.participantId, { role: 'listener' })).body).toMatchObject({ cameraOn: false });
    expect(ada.setMuted('camera', false)).toMatchObject({ status: { code: 7 } });
    expect(ada.media.paused.get('camera')).toBe(true);
  });

  test('a source that the session does not send cannot be unmuted', async () => {
    const ada = await enter('Ada');
    ada.media.channels[0]?.receive({
      request: { requestId: 1, setMuted: { source: 'camera', muted: false } },
    });
    expect(ada.media.log.at(-1)?.message).toMatchObject({ response: { requestId: 1, status: { code: 9 } } });
  });

  test('slots of pictures: as many as the server has, fewer when the token says so', async () => {
    const many = makeOffer(Array.from({ length: 12 }, () => ({ kind: 'video' as const })));
    const slots = async (more: object): Promise<number> => {
      const token = await server.token({ room: 'tea', ...more });
      return (await server.join('tea', 'Ada', { token, offer: many })).media.videoSlots.length;
    };
    expect([await slots({}), await slots({ videoSlots: 2 }), await slots({ videoSlots: 16 })]).toEqual([
      9, 2, 9,
    ]);
  });

  test('a room of the configuration may have slots of its own, under either name', async () => {
    const rooms = [{ code: 'big', id: 'b1g', audioSlots: 1, videoSlots: 12 }];
    const other = await TestServer.start({ rooms });
    const many = makeOffer(Array.from({ length: 30 }, (_, at) => ({ kind: at % 2 ? 'audio' : 'video' })));
    const slots = async (room: string): Promise<number[]> => {
      const { media } = await other.join(room, 'Ada', { offer: many });
      return [media.audioSlots.length, media.videoSlots.length];
    };
    expect([await slots('big'), await slots('b1g'), await slots('tea')]).toEqual([
      [1, 12],
      [1, 12],
      [3, 9],
    ]);
    await other.close();
  });

  test.each([{ videoMuted: 'yes' }, { pinned: 1 }, { cameraOn: true }])('%j is refused', async (body) => {
    const ada = await show('Ada');
    expect((await patch(ada.participantId, body)).body['code']).toBe('BODY_INVALID');
  });

  test('pinning is for moderators', async () => {
    const ada = await show('Ada');
    expect((await patch(ada.participantId, { pinned: true }, 'publish')).body['code']).toBe(
      'TOKEN_FORBIDDEN',
    );
  });
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
