/**
 * `tertulia rtp-in` and `tertulia rtp-out` with the programs that they are for: FFmpeg and GStreamer feed participants by what was
 * printed, take the room by the SDP file that was written, and what they took is decoded.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freeUdpPort, startServer, type ServerProcess } from '../browser/support/serverProcess.js';
import { Program } from './support/programs.js';

const CLI = fileURLToPath(new URL('../../packages/server/dist/cli.js', import.meta.url));
/** For the slowest program to start and take a key frame, on a machine that does other things. */
const LIMIT_MS = 25_000;

interface Stream {
  port: number;
  payloadType: number;
  ssrc: number;
}

let server: ServerProcess;
let folder: string;
const running: { stop(): Promise<unknown> }[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-'));
  server = await startServer();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command that goes on until it is stopped. */
class Command {
  readonly #child: ChildProcess;
  output = '';

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [CLI, ...args, '--url', server.url], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  /** Until it has said all that it says at first. */
  static async start(...args: string[]): Promise<Command> {
    const command = new Command(args);
    running.push(command);
    await expect.poll(() => command.output, { timeout: 10_000 }).toContain('Ctrl-C');
    return command;
  }

  /** As by Ctrl-C. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    await exit;
    return this.#child.exitCode;
  }

  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** The command for a shell that it printed. */
  get shell(): string {
    return this.output.slice(this.output.indexOf('\nffmpeg ') + 1).split('\n\n')[0]!;
  }

  stream(name: 'sound' | 'pictures'): Stream {
    const found = new RegExp(
      `^${name}: .*port (\\d+), RTCP \\d+, payload type (\\d+), SSRC (\\d+)`,
      'm',
    ).exec(this.output);
    const [port, payloadType, ssrc] = (found ?? []).slice(1).map(Number);
    return { port: port!, payloadType: payloadType!, ssrc: ssrc! };
  }
}

const start = (command: string, args: readonly string[]): Program => {
  const program = new Program(command, args);
  running.push(program);
  return program;
};

const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${server.url}/v1/rooms/${path}`)).json()) as Record<string, unknown>;
const participantsOf = async (room: string): Promise<Record<string, unknown>[]> =>
  ((await get(`${room}/participants`))['participants'] ?? []) as Record<string, unknown>[];

/** Two ports for each of two streams. */
async function freePorts(): Promise<number> {
  const port = await freeUdpPort();
  return port % 2 === 0 ? port - 8 : port - 7;
}

/** Frames that are decoded from the file; FFmpeg must not say a word. */
function decoded(file: string): Record<string, number> {
  const done = spawnSync(
    'ffprobe',
    [
      '-v',
      'error',
      '-count_frames',
      '-show_entries',
      'stream=codec_name,nb_read_frames',
      '-of',
      'csv=p=0',
      file,
    ],
    { encoding: 'utf8' },
  );
  expect(done.stderr).toBe('');
  return Object.fromEntries(
    done.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(','))
      .map(([codec, frames]) => [codec, Number(frames)]),
  );
}

test('FFmpeg feeds a participant by the command that is printed, and FFmpeg records the room by the SDP file', async () => {
  const input = await Command.start('rtp-in', '--room', 'studio', '--name', 'Studio');
  expect(await participantsOf('studio')).toMatchObject([{ displayName: 'Studio', connected: false }]);
  const source = start('sh', ['-c', `exec ${input.shell}`]);
  await expect
    .poll(() => participantsOf('studio'), { timeout: LIMIT_MS })
    .toMatchObject([{ displayName: 'Studio', connected: true, cameraOn: true, audioMuted: false }]);

  const sdp = join(folder, 'studio.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  const output = await Command.start('rtp-out', '--room', 'studio', '--to', to, sdp);
  expect(output.output).toMatch(/sound \(opus\) to port \d+, pictures \(VP8\) to port \d+/);
  const file = join(folder, 'studio.mkv');
  const printed = output.shell.split('\n')[0]!.replace('recording.mkv', `-t 6 ${file}`);
  const sink = start('sh', ['-c', `exec ${printed.replace('ffmpeg', 'ffmpeg -nostdin -loglevel warning')}`]);
  await sink.finish(LIMIT_MS).catch((error: unknown) => {
    throw new Error(`source: ${source.output.slice(-500)}`, { cause: error });
  });
  const frames = decoded(file);
  // Pictures begin with the source's next key frame: nobody can ask FFmpeg for one.
  expect(frames['opus']).toBeGreaterThan(100);
  expect(frames['vp8']).toBeGreaterThan(20);

  expect(await output.stop()).toBe(0);
  expect((await get('studio/rtp-outputs'))['outputs']).toEqual([]);
  expect(await input.stop()).toBe(0);
  expect(await get('studio')).toMatchObject({ code: 'ROOM_NOT_FOUND' });
});

test('GStreamer feeds a participant in H.264, and sdpdemux takes only that one out of the room', async () => {
  const input = await Command.start(
    ...['rtp-in', '--room', 'stage', '--name', 'Camera 2', '--video-codec', 'h264'],
  );
  const sound = input.stream('sound');
  const pictures = input.stream('pictures');
  start('gst-launch-1.0', [
    ...['-q', 'videotestsrc', 'is-live=true', '!', 'video/x-raw,width=320,height=240,framerate=25/1', '!'],
    ...['x264enc', 'tune=zerolatency', 'speed-preset=ultrafast', 'key-int-max=50', '!'],
    ...['rtph264pay', 'config-interval=-1', 'aggregate-mode=zero-latency', 'mtu=1200'],
    ...[`ssrc=${pictures.ssrc}`, `pt=${pictures.payloadType}`, '!'],
    ...['udpsink', 'host=127.0.0.1', `port=${pictures.port}`, 'sync=false'],
    ...['audiotestsrc', 'is-live=true', '!', 'audio/x-raw,rate=48000,channels=2', '!', 'opusenc', '!'],
    ...['rtpopuspay', `ssrc=${sound.ssrc}`, `pt=${sound.payloadType}`, '!'],
    ...['udpsink', 'host=127.0.0.1', `port=${sound.port}`, 'sync=false'],
  ]);
  await expect
    .poll(() => participantsOf('stage'), { timeout: LIMIT_MS })
    .toMatchObject([{ displayName: 'Camera 2', connected: true }]);
  const [{ participantId }] = (await participantsOf('stage')) as [{ participantId: string }];

  const sdp = join(folder, 'stage.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  await Command.start('rtp-out', '--room', 'stage', '--participant', participantId, '--to', to, sdp);
  expect(readFileSync(sdp, 'utf8')).toContain('a=rtpmap:96 H264/90000');
  const sink = start('gst-launch-1.0', [
    ...['-q', 'filesrc', `location=${sdp}`, '!', 'sdpdemux', 'name=demux'],
    ...['demux.', '!', 'rtph264depay', '!', 'avdec_h264', '!', 'fakesink', 'num-buffers=25', 'sync=false'],
    ...['demux.', '!', 'rtpopusdepay', '!', 'opusdec', '!', 'fakesink', 'num-buffers=50', 'sync=false'],
  ]);
  await sink.finish(LIMIT_MS);
});

test('an input ends when its packets stop, and the room with it; an output ends with the room', async () => {
  const input = await Command.start('rtp-in', '--room', 'short', '--no-video');
  const source = start('sh', ['-c', `exec ${input.shell}`]);
  await expect
    .poll(() => participantsOf('short'), { timeout: LIMIT_MS })
    .toMatchObject([{ connected: true }]);
  const sdp = join(folder, 'short.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  const output = await Command.start('rtp-out', '--room', 'short', '--no-video', '--to', to, sdp);
  expect(readFileSync(sdp, 'utf8')).not.toContain('m=video');
  await source.stop();
  expect(await Promise.all([input.exit(), output.exit()])).toEqual([0, 0]);
  expect(input.output).toContain('Guest has left');
  expect(output.output).toContain('The room has ended');
});
