/**
 * Takes the pictures of docs/screenshots from the harness, for looking at the page after a change. By hand:
 * node packages/web/test/screenshots.mjs [part of a name] [folder]
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { createServer } from 'vite';

const folder = `${process.argv[3] ?? fileURLToPath(new URL('../../../docs/screenshots', import.meta.url))}/`;
const filter = process.argv[2] ?? '';
mkdirSync(folder, { recursive: true });

const server = await createServer({
  configFile: fileURLToPath(new URL('../vite.config.ts', import.meta.url)),
  server: { host: '127.0.0.1', port: 3000, hmr: false },
  logLevel: 'error',
});
await server.listen();
const base = `http://localhost:${server.httpServer.address().port}/test/harness/index.html`;

const COMMON = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--use-fake-device-for-media-stream',
];
const launch = (extra) =>
  chromium.launch({ executablePath: '/usr/bin/chromium', args: [...COMMON, ...extra] });
const allowing = await launch(['--use-fake-ui-for-media-stream']);
const denying = await launch(['--deny-permission-prompts']);

/** The two schemes differ in colours only; for these one is enough. */
const LIGHT_ONLY = [
  'start',
  'wrong-link',
  'voices-4',
  'people-2',
  'people-12',
  'people-40',
  'list',
  'refused',
  'reconnecting',
  'sharing',
  'moderated',
  'recorded',
  'record',
  'help',
  'settings',
  'ended',
];
const SIZES = {
  phone: { width: 390, height: 844 },
  side: { width: 844, height: 390 },
  desktop: { width: 1440, height: 900 },
};

async function shot(
  name,
  {
    size,
    scheme = 'light',
    people = 1,
    cameras = 0,
    room = 'river-porch-7k2m',
    browser = allowing,
    join = true,
    act,
  },
) {
  const file = `${name}-${size}-${scheme}`;
  if (scheme === 'dark' && LIGHT_ONLY.includes(name)) return;
  if (size === 'side' && (scheme === 'dark' || !SIDE_ONLY.includes(name))) return;
  if (!file.includes(filter)) return;
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    deviceScaleFactor: 1,
  });
  const page = await context.newPage();
  await page.addInitScript(() => localStorage.setItem('tertulia.name', 'Ada Lovelace'));
  await page.goto(`${base}?people=${people}&cameras=${cameras}&portrait${room ? `&room=${room}` : ''}`);
  if (join) {
    await page.getByTestId('join').click();
    await page.getByTestId('call').waitFor();
  }
  if (act) await act(page);
  await page.waitForTimeout(cameras > 0 ? 1_200 : 500);
  await page.screenshot({ path: `${folder}${file}.png` });
  await context.close();
  console.log(file);
}

const talk = (who) => (page) => page.evaluate((ids) => window.fake.speak(ids, [0.25, 0.08, 0.001]), who);

/** A phone on its side has few lines: what is large matters most there. */
const SIDE_ONLY = ['speaker', 'screen', 'join-camera', 'chat'];

for (const size of ['phone', 'side', 'desktop']) {
  for (const scheme of ['light', 'dark']) {
    const at = { size, scheme };
    await shot('start', { ...at, room: '', join: false });
    await shot('wrong-link', { ...at, room: 'not%20a%20room', join: false });
    await shot('join', {
      ...at,
      join: false,
      act: (page) =>
        page
          .getByTestId('open-microphone')
          .click()
          .catch(() => {}),
    });
    await shot('join-camera', {
      ...at,
      join: false,
      act: async (page) => {
        await page.getByTestId('join-camera').click();
        await page.locator('[data-testid=preview][data-pictured=true]').waitFor();
      },
    });
    await shot('refused', {
      ...at,
      join: false,
      browser: denying,
      act: async (page) => {
        if (await page.getByTestId('join').isVisible()) await page.getByTestId('join').click();
        await page.getByTestId('notice').waitFor();
      },
    });
    const camera = (page) => page.getByTestId('camera').click();
    await shot('people-1', at);
    await shot('voices-4', { ...at, people: 4, act: talk(['p_1', 'p_3', '']) });
    await shot('people-2', {
      ...at,
      people: 2,
      cameras: 1,
      act: async (page) => {
        await camera(page);
        await talk(['p_1', '', ''])(page);
      },
    });
    await shot('people-4', {
      ...at,
      people: 4,
      cameras: 3,
      act: async (page) => {
        await camera(page);
        await talk(['p_1', 'p_3', ''])(page);
      },
    });
    await shot('people-12', {
      ...at,
      people: 12,
      cameras: 9,
      act: async (page) => {
        // One of them holds a telephone upright.
        await page.evaluate(() => window.fake.setCameraOf('p_3', true, true));
        await talk(['p_4', 'p_7', 'p_9'])(page);
      },
    });
    await shot('people-40', { ...at, people: 40, cameras: 12, act: talk(['p_30', 'p_7', 'p_9']) });
    await shot('list', {
      ...at,
      people: 20,
      cameras: 9,
      act: async (page) => {
        await talk(['p_4', 'p_7', ''])(page);
        await page.getByTestId('open-people').click();
      },
    });
    await shot('speaker', {
      ...at,
      people: 7,
      cameras: 5,
      act: async (page) => {
        await camera(page);
        await talk(['p_1', 'p_5', ''])(page);
        await page.getByTestId('view').click();
      },
    });
    await shot('screen', {
      ...at,
      people: 5,
      cameras: 3,
      act: async (page) => {
        await camera(page);
        await page.evaluate(() => window.fake.setScreenOf('p_1', true));
        await talk(['p_1', '', ''])(page);
      },
    });
    await shot('sharing', {
      ...at,
      people: 4,
      cameras: 3,
      act: (page) => page.getByTestId('share').click(),
    });
    await shot('help', { ...at, people: 2, act: (page) => page.keyboard.press('?') });
    await shot('moderated', {
      ...at,
      people: 3,
      cameras: 2,
      act: (page) => page.evaluate(() => window.fake.moderate(true)),
    });
    await shot('recorded', {
      ...at,
      people: 4,
      cameras: 3,
      act: (page) => page.evaluate(() => window.fake.setRecording(true)),
    });
    await shot('record', {
      ...at,
      people: 2,
      cameras: 1,
      act: async (page) => {
        await page.evaluate(() => {
          window.fake.canRecord = true;
          window.fake.setRecording(true);
        });
        await page.getByTestId('open-settings').click();
      },
    });
    await shot('reconnecting', {
      ...at,
      people: 4,
      act: (page) => page.evaluate(() => window.fake.setState('reconnecting')),
    });
    await shot('chat', {
      ...at,
      people: 4,
      act: async (page) => {
        await page.evaluate(() => {
          window.fake.speak(['p_1', '', ''], [0.2]);
          window.fake.chat('p_1', 'The notes are on the shared page.');
          window.fake.chat('p_1', 'Page 14, the second table.');
          window.fake.chat('p_0', 'Found it, thank you.');
        });
        await page.getByTestId('open-chat').click();
      },
    });
    await shot('settings', {
      ...at,
      people: 4,
      act: async (page) => {
        await page.getByTestId('mute').click();
        await page.getByTestId('open-settings').click();
      },
    });
    await shot('ended', {
      ...at,
      people: 2,
      act: (page) => page.evaluate(() => window.fake.end('connection-lost')),
    });
  }
}

await allowing.close();
await denying.close();
await server.close();
