/**
 * UTF-8 without the platform's coder: this package is compiled against the language alone. RFC 3629.
 * Decoding never fails; each byte that cannot be part of a character becomes U+FFFD.
 */
const REPLACEMENT = '\ufffd';
/** Least code point that a sequence of that many bytes may carry; less is an overlong form (RFC 3629 §3). */
const LEAST = [0, 0, 0x80, 0x800, 0x10000] as const;

export function decodeUtf8(bytes: Uint8Array, offset = 0, length = bytes.length - offset): string {
  let text = '';
  const end = Math.min(offset + length, bytes.length);
  for (let at = offset; at < end;) {
    const first = bytes[at]!;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      at++;
      continue;
    }
    const size = sequenceSize(first);
    const codePoint = size === 0 ? -1 : readSequence(bytes, at, size, end);
    if (codePoint < 0) {
      text += REPLACEMENT;
      at++;
    } else {
      text += String.fromCodePoint(codePoint);
      at += size;
    }
  }
  return text;
}

export function encodeUtf8(text: string): Uint8Array {
  const out = new Uint8Array(text.length * 3);
  let at = 0;
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd; // half of a pair has no UTF-8 form
    if (code < 0x80) {
      out[at++] = code;
      continue;
    }
    const size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    out[at++] = (0xf00 >> size) | (code >> (6 * (size - 1)));
    for (let left = size - 2; left >= 0; left--) out[at++] = 0x80 | ((code >> (6 * left)) & 0x3f);
  }
  return out.slice(0, at);
}

function sequenceSize(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

/** @returns −1 when the bytes are cut short, not continuation bytes, overlong, a surrogate or beyond U+10FFFF. */
function readSequence(bytes: Uint8Array, at: number, size: number, end: number): number {
  if (at + size > end) return -1;
  let code = bytes[at]! & (0x7f >> size);
  for (let i = 1; i < size; i++) {
    const next = bytes[at + i]!;
    if ((next & 0xc0) !== 0x80) return -1;
    code = (code << 6) | (next & 0x3f);
  }
  if (code < LEAST[size]! || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return -1;
  return code;
}
