/**
 * More than ten thousand random switches over paths that lose, delay and reorder; everything sent is judged by the payload.
 * Rules: docs/virtual-streams.md A2, A4-A6, R1-R3, R7, R9.
 */
import { afterAll, expect, test } from 'vitest';
import { converse } from './support/conversation.js';
import { CLEAN, POOR, type PathOptions } from './support/room.js';

const BAD: PathOptions = { loss: 0.06, delayMs: 80, jitterMs: 8, reorder: 0.08, reorderMs: 110 };
const WANTED = 10_000;

const PATHS: { name: string; paths: PathOptions[] }[] = [
  { name: 'clean', paths: [CLEAN] },
  { name: 'poor', paths: [POOR] },
  { name: 'bad', paths: [BAD] },
  { name: 'mixed', paths: [CLEAN, POOR, BAD] },
];
const SLOTS: number[][] = [[3], [1], [2, 3], [0, 1, 2, 3], [3], [6]];

const totals = { switches: 0, received: 0, packets: 0, again: 0, gaps: 0, violations: 0 };
afterAll(() => console.log('all paths:', JSON.stringify(totals)));

test.each(PATHS)('2,500 switches on $name paths break no rule', ({ name, paths }) => {
  let switches = 0;
  const errors: number[] = [];
  SLOTS.forEach((slots, i) => {
    const { judge } = converse({
      seed: 1000 * (i + 1) + name.length,
      paths,
      slots,
      seconds: 30,
      audioSlots: Math.max(3, ...slots),
    });
    switches += judge.distinct.size;
    totals.switches += judge.distinct.size;
    totals.received += judge.switches;
    totals.packets += judge.packets;
    totals.again += judge.resent;
    totals.gaps += judge.gaps;
    totals.violations += judge.total;
    for (const error of judge.lineErrorsMs) errors.push(error);
    expect(judge.examples).toEqual([]);
  });
  errors.sort((a, b) => a - b);
  const at = (share: number): string => errors[Math.floor((errors.length - 1) * share)]!.toFixed(1);
  console.log(
    `${name}: ${switches} switches, off the line p1 ${at(0.01)} p50 ${at(0.5)} p99 ${at(0.99)} most ${at(1)} ms`,
  );
  expect(switches).toBeGreaterThan(WANTED / PATHS.length);
});
