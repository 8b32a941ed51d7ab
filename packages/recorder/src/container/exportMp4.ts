/**
 * A fast-start MP4 of a finished recording, by mediabunny: H.264, AV1 or VP9 with Opus, nothing re-encoded. The output has its
 * name only when it is whole. Frames are read one cluster at a time; memory grows by the sample tables only.
 * Times: MP4 has no CodecDelay, so sound is placed earlier by it, as a Matroska player would.
 * Spec: ISO/IEC 14496-12 (boxes), "Encapsulation of Opus in ISO Base Media File Format" 0.8.1.
 * Elsewhere: the command with its progress bar → @tertulia/server commands/export.ts
 */
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Output } from 'mediabunny';
import type { ContainerCodec } from './elements.js';
import { ContainerError } from './errors.js';
import { FileFacts, opusMs } from './fileFacts.js';
import { createFile, syncFolder } from './finishFile.js';
import { PART_SUFFIX } from './repairRecording.js';
import { RecordingFile } from './recordingFile.js';
import type { TrackFacts } from './recordingHead.js';

export interface ExportOptions {
  /** From 0 to 1, never back. */
  readonly onProgress?: (fraction: number) => void;
  /** Ends the export with `EXPORT_STOPPED`; nothing is left. */
  readonly signal?: AbortSignal;
  /** Writes over what is there [false]. */
  readonly overwrite?: boolean;
  /** Up to so much sound and picture is held in memory, which saves the reserved room for tables [32 MiB]. */
  readonly inMemoryBytes?: number;
}

export interface ExportedFile {
  readonly durationMs: number;
  readonly bytes: number;
  readonly tracks: readonly { readonly codec: ContainerCodec; readonly frames: number }[];
  /** Pictures before a track's first key frame: nobody can decode them, so they are left out. */
  readonly skippedFrames: number;
}

const IN_MEMORY_BYTES = 32 * 1024 * 1024;
/** Looking through the file takes about that share of the time; writing the rest. */
const SCAN_SHARE = 0.2;
const EXPORTING_SUFFIX = '.exporting';

/** Codecs' names in mediabunny; VP8 is not among what players take in MP4. */
const MP4_CODEC = { opus: 'opus', vp9: 'vp9', av1: 'av1', h264: 'avc' } as const;
const SHOWN: Readonly<Record<ContainerCodec, string>> = {
  opus: 'Opus',
  vp8: 'VP8',
  vp9: 'VP9',
  av1: 'AV1',
  h264: 'H.264',
};

interface ExportTrack {
  readonly facts: TrackFacts;
  readonly codec: Exclude<ContainerCodec, 'vp8'>;
  readonly frames: number;
  readonly lastDurationMs: number;
}

/** @throws ContainerError; its `detail` says what to do. */
export async function exportMp4(
  from: string,
  to: string,
  options: ExportOptions = {},
): Promise<ExportedFile> {
  if (from.endsWith(PART_SUFFIX))
    throw new ContainerError(
      'EXPORT_UNFINISHED',
      `${from} is still being written, or a crash left it so. Stop the recording first; after a crash the server finishes it when it starts.`,
    );
  await mayWrite(from, to, options.overwrite ?? false);
  const source = await RecordingFile.open(from);
  const unfinished = `${to}${EXPORTING_SUFFIX}`;
  try {
    const facts = await lookThrough(source, options);
    const tracks = tracksFor(from, source.head.tracks, facts);
    await (await createFile(unfinished, source.mode)).close();
    const skippedFrames = await write(source, facts, tracks, unfinished, options);
    const bytes = await sync(unfinished);
    await rename(unfinished, to);
    await syncFolder(dirname(to));
    options.onProgress?.(1);
    return {
      durationMs: facts.durationMs,
      bytes,
      tracks: tracks.map(({ codec, frames }) => ({ codec, frames })),
      skippedFrames,
    };
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof ContainerError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ContainerError('CONTAINER_WRITE_FAILED', `${to} could not be written: ${why}.`, {
      cause: error,
    });
  } finally {
    await source.close();
  }
}

async function mayWrite(from: string, to: string, overwrite: boolean): Promise<void> {
  const there = await realpath(to).catch(() => undefined);
  if (there === undefined) return;
  if (there === (await realpath(from).catch(() => from)))
    throw new ContainerError('EXPORT_EXISTS', `${to} is the recording itself. Name another file.`);
  if (!overwrite || !(await stat(there)).isFile())
    throw new ContainerError('EXPORT_EXISTS', `${to} is there already.`);
}

async function lookThrough(source: RecordingFile, options: ExportOptions): Promise<FileFacts> {
  const facts = new FileFacts(source.head.tracks, source.head.tickMs);
  for await (const cluster of source.clusters()) {
    throwIfStopped(options.signal);
    for (const block of cluster.blocks) facts.add(block, 0);
    options.onProgress?.((SCAN_SHARE * source.wholeUntil) / source.bytes);
  }
  if (source.cutWhy !== undefined)
    throw new ContainerError(
      'EXPORT_UNFINISHED',
      `${source.path} is cut off or damaged behind ${(facts.durationMs / 1000).toFixed(1)} s (${source.cutWhy}).`,
    );
  if (facts.frames === 0)
    throw new ContainerError('EXPORT_EMPTY', `${source.path} has no sound and no picture.`);
  return facts;
}

