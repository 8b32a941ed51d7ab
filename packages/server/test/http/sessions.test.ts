/** Sessions of the project's own kind over HTTP, with a fake media side and virtual time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestServer } from '../support/testServer.js';
import { clientOffer, makeOffer } from '../support/offers.js';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

const directions = (answer: string): string[] =>
  answer
    .split('m=')
    .slice(1)
    .map((section) => /a=(sendonly|recvonly|inactive)/.exec(section)?.[1] ?? section.split(' ')[0] ?? '');

describe('joining', () => {
  test('an offer is answered with everything that the session will need', async () => {
    const answer = await server.request('POST', '/v1/rooms/tea/sessions', {
      body: { offer: clientOffer(), displayName: 'Ada' },
    });
    expect(answer.status).toBe(201);
    const { sessionId, participantId, iceServers } = answer.body;
    expect(answer.headers['location']).toBe(`/v1/rooms/tea/sessions/${String(sessionId)}`);
    expect(Buffer.from(String(sessionId), 'base64url')).toHaveLength(16);
    expect(participantId).toMatch(/^p_/);
    expect(iceServers).toEqual([]);
    const sdp = String(answer.body['answer']);
    expect(directions(sdp)).toEqual(['recvonly', 'sendonly', 'sendonly', 'sendonly', 'application']);
    expect(sdp.match(/^a=ssrc:\d+ cname/gm)).toHaveLength(3);
    expect(sdp).toContain('a=ice-lite');
    expect(sdp).not.toContain('transport-wide-cc');
    expect(sdp).toContain('a=rtcp-fb:111 nack');
  });

  test('the body is read as JSON whatever its type says', async () => {
    const body = JSON.stringify({ offer: clientOffer() });
    for (const type of [
      'text/plain;charset=UTF-8',
      'application/json',
      'application/x-www-form-urlencoded',
    ]) {
      const answer = await server.request('POST', '/v1/rooms/tea/sessions', {
        body,
        headers: { 'content-type': type },
      });
      expect(answer.status, type).toBe(201);
    }
  });

  test('what was asked of media: paused sources, slots with the client’s own numbers, only Opus, only known extensions', async () => {
    const { media } = await server.join('tea', 'Ada', {
      offer: makeOffer([
        { kind: 'audio', direction: 'sendonly', opus: 96 },
        { kind: 'audio', direction: 'recvonly', opus: 96 },
        { kind: 'application' },
      ]),
    });
    const [source] = media.request.sources;
    expect(source?.paused).toBe(true);
    expect(source?.rtpParameters.codecs.map(({ mimeType, payloadType }) => [mimeType, payloadType])).toEqual([
      ['audio/opus', 96],
    ]);
    expect(source?.rtpParameters.headerExtensions?.map(({ id }) => id)).toEqual([1, 4]);
    const { receiver } = media.request;
    expect(receiver?.rtpCapabilities.codecs?.map(({ preferredPayloadType }) => preferredPayloadType)).toEqual(
      [96],
    );
    expect(media.request.dataChannels).toBe(true);
  });

  test('sections in any order: of each kind the first two that send are sources, as many as may receive are slots, the rest is inactive', async () => {
    const { media, answer } = await server.join('tea', 'Ada', {
      offer: makeOffer([
        { kind: 'application' },
        { kind: 'video', direction: 'sendonly' },
        { kind: 'audio' },
        { kind: 'audio', direction: 'sendonly' },
        { kind: 'audio' },
        { kind: 'audio', direction: 'sendrecv' },
        { kind: 'audio' },
        { kind: 'audio' },
        { kind: 'audio', direction: 'sendonly' },
        { kind: 'video' },
        { kind: 'video', direction: 'sendonly' },
        { kind: 'video', direction: 'sendonly' },
      ]),
    });
    expect(media.request.sources.map(({ name }) => name)).toEqual([
      'camera',
      'microphone',
      'screenSound',
      'screen',
    ]);
    expect(media.request.receiver?.mids).toEqual({ audio: ['2', '4', '6'], video: ['9'] });
    expect(directions(answer)).toEqual([
      'application',
      'recvonly',
      'sendonly',
      'recvonly',
      'sendonly',
      'recvonly',
      'sendonly',
      'inactive',
      'inactive',
      'sendonly',
      'recvonly',
      'inactive',
    ]);
  });

  test('only the TURN server is told, with credentials that end after an hour', async () => {
    const other = await TestServer.start({ turnUrl: 'turn:turn.example:3478', turnSecret: 'north' });
    const answer = await other.request('POST', '/v1/rooms/tea/sessions', { body: { offer: clientOffer() } });
    const [turn] = answer.body['iceServers'] as { urls: string[]; username: string; credential: string }[];
    expect(turn?.urls).toEqual(['turn:turn.example:3478']);
    expect(Number(turn?.username.split(':')[0]) * 1_000 - other.scheduler.nowMs()).toBe(3_600_000);
    expect(turn?.credential).toMatch(/^[A-Za-z0-9+/]{27}=$/);
    await other.close();
  });
});

describe('who is told', () => {
  const talk = (joined: { media: { log: { message: Record<string, unknown> }[] } }): string =>
    JSON.stringify(joined.media.log);

  test('others hear of a person when it is connected, before its sound can be heard', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.join('tea', 'Ben');
    expect(talk(ada)).not.toContain('Ben');
    expect(ben.media.paused.get('microphone')).toBe(true);
    ben.media.connect();
    expect(talk(ada)).toContain('Ben');
    expect(ben.media.paused.get('microphone')).toBe(false);
  });

  test('L04 rooms do not mix', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('milk', 'Ben');
    ben.media.channels[0]?.receive({ request: { requestId: 1, sendMessage: { text: 'secret' } } });
    expect(talk(ada)).not.toMatch(/Ben|secret/);
    expect(server.media.rooms.map(({ name }) => name)).toEqual(['tea', 'milk']);
  });

  test('a chat message reaches all, with its sender', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    ben.media.channels[0]?.receive({ request: { requestId: 1, sendMessage: { text: 'hello' } } });
    for (const one of [ada, ben])
      expect(one.media.log.map(({ message }) => message)).toContainEqual({
        resources: [
          {
            message: {
              from: ben.participantId,
              displayName: 'Ben',
              text: 'hello',
              sentAtMs: server.scheduler.nowMs(),
            },
          },
        ],
      });
  });

  test('mute: the source pauses at once and everybody sees it', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    ben.media.channels[0]?.receive({
      request: { requestId: 1, setMuted: { source: 'microphone', muted: true } },
    });
    expect(ben.media.paused.get('microphone')).toBe(true);
    expect(ada.media.log.at(-1)?.message).toMatchObject({
      resources: [{ mediaEntry: { participantId: ben.participantId, audioMuted: true } }],
    });
    ben.media.channels[0]?.receive({
      request: { requestId: 2, setMuted: { source: 'screenSound', muted: true } },
    });
    expect(ben.media.log.at(-1)?.message).toMatchObject({ response: { requestId: 2, status: { code: 9 } } });
  });

  test('a rename is told with the entries after it', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    const before = ada.media.log.length;
    ben.media.channels[0]?.receive({ request: { requestId: 1, rename: { displayName: 'Benno' } } });
    expect(ada.media.log.slice(before).map(({ message }) => message)).toMatchObject([
      { resources: [{ participant: { displayName: 'Benno' } }] },
      { resources: [{ mediaEntry: { participantId: ben.participantId } }] },
    ]);
  });
});

describe('the end of a session', () => {
  const rooms = (): number => [...server.conference.rooms.live()].length;

  test.each(['DELETE', 'leave'] as const)(
    '%s: told, media stopped at once, transport closed a second later, room gone',
    async (how) => {
      const ada = await server.enter('tea', 'Ada');
      if (how === 'DELETE') expect((await server.request('DELETE', ada.path)).status).toBe(204);
      else ada.media.channels[0]?.receive({ request: { requestId: 1, leave: {} } });
      expect(ada.media.log.at(-1)?.message).toEqual({
        resources: [{ sessionStatus: { state: 'ended', reason: 'left' } }],
      });
      expect(ada.media.mediaStopped).toBe(true);
      expect(ada.media.closed).toBe(false);
      expect(rooms()).toBe(0);
      expect((await server.request('DELETE', ada.path)).body['code']).toBe('SESSION_NOT_FOUND');
      server.scheduler.advance(1_000);
      expect(ada.media.closed).toBe(true);
      server.scheduler.advance(1_000);
      await expect.poll(() => server.media.rooms[0]?.closed).toBe(true);
      expect(server.scheduler.timers).toBe(0);
    },
  );

  test('L01 a session that never connects is freed after 30 s', async () => {
    const ada = await server.join('tea', 'Ada');
    server.scheduler.advance(29_999);
    expect(rooms()).toBe(1);
    server.scheduler.advance(1);
    expect(rooms()).toBe(0);
    expect(ada.media.closed).toBe(true);
  });

  test.each(['peer-closed', 'consent-lost'] as const)(
    'L02 %s: gone at once, entry before participant',
    async (cause) => {
      const ada = await server.enter('tea', 'Ada');
      const ben = await server.enter('tea', 'Ben');
      ben.media.events.lost(cause);
      expect(ben.media.closed).toBe(true);
      expect(ada.media.log.slice(-2).map(({ message }) => message)).toMatchObject([
        { deletedResources: [{ mediaEntry: true }] },
        { deletedResources: [{ participant: true }] },
      ]);
    },
  );

  test('a session without a channel works and can be ended', async () => {
    const ada = await server.join('tea', 'Ada', {
      offer: makeOffer([{ kind: 'audio', direction: 'sendonly' }]),
    });
    ada.media.connect();
    expect((await server.request('DELETE', ada.path)).status).toBe(204);
    expect(ada.media.closed).toBe(true);
  });

  test('a name in another room, or of another session, ends nothing', async () => {
    const ada = await server.enter('tea', 'Ada');
    expect((await server.request('DELETE', ada.path.replace('tea', 'milk'))).status).toBe(404);
    expect((await server.request('DELETE', `/v1/rooms/tea/sessions/${ada.participantId}`)).status).toBe(404);
    expect(rooms()).toBe(1);
  });
});

describe('replaces', () => {
  test('keeps participant, name, mute and CSRC; the others notice nothing; the old session is told and over', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    ben.media.channels[0]?.receive({
      request: { requestId: 1, setMuted: { source: 'microphone', muted: true } },
    });
    const before = ada.media.log.length;
    const again = await server.join('tea', 'Ben', { replaces: ben.sessionId });
    expect(again.participantId).toBe(ben.participantId);
    expect(again.media.sources).toEqual(ben.media.sources);
    expect(ben.media.log.at(-1)?.message).toEqual({
      resources: [{ sessionStatus: { state: 'ended', reason: 'replaced' } }],
    });
    expect(ben.media.mediaStopped).toBe(true);
    again.media.connect().open('tertulia');
    expect(again.media.paused.get('microphone')).toBe(true);
    expect(ada.media.log).toHaveLength(before);
    server.scheduler.advance(60_000);
    expect([...(server.conference.rooms.find('tea')?.participants.keys() ?? [])]).toEqual([
      ada.participantId,
      ben.participantId,
    ]);
  });

  test('the last one of a room can be replaced without the room ending', async () => {
    const ada = await server.enter('tea', 'Ada');
    const room = server.conference.rooms.find('tea');
    await server.join('tea', 'Ada', { replaces: ada.sessionId });
    expect(server.conference.rooms.find('tea')).toBe(room);
    expect(server.media.rooms).toHaveLength(1);
  });

  test('a session that is long gone, or of another room, replaces nothing: a new participant', async () => {
    const ada = await server.enter('tea', 'Ada');
    const other = await server.join('milk', 'Eve', { replaces: ada.sessionId });
    expect(other.participantId).not.toBe(ada.participantId);
    expect(ada.media.closed).toBe(false);
  });

  test('when media refuses the new session, the participant is gone and the room with it', async () => {
    const ada = await server.enter('tea', 'Ada');
    server.media.failing = true;
    const answer = await server.request('POST', '/v1/rooms/tea/sessions', {
      body: { offer: clientOffer(), replaces: ada.sessionId },
    });
    expect([answer.status, answer.body['code']]).toEqual([503, 'MEDIA_UNAVAILABLE']);
    expect(server.conference.rooms.find('tea')).toBeUndefined();
  });
});

describe('restart', () => {
  test('gives new ICE credentials in an answer that is otherwise the same', async () => {
    const ada = await server.enter('tea', 'Ada');
    const answer = await server.request('POST', `${ada.path}/restart`, {
      body: { offer: clientOffer({ usernameFragment: 'wxyz' }) },
    });
    expect(answer.status).toBe(200);
    const changed = (sdp: string): string => sdp.replace(/a=ice-(ufrag|pwd):.*/g, '');
    expect(changed(String(answer.body['answer']))).toBe(changed(ada.answer));
    expect(answer.body['answer']).not.toBe(ada.answer);
  });

  test('a browser’s second offer lacks the extensions that the answer did not take up, all of them where it was inactive', async () => {
    const sections = (offer: string): string[] => offer.split(/^(?=m=)/m);
    const first = makeOffer([
      { kind: 'audio', direction: 'sendonly' },
      ...Array.from({ length: 4 }, () => ({ kind: 'audio' as const })),
      { kind: 'video', direction: 'sendonly' },
      { kind: 'application' },
    ]);
    const ada = await server.join('tea', 'Ada', { offer: first });
    const second = sections(first.replaceAll(/a=extmap:3 .*\r\n/g, ''));
    second[5] = (second[5] ?? '').replaceAll(/a=extmap:.*\r\n/g, '');
    const answer = await server.request('POST', `${ada.path}/restart`, { body: { offer: second.join('') } });
    expect(answer.status).toBe(200);
  });

  test('another certificate, or other sections, is refused', async () => {
    const ada = await server.enter('tea', 'Ada');
    for (const offer of [
      clientOffer({ fingerprint: Array.from({ length: 32 }, () => 'EE').join(':') }),
      makeOffer([{ kind: 'audio', direction: 'sendonly' }, { kind: 'application' }]),
      clientOffer().replaceAll(/\b111\b/g, '109'),
      clientOffer().replaceAll('a=extmap:4 ', 'a=extmap:5 '),
      clientOffer().replaceAll('m=audio 9', 'm=audio 0'),
    ]) {
      const answer = await server.request('POST', `${ada.path}/restart`, { body: { offer } });
      expect(answer.body['code']).toBe('OFFER_REFUSED');
    }
    expect(ada.media.restarts).toBe(0);
  });
});

