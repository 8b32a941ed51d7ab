/**
 * A worker that makes the sound and the pictures of clapperboards out of one clock, and that finds beeps in what is played.
 * Sample s lies at begin + s / 48 kHz, picture k at begin + k × 40 ms: whenever the worker gets processor time, all that is due is
 * handed over, nothing is left out, and nothing is dated later than it is. As devices do, it gives 10 ms of sound when they are over.
 */
import { Ears } from './claps.js';
import { beepAt, FRAME_MS, paint, RATE } from './claps.js';

const CHUNK = 480;
const CHUNK_MS = 10;
/** Chromium lets no timer run more often. */
const TICK_MS = 4;
const OFFSETS = 500;

const now = () => performance.timeOrigin + performance.now();

/** A tick so much later than it should be means that nobody gets processor time. */
const STALL_MS = 25;
let tickedAt = now();
setInterval(() => {
  const lateMs = now() - tickedAt - TICK_MS;
  tickedAt = now();
  if (lateMs > STALL_MS) postMessage({ stall: { at: tickedAt, lateMs } });
}, TICK_MS);

/** @param begin unix ms of sample and picture 0 */
function send({ number, begin, audio, video, width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const painter = canvas.getContext('2d');
  const sounds = audio.getWriter();
  const pictures = video.getWriter();
  let chunk = Math.ceil((now() - begin) / CHUNK_MS);
  let picture = Math.ceil((now() - begin) / FRAME_MS);
  setInterval(() => {
    const at = now() - begin;
    for (; (chunk + 1) * CHUNK_MS <= at; chunk++) {
      const data = new Float32Array(CHUNK);
      for (let index = 0; index < CHUNK; index++) data[index] = beepAt(number, chunk * CHUNK + index);
      const timestamp = Math.round((begin + chunk * CHUNK_MS - performance.timeOrigin) * 1_000);
      const one = { format: 'f32', sampleRate: RATE, numberOfFrames: CHUNK, numberOfChannels: 1 };
      void sounds.write(new AudioData({ ...one, timestamp, data }));
    }
    for (; picture * FRAME_MS <= at; picture++) {
      paint(painter, number, picture);
      const timestamp = Math.round((begin + picture * FRAME_MS - performance.timeOrigin) * 1_000);
      void pictures.write(new VideoFrame(canvas, { timestamp }));
    }
  }, TICK_MS);
}

/** Beeps in what a track plays: {at: unix ms when the sound device took it, tone}. */
async function listen({ name, sound }) {
  const ears = new Ears();
  const reader = sound.getReader();
  /** Unix ms less the time of the track, of the last five seconds. Some of the first chunks bear no true time; others waited. */
  const offsets = [];
  const middle = () => offsets.toSorted((one, other) => one - other)[offsets.length >> 1];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const { timestamp, numberOfFrames, sampleRate } = value;
    offsets.push(now() - timestamp / 1_000);
    if (offsets.length > OFFSETS) offsets.shift();
    const samples = new Float32Array(numberOfFrames);
    value.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    value.close();
    for (const { tone, at } of ears.hear(samples, timestamp / 1_000, sampleRate))
      postMessage({ name, tone, at: at + middle() });
  }
}

onmessage = ({ data }) => {
  if (data.send) send(data.send);
  else void listen(data.listen);
};
