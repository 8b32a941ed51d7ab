/**
 * JSON from strangers: bounded in size and depth, valid UTF-8, and without keys that reach for a
 * prototype. Pure. Gives the value or a reason; never throws.
 */
import { LIMITS } from './limits.js';

export type JsonRefusal = 'not-utf8' | 'not-json' | 'too-large' | 'too-deep' | 'forbidden-key';
export type JsonResult = { ok: true; value: unknown } | { ok: false; why: JsonRefusal };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

/** @param input bytes, or text that a data channel already decoded. */
export function parseJson(input: Uint8Array | string, maxBytes: number = LIMITS.bodyBytes): JsonResult {
  if (input.length > maxBytes) return { ok: false, why: 'too-large' };
  let text: string;
  if (typeof input === 'string') text = input;
  else {
    try {
      text = decoder.decode(input);
    } catch {
      return { ok: false, why: 'not-utf8' };
    }
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, why: 'not-json' };
  }
  const why = inspect(value);
  return why === undefined ? { ok: true, value } : { ok: false, why };
}

/** Walks with a stack of its own, so that depth costs memory that the size limit already bounds. */
function inspect(root: unknown): JsonRefusal | undefined {
  const waiting: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, depth } = next;
    if (typeof value !== 'object' || value === null) continue;
    if (depth > LIMITS.jsonDepth) return 'too-deep';
    // `constructor` and `prototype` are no dangers to code that only reads own keys; __proto__ is one on every copy.
    if (Object.hasOwn(value, '__proto__')) return 'forbidden-key';
    for (const child of Object.values(value)) waiting.push({ value: child, depth: depth + 1 });
  }
  return undefined;
}
