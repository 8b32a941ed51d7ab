/** A program with a UDP socket on loopback: RTP and RTCP as they are, or SRTP by the independent implementation. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseRtcp, parseRtp, writeRtp, type RtcpPacket, type RtpPacket } from '@tertulia/wire';
import { vi } from 'vitest';
import { SrtpReference } from '../../../../engine/test/support/srtp.js';
import type { RtpParameters, SrtpParameters } from '@tertulia/sfu';

export const SOON = { timeout: 5_000, interval: 10 };
export const LISTEN = { protocol: 'udp', ip: '127.0.0.1' } as const;
export const OPUS = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 } as const;
export const VP8 = { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 } as const;

/** What a program announces that sends one stream of Opus. */
export const opusStream = (ssrc: number): RtpParameters => ({
  codecs: [{ mimeType: 'audio/opus', payloadType: 101, clockRate: 48_000, channels: 2, rtcpFeedback: [] }],
  encodings: [{ ssrc }],
});

export interface Heard extends RtpPacket {
  payload: string;
  remotePort: number;
}

const SALT_BYTES: Record<SrtpParameters['cryptoSuite'], number> = {
  AEAD_AES_256_GCM: 12,
  AEAD_AES_128_GCM: 12,
  AES_CM_128_HMAC_SHA1_80: 14,
  AES_CM_128_HMAC_SHA1_32: 14,
};

/** Both directions have a key of their own: each side protects with its own one. */
export function srtpOf({ cryptoSuite, keyBase64 }: SrtpParameters): SrtpReference {
  const bytes = Buffer.from(keyBase64, 'base64');
  const end = bytes.length - SALT_BYTES[cryptoSuite];
  return new SrtpReference(cryptoSuite, bytes.subarray(0, end), bytes.subarray(end));
}

/** A voice of which each packet says its number. */
export const opusPacket = (ssrc: number, sequenceNumber: number, payloadType = 101): Buffer =>
  Buffer.from(
    writeRtp({
      payloadType,
      sequenceNumber,
      timestamp: 960 * sequenceNumber,
      ssrc,
      payload: Buffer.from(`voice ${sequenceNumber}`),
    }),
  );

export class UdpPeer {
  readonly rtp: Heard[] = [];
  readonly rtcp: RtcpPacket[] = [];
  /** Datagrams that are neither. */
  readonly others: Buffer[] = [];
  readonly #socket: Socket;
  #sender: SrtpReference | undefined;
  #receiver: SrtpReference | undefined;
  #sentRtcp = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, { port }) => this.#handle(bytes, port));
  }

  static async open(ip = '127.0.0.1'): Promise<UdpPeer> {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4').bind(0, ip);
    await once(socket, 'listening');
    return new UdpPeer(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** @param own what it protects with; @param other what it opens with */
  secure(own: SrtpParameters, other: SrtpParameters): void {
    this.#sender = srtpOf(own);
    this.#receiver = srtpOf(other);
  }

  send(port: number, packet: Uint8Array, ip = '127.0.0.1'): void {
    this.#socket.send(this.#sender?.protectRtp(packet, 0) ?? packet, port, ip);
  }

  sendRtcp(port: number, compound: Uint8Array, ip = '127.0.0.1'): void {
    this.#socket.send(this.#sender?.protectRtcp(compound, this.#sentRtcp++) ?? compound, port, ip);
  }

  /** One packet each 20 ms until `done` does not throw. */
  async speakUntil(port: number, ssrc: number, done: () => void, first = 1, ip?: string): Promise<void> {
    let sequence = first;
    await vi.waitFor(
      () => {
        this.send(port, opusPacket(ssrc, sequence++), ip);
        done();
      },
      { timeout: 5_000, interval: 20 },
    );
  }

  close(): void {
    this.#socket.close();
  }

  #handle(bytes: Buffer, remotePort: number): void {
    const [first = 0, second = 0] = bytes;
    if (first < 128 || first > 191) {
      this.others.push(bytes);
      return;
    }
    if (second >= 192 && second <= 223) {
      const plain = this.#receiver ? this.#receiver.unprotectRtcp(bytes)?.plain : bytes;
      if (plain) this.rtcp.push(...parseRtcp(plain).packets);
      return;
    }
    const plain = this.#receiver ? this.#receiver.unprotectRtp(bytes, 0) : bytes;
    const parsed = plain && parseRtp(plain);
    if (!plain || !parsed?.ok) throw new Error('not an RTP packet');
    const { payloadOffset, payloadLength } = parsed.value;
    const payload = plain.subarray(payloadOffset, payloadOffset + payloadLength).toString();
    this.rtp.push({ ...parsed.value, payload, remotePort });
  }
}
