import { expect, test } from 'vitest';
import { FileParts, PART_LIMITS, type PartTrack } from '../../src/media/fileParts.js';
import { Timeline } from '../../src/media/timeline.js';
import type { FrameCodec, TrackFrame } from '../../src/media/trackReader.js';

const START = 1_000_000;

/** A file under test; `log` is what happened to its parts: 'open 1 a:opus v:vp8', 'write 1 1 20', 'close 1', … */
class Bench {
  readonly log: string[] = [];
  readonly wanted: string[] = [];
  readonly leftOut: string[] = [];
  readonly timelines = new Map<string, Timeline>();
  nowMs = START;
  readonly parts = new FileParts(
    {
      openPart: (number, tracks: readonly PartTrack[], startMs) => {
        const names = tracks.map(({ trackIds, codec }) => `${trackIds.join('+')}:${codec}`);
        this.log.push(`open ${number} ${names.join(' ')} @${startMs - START}`);
        return {
          write: (track, wallMs) => this.log.push(`write ${number} ${track} ${Math.round(wallMs - START)}`),
          replace: (track, trackId) => this.log.push(`replace ${number} ${track} ${trackId}`),
          close: () => this.log.push(`close ${number}`),
        };
      },
      wantKeyFrame: (trackId) => this.wanted.push(trackId),
      leaveOut: (trackId) => this.leftOut.push(trackId),
    },
    (micros) => micros / 1000,
  );

  add(trackId: string, kind: 'audio' | 'video', key = trackId): void {
    const timeline = new Timeline(1_000);
    this.timelines.set(trackId, timeline);
    this.parts.addTrack(trackId, kind, key, timeline);
  }

  report(trackId: string): void {
    this.timelines.get(trackId)!.handleReport(this.nowMs, this.nowMs);
  }

  /** @param lateMs it came so long after its time */
  frame(trackId: string, atMs: number, codec: FrameCodec, keyFrame = true, lateMs = 0): void {
    this.nowMs = START + atMs + lateMs;
    const frame: TrackFrame = {
      codec,
      channels: 2,
      data: Uint8Array.of(1),
      timestamp: START + atMs,
      arrivalMicros: this.nowMs * 1000,
      keyFrame,
      width: undefined,
      height: undefined,
      codecPrivate: undefined,
      missing: undefined,
      csrc: 0,
      anew: false,
    };
    this.parts.handleFrame(trackId, frame, this.nowMs);
  }

  wait(atMs: number): void {
    this.nowMs = START + atMs;
    this.parts.poll(this.nowMs);
  }

  /** What happened since the last time. */
  take(): string[] {
    return this.log.splice(0);
  }
}

test('a part begins when all announced tracks are there and know their time', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.add('v', 'video');
  bench.frame('a', 0, 'opus');
  bench.frame('v', 30, 'vp8');
  expect(bench.take()).toEqual([]);
  bench.report('a');
  bench.report('v');
  bench.frame('a', 40, 'opus');
  expect(bench.take()).toEqual(['open 1 a:opus v:vp8 @0', 'write 1 1 0', 'write 1 2 30', 'write 1 1 40']);
});

test('a silent track is waited for two seconds, and is not in the first part then', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.add('v', 'video');
  bench.frame('a', 0, 'opus');
  bench.wait(PART_LIMITS.firstGatherMs - 1);
  expect(bench.take()).toEqual([]);
  bench.wait(PART_LIMITS.firstGatherMs);
  expect(bench.take()).toEqual(['open 1 a:opus @0', 'write 1 1 0']);
});

test('a picture that comes later begins part 2; sound moves over, the first part ends', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.frame('a', 0, 'opus');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.add('v', 'video');
  bench.take();
  bench.frame('v', 5_000, 'vp8');
  bench.frame('a', 5_010, 'opus');
  bench.wait(6_000);
  expect(bench.take()).toEqual(['open 2 v:vp8 a:opus @5000', 'write 2 1 5000', 'write 2 2 5010', 'close 1']);
});

test('a picture of the part before goes on there until its key frame, which is asked for', () => {
  const bench = new Bench();
  bench.add('v', 'video');
  bench.frame('v', 0, 'vp8');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.add('s', 'video');
  bench.take();
  bench.frame('s', 2_000, 'vp9');
  expect(bench.wanted).toEqual(['v']);
  bench.frame('v', 2_010, 'vp8', false);
  expect(bench.take()).toEqual(['write 1 1 2010']);
  bench.frame('v', 2_500, 'vp8', true);
  bench.frame('s', 2_510, 'vp9', false);
  bench.wait(3_000);
  expect(bench.take()).toEqual([
    'open 2 s:vp9 v:vp8 @2000',
    'write 2 1 2000',
    'write 2 2 2500',
    'write 2 1 2510',
    'close 1',
  ]);
});

