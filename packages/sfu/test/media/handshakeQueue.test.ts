/** Handshakes take turns, in order, and never hold up what is connected. */
import { expect, test } from 'vitest';
import { DropCounters } from '../../src/media/dropCounters.js';
import { HANDSHAKE_LIMITS, HandshakeQueue } from '../../src/media/handshakeQueue.js';
import type { Handshaking } from '../../src/media/handshakeQueue.js';
import { TimerQueue } from '../../src/media/timerQueue.js';

function setUp() {
  const timers = new TimerQueue();
  const drops = new DropCounters();
  const queue = new HandshakeQueue(timers, drops);
  const log: { name: string; bytes: number[]; at: number }[] = [];
  const session = (name: string): Handshaking => ({
    handleHandshake: (bytes, at) => log.push({ name, bytes: [...bytes], at }),
  });
  return { timers, drops, queue, log, session };
}

test('a single join does not wait', () => {
  const { queue, log, session, timers } = setUp();
  queue.offer(session('ada'), Uint8Array.of(1), 1_000);
  expect(log).toEqual([{ name: 'ada', bytes: [1], at: 1_000 }]);
  expect(timers.nextDeadline()).toBeUndefined();
});

test('a hundred at once: no more than two in any 2 ms, in the order of their coming, none lost', () => {
  const { queue, log, session, timers } = setUp();
  const shared = new Uint8Array(1);
  for (let i = 0; i < 100; i++) {
    shared[0] = i;
    queue.offer(session(`p${i}`), shared, 5_000);
  }
  for (let at = timers.nextDeadline(); at !== undefined; at = timers.nextDeadline()) timers.run(at);
  expect(log.map(({ name }) => name)).toEqual(Array.from({ length: 100 }, (_, i) => `p${i}`));
  expect(log.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
  for (const { at } of log) {
    const within = log.filter((other) => other.at >= at && other.at < at + HANDSHAKE_LIMITS.roundMicros);
    expect(within.length).toBeLessThanOrEqual(HANDSHAKE_LIMITS.perRound);
  }
  expect(log.at(-1)!.at).toBeLessThan(5_000 + 51 * HANDSHAKE_LIMITS.roundMicros);
});

test('a flood of hellos is bounded, counted, and does not keep others out', () => {
  const { queue, log, session, timers, drops } = setUp();
  const eve = session('eve');
  for (let i = 0; i < 5_000; i++) queue.offer(eve, new Uint8Array(10), 0);
  const { perRound, waitingOfOne, waiting } = HANDSHAKE_LIMITS;
  expect(queue.length).toBe(waitingOfOne);
  expect(drops.toObject()['dtls-queue-full']).toBe(5_000 - perRound - waitingOfOne);
  queue.offer(session('ada'), new Uint8Array(10), 0);
  for (let at = timers.nextDeadline(); at !== undefined; at = timers.nextDeadline()) timers.run(at);
  expect(log.at(-1)!.name).toBe('ada');
  expect(log.at(-1)!.at).toBeLessThan(20_000);
  for (let i = 0; i < 5_000; i++) queue.offer(session(`p${i}`), new Uint8Array(10), 100_000);
  expect(queue.length).toBe(waiting);
});

test('who is gone is not called', () => {
  const { queue, log, session, timers } = setUp();
  const [ada, ben] = [session('ada'), session('ben')];
  for (const each of [ada, ada, ada, ben]) queue.offer(each, new Uint8Array(1), 0);
  queue.forget(ada);
  timers.run(10_000);
  expect(log.map(({ name }) => name)).toEqual(['ada', 'ada', 'ben']);
});
