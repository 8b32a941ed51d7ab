/**
 * Files of recordings, as players see them: FFmpeg reads and decodes every codec in every container, cut off, finished,
 * repaired and exported. Without a complaint on standard error, or the test fails. Chromium plays them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { containerFor, exportMp4, finishFile } from '../../packages/recorder/src/container/index.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPlayer } from './support/browserPlayer.js';
import {
  decode,
  decodedSizes,
  encodeAudio,
  encodeVideo,
  fileOf,
  flashStarts,
  framesOf,
  onTrack,
  probe,
  testFolder,
  toneStarts,
  withParameterSets,
  type Encoded,
  type VideoCodec,
} from './support/recordings.js';

const CODECS: readonly VideoCodec[] = ['vp8', 'vp9', 'av1', 'h264'];
const SECONDS = 6;
const CLUSTER_ID = Buffer.from('1f43b675', 'hex');
/** More with TERTULIA_KILLS=50: a kill takes half a second. */
const KILLS = Number(process.env['TERTULIA_KILLS'] ?? 10);
const RECORDER = fileURLToPath(new URL('support/recordUntilKilled.mjs', import.meta.url));

let folder: string;
let remove: () => Promise<void>;
let voice: Encoded;
const pictures = new Map<VideoCodec, Encoded>();

beforeAll(async () => {
  ({ folder, remove } = await testFolder());
  voice = await encodeAudio(folder, SECONDS);
  for (const codec of CODECS) pictures.set(codec, await encodeVideo(folder, codec, SECONDS));
}, 60_000);
afterAll(() => remove());

const differences = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Infinity;

/** A part as the recorder leaves it; nothing starts at 0, as nothing does in a call. */
async function partOf(codec: VideoCodec, name: string): Promise<{ part: string; to: string }> {
  const video = pictures.get(codec)!;
  const to = join(folder, `${name}.${containerFor(['opus', codec])}`);
  const frames = [...framesOf(voice, 1, 100), ...framesOf(video, 2, 100)];
  await writeFile(`${to}.part`, fileOf([onTrack(voice, 1, 'voice'), onTrack(video, 2, 'camera')], frames));
  return { part: `${to}.part`, to };
}

/** Tone and flash start together, every second. @returns how much later the tone is. */
async function skewsMs(path: string): Promise<number[]> {
  const [tones, flashes] = await Promise.all([toneStarts(path), flashStarts(path)]);
  expect(tones.length).toBeGreaterThanOrEqual(SECONDS - 1);
  return flashes.map((at) => Math.min(...tones.map((tone) => tone - at).filter((by) => Math.abs(by) < 200)));
}

