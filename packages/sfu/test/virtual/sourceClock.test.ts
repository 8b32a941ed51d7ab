/**
 * Capture times in the server's clock: docs/virtual-streams.md R2, R5. One sender, its streams, a path with jitter.
 */
import { describe, expect, test } from 'vitest';
import { SourceClock, WindowMinimum, type StreamClock } from '../../src/media/virtual/sourceClock.js';
import { Random } from './support/random.js';

const RATE = 48_000;
const FRAME = 20_000;
const NTP = 3_900_000_000_000_000;

interface Sent {
  stream: StreamClock;
  /** µs of encoding before a packet leaves. */
  encodeMicros: number;
  firstTicks: number;
}

/** One sender, `ppm` fast, at `delay` µs plus jitter; the reports of its streams every second from `reportsFrom` on. */
function play(
  sent: Sent[],
  options: {
    seconds: number;
    delay: number;
    jitter: number;
    ppm?: number;
    reportsFrom?: number;
    ntpStepAt?: number;
  },
  look: (capturedMicros: number, stream: number, capture: number) => void,
): void {
  const { seconds, delay, jitter, ppm = 0, reportsFrom = Infinity, ntpStepAt = Infinity } = options;
  const random = new Random(5);
  const ticksAt = (one: Sent, micros: number): number =>
    Math.round(one.firstTicks + (micros * (1 + ppm * 1e-6) * RATE) / 1e6);
  const events: [at: number, run: () => void][] = [];
  for (let micros = 0; micros < seconds * 1e6; micros += FRAME) {
    sent.forEach((one, i) => {
      const ticks = ticksAt(one, micros);
      const at = micros + one.encodeMicros + delay + random.exponential(jitter);
      events.push([
        at,
        () => (one.stream.handlePacket(ticks, at), look(micros, i, one.stream.captureMicros(ticks))),
      ]);
    });
    if (micros % 1_000_000 === 0 && micros >= reportsFrom * 1e6) {
      sent.forEach((one) => {
        const ntp = NTP + micros * (1 + ppm * 1e-6) + (micros >= ntpStepAt * 1e6 ? 7_200_000_000 : 0);
        const at = micros + delay + random.exponential(jitter);
        events.push([at, () => one.stream.handleSenderReport(ntp, ticksAt(one, micros), at)]);
      });
    }
  }
  for (const [, run] of events.sort(([a], [b]) => a - b)) run();
}
const stream = (clock: SourceClock, firstTicks = 1e6, encodeMicros = 0): Sent => ({
  stream: clock.createStream(RATE),
  encodeMicros,
  firstTicks,
});

describe('before any report', () => {
  test('arrival time, without the jitter', () => {
    let worst = 0;
    play(
      [stream(new SourceClock())],
      { seconds: 20, delay: 30_000, jitter: 8_000 },
      (captured, _, capture) => {
        if (captured > 1e6) worst = Math.max(worst, Math.abs(capture - captured - 30_000));
      },
    );
    expect(worst).toBeLessThan(1_500);
  });

  test('two streams are apart by what their encoders need', () => {
    const clock = new SourceClock();
    const error = [0, 0];
    play(
      [stream(clock), stream(clock, 5e6, 60_000)],
      { seconds: 5, delay: 30_000, jitter: 1_000 },
      (at, i, capture) => {
        error[i] = capture - at;
      },
    );
    expect(error[1]! - error[0]!).toBeGreaterThan(59_000);
  });
});

