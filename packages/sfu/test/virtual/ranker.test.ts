/**
 * Levels and time in, an order out: docs/virtual-streams.md A7, A10, as tables. No room, no packets.
 */
import { describe, expect, test } from 'vitest';
import { LevelDetector } from '../../src/media/virtual/levelDetector.js';
import { LoudestTracker, Ranker } from '../../src/media/virtual/ranker.js';

const FRAME = 20_000;

class Voice {
  readonly detector = new LevelDetector();
  pinned = false;
  content: 'speech' | 'screen' = 'speech';
  /** RFC 6464 by frame; undefined: no packet. */
  constructor(
    readonly name: string,
    public level: (frame: number) => number | undefined,
    readonly bytes: (frame: number) => number = () => 60,
  ) {}
}

/** Words of 0.7 s with 60 ms of the room's noise between them. */
const words =
  (level: number, noise = 80) =>
  (frame: number): number =>
    frame % 38 < 3 ? noise : level;
const from =
  (start: number, level: (frame: number) => number | undefined, before = 80) =>
  (frame: number): number | undefined =>
    frame < start ? before : level(frame - start);
const until =
  (end: number, level: (frame: number) => number | undefined, after: number | undefined = 80) =>
  (frame: number): number | undefined =>
    frame < end ? level(frame) : after;
const silent = (): number => 80;

/** Orders by frame, as names. */
function run(voices: Voice[], frames: number, screenHolds = true): string[] {
  const ranker = new Ranker<Voice>(screenHolds);
  for (const voice of voices) ranker.add(voice);
  const orders: string[] = [];
  for (let frame = 0; frame < frames; frame++) {
    const now = frame * FRAME;
    for (const voice of voices) {
      const level = voice.level(frame);
      if (level !== undefined) voice.detector.handlePacket(level, voice.bytes(frame), FRAME, now);
      voice.detector.sample(now);
    }
    ranker.evaluate(now);
    orders.push(ranker.order.map(({ name }) => name).join(''));
  }
  return orders;
}
/** The sets of the first `count`, each with the frame since when. */
function tops(orders: string[], count: number): [frame: number, set: string][] {
  const changes: [number, string][] = [];
  orders.forEach((order, frame) => {
    const set = [...order.slice(0, count)].sort().join('');
    if (changes.at(-1)?.[1] !== set) changes.push([frame, set]);
  });
  return changes;
}

describe('who is in the first three', () => {
  test.each([
    {
      name: 'order of joining, while nobody speaks',
      voices: [
        new Voice('a', silent),
        new Voice('b', silent),
        new Voice('c', silent),
        new Voice('d', silent),
      ],
      want: [[0, 'abc']],
    },
    {
      name: 'speech passes silence with its first packet, and stays after it',
      voices: [silent, silent, silent, until(200, from(100, words(30)))].map(
        (l, i) => new Voice('abcd'[i]!, l),
      ),
      want: [
        [0, 'abc'],
        [103, 'abd'], // a word begins with 3 frames of noise
      ],
    },
    {
      name: 'who was active last stays longest',
      voices: [
        new Voice('a', until(100, words(30))),
        new Voice('b', until(200, words(30))),
        new Voice('c', until(300, words(30))),
        new Voice('d', from(400, words(30))),
        new Voice('e', from(500, words(30))),
      ],
      want: [
        [0, 'abc'],
        [403, 'bcd'],
        [503, 'cde'],
      ],
    },
    {
      name: 'equally loud speech displaces nobody who goes on speaking',
      voices: [words(30), words(30), words(30), from(100, words(30))].map((l, i) => new Voice('abcd'[i]!, l)),
      want: [[0, 'abc']],
    },
    {
      name: 'nor does speech that is louder by 4 dB',
      voices: [words(30), words(30), words(30), from(100, words(26))].map((l, i) => new Voice('abcd'[i]!, l)),
      want: [[0, 'abc']],
    },
    {
      name: 'a pause of more than the hangover makes room',
      voices: [words(30), until(100, words(30)), words(30), from(50, words(32))].map(
        (l, i) => new Voice('abcd'[i]!, l),
      ),
      want: [
        [0, 'abc'],
        [120, 'acd'], // 99 was the last frame of speech, 400 ms later it is over
      ],
    },
  ])('$name', ({ voices, want }) => {
    expect(tops(run(voices, 700), 3)).toEqual(want);
  });

  test('clearly louder speech displaces the weakest within 300 ms, and only that one', () => {
    const voices = [words(30), words(45), words(30), from(200, words(20))].map(
      (l, i) => new Voice('abcd'[i]!, l),
    );
    const changes = tops(run(voices, 400), 3);
    expect(changes.map(([, set]) => set)).toEqual(['abc', 'acd']);
    const wait = (changes[1]![0] - 203) * 20;
    expect(wait).toBeGreaterThanOrEqual(100);
    expect(wait).toBeLessThanOrEqual(300);
  });

  test('each prefix changes by one source at a time', () => {
    let seed = 9;
    const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
    const voices = [...'abcdefgh'].map((name) => {
      let level = 80;
      let left = 0;
      return new Voice(name, () => {
        if (left-- <= 0) {
          level = random() < 0.5 ? 80 : 15 + random() * 45;
          left = 5 + random() * 60;
        }
        return level;
      });
    });
    const orders = run(voices, 6000);
    let swaps = 0;
    for (let count = 1; count < 8; count++) {
      for (let i = 1; i < orders.length; i++) {
        const [before, after] = [orders[i - 1]!.slice(0, count), orders[i]!.slice(0, count)];
        const gone = [...before].filter((name) => !after.includes(name)).length;
        swaps += gone;
        // One frame may end one's speech and begin another's: two, hardly ever more.
        expect(gone).toBeLessThanOrEqual(2);
      }
    }
    expect(swaps).toBeGreaterThan(300);
  });
});

