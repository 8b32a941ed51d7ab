/**
 * Sound without a pause (music, a studio by WHIP, a phone without levels): there is no silence in which a lead over the line could
 * be repaid, and still it must not stay, for sender reports tell the line alone. Rules: docs/virtual-streams.md R2, R5.
 */
import { expect, test } from 'vitest';
import { SourceClock, type AudioSource } from '../../src/media/virtual/index.js';
import { Direct, FRAME_MICROS, TICKS } from './support/direct.js';

const NTP = 3_900_000_000_000_000;
/** Of lips: what people do not notice. */
const IN_STEP_MS = 20;
const TICKS_PER_MS = 48;
const second = 1_000_000;

interface Sound {
  /** Of packet `number`, RFC 6464; -1: none. */
  readonly level: (number: number) => number;
  /** µs that the packet comes later than captured. */
  readonly path?: (number: number) => number;
  /** Its sampling clock against its wall clock, in millionths. */
  readonly driftPpm?: number;
  readonly seconds: number;
}

interface Heard {
  readonly atMicros: number;
  readonly number: number;
  /** ms by which the packet is ahead of where its capture lies on the slot's line. */
  readonly aheadMs: number;
  /** Outgoing number, extended. */
  readonly out: number;
  readonly timestamp: number;
}

function hear({ level, path = () => 0, driftPpm = 0, seconds }: Sound): Heard[] {
  const direct = new Direct(1);
  const begin = direct.nowMicros;
  direct.receiver('r', 1);
  const base = direct.room.senderReport('r', begin)[0]!.rtpTimestamp - begin * 0.048;
  const source: AudioSource = direct.source('music', { clock: new SourceClock() });
  const events: [atMicros: number, act: () => void][] = [];
  const captured: number[] = [];
  const frameMicros = FRAME_MICROS * (1 + driftPpm / 1e6);
  for (let number = 0; number * frameMicros < seconds * second; number++) {
    const at = begin + number * frameMicros;
    events.push([
      at + FRAME_MICROS + path(number),
      () => {
        captured.push(at);
        direct.packet(source, {
          sequence: 100 + number,
          timestamp: 5000 + number * TICKS,
          level: level(number),
          bytes: 160,
        });
      },
    ]);
  }
  for (let at = begin + 0.7 * second; at < begin + seconds * second; at += second) {
    const rtpTimestamp = (5000 + Math.round((at - begin) * 0.048 * (1 - driftPpm / 1e6))) >>> 0;
    events.push([
      at + 1_000,
      () => direct.room.handleSenderReport(source, { ntpMicros: NTP + at, rtpTimestamp }, direct.nowMicros),
    ]);
  }
  events.sort(([a], [b]) => a - b);
  const heard: Heard[] = [];
  for (const [at, act] of events) {
    direct.wait(at - direct.nowMicros);
    const from = direct.sent.length;
    act();
    for (const { payload, timestamp, out } of direct.sent.slice(from)) {
      const trueTicks = captured[payload]! * 0.048;
      const ahead = ((timestamp - base - trueTicks + 2 ** 31) % 2 ** 32) - 2 ** 31;
      heard.push({
        atMicros: at - begin,
        number: payload,
        aheadMs: ahead / TICKS_PER_MS,
        out,
        timestamp,
      });
    }
  }
  return heard;
}

const MUSIC = (): number => 20;
const NO_LEVELS = (): number => -1;
/** Words of a second without a pause that counts as one, 100 ms between them. */
const QUICK_TALK = (number: number): number => (number % 55 < 50 ? 20 : 90);
const worst = (heard: readonly Heard[]): number => Math.max(...heard.map(({ aheadMs }) => Math.abs(aheadMs)));
const from = (heard: readonly Heard[], seconds: number): Heard[] =>
  heard.filter(({ atMicros }) => atMicros > seconds * second);

const KINDS = [
  { what: 'steady music', level: MUSIC },
  { what: 'sound without levels', level: NO_LEVELS },
  { what: 'quick talk', level: QUICK_TALK },
];
/** The first second comes in a burst, as after a start on a busy machine: by arrival it was captured later than it was. */
const BURST = (number: number): number => (number < 20 ? 60_000 : 0);

test.each(KINDS)('$what whose first packets came late is in step soon, and stays so', ({ level }) => {
  const heard = hear({ level, path: BURST, seconds: 60 });
  expect(heard.length).toBeGreaterThan(0.99 * 3_000);
  expect(worst(from(heard, 10))).toBeLessThan(IN_STEP_MS);
});

test.each(KINDS.flatMap((kind) => [-300, 300].map((driftPpm) => ({ ...kind, driftPpm }))))(
  '$what by a sound card that is off by $driftPpm millionths stays in step for ten minutes',
  ({ level, driftPpm }) => {
    const heard = hear({ level, driftPpm, seconds: 600 });
    expect(worst(from(heard, 5))).toBeLessThan(IN_STEP_MS);
    // R1: whatever is left out, numbers go on by one.
    expect(heard.at(-1)!.out - heard[0]!.out).toBe(heard.length - 1);
    // What drifts apart is left out or waited for, and nothing else: a packet for each 20 ms at most.
    const drifted = (600_000 * Math.abs(driftPpm)) / 1e6;
    expect(30_000 - heard.length).toBeLessThan(drifted / 10 + 15);
  },
);

test.each(KINDS)('$what is never cut while it lies on its line', ({ level }) => {
  const heard = hear({ level, path: (number) => (number * 7_919) % 10_000, seconds: 60 });
  expect(heard.map(({ number }) => number)).toEqual(heard.map((_, i) => i));
  const steps = new Set(heard.slice(1).map(({ timestamp }, i) => (timestamp - heard[i]!.timestamp) >>> 0));
  expect([...steps]).toEqual([TICKS]);
});
