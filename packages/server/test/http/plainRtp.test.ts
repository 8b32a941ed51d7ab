/** RTP outputs and inputs: who may, what bodies are refused, what a program is told, when key frames are asked for, what ends them. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LIMITS } from '../../src/limits.js';
import type { FakeRoom, FakeRtpInput, FakeRtpOutput } from '../support/fakeMedia.js';
import { KEYS, TestServer, type Answer } from '../support/testServer.js';

const OUTPUTS = '/v1/rooms/tea/rtp-outputs';
const INPUTS = '/v1/rooms/tea/rtp-inputs';
const PORTS = { audioPort: 5_004, videoPort: 5_006 };

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

const post = (path: string, body?: unknown): Promise<Answer> =>
  server.request('POST', path, body === undefined ? {} : { body });
const room = (): FakeRoom => server.media.rooms.at(-1)!;
const lastOutput = (): FakeRtpOutput => room().outputs.at(-1)!;
const participants = async (): Promise<unknown> =>
  (await server.request('GET', '/v1/rooms/tea/participants')).body['participants'];

describe('outputs', () => {
  test('the answer is the SDP file, and where it goes', async () => {
    await server.enter('tea', 'Ada');
    const { status, headers, body } = await post(OUTPUTS, { ...PORTS, ip: '192.0.2.9' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`${OUTPUTS}/${String(body['outputId'])}`);
    expect(body).toMatchObject({
      room: 'tea',
      ip: '192.0.2.9',
      audio: { port: 5_004, rtcpPort: 5_005, payloadType: 111, codec: 'opus/48000' },
      video: { port: 5_006, rtcpPort: 5_007, payloadType: 96, codec: 'vp8/90000' },
      bytes: 1_234,
    });
    expect(String(body['sdp']).split('\r\n')).toEqual([
      'v=0',
      'o=- 1700000000000 1 IN IP4 127.0.0.1',
      's=tea',
      'c=IN IP4 192.0.2.9',
      't=0 0',
      'm=audio 5004 RTP/AVP 111',
      'a=rtpmap:111 opus/48000/2',
      'a=rtcp:5005',
      'a=ssrc:4000000111 cname:fake',
      'a=sendonly',
      'm=video 5006 RTP/AVP 96',
      'a=rtpmap:96 VP8/90000',
      'a=rtcp:5007',
      'a=ssrc:4000000096 cname:fake',
      'a=sendonly',
      '',
    ]);
    expect((await server.request('GET', OUTPUTS)).body['outputs']).toMatchObject([
      { outputId: body['outputId'] },
    ]);
  });

  test('the codec of pictures is what cameras there have, or what is asked for', async () => {
    await server.enter('tea', 'Ada');
    await post(OUTPUTS, PORTS);
    expect(lastOutput().request.videoCodec).toBe('vp8');
    const { body } = await post(OUTPUTS, { ...PORTS, videoCodec: 'h264' });
    expect(lastOutput().request.videoCodec).toBe('h264');
    expect(body['sdp']).toContain('H264/90000');
  });

  test('one participant: its stage, by id; nobody else', async () => {
    const ada = await server.enter('tea', 'Ada');
    const { status } = await post(OUTPUTS, { ...PORTS, participantId: ada.participantId });
    expect(status).toBe(201);
    expect(lastOutput().request.stage).toBe(room().stages[0]);
    await vi.waitFor(() => expect(room().stages[0]!.now).toBe(ada.media));
    expect((await post(OUTPUTS, { ...PORTS, participantId: 'p_nobody' })).body).toMatchObject({
      code: 'PARTICIPANT_NOT_FOUND',
    });
  });

  test('key frames: at once, every 2 s for 20 s, then every 10 s; no more after its end', async () => {
    await server.enter('tea', 'Ada');
    const { body } = await post(OUTPUTS, PORTS);
    const output = lastOutput();
    expect(output.keyFrameRequests).toBe(1);
    server.scheduler.advance(19_900);
    expect(output.keyFrameRequests).toBe(10);
    server.scheduler.advance(40_000);
    expect(output.keyFrameRequests).toBe(14);
    expect((await server.request('DELETE', `${OUTPUTS}/${String(body['outputId'])}`)).status).toBe(204);
    expect(output.closed).toBe(true);
    server.scheduler.advance(60_000);
    expect(output.keyFrameRequests).toBe(14);
  });

  test('key frames only at first, when so told; none without pictures', async () => {
    await server.enter('tea', 'Ada');
    await post(OUTPUTS, { ...PORTS, keyFrameSeconds: 0 });
    server.scheduler.advance(600_000);
    expect(lastOutput().keyFrameRequests).toBe(11);
    await post(OUTPUTS, { audioPort: 5_004 });
    server.scheduler.advance(20_000);
    expect(lastOutput().keyFrameRequests).toBe(0);
  });

  test('it ends with the room', async () => {
    const ada = await server.enter('tea', 'Ada');
    await post(OUTPUTS, PORTS);
    const output = lastOutput();
    await server.request('DELETE', ada.path);
    expect((await server.request('GET', OUTPUTS)).body['outputs']).toEqual([]);
    expect(output.closed).toBe(true);
    expect((await post(OUTPUTS, PORTS)).body).toMatchObject({ code: 'ROOM_NOT_FOUND' });
  });

  test('it ends with the media process', async () => {
    await server.enter('tea', 'Ada');
    const { body } = await post(OUTPUTS, PORTS);
    server.media.die();
    expect((await server.request('GET', `${OUTPUTS}/${String(body['outputId'])}`)).body).toMatchObject({
      code: 'RTP_NOT_FOUND',
    });
  });

  test('media that cannot be had', async () => {
    await server.enter('tea', 'Ada');
    server.media.failing = true;
    expect((await post(OUTPUTS, PORTS)).body).toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
  });

  test.each([
    '127.0.0.1',
    '223.255.255.255',
    '10.0.0.1',
    '::1',
    '0:0:0:0:0:0:0:1',
    'fe80::1',
    '2001:db8::ffff:1',
  ])('taken: the address %s', async (ip) => {
    await server.enter('tea', 'Ada');
    expect(await post(OUTPUTS, { ...PORTS, ip })).toMatchObject({ status: 201, body: { ip } });
  });

  test.each([
    ['no port', {}],
    ['an unknown field', { ...PORTS, host: 'x' }],
    ['a name for an address', { ...PORTS, ip: 'localhost' }],
    ...[
      ...['0.0.0.0', '0.0.0.1', '::', '0:0:0:0:0:0:0:0', '0000::0', '::0.0.0.0'],
      ...['224.0.0.1', '239.1.2.3', '255.255.255.255', 'ff02::1', 'FF0E:0:0:0:0:0:0:1'],
      ...['::ffff:10.0.0.1', '::FFFF:0.0.0.0', '0:0:0:0:0:ffff:a00:1', '0:0:0:0:0:FFFF:10.0.0.1'],
    ].map((ip): [string, object] => [`the address ${ip}`, { ...PORTS, ip }]),
    ['a port of root', { audioPort: 53 }],
    ['no room for RTCP', { videoPort: 65_535 }],
    ['ports on each other', { audioPort: 5_004, videoPort: 5_005 }],
    ['half a port', { audioPort: 5_004.5 }],
    ['a codec that is none', { ...PORTS, videoCodec: 'mpeg2' }],
    ['key frames all the time', { ...PORTS, keyFrameSeconds: -1 }],
    ['a list', [PORTS]],
  ])('refused: %s', async (_name, body) => {
    await server.enter('tea', 'Ada');
    expect(await post(OUTPUTS, body)).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } });
    expect(room().outputs).toEqual([]);
  });

  test('whatever the body: an answer, never a crash', async () => {
    await server.enter('tea', 'Ada');
    const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.ipV4(), fc.ipV6(), fc.constant('vp8'));
    const body = fc.record(
      {
        ip: value,
        audioPort: value,
        videoPort: value,
        videoCodec: value,
        participantId: value,
        keyFrameSeconds: value,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, fc.jsonValue()), async (anything) => {
        for (const path of [OUTPUTS, INPUTS]) {
          const answer = await post(path, anything);
          expect([201, 400, 404, 409]).toContain(answer.status);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('inputs', () => {
  test('ports and numbers are told; the others see the participant from its first packet on', async () => {
    const { status, headers, body } = await post(INPUTS, { displayName: 'Studio' });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    expect(body).toMatchObject({
      room: 'tea',
      displayName: 'Studio',
      connected: false,
      ip: '127.0.0.1',
      audio: { port: 20_000, rtcpPort: 20_001, payloadType: 111, codec: 'opus/48000' },
      video: { port: 20_002, rtcpPort: 20_003, payloadType: 96, codec: 'VP8/90000' },
    });
    // FFmpeg reads it as a signed number.
    expect((body['audio'] as { ssrc: number }).ssrc).toBeLessThan(2 ** 31);
    const input = server.media.last as FakeRtpInput;
    expect([...input.paused.values()]).toEqual([true, true]);
    input.connect();
    expect([...input.paused.values()]).toEqual([false, false]);
    expect(await participants()).toMatchObject([
      { displayName: 'Studio', connected: true, cameraOn: true, audioMuted: false },
    ]);
    const own = `${INPUTS}/${String(body['inputId'])}`;
    expect((await server.request('GET', own)).body).toMatchObject({ connected: true });
  });

  test('keys are told once', async () => {
    const { body } = await post(INPUTS, { remote: true, video: false });
    expect(body).toMatchObject({
      audio: { srtp: { cryptoSuite: 'AES_CM_128_HMAC_SHA1_80', keyBase64: 'c2VjcmV0' } },
    });
    expect(body['video']).toBeUndefined();
    for (const path of [INPUTS, `${INPUTS}/${String(body['inputId'])}`])
      expect((await server.request('GET', path)).text).not.toContain('c2VjcmV0');
  });

  test('nobody begins to send: it ends after five minutes, and the room with it', async () => {
    await post(INPUTS, {});
    server.scheduler.advance(LIMITS.rtpInputStartMs);
    expect(server.media.last.closed).toBe(true);
    expect((await server.request('GET', INPUTS)).body['inputs']).toEqual([]);
    expect((await server.request('GET', '/v1/rooms/tea')).body).toMatchObject({ code: 'ROOM_NOT_FOUND' });
  });

  test.each([
    ['packets stop', () => server.media.last.events.lost('peer-closed')],
    ['the media process dies', () => server.media.die()],
    [
      'it is deleted',
      async () => {
        const [{ inputId }] = (await server.request('GET', INPUTS)).body['inputs'] as [{ inputId: string }];
        expect((await server.request('DELETE', `${INPUTS}/${inputId}`)).status).toBe(204);
        expect((await server.request('DELETE', `${INPUTS}/${inputId}`)).status).toBe(404);
      },
    ],
    [
      'a moderator removes the participant',
      async () => {
        const [, studio] = (await participants()) as { participantId: string }[];
        await server.request('DELETE', `/v1/rooms/tea/participants/${studio?.participantId}`);
      },
    ],
    ['the server stops', () => void server.conference.drain(0)],
  ])('it ends when %s', async (_name, end) => {
    await server.enter('tea', 'Ada');
    await post(INPUTS, { displayName: 'Studio' });
    const input = server.media.last.connect();
    await end();
    server.scheduler.advance(5_000);
    expect(input.closed).toBe(true);
    expect((await server.request('GET', INPUTS)).body['inputs']).toEqual([]);
    expect(JSON.stringify((await participants()) ?? [])).not.toContain('Studio');
  });

  test.each([
    ['neither sound nor pictures', { audio: false, video: false }],
    ['an unknown field', { name: 'Studio' }],
    ['a codec that is none', { videoCodec: 'VP8' }],
    ['ports beyond the last', { port: 65_533 }],
    ['a port of root', { port: 80 }],
    ['a name without end', { displayName: 'x'.repeat(5_000) }],
  ])('refused: %s', async (_name, body) => {
    expect(await post(INPUTS, body)).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } });
    expect(server.media.sessions).toEqual([]);
  });

  test('ports that were asked for, and that somebody else has', async () => {
    expect((await post(INPUTS, { port: 6_000 })).body).toMatchObject({
      audio: { port: 6_000, rtcpPort: 6_001 },
      video: { port: 6_002, rtcpPort: 6_003 },
    });
    expect(await post(INPUTS, { port: 6_000 })).toMatchObject({
      status: 409,
      body: { code: 'RTP_PORT_IN_USE' },
    });
    expect(await participants()).toHaveLength(1);
  });

  test('media that cannot be had leaves nobody behind', async () => {
    await server.enter('tea', 'Ada');
    server.media.failing = true;
    expect((await post(INPUTS, {})).body).toMatchObject({ code: 'MEDIA_UNAVAILABLE' });
    expect(await participants()).toHaveLength(1);
  });
});

test('a body that a page of strangers could send without asking is refused', async () => {
  await server.enter('tea', 'Ada');
  for (const path of [OUTPUTS, INPUTS])
    expect(
      await server.request('POST', path, { body: PORTS, headers: { 'content-type': 'text/plain' } }),
    ).toMatchObject({ status: 415, body: { code: 'MEDIA_TYPE_UNSUPPORTED' } });
  expect(room().outputs).toEqual([]);
});

test('outputs and inputs together have a limit', async () => {
  await server.enter('tea', 'Ada');
  for (let count = 0; count < LIMITS.rtpPerRoom; count++)
    expect((await post(count % 2 === 0 ? OUTPUTS : INPUTS, count % 2 === 0 ? PORTS : {})).status).toBe(201);
  for (const path of [OUTPUTS, INPUTS])
    expect((await post(path, path === OUTPUTS ? PORTS : {})).body).toMatchObject({ code: 'TOO_MANY_RTP' });
  const [{ inputId }] = (await server.request('GET', INPUTS)).body['inputs'] as [{ inputId: string }];
  await server.request('DELETE', `${INPUTS}/${inputId}`);
  expect((await post(OUTPUTS, PORTS)).status).toBe(201);
});

test('all of it needs the right "admin"', async () => {
  await server.close();
  server = await TestServer.start({}, KEYS);
  const token = await server.token({ room: 'tea', roles: ['moderate', 'record', 'publish'] });
  for (const [method, path] of [
    ['POST', OUTPUTS],
    ['GET', OUTPUTS],
    ['GET', `${OUTPUTS}/x`],
    ['DELETE', `${OUTPUTS}/x`],
    ['POST', INPUTS],
    ['GET', INPUTS],
    ['GET', `${INPUTS}/x`],
    ['DELETE', `${INPUTS}/x`],
  ] as const) {
    expect((await server.request(method, path, { token })).body).toMatchObject({ code: 'TOKEN_FORBIDDEN' });
    expect((await server.request(method, path)).body).toMatchObject({ code: 'TOKEN_MISSING' });
  }
  const admin = await server.token({ room: 'tea', roles: ['admin'] });
  expect((await server.request('POST', INPUTS, { token: admin, body: {} })).status).toBe(201);
});
