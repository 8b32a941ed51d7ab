/**
 * One person's voice in a slot for sound against the same person's picture on its line: how far apart two receivers play
 * them, one that goes by the sender reports alone, one that goes by the anchors that it was told. Many switches between two
 * people, one of them 100 ms away, whose browsers report of their microphones as Chromium does: up to 8 ms beside, the first
 * time 16. Rules: docs/virtual-streams.md R2, R5.
 */
import { expect, test } from 'vitest';
import { ServerLine } from '../../src/media/forward/serverLine.js';
import { SourceClock, type AudioSource } from '../../src/media/virtual/index.js';
import type { StreamClock } from '../../src/media/virtual/sourceClock.js';
import { Direct, FRAME_MICROS, SILENCE, SPEECH, TICKS } from './support/direct.js';
import { Random } from './support/random.js';

const STAYS = 60;
const STAY_MICROS = 7_000_000;
const PICTURE_MICROS = 33_333;
const NTP = 3_900_000_000_000_000;
/** The microphone's own reports are beside by 8 ms; what is not worth telling is 5. */
const ANCHOR_MS = 13;

interface Person {
  readonly source: AudioSource;
  readonly camera: StreamClock;
  readonly line: ServerLine;
  readonly delayMicros: number;
  /** µs beside their line: of the newest picture. */
  pictureError: number;
}
interface Skew {
  /** The silence after the first words of the stay was long enough to mend something. */
  readonly paused: boolean;
  /** ms by which the picture comes later than its sound. */
  readonly byReportsMs: number;
  readonly byAnchorsMs: number;
}

/** Each packet of sound that went out, as the two receivers place it beside the picture. */
function watch(speaks: (sinceSwitchMicros: number) => boolean, pauseMicros: number): Skew[] {
  const direct = new Direct(1);
  const random = new Random(23);
  const skews: Skew[] = [];
  const events: [atMicros: number, act: () => void][] = [];
  const begin = direct.nowMicros;
  const end = begin + STAYS * STAY_MICROS;
  /** Who has the slot. */
  const stayAt = (micros: number): number => Math.floor((micros - begin) / STAY_MICROS);
  const payloads: { capturedMicros: number; person: Person }[] = [];
  let anchorMs = 0;

  const people = [5_000, 105_000].map((delayMicros, index): Person => {
    const clock = new SourceClock();
    const source = direct.source(`p${index}`, { clock });
    const camera = clock.createStream(90_000);
    const person = { source, camera, line: new ServerLine(), delayMicros, pictureError: 0 };
    const phase = random.between(0, FRAME_MICROS);
    const path = (): number => delayMicros + random.exponential(2_000);
    const least = (at: number): number => at - person.delayMicros;
    for (let number = 0, at = begin + phase; at < end; number++, at += FRAME_MICROS) {
      const capturedMicros = at;
      // A packet leaves when all of its sound was there.
      events.push([
        at + FRAME_MICROS + path(),
        () => {
          const stay = stayAt(direct.nowMicros);
          const level = speaks(direct.nowMicros - begin - stay * STAY_MICROS) ? SPEECH : SILENCE;
          payloads.push({ capturedMicros, person });
          direct.packet(source, { sequence: 100 + number, timestamp: 5000 + number * TICKS, level });
        },
      ]);
    }
    for (let number = 0, at = begin + 7_000; at < end; number++, at += PICTURE_MICROS) {
      const ticks = 9e6 + number * 3_000;
      const arrival = at + 12_000 + path();
      events.push([
        arrival,
        () => {
          camera.handlePacket(ticks, direct.nowMicros);
          person.line.take(ticks, camera.captureMicros(ticks), 90_000, direct.nowMicros, true);
          person.pictureError = least(person.line.ticks / 0.09) - at;
        },
      ]);
    }
    const report = (stream: 'camera' | 'microphone', everyMicros: number): void => {
      for (let i = 0, at = begin + 700_000; at < end; i++, at += everyMicros * random.between(0.9, 1.1)) {
        const errorMicros = stream === 'camera' ? 0 : i === 0 ? 16_000 : random.between(0, 8_000);
        const [instant, arrival] = [at, at + path()];
        events.push([
          arrival,
          () => {
            if (stream === 'camera') {
              const ticks = 9e6 + Math.round(((instant - begin - 7_000) * 3_000) / PICTURE_MICROS);
              camera.handleSenderReport(NTP + instant, ticks, direct.nowMicros);
              return;
            }
            const rtpTimestamp = (5000 + Math.round((instant - begin - phase) * 0.048)) >>> 0;
            const ntpMicros = NTP + instant + errorMicros;
            direct.room.handleSenderReport(source, { ntpMicros, rtpTimestamp }, direct.nowMicros);
          },
        ]);
      }
    };
    report('camera', 1_000_000);
    report('microphone', 5_000_000);
    return person;
  });
  for (let stay = 0; stay < STAYS; stay++)
    events.push([
      begin + stay * STAY_MICROS,
      () =>
        people.forEach(({ source }, i) => direct.room.setPaused(source.id, i !== stay % 2, direct.nowMicros)),
    ]);

  direct.receiver('r', 1);
  /** Of the slot's one line, in ticks. */
  const base = direct.room.senderReport('r', direct.nowMicros)[0]!.rtpTimestamp - direct.nowMicros * 0.048;
  events.sort(([a], [b]) => a - b);
  for (const [at, act] of events) {
    direct.wait(at - direct.nowMicros);
    const from = direct.sent.length;
    act();
    for (const event of direct.room.takeEvents())
      if (event.type === 'slot' && event.csrc !== 0) anchorMs = event.captureTimeMs - event.rtpTimestamp / 48;
    const stay = stayAt(direct.nowMicros);
    for (const sent of direct.sent.slice(from)) {
      const { capturedMicros, person } = payloads[sent.payload]!;
      // The first seconds teach the clocks; who is muted then teaches, too.
      if (stay < 1) continue;
      const truthMs = (capturedMicros + person.delayMicros) / 1000;
      const soundMs = sent.timestamp / 48 - truthMs;
      skews.push({
        paused: direct.nowMicros - begin - stay * STAY_MICROS > pauseMicros,
        byReportsMs: person.pictureError / 1000 - unwrapped(soundMs - base / 48),
        byAnchorsMs: person.pictureError / 1000 - unwrapped(soundMs + anchorMs),
      });
    }
  }
  return skews;
}

