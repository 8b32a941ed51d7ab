/** Reports come on the grid, each once; who was moved or has left is passed over. */
import { expect, test } from 'vitest';
import { REPORT_GRID_MICROS, ReportSchedule } from '../../src/media/reportSchedule.js';
import { TimerQueue } from '../../src/media/timerQueue.js';

const GRID = REPORT_GRID_MICROS;

function setUp() {
  const timers = new TimerQueue();
  const schedule = ReportSchedule.of(timers);
  const reported: string[] = [];
  const reporter = (name: string) => {
    schedule.join();
    return {
      reportMicros: undefined as number | undefined,
      report(nowMicros: number): void {
        reported.push(`${name} ${nowMicros / GRID}`);
        this.reportMicros = undefined;
      },
      due(grid: number): void {
        this.reportMicros = grid * GRID;
        schedule.set(this, this.reportMicros);
      },
    };
  };
  /** All deadlines up to this one, as the loop calls them. */
  const run = (grid: number): void => {
    for (
      let next = timers.nextDeadline();
      next !== undefined && next <= grid * GRID;
      next = timers.nextDeadline()
    )
      timers.run(next);
  };
  return { timers, schedule, reported, reporter, run };
}

test('one schedule per process', () => {
  const { timers, schedule } = setUp();
  expect(ReportSchedule.of(timers)).toBe(schedule);
  expect(ReportSchedule.of(new TimerQueue())).not.toBe(schedule);
});

test('each at its time', () => {
  const { reported, reporter, run } = setUp();
  const [a, b, c] = [reporter('a'), reporter('b'), reporter('c')];
  a.due(5);
  b.due(3);
  c.due(5);
  run(4);
  expect(reported).toEqual(['b 3']);
  run(9);
  expect(reported).toEqual(['b 3', 'a 5', 'c 5']);
});

test('who is moved to an earlier time reports then, and not again', () => {
  const { reported, reporter, run } = setUp();
  const a = reporter('a');
  a.due(9);
  a.due(2);
  run(20);
  expect(reported).toEqual(['a 2']);
});

test('who comes to a time twice reports once', () => {
  const { reported, reporter, run } = setUp();
  const a = reporter('a');
  a.due(9);
  a.due(2);
  run(2);
  a.due(9);
  run(20);
  expect(reported).toEqual(['a 2', 'a 9']);
});

test('after the last one has left no timer is left', () => {
  const { timers, schedule, reported, reporter, run } = setUp();
  const [a, b] = [reporter('a'), reporter('b')];
  a.due(2);
  b.due(3);
  a.reportMicros = undefined;
  schedule.leave();
  expect(timers.size).toBe(1);
  b.reportMicros = undefined;
  schedule.leave();
  expect(timers.size).toBe(0);
  run(9);
  expect(reported).toEqual([]);
});
