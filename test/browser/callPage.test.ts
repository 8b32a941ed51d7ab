/** The call page against the real server: two people on one machine, as a newcomer tries it first. */
import { execFileSync } from 'node:child_process';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from './support/chromium.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';

let server: ServerProcess;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  server = await startServer();
  browser = await launchChromium();
});
afterAll(async () => {
  for (const context of contexts) await context.close();
  await browser?.close();
  await server?.stop();
});

interface Person {
  page: Page;
  errors: string[];
}

/** Errors of the console and of the network count: a page that people like has none. */
async function open(path: string, permissions: string[] = ['microphone', 'camera']): Promise<Person> {
  const context = await browser.newContext({ permissions, viewport: { width: 1280, height: 800 } });
  contexts.push(context);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(`${server.url}${path}`);
  return { page, errors };
}

async function join(room: string, name: string): Promise<Person> {
  const person = await open(`/r/${room}?debug`);
  await person.page.getByTestId('name').fill(name);
  await person.page.getByTestId('join').click();
  await person.page.getByTestId('call').waitFor();
  return person;
}

const tile = (page: Page, name: string) => page.getByTestId('tile').filter({ hasText: name });

describe('a call of two', () => {
  let ada: Person;
  let ben: Person;

  beforeAll(async () => {
    ada = await join('tea', 'Ada');
    await ada.page.getByTestId('alone').waitFor();
    ben = await join('tea', 'Ben');
  });

  test('each sees the other, by name', async () => {
    await tile(ada.page, 'Ben').waitFor();
    await tile(ben.page, 'Ada').waitFor();
    expect(await ada.page.getByTestId('count').textContent()).toBe('2 people');
  });

  test('who makes a sound is shown as speaking, by the CSRC of what is heard', async () => {
    // Chromium's fake microphone beeps once a second.
    await ada.page
      .locator('[data-testid=tile][data-speaking=true]', { hasText: 'Ben' })
      .waitFor({ timeout: 15_000 });
    await ben.page
      .locator('[data-testid=tile][data-speaking=true]', { hasText: 'Ada' })
      .waitFor({ timeout: 15_000 });
  });

  test('sound really arrives', async () => {
    const received = (page: Page): Promise<number> =>
      page.evaluate(async () => {
        const call = (window as unknown as { __tertulia: { call: { getStats(): Promise<RTCStatsReport> } } })
          .__tertulia.call;
        let packets = 0;
        for (const entry of (await call.getStats()).values() as Iterable<{
          type: string;
          packetsReceived: number;
        }>)
          if (entry.type === 'inbound-rtp') packets += entry.packetsReceived;
        return packets;
      });
    const before = await received(ada.page);
    await expect.poll(() => received(ada.page), { timeout: 5_000 }).toBeGreaterThan(before + 20);
  });

  test('M mutes; the other one sees it, and a screen reader hears it', async () => {
    await ben.page.keyboard.press('m');
    await expect.poll(() => ben.page.getByTestId('mute').getAttribute('aria-label')).toBe('Unmute');
    await tile(ada.page, 'Ben').filter({ hasText: 'muted' }).waitFor({ timeout: 5_000 });
    await expect.poll(() => ada.page.getByTestId('live').textContent(), { timeout: 5_000 }).toMatch(/Ben/);
    await ben.page.keyboard.press('m');
    await tile(ada.page, 'Ben').filter({ hasNotText: 'muted' }).waitFor({ timeout: 5_000 });
  });

  test('a chat message arrives', async () => {
    await ada.page.getByTestId('open-chat').click();
    await ada.page.getByTestId('chat-input').fill('the kettle is on');
    await ada.page.keyboard.press('Enter');
    await ben.page.getByTestId('open-chat').click();
    await ben.page.getByTestId('chat').getByText('the kettle is on').waitFor({ timeout: 5_000 });
  });

  test('a dropped network: the page says so and comes back by itself', async () => {
    // The media process stands still: packets go nowhere, as when a cable is pulled.
    const [worker] = execFileSync('pgrep', ['-P', String(server.process.pid)], { encoding: 'utf8' })
      .trim()
      .split('\n');
    process.kill(Number(worker), 'SIGSTOP');
    try {
      await ada.page.getByTestId('reconnecting').waitFor({ timeout: 20_000 });
    } finally {
      process.kill(Number(worker), 'SIGCONT');
    }
    await ada.page.getByTestId('reconnecting').waitFor({ state: 'detached', timeout: 30_000 });
    await ben.page.getByTestId('reconnecting').waitFor({ state: 'detached', timeout: 30_000 });
    await expect.poll(() => ada.page.getByTestId('tile').count(), { timeout: 10_000 }).toBe(2);
    await ada.page
      .locator('[data-testid=tile][data-speaking=true]', { hasText: 'Ben' })
      .waitFor({ timeout: 15_000 });
  });

  test('who leaves is gone, and the page said nothing in the console', async () => {
    await ben.page.getByTestId('leave').click();
    await ben.page.getByTestId('ended').waitFor();
    await expect.poll(() => ada.page.getByTestId('tile').count(), { timeout: 5_000 }).toBe(1);
    // While the media process stood still, requests failed: those lines are the browser's own.
    const own = (errors: string[]): string[] =>
      errors.filter((text) => !/Failed to load resource|ERR_/.test(text));
    expect(own(ada.errors)).toEqual([]);
    expect(own(ben.errors)).toEqual([]);
  });
});

