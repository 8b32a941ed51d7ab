import { describe, expect, test } from 'vitest';
import type { SlotReport } from '../src/messages.js';
import type { ContributingReading } from '../src/slotReading.js';
import { SpeakerTracker } from '../src/speakers.js';

const hint = (slot: number, csrc: number, loudest = false): SlotReport => ({
  slot,
  csrc,
  loudest,
  epoch: 1,
  rtpTimestamp: undefined,
  captureTimeMs: undefined,
});
/** Packets that say this now; the level comes with the SSRC as in Chromium. */
function play(
  tracker: SpeakerTracker,
  nowMs: number,
  contributing: ContributingReading[],
  audioLevel?: number,
  slot = 0,
): boolean {
  const newest = Math.max(...contributing.map((one) => one.timestamp));
  tracker.read(
    slot,
    { contributing, synchronization: [{ source: 1, timestamp: newest, audioLevel }] },
    nowMs,
  );
  return tracker.poll(nowMs);
}
const fresh = (slots = 3): SpeakerTracker => {
  const tracker = new SpeakerTracker();
  tracker.reset(slots);
  return tracker;
};

test('the newest timestamp names the speaker; 42 with it marks the loudest', () => {
  const tracker = fresh();
  expect(
    play(tracker, 100, [
      { source: 1001, timestamp: 5 },
      { source: 1002, timestamp: 90 },
      { source: 42, timestamp: 90 },
    ]),
  ).toBe(true);
  expect(tracker.slots[0]).toMatchObject({ csrc: 1002, loudest: true });
});

test('an old 42 says nothing about the present packet', () => {
  const tracker = fresh();
  play(tracker, 100, [
    { source: 1001, timestamp: 90 },
    { source: 42, timestamp: 90 },
  ]);
  play(tracker, 200, [
    { source: 1001, timestamp: 190 },
    { source: 42, timestamp: 90 },
  ]);
  expect(tracker.slots[0]).toMatchObject({ csrc: 1001, loudest: false });
});

test('while packets play, a hint that is ahead of them waits', () => {
  const tracker = fresh();
  tracker.hint([hint(0, 1001)], 50);
  play(tracker, 100, [{ source: 1001, timestamp: 90 }]);
  tracker.hint([hint(0, 1002)], 150);
  expect(tracker.slots[0]?.csrc).toBe(1001);
  play(tracker, 200, [
    { source: 1001, timestamp: 140 },
    { source: 1002, timestamp: 190 },
  ]);
  expect(tracker.slots[0]?.csrc).toBe(1002);
});

test('without packets the hint counts, and a hint of nobody empties the slot', () => {
  const tracker = fresh();
  tracker.hint([hint(0, 1001), hint(1, 1002, true)], 0);
  expect(tracker.slots.map((slot) => slot.csrc)).toEqual([1001, 1002, undefined]);
  expect(tracker.slots[1]).toMatchObject({ loudest: true, speaking: true, level: undefined });
  tracker.hint([hint(0, 0)], 10);
  expect(tracker.slots[0]?.csrc).toBeUndefined();
});

test('a source in DTX (a packet every 400 ms) keeps its slot', () => {
  const tracker = fresh();
  tracker.hint([hint(0, 1001)], 0);
  let seen = 0;
  for (let nowMs = 0; nowMs < 4_000; nowMs += 100) {
    if (nowMs % 400 === 0) play(tracker, nowMs, [{ source: 1001, timestamp: nowMs + 1 }]);
    tracker.poll(nowMs);
    if (tracker.slots[0]?.csrc === 1001) seen += 1;
  }
  expect(seen).toBe(40);
});

test('without hints a silent slot empties after two seconds, not before', () => {
  const tracker = fresh();
  play(tracker, 0, [{ source: 1001, timestamp: 1 }]);
  tracker.poll(1_999);
  expect(tracker.slots[0]?.csrc).toBe(1001);
  tracker.poll(2_000);
  expect(tracker.slots[0]?.csrc).toBeUndefined();
});

test('timestamp 0 and a clock that begins below zero are times like any other', () => {
  const tracker = fresh();
  play(tracker, 100, [{ source: 1001, timestamp: -20 }]);
  play(tracker, 200, [{ source: 1002, timestamp: 0 }]);
  expect(tracker.slots[0]?.csrc).toBe(1002);
});

describe('speaking', () => {
  test('bridges pauses between words and ends 400 ms after the last loud packet', () => {
    const tracker = fresh();
    tracker.hint([hint(0, 1001)], 0);
    play(tracker, 0, [{ source: 1001, timestamp: 1 }], 0.1);
    for (let nowMs = 100; nowMs <= 300; nowMs += 100)
      play(tracker, nowMs, [{ source: 1001, timestamp: nowMs + 1 }], 0.0001);
    expect(tracker.slots[0]?.speaking).toBe(true);
    play(tracker, 400, [{ source: 1001, timestamp: 401 }], 0.0001);
    expect(tracker.slots[0]).toMatchObject({ csrc: 1001, speaking: false });
  });

  test('does not pass from one person to the next in the same slot', () => {
    const tracker = fresh();
    play(tracker, 0, [{ source: 1001, timestamp: 1 }], 0.2);
    play(tracker, 100, [{ source: 1002, timestamp: 101 }], 0);
    expect(tracker.slots[0]).toMatchObject({ csrc: 1002, speaking: false });
  });

  test('a level with the CSRC (RFC 6465) wins over the one with the SSRC', () => {
    const tracker = fresh();
    play(tracker, 0, [{ source: 1001, timestamp: 1, audioLevel: 0.5 }], 0.01);
    expect(tracker.slots[0]?.level).toBe(0.5);
  });
});

test('a report about a slot that does not exist is ignored', () => {
  const tracker = fresh(1);
  expect(tracker.hint([hint(7, 1001), hint(-1, 1001)], 0)).toBe(false);
  expect(tracker.slots).toHaveLength(1);
});

test('nothing new is no change', () => {
  const tracker = fresh();
  tracker.hint([hint(0, 1001)], 0);
  expect(tracker.poll(10)).toBe(false);
});
