/**
 * Words of the ICE responder that others use: its states, what it answers, why it refused, its limits.
 */
import type { Tuple } from './tuple.js';

export type IceState = 'new' | 'connected' | 'completed' | 'disconnected' | 'closed';

export interface IceCredentials {
  usernameFragment: string;
  password: string;
}

/** Why a STUN message changed nothing or was answered with an error. Append only. */
export const ICE_DROP = [
  'stun-malformed',
  'stun-not-a-check',
  'stun-unknown-user',
  'stun-no-integrity',
  'stun-integrity',
  'stun-unknown-attribute',
  'stun-no-priority',
  'stun-role-conflict',
  'stun-replayed',
  'stun-reply-too-large',
  'ice-unbound-tuple',
  'ice-closed',
] as const;
export type IceDropReason = (typeof ICE_DROP)[number];

/**
 * What to do, in this order: unbind, bind, select, reply (to the tuple that asked), tell the state.
 * An empty object means nothing to do.
 */
export interface IceOutput {
  readonly unbind?: readonly Tuple[];
  readonly bind?: Tuple;
  readonly select?: Tuple;
  readonly reply?: Uint8Array;
  /** Present when it changed. */
  readonly state?: IceState;
  readonly drop?: IceDropReason;
}

export const ICE_LIMITS = {
  boundTuples: 8, // per session; a phone has two networks in two families, the rest is NATs that rebind
  consentMicros: 30_000_000, // RFC 7675 §5.1: consent expires 30 s after the last sign of it
  moveConfirmMicros: 50_000, // ICE's shortest pacing (Ta) is 50 ms, RFC 8445 §14.2: two real checks are never closer
  /**
   * The engine repeats answers by itself and hands up at least one check in this share of the consent time. So consent ends at
   * the earliest after three quarters of it, if the last checks before a silence were not handed up, and never late.
   */
  refreshShare: 0.25,
  settleMicros: 200_000, // after a move, packets of the path just left are stragglers; twice the reordering we promise
} as const;
