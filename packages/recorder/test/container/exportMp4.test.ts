import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EncodedPacketSink, FilePathSource, Input, MP4 } from 'mediabunny';
import { exportMp4, finishFile, type FrameToWrite, type TrackHeader } from '../../src/container/index.js';
import { describe, expect, test } from 'vitest';
import { AUDIO, picture, recordingIn, sound, testFolder, VIDEO } from './support.js';

/** avcC of 320×180, Constrained Baseline 1.2, as x264 writes it. ISO/IEC 14496-15 §5.3.3.1. */
const AVCC = Buffer.from(
  '0142c00cffe100176742c00cda05067e7c0440000003004000000c83c50aa801000468ce0fc8',
  'hex',
);
const H264: TrackHeader = {
  number: 2,
  codec: 'h264',
  codecPrivate: AVCC,
  width: 320,
  height: 180,
  name: 'camera',
};
const SOUNDS = Array.from({ length: 200 }, (_, i) => sound(1, 500 + i * 20));
const PICTURES = Array.from({ length: 100 }, (_, i) => picture(2, i * 33, i % 30 === 0));

async function finished(tracks: readonly TrackHeader[], frames: readonly FrameToWrite[], name = '01.mkv') {
  const folder = await testFolder();
  const part = await recordingIn(folder, tracks, frames, `${name}.part`);
  await finishFile(part, { to: join(folder, name) });
  return { folder, from: join(folder, name), to: join(folder, 'out.mp4') };
}

async function readMp4(path: string) {
  const input = new Input({ source: new FilePathSource(path), formats: [MP4] });
  const tracks = [];
  for (const track of await input.getTracks()) {
    const packets = [];
    for await (const packet of new EncodedPacketSink(track).packets())
      packets.push({
        timeMs: packet.timestamp * 1000,
        keyFrame: packet.type === 'key',
        data: Buffer.from(packet.data).toString('hex'),
      });
    tracks.push({ type: track.type, codec: await track.getCodec(), name: await track.getName(), packets });
  }
  input.dispose();
  return tracks;
}

/** Types of the outermost boxes. ISO/IEC 14496-12 §4.2. */
async function boxesOf(path: string): Promise<string[]> {
  const bytes = await readFile(path);
  const boxes: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at);
    boxes.push(bytes.toString('latin1', at + 4, at + 8));
    at += size === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size;
  }
  return boxes;
}