describe('pictures', () => {
  let ada: Person;
  let ben: Person;
  /** The tile of a person with a picture on it. */
  const pictured = (page: Page, name: string) =>
    page.locator('[data-testid=tile][data-pictured=true]', { hasText: name });
  const frames = (page: Page, selector: string): Promise<number> =>
    page
      .locator(`${selector} video`)
      .evaluate((video: HTMLVideoElement) => video.getVideoPlaybackQuality().totalVideoFrames);
  const moves = async (page: Page, selector: string): Promise<void> => {
    const before = await frames(page, selector);
    await expect.poll(() => frames(page, selector), { timeout: 10_000 }).toBeGreaterThan(before + 5);
  };

  beforeAll(async () => {
    ada = await join('film', 'Ada');
    ben = await join('film', 'Ben');
    await tile(ada.page, 'Ben').waitFor();
  });

  test('a camera on in two tabs: each sees the other, moving, and oneself as in a mirror', async () => {
    await ada.page.getByTestId('camera').click();
    await ben.page.keyboard.press('v');
    await pictured(ada.page, 'Ben').waitFor({ timeout: 20_000 });
    await pictured(ben.page, 'Ada').waitFor({ timeout: 20_000 });
    await moves(ada.page, '[data-testid=tile]:has([title=Ben])');
    await moves(ben.page, '[data-testid=tile]:has([title=Ada])');
    const own = pictured(ada.page, 'Ada').locator('video');
    await own.waitFor();
    expect(await own.getAttribute('data-mirrored')).toBe('true');
    // Two people: the other one is large.
    await ada.page.locator('[data-testid=tile][data-role=stage]', { hasText: 'Ben' }).waitFor();
  });

  test('a shared screen comes large and whole, and goes when it is stopped', async () => {
    await ada.page.getByTestId('share').click();
    await ada.page.getByTestId('sharing').waitFor({ timeout: 10_000 });
    const screen = '[data-testid=screen-tile][data-role=stage]';
    await ben.page.locator(`${screen}[data-pictured=true]`).waitFor({ timeout: 20_000 });
    await moves(ben.page, screen);
    const fit = ben.page.locator(`${screen} video`);
    expect(await fit.evaluate((video) => getComputedStyle(video).objectFit)).toBe('contain');
    const box = (await ben.page.locator(screen).boundingBox())!;
    expect(box.width).toBeGreaterThan(800);
    await ada.page.getByTestId('stop-screen').click();
    await expect.poll(() => ben.page.getByTestId('screen-tile').count(), { timeout: 10_000 }).toBe(0);
  });

  test('a camera that is turned off leaves the circle, not the last frame', async () => {
    await ben.page.getByTestId('camera').click();
    await pictured(ada.page, 'Ben').waitFor({ state: 'detached', timeout: 10_000 });
    await tile(ada.page, 'Ben').locator('.avatar').waitFor();
    await ben.page.getByTestId('camera').click();
    await pictured(ada.page, 'Ben').waitFor({ timeout: 20_000 });
  });

  test('the pages said nothing in the console', () => {
    expect(ada.errors).toEqual([]);
    expect(ben.errors).toEqual([]);
  });
});

test('a person whose tab dies is gone within 35 s', async () => {
  const ada = await join('sudden', 'Ada');
  const other = await launchChromium();
  const context = await other.newContext({ permissions: ['microphone'] });
  const page = await context.newPage();
  await page.goto(`${server.url}/r/sudden`);
  await page.getByTestId('name').fill('Ben');
  await page.getByTestId('join').click();
  await tile(ada.page, 'Ben').waitFor();
  await page.goto('chrome://crash').catch(() => {});
  await other.close();
  await expect.poll(() => ada.page.getByTestId('tile').count(), { timeout: 35_000, interval: 500 }).toBe(1);
});

test('a worker that dies: everybody is asked to join anew and finds the others again', async () => {
  const ada = await join('phoenix', 'Ada');
  const ben = await join('phoenix', 'Ben');
  await tile(ada.page, 'Ben').waitFor();
  const [worker] = execFileSync('pgrep', ['-P', String(server.process.pid)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  process.kill(Number(worker), 'SIGKILL');
  for (const [person, name] of [[ada, 'Ben'] as const, [ben, 'Ada'] as const])
    await person.page
      .locator('[data-testid=tile][data-speaking=true]', { hasText: name })
      .waitFor({ timeout: 45_000 });
  expect(await ada.page.getByTestId('tile').count()).toBe(2);
});

test('the server is gone: the page says so', async () => {
  const second = await startServer();
  const context = await browser.newContext({ permissions: ['microphone'] });
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(`${second.url}/r/gone`);
  await second.stop();
  await page.getByTestId('name').fill('Ada');
  await page.getByTestId('join').click();
  await expect
    .poll(() => page.getByTestId('notice').textContent(), { timeout: 20_000 })
    .toMatch(/server does not answer/i);
});
