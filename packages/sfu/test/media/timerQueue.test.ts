/** Deadlines come in order, each once, whatever was moved or cancelled in between. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Timed, TimerQueue } from '../../src/media/timerQueue.js';

function queueWithLog(): { queue: TimerQueue; log: string[]; timed: (name: string) => Timed } {
  const log: string[] = [];
  return { queue: new TimerQueue(), log, timed: (name) => new Timed((now) => log.push(`${name}@${now}`)) };
}

test('who is due is called once, in the order of the deadlines', () => {
  const { queue, log, timed } = queueWithLog();
  const [a, b, c] = [timed('a'), timed('b'), timed('c')];
  queue.set(a, 300);
  queue.set(b, 100);
  queue.set(c, 200);
  expect(queue.nextDeadline()).toBe(100);
  queue.run(99);
  expect(log).toEqual([]);
  queue.run(250);
  expect(log).toEqual(['b@250', 'c@250']);
  queue.run(300);
  queue.run(400);
  expect(log).toEqual(['b@250', 'c@250', 'a@300']);
  expect(queue.nextDeadline()).toBeUndefined();
});

test('setNoLaterThan brings a deadline nearer and never moves it away', () => {
  const { queue, timed } = queueWithLog();
  const a = timed('a');
  queue.setNoLaterThan(a, undefined);
  expect(queue.nextDeadline()).toBeUndefined();
  queue.setNoLaterThan(a, 100);
  queue.setNoLaterThan(a, 200);
  expect(queue.nextDeadline()).toBe(100);
  queue.setNoLaterThan(a, 50);
  expect(queue.nextDeadline()).toBe(50);
  queue.set(a, 500);
  expect(queue.nextDeadline()).toBe(500);
  queue.set(a, undefined);
  expect(queue.size).toBe(0);
});

test('who sets a deadline in the past while being called waits for the next call', () => {
  const queue = new TimerQueue();
  let calls = 0;
  const spinner: Timed = new Timed((now) => {
    calls++;
    queue.set(spinner, now - 1);
  });
  queue.set(spinner, 0);
  queue.run(10);
  expect(calls).toBe(1);
  queue.run(11);
  expect(calls).toBe(2);
});

test('whoever waits for the next deadline hears when it comes nearer, and only then', () => {
  const { queue, timed } = queueWithLog();
  let nearer = 0;
  queue.onNearer = () => nearer++;
  const [a, b] = [timed('a'), timed('b')];
  queue.set(a, 100);
  expect(nearer).toBe(1);
  queue.set(b, 200);
  queue.set(b, 150);
  queue.set(a, 120);
  expect(nearer).toBe(1);
  queue.set(b, 50);
  expect(nearer).toBe(2);
});

test('any sequence of settings and cancellations agrees with a sorted list', () => {
  const step = fc.record({ who: fc.nat(19), deadline: fc.option(fc.nat(50), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new TimerQueue();
      const called: number[] = [];
      const all = Array.from({ length: 20 }, (_, who) => new Timed(() => called.push(who)));
      const expected = new Map<number, number>();
      for (const { who, deadline } of steps) {
        queue.set(all[who]!, deadline);
        if (deadline === undefined) expected.delete(who);
        else expected.set(who, deadline);
      }
      expect(queue.size).toBe(expected.size);
      expect(queue.nextDeadline()).toBe(expected.size === 0 ? undefined : Math.min(...expected.values()));
      queue.run(25);
      const due = [...expected].filter(([, deadline]) => deadline <= 25);
      expect([...called].sort((x, y) => x - y)).toEqual(due.map(([who]) => who).sort((x, y) => x - y));
      const deadlines = called.map((who) => expected.get(who)!);
      expect(deadlines).toEqual([...deadlines].sort((x, y) => x - y));
      expect(queue.size).toBe(expected.size - due.length);
    }),
  );
});
