/** The command: what it prints, what it refuses, that Ctrl-C leaves nothing. Needs the built packages. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { constants, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MatroskaWriter } from '@tertulia/recorder/container';
import { expect, onTestFinished, test } from 'vitest';
import { exportRecording } from '../../src/commands/export.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Two seconds of Opus in packets of 20 ms, under each name. */
async function folderWith(names: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-export-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const writer = new MatroskaWriter({ tracks: [{ number: 1, codec: 'opus' }], startedAt: 0 });
  const data = new Uint8Array(40).fill(0xfc);
  for (let timeMs = 0; timeMs < 2000; timeMs += 20) writer.write({ track: 1, timeMs, keyFrame: true, data });
  const bytes = Buffer.concat([writer.header(), ...writer.end()]);
  for (const name of names) await writeFile(join(folder, name), bytes);
  return folder;
}

async function run(args: readonly string[], isTerminal = false) {
  let printed = '';
  let progress = '';
  await exportRecording(args, {
    print: (text) => (printed += text),
    progress: { isTerminal, write: (text) => (progress += text) },
  });
  return { printed, progress };
}

test('off a terminal: a line every ten percent, then what was written', async () => {
  const folder = await folderWith(['01.webm']);
  const out = join(folder, 'out.mp4');
  const { printed, progress } = await run([join(folder, '01.webm'), out]);
  expect(printed).toMatch(/^.*out\.mp4: 0:02 min, 0\.0 MB, Opus\n$/);
  expect(progress).toMatch(/^(\d+ %\n)+$/);
  expect(progress.trim().split('\n').length).toBeLessThanOrEqual(11);
});

test('on a terminal: a bar in one line that is gone at the end', async () => {
  const folder = await folderWith(['01.webm']);
  const { progress } = await run([join(folder, '01.webm'), join(folder, 'out.mp4')], true);
  expect(progress).toContain('\r[##############################] 100 %');
  expect(progress).not.toContain('\n');
  expect(progress.endsWith('\r\x1b[K')).toBe(true);
});

test('says which other parts there are', async () => {
  const folder = await folderWith(['01.webm', '01.part2.webm', '01.part3.mkv', '02.webm']);
  const { printed } = await run([join(folder, '01.part2.webm'), join(folder, 'out.mp4'), '--quiet']);
  expect(printed).toContain('other parts, each for an MP4 of its own: 01.part3.mkv, 01.webm\n');
});

test.each([
  { name: 'nothing named', args: [], says: 'Give a recording' },
  { name: 'no output', args: ['01.webm'], says: 'Give a recording' },
  { name: 'not an MP4', args: ['01.webm', 'out.mov'], says: 'must end with .mp4' },
  { name: 'unknown flag', args: ['01.webm', 'out.mp4', '--loud'], says: '--loud' },
  { name: 'no such file', args: ['99.webm', 'out.mp4'], says: 'no such file' },
  { name: 'a folder', args: ['', 'out.mp4'], says: 'name one of its files' },
  { name: 'still written', args: ['02.webm.part', 'out.mp4'], says: 'EXPORT_UNFINISHED' },
  { name: 'output is there', args: ['01.webm', 'old.mp4'], says: '--force' },
])('$name: one sentence', async ({ args, says }) => {
  const folder = await folderWith(['01.webm', '02.webm.part', 'old.mp4']);
  const paths = args.map((arg) => (arg.startsWith('--') ? arg : join(folder, arg)));
  await expect(run([...paths, '--quiet'])).rejects.toThrow(says);
  expect((await readdir(folder)).sort()).toEqual(['01.webm', '02.webm.part', 'old.mp4']);
});

test('Ctrl-C leaves no half file and exits as a shell expects', async () => {
  const folder = await folderWith(['01.webm']);
  // A pipe that nobody reads holds the command up in the middle of its work, however fast the machine is.
  const unfinished = join(folder, 'out.mp4.exporting');
  expect(spawnSync('mkfifo', [unfinished]).status).toBe(0);
  const command = spawn(process.execPath, [CLI, 'export', join(folder, '01.webm'), join(folder, 'out.mp4')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(command, 'exit');
  await once(command.stderr, 'data'); // the first progress: it is at work
  command.kill('SIGINT');
  const reader = await open(unfinished, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  expect((await exit)[0]).toBe(130);
  await reader?.close();
  expect(await readdir(folder)).toEqual(['01.webm']);
});
