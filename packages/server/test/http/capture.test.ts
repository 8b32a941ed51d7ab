/** `POST /v1/rooms/{room}/capture`: who may, for how long, what the file says, and how it ends. Media is the fake. */
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { CAPTURE_LIMITS, RoomCaptures } from '../../src/capture/roomCapture.js';
import { createLogger } from '../../src/logger.js';
import type { CapturedPacket } from '../../src/media/mediaPort.js';
import type { FakeCapture, FakeRoom } from '../support/fakeMedia.js';
import { interfacesOf, packetsOf, readBlocks, statisticsOf } from '../support/pcapng.js';
import { KEYS, TestServer, type Joined } from '../support/testServer.js';

const PATH = '/v1/rooms/tea/capture';
const RTP = Buffer.from('806f0001000000000000000154455354', 'hex');
const OPTION_COMMENT = 1;

let server: TestServer;
afterEach(() => server.close());

interface Running {
  capture: FakeCapture;
  room: FakeRoom;
  /** Time goes by; what was put into the capture is read. */
  pass(ms: number): Promise<void>;
  /** The whole file. */
  file: Promise<Buffer>;
}

async function start(query = ''): Promise<Running> {
  const room = server.media.rooms.at(-1)!;
  const before = room.captures.length;
  const answer = server.app.inject({ method: 'POST', url: `${PATH}${query}` });
  await vi.waitFor(() => expect(room.captures.length).toBe(before + 1));
  return {
    room,
    capture: room.captures.at(-1)!,
    file: answer.then(({ rawPayload }) => rawPayload),
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        // The file's reader waits for the clock by then.
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        server.scheduler.advance(50);
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const packet = (joined: Joined, more: Partial<CapturedPacket> = {}): CapturedPacket => ({
  sessionId: joined.media.id,
  direction: 'incoming',
  unixMicros: 1_700_000_000_123_456,
  local: { ip: '127.0.0.1', port: 40_000 },
  remote: { ip: '192.0.2.7', port: 5_004 },
  bytes: RTP,
  ...more,
});

test('a file names people and directions, and has what came and went with times and ends', async () => {
  server = await TestServer.start();
  const ada = await server.enter('tea', 'Ada');
  const ben = await server.enter('tea', 'Ben');
  const { capture, pass, file } = await start('?seconds=1');
  await pass(50);
  expect(capture.sessions.map(({ id }) => id)).toEqual([ada.media.id, ben.media.id]);
  capture.packets.push(
    packet(ada),
    packet(ben, { direction: 'outgoing', unixMicros: 1_700_000_000_200_000 }),
  );
  await pass(1_000);

  const blocks = readBlocks(await file);
  expect(blocks[0]?.type).toBe(0x0a0d0d0a);
  expect(String(blocks[0]?.options.get(OPTION_COMMENT))).toContain(`CSRC ${ada.media.sources[0]?.csrc} Ada`);
  expect(interfacesOf(blocks)).toEqual([`from Ada (${ada.participantId})`, `to Ben (${ben.participantId})`]);
  const [, first] = blocks;
  expect(String(first?.options.get(OPTION_COMMENT))).toBe('Payload types: 111 opus/48000');
  expect(packetsOf(blocks)).toEqual([
    {
      interface: 0,
      unixMicros: 1_700_000_000_123_456,
      direction: 'incoming',
      payload: RTP,
      from: '192.0.2.7:5004',
      to: '127.0.0.1:40000',
    },
    {
      interface: 1,
      unixMicros: 1_700_000_000_200_000,
      direction: 'outgoing',
      payload: RTP,
      from: '127.0.0.1:40000',
      to: '192.0.2.7:5004',
    },
  ]);
  expect(statisticsOf(blocks)).toMatchObject([
    { interface: 0, received: 1n, dropped: 0n, comment: expect.stringContaining('time') as string },
    { interface: 1, received: 1n, dropped: 0n },
  ]);
  expect(capture.closed).toBe(true);
});

test('who comes later is in it, who has another session has another interface, and losses are told', async () => {
  server = await TestServer.start();
  await server.enter('tea', 'Ada');
  const { capture, pass, file } = await start('?seconds=1');
  await pass(100);
  const ben = await server.enter('tea', 'Ben');
  await pass(50);
  expect(capture.sessions).toHaveLength(2);
  capture.packets.push(packet(ben));
  capture.losses.set(ben.media.id, { incoming: 7, outgoing: 0 });
  capture.lost = 4;
  await pass(1_000);
  expect(statisticsOf(readBlocks(await file))).toMatchObject([
    { received: 8n, dropped: 7n, comment: expect.stringContaining(' 4 more packets') as string },
  ]);
});

test('one participant only', async () => {
  server = await TestServer.start();
  const ada = await server.enter('tea', 'Ada');
  await server.enter('tea', 'Ben');
  const { capture, pass, file } = await start(`?seconds=60&participant=${ada.participantId}`);
  await pass(50);
  expect(capture.sessions.map(({ id }) => id)).toEqual([ada.media.id]);
  capture.packets.push(packet(ada));
  await pass(50);
  await server.request('DELETE', ada.path);
  await pass(100);
  expect(statisticsOf(readBlocks(await file))[0]?.comment).toContain('participant left');
});

describe('an end before its time', () => {
  test('with the room', async () => {
    server = await TestServer.start();
    const ada = await server.enter('tea', 'Ada');
    const { capture, pass, file } = await start('?seconds=60');
    await pass(50);
    capture.packets.push(packet(ada));
    await pass(50);
    await server.request('DELETE', ada.path);
    await pass(100);
    expect(statisticsOf(readBlocks(await file))[0]?.comment).toContain('room ended');
  });

  test('with the media process', async () => {
    server = await TestServer.start();
    const ada = await server.enter('tea', 'Ada');
    const { capture, pass, file } = await start('?seconds=60');
    await pass(50);
    capture.packets.push(packet(ada));
    await pass(50);
    capture.gone = true;
    await pass(100);
    expect(statisticsOf(readBlocks(await file))[0]?.comment).toContain('media process ended');
  });

  test('when as many bytes as may be are written; the rest is counted', async () => {
    server = await TestServer.start();
    const ada = await server.enter('tea', 'Ada');
    const limits = { ...CAPTURE_LIMITS, bytes: 10_000 };
    const captures = new RoomCaptures(server.scheduler, createLogger('silent'), '1.0', limits);
    const room = server.conference.liveRoom('tea');
    const { file } = await captures.start({ room, participantId: undefined, seconds: 60 });
    const [capture] = server.media.rooms[0]!.captures;
    capture!.packets = Array.from({ length: 30 }, () => packet(ada, { bytes: new Uint8Array(1_000) }));
    const chunks: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of file) chunks.push(chunk);
    })();
    await new Promise((resolve) => setImmediate(resolve));
    server.scheduler.advance(50);
    await reading;
    const whole = Buffer.concat(chunks);
    expect(whole.length).toBeLessThan(limits.bytes + 500);
    const [statistics] = statisticsOf(readBlocks(whole));
    expect(statistics?.comment).toContain('as many bytes as it may have');
    const written = packetsOf(readBlocks(whole)).length;
    expect(written).toBeGreaterThan(7);
    expect(statistics).toMatchObject({ received: 30n, dropped: BigInt(30 - written) });
  });

  test('when nobody reads any more: another may begin', async () => {
    server = await TestServer.start();
    await server.enter('tea', 'Ada');
    const url = await server.listen();
    const stop = new AbortController();
    const response = await fetch(`${url}${PATH}`, { method: 'POST', signal: stop.signal });
    expect(response.headers.get('content-type')).toBe('application/x-pcapng');
    const second = await fetch(`${url}${PATH}`, { method: 'POST' });
    expect(second.status).toBe(409);
    expect(await second.json()).toMatchObject({ code: 'CAPTURE_RUNNING' });
    stop.abort();
    const [capture] = server.media.rooms[0]!.captures;
    await vi.waitFor(() => expect(capture!.closed).toBe(true));
    const third = new AbortController();
    expect((await fetch(`${url}${PATH}`, { method: 'POST', signal: third.signal })).status).toBe(200);
    third.abort();
  });

  test('when the reader has gone before it began: another may begin', async () => {
    server = await TestServer.start();
    await server.enter('tea', 'Ada');
    const url = await server.listen();
    const room = server.media.rooms[0]!;
    let isGone = false;
    server.app.server.on('request', (_request, response: ServerResponse) =>
      response.once('close', () => (isGone = true)),
    );
    let isAsked = false;
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const create = room.createCapture.bind(room);
    room.createCapture = async () => {
      isAsked = true;
      await begun;
      return create();
    };
    const stop = new AbortController();
    const request = fetch(`${url}${PATH}`, { method: 'POST', signal: stop.signal }).catch(() => undefined);
    await vi.waitFor(() => expect(isAsked).toBe(true));
    stop.abort();
    await request;
    await vi.waitFor(() => expect(isGone).toBe(true));
    begin();
    await vi.waitFor(() => expect(room.captures[0]?.closed).toBe(true));
    const next = new AbortController();
    expect((await fetch(`${url}${PATH}`, { method: 'POST', signal: next.signal })).status).toBe(200);
    next.abort();
  });
});

