import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findInterrupted, repairRecording } from '../../src/container/index.js';
import { expect, test } from 'vitest';
import { AUDIO, picture, readAll, recordingIn, sound, STARTED_AT, testFolder, VIDEO } from './support.js';

const SOUNDS = Array.from({ length: 100 }, (_, i) => sound(1, i * 20));
const PICTURES = Array.from({ length: 50 }, (_, i) => picture(2, i * 40, i === 0));
const json = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));

test('what a crash left is finished, and the JSON files say so', async () => {
  const folder = await testFolder();
  const first = await recordingIn(folder, [AUDIO], SOUNDS, '01.webm.part');
  await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES], '02.part2.webm.part');
  await truncate(first, (await readFile(first)).length - 10);
  await writeFile(
    join(folder, '01.json'),
    JSON.stringify({ recordingId: 'r1', ended: false, durationMs: 1 }),
  );
  await writeFile(join(folder, 'recording.json'), '{"recordingId": "r1", "peo'); // cut off by the crash
  await writeFile(join(folder, '03.webm.finishing'), 'half of a new file');
  await writeFile(join(folder, '04.webm.part'), 'garbage');
  await recordingIn(folder, [AUDIO], [], '05.webm.part');
  await writeFile(join(folder, '06.webm.part'), '');

  const { repaired, removed, failed } = await repairRecording(folder);

  expect(repaired).toMatchObject([
    { name: '01.webm', durationMs: 1500, frames: 75 },
    { name: '02.part2.webm', durationMs: 2000, frames: 150, cutBytes: 0 },
  ]);
  expect(removed).toEqual(['05.webm.part', '06.webm.part']);
  expect(failed).toMatchObject([
    { name: '04.webm.part', why: expect.stringContaining('04.webm.part') as unknown },
  ]);
  expect((await readdir(folder)).sort()).toEqual(
    ['01.json', '01.webm', '02.part2.json', '02.part2.webm', '04.webm.part', 'recording.json'].sort(),
  );
  expect(await json(join(folder, '01.json'))).toMatchObject({
    recordingId: 'r1',
    interrupted: true,
    ended: true,
    finished: true,
    durationMs: 1500,
  });
  // Its JSON file was not there: the file says what it knows.
  expect(await json(join(folder, '02.part2.json'))).toMatchObject({
    file: '02.part2.webm',
    startedAtMs: STARTED_AT,
    interrupted: true,
    durationMs: 2000,
    tracks: [
      { number: 1, kind: 'audio', codec: 'opus' },
      { number: 2, kind: 'video', codec: 'vp8', width: 1280, height: 720 },
    ],
  });
  expect(await json(join(folder, 'recording.json'))).toEqual({ interrupted: true });
  expect((await readAll(join(folder, '01.webm'))).file.head.durationMs).toBe(1500);
});

test('a second run has nothing to do', async () => {
  const folder = await testFolder();
  await recordingIn(folder, [AUDIO], SOUNDS);
  await repairRecording(folder);
  const before = await readFile(join(folder, '01.webm'));
  expect(await repairRecording(folder)).toEqual({ repaired: [], removed: [], failed: [] });
  expect((await readFile(join(folder, '01.webm'))).equals(before)).toBe(true);
});

test('recordings that need it are found; those in use and the folders of others are not touched', async () => {
  const directory = await testFolder();
  const folder = (id: string): string => `20260131T142500Z-${id}`;
  for (const [name, file] of [
    [folder('r_crashed'), '01.webm.part'],
    [folder('r_running'), '01.webm.part'],
    [folder('r_finished'), '01.webm'],
    // A browser's downloads end like that, too.
    ['Downloads', 'film.webm.part'],
  ] as const) {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, file), '');
  }
  expect(await findInterrupted(directory, new Set([folder('r_running')]))).toEqual([folder('r_crashed')]);
});
