/** A whole call over a fake platform: virtual time, fake peer connections, a server of a few lines. */
import { describe, expect, test } from 'vitest';
import type { Call } from '../src/call.js';
import { CallError } from '../src/errors.js';
import { joinOn, type JoinOptions } from '../src/join.js';
import { FakePlatform, FakeTrack, denied, settle } from './fakePlatform.js';

async function joined(
  platform = new FakePlatform(),
  options: Partial<JoinOptions> = {},
): Promise<{ platform: FakePlatform; call: Call; log: string[] }> {
  const call = await joinOn(platform, { url: 'https://x.test', room: 'room', displayName: 'Me', ...options });
  const log: string[] = [];
  call.on('state', (state) => log.push(`${platform.now - 1_000} ${state}`));
  call.on('ended', (reason, error) => log.push(`ended ${reason}${error ? ` ${error.code}` : ''}`));
  call.on('participants', (_, { joined, left }) => {
    for (const { displayName } of joined) log.push(`+${displayName}`);
    for (const { displayName } of left) log.push(`-${displayName}`);
  });
  return { platform, call, log };
}
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof CallError ? error.code : String(error)),
  );

describe('join', () => {
  test('one request with offer, name and token; people and slots are there when it resolves', async () => {
    const { platform, call } = await joined(new FakePlatform(), { token: 'jwt', room: 'tea~room' });
    expect(platform.calls).toMatchObject([
      {
        method: 'POST',
        path: '/v1/rooms/tea~room/sessions',
        body: { offer: 'offer', displayName: 'Me' },
        authorization: 'Bearer jwt',
      },
    ]);
    expect(call.state).toBe('connected');
    expect(call.participantId).toBe('p_me');
    expect(call.participants.map(({ displayName, self }) => [displayName, self])).toEqual([
      ['Ada', false],
      ['Me', true],
    ]);
    expect(call.audioSlots).toHaveLength(3);
    expect(platform.played).toHaveLength(1);
    expect(platform.events[0]?.url).toBe('https://x.test/v1/rooms/tea~room/sessions/s1/events');
  });

  test('speech settings by default; a caller’s constraints win', async () => {
    const { platform } = await joined(new FakePlatform(), { audio: { echoCancellation: false } });
    expect(platform.microphones[0]?.constraints).toMatchObject({
      echoCancellation: false,
      noiseSuppression: true,
    });
  });

  test.each([
    [403, 'TOKEN_FORBIDDEN'],
    [409, 'ROOM_FULL'],
    [503, 'DRAINING'],
  ])('the server’s refusal %i %s is passed on and the microphone let go', async (status, code) => {
    const platform = new FakePlatform();
    platform.onCreate = () => ({
      status,
      body: { type: 'about:blank', title: code, status, code, detail: 'no' },
    });
    expect(await codeOf(joined(platform))).toBe(code);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
    expect(platform.peer.closed).toBe(true);
    expect(platform.timers.size).toBe(0);
  });

  test('no server: SERVER_UNREACHABLE; a proxy’s page likewise', async () => {
    const platform = new FakePlatform();
    platform.onCreate = () => 'unreachable';
    expect(await codeOf(joined(platform))).toBe('SERVER_UNREACHABLE');
    const proxied = new FakePlatform();
    proxied.fetch = async () => new Response('<h1>Bad gateway</h1>', { status: 502 });
    expect(await codeOf(joined(proxied))).toBe('SERVER_UNREACHABLE');
  });

  test('a microphone that is refused stops it before anything is sent', async () => {
    const platform = new FakePlatform();
    platform.microphoneProblem = denied();
    expect(await codeOf(joined(platform))).toBe('MICROPHONE_DENIED');
    expect(platform.calls).toEqual([]);
  });

  test('no media path: CONNECTION_FAILED after 15 s, and the session is ended on the server', async () => {
    const platform = new FakePlatform();
    platform.mediaWorks = false;
    const code = codeOf(joined(platform));
    await platform.advance(14_900);
    expect(platform.requests('DELETE', '/s1')).toHaveLength(0);
    await platform.advance(200);
    expect(await code).toBe('CONNECTION_FAILED');
    expect(platform.requests('DELETE', '/s1')).toHaveLength(1);
  });

  test('slots must be a number that makes sense', async () => {
    await expect(joined(new FakePlatform(), { audioSlots: 17 })).rejects.toThrow(TypeError);
  });
});

