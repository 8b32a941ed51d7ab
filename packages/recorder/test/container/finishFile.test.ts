import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContainerError, finishFile, finishInWorker } from '../../src/container/index.js';
import { children, readHeader, readUnsigned } from '../../src/container/ebml.js';
import { describe, expect, test } from 'vitest';
import {
  AUDIO,
  bytesOf,
  expected,
  picture,
  readAll,
  recordingIn,
  sound,
  STARTED_AT,
  testFolder,
  VIDEO,
} from './support.js';

/** Ten seconds: sound every 20 ms, pictures every 40 ms with a key frame every 2 s, from 1 s on. */
const SOUNDS = Array.from({ length: 500 }, (_, i) => sound(1, i * 20));
const PICTURES = Array.from({ length: 225 }, (_, i) => picture(2, 1000 + i * 40, i % 50 === 0));

/** Level-1 elements of a finished file, with their places counted from the segment's start. */
function segmentOf(bytes: Uint8Array): { id: number; at: number; content: Uint8Array }[] {
  const ebml = readHeader(bytes, 0);
  if (!ebml.ok) throw new Error(ebml.why);
  let at = ebml.value.headerLength + ebml.value.size;
  const segment = readHeader(bytes, at);
  if (!segment.ok) throw new Error(segment.why);
  at += segment.value.headerLength;
  expect(at + segment.value.size).toBe(bytes.length);
  const start = at;
  const elements = [];
  while (at < bytes.length) {
    const header = readHeader(bytes, at);
    if (!header.ok) throw new Error(header.why);
    const end = at + header.value.headerLength + header.value.size;
    elements.push({
      id: header.value.id,
      at: at - start,
      content: bytes.subarray(at + header.value.headerLength, end),
    });
    at = end;
  }
  return elements;
}

const number = (content: Uint8Array, ...path: number[]): number => {
  let at = content;
  for (const id of path) at = children(at).elements.find((child) => child.id === id)!.content;
  return readUnsigned(at);
};

describe('a finished file', () => {
  test('has every frame at its time, the duration, names, date and codec delay; the original is gone', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES]);
    const progress: number[] = [];
    const result = await finishFile(path, {
      to: join(folder, '01.webm'),
      onProgress: (fraction) => progress.push(fraction),
    });
    expect(result).toMatchObject({ durationMs: 10_000, frames: 725, indexed: true, cutBytes: 0 });
    expect(await readdir(folder)).toEqual(['01.webm']);
    const { file, frames } = await readAll(join(folder, '01.webm'));
    expect(frames).toEqual(expected([...SOUNDS, ...PICTURES]));
    expect(file.bytes).toBe(result.bytes);
    expect(file.head).toMatchObject({
      startedAt: STARTED_AT,
      title: 'Peña',
      durationMs: 10_000,
      docType: 'webm',
    });
    expect(file.head.tracks).toMatchObject([
      { number: 1, codec: 'opus', name: 'Zoë’s microphone', codecDelayMs: 6.5 },
      { number: 2, codec: 'vp8', name: 'camera', width: 1280, height: 720 },
    ]);
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test('cues point at the clusters that hold the key frames of pictures, the seek head at all of it', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES]);
    await finishFile(path, { to: join(folder, '01.webm') });
    const elements = segmentOf(await readFile(join(folder, '01.webm')));
    const places = new Map(elements.map(({ id, at }) => [id, at]));
    const seeks = children(elements[0]!.content).elements;
    expect(elements[0]!.id).toBe(0x114d9b74);
    // RFC 9559 §5.1.1: SeekID, SeekPosition
    for (const { content } of seeks)
      expect(number(content, 0x53ac)).toBe(places.get(number(content, 0x53ab)));
    expect(seeks).toHaveLength(3);

    const cues = children(elements.find(({ id }) => id === 0x1c53bb6b)!.content).elements;
    expect(cues.map(({ content }) => number(content, 0xb3))).toEqual([1000, 3000, 5000, 7000, 9000]);
    for (const { content } of cues) {
      expect(number(content, 0xb7, 0xf7)).toBe(2);
      const cluster = elements.find(({ at }) => at === number(content, 0xb7, 0xf1))!;
      expect(cluster.id).toBe(0x1f43b675);
      const startMs = number(cluster.content, 0xe7);
      const cueMs = number(content, 0xb3);
      expect(cueMs >= startMs && cueMs < startMs + 500).toBe(true);
    }
  });

  test('sound alone has a cue every two seconds', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO], SOUNDS);
    await finishFile(path, { to: join(folder, '01.webm') });
    const elements = segmentOf(await readFile(join(folder, '01.webm')));
    const cues = children(elements.find(({ id }) => id === 0x1c53bb6b)!.content).elements;
    expect(cues.map(({ content }) => number(content, 0xb3))).toEqual([0, 2000, 4000, 6000, 8000]);
  });

  test('a track that stayed empty is left out; the others keep their numbers', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO, { ...VIDEO, number: 3 }], PICTURES);
    await finishFile(path, { to: join(folder, '01.webm') });
    const { file } = await readAll(join(folder, '01.webm'));
    expect(file.head.tracks.map((track) => track.number)).toEqual([2]);
  });

  test('a recording without any sound or picture keeps its tracks and has no duration', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], []);
    expect(await finishFile(path, { to: join(folder, '01.webm') })).toMatchObject({
      durationMs: 0,
      frames: 0,
    });
    const { file } = await readAll(join(folder, '01.webm'));
    expect(file.head.tracks).toHaveLength(2);
  });

  test('a gap of an hour keeps its time', async () => {
    const folder = await testFolder();
    const frames = [picture(2, 0, true), sound(1, 10), sound(1, 3_600_000), picture(2, 3_600_010, true)];
    const path = await recordingIn(folder, [AUDIO, VIDEO], frames);
    expect(await finishFile(path, { to: join(folder, '01.webm') })).toMatchObject({ durationMs: 3_600_110 });
    expect((await readAll(join(folder, '01.webm'))).frames).toEqual(expected(frames));
  });

  test('who may not read the original may not read the new file', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO], SOUNDS);
    await chmod(path, 0o640);
    await writeFile(join(folder, '01.webm.finishing'), 'of an earlier try, for everybody', { mode: 0o644 });
    await finishFile(path, { to: join(folder, '01.webm') });
    expect((await stat(join(folder, '01.webm'))).mode & 0o777).toBe(0o640);
  });

  test('finishing a finished file changes nothing that a player sees', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES]);
    await finishFile(path, { to: join(folder, '01.webm') });
    const once = await readFile(join(folder, '01.webm'));
    await finishFile(join(folder, '01.webm'), { to: join(folder, '01.webm') });
    expect((await readFile(join(folder, '01.webm'))).equals(once)).toBe(true);
  });
});

