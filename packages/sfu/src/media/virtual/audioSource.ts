/**
 * One producer in the room: unwraps its timestamps, tells late packets from restarts, places its ticks on the server's
 * line, keeps its latest packets. Its numbers come in per SSRC, already extended by the engine.
 * Knows nothing of views; `slots` is the list of those that carry it now, kept by them.
 * Spec: virtual streams A6, R2; RFC 3550 §5.1.
 * Elsewhere: time → sourceClock.ts · speech → levelDetector.ts · outgoing numbers → viewSlot.ts
 */
import type { ForwardPort, ReceivedPacket } from '../packet.js';
import { LOUDEST_CSRC } from './csrcAllocator.js';
import { LevelDetector } from './levelDetector.js';
import { CACHE_LIMITS, PacketCache } from './packetCache.js';
import type { SourceClock, StreamClock } from './sourceClock.js';
import type { ViewSlot } from './viewSlot.js';

export const SOURCE_LIMITS = {
  /** Numbers ahead that are loss. Beyond it (10 s of 20 ms packets) the sender began anew; a receiver's NACKs could not
   *  fill that hole, and half the 16-bit circle would confuse its roll-over count. */
  mostAhead: 500,
  /** Numbers behind that are reordering or a retransmission: as far as the cache reaches, twice. Older is left out. */
  mostBehind: 400,
  /** Ticks: 2.5 and 120 ms, Opus' shortest and longest packet (RFC 6716 §3.2). A longer step is a gap. */
  shortestFrame: 120,
  longestFrame: 5760,
  /** Ticks: 20 ms, until two packets in a row have told. */
  usualFrame: 960,
} as const;

export interface SourceOptions {
  id: string;
  participantId: string;
  content: 'speech' | 'screen';
  /** The level extension was negotiated. Packets tell; it is here for dumps. */
  hasLevel: boolean;
  clock: SourceClock;
}

export type Arrival = 'in-order' | 'late' | 'too-late';

export class AudioSource {
  readonly id: string;
  readonly participantId: string;
  readonly content: 'speech' | 'screen';
  readonly hasLevel: boolean;
  pinned = false;
  paused = false;
  closed = false;
  detector = new LevelDetector();
  readonly cache: PacketCache;
  /** View slots that carry it now. */
  readonly slots: ViewSlot[] = [];
  /** One array each, so that a packet costs none. */
  readonly csrcs: readonly [number];
  readonly csrcsLoudest: readonly [number, number];
  /** Counts numberings: another SSRC, or a jump that is no loss. */
  generation = 0;
  /** Highest so far, in this generation. */
  extendedSequence = -1;
  /** Unwrapped timestamp of that packet. */
  ticks = 0;
  frameTicks: number = SOURCE_LIMITS.usualFrame;
  /** µs of the last packet; of the last one that a slot sent. */
  lastPacketMicros = -Infinity;
  lastForwardMicros = -Infinity;
  /** Of the packet at hand: set by `take`. */
  packetTicks = 0;
  packetStepTicks: number = SOURCE_LIMITS.usualFrame;
  readonly #stream: StreamClock;
  #ssrc = -1;

  constructor(
    options: SourceOptions,
    readonly csrc: number,
    readonly clockRate: number,
    port: ForwardPort,
  ) {
    this.id = options.id;
    this.participantId = options.participantId;
    this.content = options.content;
    this.hasLevel = options.hasLevel;
    this.csrcs = [csrc];
    this.csrcsLoudest = [csrc, LOUDEST_CSRC];
    this.cache = new PacketCache(port);
    this.#stream = options.clock.createStream(clockRate, (SOURCE_LIMITS.usualFrame * 1_000_000) / clockRate);
  }

  /** Reads a packet's place: sets `packetTicks`, and moves on when it is the newest. */
  take(packet: ReceivedPacket, nowMicros: number): Arrival {
    const { extendedSequence, timestamp } = packet;
    if (packet.ssrc !== this.#ssrc) {
      this.#restart(extendedSequence, timestamp);
      this.#ssrc = packet.ssrc;
    } else {
      const ahead = extendedSequence - this.extendedSequence;
      this.packetTicks = this.ticks + ((timestamp - this.ticks) | 0);
      if (ahead <= 0) return ahead < -SOURCE_LIMITS.mostBehind ? 'too-late' : 'late';
      if (ahead > SOURCE_LIMITS.mostAhead) {
        this.#restart(extendedSequence, timestamp);
      } else {
        const step = this.packetTicks - this.ticks;
        if (ahead === 1 && step >= SOURCE_LIMITS.shortestFrame && step <= SOURCE_LIMITS.longestFrame)
          this.frameTicks = step;
        this.packetStepTicks = this.frameTicks;
        if (step < 0) this.#stream.restart();
        this.extendedSequence = extendedSequence;
        this.ticks = this.packetTicks;
      }
    }
    this.lastPacketMicros = nowMicros;
    this.#stream.handlePacket(this.ticks, nowMicros);
    const { senderCaptureMicros = NaN } = packet;
    if (!Number.isNaN(senderCaptureMicros)) this.#stream.handleCapture(this.ticks, senderCaptureMicros);
    return 'in-order';
  }

  handleSenderReport(ntpMicros: number, rtpTimestamp: number, nowMicros: number): void {
    if (this.extendedSequence < 0) return;
    this.#stream.handleSenderReport(ntpMicros, this.ticks + ((rtpTimestamp - this.ticks) | 0), nowMicros);
  }

  /** µs of the server's clock at which these ticks were captured. */
  captureMicros(ticks: number): number {
    return this.#stream.captureMicros(ticks);
  }
  /** The same as receivers are told it, in abs-capture-time. */
  toldMicros(ticks: number): number {
    return this.#stream.toldMicros(ticks);
  }
  /** Where these ticks lie on the room's line: clock rate × server time, unwrapped. */
  lineTicks(ticks: number): number {
    return Math.round((this.#stream.captureMicros(ticks) * this.clockRate) / 1_000_000);
  }

  /** Lets go what nobody can ask for any more. */
  evict(nowMicros: number): void {
    const sending = nowMicros - this.lastForwardMicros < CACHE_LIMITS.spanMicros;
    const idle = this.closed || this.paused || nowMicros - this.lastPacketMicros > CACHE_LIMITS.spanMicros;
    this.cache.evict(
      sending ? nowMicros - CACHE_LIMITS.spanMicros : Infinity,
      idle || sending ? 0 : CACHE_LIMITS.preRollPackets,
    );
  }

  #restart(extendedSequence: number, timestamp: number): void {
    const first = this.extendedSequence < 0;
    this.extendedSequence = extendedSequence;
    // Unwrapped from anywhere: what counts are differences, and the stream clock starts over.
    this.ticks = this.packetTicks = timestamp;
    this.packetStepTicks = this.frameTicks;
    this.#stream.restart();
    if (first) return;
    this.generation++;
    for (const slot of this.slots) slot.restartSource();
  }
}
