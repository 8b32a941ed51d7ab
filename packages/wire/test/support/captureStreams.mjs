/**
 * Where vectors/streams come from: an encoder writes a file, a program sends that file as RTP to a loopback port, and both the
 * packets and FFmpeg's checksums of the file's frames are kept. By hand: node packages/wire/test/support/captureStreams.mjs [name …]
 */
import { spawnSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const OUT = new URL('../../../../vectors/streams/', import.meta.url);
const picture = (size, frames) => [
  ...['-f', 'lavfi', '-i', `testsrc=size=${size}:rate=15`],
  ...['-frames:v', String(frames), '-pix_fmt', 'yuv420p'],
];
const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', '-t', '0.6'];
const opus = [...sound, '-c:a', 'libopus', '-b:a', '24k'];
const vpx = ['-deadline', 'realtime', '-cpu-used', '8', '-b:v', '150k'];
const ffmpegSends = [
  'ffmpeg',
  '-re',
  '-i',
  'FILE',
  '-c',
  'copy',
  '-strict',
  '-2',
  '-f',
  'rtp',
  'rtp://127.0.0.1:PORT?pkt_size=600',
];
const gstSends = (...elements) =>
  `gst-launch-1.0 -q filesrc location=FILE ! ${elements.join(' ! ')} ! udpsink host=127.0.0.1 port=PORT sync=true`.split(
    ' ',
  );

/** Name → codec, what the encoder is told, the file's name, who sends it. */
const STREAMS = {
  'opus-ffmpeg': ['opus', opus, 'x.ogg', ffmpegSends],
  'opus-gst': ['opus', opus, 'x.ogg', gstSends('oggdemux', 'opusparse', 'rtpopuspay')],
  'red-gst': [
    'red',
    opus,
    'x.ogg',
    gstSends(
      'oggdemux',
      'opusparse',
      'rtpopuspay pt=111',
      'rtpredenc pt=63 distance=2 allow-no-red-blocks=false',
    ),
  ],
  'vp8-ffmpeg': [
    'vp8',
    [...picture('160x90', 14), '-c:v', 'libvpx', ...vpx, '-g', '8'],
    'x.ivf',
    ffmpegSends,
  ],
  'vp8-gst': [
    'vp8',
    [...picture('162x90', 14), '-c:v', 'libvpx', ...vpx, '-g', '8', '-slices', '4'],
    'x.ivf',
    gstSends('ivfparse', 'rtpvp8pay picture-id-mode=2 mtu=400'),
  ],
  'vp9-ffmpeg': [
    'vp9',
    [...picture('160x90', 14), '-c:v', 'libvpx-vp9', ...vpx, '-g', '8'],
    'x.ivf',
    ffmpegSends,
  ],
  'vp9-hidden-ffmpeg': [
    'vp9',
    [
      ...picture('162x90', 20),
      '-c:v',
      'libvpx-vp9',
      '-deadline',
      'good',
      '-cpu-used',
      '5',
      '-b:v',
      '100k',
      '-auto-alt-ref',
      '1',
      '-lag-in-frames',
      '10',
    ],
    'x.ivf',
    ffmpegSends,
  ],
  'vp9-gst': [
    'vp9',
    [...picture('160x90', 14), '-c:v', 'libvpx-vp9', ...vpx, '-g', '8'],
    'x.ivf',
    gstSends('ivfparse', 'rtpvp9pay picture-id-mode=2 mtu=400'),
  ],
  'h264-ffmpeg': [
    'h264',
    [
      ...picture('162x90', 14),
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-tune',
      'zerolatency',
      '-profile:v',
      'baseline',
      '-g',
      '8',
      '-crf',
      '30',
    ],
    'x.ts',
    ffmpegSends,
  ],
  'h264-high-gst': [
    'h264',
    [
      ...picture('160x90', 14),
      '-c:v',
      'libx264',
      '-preset',
      'medium',
      '-tune',
      'zerolatency',
      '-x264-params',
      'slices=3:cqm=jvt',
      '-profile:v',
      'high',
      '-g',
      '8',
      '-crf',
      '30',
    ],
    'x.ts',
    gstSends('tsdemux', 'h264parse', 'rtph264pay aggregate-mode=zero-latency mtu=400'),
  ],
};

const run = (command, ...args) => {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${done.stderr}`);
  return done.stdout;
};
const quiet = ['-v', 'error', '-nostdin', '-y'];

/** Of each frame as a file holds it (MP4 for H.264: lengths instead of start codes): bytes and MD5. */
function framesOf(file) {
  return run('ffmpeg', ...quiet, '-i', file, '-c', 'copy', '-f', 'framemd5', '-')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(',').map((each) => each.trim()))
    .map((fields) => ({ bytes: Number(fields[4]), md5: fields[5] }));
}

async function capture(name) {
  const [codec, encoder, fileName, sender] = STREAMS[name];
  const folder = mkdtempSync(join(tmpdir(), 'tertulia-'));
  const file = join(folder, fileName);
  run('ffmpeg', ...quiet, ...encoder, file);
  let compared = file;
  let codecPrivate;
  if (codec === 'h264') {
    compared = join(folder, 'x.mp4');
    run('ffmpeg', ...quiet, '-i', file, '-c', 'copy', compared);
    const bytes = readFileSync(compared);
    const box = bytes.indexOf('avcC', 0, 'latin1');
    codecPrivate = bytes.subarray(box + 4, box - 4 + bytes.readUInt32BE(box - 4)).toString('hex');
  }
  const packets = [];
  const socket = createSocket('udp4').on('message', (packet) => {
    // Plain headers of 12 bytes: neither program writes extensions here.
    if (packet[1] >= 192 && packet[1] <= 223) return;
    packets.push(packet);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const [command, ...args] = sender.map((each) =>
    each.replace('FILE', file).replace('PORT', String(socket.address().port)),
  );
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  await once(child, 'exit');
  socket.close();
  const lines = packets.map((packet) => {
    const timestamp = packet.readUInt32BE(4) - packets[0].readUInt32BE(4);
    const marker = packet[1] >= 128 ? 1 : 0;
    const payload = packet.subarray(12).toString('hex');
    // Senders with RED leave it out of some packets.
    const plain = codec === 'red' && (packet[1] & 0x7f) !== 63 ? ['opus'] : [];
    return JSON.stringify([timestamp >>> 0, marker, payload, ...plain]);
  });
  const frames = framesOf(compared).map((frame) => JSON.stringify(frame));
  const sent = [encoder.slice(encoder.indexOf('-c:v') < 0 ? 0 : encoder.indexOf('-c:v')), sender]
    .map((each) => each.join(' '))
    .join(' → ');
  const size = /testsrc=size=(\d+)x(\d+)/.exec(encoder.join(' '))?.slice(1).map(Number);
  writeFileSync(
    new URL(`${name}.json`, OUT),
    `{\n"codec": "${codec}",\n"from": ${JSON.stringify(sent)},\n${size ? `"size": ${JSON.stringify(size)},\n` : ''}${
      codecPrivate === undefined ? '' : `"codecPrivate": "${codecPrivate}",\n`
    }"frames": [\n${frames.join(',\n')}\n],\n"packets": [\n${lines.join(',\n')}\n]\n}\n`,
  );
  console.log(`${name}: ${packets.length} packets, ${frames.length} frames`);
  rmSync(folder, { recursive: true });
}

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(STREAMS))
  await capture(name);
