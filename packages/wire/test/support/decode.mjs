/** Frames into a file that FFmpeg reads, and what it makes of them. */
import { spawnSync } from 'node:child_process';

const FOURCC = { vp8: 'VP80', vp9: 'VP90', av1: 'AV01' };

/** IVF: a header of 32 bytes, then | length (32) | time (64) | frame |, lowest byte first. */
function ivf(codec, frames, width, height) {
  const head = Buffer.alloc(32);
  head.write('DKIF', 0, 'latin1');
  head.writeUInt16LE(32, 6);
  head.write(FOURCC[codec], 8, 'latin1');
  head.writeUInt16LE(width, 12);
  head.writeUInt16LE(height, 14);
  head.writeUInt32LE(90_000, 16);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(frames.length, 24);
  const zero = frames[0].timestamp;
  return Buffer.concat([
    head,
    ...frames.flatMap(({ data, timestamp }) => {
      const before = Buffer.alloc(12);
      before.writeUInt32LE(data.length, 0);
      before.writeBigUInt64LE(BigInt((timestamp - zero) >>> 0), 4);
      return [before, data];
    }),
  ]);
}

/** NAL units behind start codes instead of lengths. H.264 annex B. */
function annexB(frames) {
  const parts = [];
  for (const { data } of frames) {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at < data.length;) {
      const length = view.getUint32(at);
      parts.push(Buffer.from([0, 0, 0, 1]), data.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
  }
  return Buffer.concat(parts);
}

/**
 * @param {'vp8'|'vp9'|'av1'|'h264'} codec
 * @param {{ data: Uint8Array, timestamp: number }[]} frames
 * @returns {string[]} the pictures' checksums; throws with FFmpeg's words when it complains about anything
 */
export function decodedPictures(codec, frames, width, height) {
  const input = codec === 'h264' ? annexB(frames) : ivf(codec, frames, width, height);
  // libvpx shows the highest layer of a superframe, as players do; FFmpeg's own decoder shows each of them.
  const decoder = codec === 'vp9' ? ['-c:v', 'libvpx-vp9'] : [];
  const done = spawnSync(
    'ffmpeg',
    [
      ...['-v', 'warning', '-xerror', ...decoder, '-f', codec === 'h264' ? 'h264' : 'ivf', '-i', 'pipe:0'],
      ...['-fps_mode', 'passthrough', '-f', 'framemd5', '-'],
    ],
    { input, maxBuffer: 1 << 26 },
  );
  const said = String(done.stderr);
  if (done.status !== 0 || said !== '') throw new Error(`FFmpeg: ${done.status} ${said}`);
  return String(done.stdout)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').at(-1).trim());
}
