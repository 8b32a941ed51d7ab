/**
 * Runs in the page, beside pictures.js: a sender that flashes and beeps at the same instant once a second, and ears and
 * eyes that note when each flash is painted and each beep is played, or with which RTP timestamps they came.
 */
import { addReceiver, receivers, senders, sound } from './pictures.js';

const FLASH_MS = 200;
const BEEP_MS = 100;
const BEEP_HZ = 3_000;
/** Of full scale; the beep itself is 0.5. */
const BEEP_LEVEL = 0.05;
/** Quiet before a beep; they are a second apart. */
const QUIET_SECONDS = 0.4;
const LIGHT = 128;
/** 50 ms: at 30 frames a second, one and a half. */
const MISSED_TICKS = 4_500;

/** Claps are prepared so long before: WebAudio takes its orders ahead of time. */
const AHEAD_MS = 250;
/** The least of so many readings of two clocks is the one without a wait in between. */
const CLOCK_READINGS = 100;
let clockReadings;

/** performance.now() less the time of WebAudio, which runs ahead in bursts. */
function soundClock() {
  if (clockReadings === undefined) {
    clockReadings = [];
    setInterval(() => {
      clockReadings.push(performance.now() - sound().currentTime * 1_000);
      if (clockReadings.length > CLOCK_READINGS) clockReadings.shift();
    }, 20);
  }
  return Math.min(...clockReadings);
}

/** From now on this sender claps: both at the same instant, but that pictures may be drawn a moment late, which is noted. */
export async function clap(name, periodMs = 1_000) {
  const { picture, microphone } = senders.get(name);
  const oscillator = new OscillatorNode(sound(), { frequency: BEEP_HZ });
  const gate = new GainNode(sound(), { gain: 0 });
  oscillator.connect(gate).connect(microphone.gain);
  oscillator.start();
  soundClock();
  await new Promise((resolve) => setTimeout(resolve, CLOCK_READINGS * 20));
  picture.claps = [];
  const prepare = (at) => {
    const begin = (at - soundClock()) / 1_000;
    gate.gain.setValueAtTime(0.5, begin);
    gate.gain.setValueAtTime(0, begin + BEEP_MS / 1_000);
    setTimeout(() => {
      const drawnAt = performance.now();
      picture.claps.push({ at, late: drawnAt - at });
      picture.flashUntil = drawnAt + FLASH_MS;
      picture.draw();
    }, at - performance.now());
    const next = at + periodMs;
    setTimeout(() => prepare(next), next - AHEAD_MS - performance.now());
  };
  prepare(Math.ceil((performance.now() + AHEAD_MS) / periodMs) * periodMs);
}

/** When this flash's clap was to be, and how late its picture was drawn. */
function clapOf({ at, whose }) {
  const sender = [...senders.values()].find(({ number }) => number === whose);
  const clap = sender?.picture.claps?.findLast((one) => one.at < at);
  return { clap: clap?.at ?? 0, late: clap?.late ?? 0 };
}

/** Goertzel's filter: the amplitude of one frequency. */
const AMPLITUDE = `
function amplitude(samples, from, count, cosine) {
  let one = 0, two = 0;
  for (let index = 0; index < count; index++) {
    const zero = samples[from + index] + 2 * cosine * one - two;
    two = one; one = zero;
  }
  return 2 * Math.sqrt(Math.max(0, one * one + two * two - 2 * cosine * one * two)) / count;
}`;
const WORKLET = `${AMPLITUDE}
registerProcessor('ear', class extends AudioWorkletProcessor {
  quietSince = 0; ticks = 0;
  process([[samples]]) {
    if (this.ticks++ % 32 === 0) this.port.postMessage({ time: currentTime });
    if (!samples) return true;
    if (amplitude(samples, 0, samples.length, ${Math.cos((2 * Math.PI * BEEP_HZ) / 48_000)}) > ${BEEP_LEVEL}) {
      if (currentTime - this.quietSince > ${QUIET_SECONDS}) this.port.postMessage({ beep: currentTime });
      this.quietSince = currentTime;
    }
    return true;
  }
});`;
let worklet;