describe('classes', () => {
  test('pinned, screen sound, speech, speech without levels, silence', () => {
    const pinned = new Voice('p', silent);
    pinned.pinned = true;
    const screen = new Voice('s', () => 50);
    screen.content = 'screen';
    const voices = [
      new Voice('q', silent),
      new Voice('w', words(20)),
      new Voice('n', () => -1),
      screen,
      pinned,
    ];
    const orders = run(voices, 60);
    expect(orders.at(-1)).toBe('pswnq');
    // With one slot the screen's steady sound is ranked as speech: it has just become its own noise or is below.
    for (const voice of voices) Object.assign(voice, { detector: new LevelDetector() });
    expect(run(voices, 600, false).at(-1)!.indexOf('s')).toBeGreaterThan(1);
  });

  test.each([
    { name: 'bytes vary and are large', bytes: (frame: number) => 50 + (frame % 7), speaking: true },
    { name: 'bytes vary and fall to DTX', bytes: (frame: number) => (frame < 20 ? 60 : 3), speaking: false },
    { name: 'bytes never vary', bytes: () => 160, speaking: true },
    { name: 'bytes never vary and are few', bytes: () => 6, speaking: true },
  ])('without levels: $name → speaks: $speaking', ({ bytes, speaking }) => {
    const detector = new LevelDetector();
    for (let frame = 0; frame < 60; frame++) detector.handlePacket(-1, bytes(frame), FRAME, frame * FRAME);
    expect(detector.speaking(59 * FRAME)).toBe(speaking);
    expect(detector.score(59 * FRAME)).toBe(0);
  });

  test('a single packet without a level does not turn a source into one without levels', () => {
    const detector = new LevelDetector();
    for (let frame = 0; frame < 60; frame++)
      detector.handlePacket(frame === 50 ? -1 : 80, 60, FRAME, frame * FRAME);
    expect(detector.speaking(59 * FRAME)).toBe(false);
  });
});