describe('a refusal', () => {
  test.each([
    ['?seconds=0', 'QUERY_INVALID'],
    ['?seconds=61', 'QUERY_INVALID'],
    ['?seconds=1.5', 'QUERY_INVALID'],
    ['?second=5', 'QUERY_INVALID'],
    ['?participant=nobody', 'PARTICIPANT_NOT_FOUND'],
  ])('%s is %s', async (query, code) => {
    server = await TestServer.start();
    await server.enter('tea', 'Ada');
    expect((await server.request('POST', `${PATH}${query}`)).body['code']).toBe(code);
    expect((await server.request('GET', PATH)).status).toBe(405);
  });

  test('without the role admin, in another room, and where nobody is', async () => {
    server = await TestServer.start({}, KEYS);
    await server.join('tea', 'Ada', { token: await server.token() });
    const code = async (token?: string, path = PATH) =>
      (await server.request('POST', path, token === undefined ? {} : { token })).body['code'];
    expect(await code()).toBe('TOKEN_MISSING');
    const almost = { roles: ['join', 'publish', 'subscribe', 'moderate', 'record'] as const };
    expect(await code(await server.token(almost))).toBe('TOKEN_FORBIDDEN');
    expect(await code(await server.token({ roles: ['admin'], room: 'milk' }))).toBe('TOKEN_FORBIDDEN');
    const all = await server.token({ roles: ['admin'], room: '*' });
    expect(await code(all, '/v1/rooms/milk/capture')).toBe('ROOM_NOT_FOUND');
  });
});
