/**
 * The packets of one SSRC in the order of their numbers, each once. A packet behind a gap waits for what is missing; when that
 * does not come, the gap is told as lost and the line goes on. Most packets come in order and are handed on as they lie in the
 * engine's memory; those that wait are copied.
 * Pure: packets and times in, packets out through the sink. Spec: RFC 3550 A.1 (jumps).
 * Elsewhere: what to ask for again → missingPackets.ts · reports → reception.ts · what becomes of packets → trackReader.ts
 */
import { MissingPackets } from './missingPackets.js';

export const LINE_LIMITS = {
  /** How long a packet waits for one before it. The media process waits for its sources, too: a lost packet of a source with
   *  300 ms of round trip is there after two requests. A file has time; what is not written is lost when the process is killed. */
  holdMicros: 1_000_000,
  /** Packets that wait, 2 KiB each at most: 1 s of a 20 Mbit/s picture. */
  heldPackets: 2_048,
  /** RFC 3550 A.1: a step forward beyond it is a new line of numbers. */
  dropoutPackets: 3_000,
  /** The same backwards; an older packet was late, or is one that came before. */
  misorderPackets: 1_024,
  /** Numbers given up that are remembered, to tell a late packet from one that came twice. */
  givenUp: 1_024,
} as const;

/** Why packets were given up. */
export type LostReason = 'hold-expired' | 'held-full' | 'outage' | 'ended';

/** One packet; `memory` and `dependencyDescriptor` are borrowed for the call. */
export interface LinePacket {
  /** Extended. */
  sequenceNumber: number;
  timestamp: number;
  marker: boolean;
  payloadType: number;
  /** Its payload lies in it from `from` to before `to`: a view for each packet costs more than reading it. */
  memory: Uint8Array;
  from: number;
  to: number;
  dependencyDescriptor: Uint8Array | undefined;
  /** Of whom a virtual stream shows; 0: nobody's. */
  csrc: number;
  arrivalMicros: number;
}

export interface LineSink {
  handlePacket(packet: LinePacket): void;
  /** Numbers from first to last will not come. */
  handleLost(firstSequenceNumber: number, lastSequenceNumber: number, why: LostReason): void;
  /** What comes now does not continue what was before. */
  handleRestart(): void;
}

export interface LineCounters {
  /** Media packets, each once; recovered ones included. */
  received: number;
  /** Given up. */
  lost: number;
  /** Asked for, and came. */
  recovered: number;
  duplicates: number;
  /** Came after they were given up; they stay lost. */
  tooLate: number;
  /** Numbers before the first one of all. */
  beforeFirst: number;
  restarts: number;
  lostBy: Record<LostReason, number>;
}

export class ReceiveLine {
  readonly missing = new MissingPackets();
  readonly counters: LineCounters = {
    received: 0,
    lost: 0,
    recovered: 0,
    duplicates: 0,
    tooLate: 0,
    beforeFirst: 0,
    restarts: 0,
    lostBy: { 'hold-expired': 0, 'held-full': 0, outage: 0, ended: 0 },
  };
  readonly #sink: LineSink;
  /** The one that is handed on next; undefined before the first. */
  #next: number | undefined;
  #first = 0;
  /** Highest number seen, at least #next - 1. */
  #highest = 0;
  readonly #held = new Map<number, LinePacket>();
  readonly #givenUp = new Set<number>();

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  get held(): number {
    return this.#held.size;
  }

