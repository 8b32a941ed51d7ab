/** Cameras, screens and layouts of a whole call over a fake platform. Virtual time; a server of a few lines. */
import { describe, expect, test } from 'vitest';
import type { Call } from '../src/call.js';
import type { Canvas, VideoAssignment } from '../src/callTypes.js';
import { CallError } from '../src/errors.js';
import { joinOn, type JoinOptions } from '../src/join.js';
import { FakePlatform, FakeTrack, settle } from './fakePlatform.js';

async function joined(
  options: Partial<JoinOptions> = {},
  platform = new FakePlatform(),
): Promise<{ platform: FakePlatform; call: Call; log: string[] }> {
  const call = await joinOn(platform, { url: 'https://x.test', room: 'room', displayName: 'Me', ...options });
  const log: string[] = [];
  call.on('camera', (on, byServer) => log.push(`camera ${on ? 'on' : 'off'}${byServer ? ' by server' : ''}`));
  call.on('screen', (on, byServer) => log.push(`screen ${on ? 'on' : 'off'}${byServer ? ' by server' : ''}`));
  call.on('error', ({ code }) => log.push(code));
  await platform.advance(100);
  return { platform, call, log };
}
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof CallError ? error.code : String(error)),
  );
const mediaEntry = (id: number, participantId: string, given: object): object => ({
  resources: [{ id, mediaEntry: { participantId, audioMuted: false, videoMuted: true, ...given } }],
});
const mutes = (platform: FakePlatform): unknown[] =>
  platform.peer.asked('setMuted').filter((one) => (one as { source: string }).source !== 'microphone');
const ended = (track: FakeTrack | undefined): void => void track?.dispatchEvent(new Event('ended'));

