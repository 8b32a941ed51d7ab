import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RtpParameters } from '@tertulia/wire';
import { finishFile } from '../../src/container/index.js';
import type { IncomingTrack } from '../../src/media/incomingTrack.js';
import { nodeFiles, type FileLayer } from '../../src/process/fileLayer.js';
import { Recording, type PacketSource } from '../../src/process/recording.js';
import type { RecordingResult } from '../../src/types.js';

const START = Date.UTC(2026, 0, 31, 14, 25, 0);
const OPUS: RtpParameters = {
  codecs: [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }],
  encodings: [{ ssrc: 7 }],
};

let directory = '';
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'tertulia-recording-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A recording whose packets and time come from the test. */
class Bench implements PacketSource {
  readonly ended: RecordingResult[] = [];
  readonly tracks = new Map<number, IncomingTrack>();
  nowMs = START;
  #peers = 0;
  recording!: Recording;

  static async begin(
    layer: FileLayer = nodeFiles,
    recordingId = 'abc',
    finisher: typeof finishFile = finishFile,
  ): Promise<Bench> {
    const bench = new Bench();
    bench.recording = await Recording.begin(
      { recordingId, room: 'Große Küche / ../..', mode: 'sources', startedAtMs: START },
      {
        directory,
        source: bench,
        layer,
        finisher,
        clock: { nowMs: () => bench.nowMs, wallMs: (micros) => START + micros / 1000 },
        handleEnded: (result) => bench.ended.push(result),
      },
    );
    return bench;
  }

  addTransport(ip: string): number | undefined {
    return ip === '127.0.0.1' ? ++this.#peers : undefined;
  }
  removeTransport(): void {}
  addTrack(peer: number, track: IncomingTrack): boolean {
    this.tracks.set(peer, track);
    return true;
  }
  removeTrack(): void {}

  addSound(name: string): number {
    this.recording.addTransport({ transportId: name, ip: '127.0.0.1', port: 5000 });
    this.recording.addFile(name, { participantId: 'p', displayName: name });
    const about = { source: 'microphone' };
    this.recording.addTrack({
      ...{ trackId: name, fileId: name, transportId: name, kind: 'audio', about, rtpParameters: OPUS },
    });
    return this.#peers;
  }

  /** Sound of 20 ms packets, from one time to before another one; those with a number in `lost` do not come. */
  send(peer: number, fromMs: number, toMs: number, lost: readonly number[] = []): void {
    for (let at = fromMs; at < toMs; at += 20) {
      this.nowMs = START + at;
      if (!lost.includes(at))
        this.tracks.get(peer)!.handlePacket({
          sequenceNumber: (at / 20) & 0xffff,
          timestamp: at * 48,
          marker: false,
          payloadType: 100,
          ...{ memory: Uint8Array.of(0xf8, ...new Uint8Array(400)), from: 0, to: 401 },
          dependencyDescriptor: undefined,
          csrc: 0,
          arrivalMicros: at * 1000,
        });
      this.tracks.get(peer)!.line.poll(at * 1000);
      this.recording.tick(this.nowMs);
    }
  }

  json(name: string): Promise<Record<string, unknown>> {
    return readFile(join(this.recording.folder, name), 'utf8').then(JSON.parse) as Promise<
      Record<string, unknown>
    >;
  }
}

test('names of rooms and people stand in the JSON and nowhere else', async () => {
  const bench = await Bench.begin();
  bench.addSound('../../etc/passwd');
  bench.send(1, 0, 1_500);
  await bench.recording.stop();
  expect(bench.recording.folder).toBe(join(directory, '20260131T142500Z-abc'));
  expect((await readdir(bench.recording.folder)).sort()).toEqual(['01.json', '01.webm', 'recording.json']);
  expect(await bench.json('recording.json')).toMatchObject({ room: 'Große Küche / ../..', cause: 'stopped' });
  expect(await bench.json('01.json')).toMatchObject({ about: { displayName: '../../etc/passwd' } });
});

test.each(['', 'a/b', '..', 'a'.repeat(65), 'ä'])('an id that is no name of a folder is refused: %j', (id) =>
  expect(Bench.begin(nodeFiles, id)).rejects.toMatchObject({ code: 'RECORDING_ID' }),
);

test('what was lost is in the JSON: a gap with its time, and packets that add up', async () => {
  const bench = await Bench.begin();
  bench.addSound('a');
  bench.send(1, 0, 5_000, [2_000, 2_020]);
  const result = await bench.recording.stop();
  expect(result.files[0]!.parts).toMatchObject([{ name: '01.webm', finished: true }]);
  const { tracks, durationMs } = (await bench.json('01.json')) as {
    tracks: Record<string, unknown>[];
    durationMs: number;
  };
  expect(tracks[0]).toMatchObject({
    packets: { received: 248, lost: 2, recovered: 0 },
    frames: 248,
    gaps: [{ fromMs: 1_980, toMs: 2_040, lostPackets: 2, leftOutFrames: 0 }],
  });
  expect(durationMs).toBeGreaterThanOrEqual(4_980);
  expect(durationMs).toBeLessThanOrEqual(5_010);
});

