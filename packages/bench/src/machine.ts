/** What the figures were taken on. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem, type } from 'node:os';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  openssl: string;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    openssl: process.versions.openssl,
  };
}

/** The commit that was measured, with a mark when sources differ from it; 'unknown' outside a repository. */
export function describeCommit(folder: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changed = git(
      'status',
      '--porcelain',
      '--',
      'packages/engine',
      'packages/sfu',
      'packages/wire',
      'packages/bench',
    );
    return git('rev-parse', '--short=12', 'HEAD') + (changed === '' ? '' : ' with local changes');
  } catch {
    return 'unknown';
  }
}
