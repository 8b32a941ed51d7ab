/** What many receivers cost that show one source: work once at the switch, none per packet. Counted, not timed. */
import { afterEach, expect, test } from 'vitest';
import { SlotCall } from './support/slotCall.js';
import type { TestSlot } from './support/slotCall.js';

const RECEIVERS = 200;

let video: SlotCall;
afterEach(() => video.close());

interface Calls {
  forward: number;
  updateEntry: number;
  listAdd: number;
}

function countCalls(): Calls {
  const { port } = video.call.core.context;
  const calls: Calls = { forward: 0, updateEntry: 0, listAdd: 0 };
  const forward = port.forward.bind(port);
  port.forward = (...rest) => {
    calls.forward++;
    forward(...rest);
  };
  const updateEntry = port.updateEntry.bind(port);
  port.updateEntry = (...rest) => {
    calls.updateEntry++;
    updateEntry(...rest);
  };
  const listAdd = port.listAdd.bind(port);
  port.listAdd = (...rest) => {
    calls.listAdd++;
    listAdd(...rest);
  };
  return calls;
}

function start(): { slots: TestSlot[]; calls: Calls } {
  video = new SlotCall(1);
  const slots = [video.slot];
  while (slots.length < RECEIVERS) slots.push(video.addSlot(video.call.addPeer()));
  video.slots.push(...slots.slice(1));
  return { slots, calls: countCalls() };
}

test('all switch at once: one request, each entry is edited for its switch, and then no more', () => {
  const { slots, calls } = start();
  const a = video.addCamera({ clockMicros: 40_000 });
  const b = video.addCamera();
  for (const slot of slots) slot.show(a);
  video.film(60);
  const asked = b.requests;
  Object.assign(calls, { forward: 0, updateEntry: 0, listAdd: 0 });
  for (const slot of slots) slot.show(b);
  expect(calls).toEqual({ forward: 0, updateEntry: 0, listAdd: 0 });
  video.film(15);
  expect(b.requests - asked).toBe(1);
  expect(slots.every(({ follower }) => follower.shown === b.producer)).toBe(true);
  expect(calls.listAdd).toBe(RECEIVERS);
  // The switch, and the pictures in which the lead of one frame is repaid.
  expect(calls.updateEntry).toBeLessThanOrEqual(5 * RECEIVERS);
  const { forward } = calls;
  expect(forward).toBeLessThanOrEqual(2 * 2 * 15);
  Object.assign(calls, { updateEntry: 0, forward: 0 });
  video.film(60);
  // One command for each packet that comes, whatever the number of receivers; nothing is edited.
  expect(calls).toMatchObject({ forward: 2 * 60, updateEntry: 0, listAdd: RECEIVERS });
});

test('a clock that is slewed edits nobody', () => {
  const { slots, calls } = start();
  const a = video.addCamera({ clockMicros: 0 });
  for (const slot of slots) slot.show(a);
  video.film(60);
  calls.updateEntry = 0;
  // From now on its packets come 60 ms late by its own reports: the line follows for three seconds.
  const before = video.lineErrors().at(-1)!.errorMicros;
  a.options.clockMicros = -60_000;
  video.film(120);
  expect(calls.updateEntry).toBe(0);
  expect(Math.abs(video.lineErrors().at(-1)!.errorMicros - before)).toBeGreaterThan(1000);
  expect(video.faults()).toEqual([]);
});

test('ten switches a second of everybody: one key frame per source and window', () => {
  const { slots } = start();
  const cameras = [video.addCamera(), video.addCamera(), video.addCamera()];
  video.film(30);
  const before = cameras.map(({ requests }) => requests);
  for (let i = 0; i < 30; i++) {
    slots.forEach((slot, k) => slot.show(cameras[(i + k) % 3]));
    video.film(3);
  }
  // Three seconds; the window is half of one.
  cameras.forEach(({ requests }, i) => expect(requests - before[i]!).toBeLessThanOrEqual(7));
  expect(video.faults()).toEqual([]);
});
