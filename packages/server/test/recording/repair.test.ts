/** What a crash left is finished at the next start, but nothing that somebody still writes to. Virtual time. */
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../src/logger.js';
import { repairAfterCrash } from '../../src/recording/repair.js';
import { ManualScheduler } from '../support/manualScheduler.js';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
};

/** @param ages of the folders' last changes; kept so (`quiet`) or written to on and on (`busy`) */
async function start(folders: Record<string, 'quiet' | 'busy' | 'fresh' | 'broken'>) {
  const scheduler = new ManualScheduler();
  const begunMs = scheduler.nowMs();
  const repaired: string[] = [];
  const left = new Set(Object.keys(folders));
  const { done } = await repairAfterCrash({
    directory: '/calls',
    scheduler,
    log: createLogger('silent'),
    container: {
      findInterrupted: async () => [...left],
      repairRecording: async (folder) => {
        repaired.push(`${folder} ${(scheduler.nowMs() - begunMs) / 1_000}`);
        left.delete(folder.slice('/calls/'.length));
        if (folder.endsWith('broken')) throw new Error('unreadable');
        return { repaired: [], removed: [], failed: [] };
      },
    },
    changedAtMs: async (folder) => {
      const name = folder.slice('/calls/'.length);
      if (name === 'gone') throw new Error('ENOENT');
      return folders[name] === 'busy'
        ? scheduler.nowMs()
        : begunMs - (folders[name] === 'fresh' ? 5_000 : 90_000);
    },
  });
  let isDone = false;
  void done.then(() => (isDone = true));
  await settle();
  const advance = async (spanMs: number): Promise<void> => {
    for (let at = 0; at < spanMs; at += 10_000) {
      scheduler.advance(10_000);
      await settle();
    }
  };
  return { repaired, left, advance, isDone: () => isDone };
}

describe('at the start', () => {
  test('nothing to do', async () => {
    expect((await start({})).isDone()).toBe(true);
  });

  test('folders that are quiet at once, one that fails does not stop the others', async () => {
    const { repaired, isDone } = await start({ a: 'quiet', broken: 'broken', gone: 'quiet', b: 'quiet' });
    expect(repaired).toEqual(['/calls/a 0', '/calls/broken 0', '/calls/b 0']);
    expect(isDone()).toBe(true);
  });

  test('one that was written to a moment ago after half a minute of quiet', async () => {
    const { repaired, advance, isDone } = await start({ a: 'fresh' });
    expect(repaired).toEqual([]);
    await advance(60_000);
    expect(repaired).toEqual(['/calls/a 30']);
    expect(isDone()).toBe(true);
  });

  test('one that its own recorder finishes meanwhile is not touched', async () => {
    const { repaired, left, advance, isDone } = await start({ a: 'fresh' });
    left.delete('a');
    await advance(60_000);
    expect(repaired).toEqual([]);
    expect(isDone()).toBe(true);
  });

  test('one that somebody writes to on and on is theirs', async () => {
    const { repaired, advance, isDone } = await start({ a: 'busy' });
    await advance(290_000);
    expect(isDone()).toBe(false);
    await advance(20_000);
    expect([repaired, isDone()]).toEqual([[], true]);
  });
});
