/** Lip-sync over made-up browsers: buffers that follow their minimum as Chromium's were seen to. Virtual time only. */
import { describe, expect, test } from 'vitest';
import { LIP_SYNC, LipSync, type Kind } from '../src/lipSync.js';

const RATE: Record<Kind, number> = { audio: 48, video: 90 };
const FRAME_MS: Record<Kind, number> = { audio: 20, video: 33 };
/** How fast a buffer moves, ms per second; how far below its target it ends. */
const SPEED: Record<Kind, number> = { audio: 50, video: 400 };
const BELOW: Record<Kind, number> = { audio: 10, video: 18 };
const ADA = { participantId: 'ada', audioCsrc: 1_001, videoCsrc: 1_002 };

/** One receiver of a browser: what was captured when is played now, given path and jitter buffer. */
class Receiver {
  csrc = 0;
  /** RTP time at capture time 0 on the server's clock. */
  base = 4_294_900_000; // wraps within two seconds
  target: number | null = null;
  buffer: number;
  silent = false;
  /** ms by which readings come later than they should: a machine that does other things as well. */
  wobbles: readonly number[] = [0];
  #read = 0;
  #sum = 0;
  #count = 0;
  constructor(
    readonly kind: Kind,
    public natural: number,
    public path = 30,
  ) {
    this.buffer = natural;
  }
  /** Lateness on the browser's clock, which is `ahead` of the server's. */
  static readonly ahead = 5_000_000;

  advance(ms: number): void {
    const goal = Math.max(this.natural, this.target === null ? 0 : this.target - BELOW[this.kind]);
    const most = (SPEED[this.kind] * ms) / 1_000;
    this.buffer += Math.max(-most, Math.min(most, goal - this.buffer));
    this.#sum += this.buffer;
    this.#count += 1;
  }
  reading(nowMs: number) {
    const frame = FRAME_MS[this.kind];
    const playedCapture = nowMs - this.path - this.buffer;
    // The packet that is being played began a part of a frame ago; its readings come when it was handed over.
    const capture = Math.floor(playedCapture / frame) * frame;
    const rtpTimestamp = Math.round(this.base + RATE[this.kind] * capture) % 2 ** 32;
    const wobble = this.wobbles[this.#read++ % this.wobbles.length]!;
    const timestamp = Math.round(capture + this.path + this.buffer + wobble) + Receiver.ahead;
    return {
      contributing: this.silent || this.csrc === 0 ? [] : [{ source: this.csrc, timestamp, rtpTimestamp }],
      synchronization: [],
    };
  }
  buffered(): number | undefined {
    const mean = this.#count > 0 ? this.#sum / this.#count : undefined;
    this.#sum = this.#count = 0;
    return mean;
  }
  anchorAt(captureTimeMs: number) {
    const rtpTimestamp = Math.round(this.base + RATE[this.kind] * captureTimeMs) % 2 ** 32;
    return { csrc: this.csrc, rtpTimestamp, captureTimeMs };
  }
}

class Browser {
  readonly lipSync = new LipSync();
  readonly changes: string[] = [];
  nowMs = 100_000;
  /** Whether the browser tells the size of its buffers. */
  tellsBuffers = true;
  /** What it says of its sound device. */
  deviceMs: number | undefined;
  readonly receivers: Record<Kind, Receiver[]>;

  constructor(audio: Receiver[], video: Receiver[]) {
    this.receivers = { audio, video };
    this.lipSync.reset({ audio: audio.length, video: video.length });
    this.lipSync.know([ADA]);
  }
  anchors(): void {
    for (const kind of ['audio', 'video'] as const)
      this.receivers[kind].forEach((receiver, slot) =>
        this.lipSync.anchor(kind, slot, receiver.anchorAt(this.nowMs - 500)),
      );
  }
  /** @returns true skew at each tenth of a second, of slot 0 against slot 0 */
  run(ms: number): number[] {
    const skews: number[] = [];
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      for (let step = 0; step < 10; step++) {
        this.nowMs += 10;
        for (const receiver of [...this.receivers.audio, ...this.receivers.video]) receiver.advance(10);
      }
      for (const kind of ['audio', 'video'] as const)
        this.receivers[kind].forEach((receiver, slot) =>
          this.lipSync.read(kind, slot, receiver.reading(this.nowMs), this.nowMs),
        );
      for (const { kind, slot } of this.lipSync.looks(this.nowMs))
        this.lipSync.look(kind, slot, {
          bufferedMs: this.tellsBuffers ? this.receivers[kind][slot]!.buffered() : undefined,
          deviceMs: this.deviceMs,
        });
      for (const { kind, slot, delayMs } of this.lipSync.poll(this.nowMs)) {
        this.receivers[kind][slot]!.target = delayMs;
        this.changes.push(`${kind} ${slot} ${delayMs}`);
      }
      skews.push(this.skew());
    }
    return skews;
  }
  skew(audio = 0, video = 0): number {
    const late = ({ path, buffer }: Receiver): number => path + buffer;
    return late(this.receivers.video[video]!) - late(this.receivers.audio[audio]!);
  }
}

