/** Recordings over HTTP, on the channel and by policy: the whole server but for media, processes and real time. */
import { afterEach, describe, expect, test } from 'vitest';
import { KEYS, TestServer, type Answer, type Joined } from '../support/testServer.js';
import { makeOffer } from '../support/offers.js';

let server: TestServer;
afterEach(() => server?.close());

const DIRECTORY = { recordings: '/var/calls' };
const start = async (config: object = DIRECTORY, keys?: typeof KEYS): Promise<void> => {
  server = await TestServer.start(config, keys);
};
/** Lets everything that waits for nothing but promises happen. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

/** Microphone and camera, screen and its sound, one voice, a channel. */
const OFFER = makeOffer([
  { kind: 'audio', direction: 'sendonly' },
  { kind: 'video', direction: 'sendonly' },
  { kind: 'audio', direction: 'sendonly' },
  { kind: 'video', direction: 'sendonly' },
  { kind: 'audio' },
  { kind: 'application' },
]);
let requestId = 1;
const say = (joined: Joined, payload: object): void =>
  joined.media.channels[0]?.receive({ request: { requestId: requestId++, ...payload } });
const enter = async (name: string, more: { token?: string; replaces?: string } = {}, room = 'tea') => {
  const joined = await server.join(room, name, { offer: OFFER, ...more });
  joined.media.connect().open('tertulia');
  await settle();
  return joined;
};
const turn = async (joined: Joined, source: string, on: boolean): Promise<void> => {
  say(joined, { setMuted: { source, muted: !on } });
  await settle();
};
const leave = async (joined: Joined): Promise<void> => {
  await server.request('DELETE', joined.path);
  await settle();
};
const post = (body?: unknown, room = 'tea', token?: string): Promise<Answer> =>
  server.request('POST', `/v1/rooms/${room}/recordings`, {
    ...(body === undefined ? {} : { body }),
    ...(token === undefined ? {} : { token }),
  });
const record = async (body?: unknown): Promise<string> => {
  const answer = await post(body);
  expect(answer.status).toBe(201);
  await settle();
  return String(answer.body['recordingId']);
};
const look = async (id: string): Promise<Record<string, unknown>> =>
  (await server.request('GET', `/v1/rooms/tea/recordings/${id}`)).body;
const stop = (id: string): Promise<Answer> => server.request('DELETE', `/v1/rooms/tea/recordings/${id}`);
const list = async (room = 'tea'): Promise<Record<string, unknown>[]> =>
  (await server.request('GET', `/v1/rooms/${room}/recordings`)).body['recordings'] as Record<
    string,
    unknown
  >[];
/** What a participant was told of recordings. */
const told = (joined: Joined): unknown[] =>
  joined.media.log.flatMap(({ message }) =>
    ((message['resources'] ?? []) as Record<string, unknown>[]).flatMap(({ recording }) => recording ?? []),
  );
const layout = (): string[] => server.recorders.recording.layout;

