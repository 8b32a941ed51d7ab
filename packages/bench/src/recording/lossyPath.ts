/** A path between media process and recorder that loses packets both ways, and keeps account of what it carried. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseRtp, type RtpParameters } from '@tertulia/wire';
import type { Path } from './call.js';

interface Address {
  ip: string;
  port: number;
}

/** Of one SSRC: numbers unwrapped, each once. */
class Carried {
  readonly sent = new Set<number>();
  readonly delivered = new Set<number>();
  #newest: number | undefined;

  /** The number near the newest one. */
  unwrap(sequenceNumber: number): number {
    this.#newest ??= 65_536 + sequenceNumber;
    const number = this.#newest + (((sequenceNumber - this.#newest) << 16) >> 16);
    this.#newest = Math.max(this.#newest, number);
    return number;
  }
}

export class LossyPath implements Path {
  readonly #carried = new Map<number, Carried>();
  /** SSRC of repetitions → that of what they repeat. */
  readonly #repairs = new Map<number, number>();
  lost = 0;

  private constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    private readonly share: number,
  ) {}

  static async lay(recorder: Address, media: Address, share: number): Promise<LossyPath> {
    const open = async (): Promise<Socket> => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket;
    };
    const path = new LossyPath(await open(), await open(), share);
    path.near.on('message', (bytes) => {
      const arrives = !path.#loses();
      path.#account(bytes, arrives);
      if (arrives) path.far.send(bytes, recorder.port, recorder.ip);
    });
    path.far.on('message', (bytes) => {
      if (!path.#loses()) path.near.send(bytes, media.port, media.ip);
    });
    return path;
  }

  get toRecorder(): Address {
    return { ip: '127.0.0.1', port: this.near.address().port };
  }
  get fromMediaProcess(): Address {
    return { ip: '127.0.0.1', port: this.far.address().port };
  }

  /** Counts from now on what belongs to this stream. */
  watch({ encodings }: RtpParameters): void {
    const { ssrc, rtx } = encodings![0]!;
    this.#carried.set(ssrc!, new Carried());
    if (rtx) this.#repairs.set(rtx.ssrc, ssrc!);
  }

  /** Different packets that the media process sent, and that came through, as they were or repeated. */
  figures(ssrc: number): { sent: number; delivered: number } {
    const { sent, delivered } = this.#carried.get(ssrc)!;
    return { sent: sent.size, delivered: delivered.size };
  }

  close(): void {
    this.near.close();
    this.far.close();
  }

  #loses(): boolean {
    const loses = Math.random() < this.share;
    if (loses) this.lost++;
    return loses;
  }

  #account(bytes: Buffer, arrives: boolean): void {
    const isRtcp = bytes[1]! >= 192 && bytes[1]! <= 223; // RFC 5761 §4
    const packet = isRtcp ? undefined : parseRtp(bytes);
    if (!packet?.ok) return;
    const { ssrc, sequenceNumber, payloadOffset, payloadLength } = packet.value;
    const repaired = this.#repairs.get(ssrc);
    const carried = this.#carried.get(repaired ?? ssrc);
    if (!carried || (repaired !== undefined && payloadLength < 2)) return;
    const number = carried.unwrap(
      repaired === undefined ? sequenceNumber : bytes.readUInt16BE(payloadOffset),
    );
    carried.sent.add(number);
    if (arrives) carried.delivered.add(number);
  }
}
