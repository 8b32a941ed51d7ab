/**
 * One Firefox in a call with two people in Chromium: heard, hearing, named by CSRC, leaving. Then with pictures: laid out,
 * switched, seen, each frame read back from its pixels.
 */
import type { Browser as Chromium } from 'playwright-core';
import type { Browser as Firefox } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { launchFirefox } from './support/firefox.js';
import { People, type TabPage } from './support/people.js';
import { percentile, Pictures } from './support/pictures.js';
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

describe('pictures', () => {
  const ROOM = 'red-pandas';
  const CAMERA = { width: 480, height: 272, framesPerSecond: 12, layers: 2 };
  const LARGE = { id: 1, width: 480, height: 272 };
  const SMALL = { id: 2, width: 240, height: 136 };
  let inFirefox: Pictures;
  let inChromium: Pictures;
  const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  beforeAll(async () => {
    inChromium = new Pictures((await openTestPage(chromium, pages.origin, server.url)).page);
    const page = await firefox.newPage();
    await page.goto(`${pages.origin}/?server=${encodeURIComponent(server.url)}`);
    inFirefox = new Pictures(page as unknown as TabPage);
    for (const number of [1, 2, 3])
      await inChromium.call('addSender', `chromium${number}`, ROOM, number, CAMERA);
    await inFirefox.call('addSender', 'firefox', ROOM, 4, CAMERA);
    await inFirefox.call('addReceiver', 'fox', ROOM, { videoSlots: 2 });
    await inChromium.call('addReceiver', 'bear', ROOM, { videoSlots: 2 });
  });

  /** Until this number is painted. @returns ms from the request on */
  async function lay(
    where: Pictures,
    name: string,
    canvases: { participantId?: string }[],
    wanted: number[],
  ) {
    const sizes = [LARGE, SMALL];
    const layout = canvases.map((canvas, place) => ({ ...sizes[place]!, ...canvas }));
    const { sentAt, code, message } = await where.call('setLayout', name, layout);
    expect(code, message).toBe(0);
    const firsts = async (): Promise<(number | undefined)[]> => {
      const frames = (await where.call('frames', name, sentAt)).flat();
      return wanted.map((number) => frames.find((frame) => frame.number === number)?.at);
    };
    await expect.poll(firsts, { timeout: 10_000, interval: 100 }).not.toContain(undefined);
    return (await firsts()).map((at) => at! - sentAt);
  }

  test('Firefox paints whom it lays out, from one camera to the next', async () => {
    const ids = await inChromium.call('participantIds');
    const whom = (number: number) => ({ participantId: ids[`chromium${number}`]! });
    await lay(inFirefox, 'fox', [whom(1), whom(2)], [1, 2]);
    await sleep(2_000);
    const startAt = await inFirefox.call('now');
    const times: number[] = [];
    for (let turn = 0; turn < 9; turn++) {
      // Two canvases of three cameras: each turn brings the missing one in place of one of them.
      const [stays, comes] = [((turn + 1) % 3) + 1, ((turn + 2) % 3) + 1];
      const canvases = turn % 2 === 0 ? [whom(comes), whom(stays)] : [whom(stays), whom(comes)];
      times.push(...(await lay(inFirefox, 'fox', canvases, [comes])));
      await sleep(1_000);
    }
    const frames = (await inFirefox.call('frames', 'fox', startAt)).flat();
    const byCsrc = await inChromium.call('pictureCsrcs');
    const named = frames.filter(({ csrc }) => csrc !== undefined);
    const statistics = (await inFirefox.call('statistics', 'fox', startAt)).map(({ streams }) => streams);
    const videos = Object.values(statistics.at(-1) ?? {}).filter(({ kind }) => kind === 'video');
    console.log(
      `Firefox: layout to first painted frame: p50 ${percentile(times, 0.5).toFixed(0)} ms, longest ` +
        `${Math.max(...times).toFixed(0)} ms of ${times.length}; frames ${frames.length}, with a known CSRC ${named.length}; ` +
        JSON.stringify(videos),
    );
    expect(frames.filter(({ number }) => number === -1)).toEqual([]);
    expect(named.filter(({ csrc, number }) => byCsrc[csrc!] !== number)).toEqual([]);
    for (const [mid, { kind, ssrc }] of Object.entries(statistics[0] ?? {}))
      if (kind === 'video') expect(statistics.at(-1)?.[mid]?.ssrc).toBe(ssrc);
    expect(Math.max(...times)).toBeLessThan(3_000);
  });

  test('Chromium paints the camera in Firefox, large and small', async () => {
    const ids = await inFirefox.call('participantIds');
    const fox = { participantId: ids['firefox']! };
    await lay(inChromium, 'bear', [fox], [4]);
    const width = async (): Promise<number | undefined> =>
      (await inChromium.call('frames', 'bear')).flat().findLast(({ number }) => number === 4)?.width;
    await expect.poll(width, { timeout: 10_000 }).toBe(CAMERA.width);
    console.log('Firefox sends', JSON.stringify(await inFirefox.call('sent', 'firefox')));
    await inChromium.call('setLayout', 'bear', [{ ...SMALL, ...fox }]);
    await expect.poll(width, { timeout: 10_000 }).toBe(CAMERA.width / 2);
  });
});
