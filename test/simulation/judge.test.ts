/** The judge itself: a right stream passes, and each broken rule is seen as that rule and no other. */
import { describe, expect, test } from 'vitest';
import { ExitWatch } from './support/exitWatch.js';
import { Judge, type Rule, type Told } from './support/judge.js';
import { Random } from './support/random.js';
import { SimulatedRoom } from './support/room.js';
import { RollOver } from './support/rollOver.js';
import { readStamp, writeStamp } from './support/stamp.js';
import { Talker } from './support/talker.js';

const SECOND = 1_000_000;

function makeTalker(source: number, csrc: number): Talker {
  const options = {
    source,
    ssrc: 100 + source,
    mid: '0',
    payloadType: 111,
    levelExtensionId: 1,
    midExtensionId: 4,
    dtx: false,
    payloadBytes: 40,
    startMicros: SECOND,
    clock: { frameMicros: 20_000, wallAtZeroMillis: 0 },
  };
  const talker = new Talker(options, new Random(source));
  talker.csrc = csrc;
  for (let i = 0; i < 400; i++) {
    talker.frame();
    talker.arrived(i, talker.capturedMicros[i]!);
  }
  return talker;
}

/** Source 1 for 50 packets, source 2 for 50, source 1 again: numbers, line and markers right. */
function rightStream(talkers: readonly Talker[]): Told[] {
  const told: Told[] = [];
  for (let i = 0; i < 150; i++) {
    const talker = talkers[i >= 50 && i < 100 ? 1 : 0]!;
    const captured = talker.capturedMicros[i]!;
    told.push({
      listener: 'p9',
      slot: 0,
      out: 1000 + i,
      timestamp: (7777 + Math.round((48 * captured) / 1000)) >>> 0,
      marker: i % 50 === 0,
      csrcs: [talker.csrc],
      source: talker.options.source,
      packetNumber: i,
      sentMicros: captured + 500,
    });
  }
  return told;
}

function verdict(
  change: (stream: Told[], talkers: Talker[]) => Told[] | undefined,
  ownSources: number[] = [],
): Map<Rule, number> {
  const judge = new Judge({ earlyMs: 5, lateMs: 5 });
  const talkers = [makeTalker(1, 501), makeTalker(2, 502)];
  for (const talker of talkers) judge.talkers.set(talker.options.source, talker);
  const stream = judge.stream('p9', 0, 'p9', () => ownSources);
  stream.report(7777 + 48_000, 1000);
  const packets = rightStream(talkers);
  for (const told of change(packets, talkers) ?? packets) stream.take(told);
  judge.finish();
  return judge.violations;
}

describe('the judge', () => {
  test('a right stream with two switches has no violation', () => {
    expect(verdict(() => undefined)).toEqual(new Map());
  });
  test('order of arrival does not matter', () => {
    expect(verdict((s) => s.map((_, i) => s[i ^ 1]!))).toEqual(new Map());
  });
  test('a gap that the source left is right', () => {
    expect(
      verdict((s, [first]) => ((first!.arrivedMicros[20] = undefined), s.filter((t) => t.out !== 1020))),
    ).toEqual(new Map());
  });
  test('a packet that came behind its successors may be left out', () => {
    expect(
      verdict((s, [first]) => ((first!.arrivedMicros[20]! += 90_000), s.filter((t) => t.out !== 1020))),
    ).toEqual(new Map());
  });
  test('a repeated packet is right', () => {
    expect(verdict((s) => [...s.slice(0, 60), { ...s[40]! }, ...s.slice(60)])).toEqual(new Map());
  });

  const broken: {
    name: string;
    rule: Rule;
    also?: Rule;
    change: (s: Told[], t: Talker[]) => Told[] | undefined;
    own?: number[];
  }[] = [
    {
      name: 'CSRC of another source',
      rule: 'attribution',
      change: (s) => s.map((t) => (t.out === 1060 ? { ...t, csrcs: [501] } : t)),
    },
    {
      name: 'three CSRCs',
      rule: 'csrc-list',
      change: (s) => s.map((t) => (t.out === 1060 ? { ...t, csrcs: [502, 42, 7] } : t)),
    },
    {
      name: 'second CSRC is not 42',
      rule: 'csrc-list',
      change: (s) => s.map((t) => (t.out === 1060 ? { ...t, csrcs: [502, 7] } : t)),
    },
    { name: 'own voice', rule: 'own-voice', change: () => undefined, own: [2] },
    {
      name: 'a packet that was there is left out',
      rule: 'gap',
      change: (s) => s.filter((t) => t.out !== 1020),
    },
    {
      name: 'a number is skipped at a switch',
      rule: 'gap',
      change: (s) => s.map((t) => (t.out >= 1050 ? { ...t, out: t.out + 1 } : t)),
    },
    {
      name: 'no marker after a switch',
      rule: 'marker',
      change: (s) => s.map((t) => ({ ...t, marker: t.out === 1050 })),
    },
    {
      name: 'timestamp stands still over a switch',
      rule: 'order',
      also: 'line',
      change: (s) => s.map((t) => (t.out === 1050 ? { ...t, timestamp: s[49]!.timestamp } : t)),
    },
    {
      name: 'off the line',
      rule: 'line',
      change: (s) => s.map((t) => (t.out >= 1100 ? { ...t, timestamp: t.timestamp + 480 } : t)),
    },
    {
      name: 'a repeated packet has another CSRC',
      rule: 'resend',
      change: (s) => [...s.slice(0, 60), { ...s[40]!, csrcs: [501, 42] }, ...s.slice(60)],
    },
    {
      name: 'a source that does not exist',
      rule: 'payload',
      change: (s) => [...s, { ...s[10]!, out: 1150, source: 77 }],
    },
  ];
  test.each(broken)('$name is seen as $rule', ({ rule, also, change, own }) => {
    expect(new Set(verdict(change, own).keys())).toEqual(new Set(also === undefined ? [rule] : [rule, also]));
  });

  test('a report off the line is seen', () => {
    const judge = new Judge({ earlyMs: 5, lateMs: 5 });
    const stream = judge.stream('p9', 0, 'p9', () => []);
    stream.report(5000, 100);
    stream.report(5000 + 48_000, 1100);
    expect(judge.total).toBe(0);
    stream.report(5000 + 96_000 + 10, 2100);
    expect([...judge.violations.keys()]).toEqual(['report-line']);
  });
});

