/**
 * A simulated microphone: RTP with a stamped payload, an audio level (RFC 6464) that follows whether its owner speaks,
 * a media clock and a wall clock of its own that both run a little fast or slow, sender reports, and its packets of the
 * last two seconds for retransmission. Remembers the truth for the judge: when each packet was captured and when it
 * reached the server. Knows no link and no encryption.
 */
import { toNtp, writeRtcp, writeRtp } from '@tertulia/wire';
import type { Random } from './random.js';
import { writeStamp } from './stamp.js';

export const FRAME_MICROS = 20_000;
const SAMPLES_PER_MILLI = 48;
/** Opus DTX sends one packet in 400 ms. */
const DTX_FRAMES = 20;
const SILENCE_LEVEL = 92;
/** Farther apart than retransmission brings packets: 1 s. */
const OVERTAKING_PACKETS = 50;

export interface TalkerOptions {
  /** What is stamped into the payload; unique in a simulation. */
  source: number;
  ssrc: number;
  mid: string;
  payloadType: number;
  levelExtensionId: number;
  midExtensionId: number;
  /** In silence one packet every 400 ms. */
  dtx: boolean;
  payloadBytes: number;
  startMicros: number;
  clock: DeviceClock;
}

/** All microphones of one device run by the same clock, a little fast or slow, and by the same wrong idea of the time. */
export interface DeviceClock {
  /** Length of its 20 ms, in µs. */
  frameMicros: number;
  /** Its Unix time at virtual time 0, ms. */
  wallAtZeroMillis: number;
}
export function makeDeviceClock(random: Random): DeviceClock {
  return {
    frameMicros: FRAME_MICROS * (1 + random.between(-100, 100) * 1e-6),
    wallAtZeroMillis: 1_700_000_000_000 + random.between(-1e9, 1e9),
  };
}

/** One stretch of speech: numbers of its first and last packet. */
export interface Spurt {
  first: number;
  last: number | undefined;
  level: number;
}

export class Talker {
  /** Set by the API's answer to `addSource`. */
  csrc = 0;
  producerId = '';
  /** Least delay of its path to the server, ms: what a clock offset by arrival cannot know. */
  leastDelayMs = 0;
  /** By how much its first packet was later than that, ms. */
  firstLatenessMs = 0;
  muted = false;
  gone = false;
  readonly spurts: Spurt[] = [];
  /** By packet number: when it was captured, in µs of virtual time. */
  readonly capturedMicros: number[] = [];
  /** By packet number: when it reached the server; undefined = never. */
  readonly arrivedMicros: (number | undefined)[] = [];

  readonly #random: Random;
  readonly #firstSequence: number;
  readonly #firstTimestamp: number;
  readonly #frameMicros: number;
  #frame = 0;
  #level = SILENCE_LEVEL;
  #speaking = false;
  #silentFrames = 0;
  #sinceSpurt = 0;
  #octets = 0;
  #wasHeard = false;

  constructor(
    readonly options: TalkerOptions,
    random: Random,
  ) {
    this.#random = random;
    // Half of them begin shortly before a wrap, where mistakes live; with 20 packets left, for a receiver that sees none
    // of those takes the roll-over counter for 0 and can decrypt nothing (RFC 3711 §3.3.1).
    this.#firstSequence = random.chance(0.5) ? 65_516 - random.below(200) : random.below(65_000);
    this.#firstTimestamp = random.chance(0.5) ? 4_294_967_296 - random.below(480_000) : random.uint32();
    this.#frameMicros = options.clock.frameMicros;
  }

