/**
 * Two senders with clapperboards, one of them far away, and receivers with one slot for sound and one for pictures, both of
 * which change from one sender to the other: how far sound and picture of one clap are apart.
 * `TERTULIA_STAYS=40` makes more switches than a normal run.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import {
  capturedClaps,
  Clapperboard,
  playedClaps,
  reportErrors,
  reportsAgainstAnchors,
  type Clap,
} from './support/clapperboard.js';
import { Link } from './support/link.js';
import { percentile, Pictures } from './support/pictures.js';
import { freeUdpPort, startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

const STAYS = Number(process.env['TERTULIA_STAYS'] ?? 6);
const STAY_MS = 7_000;
/** From then on after a switch, sound and picture are in step as they are played. */
const SETTLED_MS = 3_000;
/** What is aimed at, and what a machine that does other things as well must keep. */
const SKEW_AIM_MS = 40;
const SKEW_LIMIT_MS = 60;
const ROOM = 'clap';
const SENDERS = ['near', 'far'] as const;
const CAMERA = { width: 320, height: 180, framesPerSecond: 30, layers: 1, voice: 'ada' };

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let link: Link;
let pictures: Pictures;
let board: Clapperboard;
let errors: string[];
/** performance.now() of each switch, and to whom. */
const switches: { at: number; to: number }[] = [];
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

beforeAll(async () => {
  pages = await serveTestPages();
  const mediaPort = await freeUdpPort();
  server = await startServer(['--cors-origin', pages.origin], { mediaPort });
  link = await Link.open(mediaPort);
  link.set({ delayMs: 100 });
  browser = await launchChromium();
  const opened = await openTestPage(browser, pages.origin, server.url);
  errors = opened.errors;
  pictures = new Pictures(opened.page);
  board = new Clapperboard(opened.page);
  await pictures.call('addSender', 'near', ROOM, 1, CAMERA);
  await pictures.call('addSender', 'far', ROOM, 2, { ...CAMERA, linkPort: link.port });
  await Promise.all(SENDERS.map((name) => board.call('clap', name)));
  await pictures.call('setMuted', 'far', 'microphone', true);
  await board.call('observeLoop', 'near');
  await board.call('observeRaw', 'raw', ROOM, false);
  await board.call('observeRaw', 'together', ROOM, true);
  await board.call('observeClient', 'client', ROOM);

  for (let stay = 0; stay <= STAYS; stay++) {
    const [to, from] = stay % 2 === 0 ? SENDERS : ([...SENDERS].reverse() as ['far', 'near']);
    switches.push({ at: await pictures.call('now'), to: SENDERS.indexOf(to) + 1 });
    await Promise.all([
      pictures.call('setMuted', from, 'microphone', true),
      pictures.call('setMuted', to, 'microphone', false),
      ...['raw', 'together'].map((name) =>
        pictures.call('setLayout', name, [{ id: 1, width: 320, height: 180, whom: to }]),
      ),
      board.call('layClient', 'client', to),
    ]);
    await sleep(stay === 0 ? 2 * STAY_MS : STAY_MS);
  }
}, 600_000);
afterAll(async () => {
  await browser?.close();
  link?.close();
  await server?.stop();
  pages?.stop();
});

/** ms since the last switch; claps of whoever is on the way out do not count. */
const sinceSwitch = ({ at, whose }: Clap): number => {
  const last = switches.findLast((one) => one.at < at);
  return last?.to === whose ? at - last.at : Number.NaN;
};
const describeClaps = (title: string, claps: readonly Clap[], middle = 0): string => {
  const skews = claps.map(({ skewMs }) => skewMs - middle);
  const sizes = skews.map(Math.abs);
  return (
    `${title}: ${claps.length} claps, middle ${percentile(skews, 0.5).toFixed(0)} ms, ` +
    `of the size p50 ${percentile(sizes, 0.5).toFixed(0)} ms, p99 ${percentile(sizes, 0.99).toFixed(0)} ms`
  );
};
const after = (claps: readonly Clap[], from: number, to = Infinity): Clap[] =>
  claps.filter((clap) => sinceSwitch(clap) >= from && sinceSwitch(clap) < Math.min(to, 2 * STAY_MS));
