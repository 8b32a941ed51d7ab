/** Pictures at the Meet endpoint, over the whole server but for media. Names bear the ids of docs/meet.md. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FakeSession } from '../support/fakeMedia.js';
import { expectReason } from '../support/googleErrors.js';
import { makeOffer, realOffer, type SectionSpec } from '../support/offers.js';
import { TestServer, type Joined } from '../support/testServer.js';

const CODE = 'abc-mnop-xyz';
const CONFIG = { rooms: [{ code: CODE, id: 'jQCFfuBOdN5z' }] };
const LABELS = ['session-control', 'media-stats', 'video-assignment', 'media-entries', 'participants'];
const SENDING: SectionSpec[] = (['audio', 'audio', 'video', 'video'] as const).map((kind) => ({
  kind,
  direction: 'sendonly',
}));

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start(CONFIG);
});
afterEach(() => server.close());

/** Somebody with a microphone, a camera, a screen and its sound. */
const enter = async (name: string, at = server): Promise<Joined> => {
  const joined = await at.join(CODE, name, { offer: makeOffer([...SENDING, { kind: 'application' }]) });
  joined.media.connect().open('tertulia');
  return joined;
};
let asked = 0;
const setMuted = ({ media }: Joined, source: string, muted: boolean): void =>
  media.channels[0]?.receive({ request: { requestId: ++asked, setMuted: { source, muted } } });
const csrcOf = ({ media }: Joined, name: string): number =>
  media.sources.find((source) => source.name === name)?.csrc ?? 0;

const meetOffer = (video: number): string =>
  makeOffer([
    ...Array.from({ length: 3 }, () => ({ kind: 'audio' as const })),
    { kind: 'application' },
    ...Array.from({ length: video }, () => ({ kind: 'video' as const })),
  ]);
const enterMeet = async (video = 3, at = server): Promise<FakeSession> => {
  expect((await at.postMeet(CODE, { offer: meetOffer(video) })).status).toBe(200);
  const media = at.media.last.connect();
  for (const label of LABELS) media.open(label);
  at.scheduler.advance(300);
  return media;
};
const on = (media: FakeSession, label: string): Record<string, unknown>[] =>
  media.log.filter((one) => one.label === label).map(({ message }) => message);
interface Entry {
  id: number;
  mediaEntry: Record<string, unknown>;
}
const entries = (media: FakeSession): Entry[] =>
  on(media, 'media-entries').flatMap(({ resources = [] }) => resources as Entry[]);
const canvas = (id: number, more: object = { relevant: {} }): object => ({
  id,
  dimensions: { height: 180, width: 320 },
  ...more,
});
/** Gives the response, and lets the fake answer in between. */
const ask = async (bot: FakeSession, requestId: number, canvases: object[], label = 'l'): Promise<void> => {
  const setAssignment = { layoutModel: { label, canvases } };
  bot.channels
    .find((channel) => channel.label === 'video-assignment')
    ?.receive({ request: { requestId, setAssignment } });
  await new Promise((resolve) => setImmediate(resolve));
};
const codes = (bot: FakeSession): number[] =>
  on(bot, 'video-assignment').flatMap(({ response }) =>
    response ? [(response as { status: { code: number } }).status.code] : [],
  );