/** Beeps in a track, as performance.now() of when WebAudio got them. */
async function listen(track) {
  worklet ??= sound().audioWorklet.addModule(
    URL.createObjectURL(new Blob([WORKLET], { type: 'text/javascript' })),
  );
  await worklet;
  const player = new Audio();
  player.srcObject = new MediaStream([track]);
  await player.play();
  const source = new MediaStreamAudioSourceNode(sound(), { mediaStream: player.srcObject });
  const ear = new AudioWorkletNode(sound(), 'ear', { numberOfOutputs: 0 });
  const ears = { player, source, ear, beeps: [], ticks: [] };
  ear.port.onmessage = ({ data: { time, beep } }) => {
    // The earliest arrivals of messages tell how the two clocks lie.
    if (time !== undefined) {
      ears.ticks.push(performance.now() - time * 1_000);
      if (ears.ticks.length > 60) ears.ticks.shift();
    } else ears.beeps.push(beep * 1_000 + Math.min(...ears.ticks));
  };
  source.connect(ear);
  return ears;
}

const eye = document.createElement('canvas');
Object.assign(eye, { width: 8, height: 1 });
const eyePainter = eye.getContext('2d', { willReadFrequently: true });
const number = (data) => {
  let result = 0;
  for (let bit = 0; bit < 4; bit++) result |= Number(data[bit * 4] > LIGHT) << bit;
  return result;
};

/** Flashes in a track: when the screen is expected to show them, their RTP timestamp, and whose they are. */
function look(track) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true, autoplay: true, width: 32, height: 18 });
  video.srcObject = new MediaStream([track]);
  document.body.append(video);
  const eyes = { video, flashes: [] };
  let wasLight = true;
  let before;
  const painted = (now, { expectedDisplayTime, rtpTimestamp }) => {
    video.requestVideoFrameCallback(painted);
    // Where a frame was not painted, nobody knows whether it was the first of the flash.
    const step = before === undefined ? Infinity : (rtpTimestamp - before) | 0;
    const isWhole = step < MISSED_TICKS;
    before = rtpTimestamp;
    const { videoWidth: width, videoHeight: height } = video;
    eyePainter.drawImage(video, width / 4, height * 0.55, width / 2, height * 0.1, 0, 0, 8, 1);
    const isLight = eyePainter.getImageData(0, 0, 8, 1).data.every((value) => value > LIGHT);
    if (isLight && !wasLight && isWhole) {
      eyePainter.drawImage(video, 0, 0, width, height / 2, 0, 0, 8, 1);
      const whose = number(eyePainter.getImageData(0, 0, 8, 1).data);
      eyes.flashes.push({ at: expectedDisplayTime, rtpTimestamp, step, whose });
    }
    wasLight = isLight;
  };
  video.requestVideoFrameCallback(painted);
  return eyes;
}

const watchers = new Map();
async function observe(name, audioTrack, videoTrack, more = {}) {
  watchers.set(name, { ears: await listen(audioTrack), eyes: look(videoTrack), ...more });
}

/** The packets of sound that come are kept, so that beeps are found in them by RTP timestamp. */
function keepPackets(receivers, packets) {
  for (const receiver of receivers) {
    const { readable, writable } = receiver.createEncodedStreams();
    const note = (frame, controller) => {
      if (receiver.track.kind === 'audio') {
        const { rtpTimestamp, contributingSources } = frame.getMetadata();
        const timestamp = rtpTimestamp ?? frame.timestamp;
        packets.push({ timestamp, csrc: contributingSources?.[0], data: frame.data.slice(0) });
      }
      controller.enqueue(frame);
    };
    void readable.pipeThrough(new TransformStream({ transform: note })).pipeTo(writable);
  }
}

/**
 * The sender's own tracks over two peer connections of the page, of one stream: what is between flash and beep before any
 * server, and how the page itself measures.
 */
export async function observeLoop(name) {
  const { soundSender, videoSender } = senders.get(name);
  const [there, here] = [new RTCPeerConnection(), new RTCPeerConnection({ encodedInsertableStreams: true })];
  const packets = [];
  there.onicecandidate = ({ candidate }) => here.addIceCandidate(candidate);
  here.onicecandidate = ({ candidate }) => there.addIceCandidate(candidate);
  const stream = new MediaStream();
  there.addTrack(soundSender.track, stream);
  there.addTrack(videoSender.track, stream);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
  keepPackets(here.getReceivers(), packets);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  const [audio, video] = here.getReceivers().map(({ track }) => track);
  const [sounds, sights] = here.getReceivers();
  const lines = readLines(here, sounds, sights);
  await observe(`loop of ${name}`, audio, video, { there, here, packets, lines });
}

const clients = new Map();
const connections = [];
const Original = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Original {
  constructor(...args) {
    super(...args);
    connections.push(this);
  }
};