describe('the detector', () => {
  const feed = (detector: LevelDetector, start: number, levels: number[]): number => {
    levels.forEach((level, i) => detector.handlePacket(level, 60, FRAME, start + i * FRAME));
    return start + levels.length * FRAME;
  };
  const many = (level: number, count: number): number[] => Array.from({ length: count }, () => level);

  test('rises by most of a step within 60 ms', () => {
    const detector = new LevelDetector();
    const at = feed(detector, 0, many(80, 100));
    feed(detector, at, many(30, 3));
    // Floor -70 dBov, speech -30 dBov: 40 dB above.
    expect(detector.score(at + 2 * FRAME)).toBeGreaterThan(0.8 * 40);
  });

  test.each([20, 30, 40])('speech of level %i is over 300 to 500 ms after its last packet', (level) => {
    const detector = new LevelDetector();
    let at = feed(detector, 0, many(80, 100));
    at = feed(detector, at, many(level, 50));
    const last = at - FRAME;
    for (; detector.speaking(at); at += FRAME) detector.handlePacket(80, 60, FRAME, at);
    expect((at - last) / 1000).toBeGreaterThanOrEqual(300);
    expect((at - last) / 1000).toBeLessThanOrEqual(500);
  });

  test('decays in the same time when nothing comes at all, and counts nothing twice', () => {
    const [stops, sends] = [new LevelDetector(), new LevelDetector()];
    for (const detector of [stops, sends]) feed(detector, feed(detector, 0, many(80, 100)), many(30, 50));
    const at = 150 * FRAME;
    const scores: number[] = [];
    for (let i = 0; i < 25; i++) {
      sends.handlePacket(127, 3, FRAME, at + i * FRAME);
      scores.push(sends.score(at + i * FRAME));
    }
    const after = at + 24 * FRAME;
    // Two missing packets are taken as jitter first: that much later, and no more.
    expect(stops.score(after)).toBeGreaterThan(scores[24]!);
    expect(stops.score(after)).toBeLessThanOrEqual(scores[21]!);
    // The first packet after the gap continues from there.
    stops.handlePacket(127, 3, FRAME, after);
    expect(stops.score(after)).toBeGreaterThan(scores[24]!);
    expect(stops.score(after)).toBeLessThanOrEqual(scores[22]!);
  });

  test('loudness near 127 stays a number: no claim wraps', () => {
    for (const level of [0, 1, 5, 9, 126, 127]) {
      const detector = new LevelDetector();
      feed(detector, 0, many(level, 2000));
      expect(detector.score(1999 * FRAME)).toBeLessThan(1);
      expect(detector.floor).toBeLessThanOrEqual(127);
      expect(detector.speaking(1999 * FRAME)).toBe(false);
    }
  });

  test('one packet of digital silence is no floor', () => {
    const detector = new LevelDetector();
    let at = feed(detector, 0, many(50, 1000)); // a loud fan
    expect(detector.floor).toBeCloseTo(77, 0);
    at = feed(detector, at, [127, 50, 50]);
    expect(detector.floor).toBeCloseTo(77, 0);
    feed(detector, at, [127, 127, 50]);
    expect(detector.floor).toBeLessThan(60);
  });

  test('a room’s noise is not speech, whatever its strength', () => {
    for (const noise of [40, 50, 60, 70]) {
      const detector = new LevelDetector();
      const levels = Array.from({ length: 1500 }, (_, i) => noise + ((i * 7) % 5) - 2);
      let spoke = 0;
      levels.forEach((level, i) => {
        detector.handlePacket(level, 60, FRAME, i * FRAME);
        if (i > 250 && detector.speaking(i * FRAME)) spoke++;
      });
      expect(spoke).toBe(0);
    }
  });
});

describe('the loudest', () => {
  const holders = (voices: Voice[], frames: number): [number, string | undefined][] => {
    const tracker = new LoudestTracker<Voice>();
    const changes: [number, string | undefined][] = [];
    for (let frame = 0; frame < frames; frame++) {
      const now = frame * FRAME;
      for (const voice of voices) {
        const level = voice.level(frame);
        if (level !== undefined) voice.detector.handlePacket(level, 60, FRAME, now);
        voice.detector.sample(now);
      }
      if (tracker.evaluate(voices, now)) changes.push([frame, tracker.current?.name]);
    }
    return changes;
  };

  test('goes on with the turns, and to nobody a second after the last', () => {
    const voices = [
      new Voice(
        'a',
        until(
          100,
          from(20, () => 30),
        ),
      ),
      new Voice(
        'b',
        until(
          200,
          from(100, () => 30),
        ),
      ),
    ];
    // a's hangover ends 20 frames after frame 99, then b, who speaks already, has it; b's last frame is 199.
    expect(holders(voices, 400)).toEqual([
      [20, 'a'],
      [120, 'b'],
      [250, undefined],
    ]);
  });

  test('does not flicker between two who shout at each other', () => {
    const voices = [0, 1].map(
      (n) => new Voice('ab'[n]!, (frame) => (Math.floor(frame / 5) % 2 === n ? 15 : 35)),
    );
    expect(holders(voices, 1000).length).toBeLessThanOrEqual(4);
  });

  test('screen sound has it only where nobody has a microphone', () => {
    const screen = new Voice('s', words(20));
    screen.content = 'screen';
    expect(holders([screen], 100).map(([, name]) => name)).toEqual(['s']);
    const again = new Voice('s', words(20));
    again.content = 'screen';
    expect(holders([again, new Voice('m', silent)], 100)).toEqual([]);
  });
});