describe('mute', () => {
  test('is heard at once, told to the server, and survives a change of microphone', async () => {
    const { platform, call } = await joined();
    call.mute();
    await settle();
    expect(platform.microphones[0]?.track.enabled).toBe(false);
    expect(platform.peer.sent.at(-1)).toMatchObject({ setMuted: { source: 'microphone', muted: true } });
    await call.setMicrophone('other');
    expect(platform.microphones[1]).toMatchObject({ constraints: { deviceId: { exact: 'other' } } });
    expect(platform.microphones[1]?.track.enabled).toBe(false);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
    expect(platform.peer.microphone).toBe(platform.microphones[1]?.track.asTrack());
    expect(call.microphoneLevel).toBe(0);
    await call.unmute();
    expect(platform.microphones[1]?.track.enabled).toBe(true);
    expect(call.microphoneLevel).toBe(0.25);
  });

  test('of two choices of a microphone the second counts, whichever device opens first', async () => {
    const { platform, call } = await joined();
    const opening: ((track: FakeTrack) => void)[] = [];
    platform.openMicrophone = () =>
      new Promise((resolve) => opening.push((track) => resolve(track.asTrack())));
    const [first, second] = [new FakeTrack('first'), new FakeTrack('second')];
    const both = Promise.all([call.setMicrophone('first'), call.setMicrophone('second')]);
    opening[1]?.(second);
    await settle();
    opening[0]?.(first);
    await both;
    expect(call.microphoneTrack).toBe(second.asTrack());
    expect(platform.peer.microphone).toBe(second.asTrack());
    expect([first.stopped, second.stopped]).toEqual([true, false]);
  });

  test('a call that ends while the browser asks for the microphone leaves none open', async () => {
    const { platform, call } = await joined(new FakePlatform(), { audio: false });
    const track = new FakeTrack('late');
    let give = (): void => {};
    platform.openMicrophone = () => new Promise((resolve) => (give = () => resolve(track.asTrack())));
    const unmuting = call.unmute();
    await call.leave();
    give();
    expect(await codeOf(unmuting)).toBe('resolved');
    expect([track.stopped, call.muted]).toEqual([true, true]);
  });

  test('joined muted: the server knows before anybody could hear something', async () => {
    const { platform, call } = await joined(new FakePlatform(), { muted: true });
    expect(call.muted).toBe(true);
    expect(platform.microphones[0]?.track.enabled).toBe(false);
    expect(platform.peer.sent[0]).toMatchObject({ setMuted: { muted: true } });
  });

  test('a listener’s first unmute asks for a microphone; refused, it stays a listener', async () => {
    const { platform, call } = await joined(new FakePlatform(), { audio: false });
    expect(platform.microphones).toHaveLength(0);
    platform.microphoneProblem = denied();
    expect(await codeOf(call.unmute())).toBe('MICROPHONE_DENIED');
    expect(call.muted).toBe(true);
    platform.microphoneProblem = undefined;
    await call.unmute();
    expect(call.muted).toBe(false);
    expect(platform.peer.microphone).toBe(platform.microphones[0]?.track.asTrack());
  });

  test('a moderator’s mute arrives and silences the track', async () => {
    const { platform, call } = await joined();
    const seen: [boolean, boolean][] = [];
    call.on('muted', (...args) => seen.push(args));
    await platform.advance(2_000);
    platform.peer.say({
      resources: [
        {
          id: 4,
          mediaEntry: { participantId: 'p_me', screenshare: false, audioCsrc: 1002, audioMuted: true },
        },
      ],
    });
    await platform.advance(100);
    expect(seen).toEqual([[true, true]]);
    expect(platform.microphones[0]?.track.enabled).toBe(false);
  });

  test('an unplugged microphone is replaced by the default one; without one we are muted and told', async () => {
    const { platform, call } = await joined();
    const errors: string[] = [];
    call.on('error', ({ code }) => errors.push(code));
    platform.microphones[0]?.track.dispatchEvent(new Event('ended'));
    await settle();
    expect(platform.peer.microphone).toBe(platform.microphones[1]?.track.asTrack());
    expect(errors).toEqual([]);
    platform.microphoneProblem = new CallError('MICROPHONE_MISSING');
    platform.microphones[1]?.track.dispatchEvent(new Event('ended'));
    await settle();
    expect(errors).toEqual(['MICROPHONE_MISSING']);
    expect(call.muted).toBe(true);
  });

  test('a track of the application’s own is used as it is and never stopped', async () => {
    const own = new FakeTrack('mixer');
    const { platform, call } = await joined(new FakePlatform(), { audio: own.asTrack() });
    expect(platform.peer.microphone).toBe(own.asTrack());
    await call.leave();
    expect(own.stopped).toBe(false);
  });

  test('a token that allows only listening: the microphone is closed and unmute refused', async () => {
    const platform = new FakePlatform();
    platform.canPublish = false;
    const { call } = await joined(platform);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
    expect(call.muted).toBe(true);
    expect(await codeOf(call.unmute())).toBe('TOKEN_FORBIDDEN');
  });
});