describe('media entries', () => {
  test('D07 D10 one entry with sound and picture; a camera starts muted, and keeps id and CSRCs when it is not', async () => {
    const ada = await enter('Ada');
    const bot = await enterMeet();
    setMuted(ada, 'camera', false);
    setMuted(ada, 'camera', true);
    const told = entries(bot);
    expect(told.map(({ mediaEntry }) => mediaEntry['videoMuted'])).toEqual([true, false, true]);
    for (const { id, mediaEntry } of told) {
      expect(id).toBe(told[0]?.id);
      expect(mediaEntry).toMatchObject({
        audioCsrc: csrcOf(ada, 'microphone'),
        videoCsrcs: [csrcOf(ada, 'camera')],
        audioMuted: false,
        screenshare: false,
        presenter: false,
      });
    }
    expect(ada.media.paused.get('camera')).toBe(true);
  });

  test('D07 who has no camera has a CSRC kept free for one, unlike all others', async () => {
    await server.enter(CODE, 'Ada');
    await enter('Ben');
    const bot = await enterMeet();
    const numbers = entries(bot).flatMap(({ mediaEntry }) => [
      mediaEntry['audioCsrc'],
      ...(mediaEntry['videoCsrcs'] as number[]),
    ]);
    expect(numbers).toHaveLength(4);
    expect(new Set(numbers).size).toBe(4);
    for (const number of numbers) expect([0, 42]).not.toContain(number);
  });

  test('D11 a shared screen: another entry with the same key; its sound joins it; gone with the last of the two', async () => {
    const ada = await enter('Ada');
    const bot = await enterMeet();
    const [main] = entries(bot);
    setMuted(ada, 'screen', false);
    setMuted(ada, 'screenSound', false);
    const [, screen, withSound] = entries(bot);
    expect(screen?.mediaEntry).toMatchObject({
      participantKey: main?.mediaEntry['participantKey'],
      screenshare: true,
      videoMuted: false,
      audioMuted: true,
      videoCsrcs: [csrcOf(ada, 'screen')],
    });
    expect(withSound).toMatchObject({ id: screen?.id, mediaEntry: { audioMuted: false } });
    for (const key of ['sessionName', 'audioCsrc', 'videoCsrcs'])
      expect(screen?.mediaEntry[key]).not.toEqual(main?.mediaEntry[key]);
    setMuted(ada, 'screen', true);
    expect(entries(bot).at(-1)).toMatchObject({ id: screen?.id, mediaEntry: { videoMuted: true } });
    setMuted(ada, 'screenSound', true);
    expect(on(bot, 'media-entries').at(-1)).toEqual({
      deletedResources: [{ id: screen?.id, mediaEntry: true }],
    });
    // Shared again: another entry with another name, the numbers of before.
    setMuted(ada, 'screen', false);
    const again = entries(bot).at(-1);
    expect(again?.id).not.toBe(screen?.id);
    expect(again?.mediaEntry['sessionName']).not.toBe(screen?.mediaEntry['sessionName']);
    expect(again?.mediaEntry['videoCsrcs']).toEqual(screen?.mediaEntry['videoCsrcs']);
  });

  test('D09 D12 a rename sends both entries again; with a leave both go before their participant', async () => {
    await server.enter(CODE, 'Ben');
    const ada = await enter('Ada');
    setMuted(ada, 'screen', false);
    const bot = await enterMeet();
    const start = bot.log.length;
    ada.media.channels[0]?.receive({ request: { requestId: ++asked, rename: { displayName: 'Ada L' } } });
    ada.media.channels[0]?.receive({ request: { requestId: ++asked, leave: {} } });
    expect(
      bot.log.slice(start).map(({ label, message }) => `${label} ${Object.keys(message).join()}`),
    ).toEqual([
      'participants resources',
      'media-entries resources',
      'media-entries resources',
      'media-entries deletedResources',
      'media-entries deletedResources',
      'participants deletedResources',
    ]);
  });
});

