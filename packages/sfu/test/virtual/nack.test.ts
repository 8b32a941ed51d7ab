/** What is asked for again is what was sent then: docs/virtual-streams.md R7, R9. */
import { describe, expect, test } from 'vitest';
import type { Sent } from './support/fakeEngine.js';
import { Direct, SPEECH } from './support/direct.js';

const same = (again: Sent | undefined, first: Sent): void => {
  expect(again).toBeDefined();
  expect({ ...again!, again: false, atMicros: 0 }).toEqual({ ...first, atMicros: 0 });
};

/** One slot, one receiver; a speaks, then b in its place. */
function switched(): { direct: Direct; ssrc: number; ofA: Sent[]; ofB: Sent[] } {
  const direct = new Direct(1);
  const [a, b] = [direct.source('a'), direct.source('b', { sequence: 60_000, timestamp: 2 ** 32 - 3000 })];
  const { ssrcs } = direct.receiver('r', 1);
  const ofA = direct.play([a], 20, SPEECH);
  direct.room.setPaused('a', true, direct.nowMicros);
  const ofB = direct.play([b], 20, SPEECH);
  return { direct, ssrc: ssrcs[0]!, ofA, ofB };
}
const nack = (direct: Direct, ssrc: number, outs: number[], roundTripMicros = 30_000): Sent[] => {
  const from = direct.sent.length;
  direct.room.handleNack(
    'r',
    ssrc,
    outs.map((out) => out & 0xffff),
    roundTripMicros,
    direct.nowMicros,
  );
  return direct.sent.slice(from);
};

describe('a packet is sent again', () => {
  test('of the present source', () => {
    const { direct, ssrc, ofB } = switched();
    same(nack(direct, ssrc, [ofB[12]!.out])[0], ofB[12]!);
  });

  test('of an earlier source, with that one’s CSRC and the timestamp of then, and its marker', () => {
    const { direct, ssrc, ofA, ofB } = switched();
    const again = nack(direct, ssrc, [ofA[15]!.out, ofB[0]!.out, ofA[19]!.out]);
    expect(again).toHaveLength(3);
    same(again[0], ofA[15]!);
    same(again[1], ofB[0]!);
    same(again[2], ofA[19]!);
    expect(again[1]!.marker).toBe(true);
    expect(again[0]!.csrcs[0]).not.toBe(again[1]!.csrcs[0]);
  });

  test('with the mark of the loudest as it was then', () => {
    const direct = new Direct(2);
    const [a, b] = [direct.source('a'), direct.source('b')];
    direct.receiver('r', 2);
    const first = direct.play([a, b], 30, (source) => (source === a ? SPEECH : 90));
    direct.play([a, b], 45, (source) => (source === b ? 10 : 90));
    const marked = first.findLast(({ csrcs }) => csrcs[0] === a.csrc)!;
    expect(marked.csrcs).toEqual([a.csrc, 42]);
    same(nack(direct, marked.ssrc, [marked.out])[0], marked);
  });

  test('after the receiver changed its view', () => {
    const direct = new Direct(1);
    const own = direct.source('mine', {}, 'me');
    const [a, b] = [direct.source('a'), direct.source('b')];
    const { ssrcs } = direct.receiver('r', 1, 'me');
    const ofA = direct.play([own, a, b], 30, (source) => (source === a ? SPEECH : 90));
    const { moves } = direct.room.stats();
    // Its own voice takes the shared view's slot: the receiver goes to a view of its own, and back.
    direct.play([own, a, b], 20, (source) => (source === own ? 10 : source === a ? 40 : 90));
    expect(direct.room.stats().moves).toBe(moves + 1);
    same(nack(direct, ssrcs[0]!, [ofA.at(-1)!.out])[0], ofA.at(-1)!);
    direct.room.removeSource('mine', direct.nowMicros);
    direct.play([a, b], 25, 90);
    expect(direct.room.stats().moves).toBe(moves + 2);
    const last = direct.sent.at(-1)!;
    same(nack(direct, ssrcs[0]!, [last.out])[0], last);
  });

  test('of a source that has left', () => {
    const { direct, ssrc, ofA } = switched();
    direct.room.removeSource('a', direct.nowMicros);
    same(nack(direct, ssrc, [ofA[19]!.out])[0], ofA[19]!);
    direct.wait(2_000_000);
    expect(nack(direct, ssrc, [ofA[19]!.out])).toEqual([]);
    expect(direct.engine.retained.size).toBeLessThanOrEqual(3);
  });

  test('that came late and then was lost on the way down', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    const { ssrcs } = direct.receiver('r', 1);
    direct.play([a], 10, SPEECH);
    const missing = direct.next(a);
    direct.lose(a);
    direct.play([a], 5, SPEECH);
    const late = direct.packet(a, { ...missing, level: SPEECH });
    expect(late).toHaveLength(1);
    same(nack(direct, ssrcs[0]!, [late[0]!.out])[0], late[0]!);
  });

  test('over the wrap of 16 bits', () => {
    const direct = new Direct(1);
    const a = direct.source('a', { sequence: 65_536 - 5 });
    const { ssrcs } = direct.receiver('r', 1);
    // The outgoing numbers begin below 16,384: their own wrap is 49,152 packets away at least.
    for (let i = 0; i < 66_000; i++) {
      direct.packet(a, { level: SPEECH });
      direct.nowMicros += 20_000;
      if (direct.sent.length > 200) direct.sent.splice(0, 100);
    }
    const wrap = direct.sent.at(-1)!;
    expect(wrap.out).toBeGreaterThan(65_536);
    same(nack(direct, ssrcs[0]!, [direct.sent.at(-30)!.out])[0], direct.sent.at(-31)!);
  });
});

