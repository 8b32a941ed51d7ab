/** The media port over the real library, without a peer: what is asked for is what is there. Needs the built packages. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/logger.js';
import type { MediaPort, MediaRoom, MediaSession, MediaSessionEvents } from '../../src/media/mediaPort.js';
import { createSfuMedia } from '../../src/media/sfuMedia.js';
import { receiverRequest, sourceRequests } from '../../src/sdp/mediaRequest.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { planSession } from '../../src/sdp/sessionPlan.js';
import { clientOffer, makeOffer, realOffer } from '../support/offers.js';
import { freeMediaPort } from '../support/ports.js';

let media: MediaPort;
let room: MediaRoom;
let port: number;

beforeAll(async () => {
  port = await freeMediaPort();
  media = await createSfuMedia(
    { workers: 1, listen: [{ ip: '127.0.0.1' }], port, audioSlots: 3, videoSlots: 3 },
    createLogger('silent'),
  );
  room = await media.createRoom('tea');
});
afterAll(() => media.close());

const events = (told: string[] = []): MediaSessionEvents => ({
  connected: () => told.push('connected'),
  lost: (cause) => told.push(`lost ${cause}`),
  channelOpened: () => told.push('opened'),
  channelMessage: () => told.push('message'),
  channelClosed: () => told.push('closed'),
  slotsChanged: () => told.push('slots'),
  videoSlotsChanged: () => told.push('videoSlots'),
  assignmentsChanged: () => told.push('assignments'),
});

function start(
  participantId: string,
  options: { csrc?: number; offer?: string; told?: string[] } = {},
): Promise<MediaSession> {
  const plan = planSession(readOfferText(options.offer ?? clientOffer()), {
    publish: true,
    subscribe: true,
    audioSlots: 3,
    videoSlots: 3,
  });
  return room.createSession(
    {
      participantId,
      fingerprints: plan.offer.dtls.fingerprints,
      sources: sourceRequests(plan, () => ({ paused: true, csrc: options.csrc })),
      receiver: receiverRequest(plan),
      dataChannels: true,
    },
    events(options.told),
  );
}

describe('a session', () => {
  test('has candidates, one fingerprint, a CSRC and an SSRC of its own for each slot', async () => {
    const session = await start('p_ada');
    expect(session.ice.candidates).toMatchObject([
      { address: '127.0.0.1', port, protocol: 'udp' },
      { address: '127.0.0.1', port, protocol: 'tcp' },
    ]);
    const [udp, tcp] = session.ice.candidates.map(({ priority }) => priority);
    expect(udp).toBeGreaterThan(tcp ?? Infinity);
    expect(session.fingerprints).toMatchObject([{ algorithm: 'sha-256' }]);
    const [source] = session.sources;
    expect(source?.name).toBe('microphone');
    expect([0, 42]).not.toContain(source?.csrc);
    expect(session.audioSlots.map(({ mid }) => mid)).toEqual(['1', '2', '3']);
    const ssrcs = session.audioSlots.map(({ rtpParameters }) => rtpParameters.encodings?.[0]?.ssrc);
    expect(new Set([...ssrcs, source?.csrc]).size).toBe(4);
    expect(session.audioSlots[0]?.rtpParameters.codecs).toMatchObject([
      { mimeType: 'audio/opus', payloadType: 111 },
    ]);
    session.close();
  });

  test('that replaces another keeps its CSRC, at once and again', async () => {
    let session = await start('p_ben');
    const csrc = session.sources[0]?.csrc;
    for (let count = 0; count < 3; count++) {
      session.stopMedia();
      const next = await start('p_ben', csrc === undefined ? {} : { csrc });
      expect(next.sources[0]?.csrc).toBe(csrc);
      session.close();
      session = next;
    }
    session.close();
  });

  test('can be restarted, paused and looked at; stopping its media twice does no harm', async () => {
    const session = await start('p_cleo');
    const before = session.ice;
    const after = await session.restartIce();
    expect(after.usernameFragment).not.toBe(before.usernameFragment);
    expect(session.ice).toEqual(after);
    session.setPaused('microphone', false);
    session.setPaused('screenSound', true);
    expect(await session.stats()).toMatchObject({
      media: {
        transport: { iceState: 'new' },
        sources: [{ name: 'microphone', paused: false }],
        slots: [{ slot: 0, csrc: 0 }, { slot: 1 }, { slot: 2 }],
      },
      figures: {
        transport: { sentBitsPerSecond: 0 },
        sources: [{ source: 'microphone', csrc: session.sources[0]?.csrc, muted: false, layers: [] }],
        slots: [{ kind: 'audio', slot: 0, packets: 0 }, { slot: 1 }, { slot: 2 }],
      },
    });
    session.stopMedia();
    session.stopMedia();
    session.setPaused('microphone', true);
    session.close();
    session.close();
  });

  test('says nothing after it was closed', async () => {
    const told: string[] = [];
    const session = await start('p_dora', { told });
    // What the slots carry from the start was told.
    expect(told).toEqual(['slots']);
    session.close();
    await media.counters();
    expect(told).toEqual(['slots']);
  });

  test('that the library refuses leaves nothing behind', async () => {
    const count = async (): Promise<number | undefined> => (await media.counters()).get('transports');
    const before = await count();
    await expect(start('p_emil', { csrc: 42 })).rejects.toThrow(/42/);
    await expect.poll(count).toBe(before);
  });

  test('with two sources and other payload types uses the numbers of the offer', async () => {
    const offer = makeOffer([
      { kind: 'audio', direction: 'sendonly', opus: 96 },
      { kind: 'audio', direction: 'sendonly', opus: 96 },
      { kind: 'audio', direction: 'recvonly', opus: 96 },
      { kind: 'application' },
    ]);
    const session = await start('p_fay', { offer });
    expect(session.sources.map(({ name }) => name)).toEqual(['microphone', 'screenSound']);
    expect(session.audioSlots[0]?.rtpParameters.codecs[0]?.payloadType).toBe(96);
    session.close();
  });
});

describe.each(['client-chromium', 'client-firefox'])('pictures for %s', (name) => {
  const offer = realOffer(name);

  test('four sources with CSRCs, slots with two SSRCs each, no number twice', async () => {
    const session = await start('p_gus', { offer });
    expect(session.sources.map(({ name }) => name)).toEqual([
      'microphone',
      'screenSound',
      'camera',
      'screen',
    ]);
    expect(session.videoSlots).toHaveLength(3);
    const numbers = [...session.audioSlots, ...session.videoSlots].flatMap(({ rtpParameters }) => {
      const [encoding] = rtpParameters.encodings ?? [];
      return [encoding?.ssrc, ...(encoding?.rtx ? [encoding.rtx.ssrc] : [])];
    });
    expect(numbers).toHaveLength(3 + 2 * 3);
    expect(new Set([...numbers, ...session.sources.map(({ csrc }) => csrc)]).size).toBe(9 + 4);
    session.close();
  });

  test('a slot takes the codecs that the room and the browser share, with feedback, and no RIDs', async () => {
    const session = await start('p_hal', { offer });
    const { codecs = [], headerExtensions = [] } = session.videoSlots[0]?.rtpParameters ?? {};
    const names = codecs.map(({ mimeType }) => mimeType.slice(6)).filter((codec) => codec !== 'rtx');
    expect(names.sort()).toEqual(
      name === 'client-chromium' ? ['AV1', 'H264', 'VP8', 'VP9'] : ['AV1', 'VP8', 'VP9'],
    );
    expect(codecs).toHaveLength(2 * names.length);
    for (const { mimeType, rtcpFeedback = [] } of codecs)
      if (mimeType !== 'video/rtx')
        expect(rtcpFeedback.map(({ type, parameter }) => `${type} ${parameter ?? ''}`.trim())).toEqual(
          expect.arrayContaining(['nack', 'nack pli', 'ccm fir', 'transport-cc']),
        );
    const uris = headerExtensions.map(({ uri }) => uri).join();
    expect(uris).toContain('sdes:mid');
    expect(uris).toContain('transport-wide-cc');
    expect(uris).not.toContain('stream-id');
    session.close();
  });
});

describe('layouts', () => {
  const offer = realOffer('client-chromium');
  const size = { width: 640, height: 360 };

  test('of nobody in particular are empty while nobody sends, and are told once each', async () => {
    const session = await start('p_ida', { offer });
    expect(await session.setLayout([{ id: 1, ...size, mode: 'relevant' }], undefined)).toEqual({
      ok: true,
      assignments: [],
    });
    expect(await session.setLayout([], undefined)).toEqual({ ok: true, assignments: [] });
    session.close();
  });

  test('direct at somebody who is muted: the source is named, without a slot', async () => {
    const [ida, jan] = [await start('p_ida', { offer }), await start('p_jan', { offer })];
    const camera = jan.sources.find(({ name }) => name === 'camera')?.csrc ?? 0;
    const screen = jan.sources.find(({ name }) => name === 'screen')?.csrc ?? 0;
    const result = await ida.setLayout(
      [
        { id: 1, ...size, mode: { participantId: 'p_jan' } },
        { id: 2, ...size, mode: { csrc: screen } },
        { id: 3, ...size, mode: { csrc: 4_711 } },
      ],
      { ...size, frameRate: 15 },
    );
    const nothing = { slot: undefined, ssrc: undefined, participantId: 'p_jan', active: false };
    expect(result).toEqual({
      ok: true,
      assignments: [
        { canvasId: 1, csrc: camera, ...nothing },
        { canvasId: 2, csrc: screen, ...nothing },
      ],
    });
    jan.close();
    ida.close();
  });

  test.each([
    ['INVALID_CANVAS', [{ id: 1, width: 0, height: 0, mode: 'relevant' as const }]],
    ['INVALID_CANVAS', [1, 1].map((id) => ({ id, ...size, mode: 'relevant' as const }))],
    ['TOO_MANY_CANVASES', [1, 2, 3, 4].map((id) => ({ id, ...size, mode: 'relevant' as const }))],
    ['OWN_SOURCE', [{ id: 1, ...size, mode: { participantId: 'p_kim' } }]],
  ])('that cannot be: %s', async (code, canvases) => {
    const session = await start('p_kim', { offer });
    expect(await session.setLayout(canvases, undefined)).toMatchObject({ ok: false, code });
    session.close();
  });

  test('a hundred at once are each answered, one after the other', async () => {
    const session = await start('p_lea', { offer });
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        session.setLayout([{ id: at + 1, ...size, mode: 'relevant' }], undefined),
      ),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    session.close();
  });

  test('after the end of the session: not available, and nothing thrown', async () => {
    const session = await start('p_mia', { offer });
    session.close();
    expect(await session.setLayout([{ id: 1, ...size, mode: 'relevant' }], undefined)).toMatchObject({
      ok: false,
      code: 'UNAVAILABLE',
    });
    session.setPinned('camera', true);
    session.setPaused('camera', false);
  });

  test('without slots: not available', async () => {
    const session = await start('p_ned', { offer: makeOffer([{ kind: 'application' }]) });
    expect(await session.setLayout([], undefined)).toMatchObject({ ok: false, code: 'UNAVAILABLE' });
    session.close();
  });

  test('statistics name the sources and the slots of pictures', async () => {
    const session = await start('p_ole', { offer });
    session.setPinned('camera', true);
    session.setPaused('camera', false);
    const stats = await session.stats();
    expect(stats.media).toMatchObject({
      sources: [{ name: 'microphone' }, { name: 'screenSound' }, { name: 'camera', paused: false }, {}],
      videoSlots: [{ slot: 0, csrc: 0 }, { slot: 1 }, { slot: 2 }],
    });
    expect(stats.figures.slots.filter(({ kind }) => kind === 'video')).toMatchObject([
      { slot: 0, dark: false, switches: 0 },
      { slot: 1 },
      { slot: 2 },
    ]);
    const counters = await media.counters();
    expect(counters.get('virtualStreams_videoSlots')).toBeGreaterThanOrEqual(3);
    expect(counters.get('virtualStreams_videoSlotsDark')).toBe(0);
    session.close();
  });
});

test('closing the room loses its sessions, once each', async () => {
  const other = await media.createRoom('milk');
  const told: string[] = [];
  const plan = planSession(readOfferText(clientOffer()), {
    publish: true,
    subscribe: true,
    audioSlots: 3,
    videoSlots: 3,
  });
  const request = {
    participantId: 'p_x',
    fingerprints: plan.offer.dtls.fingerprints,
    sources: [],
    receiver: receiverRequest(plan),
    dataChannels: false,
  };
  await other.createSession(request, events(told));
  other.close();
  expect(told).toEqual(['slots', 'lost peer-closed']);
  expect(other.lost).toBe(true);
});

describe('a tap for a recorder', () => {
  const recorder = { ip: '127.0.0.1', port: 9 };

  test('sends from this machine; sources and slots with what a recorder answers, and nothing that limits', async () => {
    const session = await start('p_fay', { offer: realOffer('client-chromium') });
    const tap = await room.createRecordingTap({ recorder, lost: () => undefined });
    expect(tap.address).toMatchObject({ ip: '127.0.0.1', port: expect.any(Number) as number });
    const tracks = [];
    for (const { csrc } of session.sources) tracks.push(await tap.addSource(csrc));
    expect(tracks.map(({ kind }) => kind).sort()).toEqual(['audio', 'audio', 'video', 'video']);
    const receiver = await tap.addReceiver({ audio: 3, video: 2 });
    const parameters = [...tracks.map((track) => track.rtpParameters), ...receiver.audio, ...receiver.video];
    expect(parameters).toHaveLength(9);
    for (const { codecs, headerExtensions = [], encodings = [] } of parameters) {
      const isVideo = codecs.some(({ mimeType }) => mimeType === 'video/VP8');
      expect(codecs.flatMap(({ rtcpFeedback = [] }) => rtcpFeedback.map(({ type }) => type))).toContain(
        'nack',
      );
      expect(JSON.stringify([codecs, headerExtensions])).not.toMatch(/transport-cc|transport-wide|goog-remb/);
      expect(encodings[0]?.ssrc).toBeGreaterThan(0);
      expect(encodings[0]?.rtx !== undefined).toBe(isVideo);
    }
    for (const track of tracks) await track.start();
    await receiver.start();
    tracks[0]?.close();
    // Not told: whoever closes it knows.
    tap.close();
    tap.close();
    session.close();
  });

  test('of a source that is gone: refused; of a room that is gone: lost', async () => {
    const other = await media.createRoom('milk');
    let lost = 0;
    const tap = await other.createRecordingTap({ recorder, lost: () => lost++ });
    await expect(tap.addSource(4_711)).rejects.toThrow('4711');
    other.close();
    expect(lost).toBe(1);
    await expect(other.createRecordingTap({ recorder, lost: () => undefined })).rejects.toThrow();
  });
});
