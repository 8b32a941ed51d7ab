/** What the page of figures remembers and how it words numbers. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HARMLESS, readDrops } from '../src/stats/drops.js';
import { assignHues, bitRate, lossTone, niceCeiling, percent } from '../src/stats/format.js';
import { add, EMPTY, WINDOW_MS, type History, type Span } from '../src/stats/history.js';
import { keyOf, nameOf, readRoomStats } from '../src/stats/roomStats.js';
import { CSRC, person, room, slot, START_MS } from './support/figures.js';

test.each([
  [0, '0'],
  [499, '0'],
  [1_206, '1 kbit/s'],
  [32_400, '32 kbit/s'],
  [999_499, '999 kbit/s'],
  [999_500, '1.0 Mbit/s'],
  [9_949_000, '9.9 Mbit/s'],
  [12_400_000, '12 Mbit/s'],
])('%d bit/s is %s', (rate, want) => expect(bitRate(rate)).toBe(want));

test('shares and scales', () => {
  expect([0, 0.004, 0.099, 0.1, 1].map(percent)).toEqual(['0 %', '0.4 %', '9.9 %', '10 %', '100 %']);
  expect([0, 0.019, 0.02, 0.099, 0.1].map(lossTone)).toEqual(['good', 'good', 'poor', 'poor', 'bad']);
  expect([0, 1, 3, 5.1, 120_000, 940_000].map(niceCeiling)).toEqual([1, 1, 5, 10, 200_000, 1_000_000]);
});

test('what is dropped without harm is in the table and not in the headline', () => {
  const drops = {
    'rtp-paused': 900,
    'no-slot': 3,
    'rtx-not-missing': 40_000,
    'cache-full': 7,
    'srtp-auth': 0,
  };
  const { rows, real, reasons } = readDrops(drops);
  expect({ real, reasons }).toEqual({ real: 10, reasons: ['cache-full', 'no-slot'] });
  expect(rows.map(({ reason }) => reason)).toEqual([
    'cache-full',
    'no-slot',
    'rtx-not-missing',
    'rtp-paused',
  ]);
  expect(readDrops({ 'rtp-paused': 5 })).toMatchObject({ real: 0, reasons: [] });
  expect(readDrops({ 'of-tomorrow': 5 })).toMatchObject({ real: 5 });
});

test('what is called harmless is a reason of the engine or the library', () => {
  const files = ['../../engine/src/layout.ts', '../../sfu/src/media/dropCounters.ts'];
  const known = files.map((file) => readFileSync(new URL(file, import.meta.url), 'utf8')).join();
  for (const reason of HARMLESS) expect(known).toContain(`'${reason}'`);
});

describe('colours', () => {
  const people = Array.from({ length: 8 }, (_, at) => ({ key: `p${at}`, name: `Person ${at}` }));
  test('eight people have eight, and nobody’s changes when others come and go', () => {
    const five = assignHues(new Map(), people.slice(0, 5));
    const eight = assignHues(five, people);
    expect(new Set(eight.values()).size).toBe(8);
    for (const [key, hue] of five) expect(eight.get(key)).toBe(hue);
    expect(assignHues(eight, people.slice(2))).toBe(eight);
  });
  test('the first few are far apart', () => {
    const hues = [...assignHues(new Map(), people.slice(0, 4)).values()];
    for (const one of hues)
      for (const other of hues) {
        const apart = Math.min(Math.abs(one - other), 360 - Math.abs(one - other));
        if (one !== other) expect(apart).toBeGreaterThanOrEqual(40);
      }
  });
  test('a crowd gets some all the same', () => {
    const crowd = Array.from({ length: 60 }, (_, at) => ({ key: `c${at}`, name: `Guest ${at}` }));
    expect(assignHues(new Map(), crowd).size).toBe(60);
  });
});

describe('history', () => {
  const ben = 'p_ben';
  const lane = (history: History, name = 'audio 0'): readonly Span[] =>
    history.sessions.get(ben)!.lanes.get(name)!.spans;
  /** Who speaks each second; undefined: nobody. */
  const heard = (...voices: (number | undefined)[]): History =>
    voices.reduce((history, voice, second) => add(history, room(START_MS + 1000 * second, voice)), EMPTY);

  test('who follows whom in a slot, and from when to when', () => {
    const spans = lane(heard(CSRC.ada, CSRC.ada, CSRC.cleo, undefined, CSRC.ada));
    expect(spans.map(({ csrc, fromMs, toMs }) => [csrc, fromMs - START_MS, toMs - START_MS])).toEqual([
      [CSRC.ada, 0, 1000],
      [CSRC.cleo, 1000, 2000],
      [undefined, 2000, 3000],
      [CSRC.ada, 3000, 4000],
    ]);
  });

  test('who is the loudest of the room', () => {
    const { loudest } = heard(CSRC.ada, CSRC.cleo, CSRC.cleo);
    expect(loudest.spans.map(({ csrc }) => csrc)).toEqual([CSRC.ada, CSRC.cleo]);
  });

  test('the same answer twice, or an older one, changes nothing', () => {
    const history = heard(CSRC.ada, CSRC.ada);
    expect(add(history, room(START_MS + 1000, CSRC.cleo))).toBe(history);
    expect(add(history, room(START_MS, CSRC.cleo))).toBe(history);
  });

  test('a hole between answers stays a hole', () => {
    const history = add(heard(CSRC.ada, CSRC.ada), room(START_MS + 60_000, CSRC.ada));
    expect(lane(history).map(({ fromMs, toMs }) => [fromMs - START_MS, toMs - START_MS])).toEqual([
      [0, 1000],
      [60_000, 60_000],
    ]);
  });

  test('what is older than the window is forgotten, and it stays small', () => {
    let history: History = EMPTY;
    for (let second = 0; second < 1000; second++)
      history = add(history, room(START_MS + 1000 * second, second % 2 === 0 ? CSRC.ada : CSRC.cleo));
    expect(lane(history).length).toBeLessThanOrEqual(WINDOW_MS / 1000 + 2);
    expect(history.sessions.get(ben)!.lines.sent.length).toBeLessThanOrEqual(WINDOW_MS / 1000 + 1);
  });

  test('who has left is known by name in the lanes of the others; who comes again goes on', () => {
    const before = heard(CSRC.cleo, CSRC.cleo);
    const now = room(START_MS + 2000, CSRC.cleo);
    const history = add(before, {
      ...now,
      sessions: now.sessions.filter(({ displayName }) => displayName !== 'Cleo'),
    });
    expect(history.owners.get(CSRC.cleo)).toEqual({ key: 'p_cleo', name: 'Cleo', source: 'microphone' });
    expect(history.sessions.has('p_cleo')).toBe(false);
  });

  test('lines have what is known: a session that receives nothing has no loss', () => {
    const whip = person('Studio', { slots: [] });
    const history = add(EMPTY, { room: 'tea', atMs: START_MS, sessions: [whip] });
    expect(history.sessions.get('p_studio')!.lines.lost).toEqual([]);
    const worst = person('Ben', {
      slots: [
        slot({ csrc: CSRC.ada, lostShare: 0.1 }),
        slot({ csrc: CSRC.cleo, slot: 1, lostShare: 0.3 }),
        // Nobody is in it: what it reported last is long over.
        slot({ slot: 2, lostShare: 0.9 }),
      ],
    });
    const lossy = add(EMPTY, { room: 'tea', atMs: START_MS, sessions: [worst] });
    expect(lossy.sessions.get(ben)!.lines.lost.at(-1)?.value).toBe(0.3);
  });
});

test('sessions without a person have a key and a name, too', () => {
  const { participantId: _, displayName: __, ...meet } = person('x', { kind: 'meet', connectionId: 'c1' });
  expect([keyOf(meet, 3), nameOf(meet)]).toEqual(['c1', 'Meet client']);
  const { connectionId: ___, ...bare } = meet;
  expect(keyOf(bare, 3)).toBe('meet 3');
});

test.each([null, 1, 'x', {}, { atMs: 1 }, { atMs: 1, sessions: [{}] }, { atMs: 1, sessions: [null] }, []])(
  '%j is not the answer of a server',
  (value) => expect(readRoomStats(value)).toBeUndefined(),
);
