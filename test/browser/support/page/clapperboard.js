/**
 * Runs in the page, beside pictures.js: senders with clapperboards, and receivers that note when each picture is shown and when
 * each beep goes to the sound device. What was sent is decoded here as well, of packets that somebody else has kept.
 */
import { Ears, Eye } from './claps.js';
import { addReceiver, open, receivers, senders, setMuted } from './pictures.js';

const WIDTH = 320;
const HEIGHT = 180;
const worker = new Worker('/page/clapWorker.js', { type: 'module' });
const watchers = new Map();
const lateTicks = [];
worker.onmessage = ({ data: { name, tone, at, stall } }) => {
  if (stall) lateTicks.push(stall);
  else watchers.get(name).beeps.push({ tone, at });
};
export const stalls = () => lateTicks;

/** Both senders' sample 0 and picture 0. */
const begin = Math.ceil(performance.timeOrigin);
const unix = (milliseconds) => performance.timeOrigin + milliseconds;
export const beginning = () => begin;
export const now = () => unix(performance.now());

/** A sender that claps from now on; `number` 1 or 2. */
export async function addClapper(name, room, number, { linkPort } = {}) {
  const [audio, video] = ['audio', 'video'].map((kind) => new MediaStreamTrackGenerator({ kind }));
  const stream = new MediaStream();
  const addSections = (connection) => {
    const add = (track) =>
      connection.addTransceiver(track, {
        direction: 'sendonly',
        ...(typeof track !== 'string' && { streams: [stream] }),
      });
    add(audio);
    add('audio');
    const camera = add(video);
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    camera.setCodecPreferences(codecs.filter(({ mimeType }) => /VP8|rtx/.test(mimeType)));
    add('video');
    return { tracks: [audio, video] };
  };
  const session = await open(name, room, addSections, { linkPort });
  senders.set(name, Object.assign(session, { number }));
  const pipes = { audio: audio.writable, video: video.writable };
  worker.postMessage(
    { send: { number, begin, width: WIDTH, height: HEIGHT, ...pipes } },
    Object.values(pipes),
  );
  await setMuted(name, 'camera', false);
}

const eye = new Eye(document.createElement('canvas'));
/** When each picture is expected on the screen. */
function look(track, pictures) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true, autoplay: true, width: 32, height: 18 });
  video.srcObject = new MediaStream([track]);
  document.body.append(video);
  const shown = (_, { expectedDisplayTime, width, height, rtpTimestamp }) => {
    video.requestVideoFrameCallback(shown);
    const read = eye.read(video, width, height);
    if (read) pictures.push({ at: unix(expectedDisplayTime), rtpTimestamp, ...read });
  };
  video.requestVideoFrameCallback(shown);
}

function observe(name, audioTrack, videoTrack) {
  const watcher = { beeps: [], pictures: [] };
  watchers.set(name, watcher);
  look(videoTrack, watcher.pictures);
  // Chromium takes sound out of the jitter buffer only while something plays it.
  watcher.player = new Audio();
  watcher.player.srcObject = new MediaStream([audioTrack]);
  void watcher.player.play();
  const { readable: sound } = new MediaStreamTrackProcessor({ track: audioTrack, maxBufferSize: 500 });
  worker.postMessage({ listen: { name, sound } }, [sound]);
}
export const observed = (name) => {
  const { beeps, pictures } = watchers.get(name);
  return { beeps, pictures };
};

const clients = new Map();
/** One slot of each kind, in a call of the SDK, which plays both in step. */
export async function observeClient(name, room) {
  const { join } = await import('/client/index.js');
  const url = new URLSearchParams(location.search).get('server');
  const call = await join({ url, room, displayName: name, audio: false, audioSlots: 1, videoSlots: 1 });
  call.attachAudio?.();
  clients.set(name, call);
  observe(name, call.audioSlots[0].track, call.videoSlots[0].track);
}
export const layClient = (name, sender) =>
  clients.get(name).setLayout([
    {
      id: 1,
      width: WIDTH,
      height: HEIGHT,
      mode: { participantId: senders.get(sender).participantId },
    },
  ]);

/** One slot of each kind without the SDK, of one stream: the browser itself plays them in step by the sender reports. */
export async function observeAlone(name, room) {
  const edit = (answer) => answer.replace(/^(a=msid:)\S+/gm, '$1together');
  await addReceiver(name, room, { videoSlots: 1, audioSlots: 1, edit });
  const { audio, video } = receivers.get(name);
  observe(name, audio[0].receiver.track, video[0].receiver.track);
}

/** What the server told of the slots of `observeAlone`. */
export const anchors = (name) =>
  receivers.get(name).anchors.map(({ at, kind, ...anchor }) => ({
    ...anchor,
    at: unix(at),
    kind: kind === 'speakers' ? 'audio' : 'video',
  }));

/** From where sound leaves the jitter buffers until it is heard, as the browser says. */
export async function soundDeviceMs(name) {
  for (const entry of (await receivers.get(name).connection.getStats()).values())
    if (entry.type === 'media-playout') return (1_000 * entry.totalPlayoutDelay) / entry.totalSamplesCount;
  throw new Error('the browser tells nothing of its sound device');
}

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @param packets Opus, 20 ms each, base64 @returns {tone, packet, ms}: in which one a beep begins, and where */
export async function beepsIn(packets) {
  const beeps = [];
  const ears = new Ears();
  const decoder = new AudioDecoder({
    error: (error) => beeps.push({ error: String(error) }),
    output: (data) => {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      const { sampleRate, timestamp } = data;
      data.close();
      for (const { tone, at: ms } of ears.hear(samples, Math.round(timestamp / 20_000) * 20, sampleRate))
        beeps.push({ tone, packet: Math.floor(ms / 20), ms: ms % 20 });
    },
  });
  decoder.configure({ codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 });
  packets.forEach((text, index) =>
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: index * 20_000, data: bytesOf(text) })),
  );
  await decoder.flush();
  decoder.close();
  return beeps;
}

/** @param frames of VP8: {key, text: base64} @returns {whose, number} of each, undefined where it cannot be read */
export async function numbersIn(frames) {
  const numbers = frames.map(() => undefined);
  const reader = new Eye(new OffscreenCanvas(1, 1));
  const decoder = new VideoDecoder({
    error: (error) => console.error(error),
    output: (frame) => {
      numbers[frame.timestamp / 1_000] = reader.read(frame, frame.displayWidth, frame.displayHeight);
      frame.close();
    },
  });
  decoder.configure({ codec: 'vp8' });
  for (let index = 0; index < frames.length; index++) {
    const { key, text } = frames[index];
    const data = bytesOf(text);
    decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: index * 1_000, data }));
  }
  await decoder.flush();
  decoder.close();
  return numbers;
}