function pair(audioMs: number, videoMs: number): Browser {
  const [audio, video] = [new Receiver('audio', audioMs), new Receiver('video', videoMs)];
  audio.csrc = ADA.audioCsrc;
  video.csrc = ADA.videoCsrc;
  video.base = 77;
  const browser = new Browser([audio], [video]);
  browser.anchors();
  return browser;
}
const largest = (skews: number[]): number => Math.max(...skews.map(Math.abs));

describe('a picture ahead of its sound', () => {
  test('is held back: in step within 3 s, and it stays so', () => {
    const browser = pair(220, 20);
    expect(browser.skew()).toBe(-200);
    browser.run(3_000);
    expect(largest(browser.run(60_000))).toBeLessThan(20);
    expect(browser.receivers.audio[0]!.target).toBeNull();
    expect(browser.lipSync.skews).toEqual([{ participantId: 'ada', skewMs: expect.any(Number) as number }]);
    expect(Math.abs(browser.lipSync.skews[0]!.skewMs)).toBeLessThan(20);
  });

  test('no change is larger than a picture may stand still, and none comes when all is well', () => {
    const browser = pair(400, 10);
    browser.run(8_000);
    const targets = browser.changes.map((change) => Number(change.split(' ')[2]));
    targets.slice(1).forEach((target, at) => expect(Math.abs(target - targets[at]!)).toBeLessThanOrEqual(40));
    browser.changes.length = 0;
    browser.run(60_000);
    expect(browser.changes).toEqual([]);
  });

  test('follows the sound when that gets slower or quicker', () => {
    const browser = pair(100, 20);
    browser.run(5_000);
    browser.receivers.audio[0]!.natural = 300;
    browser.run(8_000);
    expect(largest(browser.run(5_000))).toBeLessThan(20);
    browser.receivers.audio[0]!.natural = 60;
    browser.run(9_000);
    expect(largest(browser.run(5_000))).toBeLessThan(20);
  });
});

test('a sound ahead of its picture is held back; its buffer is slow, and nothing overshoots', () => {
  const browser = pair(40, 240);
  const skews = browser.run(12_000);
  expect(Math.min(...skews)).toBeGreaterThan(-20);
  expect(largest(browser.run(60_000))).toBeLessThan(20);
  expect(browser.receivers.video[0]!.target).toBeNull();
});

test('what was late becomes the early one: the minimum changes sides', () => {
  const browser = pair(200, 20);
  browser.run(5_000);
  expect(browser.receivers.video[0]!.target).not.toBeNull();
  browser.receivers.audio[0]!.natural = 20;
  browser.receivers.video[0]!.natural = 150;
  browser.run(15_000);
  expect(browser.receivers.video[0]!.target).toBeNull();
  expect(browser.receivers.audio[0]!.target).not.toBeNull();
  expect(largest(browser.run(10_000))).toBeLessThan(20);
});

test('a sound that is held back and then gets late by itself, while readings wobble: the picture is held instead within 4 s', () => {
  const browser = pair(20, 70);
  const [audio, video] = [browser.receivers.audio[0]!, browser.receivers.video[0]!];
  audio.wobbles = [0, 3, 18, 1, 24, 9, 2, 30, 4, 0, 0, 15, 7];
  video.wobbles = [5, 0, 33, 12, 0, 2, 28, 0, 9, 21, 1];
  browser.run(4_000);
  expect(audio.target).not.toBeNull();
  audio.natural = audio.buffer = 220;
  browser.run(4_000);
  expect(audio.target).toBeNull();
  expect(largest(browser.run(20_000))).toBeLessThan(30);
});

test('a sound that gets late before anything was held back: the picture is held then, within 4 s', () => {
  const browser = pair(40, 60);
  browser.run(500);
  const [audio] = browser.receivers.audio;
  audio!.natural = audio!.buffer = 220;
  browser.run(4_000);
  expect(largest(browser.run(10_000))).toBeLessThan(20);
});

test('in step by itself: nothing is touched', () => {
  const browser = pair(50, 42);
  browser.run(30_000);
  expect(browser.changes).toEqual([]);
});

test('somebody with one medium, and two different people, are left alone', () => {
  const browser = pair(200, 20);
  browser.receivers.video[0]!.csrc = 7_777;
  browser.anchors();
  browser.run(10_000);
  expect(browser.changes).toEqual([]);
  expect(browser.lipSync.skews).toEqual([]);
});

test('a slot that goes to another source is let go at once', () => {
  const browser = pair(220, 20);
  browser.run(4_000);
  expect(browser.receivers.video[0]!.target).not.toBeNull();
  browser.receivers.video[0]!.csrc = 7_777;
  browser.run(100);
  expect(browser.receivers.video[0]!.target).toBeNull();
});