describe.each(CODECS)('%s with Opus', (codec) => {
  test('growing, finished and as MP4: every frame at its time, all of it decodes', async () => {
    const { part, to } = await partOf(codec, `whole-${codec}`);
    const video = pictures.get(codec)!;
    const growing = await probe(part);
    expect(growing.complaints + (await decode(part))).toBe('');
    const [audioTimes, videoTimes] = growing.streams.map(({ timesMs }) => timesMs);
    expect(growing.streams.map((stream) => stream.codec)).toEqual(['opus', codec]);
    // FFmpeg subtracts the codec delay of 6.5 ms, rounded to its ticks.
    const expectedAudio = voice.frames.map(({ timeMs }) => timeMs + 100 - 7);
    expect(differences(audioTimes!, expectedAudio)).toBeLessThan(1);
    expect(
      differences(
        videoTimes!,
        video.frames.map(({ timeMs }) => timeMs + 100),
      ),
    ).toBeLessThan(1);
    // A codec delay that gets lost would be 6.5 ms.
    for (const skew of await skewsMs(part)) expect(Math.abs(skew)).toBeLessThan(1);

    const { durationMs, frames } = await finishFile(part, { to });
    expect(frames).toBe(voice.frames.length + video.frames.length);
    const finished = await probe(to);
    expect(finished.complaints + (await decode(to))).toBe('');
    expect(finished.streams).toEqual(growing.streams);
    expect(Math.abs(finished.durationMs - durationMs)).toBeLessThan(1);
    for (const skew of await skewsMs(to)) expect(Math.abs(skew)).toBeLessThan(1);

    if (codec === 'vp8') return; // players do not take it in MP4
    const mp4 = join(folder, `whole-${codec}.mp4`);
    await exportMp4(to, mp4);
    const exported = await probe(mp4);
    expect(exported.complaints + (await decode(mp4))).toBe('');
    expect(exported.streams.map((stream) => stream.codec)).toEqual(['opus', codec]);
    for (const [i, stream] of exported.streams.entries()) {
      expect(differences(stream.timesMs, finished.streams[i]!.timesMs)).toBeLessThanOrEqual(1);
      expect(stream.keyFrames).toBe(finished.streams[i]!.keyFrames);
    }
    for (const skew of await skewsMs(mp4)) expect(Math.abs(skew)).toBeLessThan(1);
  });

  test('a player that jumps lands on a picture: seeking decodes without complaint', async () => {
    const { part, to } = await partOf(codec, `seek-${codec}`);
    await finishFile(part, { to });
    const { streams } = await probe(to);
    expect(streams[1]!.keyFrames).toBeGreaterThanOrEqual(SECONDS - 2);
    for (const at of ['1.3', '3.9']) expect(await decode(to, ['-ss', at])).toBe('');
  });

  test('cut off anywhere: it plays as it is, and after repair nothing is wrong with it', async () => {
    const { part, to } = await partOf(codec, `cut-${codec}`);
    const whole = await readFile(part);
    const head = whole.indexOf(CLUSTER_ID);
    const places = [0.03, 0.3, 0.6, 0.9].map((share) => Math.round(head + share * (whole.length - head)));
    for (const at of [...places, whole.length - 1]) {
      const cut = `${part}.cut.part`;
      await writeFile(cut, whole.subarray(0, at));
      const before = await probe(cut); // complains about the last cluster, and goes on
      const repaired = `${to}.cut.${containerFor([codec])}`;
      const { frames } = await finishFile(cut, { to: repaired });
      if (frames === 0) continue; // cut off in the first cluster: there is nothing to play
      const after = await probe(repaired);
      expect(after.complaints + (await decode(repaired))).toBe('');
      const count = ({ streams }: typeof after): number =>
        streams.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
      expect(count(after)).toBe(frames);
      expect(count(before)).toBeGreaterThanOrEqual(frames);
    }
  });
});

test('Chromium plays all of it, also what still grows, and jumps', async () => {
  const names: { name: string; grows: boolean }[] = [];
  for (const codec of CODECS) {
    const { part, to } = await partOf(codec, `browser-${codec}`);
    await writeFile(`${to}.growing`, await readFile(part));
    await finishFile(part, { to });
    names.push({ name: basename(to), grows: false }, { name: `${basename(to)}.growing`, grows: true });
    if (codec === 'vp8') continue;
    await exportMp4(to, `${to}.mp4`);
    names.push({ name: `${basename(to)}.mp4`, grows: false });
  }
  const player = await openPlayer(folder);
  try {
    for (const { name, grows } of names) {
      const { size, durationSeconds, frames, soundBytes } = await player.play(name, 3.7);
      expect(size, name).toBe('320x180');
      if (grows) expect(durationSeconds, name).toBeNull();
      // In MP4 Chromium counts from the first frame, which is at 0.1 s.
      else expect(Math.abs(durationSeconds! - (SECONDS + 0.1)), name).toBeLessThan(0.12);
      expect(frames, name).toBeGreaterThanOrEqual(10);
      expect(soundBytes, name).toBeGreaterThan(1000);
    }
  } finally {
    await player.close();
  }
});

test.each(CODECS)('%s: a picture that changes its size, as file and as MP4', async (codec) => {
  const small = withParameterSets(await encodeVideo(folder, codec, 2, '160x90'));
  const large = withParameterSets(pictures.get(codec)!);
  const to = join(folder, `sizes-${codec}.${containerFor([codec])}`);
  const frames = [...framesOf(small, 1), ...framesOf(large, 1, 2500), ...framesOf(small, 1, 9000)];
  await writeFile(`${to}.part`, fileOf([onTrack(small, 1)], frames));
  await finishFile(`${to}.part`, { to });
  expect(await decode(to)).toBe('');
  expect(await decodedSizes(to)).toEqual(['160x90', '320x180', '160x90']);
  if (codec === 'vp8') return;
  const mp4 = join(folder, `sizes-${codec}.mp4`);
  await exportMp4(to, mp4);
  expect(await decode(mp4)).toBe('');
  expect(await decodedSizes(mp4)).toEqual(['160x90', '320x180', '160x90']);
});

