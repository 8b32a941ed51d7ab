/**
 * What writing, finishing and exporting a long recording cost: CPU, time and memory. Sound, a picture of 1 Mbit/s at 30 Hz
 * with a key frame every ten seconds, and a second picture that comes at the start and at the end only.
 *   node --expose-gc packages/recorder/test/container/measureFiles.mjs [hours [bytes of a picture]]
 * Needs the built packages and about 1 GB below the folder for temporary files per hour.
 */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportMp4, finishFile, MatroskaWriter } from '../../dist/container/index.js';

const hours = Number(process.argv[2] ?? 1);
const pictureBytes = Number(process.argv[3] ?? 4166);
const endMs = hours * 3_600_000;
const folder = mkdtempSync(join(tmpdir(), 'tertulia-measure-'));
const [part, file, mp4] = ['01.mkv.part', '01.mkv', '01.mp4'].map((name) => join(folder, name));

const avcC = Buffer.from(
  '0142c00cffe100176742c00cda05067e7c0440000003004000000c83c50aa801000468ce0fc8',
  'hex',
);
const video = { codec: 'h264', codecPrivate: avcC, width: 640, height: 360 };
const picture = Buffer.alloc(pictureBytes, 7);
const sound = Buffer.alloc(80, 9);
sound[0] = 0xfc;

try {
  const writer = new MatroskaWriter({
    tracks: [
      { number: 1, codec: 'opus' },
      { number: 2, ...video },
      { number: 3, ...video },
    ],
    startedAt: Date.now(),
  });
  const before = process.cpuUsage();
  const out = openSync(part, 'w');
  writeSync(out, writer.header());
  let frames = 0;
  const write = (track, timeMs, keyFrame, data) => {
    writer.write({ track, timeMs, keyFrame, data });
    frames++;
  };
  write(3, 0, true, picture);
  for (let at = 0; at < endMs; at += 20) {
    write(1, at, true, sound);
    if (at % 100 === 0)
      for (let i = 0; i < 3; i++) write(2, at + i * 33.3, at % 10_000 === 0 && i === 0, picture);
    for (const cluster of writer.cut(at)) writeSync(out, cluster);
  }
  write(3, endMs, true, picture);
  for (const cluster of writer.end()) writeSync(out, cluster);
  closeSync(out);
  const { user, system } = process.cpuUsage(before);
  const megabytes = (statSync(part).size / 1e6).toFixed(0);
  console.log(
    `written: ${hours} h, ${megabytes} MB, ${frames} frames, ${((user + system) / frames).toFixed(2)} µs of CPU each`,
  );
  await measure('finished', () => finishFile(part, { to: file }));
  await measure('exported', () => exportMp4(file, mp4));
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(name, work) {
  globalThis.gc?.();
  const base = process.memoryUsage().rss;
  let peak = base;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 5);
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  clearInterval(watch);
  const { user, system } = process.cpuUsage(before);
  console.log(
    `${name}: ${((performance.now() - start) / 1000).toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of CPU, ` +
      `memory +${((peak - base) / 1e6).toFixed(0)} MB`,
  );
}