test('who speaks: by the packets’ CSRC, with the person’s name', async () => {
  const { platform, call } = await joined();
  let emitted = 0;
  call.on('speakers', () => (emitted += 1));
  platform.peer.audioSlots[1]!.reading = {
    contributing: [
      { source: 1001, timestamp: 7 },
      { source: 42, timestamp: 7 },
    ],
    synchronization: [{ source: 55, timestamp: 7, audioLevel: 0.2 }],
  };
  await platform.advance(100);
  expect(call.audioSlots[1]).toMatchObject({
    csrc: 1001,
    participant: { displayName: 'Ada' },
    loudest: true,
    speaking: true,
    level: 0.2,
  });
  expect(emitted).toBe(1);
});

test('chat: to all, with oneself marked; too long is refused here', async () => {
  const { platform, call } = await joined();
  const seen: string[] = [];
  call.on('message', ({ text, self, displayName }) => seen.push(`${displayName}${self ? '*' : ''}: ${text}`));
  await call.sendMessage('hello');
  expect(platform.peer.sent.at(-1)).toMatchObject({ sendMessage: { text: 'hello' } });
  platform.peer.say({
    resources: [{ message: { from: 'p_ada', displayName: 'Ada', text: 'hi', sentAtMs: 1 } }],
  });
  platform.peer.say({
    resources: [{ message: { from: 'p_me', displayName: 'Me', text: 'yes', sentAtMs: 2 } }],
  });
  expect(seen).toEqual(['Ada: hi', 'Me*: yes']);
  expect(await codeOf(call.sendMessage('é'.repeat(2_049)))).toBe('REQUEST_REFUSED');
});

test('requests: the server’s no, its silence, and a rename that is kept', async () => {
  const { platform, call } = await joined();
  platform.onRequest = (peer, { requestId }) =>
    peer.say({ response: { requestId, status: { code: 3, message: 'too odd', details: [] } } });
  await expect(call.rename('')).rejects.toMatchObject({ code: 'REQUEST_REFUSED', message: 'too odd' });
  platform.onRequest = () => {};
  const silent = codeOf(call.rename('Bo'));
  await platform.advance(10_000);
  expect(await silent).toBe('REQUEST_TIMED_OUT');
  expect(call.displayName).toBe('Me');
});

test('rubbish on the channel is reported and changes nothing', async () => {
  const { platform, call } = await joined();
  const errors: string[] = [];
  call.on('error', ({ message }) => errors.push(message));
  platform.peer.handlers.message('{"resources":7}');
  expect(errors).toEqual(['channel: resources-not-array']);
  expect(call.participants).toHaveLength(2);
});

