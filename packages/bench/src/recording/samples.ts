/** Sound and pictures to send, made by FFmpeg once and read as frames: VP8 out of IVF, Opus out of Ogg. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Sample {
  readonly kind: 'audio' | 'video';
  readonly clockRate: number;
  readonly durationMs: number;
  readonly frames: readonly { readonly data: Uint8Array; readonly timeMs: number }[];
}

const IVF_HEADER = 32;
const IVF_FRAME_HEADER = 12;
const OPUS_FRAME_MS = 20;
const FRAMES_PER_SECOND = 30;

function make(extension: string, args: readonly string[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'tertulia-sample-'));
  const file = join(folder, `sample.${extension}`);
  try {
    const { status, stderr, error } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args, file]);
    if (error) throw new Error(`ffmpeg is needed: ${error.message}`);
    if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const asVp8 = (bitsPerSecond: number, keyFrames: number): string[] => [
  ...['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-g', String(keyFrames)],
  ...['-b:v', String(bitsPerSecond), '-minrate', String(bitsPerSecond), '-maxrate', String(bitsPerSecond)],
  ...['-bufsize', String(bitsPerSecond / 2), '-auto-alt-ref', '0', '-f', 'ivf'],
];
const asOpus = ['-c:a', 'libopus', '-b:a', '48k', '-vbr', 'off', '-frame_duration', '20', '-f', 'ogg'];

/** Moving pictures with a key frame each two seconds. */
export function pictures(bitsPerSecond: number, seconds: number): Sample {
  const source = `testsrc2=size=640x360:rate=${FRAMES_PER_SECOND}:duration=${seconds},noise=alls=20:allf=t`;
  return ivf(make('ivf', ['-f', 'lavfi', '-i', source, ...asVp8(bitsPerSecond, 2 * FRAMES_PER_SECOND)]));
}

export function tone(seconds: number): Sample {
  const source = `sine=440:duration=${seconds}`;
  return ogg(make('ogg', ['-f', 'lavfi', '-i', source, '-ac', '1', ...asOpus]), seconds);
}

/** Black and silent, and for a tenth of each second white and loud: what is seen and heard at once can be compared. */
export function clapperboard(seconds: number): { picture: Sample; sound: Sample } {
  const isOn = 'lt(mod(t\\,1)\\,0.1)';
  const picture = `color=black:size=320x180:rate=${FRAMES_PER_SECOND}:duration=${seconds},drawbox=color=white:t=fill:enable='${isOn}'`;
  const sound = `aevalsrc=0.5*sin(2*PI*1000*t)*${isOn}:s=48000:d=${seconds}`;
  return {
    picture: ivf(make('ivf', ['-f', 'lavfi', '-i', picture, ...asVp8(300_000, FRAMES_PER_SECOND)])),
    sound: ogg(make('ogg', ['-f', 'lavfi', '-i', sound, '-ac', '1', ...asOpus]), seconds),
  };
}

function ivf(bytes: Buffer): Sample {
  const frames: { data: Uint8Array; timeMs: number }[] = [];
  for (let at = IVF_HEADER; at + IVF_FRAME_HEADER <= bytes.length;) {
    const size = bytes.readUInt32LE(at);
    at += IVF_FRAME_HEADER;
    const timeMs = (frames.length * 1000) / FRAMES_PER_SECOND;
    frames.push({ data: bytes.subarray(at, at + size), timeMs });
    at += size;
  }
  const durationMs = (frames.length * 1000) / FRAMES_PER_SECOND;
  return { kind: 'video', clockRate: 90_000, durationMs, frames };
}

/** RFC 3533: pages of segments; a packet ends with a segment shorter than 255. The first two packets are headers, and one
 *  too many at the end is what the encoder looks ahead: without it rounds of sound and picture are equally long. */
function ogg(bytes: Buffer, seconds: number): Sample {
  const packets: Buffer[] = [];
  let open: Buffer[] = [];
  for (let at = 0; at + 27 <= bytes.length;) {
    const count = bytes[at + 26]!;
    const lengths = bytes.subarray(at + 27, at + 27 + count);
    at += 27 + count;
    for (const length of lengths) {
      open.push(bytes.subarray(at, at + length));
      at += length;
      if (length === 255) continue;
      packets.push(Buffer.concat(open));
      open = [];
    }
  }
  const frames = packets
    .slice(2, 2 + (seconds * 1_000) / OPUS_FRAME_MS)
    .map((data, i) => ({ data, timeMs: i * OPUS_FRAME_MS }));
  return { kind: 'audio', clockRate: 48_000, durationMs: frames.length * OPUS_FRAME_MS, frames };
}
