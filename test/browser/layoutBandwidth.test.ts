/**
 * What a receiver of nine canvases gets over a narrow link: which pictures, how large, how often they change, and whether
 * its sound suffers. The link is a relay with a rate; eight cameras with two layers each are on the other side.
 * `TERTULIA_WATCH_SECONDS=20` watches longer than a normal run.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from './support/chromium.js';
import { Link } from './support/link.js';
import { Pictures, type Frame, type StreamStatistics } from './support/pictures.js';
import { freePort, startServer, type ServerProcess } from './support/serverProcess.js';
import { serveTestPages, type TestPages } from './support/testPages.js';

const ROOM = 'narrow';
const CAMERAS = 8;
/** Two layers of about 150 and 500 kbit/s, as Chromium chooses them for this size. */
const CAMERA = { width: 640, height: 360, framesPerSecond: 10, layers: 2, detail: true };
/** Until the estimate has found the link, and the layers have followed. */
const SETTLE_MS = 12_000;
const WATCH_MS = 1_000 * Number(process.env['TERTULIA_WATCH_SECONDS'] ?? 8);
/** Of one canvas: once up, once down, and again in so long a time. What flaps does it every two seconds. */
const MOST_CHANGES = Math.floor(2 + WATCH_MS / 10_000);
/** Canvases that each name their camera are served in their order: so it is known which goes dark first. */
const order = (index: number): string => `camera${index}`;

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let pictures: Pictures;
let mediaPort: number;
const errors: string[] = [];
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

beforeAll(async () => {
  pages = await serveTestPages();
  mediaPort = await freePort();
  server = await startServer(['--cors-origin', pages.origin, '--video-slots', '9'], { mediaPort });
  browser = await launchChromium();
  const opened = await openTestPage(browser, pages.origin, server.url);
  opened.page.on('pageerror', (error) => errors.push(String(error)));
  pictures = new Pictures(opened.page);
  for (let index = 0; index < CAMERAS; index++)
    await pictures.call('addSender', order(index), ROOM, index + 1, {
      ...CAMERA,
      ...(index === 0 && { voice: 'ada' }),
    });
  await pictures.call('speak', order(0), true);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  pages?.stop();
});

interface Row {
  /** Nothing of it was painted in the last seconds. */
  dark: boolean;
  width: number;
  framesPerSecond: number;
  /** Changes of size, of light to dark and back. */
  changes: number;
}

/** A canvas is dark when it painted nothing for so long; at ten frames a second that is twenty frames. */
const DARK_MS = 2_000;

/** Sizes as painted, 0 where it was dark, one after the other without repetitions. */
function states(frames: readonly Frame[], from: number, to: number): number[] {
  const seen: number[] = [];
  const note = (width: number): void => {
    if (seen.at(-1) !== width) seen.push(width);
  };
  let last = from;
  for (const { at, width } of frames) {
    if (at - last > DARK_MS) note(0);
    note(width);
    last = at;
  }
  if (to - last > DARK_MS) note(0);
  return seen;
}

