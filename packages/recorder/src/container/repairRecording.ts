/**
 * After a crash: finishes what was left with `.part`, and says in the JSON files that the recording was interrupted.
 * Safe to run again at any point: a half-made new file is removed, a finished one is only written over by its like.
 * Only for folders that nobody records into. Elsewhere: the names of files → docs/recording-files.md
 */
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ContainerError } from './errors.js';
import { createFile, syncFolder, writeFully, type FinishedFile } from './finishFile.js';
import { finishInWorker } from './finishInWorker.js';
import { RecordingFile } from './recordingFile.js';

export const PART_SUFFIX = '.part';
export const FINISHING_SUFFIX = '.finishing';
const RECORDING_JSON = 'recording.json';
/** As the recorder writes them: who was where with whom is not for everybody on the machine. */
const JSON_MODE = 0o640;

export interface RepairedFile extends FinishedFile {
  readonly name: string;
}

export interface Repair {
  readonly repaired: readonly RepairedFile[];
  /** What ended before its first sound or picture, and is gone. */
  readonly removed: readonly string[];
  /** What could not be read, with a sentence why; left as it is. */
  readonly failed: readonly { readonly name: string; readonly why: string }[];
}

/** @param folder that of one recording. */
export async function repairRecording(folder: string): Promise<Repair> {
  const names = (await readdir(folder)).sort();
  for (const name of names)
    if (name.endsWith(FINISHING_SUFFIX)) await rm(join(folder, name), { force: true });
  const repaired: RepairedFile[] = [];
  const removed: string[] = [];
  const failed: { name: string; why: string }[] = [];
  for (const part of names.filter((name) => name.endsWith(PART_SUFFIX))) {
    const name = part.slice(0, -PART_SUFFIX.length);
    const path = join(folder, name);
    try {
      const finished = await finishInWorker(join(folder, part), { to: path });
      if (finished.frames === 0) {
        await rm(path);
        removed.push(part);
        continue;
      }
      repaired.push({ name, ...finished });
      await mark(
        join(folder, sidecarOf(name)),
        {
          interrupted: true,
          ended: true,
          finished: finished.indexed,
          durationMs: Math.round(finished.durationMs),
          bytes: finished.bytes,
        },
        () => factsOf(path, name),
      );
    } catch (error) {
      if (error instanceof ContainerError && error.code === 'CONTAINER_EMPTY') {
        await rm(join(folder, part));
        removed.push(part);
      } else failed.push({ name: part, why: error instanceof ContainerError ? error.detail : String(error) });
    }
  }
  if (repaired.length + removed.length + failed.length > 0)
    await mark(join(folder, RECORDING_JSON), { interrupted: true });
  return { repaired, removed, failed };
}

/** What the file says of itself, when its JSON file is not there. */
async function factsOf(path: string, name: string): Promise<object> {
  const file = await RecordingFile.open(path);
  await file.close();
  const { startedAt, tracks } = file.head;
  return {
    version: 1,
    file: name,
    startedAt: new Date(startedAt).toISOString(),
    startedAtMs: startedAt,
    tracks: tracks.map(({ number, codec, width, height }) => ({
      number,
      kind: codec === 'opus' ? 'audio' : 'video',
      codec,
      width,
      height,
    })),
  };
}

/** As the recorder names them: time and id. What else lies in the directory is somebody else's, even if it ends with `.part`. */
const RECORDING_FOLDER = /^\d{8}T\d{6}Z-[A-Za-z0-9_-]{1,64}$/;

/** Folders of recordings below `directory` that a crash left unfinished. Folders in `except` are in use. */
export async function findInterrupted(
  directory: string,
  except: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isDirectory() || !RECORDING_FOLDER.test(entry.name) || except.has(entry.name)) continue;
    const names = await readdir(join(directory, entry.name));
    if (names.some((name) => name.endsWith(PART_SUFFIX) || name.endsWith(FINISHING_SUFFIX)))
      found.push(entry.name);
  }
  return found.sort();
}

/** `01.part2.webm` has `01.part2.json`. */
const sidecarOf = (name: string): string => `${name.replace(/\.[^.]+$/, '')}.json`;

/** Adds to a JSON file, or begins one; the old one is there until the new one is. */
async function mark(
  path: string,
  facts: Readonly<Record<string, unknown>>,
  otherwise: () => Promise<object> = () => Promise.resolve({}),
): Promise<void> {
  let before: object | undefined;
  try {
    const read: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) before = read;
  } catch {
    // Not written yet, or cut off by the crash itself: what can be said is said anew.
  }
  before ??= await otherwise();
  const unfinished = `${path}${FINISHING_SUFFIX}`;
  const handle = await createFile(unfinished, JSON_MODE);
  try {
    await writeFully(handle, Buffer.from(`${JSON.stringify({ ...before, ...facts }, undefined, 2)}\n`), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, path);
  await syncFolder(dirname(path));
}
