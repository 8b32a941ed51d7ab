/** One Firefox in a call with two people in Chromium: heard, hearing, named by CSRC, leaving. */
import type { Browser as Chromium } from 'playwright-core';
import type { Browser as Firefox } from 'puppeteer-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { launchFirefox } from './support/firefox.js';
import { People, type TabPage } from './support/people.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

let pages: TestPages;
let server: ServerProcess;
let chromium: Chromium;
let firefox: Firefox;
let chromiumPeople: People;
let firefoxPeople: People;
let csrcs: Record<string, number>;

beforeAll(async () => {
  pages = await serveTestPages();
  server = await startServer(['--cors-origin', pages.origin]);
  chromium = await launchChromium();
  firefox = await launchFirefox();
  chromiumPeople = new People((await openTestPage(chromium, pages.origin, server.url)).page);
  const page = await firefox.newPage();
  await page.goto(`${pages.origin}/?server=${encodeURIComponent(server.url)}`);
  firefoxPeople = new People(page as unknown as TabPage);
  await chromiumPeople.enter('ada', 'foxes');
  await chromiumPeople.enter('ben', 'foxes');
  await firefoxPeople.enter('cleo', 'foxes', 'tone');
  csrcs = { ...(await chromiumPeople.csrcs()), ...(await firefoxPeople.csrcs()) };
});
afterAll(async () => {
  await firefox?.close();
  await chromium?.close();
  await server?.stop();
  pages?.stop();
});

const heard = async (people: People, name: string): Promise<number[]> =>
  ((await people.hearing())[name] ?? []).map(({ csrc }) => csrc).filter((csrc) => csrc !== 0);

test('everybody has a CSRC of their own', () => {
  expect(Object.keys(csrcs).sort()).toEqual(['ada', 'ben', 'cleo']);
  expect(new Set(Object.values(csrcs)).size).toBe(3);
});

test('Firefox hears the people in Chromium, by name', async () => {
  await chromiumPeople.speak({ ada: 1, ben: 0.8 });
  await expect
    .poll(async () => new Set(await heard(firefoxPeople, 'cleo')), { timeout: 10_000 })
    .toEqual(new Set([csrcs['ada'], csrcs['ben']]));
});

test('people in Chromium hear Firefox, and Firefox never hears itself', async () => {
  await chromiumPeople.speak({ ada: 0, ben: 0 });
  await firefoxPeople.speak({ cleo: 1 });
  for (const name of ['ada', 'ben'])
    await expect.poll(() => heard(chromiumPeople, name), { timeout: 10_000 }).toContain(csrcs['cleo']);
  expect((await firefoxPeople.changes()).map(({ csrc }) => csrc)).not.toContain(csrcs['cleo']);
});

test('who leaves in Firefox is gone from every stream', async () => {
  await firefoxPeople.leave('cleo');
  for (const name of ['ada', 'ben'])
    await expect.poll(() => heard(chromiumPeople, name), { timeout: 5_000 }).not.toContain(csrcs['cleo']);
});
