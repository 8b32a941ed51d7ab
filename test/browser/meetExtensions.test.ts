/** Clients of the Meet Media API endpoint beyond what Google has, in Chromium: `meet.extensions: true`. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { MeetPage, type MeetVariant } from './support/meet.js';
import { Senders } from './support/senders.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

const ROOM = 'abc-mnop-xyz';
const NAMES = ['ada', 'ben', 'cleo', 'dora'];
const WAIT = { timeout: 5_000 };

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let senders: Senders;
let meet: MeetPage;

const joinAs = async (name: string, variant: MeetVariant = {}): Promise<void> => {
  await meet.join(name, `spaces/${ROOM}`, variant);
  const joined = async (): Promise<boolean> => (await meet.state(name)).status === 'STATE_JOINED';
  await vi.waitUntil(joined, { timeout: 10_000 });
};

beforeAll(async () => {
  pages = await serveTestPages();
  const config = await MeetPage.configWithRoom(ROOM, 'jQCFfuBOdN5z', { meet: { extensions: true } });
  server = await startServer(['--cors-origin', pages.origin, '--config', config]);
  browser = await launchChromium();
  senders = new Senders((await openTestPage(browser, pages.origin, server.url)).page);
  for (const name of NAMES) {
    await senders.enter(name, ROOM);
    await senders.film(name, true);
  }
  meet = new MeetPage((await openTestPage(browser, pages.origin, server.url)).page, server.url);
  await joinAs('strict');
  await joinAs('bot', { audio: 4, video: 5, speaks: true });
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
});

const entryOf = async (client: string, name: string) =>
  (await meet.state(client)).entries.find((entry) => entry.name === name);

test('H11 S11 S12 two clients at once, one with four audio and five video sections', async () => {
  expect((await meet.state('bot')).trackEvents).toBe(9);
  expect((await meet.state('strict')).trackEvents).toBe(6);
});

test('a client that speaks is a participant, and is heard by the others, not by itself', async () => {
  await expect.poll(() => entryOf('strict', 'Bot'), WAIT).toBeDefined();
  const bot = await entryOf('strict', 'Bot');
  await expect
    .poll(async () => (await meet.heard('strict')).map(({ csrc }) => csrc), WAIT)
    .toContain(bot?.audioCsrc);
  expect((await meet.heard('bot')).map(({ csrc }) => csrc)).not.toContain(bot?.audioCsrc);
});

test('V06 direct shows whom it names, by media entry or by participant, beside what is relevant', async () => {
  const [ada, dora] = [await entryOf('bot', 'ada'), await entryOf('bot', 'dora')];
  const dimensions = { width: 320, height: 180 };
  expect(
    await meet.applyCanvases('bot', [
      { id: 1, dimensions, direct: { mediaEntryId: dora?.id } },
      { id: 2, dimensions, relevant: {} },
      { id: 3, dimensions, direct: { mediaEntryId: ada?.id } },
      { id: 4, dimensions, relevant: {} },
    ]),
  ).toMatchObject({ code: 0 });
  await expect
    .poll(async () => (await meet.seen('bot')).filter(({ ssrc }) => ssrc !== 0).length, WAIT)
    .toBe(4);
  const { assignment, entries } = await meet.state('bot');
  const names = Object.fromEntries(
    (assignment?.canvases ?? []).map(({ canvasId, mediaEntryId }) => [
      canvasId,
      entries.find(({ id }) => id === mediaEntryId)?.name,
    ]),
  );
  expect([names[1], names[3]]).toEqual(['dora', 'ada']);
  expect([names[2], names[4]].sort()).toEqual(['ben', 'cleo']);
  for (const { ssrc, csrcs } of await meet.seen('bot')) {
    const canvas = assignment?.canvases.find((one) => one.ssrc === ssrc);
    if (canvas) expect(csrcs).toEqual([entries.find(({ id }) => id === canvas.mediaEntryId)?.videoCsrc]);
  }
});

test('who is named and turns the camera off keeps the canvas, without a picture', async () => {
  await senders.film('dora', false);
  const ofDora = async (): Promise<unknown> => {
    const { id } = (await entryOf('bot', 'dora')) ?? {};
    return (await meet.state('bot')).assignment?.canvases.find(({ mediaEntryId }) => mediaEntryId === id);
  };
  await expect.poll(async () => JSON.stringify(await ofDora()), WAIT).not.toContain('ssrc');
  expect(await ofDora()).toMatchObject({ canvasId: 1 });
  await senders.film('dora', true);
  await expect.poll(async () => JSON.stringify(await ofDora()), WAIT).toContain('ssrc');
});

test('each client leaves alone', async () => {
  await meet.request('bot', 'session-control', { leave: {} });
  await expect.poll(() => entryOf('strict', 'Bot'), WAIT).toBeUndefined();
  const { status, errors } = await meet.state('strict');
  expect([status, errors]).toEqual(['STATE_JOINED', []]);
});
