/**
 * Two senders with clapperboards, one of them far away, and receivers with one slot for sound and one for pictures, both of
 * which change from one sender to the other: how far sound and picture of one clap are apart.
 * `TERTULIA_STAYS=40` makes more switches than a normal run.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import {
  against,
  anchoredClaps,
  Clapperboard,
  middleOf,
  playedClaps,
  reportedClaps,
  unbelievedClaps,
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
/** What is aimed at for 99 %. A run has few claps and a machine that does other things as well: here 90 % must keep it. */
const SKEW_AIM_MS = 40;
const KEPT = { share: 0.9, skewMs: SKEW_AIM_MS };
/**
 * Where the page does not even keep its own flashes and beeps so close for 95 %, WebAudio has lost sound and the control group is
 * wrong for as long as Chromium needs to learn it from the reports (a minute): then only this can be said.
 */
const STARVED_MS = 35;
const KEPT_STARVED = { share: 0.75, skewMs: 60 };
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
  for (const name of SENDERS) await board.call('observeLoop', name);
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
const after = (claps: readonly Clap[], from: number, to = Infinity): Clap[] =>
  claps.filter((clap) => sinceSwitch(clap) >= from && sinceSwitch(clap) < Math.min(to, 2 * STAY_MS));
const describeClaps = (title: string, claps: readonly Clap[]): string => {
  const skews = claps.map(({ skewMs }) => skewMs);
  const sizes = skews.map(Math.abs);
  const [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1].map((share) => percentile(sizes, share).toFixed(0));
  return (
    `${title}: ${claps.length} claps, middle ${middleOf(skews).toFixed(0)} ms, ` +
    `of the size p50 ${p50}, p95 ${p95}, p99 ${p99}, most ${most} ms`
  );
};
const list = (claps: readonly Clap[]): string =>
  claps.map((clap) => `${clap.whose}:${sinceSwitch(clap).toFixed(0)}:${clap.skewMs.toFixed(0)}`).join(' ');
/** After each switch: from when on every clap of the stay was in step. */
const timesToStep = (claps: readonly Clap[]): string =>
  switches
    .map(({ at }, index) => {
      const end = switches[index + 1]?.at ?? at + STAY_MS;
      const stay = after(claps, 0).filter((clap) => clap.at > at && clap.at < end);
      const last = stay.findLastIndex(({ skewMs }) => Math.abs(skewMs) >= SKEW_AIM_MS);
      const first = stay[last + 1];
      return first ? `${((first.at - at) / 1_000).toFixed(1)} s` : 'not';
    })
    .join(', ');
const less = (claps: readonly Clap[], middle: number): Clap[] =>
  claps.map((clap) => ({ ...clap, skewMs: clap.skewMs - middle }));

interface Control {
  /** What is between flash and beep of each clap at the sender itself. */
  claps: Clap[];
  /** How much later the page shows a picture than it plays its sound when both are in step by its own belief. */
  pageMs: number;
  kept: { share: number; skewMs: number };
}
/** The page with itself: the senders' own tracks over two peer connections, without any server, measured by the same means. */
async function controlGroup(): Promise<Control> {
  const loops = [];
  for (const name of SENDERS) loops.push(await board.call('observed', `loop of ${name}`));
  const claps = loops.flatMap(reportedClaps);
  const unbelieved = against(claps, loops.flatMap(unbelievedClaps));
  const pageMs = middleOf(unbelieved.map(({ skewMs }) => skewMs));
  const atSender = middleOf(claps.map(({ skewMs }) => skewMs));
  console.log(
    describeClaps('at the senders, around their middle', less(claps, atSender)),
    `(${atSender.toFixed(0)} ms)`,
  );
  console.log(
    describeClaps('played by the page with itself', less(unbelieved, pageMs)),
    `(around ${pageMs.toFixed(0)} ms)`,
  );
  const sizes = claps.map(({ skewMs }) => Math.abs(skewMs - atSender));
  const starved = percentile(sizes, 0.95) > STARVED_MS;
  if (starved) console.log('the machine was too busy for the control group: less is asked for');
  return { claps, pageMs, kept: starved ? KEPT_STARVED : KEPT };
}

test('by the sender reports alone, sound and picture are in step from the switch on', async () => {
  const control = await controlGroup();
  const together = await board.call('observed', 'together');
  const byReports = after(against(control.claps, reportedClaps(together)), 0);
  console.log(describeClaps('by the sender reports', byReports));
  console.log(describeClaps('by the sender reports, first 3 s', after(byReports, 0, SETTLED_MS)));
  console.log(list(byReports));
  // The browser counts the delay of its sound device into what it believes, in the control group too; anchors do not know it.
  const anchored = after(against(control.claps, anchoredClaps(await board.call('observed', 'raw'))), 0);
  const deviceMs = middleOf(anchored.map(({ skewMs }) => skewMs));
  const byAnchors = less(anchored, deviceMs);
  console.log(describeClaps('by the anchors, around their middle', byAnchors), `(${deviceMs.toFixed(0)} ms)`);
  console.log(list(byAnchors));
  expect(byReports.length).toBeGreaterThan(STAYS);
  expect(byAnchors.length).toBeGreaterThan(STAYS);
  for (const claps of [byReports, byAnchors]) {
    const sizes = claps.map(({ skewMs }) => Math.abs(skewMs));
    expect(percentile(sizes, control.kept.share)).toBeLessThan(control.kept.skewMs);
  }
});

test('as it is played with the client, sound and picture are in step 3 s after a switch', async () => {
  const { claps: control, pageMs, kept } = await controlGroup();
  const played: Record<string, Clap[]> = {};
  for (const name of ['raw', 'together', 'client']) {
    const claps = less(against(control, after(playedClaps(await board.call('observed', name)), 0)), pageMs);
    console.log(describeClaps(`played, ${name}, first 3 s`, after(claps, 0, SETTLED_MS)));
    console.log(describeClaps(`played, ${name}, from 3 s on`, after(claps, SETTLED_MS)));
    console.log(`in step (${SKEW_AIM_MS} ms) after: ${timesToStep(claps)}`);
    console.log(list(claps));
    played[name] = after(claps, SETTLED_MS);
  }
  console.log(JSON.stringify(await board.call('clientSkews', 'client')));
  const sizes = played['client']!.map(({ skewMs }) => Math.abs(skewMs));
  expect(sizes.length).toBeGreaterThan(STAYS);
  expect(percentile(sizes, kept.share)).toBeLessThan(kept.skewMs);
  expect(errors).toEqual([]);
});
