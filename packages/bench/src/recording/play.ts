/** What players make of a file: FFmpeg decodes all of it; flashes and beeps are found in picture and sound. */
import { spawn } from 'node:child_process';

export async function run(command: string, args: readonly string[]): Promise<{ out: string; err: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { out, err };
}

/** Pictures are counted instead of timed: FFmpeg's own output has a rate, and complains of two at one time. */
const COUNTED = ['-filter:v', 'setpts=N/30/TB'];

/** @returns what a decoder complains about; empty: nothing */
export async function decode(file: string): Promise<string> {
  return (
    await run('ffmpeg', ['-v', 'error', '-i', file, '-map', '0', ...COUNTED, '-f', 'null', '-'])
  ).err.trim();
}

export interface ProbedStream {
  index: number;
  codec: string;
  packets: number;
  /** Of its first and last packet, s. */
  first: number;
  last: number;
}

/** Every packet of the file, read by ffprobe. */
export async function probe(file: string): Promise<ProbedStream[]> {
  const shown = [
    '-show_entries',
    'packet=stream_index,pts_time:stream=index,codec_name',
    '-of',
    'compact=p=1',
  ];
  const { out } = await run('ffprobe', ['-v', 'error', ...shown, file]);
  const streams = new Map<number, ProbedStream>();
  const packets: { index: number; time: number }[] = [];
  for (const line of out.split('\n')) {
    const value = (name: string): string | undefined => new RegExp(`\\b${name}=([^|]+)`).exec(line)?.[1];
    if (line.startsWith('stream|')) {
      const index = Number(value('index'));
      streams.set(index, {
        index,
        codec: value('codec_name') ?? '',
        packets: 0,
        first: Infinity,
        last: -Infinity,
      });
    } else if (line.startsWith('packet|'))
      packets.push({ index: Number(value('stream_index')), time: Number(value('pts_time')) });
  }
  for (const { index, time } of packets) {
    const stream = streams.get(index);
    if (!stream) continue;
    stream.packets++;
    stream.first = Math.min(stream.first, time);
    stream.last = Math.max(stream.last, time);
  }
  return [...streams.values()].sort((a, b) => a.index - b.index);
}

/** When the picture becomes white, s; only where the picture before it was there. */
export async function flashes(file: string, stream: number): Promise<number[]> {
  const filter = 'signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-';
  const args = ['-v', 'error', '-i', file, '-map', `0:v:${stream}`, '-vf', filter, '-f', 'null', '-'];
  const { out } = await run('ffmpeg', args);
  const found: number[] = [];
  let time = 0;
  let before = { time: -1, isWhite: true };
  for (const line of out.split('\n')) {
    const pts = /pts_time:([\d.]+)/.exec(line)?.[1];
    if (pts !== undefined) time = Number(pts);
    const brightness = /YAVG=([\d.]+)/.exec(line)?.[1];
    if (brightness === undefined) continue;
    const isWhite = Number(brightness) > 128;
    if (isWhite && !before.isWhite && time - before.time < 0.05) found.push(time);
    before = { time, isWhite };
  }
  return found;
}

/** When sound begins after silence, s. */
export async function beeps(file: string, stream: number): Promise<number[]> {
  const filter = 'silencedetect=noise=-30dB:d=0.3';
  const { err } = await run('ffmpeg', [
    '-i',
    file,
    '-map',
    `0:a:${stream}`,
    '-af',
    filter,
    '-f',
    'null',
    '-',
  ]);
  return [...err.matchAll(/silence_end: ([\d.]+)/g)].map(([, time]) => Number(time));
}

/** A hole in picture or sound: who looks beside it for what belongs together finds the hole's edge. */
export interface Hole {
  readonly fromMs: number;
  readonly toMs: number;
}
const BESIDE_MS = 70;

/** Picture less sound of each pair that belongs together, ms; without those beside a hole. */
export function skews(
  flashed: readonly number[],
  beeped: readonly number[],
  holes: readonly Hole[],
): number[] {
  return flashed.flatMap((flash) => {
    const beep = beeped.find((time) => Math.abs(time - flash) < 0.4);
    if (beep === undefined) return [];
    const first = Math.min(flash, beep) * 1_000 - BESIDE_MS;
    const last = Math.max(flash, beep) * 1_000 + BESIDE_MS;
    if (holes.some(({ fromMs, toMs }) => toMs > first && fromMs < last)) return [];
    return [(flash - beep) * 1_000];
  });
}
