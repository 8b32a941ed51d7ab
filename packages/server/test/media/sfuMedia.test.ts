/** The media port over the real library, without a peer: what is asked for is what is there. Needs the built packages. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/logger.js';
import type { MediaPort, MediaRoom, MediaSession, MediaSessionEvents } from '../../src/media/mediaPort.js';
import { createSfuMedia } from '../../src/media/sfuMedia.js';
import { receiverRequest, sourceRequests } from '../../src/sdp/mediaRequest.js';
import { readOfferText } from '../../src/sdp/offerReader.js';
import { planSession } from '../../src/sdp/sessionPlan.js';
import { clientOffer, makeOffer } from '../support/offers.js';

let media: MediaPort;
let room: MediaRoom;
let port: number;

beforeAll(async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  ({ port } = socket.address());
  socket.close();
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
    expect(session.ice.candidates).toMatchObject([{ address: '127.0.0.1', port, protocol: 'udp' }]);
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
      transport: { iceState: 'new' },
      sources: [{ name: 'microphone', paused: false }],
      slots: [{ slot: 0, csrc: 0 }, { slot: 1 }, { slot: 2 }],
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
