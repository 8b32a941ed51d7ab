/**
 * `tertulia export`: an MP4 of a finished recording, with a progress bar on a terminal and plain lines elsewhere.
 * What is begun is removed when it is stopped by Ctrl-C. Elsewhere: the work → @tertulia/recorder container/exportMp4.ts
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ContainerError, exportMp4, type ExportedFile } from '@tertulia/recorder/container';
import { CommandError, StartError } from '../errors.js';

const HELP = `tertulia export RECORDING OUT.mp4 [flags]

Makes an MP4 of one file of a finished recording (.webm or .mkv). Nothing is
re-encoded: H.264, AV1 or VP9 with Opus. A recording that went on in parts
(01.webm, 01.part2.webm, ...) gives one MP4 per part.

  --force       Write over OUT.mp4 if it is there.
  --quiet       No progress.
  -h, --help    This text.
`;

const OPTIONS = {
  force: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Where the command writes to and hears from. */
export interface ExportSurroundings {
  readonly print: (text: string) => void;
  /** For progress; a bar needs a terminal. */
  readonly progress: { readonly isTerminal: boolean; write(text: string): void };
  readonly signal?: AbortSignal;
}

/** What a shell expects of a program that Ctrl-C ended: 128 + SIGINT. */
const STOPPED_EXIT_CODE = 130;

/** The command as a process. */
export async function runExport(args: readonly string[]): Promise<void> {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await exportRecording(args, {
      print: (text) => process.stdout.write(text),
      progress: {
        isTerminal: process.stderr.isTTY,
        write: (text) => process.stderr.write(text),
      },
      signal: stopped.signal,
    });
  } catch (error) {
    if (stopped.signal.aborted) process.exitCode = STOPPED_EXIT_CODE;
    else throw error;
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

/** @throws StartError or CommandError with one sentence; the latter with the container's code. */
export async function exportRecording(args: readonly string[], around: ExportSurroundings): Promise<void> {
  const { values: flags, positionals } = read(args);
  if (flags.help) return around.print(HELP);
  const [from, to, ...more] = positionals;
  if (from === undefined || to === undefined || more.length > 0)
    throw new StartError('Give a recording and a file to write: tertulia export 01.webm out.mp4.');
  if (!/\.mp4$/i.test(to)) throw new StartError(`The file to write must end with .mp4, not "${to}".`);
  await refuseFolder(from);

  const shown = flags.quiet ? undefined : new Progress(around.progress);
  let exported: ExportedFile;
  try {
    exported = await exportMp4(from, to, {
      overwrite: flags.force ?? false,
      onProgress: (fraction) => shown?.show(fraction),
      ...(around.signal === undefined ? {} : { signal: around.signal }),
    });
  } catch (error) {
    shown?.end();
    throw asCommandError(error, from);
  }
  shown?.end();
  around.print(`${to}: ${summary(exported)}\n`);
  const parts = await otherParts(from);
  if (parts.length > 0)
    around.print(`This recording has other parts, each for an MP4 of its own: ${parts.join(', ')}\n`);
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: true });
  } catch (error) {
    const first = error instanceof Error ? (error.message.split(/\.\s|\n/)[0] ?? '') : String(error);
    throw new StartError(`${first}. "tertulia export --help" lists what there is.`);
  }
}

async function refuseFolder(from: string): Promise<void> {
  const facts = await stat(from).catch(() => undefined);
  if (!facts?.isDirectory()) return;
  const files = (await readdir(from)).filter((name) => /\.(webm|mkv)$/.test(name)).sort();
  throw new CommandError(
    files.length === 0
      ? `${from} is a folder without finished recordings.`
      : `${from} is a folder; name one of its files: ${files.map((name) => join(from, name)).join(', ')}.`,
  );
}

function asCommandError(error: unknown, from: string): unknown {
  if (error instanceof ContainerError) {
    const hint = error.code === 'EXPORT_EXISTS' ? ' --force writes over it.' : '';
    return new CommandError(`${error.detail}${hint} (${error.code})`, { code: error.code, cause: error });
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return new CommandError(`${from} cannot be exported: ${error.message}.`, { cause: error });
  return error;
}

const CODEC_NAMES = { opus: 'Opus', vp8: 'VP8', vp9: 'VP9', av1: 'AV1', h264: 'H.264' } as const;

function summary({ durationMs, bytes, tracks, skippedFrames }: ExportedFile): string {
  const seconds = Math.round(durationMs / 1000);
  const duration = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const codecs = tracks.map(({ codec }) => CODEC_NAMES[codec]).join(' + ');
  const left =
    skippedFrames === 0 ? '' : `; ${skippedFrames} pictures before the first key frame were left out`;
  return `${duration} min, ${(bytes / 1e6).toFixed(1)} MB, ${codecs}${left}`;
}

/** `01.webm`, `01.part2.webm`, … of the same folder, without the one that was exported. */
async function otherParts(from: string): Promise<string[]> {
  const name = basename(from);
  const stem = /^(\d+)(?:\.part\d+)?\.(?:webm|mkv)$/.exec(name)?.[1];
  if (stem === undefined) return [];
  const names = await readdir(dirname(from)).catch(() => []);
  return names
    .filter((other) => other !== name && /^(\d+)(?:\.part\d+)?\.(?:webm|mkv)$/.exec(other)?.[1] === stem)
    .sort();
}

const BAR_CELLS = 30;
/** Off a terminal: a line now and then, so that a log stays readable. */
const LINE_STEP_PERCENT = 10;

class Progress {
  #percent = -1;

  constructor(private readonly out: ExportSurroundings['progress']) {}

  show(fraction: number): void {
    const percent = Math.floor(fraction * 100);
    if (percent <= this.#percent) return;
    if (this.out.isTerminal) {
      const full = Math.floor(fraction * BAR_CELLS);
      this.out.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}] ${percent} %`);
    } else if (Math.floor(percent / LINE_STEP_PERCENT) > Math.floor(this.#percent / LINE_STEP_PERCENT))
      this.out.write(`${percent} %\n`);
    this.#percent = percent;
  }

  end(): void {
    if (this.out.isTerminal && this.#percent >= 0) this.out.write('\r\x1b[K');
  }
}
