import { describe, expect, test } from 'vitest';
import { backoffMs } from '../src/backoff.js';
import { Reconnector, type ReconnectCommand, type ReconnectSignal } from '../src/reconnector.js';

const NO_JITTER = (): number => 0.5;

/** Drives the machine in steps of 100 ms, as the call does, and writes down what it wants and when. */
class Run {
  now = 0;
  readonly machine = new Reconnector(0, NO_JITTER);
  readonly log: string[] = [];
  answer: (command: ReconnectCommand, run: Run) => void = () => {};

  signal(signal: ReconnectSignal): this {
    this.machine.handle(signal, this.now);
    this.#poll();
    return this;
  }
  transport(state: RTCPeerConnectionState): this {
    return this.signal({ t: 'transport', state });
  }
  until(ms: number): this {
    while (this.now < ms) {
      this.now += 100;
      this.#poll();
    }
    return this;
  }
  #poll(): void {
    const command = this.machine.poll(this.now);
    if (!command) return;
    this.log.push(`${this.now} ${command.t === 'giveUp' ? command.code : command.t}`);
    this.answer(command, this);
  }
}
const attempt = (t: 'ok' | 'unreachable' | 'refused'): ReconnectSignal => ({ t: 'attempt', result: { t } });

test('a short interruption is nobody’s business', () => {
  const run = new Run()
    .until(1_000)
    .transport('disconnected')
    .until(2_900)
    .transport('connected')
    .until(9_000);
  expect(run.log).toEqual([]);
  expect(run.machine.status).toBe('connected');
});

test('disconnected for two seconds: ICE is restarted', () => {
  const run = new Run().until(1_000).transport('disconnected').until(2_900);
  expect(run.machine.status).toBe('connected');
  run.until(3_000);
  expect(run.log).toEqual(['3000 restart']);
  expect(run.machine.status).toBe('reconnecting');
  run.signal(attempt('ok')).until(3_400).transport('connected');
  expect(run.machine.status).toBe('connected');
  expect(run.until(90_000).log).toHaveLength(1);
});

test('failed: at once', () => {
  expect(new Run().until(500).transport('failed').log).toEqual(['500 restart']);
});

test('a refused restart leads to a new session at once', () => {
  const run = new Run().until(500).transport('failed').signal(attempt('refused'));
  expect(run.log).toEqual(['500 restart', '500 join']);
  run.signal(attempt('ok'));
  expect(run.machine.status).toBe('connected');
});

test('a restart that was answered but found no way leads to a new session after six seconds', () => {
  const run = new Run().transport('failed').signal(attempt('ok')).until(8_000);
  expect(run.log).toEqual(['0 restart', '6000 join']);
});

test('no network: restarts while the server still knows us, then new sessions, and after a minute the end', () => {
  const run = new Run();
  run.answer = (command) => command.t !== 'giveUp' && run.signal(attempt('unreachable'));
  run.transport('failed').until(70_000);
  expect(run.log).toEqual([
    '0 restart',
    '500 restart',
    '1500 restart',
    '3500 restart',
    '7500 restart',
    '15500 restart',
    '23500 restart',
    '31500 join',
    '39500 join',
    '47500 join',
    '55500 join',
    '60000 CONNECTION_LOST',
  ]);
  expect(run.machine.status).toBe('ended');
});

test('a server that does not answer at all costs the same minute', () => {
  const run = new Run().transport('failed').until(70_000);
  expect(run.log.at(-1)).toBe('60000 CONNECTION_LOST');
});

test('back online: no waiting', () => {
  const run = new Run();
  run.transport('failed');
  for (let i = 0; i < 5; i++) run.signal(attempt('unreachable')).until(run.now + 4_000);
  const before = run.log.length;
  run.signal(attempt('unreachable')).signal({ t: 'online' });
  expect(run.log.length).toBe(before + 1);
  expect(run.log.at(-1)).toBe(`${run.now} restart`);
});

test('online after offline restarts although ICE has noticed nothing yet', () => {
  const run = new Run().until(20_000).signal({ t: 'offline' }).until(21_000).signal({ t: 'online' });
  expect(run.log).toEqual(['21000 restart']);
  run.signal(attempt('ok'));
  expect(run.machine.status).toBe('connected');
});

test('online without offline before means nothing', () => {
  expect(new Run().until(1_000).signal({ t: 'online' }).until(5_000).log).toEqual([]);
});

test('offline takes the patience away', () => {
  const run = new Run().signal({ t: 'offline' }).until(300).transport('disconnected');
  expect(run.log).toEqual(['300 restart']);
});

describe('rejoin', () => {
  test('at once, or after the delay that was asked for', () => {
    expect(new Run().until(700).signal({ t: 'rejoin', delayMs: 0 }).log).toEqual(['700 join']);
    expect(new Run().signal({ t: 'rejoin', delayMs: 1_000 }).until(3_000).log).toEqual(['1000 join']);
  });

  test('a dying transport during it starts nothing else', () => {
    const run = new Run().signal({ t: 'rejoin', delayMs: 0 }).transport('failed').transport('closed');
    run.signal({ t: 'rejoin', delayMs: 0 });
    expect(run.log).toEqual(['0 join']);
  });

  test('a session that is gone does not come back because ICE does', () => {
    const run = new Run().signal({ t: 'rejoin', delayMs: 1_000 }).transport('connected').until(1_000);
    expect(run.log).toEqual(['1000 join']);
  });

  test('a server that asks again and again is answered ever more slowly', () => {
    const run = new Run();
    run.answer = () => run.signal(attempt('ok')).signal({ t: 'rejoin', delayMs: 0 });
    run.signal({ t: 'rejoin', delayMs: 0 }).until(20_000);
    expect(run.log).toEqual(['0 join', '500 join', '1500 join', '3500 join', '7500 join', '15500 join']);
  });

  test('ten quiet seconds later it counts as the first time again', () => {
    const run = new Run();
    run
      .signal({ t: 'rejoin', delayMs: 0 })
      .signal(attempt('ok'))
      .until(10_000)
      .signal({ t: 'rejoin', delayMs: 0 });
    expect(run.log).toEqual(['0 join', '10000 join']);
  });
});

test('a restart whose answer is under way is waited for, even when ICE recovers before', () => {
  const run = new Run().transport('failed').transport('connected');
  expect(run.machine.status).toBe('reconnecting');
  run.signal(attempt('ok'));
  expect(run.machine.status).toBe('connected');
});

test('a final refusal ends with its code', () => {
  const run = new Run().signal({ t: 'rejoin', delayMs: 0 });
  run.signal({ t: 'attempt', result: { t: 'fatal', code: 'TOKEN_EXPIRED' } });
  expect(run.log).toEqual(['0 join', '0 TOKEN_EXPIRED']);
  expect(run.machine.status).toBe('ended');
});

test('after the end nothing happens', () => {
  const run = new Run();
  run.machine.end();
  expect(run.transport('failed').until(5_000).log).toEqual([]);
});

test.each([
  [1, 500],
  [2, 1_000],
  [3, 2_000],
  [4, 4_000],
  [5, 8_000],
  [6, 8_000],
  [1_000, 8_000],
])('backoff after %i failures is %i ms, give or take a fifth', (failures, ms) => {
  expect(backoffMs(failures, 0.5)).toBe(ms);
  expect(backoffMs(failures, 0)).toBe(ms * 0.8);
  expect(backoffMs(failures, 1)).toBe(ms * 1.2);
});