  /** The full number of a packet near the newest one. */
  extend(sequence: number): number {
    if (this.#next === undefined) return 65_536 + sequence; // room below for one that was overtaken
    return this.#highest + (((sequence - this.#highest) << 16) >> 16);
  }

  /**
   * @param packet borrowed; its number extended by `extend`
   * @param isRepair came over the retransmissions' SSRC: never begins a line, says nothing about jumps
   */
  push(packet: LinePacket, isRepair: boolean): void {
    const number = packet.sequenceNumber;
    if (number === this.#next) {
      this.#countMissing(number);
      this.counters.received++;
      if (number > this.#highest) this.#highest = number;
      this.#next = number + 1;
      this.#sink.handlePacket(packet);
      if (this.#held.size > 0) this.#release();
      return;
    }
    this.#pushOther(packet, isRepair);
  }

  #pushOther(packet: LinePacket, isRepair: boolean): void {
    const number = packet.sequenceNumber;
    if (this.#next === undefined) {
      if (isRepair) this.counters.beforeFirst++;
      else this.#begin(packet);
      return;
    }
    const ahead = number - this.#highest;
    if (!isRepair && (ahead > LINE_LIMITS.dropoutPackets || ahead <= -LINE_LIMITS.misorderPackets)) {
      this.#restart(packet);
      return;
    }
    if (number < this.#next) {
      if (number < this.#first) this.counters.beforeFirst++;
      else if (this.#givenUp.delete(number)) this.counters.tooLate++;
      else this.counters.duplicates++;
      return;
    }
    if (this.#held.has(number)) {
      this.counters.duplicates++;
      return;
    }
    if (ahead > 0) {
      const { arrivalMicros } = packet;
      if (ahead > 1 && !this.missing.add(this.#highest + 1, number, arrivalMicros)) {
        // Nobody will send so much again, and what is held waits for it in vain.
        this.#giveUpTo(number, 'outage');
        this.push(packet, isRepair);
        return;
      }
      this.#highest = number;
    } else {
      this.#countMissing(number);
    }
    this.counters.received++;
    this.#held.set(number, copyOf(packet));
    if (this.#held.size > LINE_LIMITS.heldPackets) {
      this.#giveUpTo(this.#firstHeld(), 'held-full');
      this.#release();
    }
  }

  /** Gaps that were waited for long enough are given up. */
  poll(nowMicros: number): void {
    for (;;) {
      const since = this.missing.oldestMicros();
      if (since === undefined || nowMicros - since < LINE_LIMITS.holdMicros) return;
      this.#giveUpTo(this.#firstHeld(), 'hold-expired');
      this.#release();
    }
  }

  /** When `poll` may have something to do; what is to be asked for again: `missing.nextDeadline`. */
  nextDeadline(): number | undefined {
    const since = this.missing.oldestMicros();
    return since === undefined ? undefined : since + LINE_LIMITS.holdMicros;
  }

  /** Nothing more will come: what is held is handed on. */
  end(): void {
    while (this.#held.size > 0) {
      this.#giveUpTo(this.#firstHeld(), 'ended');
      this.#release();
    }
    this.missing.clear();
  }

  // ---- inside ----

  #begin(packet: LinePacket): void {
    const number = packet.sequenceNumber;
    this.#first = number;
    this.#next = number + 1;
    this.#highest = number;
    this.counters.received++;
    this.#sink.handlePacket(packet);
  }

  #restart(packet: LinePacket): void {
    this.end();
    this.#givenUp.clear();
    this.counters.restarts++;
    this.#sink.handleRestart();
    this.#begin(packet);
  }

  #countMissing(number: number): void {
    if (this.missing.size === 0) return;
    const tries = this.missing.remove(number);
    if (tries !== undefined && tries > 0) this.counters.recovered++;
  }

  /** Those held that continue the line. */
  #release(): void {
    for (;;) {
      const packet = this.#held.get(this.#next!);
      if (!packet) return;
      this.#held.delete(this.#next!);
      this.#next!++;
      this.#sink.handlePacket(packet);
    }
  }

  /** Everything missing before this number is lost; what is held before it is handed on. */
  #giveUpTo(end: number, why: LostReason): void {
    while (this.#next! < end) {
      const from = this.#next!;
      let to = from;
      while (to < end && !this.#held.has(to)) {
        this.missing.remove(to);
        this.#givenUp.add(to);
        to++;
      }
      if (to > from) {
        this.counters.lost += to - from;
        this.counters.lostBy[why] += to - from;
        this.#next = to;
        if (to - 1 > this.#highest) this.#highest = to - 1;
        this.#sink.handleLost(from, to - 1, why);
      }
      this.#release();
    }
    for (const number of this.#givenUp) {
      if (this.#givenUp.size <= LINE_LIMITS.givenUp) break;
      this.#givenUp.delete(number);
    }
  }

  #firstHeld(): number {
    let first = Infinity;
    for (const number of this.#held.keys()) if (number < first) first = number;
    return first;
  }
}

function copyOf(packet: LinePacket): LinePacket {
  const { memory, from, to, dependencyDescriptor } = packet;
  return {
    ...packet,
    memory: memory.slice(from, to),
    from: 0,
    to: to - from,
    dependencyDescriptor: dependencyDescriptor?.slice(),
  };
}
