/**
 * What to do about a lost connection: wait a moment, restart ICE, join again in the same participant's place,
 * give up. Pure: signals and `now` (monotonic ms) in, one command at a time out of `poll`.
 * It does not know what an attempt consists of; the call runs it and reports how it ended.
 */
import { backoffMs } from './backoff.js';

export const RECONNECT = {
  graceMs: 2_000, // browsers report 'disconnected' after one lost check and mostly recover by themselves
  restartMs: 6_000, // request and connectivity checks together; a path that works needs well under one second
  joinMs: 12_000, // a whole new session: request, checks, DTLS (its first retransmission is at 1 s), channel
  restartUsefulMs: 25_000, // the server frees a session 30 s after the last check (RFC 7675 §5.1); later a restart is refused anyway
  giveUpMs: 60_000, // after a minute people have noticed and want a button
  stableMs: 10_000, // a connection that lived this long resets the count of failures
} as const;

export type AttemptResult =
  /** Restart: the answer is applied. Join: the new session is up. */
  | { t: 'ok' }
  /** No HTTP answer. */
  | { t: 'unreachable' }
  /** The server said no, but may say yes later or to another request. */
  | { t: 'refused' }
  /** The server will not change its mind: ends the call with this code. */
  | { t: 'fatal'; code: string };

export type ReconnectSignal =
  | { t: 'transport'; state: RTCPeerConnectionState }
  /** The session is gone on the server's side: only a new one helps. */
  | { t: 'rejoin'; delayMs: number }
  | { t: 'online' }
  | { t: 'offline' }
  | { t: 'attempt'; result: AttemptResult };

export type ReconnectCommand = { t: 'restart' } | { t: 'join' } | { t: 'giveUp'; code: string };

type Phase =
  | { t: 'connected'; sinceMs: number }
  | { t: 'grace'; untilMs: number }
  | { t: 'waiting'; untilMs: number; next: 'restart' | 'join' }
  | { t: 'restarting'; untilMs: number; answered: boolean }
  | { t: 'joining'; untilMs: number }
  | { t: 'ended' };

export class Reconnector {
  #phase: Phase;
  #transport: RTCPeerConnectionState = 'connected';
  #outageSinceMs: number | undefined;
  #failures = 0;
  #offline = false;
  #giveUpCode: string | undefined;
  readonly #chance: () => number;

  constructor(nowMs: number, chance: () => number) {
    this.#phase = { t: 'connected', sinceMs: nowMs };
    this.#chance = chance;
  }