describe('video-assignment', () => {
  test('V01 V08 the layout reaches the media side; its answer is told as response, then assignment', async () => {
    const ada = await enter('Ada');
    setMuted(ada, 'camera', false);
    const bot = await enterMeet();
    const ssrc = bot.videoSlots[0]?.rtpParameters.encodings?.[0]?.ssrc;
    const shown = {
      canvasId: 1,
      slot: 0,
      ssrc,
      csrc: csrcOf(ada, 'camera'),
      participantId: ada.participantId,
      active: true,
    };
    bot.layoutResult = { ok: true, assignments: [shown] };
    await ask(bot, 1, [canvas(1)], 'mine');
    expect(bot.layouts).toEqual([
      { canvases: [{ id: 1, width: 320, height: 180, mode: 'relevant' }], maxResolution: undefined },
    ]);
    const mediaEntryId = entries(bot)[0]?.id;
    expect(on(bot, 'video-assignment')).toEqual([
      { response: { requestId: 1, status: { code: 0, message: '', details: [] }, setAssignment: {} } },
      {
        resources: [{ videoAssignment: { label: 'mine', canvases: [{ canvasId: 1, ssrc, mediaEntryId }] } }],
      },
    ]);
  });

  test('V13 the media side is not asked by a session without video sections', async () => {
    await enter('Ada');
    const bot = await enterMeet(0);
    await ask(bot, 1, [canvas(1)]);
    expect([codes(bot), bot.layouts]).toEqual([[9], []]);
  });

  test('V06 direct: code 12 when strict; with extensions the entry or the participant that it names', async () => {
    await enter('Ada');
    const strict = await enterMeet();
    await ask(strict, 1, [canvas(1, { direct: { mediaEntryId: entries(strict)[0]?.id } })]);
    expect([codes(strict), strict.layouts]).toEqual([[12], []]);

    const open = await TestServer.start({ ...CONFIG, meet: { extensions: true } });
    const ada = await enter('Ada', open);
    const bot = await enterMeet(3, open);
    const [entry] = entries(bot);
    await ask(bot, 1, [
      canvas(1, { direct: { mediaEntryId: entry?.id } }),
      canvas(2, { direct: { participantId: entry?.mediaEntry['participantId'] } }),
    ]);
    expect(codes(bot)).toEqual([0]);
    expect(bot.layouts[0]?.canvases.map(({ mode }) => mode)).toEqual([
      { csrc: csrcOf(ada, 'camera') },
      { participantId: ada.participantId },
    ]);
    await open.close();
  });

  test('S12 V03 with extensions a client has as many pictures as it has sections, sixteen at most', async () => {
    const open = await TestServer.start({ ...CONFIG, meet: { extensions: true } });
    await enter('Ada', open);
    const bot = await enterMeet(16, open);
    const all = Array.from({ length: 16 }, (_, at) => canvas(at + 1));
    await ask(bot, 1, all);
    await ask(bot, 2, [...all, canvas(17)]);
    expect(codes(bot)).toEqual([0, 3]);
    expectReason(
      await open.postMeet(CODE, { offer: meetOffer(17) }),
      400,
      'INVALID_ARGUMENT',
      'INVALID_OFFER',
    );
    await open.close();
  });

  test('a layout that is on its way when the client leaves says nothing after the goodbye', async () => {
    await enter('Ada');
    const bot = await enterMeet();
    bot.channels
      .find(({ label }) => label === 'video-assignment')
      ?.receive({ request: { requestId: 1, setAssignment: { layoutModel: { label: 'l', canvases: [] } } } });
    bot.channels[0]?.receive({ request: { requestId: 1, leave: {} } });
    const count = bot.log.length;
    await new Promise((resolve) => setImmediate(resolve));
    expect(bot.log).toHaveLength(count);
  });
});

describe('answers', () => {
  const sectionsOf = (sdp: string): string[] =>
    sdp.split(/^m=/m).filter((section) => section.startsWith('video'));

  test('S10 the order of the C++ client, without H264 in the offer: none in the answer; with it, its own kind only', async () => {
    await enter('Ada');
    const offer = realOffer('meet-native-order');
    const without = offer
      .split(/(?=^m=)/m)
      .map((section) => {
        const types = [...section.matchAll(/^a=rtpmap:(\d+) H264/gm)].flatMap(([, type]) => [
          type ?? '',
          ...[...section.matchAll(new RegExp(`^a=fmtp:(\\d+) apt=${type}\\r$`, 'gm'))].map(
            ([, rtx]) => rtx ?? '',
          ),
        ]);
        const lines = section
          .split('\r\n')
          .filter(
            (line) => !types.some((type) => new RegExp(`^a=(rtpmap|fmtp|rtcp-fb):${type} `).test(line)),
          );
        return types.reduce(
          (text, type) => text.replace(new RegExp(`^(m=video.*) ${type}\\b`, 'm'), '$1'),
          lines.join('\r\n'),
        );
      })
      .join('');
    expect(without).not.toContain('H264');
    const answer = String((await server.postMeet(CODE, { offer: without })).body['answer']);
    expect(answer).not.toContain('H264');
    for (const section of sectionsOf(answer))
      for (const codec of ['VP8', 'VP9', 'AV1']) expect(section).toContain(codec);
    server.media.last.connect().events.lost('consent-lost');
    const whole = String((await server.postMeet(CODE, { offer })).body['answer']);
    for (const section of sectionsOf(whole))
      for (const [, parameters] of section.matchAll(/^a=fmtp:\d+ (.*profile-level-id.*)\r$/gm))
        expect(parameters).toMatch(/packetization-mode=1/);
  });

  test('a video section without any codec of the rooms is INVALID_OFFER', async () => {
    await enter('Ada');
    for (const offer of [meetOffer(1), meetOffer(2)])
      expectReason(
        await server.postMeet(CODE, { offer: offer.replaceAll('VP8/90000', 'H263/90000') }),
        400,
        'INVALID_ARGUMENT',
        'INVALID_OFFER',
      );
  });
});
