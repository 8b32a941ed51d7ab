/**
 * Where the vectors "from ffmpeg" and "from GStreamer" come from: runs an encoder that sends RTP to a loopback port and prints
 * the first bytes of its first payloads. By hand: node packages/wire/test/support/captureRtp.mjs vp8|vp9|h264|h265|av1|vp8-gst …
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';

const PACKETS = 12;
const BYTES = 32;
const SOURCE = ['-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=15', '-frames:v', '30', '-g', '15'];
const ffmpeg = (codec, ...more) => [
  'ffmpeg',
  ['-v', 'error', '-nostdin', ...SOURCE, '-c:v', codec, ...more, '-strict', '-2', '-f', 'rtp'],
];
const gst = (...elements) => [
  'gst-launch-1.0',
  `-q videotestsrc num-buffers=30 ! video/x-raw,width=320,height=180,framerate=15/1 ! ${elements.join(' ! ')} ! udpsink host=127.0.0.1 port=PORT`.split(
    ' ',
  ),
];
const SENDERS = {
  vp8: ffmpeg('libvpx', '-deadline', 'realtime'),
  vp9: ffmpeg('libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8'),
  h264: ffmpeg('libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'),
  h265: ffmpeg('libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-x265-params', 'log-level=none'),
  'vp8-gst': gst('vp8enc deadline=1 keyframe-max-dist=10', 'rtpvp8pay picture-id-mode=2'),
  'vp9-gst': gst('vp9enc deadline=1 cpu-used=8', 'rtpvp9pay picture-id-mode=2'),
  'h264-gst': gst(
    'x264enc tune=zerolatency speed-preset=1',
    'rtph264pay aggregate-mode=zero-latency config-interval=-1',
  ),
  'av1-gst': gst('av1enc cpu-used=8 usage-profile=realtime', 'rtpav1pay'),
};

const [command, options] = SENDERS[process.argv[2]];
const socket = createSocket('udp4');
let seen = 0;
socket.on('message', (packet) => {
  if (seen++ >= PACKETS) return;
  const marker = packet[1] >= 0x80 ? ' marker' : '';
  console.log(`${packet.length - 12} bytes${marker} ${packet.subarray(12, 12 + BYTES).toString('hex')}`);
});
socket.bind(0, '127.0.0.1', () => {
  const { port } = socket.address();
  const all = options.map((each) => each.replace('PORT', String(port)));
  if (command === 'ffmpeg') all.push(`rtp://127.0.0.1:${port}`);
  const sender = spawn(command, all, { stdio: ['ignore', 'ignore', 'inherit'] });
  const limit = setTimeout(() => sender.kill(), 20_000);
  sender.on('exit', () => {
    clearTimeout(limit);
    setTimeout(() => socket.close(), 100);
  });
});
