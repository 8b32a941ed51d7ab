/**
 * Numbers that must not be mixed up, arithmetic on circles, and the two types that several parsers share.
 * Structures hold plain numbers, so that a caller can write them as literals; the brands are for signatures and state.
 */
declare const unit: unique symbol;
export type Unit<T, U extends string> = T & { readonly [unit]: U };

/** Milliseconds; which clock is said where it is used. */
export type Ms = Unit<number, 'ms'>;
/** 0…65535, wraps. */
export type Seq16 = Unit<number, 'seq16'>;
/** Unwrapped sequence number: never goes round. */
export type ExtSeq = Unit<number, 'extseq'>;
/** 0…2^32−1. */
export type Ssrc = Unit<number, 'ssrc'>;

export const ms = (value: number): Ms => value as Ms;
export const seq16 = (value: number): Seq16 => (value & 0xffff) as Seq16;
export const extSeq = (value: number): ExtSeq => value as ExtSeq;
export const ssrc = (value: number): Ssrc => (value >>> 0) as Ssrc;

/** Signed distance on the 16-bit circle, −32768…32767; the farthest point counts as behind. RFC 1982 §3.2. */
export const seqDelta = (from: number, to: number): number => ((to - from) << 16) >> 16;
/** Signed distance on the 32-bit circle, −2^31…2^31−1. */
export const timestampDelta = (from: number, to: number): number => (to - from) | 0;

/** HMAC-SHA1, 20 bytes. Injected, because this package has no cryptography. */
export type Hmac = (key: Uint8Array, bytes: Uint8Array) => Uint8Array;

export interface SocketAddress {
  family: 4 | 6;
  ip: string;
  port: number;
}