const WRAP_MS = 2 ** 32 / 48;
/** The least of its size of all times that a timestamp of 32 bits may mean. */
const unwrapped = (ms: number): number => ms - Math.round(ms / WRAP_MS) * WRAP_MS;
const share = (values: readonly number[], part: number): number => {
  const sorted = values.map(Math.abs).sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * part)]!;
};

test.each([
  { name: 'silent at the switch', speaks: () => false, pauseMicros: 100_000 },
  {
    name: 'with words from the switch on',
    speaks: (since: number) => since % 3_500_000 < 2_500_000,
    pauseMicros: 3_300_000,
  },
])('a voice and its picture are in step from the switch on: $name', ({ name, speaks, pauseMicros }) => {
  const skews = watch(speaks, pauseMicros);
  const reports = skews.map(({ byReportsMs }) => byReportsMs);
  const paused = skews.filter((skew) => skew.paused).map(({ byReportsMs }) => byReportsMs);
  const anchors = skews.map(({ byAnchorsMs }) => byAnchorsMs);
  const figures = (values: readonly number[]): string =>
    `p50 ${share(values, 0.5).toFixed(1)} p99 ${share(values, 0.99).toFixed(1)} most ${share(values, 1).toFixed(1)} ms`;
  console.log(
    `${name}: by sender reports ${figures(reports)}, after a pause ${figures(paused)}, by anchors ${figures(anchors)}`,
  );
  expect(skews.length).toBeGreaterThan(STAYS * 300);
  expect(share(reports, 0.99)).toBeLessThan(30);
  expect(share(paused, 0.99)).toBeLessThan(16);
  expect(share(anchors, 0.99)).toBeLessThan(ANCHOR_MS);
});