describe('with reports', () => {
  test.each([0, 100, -100])(
    'streams of one device are in step within 2 ms, 3 s after the first report, at %i ppm',
    (ppm) => {
      const clock = new SourceClock();
      const error = [0, 0];
      let worst = 0;
      play(
        [stream(clock), stream(clock, 5e6, 60_000)],
        { seconds: 60, delay: 30_000, jitter: 4_000, ppm, reportsFrom: 2 },
        (at, i, capture) => {
          error[i] = capture - at;
          if (at > 5.2e6) worst = Math.max(worst, Math.abs(error[1]! - error[0]!));
        },
      );
      expect(worst).toBeLessThan(2_000);
    },
  );

  test('the offset is slewed by at most 20 ms in a second, and capture times never go back', () => {
    const clock = new SourceClock();
    const last = [-Infinity, -Infinity];
    const offsets: [number, number][] = [];
    play(
      [stream(clock), stream(clock, 5e6, 200_000)],
      { seconds: 30, delay: 30_000, jitter: 4_000, reportsFrom: 3 },
      (at, i, capture) => {
        if (at < 2e6) return;
        if (i === 1) offsets.push([at, capture - at]);
        // Packets overtake each other on the path: only those in order count.
        last[i] = Math.max(last[i]!, capture);
      },
    );
    for (let i = 50; i < offsets.length; i++) {
      const [before, after] = [offsets[i - 50]!, offsets[i]!];
      expect(Math.abs(after[1] - before[1])).toBeLessThanOrEqual(21_000);
    }
    expect(Math.abs(offsets.at(-1)![1] - 30_000)).toBeLessThan(2_000);
  });

  test('follows a clock that is 100 ppm slow for ten minutes', () => {
    let worst = 0;
    play(
      [stream(new SourceClock())],
      { seconds: 600, delay: 30_000, jitter: 3_000, ppm: -100, reportsFrom: 1 },
      (at, _, capture) => {
        if (at > 2e6) worst = Math.max(worst, Math.abs(capture - at - 30_000));
      },
    );
    expect(worst).toBeLessThan(4_000);
  });

  test('a wall clock that is set by two hours shifts nothing', () => {
    let worst = 0;
    play(
      [stream(new SourceClock())],
      { seconds: 30, delay: 30_000, jitter: 2_000, reportsFrom: 1, ntpStepAt: 15 },
      (at, _, capture) => {
        if (at > 2e6) worst = Math.max(worst, Math.abs(capture - at - 30_000));
      },
    );
    expect(worst).toBeLessThan(3_000);
  });

  test('reports that are beside by what a busy browser adds move capture times by less', () => {
    const random = new Random(9);
    const one = new SourceClock().createStream(RATE);
    let [least, most] = [Infinity, -Infinity];
    for (let i = 0; i < 6000; i++) {
      const at = 5e6 + i * FRAME;
      one.handlePacket(i * 960, at + 40_000);
      if (i % 250 === 50)
        one.handleSenderReport(NTP + at + (i === 50 ? 16_000 : random.between(0, 8_000)), i * 960, at);
      if (i < 900) continue;
      const error = one.captureMicros(i * 960) - at;
      [least, most] = [Math.min(least, error), Math.max(most, error)];
    }
    expect(most - least).toBeLessThan(6_000);
    expect(most).toBeLessThan(6_000);
  });

  test('reports that agree on another time than before are believed at once: the timestamps stood still', () => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 1500; i++) {
      const pause = i < 1000 ? 0 : 50_000;
      const at = 5e6 + i * FRAME + pause;
      one.handlePacket(i * 960, at + 100_000);
      if (i % 100 === 50) one.handleSenderReport(NTP + at, i * 960, at);
      if (i > 1200) expect(Math.abs(one.captureMicros(i * 960) - at)).toBeLessThan(1_000);
    }
  });

  test('a stream that begins anew is taken to need as long for its sound as before, until its first report', () => {
    const clock = new SourceClock();
    const [picture, sound] = [clock.createStream(RATE), clock.createStream(RATE)];
    for (let i = 0; i < 2000; i++) {
      const at = 5e6 + i * FRAME;
      const sounds = i < 500 || i >= 1500;
      // The sound of 30 ms ago; after the pause its timestamps go on as if there had been none.
      const ticks = (i < 500 ? i : i - 900) * 960;
      picture.handlePacket(i * 960, at);
      if (i === 1500) sound.restart();
      if (sounds) sound.handlePacket(ticks, at + 30_000);
      if (i % 100 === 50) picture.handleSenderReport(NTP + at, i * 960, at);
      if (i % 100 === 50 && i < 500) sound.handleSenderReport(NTP + at, ticks, at);
      if (sounds && i > 250) expect(Math.abs(sound.captureMicros(ticks) - at)).toBeLessThan(1_000);
    }
  });

  test.each([
    { name: 'an NTP time of 0', ntp: () => 0 },
    { name: 'the end of NTP’s era', ntp: () => 2 ** 32 * 1e6 },
    { name: 'a clock that runs at ten times the speed', ntp: (i: number) => NTP + i * 10_000_000 },
  ])('$name moves capture times by a second at most, and slowly', ({ ntp }) => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 1500; i++) {
      const at = 5e6 + i * FRAME;
      one.handlePacket(i * 960, at);
      if (i % 50 === 0) one.handleSenderReport(ntp(i / 50), i * 960, at);
      const late = at - one.captureMicros(i * 960);
      expect(late).toBeGreaterThanOrEqual(-1);
      expect(late).toBeLessThanOrEqual(Math.min(1_000_000, i * FRAME * 0.021 + 1));
    }
  });
});

