/** `tertulia rtp-out`: has the server send plain RTP of a room to a program, and writes the SDP file that the program reads. */
import { writeFile } from 'node:fs/promises';
import { isIP, isIPv6 } from 'node:net';
import { parseArgs } from 'node:util';
import { CommandError } from '../errors.js';
import { readFailure, untilStopped } from './foreground.js';
import { connectionFlags, connectToServer, SERVER_HELP, SERVER_OPTIONS } from './serverClient.js';

const HELP = `tertulia rtp-out --room R [flags] FILE.sdp

Sends plain RTP of a room to a program such as FFmpeg or GStreamer, and writes the SDP file that it reads: one voice (the loudest)
and one picture (who speaks, or a screen). RTP is not encrypted: other machines than this one only in a network that you trust.

  --room R              Room; somebody has to be in it.
  --participant ID      Only the microphone and camera of this one: an id, or the identity of a token.
  --to IP:PORT          Where the program listens: sound at PORT, pictures at PORT + 2 [127.0.0.1:5004].
  --audio-port N        Port of the sound, in place of that; --no-audio: none.
  --video-port N        Port of the pictures; --no-video: none.
  --video-codec C       vp8, vp9, h264 or av1 [what most cameras there have]. Pictures of another are not sent.
  --key-frames S        Seconds between key frames, after the first 20 s with one every 2 s; 0: none [10].
  --detach              Do not wait: the output goes on until the room ends or somebody deletes it.
${SERVER_HELP}  -h, --help            This text.
`;

const OPTIONS = {
  room: { type: 'string' },
  participant: { type: 'string' },
  to: { type: 'string', default: '127.0.0.1:5004' },
  'audio-port': { type: 'string' },
  'video-port': { type: 'string' },
  'no-audio': { type: 'boolean', default: false },
  'no-video': { type: 'boolean', default: false },
  'video-codec': { type: 'string' },
  'key-frames': { type: 'string' },
  detach: { type: 'boolean', default: false },
  ...SERVER_OPTIONS,
  help: { type: 'boolean', short: 'h' },
} as const;

interface Answer {
  readonly outputId: string;
  readonly ip: string;
  readonly audio?: { readonly port: number; readonly codec: string };
  readonly video?: { readonly port: number; readonly codec: string };
  readonly sdp: string;
}

/** @throws CommandError with one sentence. */
export async function rtpOut(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { values: flags, positionals } = read(args);
  if (flags.help) {
    process.stdout.write(HELP);
    return;
  }
  const { room } = flags;
  const [file] = positionals;
  if (room === undefined || file === undefined || positionals.length > 1)
    throw new CommandError('Give --room and one file: tertulia rtp-out --room R F.sdp.');
  const { ip, port } = readTo(flags.to);
  const keyFrames = readNumber('--key-frames', flags['key-frames']);
  const audioPort = flags['no-audio'] ? undefined : (readNumber('--audio-port', flags['audio-port']) ?? port);
  const videoPort = flags['no-video']
    ? undefined
    : (readNumber('--video-port', flags['video-port']) ?? port + 2);

  const server = connectToServer({ ...connectionFlags(flags, env), room, roles: ['admin'] });
  const path = `/v1/rooms/${encodeURIComponent(room)}/rtp-outputs`;
  const body = {
    ip,
    ...(flags.participant === undefined ? {} : { participantId: flags.participant }),
    ...(audioPort === undefined ? {} : { audioPort }),
    ...(videoPort === undefined ? {} : { videoPort }),
    ...(flags['video-codec'] === undefined ? {} : { videoCodec: flags['video-codec'] }),
    ...(keyFrames === undefined ? {} : { keyFrameSeconds: keyFrames }),
  };
  const answer = (await (await server.request('POST', path, body)).json()) as Answer;
  const own = `${path}/${answer.outputId}`;
  try {
    await writeFile(file, answer.sdp);
  } catch (cause) {
    await server.request('DELETE', own);
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
    throw new CommandError(`${file} cannot be written (${code}).`, { cause });
  }
  process.stdout.write(describe(answer, file));
  if (flags.detach) {
    process.stdout.write(`It goes on without this command: DELETE ${own} ends it.\n`);
    return;
  }
  await untilStopped(server, own, 'The room has ended, and the output with it.');
}

function describe({ ip, audio, video }: Answer, file: string): string {
  const name = (codec: string): string => codec.slice(0, codec.indexOf('/'));
  const streams = [
    ...(audio ? [`sound (${name(audio.codec)}) to port ${audio.port}`] : []),
    ...(video ? [`pictures (${name(video.codec)}) to port ${video.port}`] : []),
  ].join(', ');
  return `Plain RTP goes to ${ip}: ${streams}. ${file} says so to programs:

ffmpeg -protocol_whitelist file,udp,rtp -analyzeduration 15M -i ${file} -c copy recording.mkv
ffplay -protocol_whitelist file,udp,rtp -analyzeduration 15M -i ${file}

`;
}

function readTo(text: string): { ip: string; port: number } {
  const match = /^\[?([0-9a-fA-F:.]+?)\]?:(\d{1,5})$/.exec(text);
  const [, ip = '', port = ''] = match ?? [];
  if (isIP(ip) === 0 || (isIPv6(ip) && !text.startsWith('[')))
    throw new CommandError(`--to must be like 127.0.0.1:5004 or [::1]:5004, not "${text}".`);
  return { ip, port: Number(port) };
}

/** Whether the number can be had is for the server to say. */
function readNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text)) throw new CommandError(`${flag} must be a whole number, not "${text}".`);
  return Number(text);
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw readFailure('rtp-out', error);
  }
}
