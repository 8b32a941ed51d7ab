/** The example with the library alone: three browsers, one offer each, and everybody sees the others by name. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './support/chromium.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/virtual-streams/server.mjs', import.meta.url));

let server: ChildProcess;
let url: string;
let browser: Browser;
const errors: string[] = [];

beforeAll(async () => {
  server = spawn(process.execPath, [EXAMPLE], {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(server.stdout!, 'data')) as [Buffer];
  url = `http://localhost:${/port (\d+)/.exec(String(printed))![1]}`;
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  if (server.exitCode === null) {
    const exit = once(server, 'exit');
    server.kill();
    await exit;
  }
});

async function enter(name: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', (error) => errors.push(String(error.stack ?? error)));
  await page.goto(url);
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  return page;
}

/** Names below pictures that move, in the order of the canvases. */
async function seen(page: Page): Promise<string[]> {
  const look = (): Promise<{ name: string; at: number }[]> =>
    page.evaluate(() =>
      [...document.querySelectorAll('figure')].map((canvas) => ({
        name: canvas.textContent?.trim() ?? '',
        at: canvas.querySelector('video')?.currentTime ?? 0,
      })),
    );
  const before = await look();
  await page.waitForTimeout(300);
  const after = await look();
  return after
    .filter(({ name, at }, i) => name !== '' && at > (before[i]?.at ?? Infinity))
    .map(({ name }) => name);
}
const until = (read: () => Promise<string[]>) => expect.poll(read, { timeout: 20_000, interval: 200 });

test('everybody sees the others, each with the right name; who leaves is gone', async () => {
  const ada = await enter('Ada');
  const ben = await enter('Ben');
  const cleo = await enter('Cleo');

  await until(() => seen(ada)).toEqual(['Ben', 'Cleo']);
  await until(() => seen(ben)).toEqual(['Ada', 'Cleo']);
  await until(() => seen(cleo)).toEqual(['Ada', 'Ben']);
  await ada.close();
  await until(() => seen(ben)).toEqual(['Cleo']);
  await until(() => seen(cleo)).toEqual(['Ben']);
  expect(errors).toEqual([]);
});