describe('a media process that dies', () => {
  test('participants stay for 30 s, their clients come back by replaces, with a media room anew', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    server.media.die();
    expect(
      (await server.request('POST', `${ada.path}/restart`, { body: { offer: clientOffer() } })).status,
    ).toBe(404);
    const again = await server.join('tea', 'Ada', { replaces: ada.sessionId });
    expect(again.participantId).toBe(ada.participantId);
    expect(again.media.sources).toEqual(ada.media.sources);
    expect(server.media.rooms).toHaveLength(2);
    again.media.connect();
    server.scheduler.advance(30_000);
    expect([...(server.conference.rooms.find('tea')?.participants.keys() ?? [])]).toEqual([
      ada.participantId,
    ]);
    expect(ben.media.closed).toBe(true);
  });

  test('while there is none, joining is 503 and so is readyz', async () => {
    server.media.available = false;
    const answer = await server.request('POST', '/v1/rooms/tea/sessions', { body: { offer: clientOffer() } });
    expect([answer.status, answer.body['code'], answer.headers['retry-after']]).toEqual([
      503,
      'MEDIA_UNAVAILABLE',
      '1',
    ]);
    expect((await server.request('GET', '/readyz')).status).toBe(503);
    expect((await server.request('GET', '/healthz')).status).toBe(200);
  });
});