  /** What people should see; the grace period does not show. */
  get status(): 'connected' | 'reconnecting' | 'ended' {
    if (this.#phase.t === 'ended') return 'ended';
    return this.#phase.t === 'connected' || this.#phase.t === 'grace' ? 'connected' : 'reconnecting';
  }

  /** Failed attempts in this outage. */
  get failures(): number {
    return this.#failures;
  }

  end(): void {
    this.#phase = { t: 'ended' };
  }

  handle(signal: ReconnectSignal, nowMs: number): void {
    if (this.#phase.t === 'ended') return;
    switch (signal.t) {
      case 'transport':
        return this.#onTransport(signal.state, nowMs);
      case 'rejoin':
        return this.#onRejoin(signal.delayMs, nowMs);
      case 'offline':
        this.#offline = true;
        return;
      case 'online':
        return this.#onOnline(nowMs);
      case 'attempt':
        return this.#onAttempt(signal.result, nowMs);
    }
  }

  /** Call after every signal and at least every 100 ms. */
  poll(nowMs: number): ReconnectCommand | undefined {
    const phase = this.#phase;
    if (phase.t === 'ended') return undefined;
    if (this.#giveUpCode === undefined && this.status === 'reconnecting') {
      if (nowMs - (this.#outageSinceMs ?? nowMs) >= RECONNECT.giveUpMs) this.#giveUpCode = 'CONNECTION_LOST';
    }
    if (this.#giveUpCode !== undefined) {
      this.#phase = { t: 'ended' };
      return { t: 'giveUp', code: this.#giveUpCode };
    }
    if (phase.t === 'connected' || nowMs < phase.untilMs) return undefined;
    switch (phase.t) {
      case 'grace':
        return this.#start('restart', nowMs);
      case 'waiting':
        return this.#start(phase.next === 'restart' ? this.#usefulKind(nowMs) : 'join', nowMs);
      case 'restarting':
        // Answered, but the checks found no way: the path of the old session is gone for good.
        if (phase.answered) return this.#start('join', nowMs);
        this.#fail('restart', nowMs);
        return undefined;
      case 'joining':
        this.#fail('join', nowMs);
        return undefined;
    }
  }

  #onTransport(state: RTCPeerConnectionState, nowMs: number): void {
    this.#transport = state;
    const phase = this.#phase;
    if (phase.t === 'joining') return; // that attempt speaks for itself
    if (state === 'connected') {
      // A restart that was asked for changes the server's credentials: its answer must still be applied.
      if (phase.t === 'connected' || (phase.t === 'restarting' && !phase.answered)) return;
      if (phase.t === 'waiting' && phase.next === 'join') return; // that session is gone, whatever ICE says
      this.#recovered(nowMs);
    } else if (phase.t === 'connected' || phase.t === 'grace') {
      if (state === 'disconnected' && phase.t === 'connected') {
        this.#outage(nowMs);
        this.#phase = { t: 'grace', untilMs: nowMs + (this.#offline ? 0 : RECONNECT.graceMs) };
      } else if (state === 'failed') {
        this.#outage(nowMs);
        this.#phase = { t: 'waiting', untilMs: nowMs, next: 'restart' };
      } else if (state === 'closed') this.#onRejoin(0, nowMs);
    }
  }

  #onRejoin(delayMs: number, nowMs: number): void {
    const phase = this.#phase;
    if (phase.t === 'joining' || (phase.t === 'waiting' && phase.next === 'join')) return;
    if (phase.t === 'connected' && nowMs - phase.sinceMs >= RECONNECT.stableMs) this.#failures = 0;
    this.#outage(nowMs);
    // A server that keeps asking is answered at the pace of failures.
    const paceMs = this.#failures > 0 ? backoffMs(this.#failures, this.#chance()) : 0;
    this.#failures += 1;
    this.#phase = { t: 'waiting', untilMs: nowMs + Math.max(delayMs, paceMs), next: 'join' };
  }

  #onOnline(nowMs: number): void {
    const wasOffline = this.#offline;
    this.#offline = false;
    const phase = this.#phase;
    if (phase.t === 'waiting') phase.untilMs = nowMs;
    else if (phase.t === 'grace') phase.untilMs = nowMs;
    else if (phase.t === 'connected' && wasOffline) {
      // Another network, most likely: ICE would need seconds to notice.
      this.#outage(nowMs);
      this.#phase = { t: 'grace', untilMs: nowMs };
    }
  }

  #onAttempt(result: AttemptResult, nowMs: number): void {
    const phase = this.#phase;
    if (phase.t !== 'restarting' && phase.t !== 'joining') return;
    if (result.t === 'fatal') {
      this.#giveUpCode = result.code;
    } else if (phase.t === 'joining') {
      if (result.t === 'ok') this.#recovered(nowMs);
      else this.#fail('join', nowMs);
    } else if (this.#transport === 'connected') {
      this.#recovered(nowMs);
    } else if (result.t === 'ok') {
      phase.answered = true;
    } else if (result.t === 'refused') {
      this.#phase = { t: 'waiting', untilMs: nowMs, next: 'join' };
    } else {
      this.#fail('restart', nowMs);
    }
  }

  #start(kind: 'restart' | 'join', nowMs: number): ReconnectCommand {
    this.#phase =
      kind === 'restart'
        ? { t: 'restarting', untilMs: nowMs + RECONNECT.restartMs, answered: false }
        : { t: 'joining', untilMs: nowMs + RECONNECT.joinMs };
    return { t: kind };
  }

  #fail(next: 'restart' | 'join', nowMs: number): void {
    this.#failures += 1;
    this.#phase = { t: 'waiting', untilMs: nowMs + backoffMs(this.#failures, this.#chance()), next };
  }

  #usefulKind(nowMs: number): 'restart' | 'join' {
    return nowMs - (this.#outageSinceMs ?? nowMs) < RECONNECT.restartUsefulMs ? 'restart' : 'join';
  }

  #outage(nowMs: number): void {
    const phase = this.#phase;
    if (phase.t === 'connected' && nowMs - phase.sinceMs >= RECONNECT.stableMs) this.#failures = 0;
    this.#outageSinceMs ??= nowMs;
  }

  #recovered(nowMs: number): void {
    this.#transport = 'connected';
    this.#outageSinceMs = undefined;
    this.#phase = { t: 'connected', sinceMs: nowMs };
  }
}
