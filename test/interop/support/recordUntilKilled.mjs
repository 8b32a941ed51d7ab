/**
 * Appends a recording to a file, twenty times as fast as real time, until it is killed; says after each writing how far
 * it is. Arguments: the recording to take frames from, the file to write.
 */
import { openSync, writeSync } from 'node:fs';
import { MatroskaWriter } from '../../../packages/recorder/dist/container/matroskaWriter.js';
import { RecordingFile } from '../../../packages/recorder/dist/container/recordingFile.js';

const SPEED = 20;
const [from, to] = process.argv.slice(2);
const source = await RecordingFile.open(from);
const frames = [];
for await (const { blocks } of source.clusters())
  for (const { track, ticks, keyFrame, data } of blocks)
    frames.push({ track, timeMs: ticks, keyFrame, data: data.slice() });
const tracks = source.head.tracks.map(({ number, codec, codecPrivate, width, height, channels }) => ({
  number,
  codec,
  codecPrivate,
  width,
  height,
  channels,
}));
const writer = new MatroskaWriter({ tracks, startedAt: 0 });
const file = openSync(to, 'w');
writeSync(file, writer.header());
const start = performance.now();
let next = 0;
setInterval(() => {
  const nowMs = (performance.now() - start) * SPEED;
  while (next < frames.length && frames[next].timeMs <= nowMs) writer.write(frames[next++]);
  for (const cluster of writer.cut(nowMs)) writeSync(file, cluster);
  writeSync(1, `${Math.min(nowMs, frames.at(-1).timeMs)}\n`);
}, 2);
