/** Plain RTP, RTCP and STUN packets for tests, and chance that is the same on every run. */

export interface RtpFields {
  payloadType?: number;
  marker?: boolean;
  sequence?: number;
  timestamp?: number;
  ssrc?: number;
  csrcs?: readonly number[];
  /** Whole words behind the 4-byte head. */
  extension?: { profile: number; bytes: Uint8Array };
  payload?: Uint8Array;
  /** RTP padding behind the payload, its count included. */
  padding?: number;
}

export function rtp(fields: RtpFields): Buffer {
  const { csrcs = [], extension, payload = Buffer.from('payload'), padding = 0 } = fields;
  const header = Buffer.alloc(12 + 4 * csrcs.length);
  header[0] = 0x80 | (padding ? 0x20 : 0) | (extension ? 0x10 : 0) | csrcs.length;
  header[1] = (fields.marker ? 0x80 : 0) | (fields.payloadType ?? 111);
  header.writeUInt16BE((fields.sequence ?? 0) & 0xffff, 2);
  header.writeUInt32BE((fields.timestamp ?? 0) >>> 0, 4);
  header.writeUInt32BE((fields.ssrc ?? 0x11223344) >>> 0, 8);
  csrcs.forEach((csrc, i) => header.writeUInt32BE(csrc >>> 0, 12 + 4 * i));
  const parts: Uint8Array[] = [header];
  if (extension) {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(extension.profile, 0);
    head.writeUInt16BE(extension.bytes.length / 4, 2);
    parts.push(head, extension.bytes);
  }
  parts.push(payload);
  if (padding) parts.push(Buffer.concat([Buffer.alloc(padding - 1), Buffer.from([padding])]));
  return Buffer.concat(parts);
}

/** A receiver report without blocks, as the smallest compound. RFC 3550 §6.4.2. */
export function receiverReport(ssrc: number): Buffer {
  const report = Buffer.from('80c9000100000000', 'hex');
  report.writeUInt32BE(ssrc >>> 0, 4);
  return report;
}

/** A binding request without attributes. RFC 8489 §5. */
export function bindingRequest(transactionId = Buffer.alloc(12, 7)): Buffer {
  return Buffer.concat([Buffer.from('000100002112a442', 'hex'), transactionId]);
}

/** Bytes from hex with spaces. */
export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** mulberry32: chance with a seed. */
export class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(limit: number): number {
    return this.u32() % limit;
  }
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u32() & 0xff;
    return bytes;
  }
}
