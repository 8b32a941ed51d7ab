/** `tertulia rtp-in`: makes a participant of a program that sends plain RTP, and prints the command that does so. */
import { parseArgs } from 'node:util';
import { CommandError } from '../errors.js';
import { readFailure, untilStopped } from './foreground.js';
import { connectionFlags, connectToServer, SERVER_HELP, SERVER_OPTIONS } from './serverClient.js';

const HELP = `tertulia rtp-in --room R [flags]

A participant whose sound and pictures come as plain RTP from a program such as FFmpeg or GStreamer. Prints ports and numbers, and a
command that works as it stands. The others see the participant from the first packet on, until packets stop or this ends.

  --room R              Room; it begins with this if it is not there yet.
  --name N              Shown to the others [Guest].
  --input FILE          A film for the command that is printed [a test picture].
  --video-codec C       vp8, vp9, h264 or av1 [vp8].
  --no-audio            Pictures only.
  --no-video            Sound only.
  --port N              The first of the ports: sound, its RTCP, pictures, their RTCP [any that are free].
  --remote              The program is on another machine. Its packets must be SRTP then; the key is printed.
  --detach              Do not wait: the input goes on until its packets stop or somebody deletes it.
${SERVER_HELP}  -h, --help            This text.
`;

const OPTIONS = {
  room: { type: 'string' },
  name: { type: 'string' },
  input: { type: 'string' },
  'video-codec': { type: 'string', default: 'vp8' },
  port: { type: 'string' },
  'no-audio': { type: 'boolean', default: false },
  'no-video': { type: 'boolean', default: false },
  remote: { type: 'boolean', default: false },
  detach: { type: 'boolean', default: false },
  ...SERVER_OPTIONS,
  help: { type: 'boolean', short: 'h' },
} as const;

interface Stream {
  readonly port: number;
  readonly rtcpPort: number;
  readonly payloadType: number;
  readonly ssrc: number;
  readonly codec: string;
  readonly srtp?: { readonly cryptoSuite: string; readonly keyBase64: string };
}
interface Answer {
  readonly inputId: string;
  readonly participantId: string;
  readonly displayName: string;
  readonly ip: string;
  readonly audio?: Stream;
  readonly video?: Stream;
}

/** Nobody can ask FFmpeg for a key frame, so there is one every two seconds of a film with 25 pictures in each. */
const KEY_FRAME_EVERY = ['-g', '50'];
const ENCODERS: Readonly<Record<string, readonly string[]>> = {
  VP8: ['libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', ...KEY_FRAME_EVERY],
  // Its payloader is behind this flag.
  VP9: [
    ...['libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', ...KEY_FRAME_EVERY],
    ...['-strict', 'experimental'],
  ],
  H264: [
    ...['libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline'],
    ...['-pix_fmt', 'yuv420p', '-b:v', '1M', ...KEY_FRAME_EVERY],
  ],
  AV1: ['libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-b:v', '1M', ...KEY_FRAME_EVERY],
};
const TEST_PICTURE = "-f lavfi -i 'testsrc=size=640x360:rate=25,format=yuv420p'";
const TEST_SOUND = '-f lavfi -i sine=frequency=440:sample_rate=48000';

/** @throws CommandError with one sentence. */
export async function rtpIn(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { values: flags } = read(args);
  if (flags.help) {
    process.stdout.write(HELP);
    return;
  }
  const { room } = flags;
  if (room === undefined) throw new CommandError('Give --room: tertulia rtp-in --room R.');
  if (flags.port !== undefined && !/^\d{1,5}$/.test(flags.port))
    throw new CommandError(`--port must be a whole number, not "${flags.port}".`);
  const server = connectToServer({ ...connectionFlags(flags, env), room, roles: ['admin'] });
  const path = `/v1/rooms/${encodeURIComponent(room)}/rtp-inputs`;
  const body = {
    audio: !flags['no-audio'],
    video: !flags['no-video'],
    videoCodec: flags['video-codec'],
    remote: flags.remote,
    ...(flags.port === undefined ? {} : { port: Number(flags.port) }),
    ...(flags.name === undefined ? {} : { displayName: flags.name }),
  };
  const answer = (await (await server.request('POST', path, body)).json()) as Answer;
  const own = `${path}/${answer.inputId}`;
  process.stdout.write(describe(answer, flags.input));
  if (flags.detach) {
    process.stdout.write(`It goes on without this command: DELETE ${own} ends it.\n`);
    return;
  }
  await untilStopped(server, own, `${answer.displayName} has left: no more packets came, or the room ended.`);
}

function describe(
  { displayName, participantId, ip, audio, video }: Answer,
  input: string | undefined,
): string {
  const line = (what: string, { port, rtcpPort, payloadType, ssrc, codec, srtp }: Stream): string =>
    `${what}: ${codec}, port ${port}, RTCP ${rtcpPort}, payload type ${payloadType}, SSRC ${ssrc}` +
    `${srtp ? `, ${srtp.cryptoSuite} ${srtp.keyBase64}` : ''}\n`;
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return `${displayName} (${participantId}) waits for packets at ${ip}.
${audio ? line('sound', audio) : ''}${video ? line('pictures', video) : ''}
${ffmpegCommand(host, { audio, video }, input)}

`;
}

export function ffmpegCommand(
  host: string,
  { audio, video }: { audio: Stream | undefined; video: Stream | undefined },
  input: string | undefined,
): string {
  const tests = [...(audio ? [TEST_SOUND] : []), ...(video ? [TEST_PICTURE] : [])];
  const inputs =
    input === undefined ? tests.map((test) => `-re ${test}`).join(' ') : `-re -i ${quoted(input)}`;
  const lines = [`ffmpeg ${inputs}`];
  const to = ({ port, rtcpPort, payloadType, ssrc, srtp }: Stream): string => {
    const keys = srtp ? ` -srtp_out_suite ${srtp.cryptoSuite} -srtp_out_params ${srtp.keyBase64}` : '';
    const scheme = srtp ? 'srtp' : 'rtp';
    return (
      `-ssrc ${ssrc} -payload_type ${payloadType} -f rtp${keys} ` +
      `'${scheme}://${host}:${port}?rtcpport=${rtcpPort}&pkt_size=1200'`
    );
  };
  if (audio) lines.push(`-map 0:a:0 -c:a libopus -ac 2 -b:a 64k ${to(audio)}`);
  if (video) {
    const from = input === undefined && audio ? 1 : 0;
    const encoder = ENCODERS[video.codec.slice(0, video.codec.indexOf('/')).toUpperCase()] ?? [];
    lines.push(`-map ${from}:v:0 -c:v ${encoder.join(' ')} ${to(video)}`);
  }
  return lines.join(' \\\n  ');
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS });
  } catch (error) {
    throw readFailure('rtp-in', error);
  }
}
