/**
 * The ICE-lite end of one session: which addresses the peer may send from, which one we send to, whether it still
 * wants our packets. Pure: STUN bytes and times in, replies and choices out.
 * Spec: RFC 8445 (lite responder: always controlled, sends no checks), RFC 7675 §5.1 (consent: here what the
 * peer sends counts, checks and packets that only it can have protected), RFC 8489 §6.3. How sending moves: docs/architecture.md "A peer that moves".
 * Elsewhere: bytes of STUN → @tertulia/wire · whose session a check is for → stunUsername.ts · sockets → the caller
 */
import {
  parseStun,
  STUN_BINDING,
  verifyStunIntegrity,
  writeBindingError,
  writeBindingSuccess,
} from '@tertulia/wire';
import type { Hmac, StunMessage } from '@tertulia/wire';
import { localFragment } from './stunUsername.js';
import { TransactionMemory } from './transactionMemory.js';
import { tupleAddress } from './tuple.js';
import type { Tuple } from './tuple.js';
import { ICE_LIMITS } from './types.js';
import type { IceCredentials, IceDropReason, IceOutput, IceState } from './types.js';

export interface IceLiteOptions extends IceCredentials {
  /** Default 30 s. */
  consentTimeoutMicros?: number;
  /** HMAC-SHA1. */
  hmac: Hmac;
  nowMicros: number;
}

interface BoundTuple {
  readonly tuple: Tuple;
  /** Of the last check, or of an authenticated packet after it. */
  lastHeardMicros: number;
  /** First check with USE-CANDIDATE since another tuple was chosen; a second one makes the move. */
  nominatedMicros: number | undefined;
}

interface Effects {
  unbind?: Tuple[];
  bind?: Tuple;
  select?: Tuple;
  reply?: Uint8Array;
  state?: IceState;
}

const NOTHING: IceOutput = Object.freeze({});
const encoder = new TextEncoder();

export class IceLite {
  readonly #hmac: Hmac;
  readonly #consentTimeoutMicros: number;
  readonly #seen = new TransactionMemory();
  readonly #bound = new Map<string, BoundTuple>();
  readonly #drops = new Map<IceDropReason, number>();
  #credentials: KeyedCredentials;
  /** Of before a restart, good until a check with the new ones passes. */
  #oldCredentials: KeyedCredentials | undefined;
  #selected: BoundTuple | undefined;
  /** Nominated by the peer or proven by its packets: from then on the rules for moving hold. */
  #confirmed = false;
  #left: { key: string; micros: number } | undefined;
  #state: IceState = 'new';
  #checks = 0;
  #moves = 0;

  constructor(options: IceLiteOptions) {
    this.#hmac = options.hmac;
    this.#consentTimeoutMicros = options.consentTimeoutMicros ?? ICE_LIMITS.consentMicros;
    this.#credentials = keyed(options);
  }

