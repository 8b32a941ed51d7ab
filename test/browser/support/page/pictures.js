/**
 * Runs in the page: senders whose picture bears a number that can be read back from the pixels, and receivers that note
 * which number each painted frame showed, on which slot, with which CSRC. It speaks the server's HTTP and its channel
 * `tertulia` itself: no SDK is between the browser and what is measured.
 */
const server = new URLSearchParams(location.search).get('server');

/** The picture's upper half is a row of this many blocks: the number's bits, then the same bits inverted. */
const BLOCKS = 8;
const VIDEO_CODECS = ['VP8', 'VP9', 'H264', 'AV1'];
const STATISTICS_EVERY_MS = 500;
const CHANNEL_LIMIT_MS = 20_000;
const ANSWER_LIMIT_MS = 10_000;

export const senders = new Map();
export const receivers = new Map();
let context;

export const sound = () => (context ??= new AudioContext({ sampleRate: 48000 }));
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
export const now = () => performance.now();

async function until(read, limitMs, what) {
  for (const end = performance.now() + limitMs; ; await sleep(20)) {
    const value = read();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited too long for ${what}`);
  }
}

// --- the session ---

/** All media of the answer goes to this port of a link instead of to the server. */
const throughLink = (answer, port) =>
  answer
    .split('\r\n')
    .filter((line) => !/^a=candidate:/.test(line) || / udp /i.test(line))
    .map((line) =>
      line.replace(/^(a=candidate:\S+ \d+ udp \d+ )\S+ \d+ typ host.*/i, `$1127.0.0.1 ${port} typ host`),
    )
    .filter((line, index, lines) => !/^a=candidate:/.test(line) || lines.indexOf(line) === index)
    .join('\r\n');

/** @param prepare the connection before the offer @param edit the answer before the browser sees it */
export async function open(
  name,
  room,
  addSections,
  { linkPort, prepare = () => {}, edit = (answer) => answer, ...configuration } = {},
) {
  const connection = new RTCPeerConnection(configuration);
  const session = {
    name,
    connection,
    messages: [],
    entries: new Map(),
    assignment: [],
    anchors: [],
    answers: [],
  };
  const sections = addSections(connection);
  prepare(connection);
  const channel = connection.createDataChannel('tertulia');
  session.channel = channel;
  channel.onmessage = ({ data }) => take(session, JSON.parse(data));
  await connection.setLocalDescription(await connection.createOffer());
  await until(() => connection.iceGatheringState === 'complete', ANSWER_LIMIT_MS, 'candidates');
  const response = await fetch(`${server}/v1/rooms/${room}/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ offer: connection.localDescription.sdp, displayName: name }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`${name}: ${JSON.stringify(body)}`);
  session.participantId = body.participantId;
  const answer = linkPort === undefined ? body.answer : throughLink(body.answer, linkPort);
  await connection.setRemoteDescription({ type: 'answer', sdp: edit(answer) });
  await until(() => channel.readyState === 'open', CHANNEL_LIMIT_MS, `the channel of ${name}`);
  return Object.assign(session, sections);
}

function take(session, { response, resources = [], deletedResources = [] }) {
  const at = performance.now();
  if (response) session.answers.push({ at, ...response });
  for (const resource of resources) {
    if (resource.mediaEntry) session.entries.set(resource.id, resource.mediaEntry);
    if (resource.videoAssignment) {
      session.assignment = resource.videoAssignment.canvases;
      session.messages.push({ at, assignment: session.assignment });
    }
    for (const [kind, rate] of [
      ['videoSlots', 90],
      ['speakers', 48],
    ])
      for (const slot of resource[kind]?.slots ?? []) session.anchors.push({ at, kind, rate, ...slot });
  }
  for (const { id, mediaEntry } of deletedResources) if (mediaEntry) session.entries.delete(id);
}

let nextRequestId = 1;
/** @returns when it was sent, when answered, and the status code (0: done) */
async function ask(session, request) {
  const requestId = nextRequestId++;
  const sentAt = performance.now();
  session.channel.send(JSON.stringify({ request: { requestId, ...request } }));
  const answer = await until(
    () => session.answers.find((one) => one.requestId === requestId),
    ANSWER_LIMIT_MS,
    `an answer to ${JSON.stringify(request)}`,
  );
  return { sentAt, answeredAt: answer.at, code: answer.status?.code ?? 0, message: answer.status?.message };
}

const sessionOf = (name) => senders.get(name) ?? receivers.get(name);
export const setMuted = (name, source, muted) => ask(sessionOf(name), { setMuted: { source, muted } });

// --- senders ---