describe('one recording', () => {
  test('starts, follows the people, says how far it is, stops with its files', async () => {
    await start();
    const ada = await enter('Ada');
    const answer = await post();
    expect(answer).toMatchObject({
      status: 201,
      body: { mode: 'participants', state: 'recording', room: 'tea', startedBy: 'api', bytes: 0, files: [] },
    });
    const id = String(answer.body['recordingId']);
    expect(answer.headers['location']).toBe(`/v1/rooms/tea/recordings/${id}`);
    await settle();
    expect(server.recorders.directories).toEqual(['/var/calls']);
    expect(layout()).toEqual(['f1: microphone']);
    await turn(ada, 'camera', true);
    const ben = await enter('Ben');
    await turn(ben, 'screen', true);
    expect(layout()).toEqual(['f1: microphone camera', 'f2: microphone', 'f3: screen']);
    await turn(ben, 'screen', false);
    expect(layout()).toEqual(['f1: microphone camera', 'f2: microphone']);
    await leave(ben);
    expect(layout()).toEqual(['f1: microphone camera']);
    expect([...(server.media.taps[0]?.sending ?? [])]).toHaveLength(2);
    expect(server.recorders.recording.marks).toEqual([
      'joined',
      'on',
      'on',
      'joined',
      'on',
      'on',
      'off',
      'left',
    ]);

    server.recorders.last.progress(server.recorders.recording, 5_000);
    expect(await look(id)).toMatchObject({
      state: 'recording',
      bytes: 5_000,
      durationMs: 1_500,
      packets: 120,
      lost: 2,
      files: [{ name: '01.webm' }, {}, {}],
    });
    server.scheduler.advance(3_000);
    const stopped = await stop(id);
    expect(stopped).toMatchObject({
      status: 200,
      body: { state: 'ended', cause: 'stopped', bytes: 3_000, folder: `20260101T000000Z-${id}` },
    });
    expect(Number(stopped.body['endedAtMs']) - Number(stopped.body['startedAtMs'])).toBe(3_000);
    expect(server.media.taps[0]?.closed).toBe(true);
    expect(await stop(id)).toMatchObject({ status: 200, body: { cause: 'stopped' } });
    expect(await list()).toMatchObject([{ recordingId: id, state: 'ended' }]);
  });

  test('two starts are one recording, at once or one after the other; other modes and persons are others', async () => {
    await start();
    const ada = await enter('Ada');
    const [first, second] = await Promise.all([post({ mode: 'sources' }), post({ mode: 'sources' })]);
    expect([first.status, second.status].sort()).toEqual([200, 201]);
    const third = await post({ mode: 'sources' });
    expect(third.status).toBe(200);
    expect(new Set([first, second, third].map(({ body }) => body['recordingId'])).size).toBe(1);
    const one = await post({ mode: 'sources', participantId: ada.participantId });
    expect([one.status, (await post({ mode: 'room' })).status]).toEqual([201, 201]);
    expect((await post({ mode: 'sources', participantId: ada.participantId })).status).toBe(200);
    expect(server.recorders.all).toHaveLength(1);
    expect(server.recorders.last.recordings).toHaveLength(3);
  });

  test('after a stop the same mode is a new recording, also while files are being finished', async () => {
    await start();
    await enter('Ada');
    const id = await record();
    server.recorders.last.holding = [];
    const stopping = stop(id);
    await expect.poll(async () => (await look(id))['state']).toBe('stopping');
    const next = await record();
    expect(next).not.toBe(id);
    for (const go of server.recorders.last.holding ?? []) go();
    expect((await stopping).body).toMatchObject({ recordingId: id, state: 'ended' });
    expect(await look(next)).toMatchObject({ state: 'recording' });
  });

  test('of the room: slots of nobody, with the names of all sources', async () => {
    await start({ ...DIRECTORY, videoSlots: 2 });
    await enter('Ada');
    await record({ mode: 'room' });
    expect(server.media.taps[0]).toMatchObject({ slots: { audio: 3, video: 2 }, slotsStarted: true });
    expect(layout()).toEqual(['room: slot 0 slot 1 slot 2 slot 0 slot 1']);
    await enter('Ben');
    expect([...server.recorders.recording.names.values()]).toEqual(
      ['Ada', 'Ben'].flatMap((name) =>
        ['microphone', 'camera', 'screenSound', 'screen'].map((one) => `${name} ${one}`),
      ),
    );
  });

  test('of one person: ends when that one leaves', async () => {
    await start();
    const ada = await enter('Ada');
    await enter('Ben');
    const id = await record({ participantId: ada.participantId });
    expect(layout()).toEqual(['f1: microphone']);
    await leave(ada);
    expect(await look(id)).toMatchObject({ state: 'ended', cause: 'participant-left' });
  });

  test('of a person with another session: the same file; of all, when the media process died', async () => {
    await start();
    const ada = await enter('Ada');
    const id = await record();
    const again = await enter('Ada', { replaces: ada.sessionId });
    expect(again.participantId).toBe(ada.participantId);
    expect(layout()).toEqual(['f1: microphone']);
    expect(server.recorders.recording.files.size).toBe(1);
    server.media.die();
    await settle();
    expect(layout()).toEqual(['f1:']);
    await enter('Ada', { replaces: again.sessionId });
    expect(layout()).toEqual(['f1: microphone']);
    expect(server.recorders.recording.transports).toEqual(['tap-1', 'tap-2']);
    expect(await look(id)).toMatchObject({ state: 'recording' });
  });

  test('ends with the room, and is still shown then', async () => {
    await start();
    const ada = await enter('Ada');
    const id = await record();
    await leave(ada);
    expect(await look(id)).toMatchObject({ state: 'ended', cause: 'room-ended' });
  });
});

