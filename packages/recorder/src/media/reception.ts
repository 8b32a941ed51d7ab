/**
 * How the packets of one SSRC arrive, for the report block that says so to the media process.
 * Pure. Spec: RFC 3550 A.3 (loss), A.8 (jitter), §6.4.1 (report block).
 */
import type { ReportBlock } from '@tertulia/wire';

const LARGEST_LOSS = 0x7fffff; // signed 24 bits
/** A step of transit time like this is a clock that was set, not a network. */
const JITTER_JUMP_SECONDS = 10;

export class Reception {
  readonly #ssrc: number;
  readonly #clockRate: number;
  #base: number | undefined;
  #highest = 0;
  #received = 0;
  #expectedAtReport = 0;
  #receivedAtReport = 0;
  #transit: number | undefined;
  #jitter = 0;
  #lastSr = 0;
  #lastSrMicros = 0;

  constructor(ssrc: number, clockRate: number) {
    this.#ssrc = ssrc;
    this.#clockRate = clockRate;
  }

  get begun(): boolean {
    return this.#base !== undefined;
  }

  /** A packet that came as it was first sent. */
  handlePacket(extendedSequence: number, timestamp: number, arrivalMicros: number): void {
    if (this.#base === undefined || Math.abs(extendedSequence - this.#highest) > 3_000) {
      this.#base = extendedSequence;
      this.#highest = extendedSequence;
      this.#received = this.#expectedAtReport = this.#receivedAtReport = 0;
      this.#transit = undefined;
    } else if (extendedSequence > this.#highest) {
      this.#highest = extendedSequence;
    }
    this.#received++;
    // Arrival in the stream's own units, on the same circle of 2^32 as the timestamp.
    const transit = ((arrivalMicros * this.#clockRate) / 1_000_000 - timestamp) | 0;
    const step = this.#transit === undefined ? 0 : Math.abs((transit - this.#transit) | 0);
    this.#transit = transit;
    if (step < JITTER_JUMP_SECONDS * this.#clockRate) this.#jitter += (step - this.#jitter) / 16;
  }

  /** A lost packet that came on request: it says nothing about jitter. */
  handleRepair(): void {
    this.#received++;
  }

  /** @param ntpMiddle the middle 32 bits of its NTP time */
  handleSenderReport(ntpMiddle: number, arrivalMicros: number): void {
    this.#lastSr = ntpMiddle >>> 0;
    this.#lastSrMicros = arrivalMicros;
  }

  /** Closes the interval that the next block's fraction is about. */
  reportBlock(nowMicros: number): ReportBlock {
    const expected = this.#base === undefined ? 0 : this.#highest - this.#base + 1;
    const expectedNow = expected - this.#expectedAtReport;
    const lostNow = expectedNow - (this.#received - this.#receivedAtReport);
    this.#expectedAtReport = expected;
    this.#receivedAtReport = this.#received;
    const fraction = expectedNow <= 0 || lostNow <= 0 ? 0 : Math.floor((lostNow * 256) / expectedNow);
    const delay = ((nowMicros - this.#lastSrMicros) * 65_536) / 1_000_000;
    return {
      ssrc: this.#ssrc,
      fractionLost: Math.min(255, fraction),
      cumulativeLost: Math.max(-LARGEST_LOSS, Math.min(LARGEST_LOSS, expected - this.#received)),
      highestSequence: this.#highest >>> 0,
      jitter: Math.floor(this.#jitter) >>> 0,
      lastSr: this.#lastSr,
      delaySinceLastSr: this.#lastSr === 0 ? 0 : Math.min(0xffffffff, Math.max(0, Math.floor(delay))),
    };
  }
}