test('what belongs to later versions says so', async () => {
  const { call } = await joined();
  expect(await codeOf(call.send({}))).toBe('NOT_SUPPORTED');
});

describe('recording', () => {
  const recording = { on: true, sinceMs: 5_000, mode: 'room' };

  test('is known from the first moment; its start and end are told once each', async () => {
    const platform = new FakePlatform();
    platform.recording = recording;
    const { call } = await joined(platform);
    expect(call.recording).toEqual({ sinceMs: 5_000, mode: 'room' });
    const told: unknown[] = [];
    call.on('recording', (now) => told.push(now?.sinceMs));
    for (const news of [recording, { on: false }, { on: false }, { ...recording, sinceMs: 9_000 }])
      platform.peer.say({ resources: [{ recording: news }] });
    expect(told).toEqual([undefined, 9_000]);
  });

  test('that ended while there was no connection has ended; one that goes on does not flicker', async () => {
    const platform = new FakePlatform();
    platform.recording = recording;
    const { call } = await joined(platform);
    const told: unknown[] = [];
    call.on('recording', (now) => told.push(now?.sinceMs));
    platform.onRestart = () => ({ status: 404, body: { code: 'SESSION_NOT_FOUND', title: '', status: 404 } });
    for (const [next, want] of [
      [recording, []],
      [undefined, [undefined]],
    ] as const) {
      platform.recording = next;
      platform.peer.handlers.state('failed');
      await platform.advance(500);
      expect(told).toEqual(want);
    }
    expect(call.recording).toBeUndefined();
  });

  test('starts and stops by who may; a refusal has the server’s words', async () => {
    const platform = new FakePlatform();
    platform.canRecord = true;
    const { call } = await joined(platform);
    expect(call.canRecord).toBe(true);
    await call.startRecording();
    await call.startRecording('room');
    await call.stopRecording();
    expect(platform.peer.sent.slice(-3)).toMatchObject([
      { setRecording: { on: true } },
      { setRecording: { on: true, mode: 'room' } },
      { setRecording: { on: false } },
    ]);
    platform.onRequest = (peer, { requestId }) =>
      peer.say({
        response: { requestId, status: { code: 9, message: 'RECORDING_FAILED: it is in the log' } },
      });
    await expect(call.startRecording()).rejects.toMatchObject({
      code: 'REQUEST_REFUSED',
      message: expect.stringContaining('RECORDING_FAILED') as string,
    });
  });
});