describe('failures end the recording, never the call', () => {
  test.each(['disk-full', 'write-failed'] as const)('%s: seen in API and metrics', async (cause) => {
    await start();
    const ada = await enter('Ada');
    const id = await record();
    server.recorders.last.fail(server.recorders.recording, cause, 'No space left on the disk.');
    expect(await look(id)).toMatchObject({ state: 'ended', cause, message: 'No space left on the disk.' });
    expect(server.media.taps[0]?.closed).toBe(true);
    expect(told(ada).at(-1)).toEqual({ on: false });
    expect(ada.media.closed).toBe(false);
    expect((await server.request('GET', '/metrics')).text).toContain(
      `tertulia_recordings_ended_total{mode="participants",cause="${cause}"} 1`,
    );
  });

  test('the recorder dies: its recordings say so, the next one has a new process', async () => {
    await start();
    await enter('Ada');
    const ids = [await record(), await record({ mode: 'room' })];
    server.recorders.last.die();
    for (const id of ids) expect(await look(id)).toMatchObject({ state: 'ended', cause: 'recorder-died' });
    await settle();
    expect(server.recorders.repaired.map((folder) => folder.slice(-14))).toEqual(ids);
    expect((await look(ids[0] ?? ''))['files']).toMatchObject([
      { name: '01.webm', bytes: 700, finished: true, displayName: 'Ada' },
    ]);
    await record();
    expect(server.recorders.all).toHaveLength(2);
  });

  test('one that does not start is a 503, and the next attempt may do better', async () => {
    await start();
    await enter('Ada');
    server.recorders.failing = true;
    expect(await post()).toMatchObject({ status: 503, body: { code: 'RECORDING_FAILED' } });
    server.recorders.failing = false;
    server.media.failing = true;
    expect(await post()).toMatchObject({ status: 503, body: { code: 'RECORDING_FAILED' } });
    server.media.failing = false;
    expect((await post()).status).toBe(201);
  });

  test('one whose disk hangs is a 503 after 15 s, not a request without end', async () => {
    await start();
    await enter('Ada');
    await stop(await record());
    server.recorders.last.hanging = true;
    const answer = post();
    await expect.poll(async () => (await list()).at(-1)?.['state']).toBe('starting');
    server.scheduler.advance(15_000);
    expect(await answer).toMatchObject({ status: 503, body: { code: 'RECORDING_FAILED' } });
    expect((await list()).at(-1)).toMatchObject({
      cause: 'start-failed',
      message: 'the recorder does not answer',
    });
  });

  test('the server stops: files are finished first', async () => {
    await start();
    const ada = await enter('Ada');
    const id = await record();
    const stopping = server.server.stop(10);
    await settle();
    server.scheduler.advance(2_000);
    await stopping;
    expect(server.recorders.recording.stopped).toBe(true);
    expect(server.recorders.last.closed).toBe(true);
    expect(server.server.recordings.get('tea', id).cause).toBe('draining');
    expect(ada.media.closed).toBe(true);
  });

  test('a recorder that does not finish holds up nobody for ever', async () => {
    await start();
    await enter('Ada');
    await record();
    server.recorders.last.holding = [];
    const stopping = server.server.stop(10);
    await settle();
    server.scheduler.advance(31_000);
    await stopping;
    expect(server.recorders.last.closed).toBe(true);
  });
});