test('many tracks, one that is silent for a while, gaps, one that stays empty: everything decodes at its time', async () => {
  const mono = await encodeAudio(folder, 2, 1);
  const vp8 = pictures.get('vp8')!;
  const tracks = [
    onTrack(voice, 1, 'first voice'),
    onTrack(mono, 2, 'second voice'),
    onTrack(vp8, 3, 'camera'),
    onTrack(pictures.get('vp9')!, 4, 'screen'),
    onTrack(vp8, 5, 'nobody'),
  ];
  const frames = [
    ...framesOf(voice, 1),
    ...framesOf(mono, 2, 1500),
    ...framesOf(mono, 2, 30_000),
    ...framesOf(vp8, 3, 200),
    ...framesOf(vp8, 3, 20_000), // after a gap
    ...framesOf(vp8, 3, 40_000),
    ...framesOf(pictures.get('vp9')!, 4, 25_000),
  ];
  const path = join(folder, 'many.webm');
  await writeFile(`${path}.part`, fileOf(tracks, frames));
  await finishFile(`${path}.part`, { to: path });
  const { streams, complaints } = await probe(path);
  expect(complaints + (await decode(path))).toBe('');
  expect(streams.map(({ codec }) => codec)).toEqual(['opus', 'opus', 'vp8', 'vp9']);
  streams.forEach(({ timesMs }, i) => {
    const delayMs = i < 2 ? 7 : 0;
    const times = frames.filter(({ track }) => track === i + 1).map(({ timeMs }) => timeMs - delayMs);
    expect(differences(timesMs, times)).toBeLessThan(1);
  });
});

test('H.264 and AV1 with several tracks as MP4', async () => {
  const tracks = [onTrack(pictures.get('h264')!, 1), onTrack(voice, 2), onTrack(pictures.get('av1')!, 3)];
  const frames = [
    ...framesOf(pictures.get('h264')!, 1, 2000),
    ...framesOf(voice, 2),
    ...framesOf(pictures.get('av1')!, 3, 500),
  ];
  const path = join(folder, 'several.mkv');
  await writeFile(`${path}.part`, fileOf(tracks, frames));
  await finishFile(`${path}.part`, { to: path });
  const mp4 = join(folder, 'several.mp4');
  await exportMp4(path, mp4, { inMemoryBytes: 0 });
  const [before, after] = [await probe(path), await probe(mp4)];
  expect(after.complaints + (await decode(mp4))).toBe('');
  after.streams.forEach(({ codec, timesMs }, i) => {
    expect(codec).toBe(before.streams[i]!.codec);
    expect(differences(timesMs, before.streams[i]!.timesMs)).toBeLessThanOrEqual(1);
  });
});

test(`killed at ${KILLS} random moments: each file plays, at most the last second is missing`, async () => {
  const { part } = await partOf('vp8', 'to-be-killed');
  let played = 0;
  for (let i = 0; i < KILLS; i++) {
    const killed = join(folder, `killed-${i}.webm`);
    const recorder = spawn(process.execPath, [RECORDER, part, `${killed}.part`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(recorder, 'exit');
    let said = '';
    const lines = 3 + Math.floor(Math.random() * 90);
    await new Promise<void>((resolve) =>
      recorder.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split('\n').length > lines) resolve();
      }),
    );
    recorder.kill('SIGKILL');
    await exit;
    const writtenMs = Number(said.trim().split('\n').at(-1));
    const { durationMs, frames } = await finishFile(`${killed}.part`, { to: killed });
    expect(durationMs, `kill ${i}`).toBeGreaterThan(writtenMs - 1000);
    if (frames > 0) expect(await decode(killed), `kill ${i}`).toBe('');
    played++;
    await rm(killed);
  }
  expect(played).toBe(KILLS);
});