describe('camera', () => {
  test('off at first: no device is opened and nothing said', async () => {
    const { platform, call } = await joined();
    expect([call.cameraOn, call.cameraTrack, platform.cameras.length]).toEqual([false, undefined, 0]);
    expect(mutes(platform)).toEqual([]);
  });

  test('on from the beginning: in the first offer, and the server unmutes it', async () => {
    const { platform, call } = await joined({ video: { deviceId: 'cam' } });
    expect(platform.cameras[0]?.constraints).toMatchObject({ deviceId: 'cam', width: { ideal: 1280 } });
    expect(call.cameraOn).toBe(true);
    expect(platform.peer.tracks.camera).toBe(call.cameraTrack);
    expect(mutes(platform)).toEqual([{ source: 'camera', muted: false }]);
  });

  test('on, off, on again: the light goes out in between, the device is the same', async () => {
    const { platform, call, log } = await joined();
    await call.setCamera('second');
    expect(platform.cameras[0]?.constraints.deviceId).toEqual({ exact: 'second' });
    expect(platform.cameras[0]?.track.contentHint).toBe('motion');
    await call.setCamera(false);
    expect(platform.cameras[0]?.track.stopped).toBe(true);
    expect(platform.peer.tracks.camera).toBeNull();
    await call.setCamera(true);
    expect(platform.cameras[1]?.constraints.deviceId).toEqual({ exact: 'second' });
    expect(platform.peer.tracks.camera).toBe(platform.cameras[1]?.track.asTrack());
    expect(mutes(platform)).toEqual([
      { source: 'camera', muted: false },
      { source: 'camera', muted: true },
      { source: 'camera', muted: false },
    ]);
    expect(log).toEqual(['camera on', 'camera off', 'camera on']);
    expect(platform.peers).toHaveLength(1);
  });

  test('another device while it is on: one track for the other, nothing said to the server', async () => {
    const { platform, call } = await joined({ video: true });
    await call.setCamera('second');
    expect(platform.cameras[0]?.track.stopped).toBe(true);
    expect(platform.peer.tracks.camera).toBe(platform.cameras[1]?.track.asTrack());
    expect(mutes(platform)).toHaveLength(1);
    await call.setCamera(true); // on already
    expect(platform.cameras).toHaveLength(2);
  });

  test('turned off while the browser asks: stays off, and what it opens is stopped', async () => {
    const { platform, call, log } = await joined();
    const track = new FakeTrack('late', 'video');
    let give = (): void => {};
    platform.openCamera = () => new Promise((resolve) => (give = () => resolve(track.asTrack())));
    const opening = call.setCamera(true);
    await call.setCamera(false);
    give();
    expect(await codeOf(opening)).toBe('resolved');
    expect([call.cameraOn, track.stopped, log]).toEqual([false, true, []]);
  });

  test('refused: the code says why, and what was sent goes on', async () => {
    const { platform, call } = await joined({ video: true });
    platform.cameraProblem = Object.assign(new Error(), { name: 'NotReadableError' });
    expect(await codeOf(call.setCamera('other'))).toBe('CAMERA_FAILED');
    expect(platform.peer.tracks.camera).toBe(platform.cameras[0]?.track.asTrack());
    expect(platform.cameras[0]?.track.stopped).toBe(false);
  });

  test.each([
    ['NotAllowedError', 'CAMERA_DENIED'],
    ['NotFoundError', 'CAMERA_MISSING'],
    ['OverconstrainedError', 'CAMERA_MISSING'],
    ['AbortError', 'CAMERA_FAILED'],
  ])('join with a camera that ends in %s rejects with %s and keeps no device', async (name, code) => {
    const platform = new FakePlatform();
    platform.cameraProblem = Object.assign(new Error(), { name });
    expect(await codeOf(joined({ video: true }, platform))).toBe(code);
    expect(platform.microphones[0]?.track.stopped).toBe(true);
    expect(platform.calls).toEqual([]);
  });

  test('unplugged: off, said so, and no other camera is opened', async () => {
    const { platform, call, log } = await joined({ video: true });
    ended(platform.cameras[0]?.track);
    await settle();
    expect(log).toEqual(['camera off by server', 'CAMERA_MISSING']);
    expect([call.cameraOn, platform.cameras.length]).toEqual([false, 1]);
    expect(mutes(platform).at(-1)).toEqual({ source: 'camera', muted: true });
  });

  test('a moderator turns it off: the device closes; the own "on" afterwards counts again', async () => {
    const { platform, call, log } = await joined({ video: true });
    platform.peer.say(mediaEntry(4, 'p_me', { audioCsrc: 1002, videoCsrc: 2002, videoMuted: false }));
    await platform.advance(2_000);
    expect(log).toEqual([]);
    platform.peer.say(mediaEntry(4, 'p_me', { audioCsrc: 1002, videoCsrc: 2002, videoMuted: true }));
    await platform.advance(100);
    expect(log).toEqual(['camera off by server']);
    expect(platform.cameras[0]?.track.stopped).toBe(true);
    await call.setCamera(true);
    platform.peer.say(mediaEntry(4, 'p_me', { audioCsrc: 1002, videoCsrc: 2002, videoMuted: false }));
    await platform.advance(3_000);
    expect(call.cameraOn).toBe(true);
  });

  test('nobody can turn it on from outside', async () => {
    const { platform, call, log } = await joined();
    platform.peer.say(mediaEntry(4, 'p_me', { audioCsrc: 1002, videoCsrc: 2002, videoMuted: false }));
    await platform.advance(2_000);
    expect([call.cameraOn, platform.cameras.length, log]).toEqual([false, 0, []]);
    expect(mutes(platform).at(-1)).toEqual({ source: 'camera', muted: true });
  });

  test('the server refuses the picture: off again after a moment', async () => {
    const { platform, call, log } = await joined();
    platform.onRequest = (peer, { requestId }) =>
      peer.say({ response: { requestId, status: { code: 7, message: 'no', details: [] } } });
    platform.peer.say(mediaEntry(4, 'p_me', { audioCsrc: 1002, videoCsrc: 2002, audioMuted: true }));
    await call.setCamera(true);
    await platform.advance(200);
    expect(log).toEqual(['camera on', 'camera off by server']);
  });

  test('a track of the application’s own is sent and never stopped; the call’s end stops what the call opened', async () => {
    const own = new FakeTrack('canvas', 'video');
    own.contentHint = 'detail';
    const { platform, call } = await joined();
    await call.setCamera(own.asTrack());
    expect(platform.peer.tracks.camera).toBe(own.asTrack());
    await call.setCamera(false);
    expect([own.stopped, own.contentHint]).toEqual([false, 'detail']);
    await call.setCamera(true);
    await call.leave();
    expect(platform.cameras[0]?.track.stopped).toBe(true);
    expect(await codeOf(call.setCamera(true))).toBe('CALL_ENDED');
  });
});

