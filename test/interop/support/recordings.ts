/** Recordings made of FFmpeg's frames, and what FFmpeg says about files. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MatroskaWriter } from '../../../packages/recorder/src/container/matroskaWriter.js';
import type { FrameToWrite } from '../../../packages/recorder/src/container/matroskaWriter.js';
import type { ContainerCodec, TrackHeader } from '../../../packages/recorder/src/container/elements.js';
import { RecordingFile } from '../../../packages/recorder/src/container/recordingFile.js';

const run = promisify(execFile);
export type VideoCodec = Exclude<ContainerCodec, 'opus'>;

const ENCODERS: Record<VideoCodec, string[]> = {
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '300k'],
  vp9: [
    '-c:v',
    'libvpx-vp9',
    '-deadline',
    'realtime',
    '-cpu-used',
    '8',
    '-b:v',
    '300k',
    '-lag-in-frames',
    '0',
  ],
  av1: ['-c:v', 'libsvtav1', '-preset', '12', '-b:v', '300k'],
  h264: ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-b:v', '300k'],
};

/** What an encoder made: a track and its frames, times from 0. */
export interface Encoded {
  readonly header: Omit<TrackHeader, 'number'>;
  readonly frames: readonly Omit<FrameToWrite, 'track'>[];
}

export async function testFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tertulia-files-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Pictures that are white in the second half of each second, from 0.52 s on: a picture starts there at 25 Hz. */
export const encodeVideo = (
  folder: string,
  codec: VideoCodec,
  seconds: number,
  size = '320x180',
): Promise<Encoded> =>
  encode(folder, [
    ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=25:duration=${seconds}`],
    ...['-vf', "drawbox=color=white:t=fill:enable='gte(mod(t,1),0.52)'", '-g', '25', '-pix_fmt', 'yuv420p'],
    ...ENCODERS[codec],
  ]);

/** A tone whenever the picture is white. */
export const encodeAudio = (folder: string, seconds: number, channels = 2): Promise<Encoded> =>
  encode(folder, [
    ...['-f', 'lavfi', '-i', `aevalsrc='if(gte(mod(t,1),0.52),0.5*sin(2*PI*997*t),0)':s=48000:d=${seconds}`],
    ...['-c:a', 'libopus', '-ac', String(channels), '-b:a', '48k'],
  ]);

let files = 0;
async function encode(folder: string, args: readonly string[]): Promise<Encoded> {
  const path = join(folder, `source-${files++}.mkv`);
  // SVT-AV1 prints its settings otherwise.
  await run('ffmpeg', ['-v', 'error', '-y', ...args, path], { env: { ...process.env, SVT_LOG: '1' } });
  const file = await RecordingFile.open(path);
  const [track] = file.head.tracks;
  const { codec, codecPrivate, width, height, channels } = track!;
  const frames: Omit<FrameToWrite, 'track'>[] = [];
  for await (const { blocks } of file.clusters())
    for (const { ticks, keyFrame, data } of blocks)
      frames.push({ timeMs: ticks * file.head.tickMs, keyFrame, data: data.slice() });
  await file.close();
  return {
    header: {
      codec: codec!,
      ...(codecPrivate === undefined || codec === 'opus' ? {} : { codecPrivate: codecPrivate.slice() }),
      ...(width === undefined || height === undefined ? {} : { width, height }),
      ...(channels === undefined ? {} : { channels }),
    },
    frames,
  };
}

/** H.264 as it comes from RTP: parameter sets in front of each key frame, since the avcC of another size does not fit. */
export function withParameterSets(encoded: Encoded): Encoded {
  const { codec, codecPrivate: avcC } = encoded.header;
  if (codec !== 'h264' || avcC === undefined) return encoded;
  // ISO/IEC 14496-15 §5.3.3.1: sets of one kind behind a count, each behind its length in two bytes.
  const units: Buffer[] = [];
  const view = Buffer.from(avcC);
  let at = 5;
  for (const mask of [0x1f, 0xff]) {
    const count = view[at++]! & mask;
    for (let i = 0; i < count; i++) {
      const length = view.readUInt16BE(at);
      const header = Buffer.alloc(4);
      header.writeUInt32BE(length);
      units.push(header, view.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return {
    ...encoded,
    frames: encoded.frames.map((frame) =>
      frame.keyFrame ? { ...frame, data: Buffer.concat([...units, frame.data]) } : frame,
    ),
  };
}

export const onTrack = (encoded: Encoded, number: number, name?: string): TrackHeader => ({
  ...encoded.header,
  number,
  ...(name === undefined ? {} : { name }),
});

export const framesOf = (encoded: Encoded, track: number, fromMs = 0): FrameToWrite[] =>
  encoded.frames.map((frame) => ({ ...frame, track, timeMs: frame.timeMs + fromMs }));

/** As the recorder does it: frame by frame, clusters as soon as they are due. */
export function fileOf(tracks: readonly TrackHeader[], frames: readonly FrameToWrite[]): Buffer {
  const writer = new MatroskaWriter({ tracks, startedAt: Date.UTC(2026, 10, 21, 15), title: 'Peña' });
  const pieces = [writer.header()];
  for (const frame of [...frames].sort((a, b) => a.timeMs - b.timeMs)) {
    writer.write(frame);
    pieces.push(...writer.cut(frame.timeMs));
  }
  return Buffer.concat([...pieces, ...writer.end()]);
}

export interface ProbedStream {
  readonly codec: string;
  readonly timesMs: readonly number[];
  readonly keyFrames: number;
}

/** Streams and packets by ffprobe; `complaints` is everything that it wrote to standard error. */
export async function probe(
  path: string,
): Promise<{ durationMs: number; streams: ProbedStream[]; complaints: string }> {
  const { stdout, stderr } = await run(
    'ffprobe',
    [
      ...['-v', 'error', '-of', 'json', '-show_entries'],
      ...['format=duration:stream=index,codec_name:packet=stream_index,pts_time,flags', path],
    ],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const json = JSON.parse(stdout) as {
    format: { duration?: string };
    streams: { index: number; codec_name: string }[];
    packets: { stream_index: number; pts_time: string; flags: string }[];
  };
  return {
    durationMs: Number(json.format.duration ?? NaN) * 1000,
    complaints: stderr,
    streams: json.streams.map(({ index, codec_name }) => {
      const packets = json.packets.filter((packet) => packet.stream_index === index);
      return {
        codec: codec_name,
        timesMs: packets.map(({ pts_time }) => Number(pts_time) * 1000),
        keyFrames: packets.filter(({ flags }) => flags.startsWith('K')).length,
      };
    }),
  };
}

/** Decodes everything. @returns what FFmpeg had to complain about; nothing, if all is well. */
export async function decode(path: string, before: readonly string[] = []): Promise<string> {
  const { stderr } = await run('ffmpeg', [
    '-v',
    'error',
    ...before,
    '-i',
    path,
    '-map',
    '0',
    '-f',
    'null',
    '-',
  ]);
  return stderr;
}

/** When tones begin, ms: what a listener would hear, delay of the codec and edit lists included. */
export async function toneStarts(path: string): Promise<number[]> {
  const { stderr } = await run('ffmpeg', [
    ...['-v', 'info', '-hide_banner', '-nostats', '-i', path, '-vn', '-af', 'silencedetect=n=-30dB:d=0.2'],
    ...['-f', 'null', '-'],
  ]);
  return [...stderr.matchAll(/silence_end: ([\d.]+)/g)].map((match) => Number(match[1]) * 1000);
}

/** When the picture turns white, ms. */
export async function flashStarts(path: string): Promise<number[]> {
  const { stdout } = await run('ffmpeg', [
    ...[
      '-v',
      'error',
      '-i',
      path,
      '-an',
      '-vf',
      'signalstats,metadata=print:key=lavfi.signalstats.YMIN:file=-',
    ],
    ...['-f', 'null', '-'],
  ]);
  const pictures = [...stdout.matchAll(/pts_time:([\d.]+)\s+lavfi\.signalstats\.YMIN=(\d+)/g)];
  const starts: number[] = [];
  let white = false;
  for (const [, time, minimum] of pictures) {
    const is = Number(minimum) > 180;
    if (is && !white) starts.push(Number(time) * 1000);
    white = is;
  }
  return starts;
}

/** Sizes of decoded pictures, in order, each once per change. */
export async function decodedSizes(path: string): Promise<string[]> {
  const { stdout } = await run('ffprobe', [
    ...[
      '-v',
      'error',
      '-select_streams',
      'v:0',
      '-show_entries',
      'frame=width,height',
      '-of',
      'csv=p=0:s=x',
      path,
    ],
  ]);
  const sizes = stdout.match(/\d+x\d+/g) ?? []; // side data of a picture ends its line with another x
  return sizes.filter((size, i) => size !== sizes[i - 1]);
}