  get state(): IceState {
    return this.#state;
  }
  get selectedTuple(): Tuple | undefined {
    return this.#selected?.tuple;
  }
  get boundTuples(): Tuple[] {
    return [...this.#bound.values()].map((bound) => bound.tuple);
  }
  /** All of them must lead STUN to this session. */
  get usernameFragments(): string[] {
    const current = this.#credentials.usernameFragment;
    return this.#oldCredentials ? [current, this.#oldCredentials.usernameFragment] : [current];
  }

  /** `bytes` are read during the call only. */
  handleStun(tuple: Tuple, bytes: Uint8Array, nowMicros: number): IceOutput {
    if (this.#state === 'closed') return this.#drop('ice-closed');
    const stun = parseStun(bytes);
    if (!stun.ok) return this.#drop('stun-malformed');
    const message = stun.value;
    if (message.class !== 'request' || message.method !== STUN_BINDING) return this.#drop('stun-not-a-check');
    const credentials = this.#credentialsOf(message);
    if (!credentials) return this.#drop('stun-unknown-user');
    if (message.integrityOffset === undefined) return this.#drop('stun-no-integrity');
    if (!verifyStunIntegrity(bytes, message, credentials.key, this.#hmac))
      return this.#drop('stun-integrity');

    // Authenticated from here on.
    if (message.unknownRequired.length > 0)
      return this.#refuse(bytes, message, credentials, 420, 'stun-unknown-attribute');
    if (message.priority === undefined)
      return this.#refuse(bytes, message, credentials, 400, 'stun-no-priority');
    // A lite agent is controlled, whatever the tie-breakers say: the full agent has to change its role.
    if (message.iceControlled !== undefined)
      return this.#refuse(bytes, message, credentials, 487, 'stun-role-conflict');
    const sighting = this.#seen.note(message.transactionId, tuple.key);
    // The same check again is answered again, but proves nothing new: neither that the peer still lives nor a new path.
    if (sighting === 'elsewhere' || (sighting === 'again' && !this.#bound.has(tuple.key)))
      return this.#drop('stun-replayed');

    this.#checks++;
    const effects: Effects = {};
    if (credentials === this.#credentials && this.#oldCredentials) {
      this.#oldCredentials = undefined;
      this.#confirmed = false; // a restart chooses anew, RFC 8445 §9
    }
    if (sighting === 'new') {
      const bound = this.#bind(tuple, nowMicros, effects);
      bound.lastHeardMicros = nowMicros;
      this.#considerCheck(bound, message.useCandidate, nowMicros, effects);
    }
    effects.reply = writeBindingSuccess({
      transactionId: message.transactionId,
      mapped: tupleAddress(tuple),
      key: credentials.key,
      hmac: this.#hmac,
    });
    return effects;
  }

  /**
   * A DTLS record or an SRTP or SRTCP packet from this tuple has passed its authentication. Packets of the selected
   * tuple need not be told, except the first after each `select`; of the others `poll` is told the time.
   */
  handleAuthenticated(tuple: Tuple, nowMicros: number): IceOutput {
    if (this.#state === 'closed') return this.#drop('ice-closed');
    if (this.#selected?.tuple.key === tuple.key) {
      this.#confirmed = true;
      this.#selected.lastHeardMicros = nowMicros;
      return NOTHING;
    }
    const bound = this.#bound.get(tuple.key);
    if (!bound) return this.#drop('ice-unbound-tuple');
    bound.lastHeardMicros = nowMicros;
    const straggler =
      this.#left?.key === tuple.key && nowMicros - this.#left.micros < ICE_LIMITS.settleMicros;
    if (straggler) return NOTHING;
    const effects: Effects = {};
    this.#select(bound, nowMicros, effects);
    this.#confirmed = true;
    return effects;
  }

  /** New credentials beside the old ones; a restart to the same fragment changes the password at once. */
  restart(credentials: IceCredentials, _nowMicros: number): void {
    if (this.#state === 'closed') return;
    // After two restarts without a check between them, those that the peer last used are the ones to keep.
    this.#oldCredentials ??= this.#credentials;
    this.#credentials = keyed(credentials);
    if (this.#oldCredentials.usernameFragment === credentials.usernameFragment)
      this.#oldCredentials = undefined;
  }

  /**
   * @param packetMicros of the last authenticated packet from the selected tuple. Agents that keep their way open by
   *   indications (RFC 8445 §11; GStreamer's webrtcbin does) check no more once they are connected, and are there all the same.
   */
  poll(nowMicros: number, packetMicros = -Infinity): IceOutput {
    if (this.#state === 'closed') return NOTHING;
    const effects: Effects = {};
    const selected = this.#selected;
    if (selected) selected.lastHeardMicros = Math.max(selected.lastHeardMicros, packetMicros);
    for (const bound of this.#bound.values())
      if (nowMicros >= bound.lastHeardMicros + this.#consentTimeoutMicros) this.#unbind(bound, effects);
    this.#replaceSelected(nowMicros, effects);
    return effects;
  }

  /** A connection has ended (RFC 6544 §9): there is no other way to this address. */
  handleLost(tuple: Tuple, nowMicros: number): IceOutput {
    const bound = this.#bound.get(tuple.key);
    if (!bound) return NOTHING;
    const effects: Effects = {};
    this.#unbind(bound, effects);
    this.#replaceSelected(nowMicros, effects);
    return effects;
  }

  nextDeadline(): number | undefined {
    if (this.#state === 'closed') return undefined;
    let oldest: number | undefined;
    for (const { lastHeardMicros } of this.#bound.values())
      if (oldest === undefined || lastHeardMicros < oldest) oldest = lastHeardMicros;
    return oldest === undefined ? undefined : oldest + this.#consentTimeoutMicros;
  }

  /** All tuples are given back; nothing is answered any more. */
  close(): IceOutput {
    if (this.#state === 'closed') return NOTHING;
    const effects: Effects = {};
    for (const bound of this.#bound.values()) this.#unbind(bound, effects);
    this.#selected = undefined;
    this.#moveState('closed', effects);
    return effects;
  }

  stats(): {
    checks: number;
    moves: number;
    boundTuples: number;
    drops: Partial<Record<IceDropReason, number>>;
  } {
    const drops: Partial<Record<IceDropReason, number>> = Object.fromEntries(this.#drops);
    return { checks: this.#checks, moves: this.#moves, boundTuples: this.#bound.size, drops };
  }

  #considerCheck(bound: BoundTuple, nominates: boolean, nowMicros: number, effects: Effects): void {
    if (!this.#selected) {
      this.#select(bound, nowMicros, effects);
      this.#confirmed = nominates;
      this.#moveState(nominates ? 'completed' : 'connected', effects);
      return;
    }
    if (!nominates) return;
    if (this.#selected === bound) {
      this.#confirmed = true;
      this.#moveState('completed', effects);
      // The peer says that it is here: what it had begun to say about others is out of date. This also keeps an
      // aggressive agent, which nominates all its pairs, from making us jump between them.
      for (const other of this.#bound.values()) other.nominatedMicros = undefined;
      return;
    }
    if (!this.#confirmed) {
      this.#select(bound, nowMicros, effects);
      this.#confirmed = true;
      this.#moveState('completed', effects);
      return;
    }
    if (bound.nominatedMicros === undefined) {
      bound.nominatedMicros = nowMicros;
    } else if (nowMicros - bound.nominatedMicros >= ICE_LIMITS.moveConfirmMicros) {
      this.#select(bound, nowMicros, effects);
      this.#moveState('completed', effects);
    }
  }

  #bind(tuple: Tuple, nowMicros: number, effects: Effects): BoundTuple {
    const known = this.#bound.get(tuple.key);
    if (known) return known;
    if (this.#bound.size >= ICE_LIMITS.boundTuples) {
      const stalest = this.#stalest();
      if (stalest) this.#unbind(stalest, effects);
    }
    const bound: BoundTuple = { tuple, lastHeardMicros: nowMicros, nominatedMicros: undefined };
    this.#bound.set(tuple.key, bound);
    effects.bind = tuple;
    return bound;
  }

  #unbind(bound: BoundTuple, effects: Effects): void {
    this.#bound.delete(bound.tuple.key);
    (effects.unbind ??= []).push(bound.tuple);
  }

  #select(bound: BoundTuple, nowMicros: number, effects: Effects): void {
    if (this.#selected) {
      this.#left = { key: this.#selected.tuple.key, micros: nowMicros };
      this.#moves++;
    }
    this.#selected = bound;
    for (const other of this.#bound.values()) other.nominatedMicros = undefined;
    effects.select = bound.tuple;
  }

  /** When the selected tuple is no longer bound. */
  #replaceSelected(nowMicros: number, effects: Effects): void {
    if (this.#selected && !this.#bound.has(this.#selected.tuple.key)) {
      const next = this.#latest();
      this.#selected = undefined;
      this.#left = undefined;
      if (next) {
        // The peer still checks there, so it consents to packets there.
        this.#select(next, nowMicros, effects);
      } else {
        this.#confirmed = false;
        this.#moveState('disconnected', effects);
      }
    }
  }

  #stalest(): BoundTuple | undefined {
    let stalest: BoundTuple | undefined;
    for (const bound of this.#bound.values())
      if (bound !== this.#selected && (!stalest || bound.lastHeardMicros < stalest.lastHeardMicros))
        stalest = bound;
    return stalest;
  }

  #latest(): BoundTuple | undefined {
    let latest: BoundTuple | undefined;
    for (const bound of this.#bound.values())
      if (!latest || bound.lastHeardMicros > latest.lastHeardMicros) latest = bound;
    return latest;
  }

  #moveState(state: IceState, effects: Effects): void {
    if (this.#state === state) return;
    this.#state = state;
    effects.state = state;
  }

  #credentialsOf(message: StunMessage): KeyedCredentials | undefined {
    const fragment = message.username === undefined ? undefined : localFragment(message.username);
    if (fragment === undefined) return undefined;
    if (fragment === this.#credentials.usernameFragment) return this.#credentials;
    return fragment === this.#oldCredentials?.usernameFragment ? this.#oldCredentials : undefined;
  }

  /** An error answer never has more bytes than what it answers: nobody gains by asking in another's name. */
  #refuse(
    bytes: Uint8Array,
    message: StunMessage,
    credentials: KeyedCredentials,
    code: keyof typeof REFUSALS,
    why: IceDropReason,
  ): IceOutput {
    const reply = writeBindingError({
      transactionId: message.transactionId,
      code,
      reason: REFUSALS[code],
      key: credentials.key,
      hmac: this.#hmac,
      ...(code === 420 ? { unknownAttributes: message.unknownRequired } : {}),
    });
    if (reply.length > bytes.length) return this.#drop('stun-reply-too-large');
    return { ...this.#drop(why), reply };
  }

  #drop(why: IceDropReason): IceOutput {
    this.#drops.set(why, (this.#drops.get(why) ?? 0) + 1);
    return { drop: why };
  }
}

/** RFC 8489 §14.8, RFC 8445 §16.2. Short, so that the answer stays small. */
const REFUSALS = { 400: 'Bad Request', 420: 'Unknown', 487: 'Role Conflict' } as const;

interface KeyedCredentials extends IceCredentials {
  /** Short-term credentials: the password itself is the key, RFC 8489 §9.1.1. */
  readonly key: Uint8Array;
}

function keyed({ usernameFragment, password }: IceCredentials): KeyedCredentials {
  return { usernameFragment, password, key: encoder.encode(password) };
}
