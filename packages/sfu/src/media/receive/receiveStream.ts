/**
 * What is known about the reception of one SSRC: order, loss, jitter, and the report block that says so.
 * Pure: sequence numbers, timestamps and arrival times in, verdicts and numbers out.
 * Spec: RFC 3550 A.1 (what is a jump), A.3 (loss), A.8 (jitter), §6.4.1 (report block).
 * Elsewhere: authenticity and replays → engine · what to ask for again → nackGenerator.ts · when to report → ../rtcp
 */
import type { ReportBlock } from '@tertulia/wire';

/** 'duplicate' is not to be forwarded. 'restart': what comes now does not continue what was before. */
export type Reception = 'first' | 'in-order' | 'late' | 'duplicate' | 'restart';

export const RECEIVE_LIMITS = {
  // RFC 3550 A.1 has 3000 and 100. 100 is 2 s of audio; as the engine's replay window is 1024 wide, nothing older comes.
  dropoutPackets: 3000,
  misorderPackets: 1024,
  jitterJumpSeconds: 10, // a step like this is a clock that was set, not a network; averaged in, it would stay for minutes
} as const;

const WINDOW = RECEIVE_LIMITS.misorderPackets;
const LARGEST_LOSS = 0x7fffff; // signed 24 bits
const SMALLEST_LOSS = -0x800000;

export interface ReceiveStreamStats {
  packets: number;
  /** By the sender's numbers since the last restart. */
  expected: number;
  received: number;
  fractionLost: number;
  lost: number;
  duplicates: number;
  late: number;
  restarts: number;
  /** In units of the clock rate. */
  jitter: number;
  jitterMicros: number;
}

export class ReceiveStream {
  readonly ssrc: number;
  readonly #clockRate: number;
  #base: number | undefined;
  #highest = 0;
  /** One bit per number of the last WINDOW up to the highest. */
  readonly #seen = new Uint32Array(WINDOW / 32);
  #received = 0;
  /** Of before the last restart. */
  #lostBefore = 0;
  #fractionLost = 0;
  #expectedAtReport = 0;
  #receivedAtReport = 0;
  #transit: number | undefined;
  #jitter = 0;
  #senderReport: { ntpMiddle: number; arrivalMicros: number } | undefined;
  #packets = 0;
  #duplicates = 0;
  #late = 0;
  #restarts = 0;

  constructor(options: { ssrc: number; clockRate: number }) {
    this.ssrc = options.ssrc;
    this.#clockRate = options.clockRate;
  }

