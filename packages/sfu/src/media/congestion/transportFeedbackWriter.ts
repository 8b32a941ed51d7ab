/**
 * What a sender with transport-wide sequence numbers is told: which of its packets came, and when.
 * Spec: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1. It counts every packet that carries a number: padding,
 * retransmissions, probes and streams that nobody has bound, else a browser stays at its first rate.
 * Bytes of the packet: wire's writeRtcp. Pure: time is an argument.
 */
import { seqDelta, type TransportWideFeedback } from '@tertulia/wire';

export const TRANSPORT_FEEDBACK = {
  /** Between two packets. mediasoup, Jitsi and Signal: 100 ms. */
  intervalMicros: 100_000,
  /** Sooner when many wait, but never more often than this. Jitsi: 20 ms. */
  leastMicros: 20_000,
  manyPackets: 200,
  /** Statuses in one packet: with two bytes of delta each, 400 of them and their chunks stay below 1,000 bytes. */
  statusesMost: 400,
  /** A jump farther than this is a new sender: what lies between is not reported as lost. About 2 s of 10 Mbit/s. */
  jumpMost: 2_048,
  tickMicros: 250,
  referenceMicros: 64_000,
} as const;

const DELTA_MOST_TICKS = 32_767;
const TICKS_PER_REFERENCE = TRANSPORT_FEEDBACK.referenceMicros / TRANSPORT_FEEDBACK.tickMicros;
/** Older than what was reported last: said in packets of their own, at most this many at once. */
const LATE_MOST = 64;

export class TransportFeedbackWriter {
  /** Arrivals from `#base` on, by number; −1: did not come (yet). */
  #arrivals: number[] = [];
  #base: number | undefined;
  #pending = 0;
  readonly #late: { sequence: number; arrivalMicros: number }[] = [];
  #sentMicros: number | undefined;
  #firstPendingMicros = 0;
  #count = 0;

  handlePacket(sequence: number, arrivalMicros: number): void {
    if (this.#base === undefined) this.#base = sequence;
    let at = seqDelta(this.#base, sequence);
    if (Math.abs(at) > TRANSPORT_FEEDBACK.jumpMost) {
      this.#arrivals = [];
      this.#pending = 0;
      this.#late.length = 0;
      this.#base = sequence;
      at = 0;
    }
    if (at < 0) {
      if (this.#late.length >= LATE_MOST) return;
      this.#late.push({ sequence, arrivalMicros });
    } else {
      while (this.#arrivals.length < at) this.#arrivals.push(-1);
      if ((this.#arrivals[at] ?? -1) >= 0) return; // a duplicate: the first arrival counts
      this.#arrivals[at] = arrivalMicros;
    }
    if (this.#pending++ === 0) this.#firstPendingMicros = arrivalMicros;
  }

  /** undefined: nothing is owed. */
  nextDeadline(): number | undefined {
    if (this.#pending === 0) return undefined;
    const wait =
      this.#pending >= TRANSPORT_FEEDBACK.manyPackets
        ? TRANSPORT_FEEDBACK.leastMicros
        : TRANSPORT_FEEDBACK.intervalMicros;
    return (this.#sentMicros ?? this.#firstPendingMicros) + wait;
  }

  /** @returns what is due by now, nothing most of the time */
  poll(nowMicros: number, senderSsrc: number, mediaSsrc: number): TransportWideFeedback[] {
    const deadline = this.nextDeadline();
    if (deadline === undefined || nowMicros < deadline) return [];
    this.#sentMicros = nowMicros;
    const packets: TransportWideFeedback[] = [];
    const ssrcs = { senderSsrc, mediaSsrc };
    this.#takeLate(packets, ssrcs);
    while (this.#arrivals.length > 0) packets.push(this.#next(ssrcs));
    this.#pending = 0;
    return packets;
  }

  #takeLate(packets: TransportWideFeedback[], ssrcs: { senderSsrc: number; mediaSsrc: number }): void {
    const base = this.#base;
    if (base === undefined || this.#late.length === 0) return;
    this.#late.sort((a, b) => seqDelta(base, a.sequence) - seqDelta(base, b.sequence));
    for (let at = 0; at < this.#late.length;) {
      const first = this.#late[at]!;
      const arrivals = [first.arrivalMicros];
      for (at++; at < this.#late.length; at++) {
        const step = seqDelta(first.sequence, this.#late[at]!.sequence);
        if (step < arrivals.length) continue; // the same once more
        if (step > arrivals.length) break;
        arrivals.push(this.#late[at]!.arrivalMicros);
      }
      for (let done = 0; done < arrivals.length;) {
        const packet = this.#write(first.sequence + done, arrivals.slice(done), ssrcs);
        packets.push(packet);
        done += packet.statusCount;
      }
    }
    this.#late.length = 0;
  }

  #next(ssrcs: { senderSsrc: number; mediaSsrc: number }): TransportWideFeedback {
    const base = this.#base ?? 0;
    const packet = this.#write(base, this.#arrivals, ssrcs);
    this.#base = (base + packet.statusCount) & 0xffff;
    this.#arrivals.splice(0, packet.statusCount);
    return packet;
  }

  /** As many as fit from the first on; one at least. */
  #write(
    base: number,
    arrivals: readonly number[],
    ssrcs: { senderSsrc: number; mediaSsrc: number },
  ): TransportWideFeedback {
    const deltas: (number | undefined)[] = [];
    let reference = 0;
    let lastTicks = -1;
    for (const arrival of arrivals) {
      if (deltas.length === TRANSPORT_FEEDBACK.statusesMost) break;
      if (arrival < 0) {
        deltas.push(undefined);
        continue;
      }
      const ticks = Math.floor(arrival / TRANSPORT_FEEDBACK.tickMicros);
      if (lastTicks < 0) {
        reference = Math.floor(ticks / TICKS_PER_REFERENCE);
        lastTicks = reference * TICKS_PER_REFERENCE;
      }
      const delta = ticks - lastTicks;
      if (delta > DELTA_MOST_TICKS || delta < -DELTA_MOST_TICKS) break;
      deltas.push(delta);
      lastTicks = ticks;
    }
    return {
      type: 'twcc',
      ...ssrcs,
      baseSequence: base & 0xffff,
      statusCount: deltas.length,
      referenceTime64ms: (reference << 8) >> 8, // 24 bits that go round, read as signed
      feedbackCount: this.#count++ & 0xff,
      deltas,
    };
  }
}