describe('a packet is not sent again, and counted', () => {
  const drops = (direct: Direct): Record<string, number> => ({ ...direct.room.stats().drops });

  test('within one round trip of the last time', () => {
    const { direct, ssrc, ofB } = switched();
    expect(nack(direct, ssrc, [ofB[15]!.out], 100_000)).toHaveLength(1);
    direct.wait(90_000);
    expect(nack(direct, ssrc, [ofB[15]!.out], 100_000)).toHaveLength(0);
    direct.wait(20_000);
    expect(nack(direct, ssrc, [ofB[15]!.out], 100_000)).toHaveLength(1);
    expect(drops(direct)['nack-repeated']).toBe(1);
  });

  test('when it is older than the cache', () => {
    const { direct, ssrc, ofB } = switched();
    direct.wait(1_100_000);
    expect(nack(direct, ssrc, [ofB[0]!.out])).toEqual([]);
    const { 'nack-too-old': old, 'nack-not-cached': gone } = drops(direct);
    expect(old! + gone!).toBe(1);
  });

  test.each([
    { name: 'a number not sent yet', out: (last: number) => last + 1 },
    { name: 'a number half the circle away', out: (last: number) => last + 32_768 },
  ])('$name', ({ out }) => {
    const { direct, ssrc, ofB } = switched();
    expect(nack(direct, ssrc, [out(ofB.at(-1)!.out)])).toEqual([]);
    expect(drops(direct)['nack-not-sent-yet']).toBe(1);
  });

  test('a number of before the first', () => {
    const { direct, ssrc, ofA } = switched();
    expect(nack(direct, ssrc, [ofA[0]!.out - 1, ofA[0]!.out - 300])).toEqual([]);
    expect(drops(direct)['nack-not-sent-yet']).toBe(2);
  });

  test('a number that the source itself lost', () => {
    const direct = new Direct(1);
    const a = direct.source('a');
    const { ssrcs } = direct.receiver('r', 1);
    direct.play([a], 5, SPEECH);
    direct.lose(a);
    direct.play([a], 5, SPEECH);
    expect(nack(direct, ssrcs[0]!, [direct.sent[4]!.out + 1])).toEqual([]);
    expect(drops(direct)['nack-not-cached']).toBe(1);
  });

  test('for a stream or a receiver that does not exist', () => {
    const { direct } = switched();
    expect(nack(direct, 1, [5])).toEqual([]);
    direct.room.handleNack('nobody', 1, [5], 0, direct.nowMicros);
    expect(drops(direct)['nack-unknown-stream']).toBe(2);
  });

  test('before anything was sent', () => {
    const direct = new Direct(1);
    const { ssrcs } = direct.receiver('r', 1);
    expect(nack(direct, ssrcs[0]!, [0, 1, 65_535])).toEqual([]);
  });
});

test('a NACK of all 65,536 numbers is answered with what there is, once', () => {
  const { direct, ssrc } = switched();
  const all = Array.from({ length: 65_536 }, (_, i) => i);
  const again = nack(direct, ssrc, all);
  expect(again.length).toBeLessThanOrEqual(50);
  expect(nack(direct, ssrc, all)).toEqual([]);
  // Rubbish that is no sequence number finds nothing either.
  expect(nack(direct, ssrc, [-1, NaN, 1e12])).toEqual([]);
});
