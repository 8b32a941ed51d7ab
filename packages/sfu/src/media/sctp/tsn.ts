/**
 * Transmission sequence numbers (32 bits) and stream sequence numbers (16 bits) on their circles. RFC 9260 §1.6.
 */
/** Signed distance, −2^31…2^31−1. */
export const tsnDelta = (from: number, to: number): number => (to - from) | 0;
export const tsnAdd = (tsn: number, add: number): number => (tsn + add) >>> 0;
/** Signed distance, −32768…32767. */
export const ssnDelta = (from: number, to: number): number => ((to - from) << 16) >> 16;