test('a key frame that comes after the next part has begun finds its place there', () => {
  const bench = new Bench();
  bench.add('v', 'video');
  bench.frame('v', 0, 'vp8');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.add('a', 'audio');
  bench.take();
  bench.frame('a', 2_000, 'opus');
  bench.wait(3_000);
  bench.frame('v', 3_010, 'vp8', false);
  expect(bench.take()).toEqual(['open 2 a:opus :vp8 @2000', 'write 2 1 2000', 'write 1 1 3010']);
  bench.frame('v', 4_000, 'vp8', true);
  expect(bench.take()).toEqual(['replace 2 2 v', 'write 2 2 4000', 'close 1']);
});

test('a picture without a key frame is left behind after five seconds', () => {
  const bench = new Bench();
  bench.add('v', 'video');
  bench.frame('v', 0, 'vp8');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.add('a', 'audio');
  bench.frame('a', 2_000, 'opus');
  bench.wait(3_000);
  bench.take();
  bench.wait(3_000 + PART_LIMITS.leaveMs);
  expect(bench.take()).toEqual(['close 1']);
  bench.frame('v', 9_000, 'vp8', false);
  expect(bench.leftOut).toEqual(['v']);
  bench.frame('v', 9_100, 'vp8', true);
  expect(bench.take()).toEqual(['replace 2 2 v', 'write 2 2 9100']);
});

test('who was muted while the next part began has a place in it', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.frame('a', 0, 'opus');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.add('v', 'video');
  bench.frame('v', 60_000, 'vp8');
  bench.wait(61_000);
  bench.take();
  bench.frame('a', 90_000, 'opus');
  expect(bench.take()).toEqual(['replace 2 2 a', 'write 2 2 90000', 'close 1']);
});

test('another codec begins the next part, also while one gathers', () => {
  const bench = new Bench();
  bench.add('v', 'video');
  bench.frame('v', 0, 'vp8');
  bench.frame('v', 100, 'h264');
  expect(bench.take()).toEqual(['open 1 v:vp8 @0', 'write 1 1 0']);
  bench.wait(1_100);
  expect(bench.take()).toEqual(['open 2 v:h264 @100', 'write 2 1 100', 'close 1']);
});

test('a source that ends and comes again takes its old place', () => {
  const bench = new Bench();
  bench.add('v1', 'video', 'camera');
  bench.add('a', 'audio');
  bench.frame('v1', 0, 'vp8');
  bench.frame('a', 5, 'opus');
  bench.wait(PART_LIMITS.firstGatherMs);
  bench.parts.removeTrack('v1');
  bench.take();
  bench.add('v2', 'video', 'camera');
  bench.frame('v2', 9_000, 'vp8');
  expect(bench.take()).toEqual(['replace 1 1 v2', 'write 1 1 9000']);
});

test('frames of a track that ended while its part gathered are in it', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.frame('a', 0, 'opus');
  bench.parts.removeTrack('a');
  bench.wait(PART_LIMITS.firstGatherMs);
  expect(bench.take()).toEqual(['open 1 a:opus @0', 'write 1 1 0']);
});

test('the end begins a part that still gathers, and closes all', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.frame('a', 0, 'opus');
  bench.parts.end(START + 10);
  expect(bench.take()).toEqual(['open 1 a:opus @0', 'write 1 1 0', 'close 1']);
  bench.frame('a', 20, 'opus');
  expect(bench.take()).toEqual([]);
});

test('a file to which nothing came has no part', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.wait(60_000);
  bench.parts.end(START + 60_000);
  expect(bench.take()).toEqual([]);
});

test('after a freeze, what came late says how late the rest may come, for a second or two', () => {
  const bench = new Bench();
  bench.add('a', 'audio');
  bench.report('a');
  for (let at = 0; at < 2_000; at += 20) bench.frame('a', at, 'opus', true, 30);
  expect(bench.parts.latenessMs).toBe(30);
  bench.frame('a', 2_000, 'opus', true, 1_300);
  expect(bench.parts.latenessMs).toBe(1_300);
  for (let at = 3_400; at < 4_000; at += 20) bench.frame('a', at, 'opus', true, 30);
  expect(bench.parts.latenessMs).toBe(1_300);
  for (let at = 4_000; at < 6_000; at += 20) bench.frame('a', at, 'opus', true, 30);
  expect(bench.parts.latenessMs).toBe(30);
});
