/**
 * The files of `vectors/`: bytes as hex (blanks are for the eye), the section that they come from, and what a parser must
 * find in them. In what is expected, bytes are hex, 64-bit numbers decimal text and `undefined` in a list is null.
 */
import { readFileSync } from 'node:fs';

export interface Vector {
  name: string;
  spec: string;
  hex: string;
  expect: unknown;
  /** STUN: the password under which MESSAGE-INTEGRITY is right. */
  key?: string;
  /** Header extensions: the profile of the extension header. */
  profile?: number;
  /** Dependency descriptors: the one that was read before, with the structure. */
  after?: string;
}

export const readVectors = (file: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`../../../../vectors/${file}.json`, import.meta.url), 'utf8')) as Vector[];

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A value as JSON can write it, in the form that the vectors use. */
export const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_key, each: unknown) =>
      each instanceof Uint8Array ? toHex(each) : typeof each === 'bigint' ? each.toString() : each,
    ),
  );

/** Every prefix, and for every byte a copy with each one of its bits flipped and a copy with all of them flipped. */
export function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]) {
      const copy = bytes.slice();
      copy[at]! ^= mask;
      yield copy;
    }
  }
}