function tracksFor(from: string, tracks: readonly TrackFacts[], facts: FileFacts): ExportTrack[] {
  return tracks.flatMap((track) => {
    const { frames, keyFrames, lastDurationMs } = facts.tracks.get(track.number)!;
    if (frames === 0) return [];
    const { codec } = track;
    if (codec === undefined || codec === 'vp8')
      throw new ContainerError(
        'EXPORT_CODEC',
        codec === undefined
          ? `Track ${track.number} of ${from} is ${track.codecId || 'of unknown kind'}, which cannot be exported.`
          : `Track ${track.number} of ${from} is ${SHOWN.vp8}, and players do not take VP8 in MP4. ` +
              'Play the WebM file as it is, or re-encode it: ' +
              `ffmpeg -i ${JSON.stringify(from)} -c:v libx264 -c:a aac -movflags +faststart out.mp4`,
      );
    // Nothing of it can be decoded.
    if (keyFrames === 0) return [];
    return [{ facts: track, codec, frames, lastDurationMs }];
  });
}

interface Sink {
  started: boolean;
  add(block: SinkBlock): Promise<void>;
}
interface SinkBlock {
  readonly data: Uint8Array;
  readonly keyFrame: boolean;
  readonly timeMs: number;
}

/** @returns how many pictures had to be left out. */
async function write(
  source: RecordingFile,
  facts: FileFacts,
  tracks: readonly ExportTrack[],
  to: string,
  options: ExportOptions,
): Promise<number> {
  // Loaded here, so that who only records needs no library.
  const mediabunny = await import('mediabunny');
  let mediaBytes = 0;
  for (const { bytes } of facts.tracks.values()) mediaBytes += bytes;
  const inMemory = mediaBytes <= (options.inMemoryBytes ?? IN_MEMORY_BYTES);
  const output = new mediabunny.Output({
    format: new mediabunny.Mp4OutputFormat({ fastStart: inMemory ? 'in-memory' : 'reserve' }),
    target: new mediabunny.FilePathTarget(to),
  });
  try {
    const { title, startedAt, tickMs } = source.head;
    output.setMetadataTags({
      ...(title === undefined ? {} : { title }),
      ...(startedAt === 0 ? {} : { date: new Date(startedAt) }),
    });
    const sinks = await openTracks(mediabunny, source.path, output, tracks);
    await output.start();
    let skipped = 0;
    for await (const cluster of source.clusters()) {
      throwIfStopped(options.signal);
      for (const { track, ticks, keyFrame, data } of cluster.blocks) {
        const sink = sinks.get(track);
        if (!sink) continue;
        if (!sink.started && !keyFrame) {
          skipped++;
          continue;
        }
        sink.started = true;
        // A copy: the cluster's buffer is used again before the muxer writes.
        await sink.add({ data: data.slice(), keyFrame, timeMs: ticks * tickMs });
      }
      options.onProgress?.(SCAN_SHARE + ((1 - SCAN_SHARE) * source.wholeUntil) / source.bytes);
    }
    throwIfStopped(options.signal);
    await output.finalize();
    return skipped;
  } catch (error) {
    await output.cancel();
    throw error;
  }
}

/** Decoders' settings are read out of the first frames by mediabunny, since VP9 carries them nowhere else. */
async function openTracks(
  mediabunny: typeof import('mediabunny'),
  from: string,
  output: Output,
  tracks: readonly ExportTrack[],
): Promise<Map<number, Sink>> {
  const { EncodedAudioPacketSource, EncodedPacket, EncodedVideoPacketSource, FilePathSource, Input } =
    mediabunny;
  const input = new Input({
    source: new FilePathSource(from),
    formats: [mediabunny.MATROSKA, mediabunny.WEBM],
  });
  const sinks = new Map<number, Sink>();
  try {
    const found = new Map((await input.getTracks()).map((track) => [track.id, track]));
    for (const { facts, codec, frames, lastDurationMs } of tracks) {
      const metadata = {
        maximumPacketCount: frames,
        ...(facts.name === undefined ? {} : { name: facts.name }),
      };
      const track = found.get(facts.number);
      const delaySeconds = facts.codecDelayMs / 1000;
      const mp4Codec = MP4_CODEC[codec];
      if (mp4Codec === 'opus') {
        const decoderConfig = track?.isAudioTrack() ? await track.getDecoderConfig() : null;
        if (!decoderConfig) throw unreadable(from, facts);
        const source = new EncodedAudioPacketSource(mp4Codec);
        output.addAudioTrack(source, { ...metadata, decoderConfig });
        sinks.set(facts.number, {
          started: false,
          add: ({ data, timeMs }) =>
            source.add(new EncodedPacket(data, 'key', timeMs / 1000 - delaySeconds, opusMs(data) / 1000), {
              decoderConfig,
            }),
        });
      } else {
        const decoderConfig = track?.isVideoTrack() ? await track.getDecoderConfig() : null;
        if (!decoderConfig) throw unreadable(from, facts);
        const source = new EncodedVideoPacketSource(mp4Codec);
        output.addVideoTrack(source, { ...metadata, decoderConfig });
        sinks.set(facts.number, {
          started: false,
          add: ({ data, keyFrame, timeMs }) =>
            source.add(
              new EncodedPacket(
                data,
                keyFrame ? 'key' : 'delta',
                timeMs / 1000 - delaySeconds,
                lastDurationMs / 1000,
              ),
              { decoderConfig },
            ),
        });
      }
    }
    return sinks;
  } finally {
    input.dispose();
  }
}

const unreadable = (from: string, { number, codecId }: TrackFacts): ContainerError =>
  new ContainerError(
    'CONTAINER_UNREADABLE',
    `Track ${number} of ${from} (${codecId}) does not say how it is to be decoded.`,
  );

function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new ContainerError('EXPORT_STOPPED', 'The export was stopped; nothing was written.');
}

/** @returns its length. */
async function sync(path: string): Promise<number> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}
