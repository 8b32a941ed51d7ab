/**
 * Packets that were sent together, as one: the gaps between such groups at sending and at arrival are what delay is read from.
 * Spec: draft-ietf-rmcat-gcc-02 §5.2. For streams with abs-send-time; for transport-wide numbers the engine does the same.
 */
export const GROUPS = {
  /** Sent within this are one group. gcc-02 §5.2: burst_time. */
  burstMicros: 5_000,
  /** Arrived within this of the last one and sooner after each other than sent: a queue let go, the same group. libwebrtc. */
  arrivalMicros: 5_000,
  /** No group is longer than this on the arriving side. libwebrtc. */
  durationMicros: 100_000,
} as const;

interface Group {
  firstSend: number;
  lastSend: number;
  firstArrival: number;
  lastArrival: number;
}

const ABS_SEND_TIME_WRAP = 2 ** 24;
const ABS_SEND_TIME_MICROS = 1_000_000 / 262_144; // 6.18 fixed point

export class PacketGroups {
  #current: Group | undefined;
  #before: Group | undefined;
  #lastAbs: number | undefined;
  #send = 0;

  /** @param visit what lies between two whole groups, in microseconds */
  handlePacket(
    absSendTime: number,
    arrivalMicros: number,
    visit: (sendMicros: number, arrivalMicros: number) => void,
  ): void {
    const send = this.#unwrap(absSendTime);
    const current = this.#current;
    if (current === undefined) {
      this.#current = groupOf(send, arrivalMicros);
      return;
    }
    if (send < current.firstSend) return; // of an older group: out of order, tells nothing
    if (belongs(current, send, arrivalMicros)) {
      current.lastSend = Math.max(current.lastSend, send);
      current.lastArrival = Math.max(current.lastArrival, arrivalMicros);
      return;
    }
    if (this.#before !== undefined)
      visit(current.lastSend - this.#before.lastSend, current.lastArrival - this.#before.lastArrival);
    this.#before = current;
    this.#current = groupOf(send, arrivalMicros);
  }

  #unwrap(absSendTime: number): number {
    if (this.#lastAbs !== undefined) {
      const moved = (absSendTime - this.#lastAbs + ABS_SEND_TIME_WRAP) % ABS_SEND_TIME_WRAP;
      this.#send +=
        (moved < ABS_SEND_TIME_WRAP / 2 ? moved : moved - ABS_SEND_TIME_WRAP) * ABS_SEND_TIME_MICROS;
    }
    this.#lastAbs = absSendTime;
    return this.#send;
  }
}

const groupOf = (send: number, arrival: number): Group => ({
  firstSend: send,
  lastSend: send,
  firstArrival: arrival,
  lastArrival: arrival,
});

function belongs(group: Group, send: number, arrival: number): boolean {
  if (send - group.firstSend <= GROUPS.burstMicros) return true;
  const later = arrival - group.lastArrival;
  return (
    later - (send - group.lastSend) < 0 &&
    later <= GROUPS.arrivalMicros &&
    arrival - group.firstArrival < GROUPS.durationMicros
  );
}
