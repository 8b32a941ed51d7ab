/**
 * What the recorder asks of a file system, with Node's own behind it. Tests put a disk in its place that is full.
 */
import { close, fdatasync, ftruncate, open, writev } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface OpenedFile {
  readonly handle: number;
}

export interface FileLayer {
  /** A new file; one that is there already is an error. */
  open(path: string, done: (error: NodeJS.ErrnoException | null, file?: OpenedFile) => void): void;
  append(
    file: OpenedFile,
    pieces: readonly Uint8Array[],
    done: (error: NodeJS.ErrnoException | null, written?: number) => void,
  ): void;
  /** Syncs and closes. @param keepBytes cut back to it; undefined: all of it */
  close(file: OpenedFile, keepBytes: number | undefined, done: () => void): void;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** As a whole or not at all. */
  replaceText(folder: string, name: string, text: string): Promise<void>;
}

/** Read by others of the group; the folder's owner may narrow it. */
const FILE_MODE = 0o640;

export const nodeFiles: FileLayer = {
  open(path, done) {
    open(path, 'wx', FILE_MODE, (error, handle) => (error ? done(error) : done(null, { handle })));
  },
  append({ handle }, pieces, done) {
    writev(handle, pieces as Uint8Array[], done);
  },
  close({ handle }, keepBytes, done) {
    const sync = (): void => fdatasync(handle, () => close(handle, () => done()));
    if (keepBytes === undefined) sync();
    else ftruncate(handle, keepBytes, sync);
  },
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  rename,
  async replaceText(folder, name, text) {
    const temporary = join(folder, `.${name}.new`);
    try {
      await writeFile(temporary, text, { mode: FILE_MODE });
      await rename(temporary, join(folder, name));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  },
};
