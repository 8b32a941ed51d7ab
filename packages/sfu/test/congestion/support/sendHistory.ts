/**
 * What was sent under which transport-wide number, and what a feedback says of it: the engine's part, again, in TypeScript,
 * so that estimators can be judged without it.
 */
import { seqDelta, type TransportWideFeedback } from '@tertulia/wire';
import type { ProbeReport, TransportFeedback } from '../../../src/media/congestion/feedback.js';

interface Sent {
  sendMicros: number;
  bytes: number;
  clusterId: number;
  state: 'flight' | 'lost' | 'received';
}

interface Group {
  firstSend: number;
  lastSend: number;
  lastArrival: number;
  bytes: number;
}

const GROUP_MICROS = 5_000;
const REFERENCE_WRAP = 2 ** 24;

export class SendHistory {
  readonly #sent = new Map<number, Sent>(); // by unwrapped number
  #next: number;
  #reference: number | undefined;
  #referenceUnwrapped = 0;
  #current: Group | undefined;
  #before: Group | undefined;
  #inFlight = 0;
  #oldest: number;

  constructor(firstSequence = 0) {
    this.#next = firstSequence;
    this.#oldest = firstSequence;
  }

  /** @returns the 16-bit number */
  send(sendMicros: number, bytes: number, clusterId: number): number {
    const sequence = this.#next++;
    this.#sent.set(sequence, { sendMicros, bytes, clusterId, state: 'flight' });
    this.#inFlight += bytes;
    while (this.#next - this.#oldest > 8192) this.#forget(this.#oldest++);
    return sequence & 0xffff;
  }

  read(packet: TransportWideFeedback): TransportFeedback {
    const probes = new Map<number, { -readonly [K in keyof ProbeReport]: ProbeReport[K] }>();
    const groups: number[] = [];
    let ackedBytes = 0;
    let lostPackets = 0;
    let receivedPackets = 0;
    let lastSendMicros = 0;
    let lastArrivalMicros = 0;
    let arrival = this.#unwrapReference(packet.referenceTime64ms) * 64_000;
    const newest = (this.#next - 1) & 0xffff;
    packet.deltas.forEach((delta, at) => {
      if (delta !== undefined) arrival += delta * 250;
      const number = (packet.baseSequence + at) & 0xffff;
      const sent = this.#sent.get(this.#next - 1 + seqDelta(newest, number));
      if (sent === undefined || sent.state === 'received') return;
      if (delta === undefined) {
        if (sent.state !== 'flight') return;
        sent.state = 'lost';
        lostPackets++;
        this.#inFlight -= sent.bytes;
        return;
      }
      if (sent.state === 'lost') lostPackets--;
      else this.#inFlight -= sent.bytes;
      sent.state = 'received';
      receivedPackets++;
      ackedBytes += sent.bytes;
      if (sent.sendMicros >= lastSendMicros) {
        lastSendMicros = sent.sendMicros;
        lastArrivalMicros = arrival;
      }
      this.#group(sent, arrival, groups);
      if (sent.clusterId === 0) return;
      const probe = probes.get(sent.clusterId) ?? {
        clusterId: sent.clusterId,
        bytes: 0,
        packets: 0,
        firstSend: sent.sendMicros,
        lastSend: sent.sendMicros,
        firstArrival: arrival,
        lastArrival: arrival,
      };
      probe.bytes += sent.bytes;
      probe.packets++;
      probe.lastSend = Math.max(probe.lastSend, sent.sendMicros);
      probe.lastArrival = Math.max(probe.lastArrival, arrival);
      probes.set(sent.clusterId, probe);
    });
    return {
      ackedBytes,
      lostPackets,
      receivedPackets,
      lastSendMicros,
      lastArrivalMicros,
      oldestSendMicros: lastSendMicros,
      inFlightBytes: this.#inFlight,
      groups: Float64Array.from(groups),
      probes: [...probes.values()],
    };
  }

  #group({ sendMicros, bytes }: Sent, arrival: number, groups: number[]): void {
    const current = this.#current;
    if (current !== undefined && sendMicros < current.firstSend) return;
    if (current !== undefined && sendMicros - current.firstSend < GROUP_MICROS) {
      current.lastSend = Math.max(current.lastSend, sendMicros);
      current.lastArrival = Math.max(current.lastArrival, arrival);
      current.bytes += bytes;
      return;
    }
    if (current !== undefined && this.#before !== undefined)
      groups.push(
        current.lastSend - this.#before.lastSend,
        current.lastArrival - this.#before.lastArrival,
        current.bytes,
      );
    this.#before = current;
    this.#current = { firstSend: sendMicros, lastSend: sendMicros, lastArrival: arrival, bytes };
  }

  #unwrapReference(reference: number): number {
    const low = reference & (REFERENCE_WRAP - 1);
    if (this.#reference !== undefined) {
      const moved = ((low - this.#reference) << 8) >> 8;
      this.#referenceUnwrapped += moved;
    } else this.#referenceUnwrapped = low;
    this.#reference = low;
    return this.#referenceUnwrapped;
  }

  #forget(sequence: number): void {
    const sent = this.#sent.get(sequence);
    if (sent?.state === 'flight') this.#inFlight -= sent.bytes;
    this.#sent.delete(sequence);
  }
}
