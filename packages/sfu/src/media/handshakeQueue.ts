/**
 * Spreads DTLS handshakes: one costs about 0.4 ms of signing and key agreement, and a hundred people who join at once
 * would hold up everybody's voice for 40 ms. Datagrams of unfinished handshakes take turns; those of connected sessions
 * do not come here. Pure but for what it calls: time is an argument.
 */
import type { DropCounters } from './dropCounters.js';
import { Timed } from './timerQueue.js';
import type { TimerQueue } from './timerQueue.js';

export const HANDSHAKE_LIMITS = {
  /** Together: at most 2 × 0.4 ms in each 2 ms. Two flights of a client are three datagrams: over 300 joins a second. */
  perRound: 2,
  roundMicros: 2_000,
  /** A second's worth of rounds; DTLS sends again after a second, so what waits longer is useless. */
  waiting: 1_000,
  /** Of one session: the longest flight of a browser, twice. Who sends more waits behind the others. */
  waitingOfOne: 8,
} as const;

export interface Handshaking {
  handleHandshake(bytes: Uint8Array, nowMicros: number): void;
}

export class HandshakeQueue {
  readonly #timers: TimerQueue;
  readonly #drops: DropCounters;
  readonly #timed: Timed;
  #waiting: { session: Handshaking; bytes: Uint8Array }[] = [];
  readonly #countOf = new Map<Handshaking, number>();
  #roundMicros = -Infinity;
  #done = 0;

  constructor(timers: TimerQueue, drops: DropCounters) {
    this.#timers = timers;
    this.#drops = drops;
    this.#timed = new Timed((nowMicros) => this.#run(nowMicros));
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Now, when nobody else waits and the round has room; else later, in order. @param bytes read during the call only */
  offer(session: Handshaking, bytes: Uint8Array, nowMicros: number): void {
    if (this.#waiting.length === 0 && this.#takeTurn(nowMicros)) {
      session.handleHandshake(bytes, nowMicros);
      return;
    }
    const own = this.#countOf.get(session) ?? 0;
    if (own >= HANDSHAKE_LIMITS.waitingOfOne || this.#waiting.length >= HANDSHAKE_LIMITS.waiting) {
      this.#drops.count('dtls-queue-full');
      return;
    }
    this.#countOf.set(session, own + 1);
    this.#waiting.push({ session, bytes: bytes.slice() });
    this.#timers.setNoLaterThan(this.#timed, this.#roundMicros + HANDSHAKE_LIMITS.roundMicros);
  }

  /** A session that is gone wants nothing any more. */
  forget(session: Handshaking): void {
    if (this.#countOf.delete(session))
      this.#waiting = this.#waiting.filter((each) => each.session !== session);
  }

  #run(nowMicros: number): void {
    while (this.#waiting.length > 0 && this.#takeTurn(nowMicros)) {
      const { session, bytes } = this.#waiting.shift()!;
      const left = (this.#countOf.get(session) ?? 1) - 1;
      if (left > 0) this.#countOf.set(session, left);
      else this.#countOf.delete(session);
      session.handleHandshake(bytes, nowMicros);
    }
    if (this.#waiting.length > 0) this.#timers.set(this.#timed, nowMicros + HANDSHAKE_LIMITS.roundMicros);
  }

  #takeTurn(nowMicros: number): boolean {
    if (nowMicros - this.#roundMicros >= HANDSHAKE_LIMITS.roundMicros) {
      this.#roundMicros = nowMicros;
      this.#done = 0;
    }
    if (this.#done >= HANDSHAKE_LIMITS.perRound) return false;
    this.#done++;
    return true;
  }
}
