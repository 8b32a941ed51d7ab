import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseRtcp, toNtp, writeRtcp, writeRtp, type RtpParameters } from '@tertulia/wire';
import { repairRecording } from '../../src/container/index.js';
// The built one: a process cannot be started from TypeScript.
import { launchRecorder, type Recorder, type RecordingResult } from '@tertulia/recorder';

const OPUS: RtpParameters = {
  codecs: [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 7 }],
};
const PACKETS_PER_BURST = 50;

let directory = '';
let socket: Socket;
let recorder: Recorder | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tertulia-recorder-'));
  socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
});
afterEach(async () => {
  socket.close();
  await recorder?.close();
  recorder = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** Where the media process would be. */
const ourAddress = (): { ip: string; port: number } => ({ ip: '127.0.0.1', port: socket.address().port });

async function begin(recordingId: string): Promise<Recorder> {
  recorder = await launchRecorder({ directory });
  await recorder.start({ recordingId, room: 'r', mode: 'sources', startedAtMs: Date.now() });
  await recorder.addTransport(recordingId, { transportId: 't', ...ourAddress() });
  await recorder.addFile(recordingId, { fileId: 'f', about: {} });
  await recorder.addTrack(recordingId, {
    ...{ trackId: 'a', fileId: 'f', transportId: 't', kind: 'audio', about: { source: 'microphone' } },
    rtpParameters: OPUS,
  });
  return recorder;
}

function sendTo(to: Recorder, bytes: Uint8Array): void {
  socket.send(bytes, to.address.port, to.address.ip);
}

/** Sound of 20 ms each, with a report: the recorder goes by timestamps and reports, not by when they come. */
function sendSound(to: Recorder, first: number, skip: (number: number) => boolean = () => false): void {
  for (let number = first; number < first + PACKETS_PER_BURST; number++) {
    if (!skip(number)) sendTo(to, packet(number));
  }
  const { seconds, fraction } = toNtp(Date.now());
  const rtpTimestamp = (first + PACKETS_PER_BURST) * 960;
  sendTo(
    to,
    writeRtcp([
      {
        ...{ type: 'sr', ssrc: 7, ntpSeconds: seconds, ntpFraction: fraction, rtpTimestamp },
        ...{ packetCount: first + PACKETS_PER_BURST, octetCount: 0, reports: [] },
      },
    ]),
  );
}

const packet = (sequenceNumber: number): Uint8Array =>
  writeRtp({
    payloadType: 100,
    ssrc: 7,
    sequenceNumber,
    timestamp: sequenceNumber * 960,
    payload: Uint8Array.of(0xf8, ...new Uint8Array(100)),
  });

test('a server that was started behind other programs has a recorder that stays there', async () => {
  recorder = await launchRecorder({ directory, execPath: 'nice', execArgv: ['-n', '10', process.execPath] });
  expect(getPriority(recorder.pid)).toBe(Math.min(19, getPriority() + 10));
});

test('a directory that cannot be written is said at start', async () => {
  const file = join(directory, 'file');
  await writeFile(file, '');
  await expect(launchRecorder({ directory: join(file, 'below') })).rejects.toMatchObject({
    code: 'RECORDING_DIRECTORY',
  });
});

test('two starts of one recording: one recording', async () => {
  recorder = await launchRecorder({ directory });
  const start = { recordingId: 'x', room: 'r', mode: 'sources', startedAtMs: Date.now() } as const;
  const [one, two] = await Promise.all([recorder.start(start), recorder.start(start)]);
  expect(two).toEqual(one);
  expect(await readdir(directory)).toHaveLength(1);
  await expect(recorder.stop('y')).rejects.toMatchObject({ code: 'RECORDING_UNKNOWN' });
});

test('packets become a file; what is missing is asked for, and reports say how it arrives', async () => {
  const running = await begin('one');
  const ended: unknown[] = [];
  running.on('ended', (event) => ended.push(event));
  const asked = new Set<number>();
  const reported = new Promise<void>((resolve) =>
    socket.on('message', (bytes) => {
      for (const each of parseRtcp(bytes).packets) {
        if (each.type === 'rr' && asked.size > 0) resolve();
        if (each.type !== 'nack') continue;
        for (const number of each.lost) {
          asked.add(number);
          sendTo(running, packet(number));
        }
      }
    }),
  );
  sendSound(running, 1_000, (number) => number % 10 === 5);
  await reported;
  const result = await running.stop('one');
  expect([...asked].sort()).toEqual([1_005, 1_015, 1_025, 1_035, 1_045]);
  expect(result).toMatchObject({ cause: 'stopped', files: [{ fileId: 'f', parts: [{ finished: true }] }] });
  expect(result.files[0]!.parts[0]!.durationMs).toBeGreaterThanOrEqual(1_000);
  const json = JSON.parse(await readFile(join(result.folder, '01.json'), 'utf8')) as {
    tracks: { packets: unknown }[];
  };
  expect(json.tracks[0]!.packets).toMatchObject({ received: 50, lost: 0, recovered: 5 });
  expect(ended).toHaveLength(1);
  expect(await running.stop('one')).toEqual(result);
});

test('when its process is killed the recording has ended once, and the file plays up to the last second', async () => {
  for (let kill = 0; kill < 3; kill++) {
    const running = await begin(`kill-${kill}`);
    const ended = once(running, 'ended') as Promise<[RecordingResult]>;
    const died = once(running, 'died');
    // Until a good second of sound is on the disk; a burst is a second.
    let sent = 0;
    const onDisk = new Promise<void>((resolve) =>
      running.on('progress', ({ files }) => {
        sendSound(running, sent);
        sent += PACKETS_PER_BURST;
        if (files[0]!.bytes > 4_000) resolve();
      }),
    );
    await onDisk;
    process.kill(running.pid, 'SIGKILL');
    expect((await ended)[0]).toMatchObject({ recordingId: `kill-${kill}`, cause: 'recorder-died' });
    await died;
    await expect(running.stop(`kill-${kill}`)).rejects.toMatchObject({ code: 'RECORDER_CLOSED' });
    const [folder] = (await readdir(directory)).filter((name) => name.endsWith(`kill-${kill}`));
    const repaired = await repairRecording(join(directory, folder!));
    expect(repaired.failed).toEqual([]);
    expect(repaired.repaired[0]!.durationMs).toBeGreaterThanOrEqual(1_000);
  }
}, 60_000);

test.each(['removeTrack', 'endFile', 'stop', 'close'] as const)(
  'what came just before %s is in the file, though it is read ten times a second only',
  async (end) => {
    const running = await begin('last');
    for (let number = 0; number < PACKETS_PER_BURST; number++)
      await new Promise((resolve) =>
        socket.send(packet(number), running.address.port, running.address.ip, resolve),
      );
    if (end === 'removeTrack') await running.removeTrack('last', 'a');
    else if (end === 'endFile') await running.endFile('last', 'f');
    if (end === 'close') await running.close();
    else await running.stop('last');
    const [folder = ''] = await readdir(directory);
    const about: unknown = JSON.parse(await readFile(join(directory, folder, '01.json'), 'utf8'));
    expect(about).toMatchObject({
      tracks: [{ frames: PACKETS_PER_BURST, packets: { received: PACKETS_PER_BURST } }],
    });
  },
);

test('when the parent says goodbye everything is finished', async () => {
  const running = await begin('bye');
  sendSound(running, 0);
  await new Promise<void>((resolve) =>
    running.on('progress', ({ packets }) => {
      if (packets === PACKETS_PER_BURST) resolve();
    }),
  );
  const ended = once(running, 'ended') as Promise<[RecordingResult]>;
  await running.close();
  expect((await ended)[0]).toMatchObject({ cause: 'stopped', files: [{ parts: [{ finished: true }] }] });
  await expect(
    running.start({ recordingId: 'z', room: '', mode: 'room', startedAtMs: 0 }),
  ).rejects.toMatchObject({
    code: 'RECORDER_CLOSED',
  });
});
