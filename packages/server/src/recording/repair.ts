/**
 * What a crash left unfinished: found at the start of the server, finished in the background. A folder that was written to a
 * moment ago may belong to a recorder that outlived its server and is just finishing it, or to another server: it is left
 * alone until it has been quiet for a while.
 * Elsewhere: how a file is finished → @tertulia/recorder container/repairRecording.ts
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Repair } from '@tertulia/recorder/container';
import type { Logger } from '../logger.js';
import type { Scheduler } from '../scheduler.js';

export const REPAIR_TIMES = {
  /** recording.json of a recording that runs is written every 15 s, even if nobody says anything. */
  quietMs: 30_000,
  lookAgainMs: 10_000,
  /** Then somebody else uses it, and it is theirs. */
  giveUpMs: 300_000,
} as const;

export interface RepairParts {
  readonly directory: string;
  readonly scheduler: Scheduler;
  readonly log: Logger;
  readonly container: {
    findInterrupted(directory: string): Promise<string[]>;
    repairRecording(folder: string): Promise<Repair>;
  };
  /** Unix time of the last change in a folder. */
  readonly changedAtMs?: (folder: string) => Promise<number>;
}

/** To be called before the first recording begins. @returns after the look around; `done` when nothing is left to repair. */
export async function repairAfterCrash(parts: RepairParts): Promise<{ done: Promise<void> }> {
  const { directory, log, container } = parts;
  let folders: string[] = [];
  try {
    folders = await container.findInterrupted(directory);
  } catch (error) {
    log.error({ err: error }, 'unfinished recordings could not be looked for');
  }
  return { done: repairAll(parts, folders) };
}

async function repairAll(parts: RepairParts, found: readonly string[]): Promise<void> {
  const { directory, scheduler, log, changedAtMs = newestChange } = parts;
  const startedAtMs = scheduler.nowMs();
  let folders = found;
  while (folders.length > 0) {
    const busy: string[] = [];
    for (const folder of folders) {
      const changedMs = await changedAtMs(join(directory, folder)).catch(() => undefined);
      if (changedMs === undefined) continue; // removed meanwhile
      if (scheduler.nowMs() - changedMs < REPAIR_TIMES.quietMs) busy.push(folder);
      else await repairOne(parts, folder);
    }
    folders = busy;
    if (folders.length === 0) return;
    if (scheduler.nowMs() - startedAtMs >= REPAIR_TIMES.giveUpMs) {
      log.warn({ folders }, 'unfinished recordings are still written to by somebody else; left alone');
      return;
    }
    await new Promise<void>((resolve) => scheduler.after(REPAIR_TIMES.lookAgainMs, resolve));
    // Their own recorder may have finished them by now.
    const still = await parts.container.findInterrupted(directory).catch(() => folders);
    folders = folders.filter((folder) => still.includes(folder));
  }
}

async function repairOne({ directory, log, container }: RepairParts, folder: string): Promise<void> {
  try {
    const { repaired, failed } = await container.repairRecording(join(directory, folder));
    log.info({ folder, files: repaired.map(({ name }) => name) }, 'recording of a crash finished');
    if (failed.length > 0) log.error({ folder, failed }, 'files of a crash could not be finished');
  } catch (error) {
    log.error({ folder, err: error }, 'recording of a crash could not be finished');
  }
}

async function newestChange(folder: string): Promise<number> {
  const names = await readdir(folder);
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return Math.max((await stat(folder)).mtimeMs, ...times);
}
