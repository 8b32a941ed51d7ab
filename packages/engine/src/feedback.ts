/**
 * The order in which the add-on writes what a transport-wide feedback says: nine numbers, triples of groups, sevens of
 * probes. Pure. Elsewhere: what the numbers mean → types.ts, how they are found → native/send_history.h
 */
import type { Feedback, ProbeReport } from './types.js';

const HEAD = 9;
const GROUP = 3;
const PROBE = 7;
/** 512 groups and 8 probes, as in native/send_history.h. */
export const FEEDBACK_NUMBERS_MAX = HEAD + 512 * GROUP + 8 * PROBE;

export function unpackFeedback(numbers: Float64Array): Feedback {
  const at = (i: number): number => numbers[i] ?? 0;
  const groups = numbers.slice(HEAD, HEAD + at(7) * GROUP);
  const probes: ProbeReport[] = [];
  for (let i = 0, from = HEAD + groups.length; i < at(8); i++, from += PROBE) {
    probes.push({
      clusterId: at(from),
      bytes: at(from + 1),
      packets: at(from + 2),
      firstSend: at(from + 3),
      lastSend: at(from + 4),
      firstArrival: at(from + 5),
      lastArrival: at(from + 6),
    });
  }
  return {
    ackedBytes: at(0),
    lostPackets: at(1),
    receivedPackets: at(2),
    lastSendMicros: at(3),
    lastArrivalMicros: at(4),
    oldestSendMicros: at(5),
    inFlightBytes: at(6),
    groups,
    probes,
  };
}
