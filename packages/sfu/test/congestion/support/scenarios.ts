/** The links on which the estimator is judged, and the figures by which. */
import type { Sender } from './sender.js';
import { between, mean, percentile, runCall, SECOND, type CallOptions, type Sample } from './call.js';

const MEGABIT = 1_000_000;

export interface Scenario extends CallOptions {
  name: string;
  /** Seconds over which the share of the link is taken. */
  judged: readonly [number, number];
  /** From when on it is counted until the rate is reached; seconds. */
  changes: number;
  /** Bits per second that are there for us in that time. */
  available: number;
}

const steady = (name: string, bitrate: number, more: Partial<Scenario> = {}): Scenario => ({
  name,
  seconds: 40,
  rate: () => bitrate,
  bounds: { max: 10 * MEGABIT },
  judged: [10, 40],
  changes: 0,
  available: bitrate,
  ...more,
});

const changing = (name: string, before: number, after: number, more: Partial<Scenario> = {}): Scenario =>
  steady(name, after, {
    rate: (nowMicros) => (nowMicros < 20 * SECOND ? before : after),
    judged: [25, 40],
    changes: 20,
    ...more,
  });

export const SCENARIOS = {
  narrow: steady('300 kbit/s', 0.3 * MEGABIT),
  middle: steady('1 Mbit/s', MEGABIT),
  wide: steady('5 Mbit/s', 5 * MEGABIT),
  drop: changing('3 Mbit/s, a third of it after 20 s', 3 * MEGABIT, MEGABIT),
  lift: changing('1 Mbit/s, three times as much after 20 s', MEGABIT, 3 * MEGABIT),
  loss: steady('1 Mbit/s, 5 % lost at random', MEGABIT, { loss: 0.05 }),
  bursts: steady('1 Mbit/s, 5 % lost in bursts of 8', MEGABIT, { loss: 0.05, burst: 8 }),
  jitter: steady('1 Mbit/s, 20 ms of jitter', MEGABIT, { jitterMicros: 20_000 }),
  far: steady('1 Mbit/s, round trip 300 ms', MEGABIT, { delayMicros: 150_000 }),
  shallow: steady('1 Mbit/s, a queue of 50 ms', MEGABIT, { queueMicros: 50_000 }),
  keyFrames: steady('1 Mbit/s, a key frame of 6 frames every 5 s', MEGABIT, {
    keyFrameFactor: 6,
    keyFrameMicros: 5 * SECOND,
  }),
  deaf: steady('1 Mbit/s, 20 % of the feedback lost', MEGABIT, { feedbackLoss: 0.2 }),
  rival: steady('2 Mbit/s, a rival with half of it', 2 * MEGABIT, {
    rival: (nowMicros) => (nowMicros > 20 * SECOND ? MEGABIT : 0),
    judged: [25, 40],
    changes: 20,
    available: MEGABIT,
  }),
} as const satisfies Record<string, Scenario>;

export interface Verdict {
  samples: Sample[];
  /** Of the media that arrived, of what was there. */
  share: number;
  /** From the change to the end of the first second that begins three in which 85–100 % of what is there is used. */
  reachedSeconds: number | undefined;
  queueMs: number;
  lostPackets: number;
}

export function judge(scenario: Scenario, seed = 1, sender?: Sender): Verdict {
  const { samples } = runCall({ ...scenario, seed, ...(sender === undefined ? {} : { sender }) });
  const [from, to] = scenario.judged;
  const stable = between(samples, from, to);
  return {
    samples,
    share: mean(stable.map(({ arrived }) => arrived)) / scenario.available,
    reachedSeconds: reached(samples, scenario),
    queueMs: percentile(
      stable.map(({ queueMs }) => queueMs),
      0.95,
    ),
    lostPackets: samples.reduce((sum, { lost }) => sum + lost, 0),
  };
}

function reached(samples: readonly Sample[], { changes, available }: Scenario): number | undefined {
  for (let at = changes * 10; at + 30 <= samples.length; at++) {
    const arrived = mean(samples.slice(at, at + 30).map((sample) => sample.arrived));
    if (arrived >= 0.85 * available && arrived <= 1.02 * available) return samples[at + 9]!.seconds - changes;
  }
  return undefined;
}
