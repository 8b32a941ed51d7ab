/** Small recordings on disk for the tests of this folder. Frames hold a number, not sound or pictures. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { MatroskaWriter, type FrameToWrite, type TrackHeader } from '../../src/container/index.js';
import { RecordingFile } from '../../src/container/recordingFile.js';

export const STARTED_AT = Date.UTC(2026, 10, 21, 15, 0, 0);
export const AUDIO: TrackHeader = { number: 1, codec: 'opus', name: 'Zoë’s microphone' };
export const VIDEO: TrackHeader = { number: 2, codec: 'vp8', width: 1280, height: 720, name: 'camera' };

/** 20 ms of CELT in one frame: configuration 31, RFC 6716 §3.1. */
export const sound = (track: number, timeMs: number, size = 40): FrameToWrite => {
  const data = new Uint8Array(size).fill(timeMs & 0xff);
  data[0] = 0xfc;
  return { track, timeMs, keyFrame: true, data };
};

export const picture = (track: number, timeMs: number, keyFrame = false, size = 200): FrameToWrite => ({
  track,
  timeMs,
  keyFrame,
  data: new Uint8Array(size).fill(timeMs & 0xff),
});

export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-container-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function bytesOf(tracks: readonly TrackHeader[], frames: readonly FrameToWrite[]): Buffer {
  const writer = new MatroskaWriter({ tracks, startedAt: STARTED_AT, title: 'Peña' });
  const pieces = [writer.header()];
  for (const frame of [...frames].sort((a, b) => a.timeMs - b.timeMs)) {
    writer.write(frame);
    pieces.push(...writer.cut(frame.timeMs));
  }
  return Buffer.concat([...pieces, ...writer.end()]);
}

export async function recordingIn(
  folder: string,
  tracks: readonly TrackHeader[],
  frames: readonly FrameToWrite[],
  name = '01.webm.part',
): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytesOf(tracks, frames));
  return path;
}

export interface ReadFrame {
  track: number;
  timeMs: number;
  keyFrame: boolean;
  data: string;
}

export async function readAll(path: string): Promise<{ file: RecordingFile; frames: ReadFrame[] }> {
  const file = await RecordingFile.open(path);
  const frames: ReadFrame[] = [];
  for await (const { blocks } of file.clusters())
    for (const { track, ticks, keyFrame, data } of blocks)
      frames.push({
        track,
        timeMs: ticks * file.head.tickMs,
        keyFrame,
        data: Buffer.from(data).toString('hex'),
      });
  await file.close();
  return { file, frames };
}

/** Frames as readAll() gives them. */
export const expected = (frames: readonly FrameToWrite[]): ReadFrame[] =>
  [...frames]
    .sort((a, b) => a.timeMs - b.timeMs)
    .map(({ track, timeMs, keyFrame, data }) => ({
      track,
      timeMs,
      keyFrame,
      data: Buffer.from(data).toString('hex'),
    }));
