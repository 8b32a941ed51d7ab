/** The page of figures in Chromium: what is drawn, who may look, and what happens when the server has nothing to say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BrowserContextOptions, Page, Route } from 'playwright-core';
import type { RoomStats } from '../src/stats/roomStats.js';
import { CSRC, person, room, slot, START_MS } from './support/figures.js';
import { startHarness, type Harness } from './support/page.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.close());

interface Server {
  page: Page;
  /** Authorization headers of the requests so far. */
  asked: (string | undefined)[];
  /** What is answered from now on; a second passes in it with each. */
  answer: (atMs: number) => RoomStats | number;
}

async function open(answer: Server['answer'], options: BrowserContextOptions = {}): Promise<Server> {
  const server: Omit<Server, 'page'> = { asked: [], answer };
  let atMs = START_MS;
  const respond = async (route: Route): Promise<void> => {
    server.asked.push(route.request().headers()['authorization']);
    const body = server.answer((atMs += 1000));
    if (typeof body === 'number') await route.fulfill({ status: body, json: { code: 'X' } });
    else await route.fulfill({ json: body });
  };
  const page = await harness.visit(
    '/r/tea/stats',
    async (prepared) => {
      await prepared.route('**/v1/rooms/tea/stats', respond);
    },
    options,
  );
  return Object.assign(server, { page });
}

const cardOf = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

describe('figures', () => {
  let server: Server;
  let page: Page;
  beforeAll(async () => {
    server = await open((atMs) => room(atMs, CSRC.ada), { viewport: { width: 1440, height: 900 } });
    ({ page } = server);
    await cardOf(page, 'Ada').waitFor();
  });
  afterAll(() => page.context().close());

  test('who sends what, in which layers; what is off is only named', async () => {
    expect(await cardOf(page, 'Ada').getByTestId('source').allInnerTexts()).toEqual([
      expect.stringMatching(/^Microphone\s+opus[^]*32 kbit\/s[^]*0 % lost/),
      expect.stringMatching(
        /^Camera\s+VP8[^]*320 × 180 15 fps[^]*110 kbit\/s[^]*640 × 360 15 fps[^]*420 kbit\/s[^]*4\.0 % lost/,
      ),
    ]);
    expect(await cardOf(page, 'Cleo').getByTestId('source').innerText()).toMatch(/Microphone\s+opus\s+off/);
    expect(await cardOf(page, 'Ben').innerText()).toContain('round trip 31 ms');
    expect(await cardOf(page, 'Ben').innerText()).toContain('1.8 Mbit/s possible');
  });

  test('a switch: the slot shows who it is now, and who it was', async () => {
    const voice = cardOf(page, 'Ben').getByRole('img', { name: 'Voice 1' });
    await page.getByRole('img', { name: 'Voice 1: now Ada' }).waitFor();
    server.answer = (atMs) => room(atMs, CSRC.cleo);
    await page.getByRole('img', { name: 'Voice 1: now Cleo' }).waitFor();
    const titles = await voice.locator('title').allTextContents();
    expect(titles.map((title) => title.split(',')[0])).toEqual(['Ada', 'Cleo']);
    await page.getByRole('img', { name: 'Loudest: now Cleo' }).waitFor();
    // The picture stays Ada's, at the size of the layer that goes out.
    expect(await cardOf(page, 'Ben').innerText()).toMatch(/Picture 1\s+Ada[^]*640 × 360/);
  });

  test('paused, nothing is asked and nothing moves', async () => {
    await page.getByTestId('pause').click();
    await page.getByText('paused', { exact: true }).waitFor();
    // What was on its way when it was paused is over by then.
    await page.waitForTimeout(300);
    const before = server.asked.length;
    await page.waitForTimeout(1_300);
    expect(server.asked.length).toBe(before);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText('live', { exact: true }).waitFor();
  });

  test('a picture that is held back, dropped packets, free slots and a name that is no text are said', async () => {
    const name = '<img src=x onerror="document.title=1">';
    server.answer = (atMs) => {
      const dark = slot({ kind: 'video', slot: 0, csrc: CSRC.adaCamera, dark: true });
      const ben = person(name, { slots: [slot(), dark, slot({ kind: 'video', slot: 1 })] });
      ben.transport!.drops = { 'srtp-replay': 1_200, 'rtp-paused': 3_400, never: 0 };
      const { sessions, ...rest } = room(atMs, undefined);
      return { ...rest, sessions: [sessions[0]!, ben] };
    };
    const card = cardOf(page, name);
    await card.locator('span', { hasText: /^held back$/ }).waitFor();
    await card.getByRole('img', { name: 'Picture 1: now Ada, held back' }).waitFor();
    expect(await card.innerText()).toContain('Free: 1 voice, 1 picture');
    await card.getByText('Dropped: 1,200 srtp-replay').click();
    expect(await card.getByTestId('drops').innerText()).toMatch(
      /srtp-replay\s+1,200\s+rtp-paused harmless\s+3,400$/,
    );
    expect(await page.title()).toBe('tea, figures · Tertulia');
  });

  test('nothing sticks out, on a phone or a desktop', async () => {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 360, height: 740 },
    ]) {
      await page.setViewportSize(viewport);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width);
    }
  });
});

test('without a token there is a field for it; a wrong one is said; a right one is kept in the address', async () => {
  const server = await open(() => 401);
  const { page, asked } = server;
  await page.getByRole('heading', { name: 'A token is needed' }).waitFor();
  server.answer = () => 403;
  await page.getByTestId('token').fill('wrong');
  await page.getByTestId('use-token').click();
  await page.getByRole('heading', { name: 'This token does not open it' }).waitFor();
  server.answer = (atMs) => room(atMs, CSRC.ada);
  await page.getByTestId('token').fill(' right ');
  await page.getByTestId('use-token').click();
  await cardOf(page, 'Ada').waitFor();
  expect([...new Set(asked)]).toEqual([undefined, 'Bearer wrong', 'Bearer right']);
  expect(await page.evaluate(() => location.hash)).toBe('#token=right');

  asked.length = 0;
  await page.reload();
  await cardOf(page, 'Ada').waitFor();
  expect(new Set(asked)).toEqual(new Set(['Bearer right']));
  await page.context().close();
});

test('an empty room is said until somebody comes; a silent server is said, and the last figures stay', async () => {
  const server = await open(() => 404);
  const { page } = server;
  await page.getByText('Nobody is in this room.').waitFor();
  server.answer = (atMs) => room(atMs, CSRC.ada);
  await cardOf(page, 'Ada').waitFor();
  server.answer = () => 503;
  await page.getByText('the server does not answer').waitFor();
  expect(await cardOf(page, 'Ada').isVisible()).toBe(true);
  server.answer = (atMs) => room(atMs, CSRC.ada);
  await page.getByText('live', { exact: true }).waitFor();
  await page.context().close();
});