/** One slot of each kind, in a call of the SDK, which plays both in step. */
export async function observeClient(name, room) {
  const { join } = await import('/client/index.js');
  const url = new URLSearchParams(location.search).get('server');
  const call = await join({ url, room, displayName: name, audio: false, audioSlots: 1, videoSlots: 1 });
  call.attachAudio?.();
  clients.set(name, call);
  await observe(name, call.audioSlots[0].track, call.videoSlots[0].track);
}
export const layClient = (name, sender) =>
  clients
    .get(name)
    .setLayout([
      { id: 1, width: 640, height: 360, mode: { participantId: senders.get(sender).participantId } },
    ]);
export const clientSkews = (name) => clients.get(name).lipSync ?? [];

/**
 * One slot of each kind without the SDK. The sound's packets are kept, so that beeps are found in them by RTP timestamp.
 * @param together the two tracks are of one stream, so that the browser itself plays them in step by the sender reports
 */
export async function observeRaw(name, room, together) {
  const edit = (answer) => (together ? answer.replace(/^(a=msid:)\S+/gm, '$1together') : answer);
  const packets = [];
  const prepare = (connection) => {
    const slots = connection.getTransceivers().filter(({ direction }) => direction === 'recvonly');
    keepPackets(
      slots.map(({ receiver }) => receiver),
      packets,
    );
  };
  const slots = { videoSlots: 1, audioSlots: 1 };
  await addReceiver(name, room, { ...slots, encodedInsertableStreams: true, prepare, edit });
  const { connection, audio, video } = receivers.get(name);
  await observe(name, audio[0].receiver.track, video[0].receiver.track, { packets });
  watchers.get(name).lines = readLines(connection, audio[0].receiver, video[0].receiver);
}

/**
 * What the browser made of the sender reports, four times a second: how much later than the sound it believes that it plays
 * the picture; and, for each kind, the capture time of what it plays beside the RTP timestamp of that.
 */
function readLines(connection, audio, video) {
  const lines = [];
  const newest = (receiver) =>
    receiver.getSynchronizationSources().sort((left, right) => right.timestamp - left.timestamp)[0] ?? {};
  const read = async () => {
    const { rtpTimestamp: shownBefore } = newest(video);
    const report = await connection.getStats();
    const line = { at: performance.now() };
    for (const [kind, receiver] of Object.entries({ audio, video })) {
      const inbound = [...report.values()].find(
        (entry) => entry.type === 'inbound-rtp' && entry.kind === kind,
      );
      if (inbound?.estimatedPlayoutTimestamp === undefined) return;
      line[kind] = { playout: inbound.estimatedPlayoutTimestamp - inbound.timestamp };
      const { rtpTimestamp, timestamp: playedAt } = newest(receiver);
      // Frames are not shown at even distances: both readings must be of one and the same.
      if (kind === 'audio' || rtpTimestamp === shownBefore)
        Object.assign(line[kind], { rtpTimestamp, playedAt });
    }
    lines.push(line);
  };
  setInterval(read, 250);
  return lines;
}

/** Decodes the kept packets. @returns the RTP timestamp of each beep's first sample */
async function beepsInPackets(packets) {
  const beeps = [];
  const frequency = Math.cos((2 * Math.PI * BEEP_HZ) / 48_000);
  const amplitude = new Function(`${AMPLITUDE}; return amplitude;`)();
  let quietSince = -Infinity;
  const decoder = new AudioDecoder({
    error: (error) => beeps.push({ error: String(error) }),
    output: (data) => {
      const index = Math.round(data.timestamp / 20_000);
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      data.close();
      for (let from = 0; from + 48 <= samples.length; from += 48) {
        if (amplitude(samples, from, 48, frequency) <= BEEP_LEVEL) continue;
        const seconds = index * 0.02 + from / 48_000;
        if (seconds - quietSince > QUIET_SECONDS) {
          const { timestamp, csrc } = packets[index];
          beeps.push({ rtpTimestamp: (timestamp + from) >>> 0, csrc });
        }
        quietSince = seconds;
      }
    },
  });
  decoder.configure({ codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 });
  packets.forEach(({ data }, index) =>
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: index * 20_000, data })),
  );
  await decoder.flush();
  decoder.close();
  return beeps;
}

/** Everything of one observer: flashes, beeps; of a raw one also the anchors that the server sent and what packets say. */
export async function observed(name) {
  const { eyes, ears, packets, lines = [] } = watchers.get(name);
  const flashes = eyes.flashes.map((flash) => ({ ...flash, ...clapOf(flash) }));
  const { anchors = [] } = receivers.get(name) ?? {};
  const packetBeeps = packets ? await beepsInPackets(packets) : [];
  return { flashes, beeps: ears.beeps, lines, anchors, packetBeeps };
}
