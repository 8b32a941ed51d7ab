import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LINE_LIMITS, ReceiveLine, type LinePacket, type LostReason } from '../../src/media/receiveLine.js';

const HOLD = LINE_LIMITS.holdMicros;

/** What came out, as text: numbers relative to the first one; 'lost 3-4' and 'restart' beside them. */
class Sink {
  readonly out: string[] = [];
  readonly reasons: LostReason[] = [];
  constructor(readonly first: number) {}
  #base: number | undefined;
  handlePacket({ sequenceNumber }: LinePacket): void {
    this.#base ??= sequenceNumber;
    this.out.push(String(sequenceNumber - this.#base));
  }
  handleLost(from: number, to: number, why: LostReason): void {
    this.out.push(`lost ${from - this.#base!}-${to - this.#base!}`);
    this.reasons.push(why);
  }
  handleRestart(): void {
    this.out.push('restart');
    this.#base = undefined;
  }
}

function packet(sequenceNumber: number, arrivalMicros: number): LinePacket {
  return {
    sequenceNumber,
    timestamp: 0,
    marker: false,
    payloadType: 96,
    memory: Uint8Array.of(1, 2, 3),
    from: 0,
    to: 3,
    dependencyDescriptor: undefined,
    csrc: 0,
    arrivalMicros,
  };
}

/** Numbers come 1 ms apart, counted from `first`. */
function run(first: number, numbers: readonly number[]): { line: ReceiveLine; sink: Sink; now: number } {
  const sink = new Sink(first);
  const line = new ReceiveLine(sink);
  let now = 0;
  for (const number of numbers) {
    now += 1_000;
    line.poll(now);
    line.push(packet(line.extend((first + number) & 0xffff), now), false);
  }
  return { line, sink, now };
}

describe.each([0, 1, 5, 32_766, 32_768, 65_533, 65_535])('numbers that begin at %i', (first) => {
  test.each([
    { name: 'in order', numbers: [0, 1, 2, 3], want: ['0', '1', '2', '3'] },
    { name: 'two swapped', numbers: [0, 2, 1, 3], want: ['0', '1', '2', '3'] },
    { name: 'one five late', numbers: [0, 2, 3, 4, 5, 1, 6], want: ['0', '1', '2', '3', '4', '5', '6'] },
    { name: 'twice', numbers: [0, 1, 1, 2, 0], want: ['0', '1', '2'] },
    { name: 'twice while it waits', numbers: [0, 2, 2, 1], want: ['0', '1', '2'] },
    { name: 'a gap that is waited for', numbers: [0, 3, 4], want: ['0'] },
    { name: 'before the first', numbers: [2, 1, 0, 3], want: ['0', '1'] },
  ])('$name', ({ numbers, want }) => expect(run(first, numbers).sink.out).toEqual(want));

  test('a gap is given up after a second, not before, and what waited goes on', () => {
    const { line, sink } = run(first, [0, 3, 4, 6]);
    expect(line.nextDeadline()).toBe(2_000 + HOLD);
    line.poll(2_000 + HOLD - 1);
    expect(sink.out).toEqual(['0']);
    line.poll(2_000 + HOLD);
    expect(sink.out).toEqual(['0', 'lost 1-2', '3', '4']);
    line.poll(4_000 + HOLD);
    expect(sink.out).toEqual(['0', 'lost 1-2', '3', '4', 'lost 5-5', '6']);
    expect(sink.reasons).toEqual(['hold-expired', 'hold-expired']);
    expect(line.counters).toMatchObject({ received: 4, lost: 3, lostBy: { 'hold-expired': 3 } });
    expect(line.nextDeadline()).toBeUndefined();
  });

  test('what comes after it was given up stays lost, and is counted apart from a copy', () => {
    const { line, sink, now } = run(first, [0, 2]);
    line.poll(now + HOLD);
    line.push(packet(line.extend((first + 1) & 0xffff), now + HOLD + 1), false);
    line.push(packet(line.extend((first + 1) & 0xffff), now + HOLD + 2), false);
    expect(sink.out).toEqual(['0', 'lost 1-1', '2']);
    expect(line.counters).toMatchObject({ received: 2, lost: 1, tooLate: 1, duplicates: 1 });
  });

  test('a jump forward ends what waited and begins anew', () => {
    const { line, sink } = run(first, [0, 2, 10_000, 10_001]);
    expect(sink.out).toEqual(['0', 'lost 1-1', '2', 'restart', '0', '1']);
    expect(line.counters).toMatchObject({ restarts: 1, lostBy: { ended: 1 } });
  });

  test('more missing than anybody sends again is not waited for', () => {
    const { line, sink } = run(first, [0, 1_500, 1_501]);
    expect(sink.out).toEqual(['0', 'lost 1-1499', '1500', '1501']);
    expect(line.counters.lostBy).toMatchObject({ outage: 1_499 });
  });

  test('no more is held than fits', () => {
    const numbers = Array.from({ length: LINE_LIMITS.heldPackets + 2 }, (_, i) => (i === 0 ? 0 : i + 1));
    const { line, sink } = run(first, numbers);
    expect(sink.reasons[0]).toBe(LINE_LIMITS.heldPackets * 1_000 > HOLD ? 'hold-expired' : 'held-full');
    expect(line.held).toBe(0);
  });

  test('the end hands on what waited', () => {
    const { line, sink } = run(first, [0, 2, 5]);
    line.end();
    expect(sink.out).toEqual(['0', 'lost 1-1', '2', 'lost 3-4', '5']);
    expect(line.counters.lostBy.ended).toBe(3);
    expect(line.missing.size).toBe(0);
  });
});

test('a repetition fills a gap and counts as recovered once it was asked for', () => {
  const { line, sink, now } = run(7, [0, 2]);
  expect(line.missing.poll(now + 10_000)).toEqual([8]);
  line.push(packet(line.extend(8), now + 20_000), true);
  expect(sink.out).toEqual(['0', '1', '2']);
  expect(line.counters).toMatchObject({ received: 3, recovered: 1, lost: 0 });
});

test('a repetition before the first packet is refused and counted', () => {
  const sink = new Sink(0);
  const line = new ReceiveLine(sink);
  line.push(packet(line.extend(8), 0), true);
  expect(sink.out).toEqual([]);
  expect(line.counters.beforeFirst).toBe(1);
});

test('packets that wait are copies: the memory that they came in is used again', () => {
  const payloads: number[] = [];
  const line = new ReceiveLine({
    handlePacket: ({ memory, from }) => payloads.push(memory[from]!),
    handleLost: () => undefined,
    handleRestart: () => undefined,
  });
  const memory = new Uint8Array(1);
  for (const number of [1, 3, 4, 2]) {
    memory[0] = number;
    line.push({ ...packet(number, 0), memory }, false);
  }
  expect(payloads).toEqual([1, 2, 3, 4]);
});

test('whatever is lost, repeated or overtaken: each number once, in order, none unaccounted for', () => {
  const step = fc.record({ lost: fc.boolean(), twice: fc.boolean(), delay: fc.integer({ min: 0, max: 40 }) });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 65_535 }),
      fc.array(step, { minLength: 2, maxLength: 200 }),
      (first, steps) => {
        const arrivals = steps.flatMap(({ lost, twice, delay }, number) =>
          number === 0 || !lost
            ? [
                { number, at: number === 0 ? 0 : 10 * number + 5 * delay },
                ...(twice ? [{ number, at: 10 * number + 5 * delay + 33 }] : []),
              ]
            : [],
        );
        arrivals.sort((a, b) => a.at - b.at);
        const seen: number[] = [];
        let lost = 0;
        const line = new ReceiveLine({
          handlePacket: ({ sequenceNumber }) => seen.push(sequenceNumber),
          handleLost: (from, to) => (lost += to - from + 1),
          handleRestart: () => expect.unreachable(),
        });
        for (const { number, at } of arrivals) {
          line.poll(at * 1_000);
          line.push(packet(line.extend((first + number) & 0xffff), at * 1_000), false);
        }
        line.end();
        for (let i = 1; i < seen.length; i++) expect(seen[i]!).toBeGreaterThan(seen[i - 1]!);
        expect(seen.length + lost).toBe(seen.at(-1)! - seen[0]! + 1);
        expect(line.counters).toMatchObject({ received: seen.length, lost });
        const { duplicates, tooLate, beforeFirst } = line.counters;
        expect(seen.length + duplicates + tooLate + beforeFirst).toBe(arrivals.length);
      },
    ),
  );
});