  handlePacket(extendedSequence: number, timestamp: number, arrivalMicros: number): Reception {
    if (this.#base === undefined) {
      this.#begin(extendedSequence);
      this.#count(timestamp, arrivalMicros);
      return 'first';
    }
    const ahead = extendedSequence - this.#highest;
    if (ahead > RECEIVE_LIMITS.dropoutPackets || ahead <= -WINDOW) {
      this.#lostBefore = this.#lost();
      this.#restarts++;
      this.#begin(extendedSequence);
      this.#transit = undefined;
      this.#count(timestamp, arrivalMicros);
      return 'restart';
    }
    if (ahead > 0) {
      for (let number = this.#highest + 1; number < extendedSequence; number++) this.#mark(number, false);
      this.#mark(extendedSequence, true);
      this.#highest = extendedSequence;
      this.#count(timestamp, arrivalMicros);
      return 'in-order';
    }
    if (extendedSequence < this.#base || this.#has(extendedSequence)) {
      this.#duplicates++;
      return 'duplicate';
    }
    this.#mark(extendedSequence, true);
    this.#late++;
    this.#count(timestamp, arrivalMicros);
    return 'late';
  }

  /** @param report.ntpMiddle the middle 32 bits of its NTP time, as LSR wants them */
  handleSenderReport(report: { ntpMiddle: number; arrivalMicros: number }): void {
    this.#senderReport = { ntpMiddle: report.ntpMiddle >>> 0, arrivalMicros: report.arrivalMicros };
  }

  /** A lost packet that came on request: it counts as received, and says nothing about jitter. @returns false when it was there */
  handleRepair(extendedSequence: number): boolean {
    if (this.#base === undefined || extendedSequence < this.#base) return false;
    const behind = this.#highest - extendedSequence;
    if (behind < 0 || behind >= WINDOW || this.#has(extendedSequence)) return false;
    this.#mark(extendedSequence, true);
    this.#received++;
    this.#packets++;
    return true;
  }

  /** The full number of a packet near the newest one; undefined before the first. */
  extend(sequence: number): number | undefined {
    if (this.#base === undefined) return undefined;
    const extended = this.#highest + (((sequence - this.#highest) << 16) >> 16);
    return extended < 0 ? undefined : extended;
  }

  /** Closes the interval that the next block's fraction is about. */
  reportBlock(nowMicros: number): ReportBlock {
    const expected = this.#expected();
    const expectedNow = expected - this.#expectedAtReport;
    const lostNow = expectedNow - (this.#received - this.#receivedAtReport);
    this.#expectedAtReport = expected;
    this.#receivedAtReport = this.#received;
    const fraction = expectedNow <= 0 || lostNow <= 0 ? 0 : Math.floor((lostNow * 256) / expectedNow);
    const report = this.#senderReport;
    this.#fractionLost = Math.min(fraction, 255);
    return {
      ssrc: this.ssrc,
      fractionLost: this.#fractionLost,
      cumulativeLost: Math.max(SMALLEST_LOSS, Math.min(LARGEST_LOSS, this.#lost())),
      highestSequence: this.#highest >>> 0,
      jitter: Math.floor(this.#jitter) >>> 0,
      lastSr: report ? report.ntpMiddle : 0,
      delaySinceLastSr: report ? sixtyFourThousandths(nowMicros - report.arrivalMicros) : 0,
    };
  }

  stats(): ReceiveStreamStats {
    return {
      packets: this.#packets,
      expected: this.#expected(),
      received: this.#received,
      fractionLost: this.#fractionLost,
      lost: this.#lost(),
      duplicates: this.#duplicates,
      late: this.#late,
      restarts: this.#restarts,
      jitter: this.#jitter,
      jitterMicros: (this.#jitter * 1_000_000) / this.#clockRate,
    };
  }

  #begin(extendedSequence: number): void {
    this.#base = extendedSequence;
    this.#highest = extendedSequence;
    this.#received = 0;
    this.#expectedAtReport = 0;
    this.#receivedAtReport = 0;
    this.#seen.fill(0);
    this.#mark(extendedSequence, true);
  }

  #count(timestamp: number, arrivalMicros: number): void {
    this.#received++;
    this.#packets++;
    // Arrival in the stream's own units, on the same circle of 2^32 as the timestamp.
    const arrival = Math.round((arrivalMicros * this.#clockRate) / 1_000_000) % 2 ** 32;
    const transit = (arrival - timestamp) | 0;
    if (this.#transit !== undefined) {
      const step = Math.abs((transit - this.#transit) | 0);
      if (step < RECEIVE_LIMITS.jitterJumpSeconds * this.#clockRate)
        this.#jitter += (step - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  #expected(): number {
    return this.#base === undefined ? 0 : this.#highest - this.#base + 1;
  }

  #lost(): number {
    return this.#lostBefore + this.#expected() - this.#received;
  }

  #mark(extendedSequence: number, seen: boolean): void {
    const bit = extendedSequence % WINDOW;
    if (seen) this.#seen[bit >>> 5]! |= 1 << (bit & 31);
    else this.#seen[bit >>> 5]! &= ~(1 << (bit & 31));
  }

  #has(extendedSequence: number): boolean {
    const bit = extendedSequence % WINDOW;
    return (this.#seen[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }
}

/** DLSR counts in 1/65536 s, 32 bits. */
function sixtyFourThousandths(micros: number): number {
  return Math.min(0xffffffff, Math.max(0, Math.floor((micros * 65_536) / 1_000_000)));
}