/** Grey points for pictures with detail, made once: each line of each frame begins at another of them. */
let grain;
function makeGrain() {
  const POINTS = 65_536;
  return Uint32Array.from({ length: POINTS }, () => {
    const grey = 64 + Math.floor(Math.random() * 128);
    return 0xff000000 | (grey << 16) | (grey << 8) | grey;
  });
}

/** A picture that says who it is of: `number` 0…15. Drawn anew for each frame. */
function drawing(number, { width, height, framesPerSecond, detail }) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const painter = canvas.getContext('2d');
  const state = { canvas };
  const noise = new ImageData(width, height >> 1);
  const points = new Uint32Array(noise.data.buffer);
  if (detail) grain ??= makeGrain();
  let frame = 0;
  const draw = () => {
    frame++;
    for (let block = 0; block < BLOCKS; block++) {
      const bit = (number >> (block % 4)) & 1;
      painter.fillStyle = (block < 4 ? bit : !bit) ? '#fff' : '#000';
      painter.fillRect((block * width) / BLOCKS, 0, width / BLOCKS + 1, height / 2);
    }
    if (detail) {
      // Something that costs bits: an eighth of the lines changes with each frame. With a quarter the encoder drops frames.
      for (let line = frame % 8; line < noise.height; line += 8) {
        const start = Math.floor(Math.random() * (grain.length - width));
        points.set(grain.subarray(start, start + width), line * width);
      }
      painter.putImageData(noise, 0, height >> 1);
    } else {
      painter.fillStyle = '#000';
      painter.fillRect(0, height / 2, width, height / 2);
      painter.fillStyle = '#888';
      painter.fillRect((frame * 4) % width, height * 0.7, width / 8, height * 0.2);
    }
  };
  draw();
  state.timer = setInterval(draw, 1_000 / framesPerSecond);
  // Without a rate of its own: each drawing is a frame, at once.
  state.track = canvas.captureStream().getVideoTracks()[0];
  return state;
}

const voices = new Map();
async function loadVoice(voice) {
  const bytes = await (await fetch(`/voices/${voice}.ogg`)).arrayBuffer();
  const buffer = await sound().decodeAudioData(bytes);
  // Its first word begins at once.
  const samples = buffer.getChannelData(0);
  const start =
    Math.max(
      0,
      samples.findIndex((sample) => Math.abs(sample) > 0.05),
    ) / buffer.sampleRate;
  return { buffer, start };
}

/** A microphone that is silent until it is told to speak. */
async function microphone(voice) {
  await sound().resume();
  if (!voices.has(voice)) voices.set(voice, loadVoice(voice));
  const { buffer, start } = await voices.get(voice);
  const gain = new GainNode(sound(), { gain: 1 });
  const destination = new MediaStreamAudioDestinationNode(sound());
  gain.connect(destination);
  // Silence is sent too, as a microphone does.
  const silence = new ConstantSourceNode(sound(), { offset: 0 });
  silence.connect(gain);
  silence.start();
  return {
    gain,
    destination,
    buffer,
    start,
    playing: undefined,
    track: destination.stream.getAudioTracks()[0],
  };
}

/** @returns when it was said */
export function speak(name, speaking) {
  const { microphone: voice } = senders.get(name);
  voice.playing?.stop();
  voice.playing = undefined;
  if (speaking) {
    voice.playing = new AudioBufferSourceNode(sound(), {
      buffer: voice.buffer,
      loop: true,
      loopStart: voice.start,
    });
    voice.playing.connect(voice.gain);
    voice.playing.start(0, voice.start);
  }
  return performance.now();
}

function preferCodec(transceiver, codec) {
  const { codecs } = RTCRtpReceiver.getCapabilities('video');
  const isOf = (one) => one.mimeType.toLowerCase() === `video/${codec.toLowerCase()}`;
  const helpers = codecs.filter(({ mimeType }) => !VIDEO_CODECS.some((name) => mimeType === `video/${name}`));
  transceiver.setCodecPreferences([...codecs.filter(isOf), ...helpers]);
}