describe('recorders', () => {
  test('are there from the start, one for each media process, and are used', async () => {
    await start();
    await server.server.recordings.prepare(2);
    expect(server.recorders.all).toHaveLength(2);
    await enter('Ada');
    await record();
    expect(server.recorders.all).toHaveLength(2);
  });

  test('that do not start are a reason not to start; without a directory there are none', async () => {
    await start();
    server.recorders.failing = true;
    await expect(server.server.recordings.prepare(1)).rejects.toThrow(
      /Nothing can be recorded: it does not start/,
    );
    await server.close();
    await start({});
    await server.server.recordings.prepare(1);
    expect(server.recorders.all).toHaveLength(0);
  });
});

describe('who may, and what is refused', () => {
  const token = (...roles: ('record' | 'admin' | 'moderate' | 'join' | 'publish')[]): Promise<string> =>
    server.token({ roles, identity: 'somebody' });

  test('the roles record and admin, in their room', async () => {
    await start(DIRECTORY, KEYS);
    await server.enter('tea', 'Ada', { token: await token('join', 'publish') });
    expect((await post()).body['code']).toBe('TOKEN_MISSING');
    for (const refused of [await token('moderate'), await server.token({ roles: ['admin'], room: 'milk' })])
      expect(await post({}, 'tea', refused)).toMatchObject({
        status: 403,
        body: { code: 'TOKEN_FORBIDDEN' },
      });
    const { body, status } = await post({}, 'tea', await token('record'));
    expect(status).toBe(201);
    const path = `/v1/rooms/tea/recordings/${String(body['recordingId'])}`;
    const moderator = await token('moderate');
    for (const [method, url] of [
      ['GET', '/v1/rooms/tea/recordings'],
      ['GET', path],
      ['DELETE', path],
    ] as const) {
      expect((await server.request(method, url, { token: moderator })).status).toBe(403);
      expect((await server.request(method, url, { token: await token('admin') })).status).toBe(200);
    }
  });

  test('a server without a directory', async () => {
    await start({});
    await enter('Ada');
    expect(await post()).toMatchObject({
      status: 409,
      headers: { 'content-type': expect.stringMatching(/^application\/problem\+json/) as string },
      body: { code: 'RECORDING_OFF' },
    });
    expect(await list()).toEqual([]);
  });

  test.each<[string, unknown, number, string]>([
    ['no JSON', 'mode=room', 400, 'BODY_NOT_JSON'],
    ['an unknown mode', { mode: 'mp4' }, 400, 'BODY_INVALID'],
    ['an unknown key', { path: '/etc' }, 400, 'BODY_INVALID'],
    ['one person and the room', { mode: 'room', participantId: 'p_x' }, 400, 'BODY_INVALID'],
    ['a person who is not there', { participantId: 'p_x' }, 404, 'PARTICIPANT_NOT_FOUND'],
    ['a person that is a path', { participantId: '../../etc' }, 404, 'PARTICIPANT_NOT_FOUND'],
    ['a person that is no text', { participantId: 7 }, 400, 'BODY_INVALID'],
    ['forbidden keys', '{"__proto__":{"mode":"room"}}', 400, 'BODY_NOT_JSON'],
  ])('%s', async (_name, body, status, code) => {
    await start();
    await enter('Ada');
    expect(await post(body)).toMatchObject({ status, body: { code } });
    expect(server.recorders.all).toHaveLength(0);
  });

  test('rooms that are empty, paths, or another one', async () => {
    await start();
    await enter('Ada');
    const id = await record();
    expect((await post({}, 'milk')).body['code']).toBe('ROOM_NOT_FOUND');
    expect((await post({}, '..%2F..%2Fetc')).body['code']).toBe('ROOM_NAME_INVALID');
    for (const path of [
      `/v1/rooms/milk/recordings/${id}`,
      '/v1/rooms/tea/recordings/..%2Fx',
      '/v1/rooms/tea/recordings/r_x',
    ])
      for (const method of ['GET', 'DELETE'])
        expect((await server.request(method, path)).body['code']).toBe('RECORDING_NOT_FOUND');
  });

  test('names of rooms and people reach the recorder as data only', async () => {
    await start();
    await enter('../../../etc/passwd');
    const { body } = await post();
    await settle();
    expect(String(body['recordingId'])).toMatch(/^r_[\w-]{12}$/);
    expect([...server.recorders.recording.files.keys()]).toEqual(['f1']);
    expect(server.recorders.recording.files.get('f1')?.displayName).toBe('../../../etc/passwd');
  });

  test('no more than eight at once in a room', async () => {
    await start();
    const people = [];
    for (let count = 0; count < 9; count++) people.push(await enter(`Person ${count}`));
    const statuses = [];
    for (const { participantId } of people) statuses.push((await post({ participantId })).status);
    expect(statuses).toEqual([201, 201, 201, 201, 201, 201, 201, 201, 409]);
    expect((await post()).body['code']).toBe('TOO_MANY_RECORDINGS');
  });
});

