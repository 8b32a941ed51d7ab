/**
 * What a browser says of the packets that a slot plays. Pure.
 * It keeps a CSRC listed for 10 s, so after a switch the old and the new are there: the newest timestamp counts.
 * Its clock differs between browsers, so timestamps are compared only with each other.
 */

/** The extra CSRC that marks the loudest source of the room. Virtual streams A6. */
export const LOUDEST_CSRC = 42;

/** One entry of `getContributingSources()` or `getSynchronizationSources()`, W3C webrtc-pc §5.3. */
export interface ContributingReading {
  source: number;
  timestamp: number;
  audioLevel?: number | undefined;
  rtpTimestamp?: number | undefined;
}
export interface SlotReading {
  contributing: readonly ContributingReading[];
  synchronization: readonly ContributingReading[];
}

/** −∞ when nobody is listed. */
export function newestTimestamp({ contributing }: SlotReading): number {
  let newest = -Infinity;
  for (const { source, timestamp } of contributing)
    if (source !== LOUDEST_CSRC && timestamp > newest) newest = timestamp;
  return newest;
}

/** Whose packet was played last. */
export function newestSource(reading: SlotReading): ContributingReading | undefined {
  const newest = newestTimestamp(reading);
  return reading.contributing.find(
    ({ source, timestamp }) => source !== LOUDEST_CSRC && timestamp === newest,
  );
}