const LAYERS = ['q', 'h', 'f'];
/** @param layers of simulcast; each is half as wide as the next. 1: none. */
export async function addSender(name, room, number, options) {
  const { layers = 2, codec, voice, camera = true } = options;
  const picture = drawing(number, options);
  const speaker = voice === undefined ? undefined : await microphone(voice);
  const addSections = (connection) => {
    const stream = new MediaStream();
    const sound = connection.addTransceiver(speaker?.track ?? 'audio', {
      direction: 'sendonly',
      streams: [stream],
    });
    connection.addTransceiver('audio', { direction: 'sendonly' });
    const encodings = LAYERS.slice(0, layers).map((rid, index) => ({
      rid,
      scaleResolutionDownBy: 2 ** (layers - 1 - index),
    }));
    const video = connection.addTransceiver(picture.track, {
      direction: 'sendonly',
      streams: [stream],
      ...(layers > 1 && { sendEncodings: encodings }),
    });
    if (codec !== undefined) preferCodec(video, codec);
    connection.addTransceiver('video', { direction: 'sendonly' });
    return { soundSender: sound.sender, videoSender: video.sender };
  };
  const session = await open(name, room, addSections, { linkPort: options.linkPort });
  senders.set(name, Object.assign(session, { number, picture, microphone: speaker }));
  if (camera) await setMuted(name, 'camera', false);
  return session.participantId;
}

/** Layers that the browser really sends: {rid, width, framesPerSecond, target}. */
export async function sent(name) {
  const report = await senders.get(name).videoSender.getStats();
  return [...report.values()]
    .filter((entry) => entry.type === 'outbound-rtp' && entry.packetsSent > 0)
    .map(({ rid, frameWidth, framesPerSecond, targetBitrate, keyFramesEncoded, pliCount, codecId }) => ({
      rid,
      width: frameWidth,
      framesPerSecond,
      targetBitrate,
      keyFramesEncoded,
      pliCount,
      codec: report.get(codecId)?.mimeType,
    }));
}

export function removeSender(name) {
  const { connection, picture } = senders.get(name);
  clearInterval(picture.timer);
  connection.close();
  senders.delete(name);
}

// --- receivers ---

const reader = document.createElement('canvas');
Object.assign(reader, { width: BLOCKS, height: 2 });
const readPainter = reader.getContext('2d', { willReadFrequently: true });

/** @returns the number in the picture, or -1 where none can be read, and the brightness of its lower half */
function readPicture(image) {
  // The upper half becomes the first line, the lower half the second.
  readPainter.drawImage(image, 0, 0, BLOCKS, 2);
  const { data } = readPainter.getImageData(0, 0, BLOCKS, 2);
  const isLight = (block) => data[block * 4] > 128;
  let number = 0;
  let light = 0;
  for (let bit = 0; bit < 4; bit++) {
    if (isLight(bit) === isLight(bit + 4)) number = -1;
    else if (number >= 0) number |= Number(isLight(bit)) << bit;
  }
  for (let block = 0; block < BLOCKS; block++) light += data[(BLOCKS + block) * 4];
  return { number, light: light / BLOCKS };
}

/** The CSRC of the frame with this timestamp, if it is still known. */
const csrcOf = (receiver, rtpTimestamp) =>
  receiver.getContributingSources().find((source) => source.rtpTimestamp === rtpTimestamp)?.source;

function watch(slot) {
  const { video, receiver } = slot;
  const painted = (at, { rtpTimestamp: told, expectedDisplayTime, presentationTime, width }) => {
    video.requestVideoFrameCallback(painted);
    // On a page that is late the element shows the next frame already: what is read says itself which one it is (not in Firefox).
    const frame = new VideoFrame(video);
    const rtpTimestamp = frame.metadata?.().rtpTimestamp ?? told;
    const { number, light } = readPicture(frame);
    frame.close();
    const csrc = csrcOf(receiver, rtpTimestamp);
    slot.frames.push({ at, number, csrc, width, rtpTimestamp, light, expectedDisplayTime, presentationTime });
  };
  video.requestVideoFrameCallback(painted);
}

/** Chromium names its decoders only to a page that captures something. */
let capture;
export async function addReceiver(name, room, { videoSlots, audioSlots = 0, play = false, ...options }) {
  capture ??= navigator.mediaDevices.getUserMedia({ audio: true });
  await capture;
  const session = await open(
    name,
    room,
    (connection) => {
      for (const kind of ['audio', 'audio', 'video', 'video'])
        connection.addTransceiver(kind, { direction: 'sendonly' });
      const add = (kind, count) =>
        Array.from({ length: count }, () => connection.addTransceiver(kind, { direction: 'recvonly' }));
      return { audio: add('audio', audioSlots), video: add('video', videoSlots) };
    },
    options,
  );
  session.slots = session.video.map((transceiver, index) => {
    const video = document.createElement('video');
    // Small: painting costs, and the pixels are read from the frame itself.
    Object.assign(video, { muted: true, playsInline: true, autoplay: true, width: 32, height: 18 });
    video.srcObject = new MediaStream([transceiver.receiver.track]);
    document.body.append(video);
    const slot = { index, mid: transceiver.mid, receiver: transceiver.receiver, video, frames: [] };
    watch(slot);
    return slot;
  });
  session.players = play
    ? session.audio.map(({ receiver }) => {
        const player = new Audio();
        player.srcObject = new MediaStream([receiver.track]);
        void player.play();
        return player;
      })
    : [];
  session.statistics = [];
  receivers.set(name, session);
  return session.participantId;
}