describe('participants are told', () => {
  test('when it begins and ends, and who joins in between at once', async () => {
    await start();
    const ada = await enter('Ada');
    expect(told(ada)).toEqual([]);
    const sinceMs = server.scheduler.nowMs();
    const first = await record({ mode: 'room' });
    const ben = await enter('Ben');
    const on = { on: true, sinceMs, mode: 'room' };
    expect([told(ada), told(ben)]).toEqual([[on], [on]]);
    // With the session itself, so that no moment is without it.
    expect(ben.media.log[0]?.message['resources']).toMatchObject([
      { session: {} },
      { recording: { on: true } },
    ]);
    server.scheduler.advance(1_000);
    const second = await record();
    await stop(first);
    await settle();
    expect(told(ada).at(-1)).toEqual({ on: true, sinceMs: sinceMs + 1_000, mode: 'participants' });
    await stop(second);
    expect(told(ada).at(-1)).toEqual({ on: false });
    expect(told(await enter('Cleo'))).toEqual([]);
  });

  test('before anything of theirs is sent to the recorder', async () => {
    await start();
    const ada = await enter('Ada');
    const { status } = await post();
    expect(status).toBe(201);
    const tap = server.media.taps[0];
    expect(told(ada)).toHaveLength(1);
    await expect.poll(() => tap?.sending.size).toBe(1);
  });

  test('files being finished are no recording any more', async () => {
    await start();
    const ada = await enter('Ada');
    const id = await record();
    server.recorders.last.holding = [];
    const stopping = stop(id);
    await settle();
    await expect.poll(() => told(ada).at(-1)).toEqual({ on: false });
    for (const go of server.recorders.last.holding ?? []) go();
    await stopping;
  });
});