describe('a file that was cut off', () => {
  const frames = [
    picture(2, 0, true, 20),
    sound(1, 5),
    picture(2, 700, false, 20),
    sound(1, 710),
    sound(1, 1300),
  ];
  const whole = bytesOf([AUDIO, VIDEO], frames);

  test('at every byte: everything before the cluster that was cut is read, nothing else', async () => {
    const folder = await testFolder();
    const path = join(folder, 'cut.webm.part');
    const { file } = await readAll(await recordingIn(folder, [AUDIO, VIDEO], frames));
    const clusterEnds: number[] = [file.head.firstClusterAt];
    for (let at = file.head.firstClusterAt; at < whole.length;) {
      const header = readHeader(whole, at);
      if (!header.ok) throw new Error(header.why);
      at += header.value.headerLength + header.value.size;
      clusterEnds.push(at);
    }
    const framesUntil = [0, 2, 4, 5];
    for (let cut = whole.length; cut >= 0; cut--) {
      await writeFile(path, whole.subarray(0, cut));
      const clusters = clusterEnds.filter((end) => end <= cut).length - 1;
      if (clusters < 0) await expect(readAll(path)).rejects.toThrow(ContainerError);
      else
        expect((await readAll(path)).frames, `cut at ${cut}`).toEqual(
          expected(frames).slice(0, framesUntil[clusters]),
        );
    }
  });

  test('finishing it keeps what is whole and says how much was not', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], frames);
    await truncate(path, whole.length - 1);
    const result = await finishFile(path, { to: join(folder, '01.webm') });
    expect(result).toMatchObject({ frames: 4, durationMs: 800 });
    expect(result.cutBytes).toBeGreaterThan(40);
    expect((await readAll(join(folder, '01.webm'))).frames).toEqual(expected(frames).slice(0, 4));
  });

  test('zeros at the end, as a power cut leaves them, are cut off too', async () => {
    const folder = await testFolder();
    const path = join(folder, '01.webm.part');
    await writeFile(path, Buffer.concat([whole, Buffer.alloc(4096)]));
    expect(await finishFile(path, { to: join(folder, '01.webm') })).toMatchObject({
      frames: 5,
      cutBytes: 4096,
    });
  });

  test('whatever byte is wrong: read or refused, never another error', async () => {
    const folder = await testFolder();
    const path = join(folder, '01.webm.part');
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 0xff;
      await writeFile(path, bytes);
      await readAll(path).catch((error: unknown) => expect(error).toBeInstanceOf(ContainerError));
    }
  });
});

describe('when it cannot be done', () => {
  test('something else than a recording is refused and left alone', async () => {
    const folder = await testFolder();
    const path = join(folder, 'letter.part');
    await writeFile(path, 'Dear Sir or Madam');
    await expect(finishFile(path, { to: join(folder, 'letter') })).rejects.toMatchObject({
      code: 'CONTAINER_UNREADABLE',
    });
    expect(await readdir(folder)).toEqual(['letter.part']);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk: the recording gets its name as it is', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES]);
    const { length } = await readFile(path);
    await truncate(path, length - 1);
    await symlink('/dev/full', join(folder, '01.webm.finishing'));
    const result = await finishFile(path, { to: join(folder, '01.webm') });
    expect(result).toMatchObject({ indexed: false, durationMs: 9520 });
    expect(await readdir(folder)).toEqual(['01.webm']);
    const { file, frames } = await readAll(join(folder, '01.webm'));
    expect(frames.length).toBe(result.frames);
    expect(file.cutWhy).toBeUndefined();
  });

  test('in a thread: results and refusals are the same', async () => {
    const folder = await testFolder();
    const path = await recordingIn(folder, [AUDIO, VIDEO], [...SOUNDS, ...PICTURES]);
    const bad = join(folder, 'letter.part');
    await writeFile(bad, 'Dear Sir or Madam');
    const [first, second] = await Promise.allSettled([
      finishInWorker(bad, { to: join(folder, 'letter') }),
      finishInWorker(path, { to: join(folder, '01.webm') }),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'CONTAINER_UNREADABLE' } });
    expect(second).toMatchObject({ status: 'fulfilled', value: { durationMs: 10_000, indexed: true } });
  });
});