describe('the watch at the exit', () => {
  const watched = (calls: [slot: number, csrcs: number[], atMicros: number][]): Rule[] => {
    const judge = new Judge({ earlyMs: 5, lateMs: 5 });
    const watch = new ExitWatch(judge, 'room');
    for (const [slot, csrcs, at] of calls) watch.sent('p1', slot, csrcs, at);
    return [...judge.violations.keys()];
  };
  test('the loudest changes between two packets', () => {
    expect(
      watched([
        [0, [5, 42], 0],
        [1, [6], 1000],
        [0, [5], 20_000],
        [1, [6, 42], 21_000],
      ]),
    ).toEqual([]);
  });
  test('the loudest changes and changes back', () => {
    expect(
      watched([
        [0, [5, 42], 0],
        [1, [6, 42], 1000],
        [0, [5, 42], 20_000],
        [1, [6], 21_000],
      ]),
    ).toEqual([]);
  });
  test('two bear 42 in turns', () => {
    expect(
      watched([
        [0, [5, 42], 0],
        [1, [6, 42], 1000],
        [0, [5, 42], 20_000],
        [1, [6, 42], 21_000],
      ]),
    ).toEqual(['two-loudest']);
  });
  test('a source goes from slot to slot', () => {
    expect(
      watched([
        [0, [5], 0],
        [1, [5], 20_000],
      ]),
    ).toEqual(['moved']);
  });
  test('a source comes back in another slot after a pause', () => {
    expect(
      watched([
        [0, [5], 0],
        [1, [5], 400_000],
      ]),
    ).toEqual([]);
  });
});

test.each([
  { name: 'first is 0', seen: [40_000], next: 40_001, want: 40_001 },
  { name: 'over the wrap', seen: [65_534, 65_535], next: 0, want: 65_536 },
  { name: 'late, from before the wrap', seen: [65_535, 65_536], next: 65_534, want: 65_534 },
  { name: 'a gap over the wrap', seen: [65_000], next: 100, want: 65_636 },
])('roll-over counter of a receiver: $name', ({ seen, next, want }) => {
  const rollOver = new RollOver();
  for (const index of seen) rollOver.accept(index);
  expect(rollOver.guess(next)).toBe(want);
});

test('a stamp is read back, and a changed byte is not', () => {
  const bytes = writeStamp(7, 123_456, 40);
  expect(readStamp(bytes, 0, 40)).toEqual({ source: 7, packetNumber: 123_456 });
  for (let i = 0; i < bytes.length; i++) {
    const other = bytes.slice();
    other[i]! ^= 0x40;
    expect(readStamp(other, 0, 40)).not.toEqual({ source: 7, packetNumber: 123_456 });
  }
});

/** Who the server took for muted when a packet came decides whether it arrived, also within one millisecond. */
describe('a packet of the millisecond in which its source is', () => {
  const link = { loss: 0, delayMs: 10, jitterMs: 0, reorder: 0, reorderMs: 0 };
  function run(act: (room: SimulatedRoom, talker: Talker) => void): (number | undefined)[] {
    const room = SimulatedRoom.create(
      {
        seed: new Random(5),
        slots: 1,
        profile: 'AEAD_AES_128_GCM',
        uplink: link,
        downlink: link,
        payloadBytes: 40,
      },
      new Judge({ earlyMs: 40, lateMs: 160 }),
    );
    const talker = room.join({ slots: 0 }).talkers[0]!;
    for (let i = 0; i < 300; i++) room.step(() => act(room, talker));
    room.close();
    return talker.arrivedMicros;
  }
  const ARRIVAL = Math.ceil(run(() => undefined)[5]! / 1000) * 1000;

  test.each([
    { what: 'muted', from: ARRIVAL, until: Infinity, arrives: false },
    { what: 'muted just after', from: ARRIVAL + 1000, until: Infinity, arrives: true },
    { what: 'heard again', from: ARRIVAL - 5000, until: ARRIVAL, arrives: true },
    { what: 'heard again just after', from: ARRIVAL - 5000, until: ARRIVAL + 1000, arrives: false },
  ])('$what: $arrives', ({ from, until, arrives }) => {
    const arrived = run((room, talker) => {
      if (room.nowMicros === from) room.mute(talker, true);
      if (room.nowMicros === until) room.mute(talker, false);
    });
    expect(arrived[5] !== undefined).toBe(arrives);
    expect(arrived[4]).toBeDefined();
  });
});
