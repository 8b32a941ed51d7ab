/**
 * Senders of RTP as the router knows them: many streams from one UDP socket, paced by the clock, with sender reports. What is
 * asked for again is sent again. Some packets never leave, as on a path that loses them.
 */
import { createSocket, type Socket } from 'node:dgram';
import { parseRtcp, toNtp, writeRtcp, writeRtp } from '@tertulia/wire';
import type { Sample } from './samples.js';

const VP8_PAYLOAD_BYTES = 1_100;
const TICK_MS = 5;
const REPORT_MS = 1_000;
/** Packets that can be sent again: about a second of a picture. */
const HISTORY = 512;

export interface StreamSettings {
  readonly sample: Sample;
  readonly ssrc: number;
  readonly payloadType: number;
  /** Where in the sample it begins. */
  readonly shiftMs: number;
}

export class SentStream {
  packets = 0;
  octets = 0;
  #frame = 0;
  #round = 0;
  #sequenceNumber: number;
  #pictureId = 1;
  readonly #timestampBase: number;
  readonly #history = new Map<number, Buffer>();

  constructor(readonly settings: StreamSettings) {
    // Numbers and timestamps wrap while it sends.
    this.#sequenceNumber = 65_000 + (settings.ssrc % 500);
    this.#timestampBase = (0xffff_0000 + settings.ssrc * 977) >>> 0;
  }

  /** Packets of the frames that are due. @param elapsedMs since the senders began */
  *due(elapsedMs: number): Generator<Buffer> {
    const { sample } = this.settings;
    for (;;) {
      const frame = sample.frames[this.#frame]!;
      const timeMs = this.#round * sample.durationMs + frame.timeMs;
      if (timeMs > elapsedMs) return;
      yield* this.#packets(frame.data, timeMs);
      if (++this.#frame < sample.frames.length) continue;
      this.#frame = 0;
      this.#round++;
    }
  }

  timestampAt(timeMs: number): number {
    return (this.#timestampBase + Math.round((timeMs * this.settings.sample.clockRate) / 1000)) >>> 0;
  }

  sentBefore(sequenceNumber: number): Buffer | undefined {
    const packet = this.#history.get(sequenceNumber % HISTORY);
    return packet?.readUInt16BE(2) === sequenceNumber ? packet : undefined;
  }

  *#packets(frame: Uint8Array, timeMs: number): Generator<Buffer> {
    const { sample, ssrc, payloadType } = this.settings;
    const isVideo = sample.kind === 'video';
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    const step = isVideo ? VP8_PAYLOAD_BYTES : frame.length;
    for (let at = 0; at < frame.length; at += step) {
      const part = frame.subarray(at, at + step);
      const id = this.#pictureId;
      // RFC 7741 §4.2: extended, start of the partition in the first packet; a picture id of 15 bits.
      const descriptor = isVideo ? [at === 0 ? 0x90 : 0x80, 0x80, 0x80 | (id >> 8), id & 0xff] : [];
      const sequenceNumber = this.#sequenceNumber & 0xffff;
      const bytes = Buffer.from(
        writeRtp({
          payloadType,
          ssrc,
          sequenceNumber,
          timestamp: this.timestampAt(timeMs),
          marker: isVideo && at + step >= frame.length,
          payload: Buffer.concat([Buffer.from(descriptor), part]),
        }),
      );
      this.#sequenceNumber++;
      this.packets++;
      this.octets += part.length + descriptor.length;
      this.#history.set(sequenceNumber % HISTORY, bytes);
      yield bytes;
    }
  }
}

export class Senders {
  readonly streams: SentStream[];
  readonly #socket: Socket;
  readonly #bySsrc = new Map<number, SentStream>();
  readonly #lossShare: number;
  /** Called with what leaves, for those who compare. */
  onSend: ((bytes: Buffer) => void) | undefined;
  lost = 0;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #reportMs = 0;

  private constructor(socket: Socket, streams: readonly StreamSettings[], lossShare: number) {
    this.#socket = socket;
    this.#lossShare = lossShare;
    this.streams = streams.map((settings) => new SentStream(settings));
    for (const stream of this.streams) this.#bySsrc.set(stream.settings.ssrc, stream);
    socket.on('message', (bytes) => this.#handleRtcp(bytes));
  }

  static open(
    to: { ip: string; port: number },
    streams: readonly StreamSettings[],
    lossShare: number,
  ): Promise<Senders> {
    const socket = createSocket({ type: 'udp4', sendBufferSize: 4 * 1024 * 1024 });
    return new Promise((resolve) =>
      socket.connect(to.port, to.ip, () => resolve(new Senders(socket, streams, lossShare))),
    );
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.#socket.close();
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const stream of this.streams) {
      const elapsedMs = nowMs - this.#startedMs + stream.settings.shiftMs;
      for (const bytes of stream.due(elapsedMs)) this.#send(bytes);
    }
    if (nowMs - this.#reportMs < REPORT_MS) return;
    this.#reportMs = nowMs;
    const { seconds, fraction } = toNtp(performance.timeOrigin + nowMs);
    for (const stream of this.streams) {
      if (stream.packets === 0) continue;
      const report = {
        type: 'sr' as const,
        ssrc: stream.settings.ssrc,
        ntpSeconds: seconds,
        ntpFraction: fraction,
        rtpTimestamp: stream.timestampAt(nowMs - this.#startedMs + stream.settings.shiftMs),
        packetCount: stream.packets,
        octetCount: stream.octets,
        reports: [],
      };
      this.#socket.send(writeRtcp([report]));
    }
  }

  #send(bytes: Buffer): void {
    if (this.#lossShare > 0 && Math.random() < this.#lossShare) {
      this.lost++;
      return;
    }
    this.onSend?.(bytes);
    this.#socket.send(bytes);
  }

  #handleRtcp(bytes: Buffer): void {
    for (const packet of parseRtcp(bytes).packets) {
      if (packet.type !== 'nack') continue;
      const stream = this.#bySsrc.get(packet.mediaSsrc);
      for (const sequenceNumber of packet.lost) {
        const again = stream?.sentBefore(sequenceNumber);
        if (again) this.#send(again);
      }
    }
  }
}
