/**
 * EBML elements, to and from bytes: identifiers, sizes, numbers. Pure; knows nothing of what the elements mean.
 * Spec: RFC 8794 (EBML) §4 variable-size integers, §5 identifiers, §6 sizes, §7 kinds of elements.
 * Elsewhere: which elements a recording has → elements.ts, matroskaWriter.ts
 */
import type { Parsed } from '@tertulia/wire';
import { parsed, refused } from '@tertulia/wire';

/** RFC 8794 §6.2: all bits of the value set means that the size is not known. */
export const UNKNOWN_SIZE = -1;
/** Sizes beyond 2^53 are no numbers for us; no file of ours comes near. */
const LARGEST_SIZE = Number.MAX_SAFE_INTEGER;

/** Bytes that a size needs. One value of each length is reserved for "unknown", hence `- 2`. RFC 8794 §6.2. */
export function sizeLength(size: number): number {
  if (size < 0x7f) return 1;
  if (size < 0x3fff) return 2; // nearly every frame
  let length = 3;
  while (size > 2 ** (7 * length) - 2) length++;
  return length;
}

/** Writes a size with as many bytes as given and returns the place behind it. */
export function writeSize(into: Uint8Array, at: number, size: number, length = sizeLength(size)): number {
  let rest = size;
  for (let i = length - 1; i >= 0; i--) {
    into[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  into[at] = into[at]! | (0x80 >> (length - 1));
  return at + length;
}

/** Bytes of an identifier: its length marker is part of its number. RFC 8794 §5. */
export const idLength = (id: number): number => (id > 0xffffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1);

export function writeId(into: Uint8Array, at: number, id: number): number {
  const length = idLength(id);
  for (let i = 0; i < length; i++) into[at + i] = (id / 2 ** (8 * (length - 1 - i))) & 0xff;
  return at + length;
}

/** An element with ready contents. Only for headers: it copies. */
export function element(id: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, bytes) => sum + bytes.length, 0);
  const bytes = new Uint8Array(idLength(id) + sizeLength(size) + size);
  let at = writeSize(bytes, writeId(bytes, 0, id), size);
  for (const content of contents) {
    bytes.set(content, at);
    at += content.length;
  }
  return bytes;
}

/** Bytes of an unsigned integer without leading zeros, at least one. RFC 8794 §7.2. */
export function unsignedLength(value: number): number {
  let length = 1;
  while (value >= 256 ** length) length++;
  return length;
}

export function writeUnsigned(
  into: Uint8Array,
  at: number,
  value: number,
  length = unsignedLength(value),
): number {
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    into[at + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + length;
}

export function unsigned(id: number, value: number): Uint8Array {
  const content = new Uint8Array(unsignedLength(value));
  writeUnsigned(content, 0, value);
  return element(id, content);
}

/** RFC 8794 §7.3; always eight bytes, so that it can be overwritten. */
export function float(id: number, value: number): Uint8Array {
  const content = new Uint8Array(8);
  new DataView(content.buffer).setFloat64(0, value);
  return element(id, content);
}

/** RFC 8794 §7.4 and §7.5: strings are UTF-8; those of §7.4 have ASCII only, which the caller knows. */
export const text = (id: number, value: string): Uint8Array => element(id, new TextEncoder().encode(value));

/** 2001-01-01T00:00:00Z, from which EBML dates count. RFC 8794 §7.6. */
const DATE_EPOCH_MS = Date.UTC(2001, 0, 1);

export function date(id: number, msSince1970: number): Uint8Array {
  const content = new Uint8Array(8);
  const nanoseconds = BigInt(Math.round(msSince1970 - DATE_EPOCH_MS)) * 1_000_000n;
  new DataView(content.buffer).setBigInt64(0, nanoseconds);
  return element(id, content);
}

export interface ElementHeader {
  readonly id: number;
  /** Bytes of content, or UNKNOWN_SIZE. */
  readonly size: number;
  /** Bytes of identifier and size together; the content follows. */
  readonly headerLength: number;
}

/** Longest identifier (EBMLMaxIDLength 4) and size (EBMLMaxSizeLength 8) that our files and WebM have. */
export const LONGEST_HEADER = 12;

/**
 * @param at where the element starts.
 * @returns `cut` when the bytes end inside the header.
 */
export function readHeader(
  bytes: Uint8Array,
  at: number,
): Parsed<ElementHeader, 'cut' | 'ebml-id' | 'ebml-size'> {
  const first = bytes[at];
  if (first === undefined) return refused('cut');
  const idBytes = Math.clz32(first) - 23;
  if (idBytes > 4) return refused('ebml-id');
  const sizeFirst = bytes[at + idBytes];
  if (sizeFirst === undefined) return refused('cut');
  const sizeBytes = Math.clz32(sizeFirst) - 23;
  if (sizeBytes > 8) return refused('ebml-size');
  if (at + idBytes + sizeBytes > bytes.length) return refused('cut');
  let id = 0;
  for (let i = 0; i < idBytes; i++) id = id * 256 + bytes[at + i]!;
  let size = sizeFirst & (0xff >> sizeBytes);
  let allOnes = size === 0xff >> sizeBytes;
  for (let i = 1; i < sizeBytes; i++) {
    const byte = bytes[at + idBytes + i]!;
    if (byte !== 0xff) allOnes = false;
    size = size * 256 + byte;
  }
  if (!allOnes && size > LARGEST_SIZE) return refused('ebml-size');
  return parsed({ id, size: allOnes ? UNKNOWN_SIZE : size, headerLength: idBytes + sizeBytes });
}

export function readUnsigned(content: Uint8Array): number {
  let value = 0;
  for (const byte of content) value = value * 256 + byte;
  return value;
}

/** Four or eight bytes; anything else reads as 0, as RFC 8794 §7.3 has it for an empty one. */
export function readFloat(content: Uint8Array): number {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  return content.length === 8 ? view.getFloat64(0) : content.length === 4 ? view.getFloat32(0) : 0;
}

export function readDate(content: Uint8Array): number {
  if (content.length !== 8) return DATE_EPOCH_MS;
  const view = new DataView(content.buffer, content.byteOffset, 8);
  return DATE_EPOCH_MS + Number(view.getBigInt64(0) / 1_000_000n);
}

/**
 * The children of an element, in order, as views. Ends with `whole: false` at the first that does not fit.
 * Children of unknown size do not occur below the segment's own children and end the walk too.
 */
export function children(content: Uint8Array): {
  elements: { id: number; content: Uint8Array }[];
  whole: boolean;
} {
  const elements: { id: number; content: Uint8Array }[] = [];
  let at = 0;
  while (at < content.length) {
    const header = readHeader(content, at);
    if (!header.ok) return { elements, whole: false };
    const start = at + header.value.headerLength;
    if (header.value.size === UNKNOWN_SIZE || start + header.value.size > content.length)
      return { elements, whole: false };
    elements.push({ id: header.value.id, content: content.subarray(start, start + header.value.size) });
    at = start + header.value.size;
  }
  return { elements, whole: true };
}