describe('screen', () => {
  test('with its sound: both sections get their tracks, both are unmuted; stop ends both', async () => {
    const { platform, call, log } = await joined();
    await call.shareScreen();
    const [screen] = platform.screens;
    expect(platform.peer.tracks).toMatchObject({
      screen: screen?.video.asTrack(),
      screenSound: screen?.sound?.asTrack(),
    });
    expect(screen?.video.contentHint).toBe('detail');
    expect(call.screenTrack).toBe(screen?.video.asTrack());
    await call.stopScreen();
    await settle();
    expect([screen?.video.stopped, screen?.sound?.stopped]).toEqual([true, true]);
    expect(platform.peer.tracks).toMatchObject({ screen: null, screenSound: null });
    expect(mutes(platform)).toEqual([
      { source: 'screen', muted: false },
      { source: 'screenSound', muted: false },
      { source: 'screen', muted: true },
      { source: 'screenSound', muted: true },
    ]);
    expect(log).toEqual(['screen on', 'screen off']);
  });

  test('the browser’s own "stop sharing" ends it', async () => {
    const { platform, call, log } = await joined();
    await call.shareScreen({ sound: false });
    expect(platform.peer.tracks.screenSound).toBeNull();
    ended(platform.screens[0]?.video);
    await settle();
    expect(log).toEqual(['screen on', 'screen off by server']);
    expect(call.screenOn).toBe(false);
    expect(mutes(platform).at(-2)).toEqual({ source: 'screen', muted: true });
  });

  test('only the sound ends: the picture goes on', async () => {
    const { platform, call } = await joined();
    await call.shareScreen();
    ended(platform.screens[0]?.sound);
    await settle();
    expect(call.screenOn).toBe(true);
    expect(platform.peer.tracks.screenSound).toBeNull();
    expect(mutes(platform).at(-1)).toEqual({ source: 'screenSound', muted: true });
  });

  test('nothing chosen: SCREEN_DENIED, and what was shared goes on', async () => {
    const { platform, call } = await joined();
    await call.shareScreen();
    platform.screenProblem = Object.assign(new Error(), { name: 'NotAllowedError' });
    expect(await codeOf(call.shareScreen())).toBe('SCREEN_DENIED');
    expect(call.screenOn).toBe(true);
  });

  test('another choice takes the place of the first', async () => {
    const { platform, call } = await joined();
    await call.shareScreen();
    await call.shareScreen({ sound: false });
    expect(platform.screens[0]?.video.stopped).toBe(true);
    expect(platform.peer.tracks).toMatchObject({
      screen: platform.screens[1]?.video.asTrack(),
      screenSound: null,
    });
    expect(mutes(platform).at(-1)).toEqual({ source: 'screenSound', muted: true });
  });
});

