/**
 * An IP and a UDP header around bytes, as if they had been sent so: for files that tools of the network read.
 * Spec: RFC 791 §3.1, RFC 8200 §3, RFC 768; checksums RFC 1071. Elsewhere: the file → blocks.ts
 */
import { ByteWriter } from '../bytes.js';
import { ipFromText } from '../ipText.js';

export interface DatagramEnd {
  /** IPv4 or IPv6 as text; anything else counts as the unspecified address. */
  readonly ip: string;
  readonly port: number;
}

const UDP = 17;
const TTL = 64;
const IPV4_BYTES = 20;
const UDP_BYTES = 8;

/** @returns both headers; the payload follows them. One end in IPv4 and one in IPv6 become IPv6 (RFC 4291 §2.5.5.2). */
export function datagramHeaders(from: DatagramEnd, to: DatagramEnd, payload: Uint8Array): Uint8Array {
  const given = [ipFromText(from.ip), ipFromText(to.ip)] as const;
  const isIpv4 = given.every((address) => address?.length !== 16);
  const [source, destination] = [widened(given[0], isIpv4 ? 4 : 16), widened(given[1], isIpv4 ? 4 : 16)];
  const udpLength = UDP_BYTES + payload.length;
  const udp = new ByteWriter(UDP_BYTES).uint16(from.port).uint16(to.port).uint16(udpLength).uint16(0).view();
  const pseudo = new ByteWriter(40).raw(source).raw(destination).uint32(udpLength).uint32(UDP).view();
  // 0 means "none"; a sum of 0 is sent as its other form. RFC 768
  const checksum = complement(sum(payload, sum(udp, sum(pseudo)))) || 0xffff;
  const out = new ByteWriter(48);
  if (isIpv4) {
    const header = (check: number): Uint8Array =>
      new ByteWriter(IPV4_BYTES)
        .uint16(0x4500)
        .uint16(IPV4_BYTES + udpLength)
        .uint32(0x4000) // no identification, may not be fragmented
        .uint8(TTL)
        .uint8(UDP)
        .uint16(check)
        .raw(source)
        .raw(destination)
        .view();
    out.raw(header(complement(sum(header(0)))));
  } else {
    out.uint32(0x6000_0000).uint16(udpLength).uint8(UDP).uint8(TTL).raw(source).raw(destination);
  }
  return out.uint16(from.port).uint16(to.port).uint16(udpLength).uint16(checksum).view();
}

/** An IPv4 address in an IPv6 packet is a mapped one; no address is all zeros. */
function widened(address: Uint8Array | undefined, bytes: number): Uint8Array {
  if (address?.length === bytes) return address;
  const wide = new Uint8Array(bytes);
  if (address) {
    wide.set([0xff, 0xff], 10);
    wide.set(address, 12);
  }
  return wide;
}

/** Ones' complement sum of 16-bit words, not yet complemented. */
function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let at = 0; at + 1 < bytes.length; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (bytes.length % 2 === 1) total += bytes[bytes.length - 1]! << 8;
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x10000);
  return total;
}

const complement = (total: number): number => ~total & 0xffff;