describe('timestamps that jump', () => {
  test.each([90_000_000, -90_000_000])('by %i ticks: anchored anew by arrival', (jump) => {
    const one = new SourceClock().createStream(RATE);
    let restarts = 0;
    for (let i = 0; i < 500; i++) {
      const ticks = 1e9 + i * 960 + (i >= 250 ? jump : 0);
      if (one.handlePacket(ticks, i * FRAME)) restarts++;
      expect(one.captureMicros(ticks)).toBeCloseTo(i * FRAME, 0);
    }
    expect(restarts).toBe(1);
  });

  test.each([0.2, 2, 9])('that stood still for %d s, and jitter: anchored anew within 0.4 s', (pause) => {
    const random = new Random(3);
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 500; i++) {
      const captured = i * FRAME + (i >= 200 ? pause * 1e6 : 0);
      one.handlePacket(i * 960, captured + random.exponential(8_000));
      if (i > 220) expect(Math.abs(one.captureMicros(i * 960) - captured)).toBeLessThan(8000);
    }
  });

  test.each([0.2, 2, 9])('that stood still for %d s: anchored anew within 0.4 s', (pause) => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 500; i++) {
      const at = i * FRAME + (i >= 200 ? pause * 1e6 : 0);
      one.handlePacket(i * 960, at);
      if (i > 220) expect(Math.abs(one.captureMicros(i * 960) - at)).toBeLessThan(1000);
    }
  });

  test('one packet that is held for 200 ms changes nothing', () => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 500; i++) {
      one.handlePacket(i * 960, i * FRAME + (i % 50 === 49 ? 200_000 : 0));
      expect(one.captureMicros(i * 960)).toBeCloseTo(i * FRAME, 0);
    }
  });

  test.each([
    { name: 'one packet in ten', late: (i: number) => (i % 10 === 9 ? 300_000 : 0) },
    { name: 'three in a row of twenty', late: (i: number) => (i % 20 > 16 ? 300_000 : 0) },
    { name: 'every other one, with DTX', late: (i: number) => (i % 2 === 1 ? 300_000 : 0), frames: 20 },
    { name: 'all but one in eight, with DTX', late: (i: number) => (i % 8 > 0 ? 300_000 : 0), frames: 20 },
    {
      name: 'a queue of 1 s that drains a quarter faster than it fills',
      late: (i: number) => (i < 200 ? 0 : Math.max(0, 1_000_000 - (i - 200) * FRAME * 0.25)),
    },
  ])('late is not stood still: $name', ({ late, frames = 1 }) => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 800; i++) {
      const captured = i * FRAME * frames;
      one.handlePacket(i * 960 * frames, captured + late(i));
      expect(Math.abs(one.captureMicros(i * 960 * frames) - captured)).toBeLessThan(1000);
    }
  });

  test('a path that froze for 4 s and then delivers everything is no jump', () => {
    const one = new SourceClock().createStream(RATE);
    for (let i = 0; i < 1000; i++) {
      const arrival = i >= 400 && i < 600 ? 600 * FRAME : i * FRAME;
      expect(one.handlePacket(i * 960, arrival)).toBe(false);
      expect(one.captureMicros(i * 960)).toBeCloseTo(i * FRAME, 0);
    }
  });
});

test('the window’s minimum forgets after its length, and not before', () => {
  const window = new WindowMinimum(1000, 5);
  expect(window.value).toBe(Infinity);
  window.push(3, 0);
  for (let now = 100; now <= 4000; now += 100) window.push(9, now);
  expect(window.value).toBe(3);
  for (let now = 4100; now <= 6000; now += 100) window.push(9, now);
  expect(window.value).toBe(9);
  window.push(20, 1e9); // long silence: nothing of before counts
  expect(window.value).toBe(20);
});