  get packetCount(): number {
    return this.capturedMicros.length;
  }
  get speaking(): boolean {
    return this.#speaking;
  }
  get nextFrameMicros(): number {
    return Math.round(this.options.startMicros + this.#frame * this.#frameMicros);
  }
  /** A packet is at the server. While its source is muted there, that is as good as lost. */
  arrived(packetNumber: number, nowMicros: number): void {
    if (this.muted || this.arrivedMicros[packetNumber] !== undefined) return;
    if (!this.#wasHeard) {
      this.#wasHeard = true;
      this.firstLatenessMs = (nowMicros - this.capturedMicros[packetNumber]!) / 1000 - this.leastDelayMs;
    }
    this.arrivedMicros[packetNumber] = nowMicros;
  }
  /** Whether one of the next packets was at the server before this one. */
  wasOvertaken(packetNumber: number): boolean {
    const own = this.arrivedMicros[packetNumber] ?? Infinity;
    return this.arrivedMicros
      .slice(packetNumber + 1, packetNumber + OVERTAKING_PACKETS)
      .some((later) => later !== undefined && later < own);
  }
  extendedSequence(packetNumber: number): number {
    return this.#firstSequence + packetNumber;
  }

  /** @param level RFC 6464: 0 loudest … 127 */
  speak(level: number): void {
    this.#level = level;
    if (this.#speaking) return;
    this.#speaking = true;
    this.spurts.push({ first: this.packetCount, last: undefined, level });
    this.#sinceSpurt = 0;
  }
  hush(): void {
    if (!this.#speaking) return;
    this.#speaking = false;
    this.spurts.at(-1)!.last = this.packetCount - 1;
  }

  /** The next 20 ms. @returns the packet, or undefined when DTX leaves it out. */
  frame(): { packetNumber: number; bytes: Uint8Array } | undefined {
    const captured = this.nextFrameMicros;
    const timestamp = (this.#firstTimestamp + this.#frame * 960) >>> 0;
    this.#frame++;
    if (this.#speaking) this.#silentFrames = 0;
    else this.#silentFrames++;
    if (this.options.dtx && this.#silentFrames > 5 && this.#silentFrames % DTX_FRAMES !== 0) return undefined;
    const packetNumber = this.packetCount;
    this.capturedMicros.push(captured);
    this.arrivedMicros.push(undefined);
    const { source, payloadBytes, payloadType, ssrc, levelExtensionId, mid, midExtensionId } = this.options;
    this.#octets += payloadBytes;
    const extensions = [
      { id: levelExtensionId, bytes: Uint8Array.of((this.#speaking ? 0x80 : 0) | this.#nextLevel()) },
    ];
    if (packetNumber < 50) extensions.push({ id: midExtensionId, bytes: new TextEncoder().encode(mid) });
    const bytes = writeRtp({
      payloadType,
      marker: this.#speaking && this.#sinceSpurt++ === 0,
      sequenceNumber: this.extendedSequence(packetNumber) & 0xffff,
      timestamp,
      ssrc,
      // Some senders list CSRCs of their own; the server must not pass them on (A6).
      ...(source % 4 === 0 ? { csrcs: [42, 7] } : {}),
      extensions,
      payload: writeStamp(source, packetNumber, payloadBytes),
    });
    return { packetNumber, bytes };
  }

  /** Speech is not even: a few frames of each hundred fall between syllables. */
  #nextLevel(): number {
    const base = this.#speaking ? this.#level + (this.#random.chance(0.08) ? 15 : 0) : SILENCE_LEVEL;
    return Math.min(127, Math.max(0, Math.round(base + this.#random.between(-4, 4))));
  }

  /** Sender report and description, by this device's own clocks (RFC 3550 §6.4.1). */
  senderReport(nowMicros: number): Uint8Array {
    const { startMicros, clock } = this.options;
    const frames = (nowMicros - startMicros) / clock.frameMicros;
    const wallMillis = clock.wallAtZeroMillis + ((nowMicros / clock.frameMicros) * FRAME_MICROS) / 1000;
    const { seconds, fraction } = toNtp(wallMillis);
    return writeRtcp([
      {
        type: 'sr',
        ssrc: this.options.ssrc,
        ntpSeconds: seconds,
        ntpFraction: fraction,
        rtpTimestamp: (this.#firstTimestamp + Math.round(frames * 20 * SAMPLES_PER_MILLI)) >>> 0,
        packetCount: this.packetCount,
        octetCount: this.#octets,
        reports: [],
      },
      {
        type: 'sdes',
        chunks: [{ ssrc: this.options.ssrc, items: [{ type: 1, value: `source-${this.options.source}` }] }],
      },
    ]);
  }
}
