/**
 * Pictures for a client of the Meet Media API endpoint, in Chromium: a page that does on the wire what the specification says
 * of the reference client, and people with cameras in another tab. Test names bear the ids of docs/meet.md.
 */
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { MeetPage, type MeetPicture, type MeetState, type MeetVariant } from './support/meet.js';
import { Senders } from './support/senders.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

const ROOM = 'abc-mnop-xyz';
const NAMES = ['ada', 'ben', 'cleo', 'dora'];
const SMALL = { width: 320, height: 180 };
/** In which a picture must be there: the sheet's V15. */
const MAPPED_MS = 3_000;

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let senders: Senders;
let meet: MeetPage;
let pageErrors: string[];

beforeAll(async () => {
  pages = await serveTestPages();
  const config = await MeetPage.configWithRoom(ROOM, 'jQCFfuBOdN5z');
  server = await startServer(['--cors-origin', pages.origin, '--config', config]);
  browser = await launchChromium();
  senders = new Senders((await openTestPage(browser, pages.origin, server.url)).page);
  for (const name of NAMES) await senders.enter(name, ROOM);
  for (const name of ['ada', 'ben', 'cleo'])
    expect(await senders.film(name, true)).toMatchObject({ code: 0 });
  const tab = await openTestPage(browser, pages.origin, server.url);
  pageErrors = tab.errors;
  meet = new MeetPage(tab.page, server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
});
/** One client per conference: what a failed test leaves behind must not refuse the next ones. */
const guests: string[] = [];
afterEach(async () => {
  for (const name of guests.splice(0)) await leave(name).catch(() => undefined);
});

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const joinAs = async (name: string, variant: MeetVariant = {}): Promise<void> => {
  await meet.join(name, `spaces/${ROOM}`, variant);
  const joined = async (): Promise<boolean> => (await meet.state(name)).status === 'STATE_JOINED';
  await vi.waitUntil(joined, { timeout: 10_000 });
};
const leave = (name: string): Promise<unknown> => meet.request(name, 'session-control', { leave: {} });

/** By name, the entries that a canvas shows. */
const onCanvases = ({ assignment, entries }: MeetState): (string | undefined)[] =>
  (assignment?.canvases ?? []).map(({ mediaEntryId }) => entries.find(({ id }) => id === mediaEntryId)?.name);
const entryOf = async (client: string, name: string, screenshare = false) =>
  (await meet.state(client)).entries.find(
    (entry) => entry.name === name && entry.screenshare === screenshare,
  );
/** Of the pictures that move now, the CSRCs. */
const csrcsOf = (pictures: readonly MeetPicture[]): number[] => pictures.flatMap(({ csrcs }) => csrcs);
const moving = async (client: string): Promise<number> =>
  (await meet.seen(client)).filter(({ ssrc }) => ssrc !== 0).length;
/** The SSRC of each video section of an answer; what repairs it is left out. */
const videoSsrcs = (answer: string): number[] =>
  answer
    .split(/^m=/m)
    .filter((section) => section.startsWith('video'))
    .map((section) => Number(/^a=ssrc:(\d+) /m.exec(section)?.[1]));

describe('a client with three video sections', () => {
  beforeAll(() => joinAs('bot'));
  afterAll(async () => {
    if ((await meet.state('bot')).status === 'STATE_JOINED') await leave('bot');
  });

  test('S17 every SSRC of the answer is another one, and none is a CSRC', async () => {
    const { answer, entries } = await meet.state('bot');
    const ssrcs = [...new Set([...answer.matchAll(/^a=ssrc:(\d+) /gm)].map(([, ssrc]) => Number(ssrc)))];
    expect(ssrcs).toHaveLength(3 + 3 * 2);
    const csrcs = entries.flatMap(({ audioCsrc, videoCsrc }) => [audioCsrc, videoCsrc]);
    expect(new Set([...ssrcs, ...csrcs]).size).toBe(ssrcs.length + csrcs.length);
  });

  test('V02 no video before a layout', async () => {
    await pause(1_500);
    expect((await meet.seen('bot')).map(({ packets }) => packets)).toEqual([0, 0, 0]);
  });

  test('V01 V03 V15 M10 a layout of three canvases: code 0; three entries have a picture within 3 s, each with its CSRC', async () => {
    const status = await meet.applyNewLayout('bot', [SMALL, SMALL, SMALL]);
    expect(status).toEqual({ code: 0, message: '', details: [] });
    const mapped = async (): Promise<number> =>
      (await meet.state('bot')).entries.filter(({ videoTrack }) => videoTrack !== undefined).length;
    await expect.poll(mapped, { timeout: MAPPED_MS, interval: 50 }).toBe(3);
    const state = await meet.state('bot');
    const answered = videoSsrcs(state.answer);
    const { label, canvases = [] } = state.assignment ?? {};
    expect(label).toMatch(/^\d{13}$/);
    expect(canvases.map(({ canvasId }) => canvasId)).toEqual([1, 2, 3]);
    expect(new Set(canvases.map(({ ssrc }) => ssrc))).toEqual(new Set(answered));
    expect(new Set(onCanvases(state))).toEqual(new Set(['ada', 'ben', 'cleo']));
    const pictures = await meet.seen('bot');
    for (const { ssrc, mediaEntryId } of canvases) {
      const entry = state.entries.find(({ id }) => id === mediaEntryId);
      const picture = pictures[entry?.videoTrack ?? -1];
      expect([picture?.ssrc, picture?.csrcs]).toEqual([ssrc, [entry?.videoCsrc]]);
      expect(entry?.videoMuted).toBe(false);
    }
    // The response came before the assignment.
    const told = state.messages.filter((message) => message.label === 'video-assignment' && message.data);
    expect(told.map(({ data = '' }) => Object.keys(JSON.parse(data) as object).join())).toEqual([
      'response',
      'resources',
    ]);
  });

  test('M08 the key frames that the switches needed were made; every publisher sends VP8', async () => {
    for (const name of ['ada', 'ben', 'cleo']) {
      const { keyFrames, codec } = await senders.encoded(name);
      expect([keyFrames > 0, codec]).toEqual([true, 'video/VP8']);
    }
  });

  test('V04 V05 V06 refused layouts have their codes, and the pictures go on', async () => {
    const canvas = (id: number, more: object = {}): object => ({
      id,
      dimensions: SMALL,
      relevant: {},
      ...more,
    });
    const codeOf = async (canvases: object[]): Promise<number> => {
      const setAssignment = { layoutModel: { label: 'refused', canvases } };
      const response = await meet.request('bot', 'video-assignment', { setAssignment });
      return (response as { status: { code: number } }).status.code;
    };
    expect(await codeOf([1, 2, 3, 4].map((id) => canvas(id)))).toBe(3);
    expect(await codeOf([canvas(1), canvas(1)])).toBe(3);
    expect(await codeOf([canvas(0)])).toBe(3);
    expect(await codeOf([{ id: 1, relevant: {} }])).toBe(3);
    expect(await codeOf([canvas(1, { dimensions: { width: 0, height: 180 } })])).toBe(3);
    expect(await codeOf([{ id: 1, dimensions: SMALL, direct: {} }])).toBe(12);
    expect((await meet.state('bot')).assignment?.label).not.toBe('refused');
    expect(await moving('bot')).toBe(3);
  });

  test('V08 the same canvases again: the new label, the same people on the same canvases', async () => {
    const before = (await meet.state('bot')).assignment;
    expect(await meet.applyLayoutAgain('bot', [3, 1, 2])).toMatchObject({ code: 0 });
    await expect
      .poll(async () => (await meet.state('bot')).assignment?.label, { timeout: MAPPED_MS })
      .not.toBe(before?.label);
    const byCanvas = (assignment: MeetState['assignment']): unknown =>
      [...(assignment?.canvases ?? [])].sort((a, b) => a.canvasId - b.canvasId);
    expect(byCanvas((await meet.state('bot')).assignment)).toEqual(byCanvas(before));
  });

  test('V09 V10 D10 a camera that goes off: the entry says so, no frame bears its CSRC; another fills the canvas unasked', async () => {
    const ben = await entryOf('bot', 'ben');
    expect(await senders.film('ben', false)).toMatchObject({ code: 0 });
    await expect
      .poll(() => entryOf('bot', 'ben'), { timeout: MAPPED_MS })
      .toMatchObject({
        id: ben?.id,
        videoCsrc: ben?.videoCsrc,
        videoMuted: true,
      });
    await expect
      .poll(async () => csrcsOf(await meet.seen('bot')), { timeout: MAPPED_MS })
      .not.toContain(ben?.videoCsrc);
    const withPicture = async (): Promise<number> =>
      ((await meet.state('bot')).assignment?.canvases ?? []).filter(({ ssrc }) => ssrc !== undefined).length;
    await expect.poll(withPicture, { timeout: MAPPED_MS }).toBe(2);
    // Dora's camera was off until now: she comes where Ben was, without another request.
    expect(await senders.film('dora', true)).toMatchObject({ code: 0 });
    const dora = await entryOf('bot', 'dora');
    await expect
      .poll(async () => onCanvases(await meet.state('bot')), { timeout: MAPPED_MS })
      .toContain('dora');
    await expect
      .poll(async () => csrcsOf(await meet.seen('bot')), { timeout: MAPPED_MS })
      .toContain(dora?.videoCsrc);
    await expect
      .poll(async () => (await entryOf('bot', 'dora'))?.videoTrack, { timeout: MAPPED_MS })
      .toBeTypeOf('number');
  });

  test('D11 V11 a shared screen is an entry of its own and among the assigned; it is gone when it stops', async () => {
    const main = await entryOf('bot', 'cleo');
    expect(await senders.share('cleo', true)).toMatchObject({ code: 0 });
    await expect.poll(() => entryOf('bot', 'cleo', true), { timeout: MAPPED_MS }).toBeDefined();
    const screen = await entryOf('bot', 'cleo', true);
    expect((await meet.state('bot')).screenshare).toBe(screen?.id);
    expect(screen?.id).not.toBe(main?.id);
    expect(screen?.sessionName).not.toBe(main?.sessionName);
    expect(screen?.sessionName.split('/').slice(0, 2)).toEqual(main?.sessionName.split('/').slice(0, 2));
    expect([main?.audioCsrc, main?.videoCsrc]).not.toContain(screen?.videoCsrc);
    await expect
      .poll(async () => csrcsOf(await meet.seen('bot')), { timeout: MAPPED_MS })
      .toContain(screen?.videoCsrc);
    expect((await meet.state('bot')).assignment?.canvases.map(({ mediaEntryId }) => mediaEntryId)).toContain(
      screen?.id,
    );
    expect(await senders.share('cleo', false)).toMatchObject({ code: 0 });
    await expect.poll(() => entryOf('bot', 'cleo', true), { timeout: MAPPED_MS }).toBeUndefined();
    await expect
      .poll(async () => csrcsOf(await meet.seen('bot')), { timeout: MAPPED_MS })
      .not.toContain(screen?.videoCsrc);
    expect((await entryOf('bot', 'cleo'))?.id).toBe(main?.id);
  });

  test('D09 D12 D13 who was renamed and leaves is taken off its canvas, without a page error', async () => {
    const dora = await entryOf('bot', 'dora');
    await senders.rename('dora', 'Dora the second');
    await expect.poll(() => entryOf('bot', 'Dora the second'), { timeout: MAPPED_MS }).toBeDefined();
    await senders.leave('dora');
    await expect
      .poll(async () => (await meet.state('bot')).entries.map(({ id }) => id), { timeout: MAPPED_MS })
      .not.toContain(dora?.id);
    await expect
      .poll(async () => csrcsOf(await meet.seen('bot')), { timeout: MAPPED_MS })
      .not.toContain(dora?.videoCsrc);
    expect(onCanvases(await meet.state('bot'))).not.toContain('Dora the second');
  });

  test('M07 over all these switches no packet was missing and no picture froze for the numbers', async () => {
    for (const { lost, frames } of await meet.seen('bot')) {
      expect(lost).toBe(0);
      expect(frames).toBeGreaterThan(0);
    }
  });

  test('V12 a hundred layouts at once: every id is answered at most once, the last accepted one holds', async () => {
    const before = (await meet.state('bot')).messages.length;
    const flood = Array.from({ length: 100 }, (_, at) => {
      const canvases = [{ id: 1, dimensions: SMALL, relevant: {} }];
      const setAssignment = { layoutModel: { label: `flood ${at + 1}`, canvases } };
      return JSON.stringify({ request: { requestId: 1_001 + at, setAssignment } });
    });
    await meet.sendAll('bot', 'video-assignment', flood);
    await pause(1_500);
    const { messages, status, assignment } = await meet.state('bot');
    const answers = messages.slice(before).flatMap(({ label, data }) => {
      if (label !== 'video-assignment' || data === undefined) return [];
      const { response } = JSON.parse(data) as { response?: { requestId: number; status: { code: number } } };
      return response ? [response] : [];
    });
    expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(answers.length);
    expect(new Set(answers.map((answer) => answer.status.code))).toEqual(new Set([0, 8]));
    const last = answers.filter((answer) => answer.status.code === 0).at(-1);
    expect([status, assignment?.label]).toEqual(['STATE_JOINED', `flood ${(last?.requestId ?? 0) - 1_000}`]);
  });

  test('V07 a layout without canvases: the video stops', async () => {
    await pause(500);
    expect(await meet.applyLayoutAgain('bot', [])).toMatchObject({ code: 0 });
    await pause(500);
    const before = (await meet.seen('bot')).map(({ packets }) => packets);
    await pause(1_000);
    expect((await meet.seen('bot')).map(({ packets }) => packets)).toEqual(before);
    expect((await meet.state('bot')).assignment?.canvases).toEqual([]);
  });

  test('D02 D14 L03 messages were strictly typed, nothing was thrown; after the leave no packet of video', async () => {
    await meet.applyLayoutAgain('bot', [1, 2]);
    await expect.poll(() => moving('bot'), { timeout: MAPPED_MS }).toBe(2);
    await leave('bot');
    const { messages, errors, status } = await meet.state('bot');
    expect([status, errors, pageErrors]).toEqual(['STATE_DISCONNECTED', [], []]);
    for (const { data } of messages) expect(data ?? '').not.toContain('null');
    const packets = (await meet.seen('bot')).map((picture) => picture.packets);
    // The transport is kept for another second, so that the last words arrive.
    await pause(2_000);
    const bytes = await meet.transportBytes('bot');
    await pause(1_500);
    expect((await meet.seen('bot')).map((picture) => picture.packets)).toEqual(packets);
    expect(await meet.transportBytes('bot')).toBe(bytes);
  });
});

/** Joins, asks for one picture, and gives it once it moves. */
async function watch(
  name: string,
  variant: MeetVariant,
): Promise<{ picture: MeetPicture; state: MeetState }> {
  guests.push(name);
  await joinAs(name, variant);
  expect(await meet.applyNewLayout(name, [SMALL])).toMatchObject({ code: 0 });
  await expect.poll(() => moving(name), { timeout: 5_000 }).toBe(1);
  const picture = (await meet.seen(name)).find(({ ssrc }) => ssrc !== 0);
  if (!picture) throw new Error('the picture does not move');
  const state = await meet.state(name);
  return { picture, state };
}

test.each([
  ['S09', 'VP9'],
  ['S10', 'H264'],
])('%s an offer without %s: it is not answered, and pictures come as VP8', async (id, codec) => {
  const { picture, state } = await watch(id, { withoutCodecs: [`video/${codec}`] });
  expect(state.offer).not.toContain(` ${codec}/`);
  expect(state.answer).not.toContain(` ${codec}/`);
  expect(picture.codec).toBe('video/VP8');
});

test('M11 without the SSRC lines of the answer sound and pictures find their sections by MID', async () => {
  await senders.speak({ ada: 1 });
  const { picture } = await watch('M11', { editAnswer: [['^a=ssrc(-group)?:.*\r\n', '']] });
  expect(picture.frames).toBeGreaterThan(0);
  const ada = await entryOf('M11', 'ada');
  await expect
    .poll(async () => (await meet.heard('M11')).map(({ csrc }) => csrc), { timeout: 5_000 })
    .toContain(ada?.audioCsrc);
  await senders.speak({ ada: 0 });
});

test('M13 three talkers are mapped, and the mark of the loudest is seen by the one look that the client takes', async () => {
  await senders.speak({ ada: 1, ben: 0.1, cleo: 0.1 });
  // Between two words nobody is the loudest: a client that comes at such a moment sees no mark.
  for (let again = 0; ; again++) {
    const name = `M13 ${again}`;
    guests.push(name);
    await joinAs(name);
    const mapped = async () => (await meet.state(name)).entries.filter(({ assigned }) => assigned);
    await expect.poll(async () => (await mapped()).length, { timeout: MAPPED_MS }).toBe(3);
    const entries = await mapped();
    expect(new Set(entries.map(({ assigned }) => assigned?.track)).size).toBe(3);
    const loudest = entries.filter(({ assigned }) => assigned?.loudest);
    if (loudest.length > 0 || again === 4) {
      expect(loudest.map((entry) => entry.name)).toEqual(['ada']);
      break;
    }
    await leave(name);
  }
  await senders.speak({ ada: 0, ben: 0, cleo: 0 });
});

test('S08 another payload type of Opus is answered and used on the wire', async () => {
  await senders.speak({ ada: 1 });
  const { state } = await watch('S08', { editOffer: [['\\b111\\b', '121']] });
  expect(state.offer).toContain('a=rtpmap:121 opus/48000/2');
  expect(state.answer).toContain('a=rtpmap:121 opus/48000/2');
  const ada = await entryOf('S08', 'ada');
  await expect
    .poll(async () => (await meet.heard('S08')).map(({ csrc }) => csrc), { timeout: 5_000 })
    .toContain(ada?.audioCsrc);
  await senders.speak({ ada: 0 });
});

test('V13 a client without video sections has no such channel; one that opens it is refused by code 9', async () => {
  await joinAs('sound', { video: 0 });
  guests.push('sound');
  expect(Object.keys((await meet.state('sound')).channels)).not.toContain('video-assignment');
  await meet.openChannel('sound', 'video-assignment');
  expect(await meet.applyNewLayout('sound', [SMALL])).toMatchObject({ code: 9 });
  const setAssignment = { layoutModel: { label: 'none', canvases: [] } };
  expect(await meet.request('sound', 'video-assignment', { setAssignment })).toMatchObject({
    status: { code: 9 },
  });
});

test('S03 a client with video alone: data first, one picture', async () => {
  const { state } = await watch('pictures', { audio: 0, video: 1 });
  const kinds = (sdp: string): string[] => [...sdp.matchAll(/^m=(\w+)/gm)].map(([, kind]) => kind ?? '');
  expect([kinds(state.offer), kinds(state.answer)]).toEqual([
    ['application', 'video'],
    ['application', 'video'],
  ]);
});
