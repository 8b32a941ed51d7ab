/**
 * A recorded call of two, in all three modes: what people see of it, and what is in the files afterwards, decoded by FFmpeg.
 * Chromium's fake microphone beeps once a second, its fake camera shows a running clock.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from './support/chromium.js';
import { startServer, type ServerProcess } from './support/serverProcess.js';

const run = promisify(execFile);
/** Of each recording, at least. */
const RECORDED_MS = 6_000;
const PATIENCE = { timeout: 20_000 };

let directory: string;
let server: ServerProcess;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tertulia-recording-'));
  server = await startServer(['--recordings', directory, '--video-slots', '2']);
  browser = await launchChromium();
});
afterAll(async () => {
  for (const context of contexts) await context.close();
  await browser?.close();
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function enter(name: string): Promise<Page> {
  const context = await browser.newContext({
    permissions: ['microphone', 'camera'],
    viewport: { width: 1280, height: 800 },
  });
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(`${server.url}/r/tea?debug`);
  await page.getByTestId('name').fill(name);
  await page.getByTestId('join').click();
  await page.getByTestId('call').waitFor();
  return page;
}

interface RecordingBody {
  recordingId: string;
  mode: string;
  state: string;
  cause?: string;
  folder: string;
  startedAtMs: number;
  durationMs: number;
  bytes: number;
  packets: number;
  files: {
    name: string;
    bytes: number;
    durationMs: number;
    finished: boolean;
    displayName?: string;
    source?: string;
  }[];
}
const path = (id = ''): string => `${server.url}/v1/rooms/tea/recordings${id === '' ? '' : `/${id}`}`;
const call = async <Body = RecordingBody>(method: string, url: string, body?: object): Promise<Body> => {
  const response = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Body;
};

interface Probe {
  streams: { codec_name: string; codec_type: string; nb_read_frames: string; width?: number }[];
  format: { duration: string };
}
/** All of it is decoded; anything that a decoder complains about fails. */
async function decode(file: string): Promise<Probe> {
  // With the times as they are: otherwise pictures are put onto a grid of the rate that FFmpeg guesses, and it complains.
  const { stderr } = await run('ffmpeg', [
    ...['-v', 'error', '-xerror', '-i', file, '-map', '0'],
    ...['-fps_mode', 'passthrough', '-enc_time_base', '-1', '-f', 'null', '-'],
  ]);
  expect(stderr).toBe('');
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-count_frames', '-print_format', 'json'],
    ...['-show_entries', 'stream=codec_name,codec_type,nb_read_frames,width:format=duration', file],
  ]);
  return JSON.parse(stdout) as Probe;
}
const kinds = ({ streams }: Probe): string[] => streams.map(({ codec_name }) => codec_name).sort();
const readJson = (...parts: string[]): Record<string, unknown> =>
  JSON.parse(readFileSync(join(directory, ...parts), 'utf8')) as Record<string, unknown>;