describe('reconnecting', () => {
  test('an ICE restart on the same session; nobody flickers', async () => {
    const { platform, call, log } = await joined();
    platform.peer.handlers.state('disconnected');
    await platform.advance(1_900);
    expect(log).toEqual([]);
    await platform.advance(1_000);
    expect(log).toEqual(['2000 reconnecting', '2000 connected']);
    expect(platform.requests('POST', '/sessions/s1/restart')).toMatchObject([
      { body: { offer: 'restart-offer' } },
    ]);
    expect(platform.peer.applied).toEqual(['answer', 'restart-answer']);
    expect(platform.peers).toHaveLength(1);
    expect(call.participants).toHaveLength(2);
  });

  test('a refused restart: a new session in our place, with mute, name and microphone as they were', async () => {
    const { platform, call, log } = await joined();
    await call.rename('Me Too');
    call.mute();
    await call.setMicrophone('other');
    platform.onRestart = () => ({
      status: 404,
      body: { code: 'SESSION_NOT_FOUND', title: 'gone', status: 404 },
    });
    platform.peer.handlers.state('failed');
    await platform.advance(500);
    expect(log).toEqual(['0 reconnecting', '0 connected']);
    expect(platform.calls.at(-1)).toMatchObject({
      path: '/v1/rooms/room/sessions',
      body: { offer: 'offer', displayName: 'Me Too', replaces: 's1' },
    });
    const [old, fresh] = platform.peers;
    expect(old?.closed).toBe(true);
    expect(platform.events[0]?.closed).toBe(true);
    expect(fresh?.microphone).toBe(platform.microphones[1]?.track.asTrack());
    expect(fresh?.sent[0]).toMatchObject({ setMuted: { muted: true } });
    expect(call.muted).toBe(true);
    expect(call.audioSlots[0]?.track).toBe(fresh?.audioSlots[0]?.track);
    expect(platform.played).toHaveLength(2);
  });

  test('who left meanwhile has left, who came has come, the others say nothing', async () => {
    const { platform, log } = await joined();
    platform.resources = [
      { id: 21, participant: { participantId: 'p_me', displayName: 'Me', joinedAtMs: 2, self: true } },
      { id: 22, participant: { participantId: 'p_cy', displayName: 'Cy', joinedAtMs: 3 } },
    ];
    platform.events[0]?.handlers.rejoin('media-lost');
    await platform.advance(100);
    expect(log).toEqual(['0 reconnecting', '+Cy', '-Ada', '0 connected']);
  });

  test('the server is away for 20 s: attempts back off, then the call goes on', async () => {
    const { platform, log } = await joined();
    platform.onRestart = () => 'unreachable';
    platform.onCreate = () => 'unreachable';
    platform.peer.handlers.state('failed');
    await platform.advance(20_000);
    expect(platform.requests('POST', '/restart').map(({ atMs }) => atMs - 1_000)).toEqual([
      0, 500, 1_500, 3_500, 7_500, 15_500,
    ]);
    platform.onRestart = () => ({ status: 404, body: { code: 'SESSION_NOT_FOUND' } });
    let refused = false;
    platform.onCreate = ({ replaces }) => {
      // The server was started anew and knows nothing of the session that we want to replace.
      if (replaces !== undefined && !refused) {
        refused = true;
        return { status: 404, body: { code: 'SESSION_NOT_FOUND' } };
      }
      return platform.created();
    };
    await platform.advance(15_000);
    expect(log).toEqual(['0 reconnecting', '31500 connected']);
  });

  test('after a minute it ends with a clear word, and nothing keeps running', async () => {
    const { platform, call, log } = await joined();
    platform.onRestart = platform.onCreate = () => 'unreachable';
    platform.peer.handlers.state('failed');
    await platform.advance(61_000);
    expect(log).toEqual(['0 reconnecting', '60000 ended', 'ended connection-lost CONNECTION_LOST']);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
    expect(platform.sinkClosed).toBe(true);
    expect(platform.watchers).toBeUndefined();
    expect([...platform.timers].filter((timer) => timer.periodMs !== undefined)).toEqual([]);
    expect(() => call.mute()).toThrow(CallError);
  });

  test('the network is back: online makes the next attempt at once', async () => {
    const { platform, log } = await joined();
    platform.onRestart = () => 'unreachable';
    platform.peer.handlers.state('failed');
    await platform.advance(10_000);
    platform.onRestart = () => ({ status: 200, body: { answer: 'restart-answer' } });
    platform.watchers?.online();
    await platform.advance(100);
    expect(log).toEqual(['0 reconnecting', '10000 connected']);
  });

  test('a token that has run out meanwhile ends the call with its code', async () => {
    const { platform, log } = await joined();
    platform.onRestart = () => ({ status: 401, body: { code: 'TOKEN_EXPIRED' } });
    platform.onCreate = () => ({ status: 401, body: { code: 'TOKEN_EXPIRED' } });
    platform.peer.handlers.state('failed');
    await platform.advance(1_000);
    expect(log).toEqual(['0 reconnecting', '0 ended', 'ended connection-lost TOKEN_EXPIRED']);
  });

  test('a session that came too late still holds our place: the next one replaces that', async () => {
    const { platform } = await joined();
    platform.mediaWorks = false;
    platform.events[0]?.handlers.rejoin('media-lost');
    await platform.advance(12_100);
    platform.mediaWorks = true;
    await platform.advance(1_000);
    expect(platform.requests('POST', '/sessions').map(({ body }) => body.replaces)).toEqual([
      undefined,
      's1',
      's2',
    ]);
  });

  test('moved: the next session is made at the other address', async () => {
    const { platform, call } = await joined();
    const urls: string[] = [];
    const { fetch } = platform;
    platform.fetch = (url, init) => {
      urls.push(url);
      return fetch.call(platform, url, init);
    };
    platform.events[0]?.handlers.moved('https://y.test/');
    await platform.advance(100);
    expect(urls).toEqual(['https://y.test/v1/rooms/room/sessions']);
    expect(call.state).toBe('connected');
  });

  test('draining: a second’s pause, then back', async () => {
    const { platform, log } = await joined();
    platform.peer.say({ resources: [{ sessionStatus: { state: 'ended', reason: 'draining' } }] });
    await platform.advance(1_500);
    expect(log).toEqual(['0 reconnecting', '1000 connected']);
  });

  test('what an abandoned session still says is not heard', async () => {
    const { platform, call, log } = await joined();
    const old = platform.peer;
    platform.events[0]?.handlers.rejoin('media-lost');
    await platform.advance(100);
    log.length = 0;
    old.handlers.state('failed');
    old.handlers.channelClosed();
    old.say({ resources: [{ sessionStatus: { state: 'ended', reason: 'replaced' } }] });
    await platform.advance(5_000);
    expect(log).toEqual([]);
    expect(call.state).toBe('connected');
  });

  test('a message while there is no connection is refused, not lost in silence', async () => {
    const { platform, call } = await joined();
    platform.onRestart = () => 'silent';
    platform.peer.handlers.state('failed');
    await settle();
    expect(await codeOf(call.sendMessage('hello?'))).toBe('NOT_CONNECTED');
  });
});