test('a pause between words keeps what was reached; after 5 s it is given up', () => {
  const browser = pair(220, 20);
  browser.run(4_000);
  const { target } = browser.receivers.video[0]!;
  browser.receivers.audio[0]!.silent = true;
  browser.run(LIP_SYNC.absentMs - 200);
  expect(browser.receivers.video[0]!.target).toBe(target);
  expect(browser.lipSync.skews).toEqual([]);
  browser.receivers.audio[0]!.silent = false;
  browser.run(1_000);
  expect(largest(browser.run(10_000))).toBeLessThan(20);
  browser.receivers.audio[0]!.silent = true;
  browser.run(LIP_SYNC.absentMs + LIP_SYNC.windowMs + 500);
  expect(browser.receivers.video[0]!.target).toBeNull();
});

test('somebody who leaves is forgotten at once', () => {
  const browser = pair(220, 20);
  browser.run(4_000);
  browser.lipSync.know([]);
  browser.run(100);
  expect(browser.receivers.video[0]!.target).toBeNull();
});

test('the voice comes back in another slot: the picture stays in step with it there', () => {
  const audio = [new Receiver('audio', 220), new Receiver('audio', 220)];
  const video = new Receiver('video', 20);
  audio[0]!.csrc = ADA.audioCsrc;
  audio[1]!.base = 12_345;
  video.csrc = ADA.videoCsrc;
  const browser = new Browser(audio, [video]);
  browser.anchors();
  browser.run(4_000);
  audio[0]!.csrc = 5;
  audio[1]!.csrc = ADA.audioCsrc;
  browser.anchors();
  browser.run(1_000);
  for (let round = 0; round < 100; round++) {
    browser.run(100);
    expect(Math.abs(browser.skew(1, 0))).toBeLessThan(20);
  }
});

test.each([
  { name: 'a headset by radio: the picture waits for it', audioMs: 40, videoMs: 60, deviceMs: 203 },
  { name: 'a headset by radio, a picture that is late itself', audioMs: 40, videoMs: 300, deviceMs: 203 },
  { name: 'a quick device', audioMs: 90, videoMs: 40, deviceMs: 3 },
])('$name', ({ audioMs, videoMs, deviceMs }) => {
  const browser = pair(audioMs, videoMs);
  browser.deviceMs = deviceMs;
  browser.run(8_000);
  // 3 ms of it are taken for what a picture needs as well.
  const seen = browser.run(20_000).map((skew) => skew - (deviceMs - 3));
  expect(largest(seen)).toBeLessThan(20);
});

test('a device is changed during the call: in step with the other one within 4 s', () => {
  const browser = pair(60, 50);
  browser.deviceMs = 20;
  browser.run(5_000);
  browser.deviceMs = 183;
  browser.run(4_000);
  expect(largest(browser.run(10_000).map((skew) => skew - 180))).toBeLessThan(20);
});

test('what is no delay of a device is not believed', () => {
  const browser = pair(50, 42);
  browser.deviceMs = 90_000;
  browser.run(10_000);
  expect(browser.changes).toEqual([]);
});

test('an anchor of another source says nothing', () => {
  const browser = pair(220, 20);
  browser.lipSync.reset({ audio: 1, video: 1 });
  const [audio, video] = [browser.receivers.audio[0]!, browser.receivers.video[0]!];
  browser.lipSync.anchor('audio', 0, { ...audio.anchorAt(0), csrc: 9 });
  browser.lipSync.anchor('video', 0, video.anchorAt(browser.nowMs));
  browser.run(5_000);
  expect(browser.changes).toEqual([]);
});

test('a browser that tells no buffer sizes is brought in step all the same, a little later', () => {
  for (const [audioMs, videoMs] of [
    [250, 20],
    [120, 60],
    [30, 200],
  ] as const) {
    const browser = pair(audioMs, videoMs);
    browser.tellsBuffers = false;
    browser.run(20_000);
    expect(largest(browser.run(20_000))).toBeLessThan(20);
  }
});

test('a browser without RTP timestamps is left alone', () => {
  const lipSync = new LipSync();
  lipSync.reset({ audio: 1, video: 1 });
  lipSync.know([ADA]);
  for (const kind of ['audio', 'video'] as const)
    lipSync.anchor(kind, 0, { csrc: kind === 'audio' ? 1_001 : 1_002, rtpTimestamp: 0, captureTimeMs: 0 });
  for (let nowMs = 0; nowMs < 5_000; nowMs += 100) {
    for (const kind of ['audio', 'video'] as const) {
      const source = kind === 'audio' ? 1_001 : 1_002;
      lipSync.read(kind, 0, { contributing: [{ source, timestamp: nowMs }], synchronization: [] }, nowMs);
    }
    expect(lipSync.poll(nowMs)).toEqual([]);
  }
});

test('never more than a browser takes', () => {
  const browser = pair(9_000, 20);
  browser.run(60_000);
  const { target } = browser.receivers.video[0]!;
  expect(target).toBeGreaterThan(3_990);
  expect(target).toBeLessThanOrEqual(4_000);
});