describe('layout', () => {
  const relevant = (id: number, width = 640): Canvas => ({ id, width, height: 360, mode: 'relevant' });
  const asked = (platform: FakePlatform): { canvases: Record<string, unknown>[] }[] =>
    platform.peer.asked('setLayout') as { canvases: Record<string, unknown>[] }[];

  test('says sizes in whole pixels and names people by their entries', async () => {
    const { platform, call } = await joined();
    platform.peer.say(
      mediaEntry(31, 'p_ada', { screenshare: true, videoCsrc: 2005, audioCsrc: 2006, videoMuted: false }),
    );
    const canvases: Canvas[] = [
      { id: 1, width: 1279.4, height: 719.5, mode: { participantId: 'p_ada', screenshare: true } },
      { id: 2, width: 320, height: 180, mode: { participantId: 'p_ada' } },
      relevant(3),
    ];
    await call.setLayout(canvases, { maxResolution: { width: 1280, height: 720 } });
    expect(asked(platform)).toEqual([
      {
        canvases: [
          { id: 1, width: 1280, height: 720, direct: { entryId: 31 } },
          { id: 2, width: 320, height: 180, direct: { entryId: 3 } },
          { id: 3, width: 640, height: 360, relevant: {} },
        ],
        maxResolution: { width: 1280, height: 720 },
      },
    ]);
  });

  test('a screen that is not there yet is asked for as soon as it is, and no more when it is gone', async () => {
    const { platform, call } = await joined();
    await call.setLayout([
      relevant(1),
      { ...relevant(2), mode: { participantId: 'p_ada', screenshare: true } },
    ]);
    await platform.advance(1_000);
    platform.peer.say(mediaEntry(31, 'p_ada', { screenshare: true, videoCsrc: 2005, videoMuted: false }));
    await platform.advance(1_000);
    platform.peer.say({ deletedResources: [{ id: 31, mediaEntry: true }] });
    await platform.advance(1_000);
    expect(asked(platform).map(({ canvases }) => canvases.length)).toEqual([1, 2, 1]);
  });

  test('a window that is resized: five a second leave the page, the last always, all promises settle', async () => {
    const { platform, call } = await joined();
    const settled: Promise<string>[] = [];
    for (let frame = 0; frame < 60; frame++) {
      settled.push(codeOf(call.setLayout([relevant(1, 600 + frame)])));
      await platform.advance(16);
    }
    await platform.advance(1_000);
    expect(asked(platform).length).toBeLessThanOrEqual(6);
    expect(asked(platform).at(-1)?.canvases[0]?.width).toBe(659);
    expect(new Set(await Promise.all(settled))).toEqual(new Set(['resolved']));
  });

  test('one request at a time: what is wished meanwhile waits, and only its last form goes', async () => {
    const { platform, call } = await joined();
    const ids: unknown[] = [];
    platform.onRequest = (_, { requestId }) => void ids.push(requestId);
    const all = [1, 2, 3].map((id) => codeOf(call.setLayout([relevant(id)])));
    await platform.advance(2_000);
    expect(asked(platform).map(({ canvases }) => canvases[0]?.id)).toEqual([1]);
    const answer = (requestId: unknown): void =>
      platform.peer.say({ response: { requestId, status: { code: 0, message: '', details: [] } } });
    answer(ids[0]);
    await settle();
    expect(asked(platform).map(({ canvases }) => canvases[0]?.id)).toEqual([1, 3]);
    answer(ids[1]);
    expect(await Promise.all(all)).toEqual(['resolved', 'resolved', 'resolved']);
  });

  test('a refusal says the server’s word; after a reconnection the layout before it is asked for', async () => {
    const { platform, call } = await joined();
    await call.setLayout([relevant(1)]);
    await platform.advance(1_000);
    const ok = platform.onRequest;
    platform.onRequest = (peer, { requestId }) =>
      peer.say({ response: { requestId, status: { code: 3, message: 'OWN_SOURCE: no', details: [] } } });
    const own = call.setLayout([{ ...relevant(1), mode: { participantId: 'p_me' } }]);
    await expect(own).rejects.toMatchObject({ code: 'REQUEST_REFUSED', message: 'OWN_SOURCE: no' });
    platform.onRequest = ok;
    platform.events[0]?.handlers.rejoin('media-lost');
    await platform.advance(1_000);
    expect(platform.peers).toHaveLength(2);
    expect(asked(platform)).toEqual([{ canvases: [{ id: 1, width: 640, height: 360, relevant: {} }] }]);
  });

  test('asked for while the connection is away: kept, asked for afterwards, under the new session’s ids', async () => {
    const { platform, call } = await joined();
    platform.events[0]?.handlers.rejoin('media-lost');
    const waiting = codeOf(call.setLayout([{ ...relevant(1), mode: { participantId: 'p_ada' } }]));
    platform.resources = JSON.parse(
      JSON.stringify(platform.resources).replaceAll(/"id":(\d)/g, '"id":7$1'),
    ) as object[];
    await platform.advance(1_000);
    expect(await waiting).toBe('resolved');
    expect(asked(platform)).toEqual([
      { canvases: [{ id: 1, width: 640, height: 360, direct: { entryId: 73 } }] },
    ]);
  });

  test('the end of the call settles what still waits', async () => {
    const { platform, call } = await joined();
    platform.onRequest = () => {};
    platform.events[0]?.handlers.rejoin('media-lost');
    const waiting = codeOf(call.setLayout([relevant(1)]));
    await call.leave();
    expect(await waiting).toBe('CALL_ENDED');
  });
});

