/** As much of DER (ITU-T X.690) as a self-signed certificate needs. Pure: values in, bytes out. */

const CONTENT = {
  sequence: 0x30,
  set: 0x31,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utf8: 12,
  utcTime: 23,
  boolean: 1,
};

function element(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

export const sequence = (...parts: Uint8Array[]): Buffer => element(CONTENT.sequence, ...parts);
export const set = (...parts: Uint8Array[]): Buffer => element(CONTENT.set, ...parts);
/** Unsigned, big-endian. */
export const integer = (bytes: Uint8Array): Buffer =>
  element(CONTENT.integer, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
export const bitString = (bytes: Uint8Array): Buffer => element(CONTENT.bitString, Buffer.from([0]), bytes);
export const octetString = (bytes: Uint8Array): Buffer => element(CONTENT.octetString, bytes);
export const utf8 = (text: string): Buffer => element(CONTENT.utf8, Buffer.from(text));
export const yes = (): Buffer => element(CONTENT.boolean, Buffer.from([0xff]));
/** Context-specific tag: constructed around other elements, or primitive with the bytes themselves. */
export const explicit = (number: number, ...parts: Uint8Array[]): Buffer => element(0xa0 | number, ...parts);
export const implicit = (number: number, bytes: Uint8Array): Buffer => element(0x80 | number, bytes);

/** YYMMDDhhmmssZ; X.509 wants this form for years up to 2049 (RFC 5280 §4.1.2.5). */
export function utcTime(date: Date): Buffer {
  return element(CONTENT.utcTime, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return element(CONTENT.oid, Buffer.from(bytes));
}
