/**
 * The answer of every parser: a value, or a stable reason why there is none. Parsers never throw, whatever the bytes.
 * Reasons are short words with hyphens that never change: counters and logs are keyed by them.
 */
export type Parsed<T, Why extends string = string> = { ok: true; value: T } | { ok: false; why: Why };

export const parsed = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const refused = <Why extends string>(why: Why): { ok: false; why: Why } => ({ ok: false, why });
