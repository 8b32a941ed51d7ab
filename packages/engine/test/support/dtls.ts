/** Two associations and the network between them, and handshake messages cut up by hand. */
import { Dtls, DtlsContext } from '../../src/index.js';
import type { DtlsOptions } from '../../src/index.js';

export interface Pair {
  client: Dtls;
  server: Dtls;
}

/** What the network does to the datagrams of one round; the default hands them over as they are. */
export type Network = (datagrams: Uint8Array[], from: 'client' | 'server', round: number) => Uint8Array[];

export function makePair(
  contexts: { client?: DtlsContext; server?: DtlsContext } = {},
  options: Partial<DtlsOptions> = {},
): Pair {
  return {
    client: new Dtls(contexts.client ?? new DtlsContext(), { ...options, role: 'client' }),
    server: new Dtls(contexts.server ?? new DtlsContext(), { ...options, role: 'server' }),
  };
}

/** Rounds until nobody has anything to say. */
export function shuttle({ client, server }: Pair, network: Network = (datagrams) => datagrams): void {
  for (let round = 0; round < 50; round++) {
    const up = client.takeOutput();
    for (const datagram of network(up, 'client', round)) server.input(datagram);
    const down = server.takeOutput();
    for (const datagram of network(down, 'server', round)) client.input(datagram);
    if (up.length === 0 && down.length === 0) return;
  }
}

/** Waits until OpenSSL's own clock says that its timer has run out. */
export async function expire(dtls: Dtls): Promise<void> {
  for (let left = dtls.timeoutMs(); left !== undefined && left > 0; left = dtls.timeoutMs()) {
    await new Promise((resolve) => setTimeout(resolve, left));
  }
}

const RECORD_HEADER = 13;
const MESSAGE_HEADER = 12;

/** The records of a datagram. RFC 6347 §4.1. */
export function records(datagram: Uint8Array): Buffer[] {
  const bytes = Buffer.from(datagram);
  const found: Buffer[] = [];
  for (let at = 0; at + RECORD_HEADER <= bytes.length;) {
    const length = RECORD_HEADER + bytes.readUInt16BE(at + 11);
    found.push(bytes.subarray(at, at + length));
    at += length;
  }
  return found;
}

export interface Piece {
  offset: number;
  length: number;
}

/**
 * One unfragmented plaintext handshake record as several, RFC 6347 §4.2.3. Their record numbers begin at 20: the sender
 * itself goes on with 1, and a number that was seen is a replay.
 * @param pieces may overlap or leave gaps, as hostile senders do
 */
export function fragments(record: Uint8Array, pieces: readonly Piece[]): Buffer[] {
  const bytes = Buffer.from(record);
  const message = bytes.subarray(RECORD_HEADER);
  const body = message.subarray(MESSAGE_HEADER);
  return pieces.map(({ offset, length }, i) => {
    const part = Buffer.alloc(RECORD_HEADER + MESSAGE_HEADER + length);
    bytes.copy(part, 0, 0, 5);
    part.writeUIntBE(20 + i, 5, 6);
    part.writeUInt16BE(MESSAGE_HEADER + length, 11);
    message.copy(part, RECORD_HEADER, 0, 6);
    part.writeUIntBE(offset, RECORD_HEADER + 6, 3);
    part.writeUIntBE(length, RECORD_HEADER + 9, 3);
    body.copy(part, RECORD_HEADER + MESSAGE_HEADER, offset, offset + length);
    return part;
  });
}

/** Length of the handshake message in an unfragmented record. */
export function messageLength(record: Uint8Array): number {
  return record.length - RECORD_HEADER - MESSAGE_HEADER;
}
