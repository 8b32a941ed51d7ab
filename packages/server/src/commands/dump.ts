/** `tertulia dump`: writes packets of a room without SRTP into a file for Wireshark, as they come. */
import { open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { CommandError } from '../errors.js';
import {
  connectionFlags,
  connectToServer,
  SERVER_HELP,
  SERVER_OPTIONS,
  type ServerFlags,
} from './serverClient.js';

const HELP = `tertulia dump --room R [flags] FILE.pcapng

RTP and RTCP of a room without encryption, both ways, for Wireshark. FILE "-" is standard output. It holds what people say:
only a token with the role "admin" gets it, and only you may read the file.

  --room R              Room; somebody has to be in it.
  --participant ID      Only sessions of this participant; GET /v1/rooms/R/participants lists them.
  --seconds N           How long, 1 to 60 [10].
${SERVER_HELP}  -h, --help            This text.
`;

const OPTIONS = {
  room: { type: 'string' },
  participant: { type: 'string' },
  seconds: { type: 'string' },
  ...SERVER_OPTIONS,
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws CommandError with one sentence. */
export async function dump(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { flags, file } = read(args);
  if (flags.help) {
    process.stdout.write(HELP);
    return;
  }
  const { room } = flags;
  if (room === undefined || file === undefined)
    throw new CommandError('Give --room and a file: tertulia dump --room R F.pcapng.');
  if (file === '-' && process.stdout.isTTY)
    throw new CommandError(
      'A terminal cannot show packets; put "| wireshark -k -i -" behind it, or give a file.',
    );
  const seconds = Number(flags.seconds ?? '10');
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 60)
    throw new CommandError(`--seconds must be a whole number from 1 to 60, not "${flags.seconds}".`);

  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const server = connectToServer({ ...connectionFlags(flags, env), room, roles: ['admin'] });
  const query = new URLSearchParams({
    seconds: String(seconds),
    ...(flags.participant === undefined ? {} : { participant: flags.participant }),
  });
  const path = `/v1/rooms/${encodeURIComponent(room)}/capture?${query.toString()}`;
  const response = await server.request('POST', path, undefined, { signal: stop.signal });
  process.stderr.write(`capturing for ${seconds} s …\n`);
  const { bytes, decodeAs } = await save(response, file, stop.signal);
  if (file === '-') return;
  process.stderr.write(
    `${Math.ceil(bytes / 1024)} KiB in ${file}; look at it with: tshark ${decodeAs} -r ${file}\n`,
  );
}

function read(args: readonly string[]): {
  flags: ServerFlags & { room?: string; participant?: string; seconds?: string; help?: boolean };
  file: string | undefined;
} {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (positionals.length > 1) throw new Error(`One file, not ${positionals.length}`);
    return { flags: values, file: positionals[0] };
  } catch (error) {
    const first = error instanceof Error ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error);
    throw new CommandError(`${first}. "tertulia dump --help" lists what there is.`);
  }
}

interface Saved {
  bytes: number;
  /** The flags with which Wireshark reads it, as its first block says. */
  decodeAs: string;
}

/** What was written before something went wrong stays, and can be read. */
async function save(response: Response, file: string, signal: AbortSignal): Promise<Saved> {
  const saved = { bytes: 0, decodeAs: '' };
  const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (saved.bytes === 0) saved.decodeAs = readDecodeAs(chunk);
      saved.bytes += chunk.length;
      yield chunk;
    }
  };
  const body = response.body ? Readable.fromWeb(response.body as ReadableStream) : Readable.from([]);
  try {
    const target = file === '-' ? process.stdout : await privateFile(file);
    await pipeline(body, counted, target, { end: file !== '-' });
  } catch (error) {
    // The server stops when nobody reads.
    body.destroy();
    if (signal.aborted) return saved;
    const { code, syscall } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
    // Whoever looked has seen enough.
    if (file === '-' && code === 'EPIPE') return saved;
    const isOnFile = syscall === 'open' || syscall === 'write';
    throw new CommandError(
      isOnFile
        ? `${file} cannot be written (${code}).`
        : `The connection broke after ${saved.bytes} bytes; what came is in ${file}.`,
      { cause: error },
    );
  }
  return saved;
}

const readDecodeAs = (firstBlock: Uint8Array): string =>
  (
    Buffer.from(firstBlock)
      .toString('latin1')
      .match(/-d udp\.port==\d+,rtp/g) ?? []
  ).join(' ');

/** What people say is in it: for nobody else on this machine, whoever made the file. */
async function privateFile(path: string): Promise<Writable> {
  const handle = await open(path, 'w', 0o600);
  if ((await handle.stat()).isFile()) await handle.chmod(0o600);
  return handle.createWriteStream();
}
