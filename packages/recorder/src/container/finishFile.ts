/**
 * Makes a finished file of a recording that was appended to: whole clusters are copied as they are, duration, seek head and
 * cues are added, tracks that stayed empty are left out. The original is there until the new file is on disk under its name.
 * Memory does not grow with the file, however long a track is silent.
 *
 * Why not mediabunny's muxer, which makes our MP4: it holds back all tracks while one is silent, begins clusters where not
 * every picture has a key frame (and lets cues point there), and knows no CodecDelay. It checks the new file instead.
 * Spec: RFC 9559 §5.1.1 (seek head), §5.1.2.10 (duration), §5.1.5 (cues); WebM container guidelines.
 */
import { open, rename, rm, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkFile } from './checkFile.js';
import { element, idLength, sizeLength, writeId, writeSize } from './ebml.js';
import { ID } from './elements.js';
import { ContainerError } from './errors.js';
import { cuesElement, FileFacts } from './fileFacts.js';
import { ebmlHeader, joined, segmentInfo } from './matroskaWriter.js';
import { RecordingFile } from './recordingFile.js';
import type { RecordingHead } from './recordingHead.js';

export interface FinishOptions {
  /** Where the finished file goes; may be where something is already. The original is removed, unless it is the same. */
  readonly to: string;
  /** How much of the original was read, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

export interface FinishedFile {
  readonly durationMs: number;
  readonly bytes: number;
  readonly frames: number;
  /** False when the disk was full: the recording has its name and plays, but without duration and cues. */
  readonly indexed: boolean;
  /** Bytes at the end of the original that were no whole cluster. */
  readonly cutBytes: number;
}

/** Segments' sizes and positions in the seek head have eight bytes, so that they can be written in later. */
const FIXED_LENGTH = 8;

export async function finishFile(path: string, options: FinishOptions): Promise<FinishedFile> {
  const { to } = options;
  const unfinished = `${to}.finishing`;
  const source = await RecordingFile.open(path);
  let finished: FinishedFile;
  try {
    finished = await rewrite(source, unfinished, options.onProgress);
  } catch (error) {
    await rm(unfinished, { force: true });
    if (!isNoSpace(error)) throw error;
    return await keepAsItIs(source, to);
  } finally {
    await source.close();
  }
  await rename(unfinished, to);
  if (path !== to) await rm(path, { force: true });
  await syncFolder(dirname(to));
  return finished;
}

/** @throws whatever the file system says; the caller removes what was begun. */
async function rewrite(
  source: RecordingFile,
  to: string,
  onProgress: ((fraction: number) => void) | undefined,
): Promise<FinishedFile> {
  const { head } = source;
  const target = await createFile(to, source.mode);
  try {
    const layout = headOf(head);
    await writeFully(target, layout.bytes, 0);
    let at = layout.bytes.length;
    const facts = new FileFacts(head.tracks, head.tickMs);
    for await (const cluster of source.clusters()) {
      for (const block of cluster.blocks) facts.add(block, at - layout.segmentAt);
      await writeFully(target, cluster.bytes, at);
      at += cluster.bytes.length;
      onProgress?.(Math.min(1, source.wholeUntil / source.bytes));
    }
    const cues = facts.cues();
    const cuesAt = at - layout.segmentAt;
    if (cues.length > 0) {
      const bytes = cuesElement(cues, head.tickMs);
      await writeFully(target, bytes, at);
      at += bytes.length;
    }
    const empty = new Set(
      [...facts.tracks].filter(([, { frames }]) => frames === 0).map(([number]) => number),
    );
    const final = headOf(head, {
      segmentBytes: at - layout.segmentAt,
      cuesAt: cues.length > 0 ? cuesAt : undefined,
      durationMs: facts.durationMs,
      // A file of which nothing is left keeps its tracks: one without any is no file.
      leaveOut: facts.frames === 0 ? new Set() : empty,
    });
    if (final.bytes.length !== layout.bytes.length)
      throw new ContainerError('CONTAINER_WRITE_FAILED', 'The header changed its length.');
    await writeFully(target, final.bytes, 0);
    await target.sync();
    await checkFile(to, facts, cues.at(-1));
    onProgress?.(1);
    return {
      durationMs: facts.durationMs,
      bytes: at,
      frames: facts.frames,
      indexed: true,
      cutBytes: source.bytes - source.wholeUntil,
    };
  } finally {
    await target.close();
  }
}