describe('H8.5 H8.6 things in the wrong order, and after the end', () => {
  test('before it is connected a session can be restarted, watched, replaced and ended', async () => {
    const ada = await server.join('tea', 'Ada');
    expect(
      (await server.request('POST', `${ada.path}/restart`, { body: { offer: clientOffer() } })).status,
    ).toBe(200);
    const ben = await server.join('tea', 'Ben', { replaces: ada.sessionId });
    expect((await server.request('DELETE', ben.path)).status).toBe(204);
    expect(server.media.sessions.every(({ closed }) => closed)).toBe(true);
  });

  test('after the end every use of the session is 404, and nothing that its transport says has an effect', async () => {
    const ada = await server.enter('tea', 'Ada');
    const ben = await server.enter('tea', 'Ben');
    const channel = ben.media.channels[0];
    await server.request('DELETE', ben.path);
    for (const [method, path, body] of [
      ['DELETE', '', undefined],
      ['POST', '/restart', { offer: clientOffer() }],
      ['GET', '/events', undefined],
    ] as const)
      expect((await server.request(method, ben.path + path, body ? { body } : {})).body['code']).toBe(
        'SESSION_NOT_FOUND',
      );
    const before = ada.media.log.length;
    channel?.receive({ request: { requestId: 1, sendMessage: { text: 'from beyond' } } });
    ben.media.connect().slots({ csrc: 7 });
    ben.media.events.lost('peer-closed');
    ben.media.open('tertulia');
    expect(ada.media.log).toHaveLength(before);
    expect(server.conference.rooms.find('tea')?.participants.size).toBe(1);
  });

  test('two first comers at once make one room of media; when that cannot be made, the next one tries anew', async () => {
    await Promise.all([server.join('tea', 'Ada'), server.join('tea', 'Ben'), server.join('tea', 'Cleo')]);
    expect(server.media.rooms).toHaveLength(1);
    server.media.failing = true;
    expect(
      (await server.request('POST', '/v1/rooms/milk/sessions', { body: { offer: clientOffer() } })).status,
    ).toBe(503);
    server.media.failing = false;
    await server.join('milk', 'Dora');
  });
});

describe('draining', () => {
  test('everybody is told, new ones are refused, all is closed after a second', async () => {
    const ada = await server.enter('tea', 'Ada');
    const meet = await server.postMeet('tea');
    expect(meet.status).toBe(200);
    const bot = server.media.last;
    bot.connect();
    for (const label of ['session-control', 'participants', 'media-entries']) bot.open(label);
    const drained = server.conference.drain(10_000);
    expect(
      (await server.request('POST', '/v1/rooms/tea/sessions', { body: { offer: clientOffer() } })).body[
        'code'
      ],
    ).toBe('DRAINING');
    expect((await server.request('GET', '/readyz')).body['code']).toBe('DRAINING');
    expect(ada.media.log.at(-1)?.message).toMatchObject({
      resources: [{ sessionStatus: { state: 'ended', reason: 'draining' } }],
    });
    expect(bot.log.at(-1)?.message).toMatchObject({
      resources: [
        {
          sessionStatus: {
            connectionState: 'STATE_DISCONNECTED',
            disconnectReason: 'REASON_SESSION_UNHEALTHY',
          },
        },
      ],
    });
    server.scheduler.advance(1_100);
    await drained;
    expect([ada.media.closed, bot.closed]).toEqual([true, true]);
  });
});
