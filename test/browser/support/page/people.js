/**
 * Runs in the page: several people in one tab, each with a voice of their own and a real call through the SDK.
 * What each of them hears is read from the browser (`getContributingSources`, `getStats`), never from the SDK or server.
 */
import { join } from '/client/index.js';

/** A CSRC counts as heard now when its packets were played within this time: four frames and one sampling step. */
const HEARD_WITHIN_MS = 100;
const SAMPLE_EVERY_MS = 20;
const STATS_EVERY_MS = 200;
const LOUDEST = 42;

const connections = [];
const Original = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Original {
  constructor(...args) {
    super(...args);
    connections.push(this);
  }
};

const context = new AudioContext({ sampleRate: 48000 });
const people = new Map();

async function voice(name) {
  const bytes = await (await fetch(`/voices/${name}.ogg`)).arrayBuffer();
  const source = new AudioBufferSourceNode(context, {
    buffer: await context.decodeAudioData(bytes),
    loop: true,
  });
  const gain = new GainNode(context, { gain: 0 });
  const destination = new MediaStreamAudioDestinationNode(context);
  source.connect(gain).connect(destination);
  source.start();
  return { gain, track: destination.stream.getAudioTracks()[0] };
}

/** The browser's own fake microphone, where an AudioContext does not run without a sound card. On while it "speaks". */
async function tone() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [track] = stream.getAudioTracks();
  track.enabled = false;
  const gain = { gain: { setTargetAtTime: (level) => (track.enabled = level > 0) } };
  return { gain, track };
}

export async function enter(name, room, microphone = 'voice') {
  if (microphone === 'voice') await context.resume();
  const { gain, track } = microphone === 'voice' ? await voice(name) : await tone();
  const call = await join({
    url: new URLSearchParams(location.search).get('server'),
    room,
    displayName: name,
    audio: track,
  });
  const connection = connections.at(-1);
  call.attachAudio?.();
  const person = { name, call, gain, connection, live: [], statistics: [] };
  people.set(name, person);
  return call.participantId;
}

/** Loudness 0 (silent) … 1 of each named person from now on; the others stay as they are. */
export function speak(levels) {
  for (const [name, level] of Object.entries(levels)) {
    people.get(name)?.gain.gain.setTargetAtTime(level, context.currentTime, 0.005);
  }
}

const receivers = (person) =>
  person.connection
    .getTransceivers()
    .filter(
      ({ receiver, currentDirection }) => receiver.track.kind === 'audio' && currentDirection === 'recvonly',
    )
    .map(({ receiver }) => receiver);

/** The SSRC of each stream of sound that is received, as the answer fixed it. */
export function signalledSsrcs() {
  const ssrcsIn = (section) =>
    [...section.matchAll(/^a=ssrc:(\d+) cname/gm)].map((match) => Number(match[1]));
  return Object.fromEntries(
    [...people.values()].map(({ name, connection }) => {
      const sections = connection.remoteDescription.sdp.split(/^m=/m).slice(1);
      return [name, sections.filter((section) => section.startsWith('audio')).flatMap(ssrcsIn)];
    }),
  );
}

/** The SSRC of each stream that RTP really came on. */
export async function receivedSsrcs() {
  const result = {};
  for (const person of people.values()) {
    const report = await person.connection.getStats();
    result[person.name] = [...report.values()]
      .filter((entry) => entry.type === 'inbound-rtp' && entry.packetsReceived > 0)
      .map((entry) => entry.ssrc);
  }
  return result;
}

export const csrcs = () =>
  Object.fromEntries(
    [...people.values()].map(({ name, call }) => [name, call.participants.find((one) => one.self)?.csrc]),
  );

/** For each person and slot: {at, csrc, loudest} at every change; csrc 0 = nothing was played for a while. */
const timeline = [];
function sample() {
  const now = performance.now();
  for (const person of people.values()) {
    receivers(person).forEach((receiver, slot) => {
      const sources = receiver.getContributingSources();
      const speaker = sources
        .filter(({ source }) => source !== LOUDEST)
        .sort((left, right) => right.timestamp - left.timestamp)[0];
      const marker = sources.find(({ source }) => source === LOUDEST);
      const state = (person.live[slot] ??= { csrc: 0, loudest: false, timestamp: 0, seenAt: -Infinity });
      if (speaker && speaker.timestamp !== state.timestamp) {
        state.timestamp = speaker.timestamp;
        state.seenAt = now;
      }
      const heard = now - state.seenAt <= HEARD_WITHIN_MS;
      const csrc = heard && speaker ? speaker.source : 0;
      const loudest =
        csrc !== 0 && marker !== undefined && Math.abs(marker.timestamp - speaker.timestamp) < 40;
      if (csrc !== state.csrc || loudest !== state.loudest) {
        state.csrc = csrc;
        state.loudest = loudest;
        timeline.push({ at: now, person: person.name, slot, csrc, loudest });
      }
    });
  }
}

async function readStatistics() {
  for (const person of people.values()) {
    const at = performance.now();
    const report = await person.connection.getStats();
    const streams = {};
    for (const entry of report.values()) {
      if (entry.type !== 'inbound-rtp') continue;
      streams[entry.mid] = {
        concealed: entry.concealedSamples - entry.silentConcealedSamples,
        total: entry.totalSamplesReceived,
        lost: entry.packetsLost,
        received: entry.packetsReceived,
      };
    }
    person.statistics.push({ at, streams });
  }
}

setInterval(sample, SAMPLE_EVERY_MS);
setInterval(readStatistics, STATS_EVERY_MS);

export const now = () => performance.now();
export const changes = () => timeline;
/** What each person hears now, by slot. */
export const hearing = () =>
  Object.fromEntries(
    [...people.values()].map(({ name, live }) => [
      name,
      live.map(({ csrc, loudest }) => ({ csrc, loudest })),
    ]),
  );

/** Share of non-silent concealed samples of one stream between two moments, or undefined where it played nothing. */
export function concealment(name, slot, from, to) {
  const person = people.get(name);
  const { mid } = person.connection
    .getTransceivers()
    .filter(
      ({ receiver, currentDirection }) => receiver.track.kind === 'audio' && currentDirection === 'recvonly',
    )[slot];
  const before = person.statistics.filter(({ at, streams }) => at <= from && streams[mid]).at(-1);
  const after = person.statistics.find(({ at, streams }) => at >= to && streams[mid]);
  if (!before || !after) return undefined;
  const total = after.streams[mid].total - before.streams[mid].total;
  return total > 0 ? (after.streams[mid].concealed - before.streams[mid].concealed) / total : undefined;
}

export const streamStatistics = () =>
  Object.fromEntries([...people.values()].map(({ name, statistics }) => [name, statistics.at(-1)?.streams]));

export async function mute(name, muted) {
  const { call } = people.get(name);
  await (muted ? call.mute() : call.unmute());
}

export const rename = (name, displayName) => people.get(name).call.rename(displayName);

export async function leave(name) {
  const person = people.get(name);
  people.delete(name);
  await person.call.leave();
}
