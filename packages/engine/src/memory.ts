/**
 * Datagrams of memory mode, many in one buffer, so that a simulation crosses into the add-on once per batch.
 * Each: length (u32, host order), socket (u32), address (20 bytes), the bytes, filled up to a multiple of 4.
 */
import { ADDRESS_BYTES } from './layout.js';
import type { InjectedDatagram, SentDatagram } from './types.js';

const HEAD_BYTES = 8 + ADDRESS_BYTES;
const padded = (length: number): number => (length + 3) & ~3;

/** @throws TypeError when an address has not ADDRESS_BYTES bytes. */
export function packDatagrams(datagrams: readonly InjectedDatagram[]): Uint8Array {
  let total = 0;
  for (const datagram of datagrams) total += HEAD_BYTES + padded(datagram.bytes.length);
  const packed = new Uint8Array(total);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const { socket = 0, from, bytes } of datagrams) {
    if (from.length !== ADDRESS_BYTES)
      throw new TypeError(`an address has ${ADDRESS_BYTES} bytes, not ${from.length}`);
    view.setUint32(at, bytes.length, LITTLE_ENDIAN);
    view.setUint32(at + 4, socket, LITTLE_ENDIAN);
    packed.set(from, at + 8);
    packed.set(bytes, at + HEAD_BYTES);
    at += HEAD_BYTES + padded(bytes.length);
  }
  return packed;
}

export function unpackDatagrams(packed: ArrayBuffer): SentDatagram[] {
  const view = new DataView(packed);
  const datagrams: SentDatagram[] = [];
  for (let at = 0; at + HEAD_BYTES <= packed.byteLength;) {
    const length = view.getUint32(at, LITTLE_ENDIAN);
    datagrams.push({
      socket: view.getUint32(at + 4, LITTLE_ENDIAN),
      to: new Uint8Array(packed, at + 8, ADDRESS_BYTES),
      bytes: new Uint8Array(packed, at + HEAD_BYTES, length),
    });
    at += HEAD_BYTES + padded(length);
  }
  return datagrams;
}

/** Rows, commands and these records are in the machine's order; every machine that Node runs on but s390x is little-endian. */
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
