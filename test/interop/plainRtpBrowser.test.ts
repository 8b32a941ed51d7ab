/** `tertulia rtp-out` of a browser's camera: FFmpeg cannot ask for key frames, and a browser makes none unless it is asked. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium, openTestPage } from '../browser/support/chromium.js';
import { startServer, type ServerProcess } from '../browser/support/serverProcess.js';
import { serveTestPages, type TestPages } from '../browser/support/testPages.js';
import { Command, decoded, freePorts } from './support/commands.js';
import { Program } from './support/programs.js';

const LIMIT_MS = 45_000;

let pages: TestPages;
let server: ServerProcess;
let browser: Browser;
let folder: string;
let output: Command | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-'));
  pages = await serveTestPages();
  server = await startServer(['--cors-origin', pages.origin]);
  browser = await launchChromium();
});
afterAll(async () => {
  await output?.stop();
  await browser?.close();
  await server?.stop();
  pages?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${server.url}/v1/rooms/${path}`)).json()) as Record<string, unknown>;

test('FFmpeg that comes later finds key frames of a browser, which makes none unless it is asked', async () => {
  const { page } = await openTestPage(browser, pages.origin, server.url);
  await page.addScriptTag({ type: 'module', url: '/page/videoTab.js' });
  await page.evaluate(() =>
    (
      window as unknown as { enterVideo(room: string, name: string, camera: boolean): Promise<void> }
    ).enterVideo('call', 'Ada', true),
  );
  await expect
    .poll(async () => (await get('call/participants'))['participants'], { timeout: LIMIT_MS })
    .toMatchObject([{ displayName: 'Ada', cameraOn: true }]);
  const sdp = join(folder, 'call.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  output = Command.begin(server.url, ['rtp-out', '--room', 'call', '--no-audio', '--to', to, sdp]);
  await output.said('Ctrl-C');
  // What came with the start is gone by then.
  const outputs = async (): Promise<{ bytes: number }[]> =>
    (await get('call/rtp-outputs'))['outputs'] as { bytes: number; startedAtMs: number }[];
  await expect.poll(async () => (await outputs())[0]!.bytes, { timeout: LIMIT_MS }).toBeGreaterThan(50_000);
  const file = join(folder, 'call.mkv');
  const sink = new Program('ffmpeg', [
    ...['-nostdin', '-loglevel', 'warning', '-protocol_whitelist', 'file,udp,rtp'],
    ...['-analyzeduration', '15M', '-i', sdp, '-frames:v', '100', '-c', 'copy', file],
  ]);
  await sink.finish(LIMIT_MS);
  const flags = spawnSync(
    'ffprobe',
    ['-v', 'error', '-show_entries', 'packet=flags', '-of', 'csv=p=0', file],
    { encoding: 'utf8' },
  ).stdout.split('\n');
  expect(flags.filter((each) => each.startsWith('K')).length).toBeGreaterThanOrEqual(2);
  expect(Object.values(decoded(file))[0]).toBeGreaterThan(90);
});
