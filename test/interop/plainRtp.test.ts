/**
 * `tertulia rtp-in` and `tertulia rtp-out` with the programs that they are for: FFmpeg and GStreamer feed participants by what was
 * printed, take the room by the SDP file that was written, and what they took is decoded.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startServer, type ServerProcess } from '../browser/support/serverProcess.js';
import { CLI, Command, decoded, freePorts, type Stoppable } from './support/commands.js';
import { Program } from './support/programs.js';

/** For the slowest program to start and take a key frame, on a machine that does other things. */
const LIMIT_MS = 45_000;

let server: ServerProcess;
let folder: string;
const running: Stoppable[] = [];
const command = async (...args: string[]): Promise<Command> => {
  const begun = Command.begin(server.url, args);
  running.push(begun);
  await begun.said('Ctrl-C');
  return begun;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tertulia-'));
  server = await startServer(['--media-ip', '127.0.0.1']);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const start = (command: string, args: readonly string[]): Program => {
  const program = new Program(command, args);
  running.push(program);
  return program;
};

/** The command of docs/ffmpeg-gstreamer.md that has this word in it. */
function documented(word: string): string {
  const text = readFileSync(new URL('../../docs/ffmpeg-gstreamer.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map((match) => match[1]!);
  return blocks.find((block) => block.includes(word))!;
}

const get = async (path: string): Promise<Record<string, unknown>> =>
  (await (await fetch(`${server.url}/v1/rooms/${path}`)).json()) as Record<string, unknown>;
const participantsOf = async (room: string): Promise<Record<string, unknown>[]> =>
  ((await get(`${room}/participants`))['participants'] ?? []) as Record<string, unknown>[];

test('FFmpeg feeds a participant by the command that is printed, and FFmpeg records the room by the SDP file', async () => {
  const input = await command('rtp-in', '--room', 'studio', '--name', 'Studio');
  expect(await participantsOf('studio')).toMatchObject([{ displayName: 'Studio', connected: false }]);
  const source = start('sh', ['-c', `exec ${input.shell}`]);
  await expect
    .poll(() => participantsOf('studio'), { timeout: LIMIT_MS })
    .toMatchObject([{ displayName: 'Studio', connected: true, cameraOn: true, audioMuted: false }]);

  const sdp = join(folder, 'studio.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  const output = await command('rtp-out', '--room', 'studio', '--to', to, sdp);
  expect(output.output).toMatch(/sound \(opus\) to port \d+, pictures \(VP8\) to port \d+/);
  const file = join(folder, 'studio.mkv');
  const printed = output.shell.split('\n')[0]!.replace('recording.mkv', `-frames:v 25 ${file}`);
  const sink = start('sh', ['-c', `exec ${printed.replace('ffmpeg', 'ffmpeg -nostdin -loglevel warning')}`]);
  await sink.finish(LIMIT_MS).catch((error: unknown) => {
    throw new Error(`source: ${source.output.slice(-500)}`, { cause: error });
  });
  const frames = decoded(file);
  // Pictures begin with the source's next key frame: nobody can ask FFmpeg for one.
  expect(frames['opus']).toBeGreaterThan(10);
  expect(frames['vp8']).toBeGreaterThanOrEqual(24);

  expect(await output.stop()).toBe(0);
  expect((await get('studio/rtp-outputs'))['outputs']).toEqual([]);
  expect(await input.stop()).toBe(0);
  expect(await get('studio')).toMatchObject({ code: 'ROOM_NOT_FOUND' });
});

test('GStreamer feeds a participant in H.264, and sdpdemux takes only that one out of the room', async () => {
  const input = await command(
    ...['rtp-in', '--room', 'stage', '--name', 'Camera 2', '--video-codec', 'h264'],
  );
  const sound = input.stream('sound');
  const pictures = input.stream('pictures');
  const feeding = documented('PICTURES_SSRC')
    .replace('PICTURES_SSRC', String(pictures.ssrc))
    .replace('PICTURES_PORT', String(pictures.port))
    .replace('SOUND_SSRC', String(sound.ssrc))
    .replace('SOUND_PORT', String(sound.port));
  expect(feeding).toContain(`pt=${pictures.payloadType} `);
  start('sh', ['-c', `exec ${feeding}`]);
  await expect
    .poll(() => participantsOf('stage'), { timeout: LIMIT_MS })
    .toMatchObject([{ displayName: 'Camera 2', connected: true }]);
  const [{ participantId }] = (await participantsOf('stage')) as [{ participantId: string }];

  const sdp = join(folder, 'stage.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  await command('rtp-out', '--room', 'stage', '--participant', participantId, '--to', to, sdp);
  expect(readFileSync(sdp, 'utf8')).toContain('a=rtpmap:96 H264/90000');
  // As in docs/, but for the codec and for sinks that need no screen.
  const reading = documented('sdpdemux')
    .replace('room.sdp', sdp)
    .replace('rtpvp8depay ! vp8dec', 'rtph264depay ! avdec_h264')
    .replace('videoconvert ! autovideosink', 'fakesink num-buffers=25 sync=false')
    .replace('audioconvert ! autoaudiosink', 'fakesink num-buffers=50 sync=false');
  const sink = start('sh', ['-c', `exec ${reading}`]);
  await sink.finish(LIMIT_MS);
});

test('an input with SRTP ends when its packets stop, and the room with it; an output ends with the room', async () => {
  const port = String(await freePorts());
  const flags = ['--room', 'short', '--no-video', '--remote', '--port', port];
  const input = await command('rtp-in', ...flags);
  expect(input.stream('sound').port).toBe(Number(port));
  const second = spawnSync(process.execPath, [CLI, 'rtp-in', ...flags, '--url', server.url], {
    encoding: 'utf8',
  });
  expect(second).toMatchObject({ status: 1, stderr: expect.stringContaining('In use by another program') });
  const source = start('sh', ['-c', `exec ${input.shell}`]);
  await expect
    .poll(() => participantsOf('short'), { timeout: LIMIT_MS })
    .toMatchObject([{ connected: true }]);
  const sdp = join(folder, 'short.sdp');
  const to = `127.0.0.1:${await freePorts()}`;
  const output = await command('rtp-out', '--room', 'short', '--no-video', '--to', to, sdp);
  expect(readFileSync(sdp, 'utf8')).not.toContain('m=video');
  await source.stop();
  expect(await Promise.all([input.exit(), output.exit()])).toEqual([0, 0]);
  expect(input.output).toContain('Guest has left');
  expect(output.output).toContain('The room has ended');
});