describe('an exported MP4', () => {
  test.each([
    { name: 'held in memory', inMemoryBytes: undefined, boxes: ['ftyp', 'moov', 'mdat'] },
    { name: 'with reserved room', inMemoryBytes: 0, boxes: ['ftyp', 'moov', 'free', 'mdat'] },
  ])('$name: fast start, every frame, times within 1 ms, names', async ({ inMemoryBytes, boxes }) => {
    const { from, to, folder } = await finished([AUDIO, H264], [...SOUNDS, ...PICTURES]);
    await chmod(from, 0o600);
    const progress: number[] = [];
    const result = await exportMp4(from, to, {
      onProgress: (fraction) => progress.push(fraction),
      ...(inMemoryBytes === undefined ? {} : { inMemoryBytes }),
    });
    expect(result).toMatchObject({
      durationMs: 4500,
      skippedFrames: 0,
      tracks: [
        { codec: 'opus', frames: 200 },
        { codec: 'h264', frames: 100 },
      ],
    });
    expect((await readdir(folder)).sort()).toEqual(['01.mkv', 'out.mp4']);
    expect(await boxesOf(to)).toEqual(boxes);
    expect((await stat(to)).mode & 0o777).toBe(0o600);
    expect((await readFile(to)).length).toBe(result.bytes);
    const [audio, video] = await readMp4(to);
    expect(audio).toMatchObject({ type: 'audio', codec: 'opus', name: 'Zoë’s microphone' });
    expect(video).toMatchObject({ type: 'video', codec: 'avc', name: 'camera' });
    // Sound is placed earlier by its codec delay: 312 samples of 48 kHz.
    for (const [track, frames, delayMs] of [
      [audio!, SOUNDS, 6.5],
      [video!, PICTURES, 0],
    ] as const) {
      expect(track.packets.map(({ data }) => data)).toEqual(
        frames.map(({ data }) => Buffer.from(data).toString('hex')),
      );
      expect(track.packets.map(({ keyFrame }) => keyFrame)).toEqual(frames.map(({ keyFrame }) => keyFrame));
      track.packets.forEach(({ timeMs }, i) =>
        expect(Math.abs(timeMs + delayMs - frames[i]!.timeMs)).toBeLessThan(0.1),
      );
    }
    expect(progress.at(-1)).toBe(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test('a gap keeps its time', async () => {
    const sounds = [sound(1, 0), sound(1, 20), sound(1, 60_000), sound(1, 60_020)];
    const { from, to } = await finished([AUDIO], sounds, '01.webm');
    await exportMp4(from, to);
    const times = (await readMp4(to))[0]!.packets.map(({ timeMs }) => Math.round(timeMs + 6.5));
    expect(times).toEqual([0, 20, 60_000, 60_020]);
  });

  test('pictures before the first key frame are left out and counted', async () => {
    const { from, to } = await finished([H264], [picture(2, 0), picture(2, 33), ...PICTURES.slice(30)]);
    expect(await exportMp4(from, to)).toMatchObject({ skippedFrames: 2 });
    expect((await readMp4(to))[0]!.packets).toHaveLength(70);
  });

  test('a track without any key frame is left out', async () => {
    const { from, to } = await finished([AUDIO, H264], [...SOUNDS, picture(2, 0)]);
    expect(await exportMp4(from, to)).toMatchObject({ tracks: [{ codec: 'opus', frames: 200 }] });
  });
});

describe('is refused, and nothing is left:', () => {
  test('VP8, with what to do instead', async () => {
    const { from, to, folder } = await finished([AUDIO, VIDEO], [...SOUNDS, ...PICTURES], '01.webm');
    await expect(exportMp4(from, to)).rejects.toMatchObject({
      code: 'EXPORT_CODEC',
      detail: expect.stringContaining('ffmpeg -i') as unknown,
    });
    expect(await readdir(folder)).toEqual(['01.webm']);
  });

  test('a file that is still written', async () => {
    const folder = await testFolder();
    const part = await recordingIn(folder, [AUDIO], SOUNDS);
    await expect(exportMp4(part, join(folder, 'out.mp4'))).rejects.toMatchObject({
      code: 'EXPORT_UNFINISHED',
    });
    expect(await readdir(folder)).toEqual(['01.webm.part']);
  });

  test('a file that is cut off', async () => {
    const { from, to, folder } = await finished([AUDIO], SOUNDS, '01.webm');
    await truncate(from, (await readFile(from)).length - 2000);
    await expect(exportMp4(from, to)).rejects.toMatchObject({ code: 'EXPORT_UNFINISHED' });
    expect(await readdir(folder)).toEqual(['01.webm']);
  });

  test('an empty recording', async () => {
    const { from, to } = await finished([AUDIO], [], '01.webm');
    await expect(exportMp4(from, to)).rejects.toMatchObject({ code: 'EXPORT_EMPTY' });
  });

  test('something else', async () => {
    const folder = await testFolder();
    await writeFile(join(folder, 'letter.webm'), 'Dear Sir or Madam');
    await expect(exportMp4(join(folder, 'letter.webm'), join(folder, 'out.mp4'))).rejects.toMatchObject({
      code: 'CONTAINER_UNREADABLE',
    });
  });

  test('an output that is there, unless it may be written over; the recording itself and a folder never', async () => {
    const { from, to, folder } = await finished([AUDIO], SOUNDS, '01.webm');
    await writeFile(to, 'mine');
    await expect(exportMp4(from, to)).rejects.toMatchObject({ code: 'EXPORT_EXISTS' });
    expect(await readFile(to, 'utf8')).toBe('mine');
    await expect(exportMp4(from, from, { overwrite: true })).rejects.toMatchObject({ code: 'EXPORT_EXISTS' });
    await mkdir(join(folder, 'folder.mp4'));
    await expect(exportMp4(from, join(folder, 'folder.mp4'), { overwrite: true })).rejects.toMatchObject({
      code: 'EXPORT_EXISTS',
    });
    await exportMp4(from, to, { overwrite: true });
    expect(await boxesOf(to)).toContain('moov');
  });

  test('what is stopped on the way', async () => {
    const { from, to, folder } = await finished([AUDIO, H264], [...SOUNDS, ...PICTURES]);
    const stopped = new AbortController();
    await expect(
      exportMp4(from, to, {
        signal: stopped.signal,
        inMemoryBytes: 0,
        onProgress: (fraction) => fraction > 0.5 && stopped.abort(),
      }),
    ).rejects.toMatchObject({ code: 'EXPORT_STOPPED' });
    expect(await readdir(folder)).toEqual(['01.mkv']);
  });
});