test('a track that comes later: each packet is in the figures of one part', async () => {
  const bench = await Bench.begin();
  bench.addSound('a');
  bench.send(1, 0, 3_000);
  bench.recording.addTransport({ transportId: 'b', ip: '127.0.0.1', port: 5001 });
  bench.recording.addTrack({
    trackId: 'b',
    fileId: 'a',
    transportId: 'b',
    kind: 'audio',
    about: { source: 'screen-audio' },
    rtpParameters: OPUS,
  });
  bench.send(2, 3_000, 3_020);
  bench.send(1, 3_000, 6_000);
  await bench.recording.stop();
  const figures = async (name: string): Promise<number[]> => {
    const { tracks } = (await bench.json(name)) as { tracks: { packets: { received: number } }[] };
    return tracks.map(({ packets }) => packets.received);
  };
  const [first] = await figures('01.json');
  const second = await figures('01.part2.json');
  expect(first! + second.reduce((sum, each) => sum + each, 0)).toBe(1 + 300);
  expect(second.length).toBe(2);
});

test.each([
  { name: 'an id twice', code: 'RECORDING_EXISTS', act: (bench: Bench) => bench.recording.addFile('a', {}) },
  {
    name: 'an address that is none',
    code: 'RECORDING_TRANSPORT_ADDRESS',
    act: (bench: Bench) => bench.recording.addTransport({ transportId: 'x', ip: 'nowhere', port: 1 }),
  },
  {
    name: 'a file that is not there',
    code: 'RECORDING_FILE_UNKNOWN',
    act: (bench: Bench) => bench.recording.endFile('x'),
  },
  {
    name: 'a track without an SSRC',
    code: 'RECORDING_TRACK',
    act: (bench: Bench) =>
      bench.recording.addTrack({
        ...{ trackId: 'x', fileId: 'a', transportId: 'a', kind: 'audio', about: {} },
        rtpParameters: { ...OPUS, encodings: [] },
      }),
  },
])('$name is refused with $code', async ({ code, act }) => {
  const bench = await Bench.begin();
  bench.addSound('a');
  await expect((async () => act(bench))()).rejects.toMatchObject({ code });
  await bench.recording.stop();
});

test('a file that is still being finished when the recording is stopped is in its result and its JSON', async () => {
  let finishFirst = (): void => undefined;
  const first = new Promise<void>((resolve) => (finishFirst = resolve));
  const bench = await Bench.begin(nodeFiles, 'abc', async (path, options) => {
    if (options.to.endsWith('01.webm')) await first;
    return finishFile(path, options);
  });
  bench.addSound('ada');
  bench.addSound('ben');
  bench.send(1, 0, 3_000);
  bench.send(2, 0, 3_000);
  const left = bench.recording.endFile('ada');
  expect(bench.recording.progress(bench.nowMs).files.map(({ fileId }) => fileId)).toEqual(['ada', 'ben']);
  const stopped = bench.recording.stop();
  finishFirst();
  await left;
  const { files } = await stopped;
  expect(files).toMatchObject([
    { fileId: 'ada', parts: [{ name: '01.webm', finished: true }] },
    { fileId: 'ben', parts: [{ name: '02.webm', finished: true }] },
  ]);
  expect(bench.ended[0]!.files).toHaveLength(2);
  expect((await bench.json('recording.json')).files).toEqual(files);
});

describe('a disk that takes no more', () => {
  /** Room for so many bytes of media; JSON files fail with it. */
  function fullAfter(bytes: number, code: string): FileLayer {
    let left = bytes;
    const full = (): NodeJS.ErrnoException => Object.assign(new Error(`the disk says ${code}`), { code });
    return {
      ...nodeFiles,
      append(file, pieces, done) {
        const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
        if (length > left) return done(full());
        left -= length;
        nodeFiles.append(file, pieces, done);
      },
      replaceText: (folder, name, text) =>
        left < bytes / 2 ? Promise.reject(full()) : nodeFiles.replaceText(folder, name, text),
    };
  }

  test.each([
    { code: 'ENOSPC', cause: 'disk-full' },
    { code: 'EDQUOT', cause: 'disk-full' },
    { code: 'EIO', cause: 'write-failed' },
  ])('$code ends the recording once, as $cause; what is there has its name', async ({ code, cause }) => {
    const bench = await Bench.begin(fullAfter(100_000, code));
    bench.addSound('a');
    for (let at = 0; at < 30_000 && bench.ended.length === 0; at += 200) {
      bench.send(1, at, at + 200);
      await new Promise((resolve) => setImmediate(resolve)); // the disk's answers
    }
    const result = await bench.recording.stop();
    expect(bench.ended).toEqual([result]);
    expect(result).toMatchObject({ cause, message: `the disk says ${code}` });
    const [part] = result.files[0]!.parts;
    expect(part).toMatchObject({ name: '01.webm', finished: false });
    expect(await readdir(bench.recording.folder)).toContain('01.webm');
    const bytes = await readFile(join(bench.recording.folder, '01.webm'));
    expect(bytes.length).toBe(part!.bytes);
    expect(() => bench.recording.addFile('late', {})).toThrow(
      expect.objectContaining({ code: 'RECORDING_UNKNOWN' }),
    );
  });

  test('a file that cannot even be begun ends the recording, not the process', async () => {
    const layer: FileLayer = {
      ...nodeFiles,
      open: () => {
        throw new Error('no files today');
      },
    };
    const bench = await Bench.begin(layer);
    bench.addSound('a');
    bench.send(1, 0, 3_000);
    expect(await bench.recording.stop()).toMatchObject({ cause: 'write-failed', message: 'no files today' });
    expect(bench.ended).toHaveLength(1);
  });
});
