/**
 * Minutes of two people with a clapperboard, five per cent of the packets lost on the way to the server and to the recorder:
 * one file for each of them, and one of what a virtual receiver gets while its picture changes between the two. Then every
 * packet is accounted for, every file decoded, and what was seen compared with what was heard.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchRecorder, type Recorder } from '@tertulia/recorder';
import type { Receiver } from '@tertulia/sfu';
import type { Row } from '../scenario.js';
import { quantile, rounded } from '../statistics.js';
import { Call, PAYLOAD_TYPES } from './call.js';
import { LossyPath } from './lossyPath.js';
import { beeps, decode, flashes, probe, skews, type Hole } from './play.js';
import { clapperboard } from './samples.js';

/** After the last packet: what is still asked for comes, or is given up. */
const SETTLE_MS = 2_500;

export interface LossSettings {
  readonly seconds: number;
  readonly lossShare: number;
  readonly switches: number;
  /** Not removed afterwards; empty: a temporary one. */
  readonly directory: string;
}

interface Sidecar {
  file: string;
  durationMs: number;
  movedFrames: number;
  tracks: {
    kind: string;
    sources: { participantId?: string; slot?: number }[];
    packets: { received: number; lost: number; recovered: number; tooLate: number; duplicates: number };
    frames: number;
    leftOut: Record<string, number>;
    gaps: Hole[];
    switches: { participantId?: string }[];
  }[];
}

export async function measureLoss(settings: LossSettings, say: (line: string) => void): Promise<Row[]> {
  const { seconds, lossShare, switches } = settings;
  const directory = settings.directory || (await mkdtemp(join(tmpdir(), 'tertulia-recording-')));
  const { picture, sound } = clapperboard(10);
  const streams = [0, 1].flatMap((person) => [
    { sample: sound, ssrc: 100 + person, payloadType: PAYLOAD_TYPES.audio, shiftMs: 0 },
    { sample: picture, ssrc: 200 + person, payloadType: PAYLOAD_TYPES.video, shiftMs: 0 },
  ]);
  const recorder = await launchRecorder({ directory });
  const call = await Call.begin(streams, lossShare);
  const paths: LossyPath[] = [];
  const lay = async (
    ...ends: Parameters<NonNullable<Parameters<Call['connect']>[2]>>
  ): Promise<LossyPath> => {
    const path = await LossyPath.lay(...ends, lossShare);
    paths.push(path);
    return path;
  };
  try {
    for (const [recordingId, mode] of [
      ['people', 'participants'],
      ['room', 'room'],
    ] as const)
      await recorder.start({ recordingId, room: 'bench', mode, startedAtMs: Date.now() });
    const peopleTransport = await call.connect(recorder, 'people', lay);
    await call.record(recorder, 'people', peopleTransport, 'participants');
    const receiver = await recordRoom(call, recorder, lay);
    const ssrcs = new Map<string, { path: LossyPath; ssrc: number }>();
    for (const [i, { kind, rtpParameters }] of call.consumers.entries()) {
      paths[0]!.watch(rtpParameters);
      ssrcs.set(`${kind} p${Math.floor(i / 2)}`, {
        path: paths[0]!,
        ssrc: rtpParameters.encodings![0]!.ssrc!,
      });
    }
    for (const kind of ['audio', 'video'] as const)
      for (const { rtpParameters, ssrc, index } of receiver[kind]) {
        paths[1]!.watch(rtpParameters);
        ssrcs.set(`${kind} ${index}`, { path: paths[1]!, ssrc });
      }
    call.senders.start();
    for (let i = 0; i <= switches; i++) {
      await receiver.setLayout([{ id: 1, width: 640, height: 360, mode: { participantId: `p${i % 2}` } }]);
      await sleep((seconds * 1_000) / (switches + 1));
    }
    call.senders.stop();
    await sleep(SETTLE_MS);
    const results = [await recorder.stop('people'), await recorder.stop('room')];
    const rows: Row[] = [];
    for (const { folder, files } of results)
      for (const { parts } of files)
        for (const { name, finished } of parts) {
          const row = await examine(folder, name, ssrcs);
          rows.push({ ...row, finished: String(finished) });
          say(JSON.stringify(rows.at(-1)));
        }
    return rows;
  } finally {
    await recorder.close();
    call.end();
    for (const path of paths) path.close();
    if (settings.directory === '') await rm(directory, { recursive: true, force: true });
  }
}

