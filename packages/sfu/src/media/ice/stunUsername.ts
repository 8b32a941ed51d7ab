/**
 * Finds USERNAME in a STUN message without parsing the rest: whose session is this, before anything is checked.
 * What it returns is a claim; only `IceLite.handleStun` knows whether it is true.
 * Spec: RFC 8489 §14 (attributes), RFC 8445 §7.2.2 (a check's user name is "theirs:sender's", so ours comes first).
 */
const HEADER_BYTES = 20;
const USERNAME = 0x0006;
/** Two fragments of at most 256 characters and a colon, RFC 8445 §5.3. */
const LONGEST_USERNAME_BYTES = 513;
/** Browsers put USERNAME first; whoever hides it behind more than this is not looked for. */
const ATTRIBUTES_LOOKED_AT = 16;

/** The whole user name, 'local:remote' seen from here; undefined when there is none or it is not plain ASCII. */
export function stunUsername(bytes: Uint8Array): string | undefined {
  let at = HEADER_BYTES;
  for (let count = 0; count < ATTRIBUTES_LOOKED_AT && at + 4 <= bytes.length; count++) {
    const type = (bytes[at]! << 8) | bytes[at + 1]!;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const value = at + 4;
    if (value + length > bytes.length) return undefined;
    if (type === USERNAME) return asciiText(bytes, value, length);
    at = value + ((length + 3) & ~3);
  }
  return undefined;
}

/** Our fragment of a user name: what stands before the colon; undefined without a colon. */
export function localFragment(username: string): string | undefined {
  const colon = username.indexOf(':');
  return colon > 0 ? username.slice(0, colon) : undefined;
}

function asciiText(bytes: Uint8Array, at: number, length: number): string | undefined {
  if (length === 0 || length > LONGEST_USERNAME_BYTES) return undefined;
  let text = '';
  for (let i = at; i < at + length; i++) {
    const code = bytes[i]!;
    if (code < 0x21 || code > 0x7e) return undefined; // ice-char, RFC 8839 §5.4, and the colon
    text += String.fromCharCode(code);
  }
  return text;
}