async function measure(
  bitsPerSecond: number,
): Promise<{ rows: Row[]; sound: StreamStatistics[]; starved: number; text: string }> {
  const name = `at${bitsPerSecond}`;
  const link = await Link.open(mediaPort);
  link.toClient.conditions = { bitsPerSecond, delayMs: 20 };
  link.toServer.conditions = { delayMs: 20 };
  try {
    await pictures.call('addReceiver', name, ROOM, {
      videoSlots: 9,
      audioSlots: 3,
      play: true,
      linkPort: link.port,
    });
    const canvases = Array.from({ length: CAMERAS }, (_, index) => ({
      id: index + 1,
      width: 640,
      height: 360,
      whom: order(index),
    }));
    const answer = await pictures.call('setLayout', name, [...canvases, { id: 9, width: 640, height: 360 }]);
    expect(answer.code, answer.message).toBe(0);
    await sleep(SETTLE_MS);
    const from = await pictures.call('now');
    const overflowedBefore = link.toClient.overflowed;
    await sleep(WATCH_MS);
    const to = await pictures.call('now');
    const frames = (await pictures.call('frames', name, from))
      .flat()
      .sort((left, right) => left.at - right.at);
    const statistics = await pictures.call('statistics', name, from);
    const stalls = (await pictures.call('pageStalls')).filter(({ at }) => at >= from && at <= to);
    const starved = stalls.reduce((sum, { late }) => sum + late, 0) / (to - from);
    const [first, last] = [statistics[0]!, statistics.at(-1)!];
    const seconds = (last.at - first.at) / 1_000;
    const rows = Array.from({ length: CAMERAS }, (_, index): Row => {
      const mine = frames.filter(({ number }) => number === index + 1);
      const seen = states(mine, from, to);
      const recent = mine.filter(({ at }) => at > to - DARK_MS);
      return {
        dark: recent.length === 0,
        width: recent.at(-1)?.width ?? 0,
        framesPerSecond: mine.length / ((to - from) / 1_000),
        changes: seen.length - 1,
      };
    });
    const sum = (kind: 'audio' | 'video', field: keyof StreamStatistics): number =>
      Object.entries(last.streams)
        .filter(([, stream]) => stream.kind === kind)
        .reduce(
          (all, [mid, stream]) => all + Number(stream[field] ?? 0) - Number(first.streams[mid]?.[field] ?? 0),
          0,
        );
    const sound = Object.entries(last.streams)
      .filter(([, { kind }]) => kind === 'audio')
      .map(([mid, stream]) => ({
        ...stream,
        concealed: (stream.concealed ?? 0) - (first.streams[mid]?.concealed ?? 0),
        samples: (stream.samples ?? 0) - (first.streams[mid]?.samples ?? 0),
        packetsReceived: stream.packetsReceived - (first.streams[mid]?.packetsReceived ?? 0),
        packetsLost: stream.packetsLost - (first.streams[mid]?.packetsLost ?? 0),
      }))
      .filter(({ packetsReceived }) => packetsReceived > 100);
    const concealed = sound.map(
      (one) => `${((100 * (one.concealed ?? 0)) / (one.samples || 1)).toFixed(2)} %`,
    );
    const text =
      `${bitsPerSecond / 1_000} kbit/s: pictures ${((sum('video', 'bytesReceived') * 8) / 1_000 / seconds).toFixed(0)} kbit/s, ` +
      `sound ${((sum('audio', 'bytesReceived') * 8) / 1_000 / seconds).toFixed(0)} kbit/s, made up ${concealed.join(', ')}; ` +
      `packets lost: pictures ${sum('video', 'packetsLost')} of ${sum('video', 'packetsReceived')}, ` +
      `sound ${sum('audio', 'packetsLost')} of ${sum('audio', 'packetsReceived')}; overflowed ${link.toClient.overflowed - overflowedBefore}; ` +
      `freezes ${sum('video', 'freezeCount')}\n` +
      rows
        .map(({ dark, width, framesPerSecond, changes }, index) =>
          dark
            ? `  canvas ${index + 1}: dark (${framesPerSecond.toFixed(1)} frames/s before), ${changes} changes`
            : `  canvas ${index + 1}: ${width} px, ${framesPerSecond.toFixed(1)} frames/s, ${changes} changes`,
        )
        .join('\n');
    return { rows, sound, starved, text };
  } finally {
    await pictures.call('removeReceiver', name).catch(() => undefined);
    link.close();
  }
}

test.each([300_000, 1_000_000, 5_000_000])('%d bit/s towards nine canvases', async (bitsPerSecond) => {
  const { rows, sound, starved, text } = await measure(bitsPerSecond);
  console.log(text);
  const layers = await pictures.call('sent', order(0));
  console.log(
    layers.map(({ rid, width, targetBitrate }) => `${rid} ${width} px ${targetBitrate}`).join(', '),
  );
  expect(sound).toHaveLength(1);
  // A page without processor time makes up sound whatever arrives: so much is let by, and no packet is lost.
  for (const { concealed = 0, samples = 1, packetsLost } of sound) {
    expect(packetsLost).toBe(0);
    expect(concealed / samples).toBeLessThan(0.01 + starved);
  }
  // Who is dark is less relevant than everybody who is not.
  const dark = rows.map((row) => row.dark);
  expect(dark).toEqual(dark.toSorted((left, right) => Number(left) - Number(right)));
  expect(rows[0]?.dark).toBe(false);
  expect(Math.max(...rows.map(({ changes }) => changes))).toBeLessThanOrEqual(MOST_CHANGES);
  if (bitsPerSecond >= 5_000_000) expect(dark).not.toContain(true);
});
