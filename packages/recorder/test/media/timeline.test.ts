import { describe, expect, test } from 'vitest';
import { Timeline, TIMELINE_LIMITS } from '../../src/media/timeline.js';

const START_MS = 1_800_000_000_000;
const RATE = 90_000;
/** Timestamp of a moment, u32, wrapping within the first second. */
const stamp = (ms: number): number => (0xffff_8000 + Math.round((ms * RATE) / 1000)) >>> 0;

describe('before the first report', () => {
  test('times follow the timestamps from the first arrival on', () => {
    const timeline = new Timeline(RATE);
    for (let i = 0; i < 100; i++) {
      const at = 33 * i;
      const arrival = START_MS + at + (i % 5) * 7; // jitter: the first is the earliest
      timeline.handleArrival(stamp(at), arrival);
      expect(timeline.at(stamp(at), arrival)).toBeCloseTo(START_MS + at, 1);
    }
  });
  test('an earlier arrival pulls the line, slowly', () => {
    const timeline = new Timeline(RATE);
    timeline.handleArrival(stamp(0), START_MS + 50);
    expect(timeline.at(stamp(0), START_MS + 50)).toBeCloseTo(START_MS + 50, 1);
    timeline.handleArrival(stamp(100), START_MS + 100);
    expect(timeline.at(stamp(100), START_MS + 100)).toBeCloseTo(START_MS + 150 - 4, 1);
  });
});

describe('with reports', () => {
  test('a report before the first answer counts at once', () => {
    const timeline = new Timeline(RATE);
    timeline.handleArrival(stamp(0), START_MS + 70);
    timeline.handleReport(START_MS + 500, stamp(500));
    expect(timeline.at(stamp(0), START_MS + 70)).toBeCloseTo(START_MS, 1);
  });
  test.each([-300, -40, 40, 300])('a correction of %i ms is approached at four per cent', (error) => {
    const timeline = new Timeline(RATE);
    timeline.handleArrival(stamp(0), START_MS);
    timeline.at(stamp(0), START_MS);
    timeline.handleReport(START_MS + error, stamp(0));
    let last = START_MS;
    for (let at = 20; at <= 10_000; at += 20) {
      const time = timeline.at(stamp(at), START_MS + at);
      const step = time - last;
      expect(step).toBeGreaterThan(20 * (1 - TIMELINE_LIMITS.slewRate) - 0.01);
      expect(step).toBeLessThan(20 * (1 + TIMELINE_LIMITS.slewRate) + 0.01);
      last = time;
    }
    expect(Math.abs(last - (START_MS + 10_000 + error))).toBeLessThanOrEqual(0.6);
    expect(Math.abs(timeline.errorMs)).toBeLessThanOrEqual(0.5);
  });
  test('never back, even when a frame has an older timestamp', () => {
    const timeline = new Timeline(RATE);
    timeline.handleReport(START_MS, stamp(0));
    const later = timeline.at(stamp(100), START_MS + 100);
    expect(timeline.at(stamp(60), START_MS + 101)).toBe(later);
  });
  test('a frame that was recovered a second late keeps its time', () => {
    const timeline = new Timeline(RATE);
    timeline.handleReport(START_MS, stamp(0));
    expect(timeline.at(stamp(33), START_MS + 1_033)).toBeCloseTo(START_MS + 33, 1);
    expect(timeline.jumps).toBe(0);
  });
  test('timestamps that begin anew go on by arrival until the next report', () => {
    const timeline = new Timeline(RATE);
    timeline.handleReport(START_MS, stamp(0));
    timeline.at(stamp(0), START_MS);
    expect(timeline.at(stamp(500_000), START_MS + 40)).toBeCloseTo(START_MS + 40, 1);
    expect(timeline.jumps).toBe(1);
    expect(timeline.reported).toBe(false);
    timeline.handleReport(START_MS + 50, stamp(500_010));
    expect(timeline.reported).toBe(true);
  });
  test('a gap of an hour keeps its time', () => {
    const timeline = new Timeline(RATE);
    timeline.handleReport(START_MS, stamp(0));
    timeline.at(stamp(0), START_MS);
    const hour = 3_600_000;
    expect(timeline.at(stamp(hour), START_MS + hour)).toBeCloseTo(START_MS + hour, 1);
    expect(timeline.jumps).toBe(0);
  });
});