describe('what is seen', () => {
  const canvas = (given: object = {}): object => ({
    resources: [
      {
        videoAssignment: {
          canvases: [
            { canvasId: 1, slot: 2, entryId: 3, participantId: 'p_ada', csrc: 2001, active: true, ...given },
          ],
        },
      },
    ],
  });

  test('an assignment has the person and the slot’s stream, which stays the same', async () => {
    const { platform, call } = await joined();
    const seen: (readonly VideoAssignment[])[] = [];
    call.on('assignments', (assignments) => seen.push(assignments));
    platform.peer.say(canvas({ active: false }));
    platform.peer.say(canvas());
    platform.peer.say(canvas()); // the same again is no news
    expect(seen.map(([one]) => one?.active)).toEqual([false, true]);
    expect(call.assignments).toEqual([
      {
        canvasId: 1,
        slot: 2,
        participant: call.participants[0],
        screenshare: false,
        active: true,
        stream: platform.peer.videoSlots[2]?.stream,
      },
    ]);
    platform.peer.say(canvas({ slot: undefined, active: false }));
    expect(call.assignments[0]).toMatchObject({ slot: undefined, stream: undefined });
    platform.peer.say({ resources: [{ videoAssignment: { canvases: [] } }] });
    expect(call.assignments).toEqual([]);
  });

  test('the packets say whose picture a slot carries; the message while none are played', async () => {
    const { platform, call } = await joined();
    expect(call.videoSlots).toHaveLength(9);
    let changes = 0;
    call.on('videoslots', () => (changes += 1));
    platform.peer.say({ resources: [{ videoSlots: { slots: [{ slot: 0, csrc: 2001, epoch: 1 }] } }] });
    expect(call.videoSlots[0]).toMatchObject({ csrc: 2001, participant: { displayName: 'Ada' } });
    // Told ahead of the pictures that are still in the buffer.
    platform.peer.videoSlots[0]?.plays(2001, 5);
    await platform.advance(100);
    platform.peer.say({ resources: [{ videoSlots: { slots: [{ slot: 0, csrc: 2002, epoch: 2 }] } }] });
    expect(call.videoSlots[0]?.csrc).toBe(2001);
    platform.peer.videoSlots[0]?.plays(2002, 6);
    await platform.advance(100);
    expect(call.videoSlots[0]).toMatchObject({ csrc: 2002, participant: { self: true } });
    expect(changes).toBe(2);
  });

  test('a person’s screen is told from their camera', async () => {
    const { platform, call } = await joined();
    platform.peer.say(mediaEntry(31, 'p_ada', { screenshare: true, videoCsrc: 2005, videoMuted: false }));
    platform.peer.say(canvas({ entryId: 31, csrc: 2005 }));
    platform.peer.say({ resources: [{ videoSlots: { slots: [{ slot: 2, csrc: 2005, epoch: 1 }] } }] });
    expect(call.assignments[0]?.screenshare).toBe(true);
    expect(call.videoSlots[2]?.screenshare).toBe(true);
    expect(call.participants[0]).toMatchObject({ screenOn: true, cameraOn: false, screenCsrc: 2005 });
  });

  test('after a reconnection: new streams, the old assignments gone, camera and screen sent as before', async () => {
    const { platform, call } = await joined({ video: true });
    await call.shareScreen();
    await call.setLayout([{ id: 1, width: 640, height: 360, mode: 'relevant' }]);
    platform.peer.say(canvas());
    const before = call.videoSlots[2]?.stream;
    platform.events[0]?.handlers.rejoin('media-lost');
    await platform.advance(1_000);
    expect(call.assignments).toEqual([]);
    expect(call.videoSlots[2]?.stream).not.toBe(before);
    expect(platform.peer.tracks).toMatchObject({
      camera: platform.cameras[0]?.track.asTrack(),
      screen: platform.screens[0]?.video.asTrack(),
    });
    expect(mutes(platform)).toEqual([
      { source: 'camera', muted: false },
      { source: 'screen', muted: false },
      { source: 'screenSound', muted: false },
    ]);
    await platform.advance(3_000);
    expect([call.cameraOn, call.screenOn]).toEqual([true, true]);
  });

  test('fewer video slots granted than asked for', async () => {
    const platform = new FakePlatform();
    platform.videoSlots = 2;
    const { call } = await joined({ videoSlots: 4 }, platform);
    expect(platform.peer.videoSlots).toHaveLength(4);
    expect(call.videoSlots).toHaveLength(2);
    await expect(joined({ videoSlots: 17 })).rejects.toThrow(TypeError);
  });

  test('something of ours is told again: nobody leaves over it', async () => {
    const { platform, call } = await joined();
    platform.peer.say({ resources: [{ session: { participantId: 'p_me', room: 'room', audioSlots: 3 } }] });
    await platform.advance(3_000);
    expect(call.participants).toHaveLength(2);
  });
});