export function removeReceiver(name) {
  const { connection, slots, players } = receivers.get(name);
  connection.close();
  for (const { video } of slots) video.remove();
  for (const player of players) player.srcObject = null;
  receivers.delete(name);
}

/** @param canvases [{id, width, height, whom?, participantId?}]: `whom` is a sender's name; neither: the server chooses */
export function setLayout(name, canvases) {
  return ask(receivers.get(name), {
    setLayout: {
      canvases: canvases.map(({ whom, participantId = senders.get(whom)?.participantId, ...size }) =>
        participantId === undefined ? { ...size, relevant: {} } : { ...size, direct: { participantId } },
      ),
    },
  });
}

async function readStatistics() {
  for (const session of receivers.values()) {
    const at = performance.now();
    const report = await session.connection.getStats();
    const streams = {};
    for (const entry of report.values()) {
      if (entry.type !== 'inbound-rtp' || entry.mid === undefined) continue;
      const { kind, ssrc, packetsLost, packetsReceived, bytesReceived, nackCount } = entry;
      const { framesDecoded, keyFramesDecoded, freezeCount, totalFreezesDuration, pliCount } = entry;
      const { frameWidth, framesPerSecond, framesDropped, decoderImplementation } = entry;
      const { totalSamplesReceived, concealedSamples, silentConcealedSamples } = entry;
      const codec = report.get(entry.codecId)?.mimeType;
      streams[entry.mid] = {
        ...{ kind, ssrc, packetsLost, packetsReceived, bytesReceived, nackCount, codec },
        ...(kind === 'video' && { framesDecoded, keyFramesDecoded, freezeCount, totalFreezesDuration }),
        ...(kind === 'video' && {
          pliCount,
          frameWidth,
          framesPerSecond,
          framesDropped,
          decoderImplementation,
        }),
        ...(kind === 'audio' && { samples: totalSamplesReceived }),
        ...(kind === 'audio' && { concealed: concealedSamples - silentConcealedSamples }),
      };
    }
    session.statistics.push({ at, streams });
  }
}
let isReading = false;
setInterval(async () => {
  if (isReading) return;
  isReading = true;
  await readStatistics();
  isReading = false;
}, STATISTICS_EVERY_MS);

/** How late timers of this page ran: a page without processor time measures itself. Less is what timers are. */
const STALL_MS = 40;
const stalls = [];
let expected = performance.now();
setInterval(() => {
  const late = performance.now() - expected - 50;
  if (late > STALL_MS) stalls.push({ at: performance.now(), late });
  expected = performance.now();
}, 50);
export const pageStalls = () => stalls;

/** Frames since `from`, by slot: {at, number, csrc, width}. */
export const frames = (name, from = 0) =>
  receivers.get(name).slots.map((slot) => slot.frames.filter(({ at }) => at >= from));
export const statistics = (name, from = 0) => receivers.get(name).statistics.filter(({ at }) => at >= from);
export const slotMids = (name) => receivers.get(name).slots.map(({ mid }) => mid);
export const assignments = (name, from = 0) => receivers.get(name).messages.filter(({ at }) => at >= from);
/** The number of the sender that each slot shows by the newest frame, and by the assignment. */
export const showing = (name) => {
  const { slots, assignment } = receivers.get(name);
  const byCsrc = pictureCsrcs();
  return slots.map(({ index, frames }) => {
    const assigned = assignment.find(({ slot }) => slot === index);
    const last = frames.at(-1);
    return {
      painted: last && { number: last.number, ageMs: performance.now() - last.at, width: last.width },
      assigned: assigned && {
        number: byCsrc[assigned.csrc],
        active: assigned.active,
        canvasId: assigned.canvasId,
      },
    };
  });
};
export const participantIds = () =>
  Object.fromEntries([...senders.values()].map(({ name, participantId }) => [name, participantId]));
/** number of each sender by the CSRC that the room gave its camera */
export function pictureCsrcs() {
  const result = {};
  for (const session of [...receivers.values(), ...senders.values()])
    for (const { participantId, screenshare, videoCsrc } of session.entries.values()) {
      const sender = [...senders.values()].find((one) => one.participantId === participantId);
      if (sender && !screenshare && videoCsrc !== undefined) result[videoCsrc] = sender.number;
    }
  return result;
}