/** What a participant would get who sends nothing: three voices and one picture. */
async function recordRoom(
  call: Call,
  recorder: Recorder,
  lay: Parameters<Call['connect']>[2],
): Promise<Receiver> {
  const transport = await call.connect(recorder, 'room', lay);
  const virtual = await call.router.createVirtualStreams({ audioSlots: 3, videoSlots: 1 });
  for (const [i, producer] of call.producers.entries()) {
    const participantId = `p${Math.floor(i / 2)}`;
    const { csrc } = await virtual.addSource({ producer, participantId });
    const source = producer.kind === 'audio' ? 'microphone' : 'camera';
    recorder.nameCsrc('room', { csrc, participantId, displayName: `Person ${participantId}`, source });
  }
  const receiver = await virtual.createReceiver({
    transport,
    rtpCapabilities: call.router.rtpCapabilities,
    mids: { audio: ['a0', 'a1', 'a2'], video: ['v0'] },
  });
  await recorder.addFile('room', { fileId: 'room', about: { source: 'room' } });
  for (const [kind, slots] of [
    ['audio', receiver.audio],
    ['video', receiver.video],
  ] as const)
    for (const { mid, index, rtpParameters } of slots)
      await recorder.addTrack('room', {
        ...{ trackId: `slot-${mid}`, fileId: 'room', transportId: transport.id, kind },
        about: { source: 'room', slot: index },
        rtpParameters,
      });
  return receiver;
}

async function examine(
  folder: string,
  name: string,
  ssrcs: ReadonlyMap<string, { path: LossyPath; ssrc: number }>,
): Promise<Row> {
  const file = join(folder, name);
  const sidecar = JSON.parse(await readFile(file.replace(/\.[a-z]+$/, '.json'), 'utf8')) as Sidecar;
  const probed = await probe(file);
  const complaints = await decode(file);
  const sums = {
    sent: 0,
    delivered: 0,
    received: 0,
    lost: 0,
    recovered: 0,
    tooLate: 0,
    frames: 0,
    gaps: 0,
    switches: 0,
  };
  for (const { kind, sources, packets, frames, gaps, switches } of sidecar.tracks) {
    for (const { participantId, slot } of sources) {
      const { path, ssrc } = ssrcs.get(`${kind} ${slot ?? participantId}`)!;
      const carried = path.figures(ssrc);
      sums.sent += carried.sent;
      sums.delivered += carried.delivered;
    }
    sums.received += packets.received;
    sums.lost += packets.lost;
    sums.recovered += packets.recovered;
    sums.tooLate += packets.tooLate;
    sums.frames += frames;
    sums.gaps += gaps.length;
    sums.switches += switches.length;
  }
  const flashed = await flashes(file, 0);
  const found: number[] = [];
  const sound = sidecar.tracks.filter(({ kind }) => kind === 'audio');
  const holes = sidecar.tracks.filter(({ kind }) => kind === 'video').flatMap(({ gaps }) => gaps);
  for (const [stream, { gaps }] of sound.entries())
    found.push(...skews(flashed, await beeps(file, stream), [...holes, ...gaps]));
  const distances = found.map(Math.abs);
  return {
    part: 'loss',
    file: `${folder.split('-').at(-1)}/${name}`,
    durationMs: sidecar.durationMs,
    movedFrames: sidecar.movedFrames,
    ...sums,
    probedFrames: probed.reduce((sum, { packets }) => sum + packets, 0),
    decoder: complaints === '' ? 'no complaint' : complaints.slice(0, 300),
    clapsCompared: found.length,
    skewMs: `${rounded(Math.min(...found), 1)}…${rounded(Math.max(...found), 1)}`,
    skewP99Ms: rounded(quantile(distances, 0.99), 1),
    skewWorstMs: rounded(Math.max(...distances), 1),
  };
}