describe('the end', () => {
  test.each(['removed', 'replaced', 'room-closed'])('by the server: %s', async (reason) => {
    const { platform, log } = await joined();
    platform.peer.say({ resources: [{ sessionStatus: { state: 'ended', reason } }] });
    await platform.advance(3_000);
    expect(log).toEqual(['0 ended', `ended ${reason}`]);
    expect(platform.peers).toHaveLength(1);
  });

  test('leave tells the server once, lets everything go, and is idempotent', async () => {
    const { platform, call, log } = await joined();
    await call.leave();
    await call.leave();
    expect(log).toEqual(['0 ended', 'ended left']);
    expect(platform.requests('DELETE', '/sessions/s1')).toHaveLength(1);
    expect(platform.peer.closed).toBe(true);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
  });

  test('leave does not wait longer than two seconds for a server that is gone', async () => {
    const { platform, call } = await joined();
    platform.fetch = () => new Promise(() => {});
    let left = false;
    void call.leave().then(() => (left = true));
    await platform.advance(2_000);
    await settle();
    expect(left).toBe(true);
  });

  test('a page that is closed leaves', async () => {
    const { platform, call } = await joined();
    platform.watchers?.pageHide();
    await settle();
    expect(call.state).toBe('ended');
    expect(platform.requests('DELETE', '/sessions/s1')).toHaveLength(1);
  });

  test('a listener that throws does not stop the others', async () => {
    const { platform, call } = await joined();
    const thrown: unknown[] = [];
    const onThrown = (error: unknown): void => void thrown.push(error);
    process.once('uncaughtException', onThrown);
    const listeners = process.listeners('uncaughtException').filter((one) => one !== onThrown);
    for (const other of listeners) process.off('uncaughtException', other);
    const seen: boolean[] = [];
    call.on('muted', () => {
      throw new Error('mine');
    });
    call.on('muted', (muted) => seen.push(muted));
    call.mute();
    await settle();
    await new Promise((resolve) => setImmediate(resolve));
    for (const other of listeners) process.on('uncaughtException', other);
    process.off('uncaughtException', onThrown);
    expect(seen).toEqual([true]);
    expect(String(thrown[0])).toContain('mine');
    expect(platform.microphones[0]?.track.enabled).toBe(false);
  });
});
