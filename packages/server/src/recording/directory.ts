/** The directory for recordings at start: made, and tried, so that nobody learns at the end of a call that nothing was kept. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { StartError } from '../errors.js';

const PROBE = '.tertulia-write-test';

/** @returns the absolute path. @throws StartError in one sentence. */
export function prepareRecordingDirectory(given: string): string {
  const directory = resolve(given);
  const probe = join(directory, PROBE);
  try {
    make(directory);
    writeFileSync(probe, '');
    rmSync(probe);
  } catch (error) {
    throw new StartError(`Recordings cannot be written to ${directory}: ${reason(error)}.`, { cause: error });
  }
  return directory;
}

/** Node's own `recursive` never ends where a file system says that a parent is missing which is there: /proc does. */
function make(directory: string): void {
  if (existsSync(directory)) return;
  make(dirname(directory));
  mkdirSync(directory);
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not; change its owner or rights, or give another with --recordings';
    case 'EROFS':
      return 'the disk is read-only; give another with --recordings';
    case 'ENOSPC':
      return 'the disk is full; make room or give another with --recordings';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'it is a file, or within one; give a directory with --recordings';
    default:
      return `${error instanceof Error ? error.message : String(error)}; give another with --recordings`;
  }
}