interface Final {
  readonly segmentBytes: number;
  readonly cuesAt: number | undefined;
  readonly durationMs: number;
  readonly leaveOut: ReadonlySet<number>;
}

/** Everything before the clusters. Has the same length before and after `final` is known. */
function headOf(head: RecordingHead, final?: Final): { bytes: Uint8Array; segmentAt: number } {
  const ebml = ebmlHeader(head.docType === 'webm' ? 'webm' : 'mkv');
  const segment = new Uint8Array(4 + FIXED_LENGTH);
  writeSize(segment, writeId(segment, 0, ID.segment), final?.segmentBytes ?? 2 ** 56 - 1, FIXED_LENGTH);
  const info = segmentInfo({
    startedAt: head.startedAt,
    title: head.title,
    durationMs: final?.durationMs ?? 0,
    tickMs: head.tickMs,
  });
  const tracks = element(
    ID.tracks,
    ...head.tracks.map(({ number, bytes }) => (final?.leaveOut.has(number) ? voidOf(bytes.length) : bytes)),
  );
  const infoAt = SEEK_HEAD_BYTES;
  const seekHead = seekHeadOf([
    { id: ID.info, at: infoAt },
    { id: ID.tracks, at: infoAt + info.length },
    { id: ID.cues, at: final?.cuesAt },
  ]);
  return { bytes: joined([ebml, segment, seekHead, info, tracks]), segmentAt: ebml.length + segment.length };
}

interface SeekEntry {
  readonly id: number;
  /** From the segment's start; undefined: leave the place empty. */
  readonly at: number | undefined;
}

/** Identifier (4 bytes each), position (8 bytes). RFC 9559 §5.1.1. */
function seekHeadOf(entries: readonly SeekEntry[]): Uint8Array {
  return element(
    ID.seekHead,
    ...entries.map(({ id, at }) => {
      const idBytes = new Uint8Array(idLength(id));
      writeId(idBytes, 0, id);
      const position = new Uint8Array(FIXED_LENGTH);
      new DataView(position.buffer).setBigUint64(0, BigInt(at ?? 0));
      const entry = element(ID.seek, element(ID.seekId, idBytes), element(ID.seekPosition, position));
      return at === undefined ? voidOf(entry.length) : entry;
    }),
  );
}
const SEEK_HEAD_BYTES = seekHeadOf([ID.info, ID.tracks, ID.cues].map((id) => ({ id, at: 0 }))).length;

/** A Void element of exactly this many bytes. RFC 8794 §11.3.2. */
function voidOf(bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  whole[0] = ID.void;
  // One byte of size where the rest fits into it; else eight, which fit always.
  const length = sizeLength(bytes - 2) === 1 ? 1 : FIXED_LENGTH;
  writeSize(whole, 1, bytes - 1 - length, length);
  return whole;
}

/** The disk is full: a second copy has no place. The first plays as it is, once what is not whole is cut off. */
async function keepAsItIs(source: RecordingFile, to: string): Promise<FinishedFile> {
  const facts = new FileFacts(source.head.tracks, source.head.tickMs);
  for await (const cluster of source.clusters())
    for (const block of cluster.blocks) facts.add(block, cluster.at);
  await truncate(source.path, source.wholeUntil);
  await rename(source.path, to);
  await syncFolder(dirname(to));
  return {
    durationMs: facts.durationMs,
    bytes: source.wholeUntil,
    frames: facts.frames,
    indexed: false,
    cutBytes: source.bytes - source.wholeUntil,
  };
}

const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

/** An empty file for those who may read the original, whatever the process's umask is. */
export async function createFile(path: string, mode: number): Promise<FileHandle> {
  const handle = await open(path, 'w', mode);
  try {
    // What is no file, such as a device, is not ours to change.
    if ((await handle.stat()).isFile()) await handle.chmod(mode);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** A renamed file is only there after a power cut when its folder was written too. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
