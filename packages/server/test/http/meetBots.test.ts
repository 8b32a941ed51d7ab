/** Media API clients that speak, which goes beyond Google: with `meet.extensions` only. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorOf, expectReason } from '../support/googleErrors.js';
import { makeOffer, type SectionSpec } from '../support/offers.js';
import { KEYS, TestServer } from '../support/testServer.js';

const CODE = 'abc-mnop-xyz';
const CONFIG = { rooms: [{ code: CODE, id: 'jQCFfuBOdN5z' }] };
const OPEN = { ...CONFIG, meet: { extensions: true } };
const LABELS = ['session-control', 'media-stats', 'video-assignment', 'media-entries', 'participants'];

const audio: SectionSpec = { kind: 'audio' };
const speaks: SectionSpec = { kind: 'audio', direction: 'sendonly' };
const channel: SectionSpec = { kind: 'application' };
const BOT_OFFER = makeOffer([audio, audio, audio, speaks, channel]);

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start(OPEN);
});
afterEach(() => server.close());

const enterBot = async (offer = BOT_OFFER) => {
  const answer = await server.postMeet(CODE, { offer });
  expect(answer.body['error']).toBeUndefined();
  const media = server.media.last.connect();
  for (const label of LABELS) media.open(label);
  server.scheduler.advance(300);
  return { media, answer: String(answer.body['answer']) };
};
const directions = (sdp: string): string[] =>
  [...sdp.matchAll(/^a=(sendonly|recvonly|inactive|sendrecv)/gm)].map(([, direction]) => direction ?? '');

describe('a bot that speaks', () => {
  test('is a participant, "Bot" without a token, known to the others before it is heard', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const before = ada.media.log.length;
    const { media, answer } = await enterBot();
    expect(directions(answer)).toEqual(['sendonly', 'sendonly', 'sendonly', 'recvonly']);
    expect(media.request.sources.map(({ name, paused }) => [name, paused])).toEqual([['microphone', true]]);
    expect(media.paused.get('microphone')).toBe(false);
    expect(media.request.participantId).toMatch(/^p_/);
    const told = JSON.stringify(ada.media.log.slice(before));
    expect(told).toContain('"displayName":"Bot"');
    expect(told).toContain(`"audioCsrc":${media.sources[0]?.csrc}`);
  });

  test('is seen by the other clients of the endpoint like everybody else, and gone when it leaves', async () => {
    await server.enter(CODE, 'Ada');
    await server.postMeet(CODE);
    const listener = server.media.last.connect();
    for (const label of LABELS) listener.open(label);
    const before = listener.log.length;
    const { media } = await enterBot();
    media.channels[0]?.receive({ request: { requestId: 1, leave: {} } });
    expect(
      listener.log
        .slice(before)
        .filter(({ label }) => label !== 'session-control')
        .map(({ label, message }) => `${label} ${Object.keys(message).join()}`),
    ).toEqual([
      'participants resources',
      'media-entries resources',
      'media-entries deletedResources',
      'participants deletedResources',
    ]);
    expect(media.mediaStopped).toBe(true);
  });

  test('has the name and identity of its token, and needs the right to publish', async () => {
    const guarded = await TestServer.start(OPEN, KEYS);
    const ada = await guarded.join(CODE, 'Ada', { token: await guarded.token({ room: CODE }) });
    ada.media.connect().open('tertulia');
    const refused = await guarded.postMeet(CODE, {
      offer: BOT_OFFER,
      token: await guarded.token({ room: CODE, identity: 'bot', roles: ['subscribe'] }),
    });
    expect([refused.status, errorOf(refused).status]).toEqual([403, 'PERMISSION_DENIED']);
    const token = await guarded.token({
      room: CODE,
      identity: 'bot',
      name: 'Scribe',
      roles: ['subscribe', 'publish'],
    });
    expect((await guarded.postMeet(CODE, { offer: BOT_OFFER, token })).status).toBe(200);
    guarded.media.last.connect();
    expect(JSON.stringify(ada.media.log)).toContain('"displayName":"Scribe"');
    await guarded.close();
  });

  test('alone does not keep a conference alive: it ends with the last person', async () => {
    const ada = await server.enter(CODE, 'Ada');
    const { media } = await enterBot();
    ada.media.channels[0]?.receive({ request: { requestId: 1, leave: {} } });
    expect(JSON.stringify(media.log.at(-1))).toContain('REASON_CONFERENCE_ENDED');
    expectReason(await server.postMeet(CODE), 400, 'FAILED_PRECONDITION', 'NO_ACTIVE_CONFERENCE');
    server.scheduler.advance(2_000);
    expect(server.conference.sessionCount).toBe(0);
    expect(server.media.sessions.every(({ closed }) => closed)).toBe(true);
  });

  test('is refused by media: nobody of it is left in the room', async () => {
    await server.enter(CODE, 'Ada');
    server.media.failing = true;
    expect((await server.postMeet(CODE, { offer: BOT_OFFER })).status).toBe(503);
    server.media.failing = false;
    expect(server.conference.rooms.find(CODE)?.participants.size).toBe(1);
  });

  test('counts among the participants of a room', async () => {
    const small = await TestServer.start({ ...OPEN, maxParticipants: 1 });
    await small.enter(CODE, 'Ada');
    expect((await small.postMeet(CODE, { offer: BOT_OFFER })).status).toBe(409);
    expect((await small.postMeet(CODE)).status).toBe(200);
    await small.close();
  });

  test('may send a microphone and the sound of a screen, not a third', async () => {
    await server.enter(CODE, 'Ada');
    const { media } = await enterBot(makeOffer([speaks, speaks, channel]));
    expect(media.request.sources.map(({ name }) => name)).toEqual(['microphone', 'screenSound']);
    expectReason(
      await server.postMeet(CODE, { offer: makeOffer([speaks, speaks, speaks, channel]) }),
      400,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
  });
});

test('strict: a section that sends is INVALID_OFFER', async () => {
  const strict = await TestServer.start(CONFIG);
  await strict.enter(CODE, 'Ada');
  for (const offer of [BOT_OFFER, makeOffer([audio, audio, speaks, channel])])
    expectReason(await strict.postMeet(CODE, { offer }), 400, 'INVALID_ARGUMENT', 'INVALID_OFFER');
  await strict.close();
});