/** After each switch: from when on every clap of the stay was in step. */
const timesToStep = (claps: readonly Clap[], middle: number): string =>
  switches
    .map(({ at }, index) => {
      const stay = claps.filter(
        (clap) => clap.at > at && clap.at < (switches[index + 1]?.at ?? at + STAY_MS),
      );
      const last = stay.findLastIndex(({ skewMs }) => Math.abs(skewMs - middle) >= SKEW_AIM_MS);
      const first = stay[last + 1];
      return first ? `${((first.at - at) / 1_000).toFixed(1)} s` : 'not';
    })
    .join(', ');

const middleOf = (claps: readonly Clap[]): number =>
  percentile(
    claps.map(({ skewMs }) => skewMs),
    0.5,
  );
const list = (claps: readonly Clap[], middle = 0): string =>
  claps
    .map((clap) => `${clap.whose}:${sinceSwitch(clap).toFixed(0)}:${(clap.skewMs - middle).toFixed(0)}`)
    .join(' ');

/**
 * How the page itself sees its own tracks, without any server: what is between painted pictures and played sound when both
 * are in step by the browser's own belief.
 */
async function calibration(): Promise<number> {
  const claps = reportErrors(await board.call('observed', 'loop of near')).filter(
    ({ at }) => at > (switches[0]?.at ?? 0) + 3_000,
  );
  const middle = middleOf(claps);
  console.log(describeClaps('the page with itself', claps, middle), `(around ${middle.toFixed(0)} ms)`);
  return middle;
}

test('by the sender reports alone, sound and picture are in step from the switch on', async () => {
  const middle = await calibration();
  const together = await board.call('observed', 'together');
  const byReports = after(reportErrors(together), 0);
  console.log(describeClaps('by the sender reports, all', byReports, middle));
  console.log(describeClaps('by the sender reports, first 3 s', after(byReports, 0, SETTLED_MS), middle));
  console.log(list(byReports, middle));
  const byLines = after(capturedClaps(await board.call('observed', 'raw')), 0);
  // What is constant is the sender's own, between its canvas and its WebAudio.
  console.log(describeClaps('by timestamps and anchors, all', byLines));
  console.log(describeClaps('by timestamps and anchors, around their middle', byLines, middleOf(byLines)));
  console.log(list(byLines));
  const reports = reportsAgainstAnchors(together);
  console.log(
    `sender reports as the browser reads them, against the anchors: ${reports.length} readings, middle ` +
      `${percentile(reports, 0.5).toFixed(0)} ms, p5 ${percentile(reports, 0.05).toFixed(0)}, p95 ${percentile(reports, 0.95).toFixed(0)}`,
  );
  expect(byLines.length).toBeGreaterThan(STAYS * 3);
  const sizes = byLines.map(({ skewMs }) => Math.abs(skewMs - middleOf(byLines)));
  expect(percentile(sizes, 0.95)).toBeLessThan(SKEW_LIMIT_MS);
});

test('as it is played with the client, sound and picture are in step 3 s after a switch', async () => {
  const middle = await calibration();
  for (const name of ['raw', 'together', 'client']) {
    const claps = after(playedClaps(await board.call('observed', name)), 0);
    console.log(describeClaps(`played, ${name}, first 3 s`, after(claps, 0, SETTLED_MS), middle));
    console.log(describeClaps(`played, ${name}, from 3 s on`, after(claps, SETTLED_MS), middle));
    console.log(`in step (${SKEW_AIM_MS} ms) after: ${timesToStep(claps, middle)}`);
    console.log(list(claps, middle));
  }
  console.log(JSON.stringify(await board.call('clientSkews', 'client')));
  const claps = after(playedClaps(await board.call('observed', 'client')), SETTLED_MS);
  const sizes = claps.map(({ skewMs }) => Math.abs(skewMs - middle));
  expect(claps.length).toBeGreaterThan(STAYS * 2);
  expect(percentile(sizes, 0.75)).toBeLessThan(SKEW_LIMIT_MS);
  expect(errors).toEqual([]);
});