describe('a call of two', () => {
  let ada: Page;
  let ben: Page;
  const started = Date.now();
  const ids: Record<string, string> = {};
  /** To be begun before: a sentence for screen readers is gone after some seconds. */
  const bothHear = async (sentence: string): Promise<void> => {
    await Promise.all(
      [ada, ben].map((page) => page.getByTestId('live').getByText(sentence).waitFor(PATIENCE)),
    );
  };

  beforeAll(async () => {
    ada = await enter('Ada');
    ben = await enter('Ben / ../../etc');
    for (const page of [ada, ben]) await page.getByTestId('camera').click();
    for (const page of [ada, ben]) {
      const pictured = page.locator('[data-testid=tile][data-pictured=true]');
      for (const tile of [0, 1]) await pictured.nth(tile).waitFor(PATIENCE);
    }
  });

  test('who has the right starts it in the settings; both see and hear of it', async () => {
    for (const page of [ada, ben]) expect(await page.getByTestId('recorded').count()).toBe(0);
    await ada.getByTestId('open-settings').click();
    const heard = bothHear('This call is recorded.');
    await ada.getByTestId('record').click();
    await heard;
    for (const page of [ada, ben])
      await page.getByTestId('recorded').getByText('This call is recorded').waitFor(PATIENCE);
    await ada.getByTestId('record').getByText('Stop recording').waitFor();
    await ada.keyboard.press('Escape');
    const { recordings } = await call<{ recordings: RecordingBody[] }>('GET', path());
    expect(recordings).toMatchObject([{ mode: 'participants', state: 'recording' }]);
    ids['participants'] = recordings[0]?.recordingId ?? '';
  });

  test('the API starts the other modes, and says how far they are', async () => {
    for (const mode of ['sources', 'room']) {
      const recording = await call('POST', path(), { mode });
      ids[mode] = recording.recordingId;
      expect((await call('POST', path(), { mode })).recordingId).toBe(recording.recordingId);
    }
    for (const id of Object.values(ids)) {
      await expect
        .poll(async () => (await call('GET', path(id))).durationMs, PATIENCE)
        .toBeGreaterThan(RECORDED_MS);
      const { bytes, packets } = await call('GET', path(id));
      expect([bytes > 50_000, packets > 500]).toEqual([true, true]);
    }
  });

  test('who comes later is told at once', async () => {
    const cleo = await enter('Cleo');
    await cleo.getByTestId('recorded').waitFor(PATIENCE);
    await cleo.getByTestId('leave').click();
  });

  test('a stop gives finished files', async () => {
    for (const mode of ['sources', 'room']) {
      const stopped = await call('DELETE', path(ids[mode]));
      expect(stopped).toMatchObject({ state: 'ended', cause: 'stopped' });
    }
    await ben.getByTestId('recorded').waitFor();
    await ada.getByTestId('open-settings').click();
    const heard = bothHear('The recording has ended.');
    await ada.getByTestId('record').getByText('Stop recording').click();
    await heard;
    for (const page of [ada, ben])
      await page.getByTestId('recorded').waitFor({ state: 'detached', ...PATIENCE });
    await expect
      .poll(async () => (await call('GET', path(ids['participants']))).state, PATIENCE)
      .toBe('ended');
    const left = readdirSync(directory, { recursive: true }).map(String);
    expect(left.filter((name) => /\.part$|\.finishing$/.test(name))).toEqual([]);
    expect(left.filter((name) => /etc|Ada|Ben|tea/.test(name))).toEqual([]);
    expect(existsSync(join(directory, '..', 'etc'))).toBe(false);
  });

  test('a file per participant: sound and picture in it, and beside it who and when', async () => {
    const { folder, files, startedAtMs } = await call('GET', path(ids['participants']));
    expect(startedAtMs).toBeGreaterThan(started);
    expect(readJson(folder, 'recording.json')).toMatchObject({ room: 'tea', mode: 'participants' });
    const people = files.filter(({ displayName }) => displayName !== 'Cleo');
    expect(people.map(({ displayName }) => displayName).sort()).toEqual(['Ada', 'Ben / ../../etc']);
    for (const { name, displayName, finished, durationMs } of people) {
      expect(finished).toBe(true);
      const probe = await decode(join(directory, folder, name));
      expect(kinds(probe)).toEqual(['opus', 'vp8']);
      expect(Number(probe.format.duration) * 1_000).toBeGreaterThan(RECORDED_MS);
      expect(Math.abs(Number(probe.format.duration) * 1_000 - durationMs)).toBeLessThan(200);
      for (const { codec_type, nb_read_frames } of probe.streams)
        expect(Number(nb_read_frames)).toBeGreaterThan(
          ((codec_type === 'audio' ? 45 : 5) * RECORDED_MS) / 1_000,
        );
      const beside = readJson(folder, name.replace(/\.\w+$/, '.json'));
      expect(JSON.stringify(beside)).toContain(JSON.stringify(displayName));
    }
  });

  test('a file per source', async () => {
    const { folder, files } = await call('GET', path(ids['sources']));
    const found: string[] = [];
    for (const { name, displayName, source } of files) {
      if (displayName === 'Cleo') continue;
      const probe = await decode(join(directory, folder, name));
      found.push(`${displayName?.slice(0, 3)} ${source} ${kinds(probe)}`);
    }
    expect(found.sort()).toEqual([
      'Ada camera vp8',
      'Ada microphone opus',
      'Ben camera vp8',
      'Ben microphone opus',
    ]);
  });

  test('the room: voices and pictures in slots, and whose they are', async () => {
    const { folder, files } = await call('GET', path(ids['room']));
    const codecs: string[] = [];
    for (const { name } of files) {
      codecs.push(...kinds(await decode(join(directory, folder, name))));
      const beside = JSON.stringify(readJson(folder, name.replace(/\.\w+$/, '.json')));
      expect(beside).toContain('switches');
    }
    expect(codecs.filter((codec) => codec === 'opus').length).toBeGreaterThanOrEqual(2);
    expect(codecs.filter((codec) => codec === 'vp8').length).toBeGreaterThanOrEqual(2);
    expect(JSON.stringify(readJson(folder, 'recording.json'))).toContain('"Ada"');
  });

  test('a server that is told to stop finishes what runs', async () => {
    const recording = await call('POST', path(), { mode: 'participants' });
    await expect
      .poll(async () => (await call('GET', path(recording.recordingId))).durationMs, PATIENCE)
      .toBeGreaterThan(1_500);
    expect(await server.stop()).toBe(0);
    const names = readdirSync(join(directory, recording.folder));
    expect(names.filter((name) => name.endsWith('.part'))).toEqual([]);
    const films = names.filter((name) => name.endsWith('.webm'));
    expect(films.length).toBeGreaterThanOrEqual(2);
    for (const name of films) await decode(join(directory, recording.folder, name));
  });
});