test('a token that allows only listening: camera and screen are closed, and refused', async () => {
  const platform = new FakePlatform();
  platform.canPublish = false;
  const { call } = await joined({ video: true }, platform);
  expect(platform.cameras[0]?.track.stopped).toBe(true);
  expect(await codeOf(call.setCamera(true))).toBe('TOKEN_FORBIDDEN');
  expect(await codeOf(call.shareScreen())).toBe('TOKEN_FORBIDDEN');
  expect(platform.cameras).toHaveLength(1);
});

test('lip-sync: what is ahead is held back, and let go when its other half is gone', async () => {
  const { platform, call } = await joined();
  const anchor = { slot: 0, epoch: 1, rtpTimestamp: 0, captureTimeMs: 0 };
  platform.peer.say({ resources: [{ speakers: { slots: [{ ...anchor, csrc: 1001, loudest: true }] } }] });
  platform.peer.say({ resources: [{ videoSlots: { slots: [{ ...anchor, csrc: 2001 }] } }] });
  const [audio, video] = [platform.peer.audioSlots[0]!, platform.peer.videoSlots[0]!];
  // The sound is played 250 ms after its capture, the picture 50 ms.
  for (let round = 0; round < 20; round++) {
    audio.plays(1001, platform.now, (platform.now - 250) * 48);
    video.plays(2001, platform.now, (platform.now - 50) * 90);
    audio.buffered = 200;
    video.buffered = 20;
    await platform.advance(100);
  }
  expect(call.lipSync).toEqual([{ participantId: 'p_ada', skewMs: -200 }]);
  expect(audio.playoutDelayMs).toBeNull();
  expect(video.playoutDelayMs).toBeGreaterThan(150);
  platform.peer.say({ deletedResources: [{ id: 3, mediaEntry: true }] });
  await platform.advance(200);
  expect(video.playoutDelayMs).toBeNull();
  expect(call.lipSync).toEqual([]);
});
