/** What applications see of a receiver of virtual streams: its layouts, one after the other, and what becomes of them. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Receiver } from '../../src/api/receiver.js';
import type { LayoutRequest } from '../../src/api/receiver.js';
import { VideoSlot } from '../../src/api/slots.js';
import type { Assignment, Canvas } from '../../src/types.js';

const canvas = (id: number, more: Partial<Canvas> = {}): Canvas => ({
  id,
  width: 320,
  height: 180,
  mode: 'relevant',
  ...more,
});
const assignment = (canvasId: number): Assignment => ({
  canvasId,
  slot: 0,
  csrc: 7,
  producerId: 'camera',
  participantId: 'ada',
  content: 'camera',
  active: true,
});

interface Asked {
  readonly layout: LayoutRequest;
  readonly resolve: (assignments: readonly Assignment[]) => void;
  readonly reject: (error: Error) => void;
}

let asked: Asked[];
let receiver: Receiver;
beforeEach(() => {
  asked = [];
  const slots = [0, 1].map(
    (index) => new VideoSlot(index, `v${index}`, { codecs: [], encodings: [{ ssrc: 100 + index }] }),
  );
  receiver = new Receiver('receiver', [], slots, 'ben', {
    setLayout: (layout) => new Promise((resolve, reject) => asked.push({ layout, resolve, reject })),
    getStats: () => Promise.resolve([]),
    requestKeyFrames: () => Promise.resolve(),
    closed: () => undefined,
  });
});

const ids = ({ layout }: Asked): number[] => layout.canvases.map(({ id }) => id);

describe('layouts', () => {
  test('resolve with what the canvases show', async () => {
    const done = receiver.setLayout([canvas(1)]);
    asked[0]!.resolve([assignment(1)]);
    expect(await done).toEqual([assignment(1)]);
    expect(receiver.assignments).toEqual([assignment(1)]);
  });

  test('a change that is told before the answer is looked at is newer than the answer', async () => {
    const done = receiver.setLayout([canvas(1)]);
    receiver.handleAssignments([assignment(1)]);
    asked[0]!.resolve([assignment(1)]);
    // In the same read of the pipe: the promise has not gone on yet.
    receiver.handleAssignments([]);
    expect(await done).toEqual([]);
    expect(receiver.assignments).toEqual([]);
  });

  test('a thousand at once: the first and the last are carried out, and all resolve', async () => {
    const all = Array.from({ length: 1000 }, (_, i) => receiver.setLayout([canvas(i + 1)]));
    expect(asked).toHaveLength(1);
    asked[0]!.resolve([assignment(1)]);
    await all[0];
    await Promise.resolve();
    expect(asked.map(ids)).toEqual([[1], [1000]]);
    asked[1]!.resolve([assignment(1000)]);
    const results = await Promise.all(all);
    expect(results[0]).toEqual([assignment(1)]);
    for (const result of results.slice(1)) expect(result).toEqual([assignment(1000)]);
  });

  test('one that is refused does not take the place of one that waits', async () => {
    const first = receiver.setLayout([canvas(1)]);
    const second = receiver.setLayout([canvas(2)]);
    await expect(receiver.setLayout([canvas(0)])).rejects.toMatchObject({ code: 'INVALID_CANVAS' });
    asked[0]!.resolve([]);
    await first;
    await Promise.resolve();
    expect(asked.map(ids)).toEqual([[1], [2]]);
    asked[1]!.resolve([]);
    await second;
  });

  test('a failure is told to those who waited for it, and the next one is asked for', async () => {
    const first = receiver.setLayout([canvas(1)]);
    const second = receiver.setLayout([canvas(2)]);
    asked[0]!.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await Promise.resolve();
    asked[1]!.resolve([assignment(2)]);
    expect(await second).toEqual([assignment(2)]);
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, 'INVALID_CANVAS'],
    ['an id twice', [canvas(1), canvas(1)], 'INVALID_CANVAS'],
    ['no pixels', [canvas(1, { width: 0 })], 'INVALID_CANVAS'],
    ['100,000 pixels', [canvas(1, { height: 100_000 })], 'INVALID_CANVAS'],
    ['no mode', [{ id: 1, width: 1, height: 1 }], 'INVALID_CANVAS'],
    ['more canvases than slots', [canvas(1), canvas(2), canvas(3)], 'TOO_MANY_CANVASES'],
    ['oneself', [canvas(1, { mode: { participantId: 'ben' } })], 'OWN_SOURCE'],
  ])('%s: refused with a code that stays, and nothing is asked for', async (_, canvases, code) => {
    await expect(receiver.setLayout(canvases as Canvas[])).rejects.toMatchObject({ name: 'TypeError', code });
    expect(asked).toEqual([]);
  });

  test('after the end every call is refused', async () => {
    receiver.closeBy('transport');
    await expect(receiver.setLayout([])).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

test('changes reach the slot before the receiver', () => {
  const heard: string[] = [];
  receiver.video[1]!.on('sourcechange', ({ csrc }) => heard.push(`slot ${csrc}`));
  receiver.on('videoslotschange', (changes) => heard.push(`receiver ${changes.length}`));
  receiver.handleVideoChanges([
    { slot: 1, csrc: 9, producerId: 'p', canvasId: 4, epoch: 1, rtpTimestamp: 0, captureTimeMs: 0 },
  ]);
  expect(heard).toEqual(['slot 9', 'receiver 1']);
  expect(receiver.video[1]).toMatchObject({ csrc: 9, canvasId: 4, ssrc: 101 });
});
