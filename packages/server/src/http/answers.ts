/** The SDP answer of a session, at its start and at each restart. */
import type { IceSide } from '../media/mediaPort.js';
import type { SessionRecord } from '../rooms/conference.js';
import { answerText } from '../sdp/answerWriter.js';
import { videoSlotsOf, type SessionPlan } from '../sdp/sessionPlan.js';

export function answerFor(
  record: SessionRecord,
  plan: SessionPlan,
  ice: IceSide,
  random32: () => number,
): string {
  return answerText(plan, {
    originId: record.originId,
    ice,
    fingerprints: record.media.fingerprints,
    audioSlots: record.media.audioSlots,
    videoSsrcs: videoSsrcs(record, videoSlotsOf(plan), random32),
  });
}

/** Pairs of numbers that no audio slot and no source of the room has. */
function videoSsrcs(record: SessionRecord, count: number, random32: () => number): [number, number][] {
  const used = new Set<number>([0]);
  for (const { rtpParameters } of record.media.audioSlots)
    for (const { ssrc } of rtpParameters.encodings ?? []) if (ssrc !== undefined) used.add(ssrc);
  for (const { audioCsrc, videoCsrc } of record.room.snapshot().entries)
    used.add(audioCsrc ?? 0).add(videoCsrc);
  const fresh = (): number => {
    for (;;) {
      const ssrc = random32() >>> 0;
      if (used.has(ssrc)) continue;
      used.add(ssrc);
      return ssrc;
    }
  };
  return Array.from({ length: count }, () => [fresh(), fresh()]);
}