describe('on the channel', () => {
  const answers = (joined: Joined): unknown[] =>
    joined.media.log.flatMap(({ message }) => {
      const response = message['response'] as { status: { code: number }; setRecording?: object } | undefined;
      return response && 'setRecording' in response ? [response.status.code] : [];
    });
  const canRecord = (joined: Joined): unknown => {
    const [first] = (joined.media.log[0]?.message['resources'] ?? []) as {
      session: { canRecord: boolean };
    }[];
    return first?.session.canRecord;
  };

  test('who has the right starts and stops', async () => {
    await start();
    const ada = await enter('Ada');
    expect(canRecord(ada)).toBe(true);
    say(ada, { setRecording: { on: true, mode: 'room' } });
    await settle();
    say(ada, { setRecording: { on: true, mode: 'room' } });
    await settle();
    expect(answers(ada)).toEqual([0, 0]);
    expect(await list()).toMatchObject([{ startedBy: 'participant', mode: 'room', state: 'recording' }]);
    say(ada, { setRecording: { on: false } });
    await settle();
    expect(answers(ada)).toEqual([0, 0, 0]);
    expect(await list()).toMatchObject([{ state: 'ended', cause: 'stopped' }]);
  });

  test('on, off and on again, faster than a recorder starts: it records', async () => {
    await start();
    const ada = await enter('Ada');
    for (const on of [true, false, true]) say(ada, { setRecording: { on } });
    await settle();
    await expect.poll(async () => (await list()).map(({ state }) => state)).toEqual(['ended', 'recording']);
    expect(told(ada).at(-1)).toMatchObject({ on: true });
  });

  test('others may not; wrong requests are refused; a failure is answered', async () => {
    await start(DIRECTORY, KEYS);
    const token = await server.token();
    const ada = await enter('Ada', { token });
    expect(canRecord(ada)).toBe(false);
    say(ada, { setRecording: { on: true } });
    const ben = await enter('Ben', { token: await server.token({ roles: ['join', 'publish', 'record'] }) });
    expect(canRecord(ben)).toBe(true);
    for (const wrong of [{}, { on: 'yes' }, { on: true, mode: 'mp4' }, null])
      say(ben, { setRecording: wrong });
    server.recorders.failing = true;
    say(ben, { setRecording: { on: true } });
    await settle();
    expect([answers(ada), answers(ben)]).toEqual([[7], [3, 3, 3, 3, 9]]);
  });
});

describe('the policy of a room', () => {
  const policy = (recordRooms: unknown, more: object = {}): Promise<void> =>
    start({ ...DIRECTORY, recordRooms, ...more });

  test.each<[string, unknown, string, number]>([
    ['always', 'always', 'tea', 1],
    ['never', 'never', 'tea', 0],
    ['listed', 'milk,tea', 'tea', 1],
    ['not listed', ['milk'], 'tea', 0],
    ['listed by its other name', ['jQCFfuBOdN5z'], 'abc-mnop-xyz', 1],
    ['listed by its code', ['abc-mnop-xyz'], 'jQCFfuBOdN5z', 1],
  ])('%s', async (_name, recordRooms, room, count) => {
    await policy(recordRooms, {
      rooms: [{ code: 'abc-mnop-xyz', id: 'jQCFfuBOdN5z' }],
      recordMode: 'sources',
    });
    await enter('Ada', {}, room);
    await enter('Ben', {}, room);
    const found = await list(room);
    expect(found).toHaveLength(count);
    if (count > 0)
      expect(found).toMatchObject([{ startedBy: 'policy', mode: 'sources', state: 'recording' }]);
  });

  test('from the first who is connected to the last who leaves, each time', async () => {
    await policy('always');
    const waiting = await server.join('tea', 'Ada', { offer: OFFER });
    await settle();
    expect(await list()).toEqual([]);
    waiting.media.connect();
    await settle();
    expect(await list()).toMatchObject([{ state: 'recording' }]);
    await leave(waiting);
    await enter('Ada');
    expect(await list()).toMatchObject([{ cause: 'room-ended' }, { state: 'recording' }]);
  });

  test('a stop by hand is the last word; a death of the recorder is not', async () => {
    await policy('always');
    await enter('Ada');
    server.recorders.last.die();
    await settle();
    expect(await list()).toMatchObject([{ cause: 'recorder-died' }]);
    server.scheduler.advance(500);
    await settle();
    const [, second] = await list();
    expect(second).toMatchObject({ state: 'recording', startedBy: 'policy' });
    await stop(String(second?.['recordingId']));
    server.scheduler.advance(100_000);
    await enter('Ben');
    expect(await list()).toHaveLength(2);
  });

  test('a full disk: tried again when somebody joins', async () => {
    await policy('always');
    await enter('Ada');
    server.recorders.last.fail(server.recorders.recording, 'disk-full', 'No space.');
    server.scheduler.advance(100_000);
    await settle();
    expect(await list()).toHaveLength(1);
    await enter('Ben');
    expect(await list()).toMatchObject([{ cause: 'disk-full' }, { state: 'recording' }]);
  });
});
